"""Simulation: ensembles of trajectories from compiled kernels, as labelled data."""
