"""Worked examples; each is a script that can be imported and run, and its results are asserted by the tests."""
