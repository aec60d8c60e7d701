"""Training on several machines: which they are, how they meet, and how they train together."""
