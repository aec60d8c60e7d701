"""What can run a model: one file for each back end, and the table that names them."""
