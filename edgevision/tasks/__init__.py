"""From output tensors to answers, one file per task."""
