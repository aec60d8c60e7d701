"""A linear head on a frozen network: fitted in one step, cross-validated, and extrapolated to more photos."""
