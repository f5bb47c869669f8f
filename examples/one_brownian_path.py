"""One Brownian path at many resolutions: errors of schemes on the same paths, and steps that the state chooses.

A particle in a double well, dx = (x - x^3) dt + 0.5 dW, and the square root of a rate that comes near zero,
dy = (0.32/y - y/2) dt + 0.6 dW, follow Brownian trees: whatever the steps, the path is the same, so errors path by path can be
seen.  Steps are chosen from the state alone by the leading error that a scheme leaves, which is derived from the equation.

A particle with a momentum, dq = p dt, dp = -(grad V + p) dt + sqrt(2 T) dW, in the potential V of Mueller and Brown, divided by
20, follows a tree that knows two integrals of the path: QUICSORT reads both and has order 3.

    python -m examples.one_brownian_path --out out

Foster, Lyons & Oberhauser, SIAM J. Numer. Anal. 58 (2020) 1500 and arXiv:2101.03446; Foster & Jelincic, arXiv:2311.14201;
K. Mueller & L. D. Brown, Theor. Chim. Acta 53 (1979) 75.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLACK, BLUE, GREEN, ORANGE, SKY, VERMILION

WELL = sd.SDESystem.from_text("dx = (x - x^3)*dt + 0.5*dW; x(0) = 1")
RATE = sd.SDESystem.from_text("dy = (0.32/y - y/2)*dt + 0.6*dW; y(0) = 1")
SCHEMES = ("euler-maruyama", "sra1", "shark")
NAMES = {
    "euler-maruyama": "Euler-Maruyama", "sra1": "SRA1", "shark": "ShARK", "state": "SRA1, steps from the state", "ubu": "UBU",
    "align": "ALIGN", "quicsort": "QUICSORT",
}  # fmt: skip
COLORS = {
    "euler-maruyama": "0.55", "sra1": BLUE, "shark": GREEN, "state": VERMILION, "ubu": BLUE, "align": GREEN,
    "quicsort": VERMILION,
}  # fmt: skip
LEVELS = range(4, 10)
TOLERANCES = (1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
q, r, p, s = sp.symbols("q r p s")
#: The potential, a sum of A exp(a (q - q0)^2 + b (q - q0) (r - r0) + c (r - r0)^2); a saddle and the deepest well.
POTENTIAL = sum(
    sp.Rational(size, 20) * sp.exp(a * (q - q0) ** 2 + b * (q - q0) * (r - r0) + c * (r - r0) ** 2)
    for size, a, b, c, q0, r0 in (
        (-200, -1, 0, -10, 1, 0), (-100, -1, 0, -10, 0, 0.5), (-170, -6.5, 11, -6.5, -0.5, 1.5), (15, 0.7, 0.6, 0.7, -1, 1)
    )
)  # fmt: skip
TEMPERATURE, SADDLE, DEEPEST = 0.75, (-0.822, 0.624), (-0.558, 1.442)
KICKS = np.sqrt(2 * TEMPERATURE) * np.eye(4, 2, -2)
PARTICLE = sd.SDESystem({q: p, r: s, p: -POTENTIAL.diff(q) - p, s: -POTENTIAL.diff(r) - s}, KICKS.tolist())
#: Evaluations of the force in a step; those of ALIGN at the end of a step are those at the beginning of the next.
FORCES = {"euler-maruyama": 1, "ubu": 1, "align": 1, "quicsort": 2}
#: Where a drift is singular, steps must not reach across it.
SMALL = (1e-4, 3e-5, 1e-5, 3e-6, 1e-6)


def run(system: sd.SDESystem, method: str, count: int, **lengths: float) -> tuple[np.ndarray, float]:
    """Values at t = 2 along the paths of one seed, NaN where a step reached across the pole, and the mean number of steps."""
    chosen = sd.METHODS[method].options(brownian="tree")
    data = sd.simulate(system, [0, 2], method=chosen, trajectories=count, seed=5, progress=False, on_failure="nan", **lengths)
    return data[system.names[0]].values[:, -1], float(data.steps.mean())


def rms(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean((found - exact) ** 2)))


def errors(
    system: sd.SDESystem, exact: np.ndarray, count: int, schemes: list[str], tolerances: tuple[float, ...] = TOLERANCES
) -> dict[str, list[tuple[float, float]]]:
    """(steps, error) of schemes in steps of one length, and of SRA1 in steps from the state."""
    found = {m: [(2.0 ** (k + 1), rms(run(system, m, count, step=2.0**-k)[0], exact)) for k in LEVELS] for m in schemes}
    found["state"] = []
    for tolerance in tolerances:
        values, steps = run(system, "sra1", count, rtol=tolerance, atol=tolerance)
        found["state"].append((steps, rms(values, exact)))
    return found


def ways(method: str, level: int, start: tuple[float, float], times: np.ndarray, count: int) -> np.ndarray:
    """Positions (2, count, time) of particles that begin at rest, in steps of 2**-level along the tree with two integrals."""
    chosen = sd.METHODS[method].options(brownian="tree", integrals=2)
    placed = PARTICLE.with_initial({q: start[0], r: start[1], p: 0, s: 0})
    data = sd.simulate(placed, times, method=chosen, step=2.0**-level, trajectories=count, seed=5, progress=False)
    return np.stack([data.q.values, data.r.values])


def forced(count: int) -> dict[str, list[tuple[float, float]]]:
    """(evaluations of the force, error) of schemes for particles that begin in the deepest well."""
    ends = np.array([0, 2.0])
    exact, found = ways("quicsort", 12, DEEPEST, ends, count)[..., -1], {}
    for method, forces in FORCES.items():
        found[method] = []
        for k in LEVELS:
            away = ways(method, k, DEEPEST, ends, count)[..., -1] - exact
            found[method].append((forces * 2.0 ** (k + 1), float(np.sqrt((away**2).sum(0).mean()))))
    return found


def draw_ways(ax: Axes) -> None:
    """Down from the saddle on one path: long steps of order 1 take the particle to another well."""
    across, along = np.meshgrid(np.linspace(-1.5, 1.1, 261), np.linspace(-0.55, 2.1, 266))
    height = sp.lambdify((q, r), POTENTIAL, "numpy")(across, along)
    ax.contour(across, along, height, levels=np.arange(-7.25, 3, 0.75), colors="0.8", linestyles="-", linewidths=0.6)
    times, one = np.linspace(0, 2, 65), 34
    for method, level, color, style in (
        ("euler-maruyama", 5, ORANGE, {"marker": "o", "ms": 2.5, "lw": 0.8}),
        ("quicsort", 5, VERMILION, {"marker": "o", "ms": 4, "lw": 0}), ("quicsort", 12, BLACK, {"lw": 1}),
    ):  # fmt: skip
        way = ways(method, level, SADDLE, times, one + 1)[:, one]
        ax.plot(*way, color=color, label=f"{NAMES[method]}, 1/{2**level}", **style)
    ax.set(title="down from a saddle on one path", xlabel="first position", ylabel="second position")
    ax.legend(loc="lower left")


@sd.style()
def draw(
    count: int,
    well: dict[str, list[tuple[float, float]]],
    rate: dict[str, list[tuple[float, float]]],
    particle: dict[str, list[tuple[float, float]]],
) -> Figure:
    """One path zoomed in; a trajectory and its steps; errors against steps for both systems; the same of the particle."""
    figure, rows = plt.subplots(3, 2, figsize=(7.5, 8.2), layout="constrained")
    axes = rows.ravel()
    path, middle = sd.BrownianPath(seed=5, trajectory=2, span=(0, 2)), np.sqrt(0.5)
    base = path(middle)
    for k, color in zip((0, 8, 16), ("0.7", SKY, BLUE), strict=True):
        width = 0.7 * 2.0**-k
        at = middle + width * np.linspace(-1, 1, 801)
        curve = (path(at) - base)[:, 0] / np.sqrt(width) + 5 * (k // 8)
        axes[0].plot((at - middle) / width, curve, color=color, lw=0.8)
        words = f"magnified $2^{{{k}}}$ times" if k else "the path"
        axes[0].text(-1, curve[: len(curve) // 2].max() + 0.25, words, fontsize=8, color="0.3", va="bottom")
    axes[0].set(
        title="one path, asked for anywhere", xlabel=r"time about $\sqrt{1/2}$", xticks=[-1, -0.5, 0, 0.5, 1], yticks=[]
    )
    options = {"trajectories": 12, "seed": 5, "progress": False}
    for k, color in zip((2, 4, 10), (ORANGE, GREEN, BLACK), strict=True):
        times = np.arange(2 ** (k + 1) + 1) / 2**k
        data = sd.simulate(WELL, times, method=sd.methods.EulerMaruyama(brownian="tree"), step=2.0**-k, **options)
        style = {"marker": "o", "ms": 3, "lw": 1.3} if k < 10 else {"lw": 0.7, "zorder": 0}
        axes[1].plot(times, data.x.values[7], label=f"steps of 1/{2**k}", color=color, **style)
    axes[1].set(title="three step sizes on one path", xlabel="t", ylabel="x", ylim=(0.85, 1.8))
    axes[1].legend()
    draw_ways(axes[4])
    for ax, found, title in (
        (axes[2], well, "double well"), (axes[3], rate, "near a singular drift"),
        (axes[5], particle, "two positions with momenta"),
    ):  # fmt: skip
        for name, rows in found.items():
            steps, values = np.array(rows).T
            size = 6.5 if name == "ubu" else 3.5  # under ALIGN, whose errors are almost the same
            ax.loglog(steps, values, "o-", ms=size, lw=1.3, color=COLORS[name], label=NAMES[name])
        ax.set(title=title, xlabel="evaluations of the force" if found is particle else "steps", ylabel="strong error at t = 2")
        ax.set_ylim(bottom=2e-8 if found is particle else 2e-7)
        ax.legend(loc="lower left")
    for ax in axes:
        ax.title.set_fontsize(10)
    return figure


def main(arguments: list[str] | None = None) -> dict[str, dict[str, list[tuple[float, float]]]]:
    parser = argparse.ArgumentParser(description="Errors of schemes along one Brownian tree, and steps from the state.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure")
    parser.add_argument("--trajectories", type=int, default=400, help="paths on which errors are measured")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    count = given.trajectories
    print("The square of the leading error of SRA1, over h^4:", *sd.derive.local_error(WELL, 1.5)[0].squares)
    well = errors(WELL, run(WELL, "sra1", count, step=2.0**-13)[0], count, list(SCHEMES))
    particle = forced(count)
    rate = errors(RATE, run(RATE, "sra1", count, rtol=3e-8, atol=3e-8)[0], count, ["sra1"], SMALL)
    draw(count, well, rate, particle).savefig(given.out / "one_brownian_path.png", dpi=150)
    found = {"double well": well, "rate": rate, "particle": particle}
    for title, rows in found.items():
        for name, row in rows.items():
            print(f"{title}, {name:15s}", *(f"{n:.0f}: {e:.1e} " for n, e in row))
    print(f"The figure is in {given.out.resolve()}")
    return found


if __name__ == "__main__":
    main()
