"""Whole right-hand sides of differential equations from data, where nothing of them is known."""
