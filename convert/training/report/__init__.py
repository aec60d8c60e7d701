"""What a training run leaves behind: result, plots, report."""
