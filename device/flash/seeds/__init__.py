"""First-boot configuration of each supported OS, one module per OS."""
