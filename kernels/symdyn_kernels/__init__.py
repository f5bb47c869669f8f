"""The numeric side of symdyn: numpy and numba only; floats and addresses in, floats and status codes out.

It does not use sympy and does not check its arguments: `symdyn.simulate` does.
"""
