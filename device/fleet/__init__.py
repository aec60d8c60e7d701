"""Updates of many devices through Ansible, and their status."""
