"""Ways to write a system down, one file per kind."""
