"""Commands that need only the core package."""
