"""Lyapunov spectra of flows against published ones, and their sums against the mean divergence."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import sympy as sp

import symdyn as sd
from benchmarks.harness import Sample, Settings
from benchmarks.results import Ratio, Result

__all__ = ["FLOWS", "Flow", "divergence", "exponents"]


class Flow(NamedTuple):
    """Equations, where a trajectory begins, and the exponents that were published, to about their last digit."""

    text: str
    begin: tuple[float, ...]
    published: tuple[float, ...]
    digit: float = 6e-4

    @property
    def system(self) -> sd.ODESystem:
        """The equations, with these initial values."""
        system = sd.ODESystem.from_text(self.text)
        return system.with_initial(dict(zip(system.names, self.begin, strict=True)))


#: Exponents of Sprott, Chaos and Time-Series Analysis (2003), appendix A.
FLOWS = {
    "Lorenz": Flow("x' = 10*(y - x); y' = x*(28 - z) - y; z' = x*y - 8*z/3", (0, -0.01, 9), (0.9056, 0, -14.5723)),
    "Rössler": Flow("x' = -y - z; y' = x + 0.2*y; z' = 0.2 + z*(x - 5.7)", (-9, 0, 0), (0.0714, 0, -5.3943)),
    "diffusionless Lorenz": Flow("x' = -y - x; y' = -x*z; z' = x*y + 1", (1, -1, 0.01), (0.2101, 0, -1.2101)),
    "Rabinovich-Fabrikant": Flow(
        "x' = y*(z - 1 + x**2) + 0.87*x; y' = x*(3*z + 1 - x**2) + 0.87*y; z' = -2*z*(1.1 + x*y)",
        (-1, 0, 0.5), (0.1981, 0, -0.6581),
    ),
    "Chen": Flow("x' = 35*(y - x); y' = -7*x - x*z + 28*y; z' = x*y - 3*z", (-10, 0, 37), (2.0272, 0, -12.0272)),
    "Halvorsen": Flow(
        "x' = -1.27*x - 4*y - 4*z - y**2; y' = -1.27*y - 4*z - 4*x - z**2; z' = -1.27*z - 4*x - 4*y - x**2",
        (-5, 0, 0), (0.7899, 0, -4.5999),
    ),
    "Burke-Shaw": Flow("x' = -10*x - 10*y; y' = -10*x*z - y; z' = 10*x*y + 13", (0.6, 0, 0), (2.2499, 0, -13.2499)),
    "Thomas": Flow("x' = -0.18*x + sin(y); y' = -0.18*y + sin(z); z' = -0.18*z + sin(x)", (0.1, 0, 0), (0.0349, 0, -0.5749)),
    "simplest quadratic": Flow("x' = y; y' = z; z' = -2.017*z + y**2 - x", (-0.9, 0, 0.5), (0.0551, 0, -2.0721)),
    "Ueda": Flow("x' = y; y' = -0.05*y - x**3 + 7.5*sin(t)", (2.5, 0), (0.1034, -0.1534)),
}  # fmt: skip
#: Steps of a full run and of a quick one, and those before.
STEPS, QUICK, BURN_IN = 20_000, 2_000, 500


def divergence(system: sd.ODESystem) -> float:
    """The sum of the exponents, exactly, of flows that shrink volumes at the same rate everywhere; else NaN."""
    trace = sp.simplify(sum((f.diff(s) for f, s in zip(system.part("drift"), system.states, strict=True)), sp.S.Zero))
    return float(trace) if trace.is_number else float("nan")


def exponents(settings: Settings) -> Result:
    """Lyapunov spectra of ten flows against published ones, and their sums against the divergence where that is constant."""
    result = Result({"exponents": []})
    for name, flow in FLOWS.items():
        system = flow.system
        begin = time.process_time()
        found = sd.analysis.lyapunov_exponents(system, steps=QUICK if settings.quick else STEPS, burn_in=BURN_IN)
        seconds = time.process_time() - begin
        values, errors, exact = found.lyapunov.values, found.standard_error.values, divergence(system)
        off = np.abs(values - flow.published)
        result.tables["exponents"].append(
            {
                "flow": name, **{f"exponent {k + 1}": v for k, v in enumerate(values.tolist())},
                "published": ", ".join(f"{v:g}" for v in flow.published), "largest difference": float(off.max()),
                "standard error": float(errors.max()), "sum - divergence": float(values.sum() - exact), "CPU s": seconds,
            }
        )  # fmt: skip
        # published digits and three standard errors, over the difference
        ratio = float((flow.digit + 3 * errors.max()) / max(off.max(), 1e-300))
        result.ratios.append(Ratio(f"{name}: error expected / difference from the published", Sample((ratio,)), 1.0))
    return result
