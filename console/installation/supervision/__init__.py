"""Start the parts of one installation and keep them running. No Django."""
