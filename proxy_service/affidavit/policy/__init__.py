"""May they: the configuration file, and decisions by its rules."""
