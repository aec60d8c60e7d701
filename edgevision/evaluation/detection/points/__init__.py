"""Evaluation of models that find points: precision, recall, F1 and counts, from predicted points and true boxes."""
