"""Post-training quantization to int8, and its correction."""
