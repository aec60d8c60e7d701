"""Exports of a model to what runs it elsewhere: one package for each target (``registry.py``)."""
