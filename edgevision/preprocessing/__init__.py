"""From an image file to the input tensor."""

READABLE = ("jpeg", "png", "webp", "bmp", "tiff", "gif", "pnm", "avif", "jp2")
"""Formats that can be decoded; GIF, AVIF and JPEG 2000 only if OpenCV was built with them."""
SUFFIX_KIND = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jfif": "jpeg",
    ".jpe": "jpeg",
    ".mpo": "jpeg",
    ".png": "png",
    ".apng": "png",
    ".webp": "webp",
    ".bmp": "bmp",
    ".dib": "bmp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".gif": "gif",
    ".pbm": "pnm",
    ".pgm": "pnm",
    ".ppm": "pnm",
    ".pnm": "pnm",
    ".avif": "avif",
    ".jp2": "jp2",
    ".j2k": "jp2",
    ".jpf": "jp2",
    ".jpx": "jp2",
    ".heic": "heic",
    ".heif": "heic",
    ".hif": "heic",
    ".jxl": "jpeg xl",
    ".svg": "svg",
    ".tga": "targa",
    ".ico": "icon",
    ".exr": "openexr",
    ".hdr": "radiance hdr",
    ".psd": "photoshop",
    ".arw": "raw",
    ".cr2": "raw",
    ".cr3": "raw",
    ".dng": "raw",
    ".nef": "raw",
    ".orf": "raw",
    ".raf": "raw",
    ".rw2": "raw",
}
"""Suffix in lower case -> format, for every format of images."""
SUFFIXES = frozenset(suffix for suffix, kind in SUFFIX_KIND.items() if kind in READABLE)
"""File name suffixes, in lower case, of images that can be decoded."""
