"""Means and variances of many trajectories of a network."""

import math

import symdyn as sd

QUICK = {"progress": False}


def moments(network, times, count=20000, **options):
    return sd.simulate(network, times, trajectories=count, seed=1, reduce=["mean", "var"], **options, **QUICK)


def agrees(found, mean, variance, count=20000):
    """Mean and variance of nearly normal numbers, within four standard errors."""
    return abs(found[0] - mean) <= 4 * math.sqrt(variance / count) and abs(found[1] - variance) <= 4 * variance * math.sqrt(
        2.5 / count
    )
