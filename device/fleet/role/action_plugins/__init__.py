"""Actions of the role, on the machine that runs Ansible."""
