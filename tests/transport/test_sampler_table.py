"""Tables of samplers followed in numpy: cells in 64 dimensions, and those of methods that are no samplers of the registry."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import symdyn as sd
from benchmarks.sampler_table import clock, euler, fast, flow64, flow_of, follow, nodes, rms


@cache
def bed(name):
    return flow64() if name == "mixture64" else flow_of(name)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        (
            "mixture64",
            [("ddim", 5, "quadratic", 1.49), ("deis-tab2", 10, "quadratic", 0.138), ("ipndm", 10, "quadratic", 0.0979)],
        ),
        ("line", [("deis-tab2", 10, "quadratic", 0.066), ("unipc-3", 20, "quadratic", 0.012)]),
        ("ring", [("unipc-3", 10, "log-snr", 0.095)]),
    ],
)
def test_tables_followed_in_numpy(name, cells):
    x, exact, noise = bed(name)
    for method, evaluations, spacing, known in cells:
        found = rms(follow(sd.METHODS[method].table([clock(nodes(evaluations, spacing))]), x, noise), exact)
        assert found == pytest.approx(known, rel=0.05)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("line", [(5, "quadratic", 0.11), (10, "quadratic", 0.057), (50, "quadratic", 0.013)]),
        ("ring", [(5, "quadratic", 0.086), (20, "quadratic", 0.023), (50, "quadratic", 0.00882)]),
        ("mixture64", [(5, "time", 1.63), (10, "karras", 1.13)]),
    ],
)
def test_euler_in_time(name, cells):
    x, exact, noise = bed(name)
    for evaluations, spacing, known in cells:
        assert rms(euler(x, noise, nodes(evaluations, spacing)), exact) == pytest.approx(known, rel=0.05)


@pytest.mark.parametrize(("evaluations", "known"), [(5, 1.12), (10, 0.16), (15, 0.065), (20, 0.056), (50, 0.0029)])
def test_steps_of_mixed_orders(evaluations, known):
    x, exact, noise = bed("line")
    assert rms(fast(x, noise, evaluations), exact) == pytest.approx(known, rel=0.03)


def test_the_bed_in_64_dimensions_has_the_covariances_that_it_says():
    from benchmarks.sampler_table import mixture64

    mixture = mixture64()
    for covariance in mixture.covariances:
        assert np.linalg.eigvalsh(covariance)[::-1] == pytest.approx(0.02 + np.exp(-np.arange(64) / 6.0), rel=1e-10)
