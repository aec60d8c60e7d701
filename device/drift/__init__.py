"""Notices that what a camera sees has moved away from what it saw at first: a fogged lens, a moved mount, a season."""
