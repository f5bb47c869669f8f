"""Kernels for CUDA cards: one thread a trajectory, the time loop inside, the state in registers."""
