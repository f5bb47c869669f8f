"""Published times of the Lorenz ensemble on a V100, scaled to the card in use by what both can do.

Utkarsh et al., Comput. Methods Appl. Mech. Eng. 419 (2024) 116591, in single precision, the card alone.  By the scripts that
were published with it the step is 0.001, of Tsit5 (six evaluations) in DiffEqGPU.jl and of RK4 in MPGOS; the tolerance of
DiffEqGPU.jl is 1e-8, which is below what single precision resolves.
"""

from __future__ import annotations

from typing import Any

from benchmarks.cuda.capacity import Capacity
from benchmarks.harness import Sample
from benchmarks.results import Ratio
from examples.lorenz_gpu import PUBLISHED, TRAJECTORIES

__all__ = ["V100", "published"]

#: NVIDIA's data sheet of the V100 (SXM2): GB/s, and TFLOP/s in single precision.  What can be measured there is less, so that
#: scaling by a measured figure of the card in use makes published times longer than they would be, in favour of symdyn.
V100 = {"memory": 900.0, "float32": 15.7}


def published(capacity: Capacity, ours: dict[tuple[str, str], Sample]) -> tuple[list[dict[str, Any]], list[Ratio]]:
    """A row for each published time, and how many times faster the greatest ensemble here is, by the arithmetic.

    `ours` holds milliseconds of `TRAJECTORIES` on the card by kind of steps and precision.
    """
    by_memory = V100["memory"] / capacity.bandwidth.median
    single = V100["float32"] / capacity.arithmetic["float32"].median
    double = V100["float32"] / capacity.arithmetic["float64"].median
    rows, ratios = [], []
    for name, milliseconds in PUBLISHED.items():
        kind = "fixed" if "fixed" in name else "adaptive"
        rows.append(
            {
                "published": name,
                "trajectories": TRAJECTORIES,
                "ms on a V100, float32": milliseconds,
                "scaled by memory": milliseconds * by_memory,
                "scaled by float32": milliseconds * single,
                "scaled to float64": milliseconds * double,
                **{f"symdyn {p}, ms": s for (k, p), s in ours.items() if k == kind},
            }
        )
        if (own := ours.get((kind, "float32"))) is not None:
            times = Sample(tuple(milliseconds * single / ms for ms in own.values))
            ratios.append(Ratio(f"Lorenz {kind}, float32 / {name}, scaled by float32", times, 1.0))
    return rows, ratios
