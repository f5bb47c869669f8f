"""The numeric side of symdyn: numpy and numba only; floats and addresses in, floats and status codes out.

Nothing here knows sympy or checks its arguments: `symdyn.simulate` does.
"""
