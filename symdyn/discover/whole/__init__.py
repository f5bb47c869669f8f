"""Right-hand sides of differential equations from data, where all of them are unknown."""
