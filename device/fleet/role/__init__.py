"""Ansible role that updates devices; exported by ``edgevision fleet role``."""
