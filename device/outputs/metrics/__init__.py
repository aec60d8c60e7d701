"""``metrics:[HOST:]PORT``: counts, times and labels for Prometheus."""
