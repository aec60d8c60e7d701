"""The network to train: backbone, head, initial weights."""
