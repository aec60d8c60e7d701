"""Training that continues from a deployed model, and the comparison that decides whether the result replaces it."""
