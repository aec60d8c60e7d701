"""The training loop: phases, epochs, early stopping, checkpoints."""
