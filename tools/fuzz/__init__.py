"""Fuzzing of everything that reads a file or a stream from outside: make fuzz (docs/contributing/fuzzing.md)."""
