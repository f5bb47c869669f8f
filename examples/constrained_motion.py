"""A pendulum as a point on a rod, and Robertson's reaction with its conserved total.

The pendulum is a point (x, y) with the velocity (u, v) and the tension lam of a rod of length 1,

    x' = u,  y' = v,  u' = -lam x,  v' = -lam y - g,  0 = x^2 + y^2 - 1

three hundredths of a radian from its upper equilibrium.  These equations of index 3 are reduced to index 1 by themselves, and
what is found is compared with the equation of the angle.  Robertson's reaction has rates from 0.04 to 3e7, and the total of its
three substances in the place of a third rate.

    python -m examples.constrained_motion --out out
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

import symdyn as sd

x, y, u, v, lam, phi, omega = sp.symbols("x y u v lam phi omega")
A, B, C = sp.symbols("A B C")
G, START = 9.81, math.pi - 0.03
PENDULUM = sd.ODESystem({x: u, y: v, u: -lam * x, v: -lam * y - G}, algebraic={lam: x**2 + y**2 - 1}).with_initial(
    {x: math.sin(START), y: -math.cos(START), u: 0, v: 0}
)
ANGLE = sd.ODESystem({phi: omega, omega: -G * sp.sin(phi)}, initial={phi: START, omega: 0})
ROBERTSON = sd.ODESystem(
    {A: -0.04 * A + 1e4 * B * C, B: 0.04 * A - 1e4 * B * C - 3e7 * B**2}, algebraic={C: A + B + C - 1}, initial={A: 1, B: 0}
)


def swing(until: float = 30.0, tolerance: float = 1e-10) -> tuple[xr.Dataset, xr.Dataset]:
    """The pendulum on its rod, and its angle, both at the same times."""
    times = np.linspace(0, until, 1501)
    rod = sd.simulate(PENDULUM, times, rtol=tolerance, atol=tolerance, progress=False)
    return rod, sd.simulate(ANGLE, times, rtol=1e-13, atol=1e-13, progress=False)


def reaction() -> xr.Dataset:
    """Robertson's reaction over sixteen powers of ten."""
    return sd.simulate(ROBERTSON, [0, *np.logspace(-5, 11, 200)], rtol=1e-8, atol=1e-14, progress=False)


def draw(rod: xr.Dataset, angle: xr.Dataset, reaction: xr.Dataset, out: Path) -> None:
    """Position and tension, the distance from both the angle and the rod's length, and the reaction."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with sd.style():
        figure, axes = plt.subplots(2, 2, figsize=(7.5, 5.4), layout="constrained")
        (place, tension), (error, substances) = axes
        place.plot(rod.time, rod.x, lw=1.2, label="x")
        place.plot(rod.time, rod.y, lw=1.2, label="y")
        place.set(title="position on the rod", xlabel="time")
        tension.plot(rod.time, rod.lam, lw=1.2, label="lam of the rod")
        tension.plot(rod.time, angle.omega**2 + G * np.cos(angle.phi), "k--", lw=0.8, label="from the angle")
        tension.set(title="tension, per length and mass", xlabel="time")
        tiny = np.finfo(float).eps / 2
        error.semilogy(rod.time[1:], abs(rod.x - np.sin(angle.phi))[1:] + tiny, lw=1, label="x from that of the angle")
        error.semilogy(rod.time[1:], abs(rod.x**2 + rod.y**2 - 1)[1:] + tiny, lw=1, label="x² + y² − 1")
        error.set(title="errors", xlabel="time")
        for name, factor, label in (("A", 1.0, "A"), ("B", 1e4, "10⁴ B"), ("C", 1.0, "C = 1 − A − B")):
            substances.semilogx(reaction.time[1:], factor * reaction[name][1:], lw=1.4, label=label)
        substances.set(title="Robertson's reaction", xlabel="time")
        place.set_ylim(-1.1, 1.5)
        tension.set_ylim(-15, 64)
        for axis in axes.flat:
            axis.legend(**({"loc": "upper right", "ncols": 2} if axis in axes[0] else {}))
        figure.savefig(out / "constrained_motion.png", dpi=150)
    plt.close(figure)


def main(argv: list[str] | None = None) -> tuple[Any, ...]:
    """Simulate, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder of the figure")
    arguments = parser.parse_args(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rod, angle = swing()
    found = reaction()
    print(PENDULUM.index_reduced().provenance[-1])
    print(f"tension that was found at first: {rod.lam.values[0]:.6f}; G cos(phi) is {G * math.cos(START):.6f}")
    print(f"largest error of x: {abs(rod.x - np.sin(angle.phi)).max().item():.1e}")
    print(f"largest error of the length: {abs(rod.x**2 + rod.y**2 - 1).max().item():.1e}")
    print(f"Robertson's A at 1e11: {found.A.values[-1]:.10e}")
    draw(rod, angle, found, arguments.out)
    return rod, angle, found


if __name__ == "__main__":
    main()
