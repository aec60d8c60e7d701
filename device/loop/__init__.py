"""The loop: capture, predict, write."""
