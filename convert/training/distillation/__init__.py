"""Distillation: a small network learns the answers of a larger one, its teacher."""
