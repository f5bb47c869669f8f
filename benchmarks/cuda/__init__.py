"""Kernels on a CUDA card: equal to the processor, measured beside JAX and published figures."""
