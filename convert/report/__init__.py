"""The record of a conversion, for programs and for people."""
