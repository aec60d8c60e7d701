"""Offline demo of the whole toolchain on drawn images: draw, train, convert, evaluate, render a video, run the loop."""
