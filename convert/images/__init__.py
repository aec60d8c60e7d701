"""Images for calibration, selection and held-out scoring."""
