"""The parts of tools/docs_reference.py, and the hook of MkDocs."""
