"""Camera back ends, one per file."""
