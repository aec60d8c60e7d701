"""The readers under test, one module per kind of data. Modules of ours are imported at the top: atheris instruments them."""
