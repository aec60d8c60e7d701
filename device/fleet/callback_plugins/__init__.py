"""What ansible-playbook reports to edgevision."""
