"""Shared helpers of the installer."""
