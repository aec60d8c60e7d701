"""Tables, charts and HTML for reports."""
