"""From the dispersion relation to the pattern: Turing's instability, fronts that invade, and spots that divide.

Small waves exp(st + ikx) about a steady state are told apart by one matrix, the rates with -k^2 in place of the Laplacian.
Whether a pattern arises, which wave comes first, and how fast a front runs are read from it; then the fields are simulated.

- Schnakenberg's reaction becomes patterned where one diffusion is so many times the other that the determinant of
  the matrix has a double root: from d = 8.5676 on.  One run from noise gives the growth of all waves at once.
- In the plane all directions are alike: noise of every wave length is sieved until the fastest growing one is left, and
  the pattern that fills the plane at last is a little finer than it.
- Fisher's front is pulled by its tip.  From a compact start it comes up to 2 sqrt(rD) from below, with r = D = 1 as
  2 - 3/(2t) + 3 sqrt(pi)/2 t^(-3/2) + O(log t/t^2); a tail exp(-ax) that is flatter than a = sqrt(r/D) drives it with
  aD + r/a.
- Gray and Scott's spots divide where the only steady state is the empty one, and that is stable: F < 4 (F + k)^2.
  No matrix foretells them; they need a push, and whether a push is enough is seen by trying it.

    python -m examples.pattern_formation --out out

Turing, Phil. Trans. R. Soc. B 237 (1952) 37; Murray, Mathematical Biology II, 3rd ed. (2003), 2.3; Ebert & van Saarloos,
Physica D 146 (2000) 1; Pearson, Science 261 (1993) 189.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.fft import dct, dctn
from scipy.integrate import cumulative_simpson
from scipy.ndimage import label

import symdyn as sd
from symdyn.figure_style import BLUE, ORANGE, VERMILION
from symdyn.models import zoo

q = sp.Symbol("q", positive=True)
d = sp.Symbol("d", positive=True)
TURING = zoo.schnakenberg()
RATIOS = (7.0, 8.5676, 10.0)
COLORS = {7.0: "0.55", 8.5676: ORANGE, 10.0: BLUE}

# ---- the matrix of waves -------------------------------------------------------------------------


def wave_matrix(system: sd.PDESystem) -> sp.Matrix:
    """The matrix that moves waves of squared wave number q about any state: the Laplacian becomes -q."""
    waves = [rate.replace(sd.laplacian, lambda e: -q * e) for rate in system.rates]
    return sp.Matrix(waves).jacobian(system.fields)


def steady_state(system: sd.PDESystem) -> dict[sp.Symbol, sp.Expr]:
    """The uniform steady state, as expressions of the parameters."""
    (found,) = sp.solve([rate.replace(sd.laplacian, lambda e: sp.S.Zero) for rate in system.rates], system.fields, dict=True)
    return found


def turing_matrix() -> sp.Matrix:
    """The matrix of Schnakenberg's system at its steady state, of q and d."""
    values = {p: sp.nsimplify(v) for p, v in TURING.defaults.items() if p.name != "d"}
    here = wave_matrix(TURING).subs(steady_state(TURING))
    return here.subs(values).subs(sp.Symbol("d"), d)


def critical_ratio() -> tuple[float, float]:
    """The ratio of diffusions where patterns begin, and their wave number: there det has a double root q > 0."""
    det = sp.Poly(turing_matrix().det(), q)
    two, one, _ = det.all_coeffs()
    for root in sp.solve(sp.discriminant(det.as_expr(), q), d):
        double = (-one / (2 * two)).subs(d, root)
        if double > 0:
            return float(root), float(sp.sqrt(double))
    raise ValueError("no ratio makes waves grow")


def growth(ratio: float, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Growth rates of waves k, (k,), and the left eigenvectors that tell their amplitude, (k, 2)."""
    matrix = sp.lambdify((q, d), turing_matrix(), "numpy")
    stack = np.array([matrix(k2, ratio) for k2 in np.square(k)], dtype=float)
    values, vectors = np.linalg.eig(stack.transpose(0, 2, 1))
    first = values.real.argmax(axis=1)
    each = np.arange(len(first))
    return values[each, first].real, vectors[each, :, first]


def fastest(ratio: float) -> float:
    """The wave number that grows fastest."""
    k = np.linspace(0.1, 1.2, 4401)
    return float(k[growth(ratio, k)[0].argmax()])


# ---- Turing's instability, simulated -------------------------------------------------------------


def measured_growth(ratio: float, seed: int = 0) -> pd.DataFrame:
    """Growth rates of the waves between two walls, told by theory and measured in one run from noise."""
    length, cells, size = 100.0, 200, 1e-6
    noise = np.random.default_rng(seed).standard_normal((2, cells)) * size
    rest = [float(e.subs(TURING.defaults)) for e in steady_state(TURING).values()]
    run = sd.simulate(
        zoo.schnakenberg((0, length)).discretize(cells, order=6),
        [0, 5, 10],
        method="etdrk4",
        step=0.05,
        parameters={"d": ratio},
        progress=False,
        initial={"u": rest[0] + noise[0], "v": rest[1] + noise[1]},
    )
    k = np.pi * np.arange(40) / length
    told, direction = growth(ratio, k)
    waves = np.stack([dct(run[s].values - r)[:, : k.size] for s, r in zip("uv", rest, strict=True)], axis=-1)
    amplitude = np.abs((waves * direction).sum(axis=-1))
    return pd.DataFrame({"k": k, "told": told, "measured": np.log(amplitude[2] / amplitude[0]) / 10})


def pattern(ratio: float = 10.0, seed: int = 0, end: float = 400.0) -> xr.Dataset:
    """Schnakenberg's system on a square from noise of one per cent."""
    cells, length = 96, 100.0
    noise = np.random.default_rng(seed).standard_normal((cells, cells))
    return sd.simulate(
        zoo.schnakenberg(sd.Rectangle(length, length)).discretize(cells, order=4),
        np.array([0, 40, end]),
        method="etdrk4",
        rtol=1e-4,
        atol=1e-6,
        parameters={"d": ratio},
        initial={"u": 1 + 0.01 * noise},
        progress=False,
    )


def spectrum(frame: xr.DataArray, width: float = 0.02) -> pd.Series:
    """Power by wave number of a field between walls, summing to one."""
    power = dctn(frame.values - frame.values.mean()) ** 2
    k = [np.pi * np.arange(n) / (n * float(frame[s].diff(s)[0])) for s, n in frame.sizes.items()]
    size = np.hypot(*np.meshgrid(*k, indexing="ij"))
    rings = np.floor(size / width).astype(int)
    sums = np.bincount(rings.ravel(), power.ravel()) / power.sum()
    return pd.Series(sums, index=(np.arange(sums.size) + 0.5) * width)


def wave_number(power: pd.Series) -> float:
    """The mean wave number of a spectrum."""
    return float((power.index.to_numpy() * power).sum())


# ---- fronts --------------------------------------------------------------------------------------


def positions(run: xr.DataArray, level: float = 0.5) -> np.ndarray:
    """Where falling fronts (time, x) pass a level."""
    return np.array([np.interp(-level, -frame, run.x.values) for frame in run.values])


def told_speed(time: np.ndarray | float) -> np.ndarray | float:
    """Speed of every pulled front with r = D = 1, up to log(t)/t^2 (Ebert and van Saarloos)."""
    return 2 - 3 / (2 * time) + 1.5 * np.sqrt(np.pi) * time**-1.5


def front_speed(end: float = 100.0) -> pd.DataFrame:
    """Speed of Fisher's front from a compact start with r = D = 1, and what the tip foretells."""
    time = np.linspace(0, end, int(end) + 1)
    run = sd.simulate(zoo.fisher_kpp((0, 250)).discretize(1000, order=4), time, initial={"u": "exp(-x**2)"}, progress=False)
    middle = (time[1:] + time[:-1]) / 2
    return pd.DataFrame({"time": middle, "speed": np.diff(positions(run.u)), "told": told_speed(middle)})


def tail_speed(steepness: tuple[float, ...] = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)) -> pd.DataFrame:
    """Speed of fronts that begin with a tail exp(-ax), and aD + r/a: a sweep over a, which is a parameter of the start."""
    start = {"u": "1/(1 + exp(a*(x - 10)))"}
    system = sd.PDESystem.from_text("u' = D*laplacian(u) + r*u*(1 - u); D = 1; r = 1", domain=(0, 160), initial=start)
    run = sd.simulate(
        system.discretize(640, order=4), np.array([0.0, 20, 30]), parameters={"a": list(steepness)}, progress=False
    )
    speed = [np.diff(positions(run.u.sel(a=a)))[1] / 10 for a in steepness]
    return pd.DataFrame({"a": steepness, "speed": speed, "told": [a + 1 / a for a in steepness]})


# ---- spots ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spots:
    """Gray and Scott's spots.

    Attributes
    ----------
    run : Dataset
    counts : (time,) array
        Spots where v is above 0.15.
    imbalance : float
        The greatest difference of the mean of u + v from what feed and removal say it is, from t = 100 on.
    barren : bool
        Whether the empty state is the only uniform one.
    """

    run: xr.Dataset
    counts: np.ndarray
    imbalance: float
    barren: bool


def spots(
    end: float = 4000.0, feed: float = 0.025, kill: float = 0.06, *, cells: int = 128, order: int = 4,
    scheme: str = "finite differences", **options,
) -> Spots:  # fmt: skip
    """One longish spot in the middle of a square that is empty otherwise, and what becomes of it."""
    bump = "exp(-((0.8*x + 0.6*y - 1.05)/0.12)**2 - ((0.8*y - 0.6*x - 0.15)/0.06)**2)"
    system = zoo.gray_scott(sd.Rectangle(1.5, 1.5)).with_initial(u=f"1 - {bump}/2", v=f"{bump}/2")
    run = sd.simulate(
        system.discretize(cells, order=order, scheme=scheme),
        np.linspace(0, end, int(end / 20) + 1),
        parameters={"F": feed, "k": kill},
        progress=False,
        **{"rtol": 1e-4, "atol": 1e-6, **options},
    )
    # u v^2 turns one into the other, diffusion only moves them: the mean of both is fed with F and loses F or F + k
    both, v = run.u.mean(["x", "y"]) + run.v.mean(["x", "y"]), run.v.mean(["x", "y"])
    both, v = both[5:], v[5:]  # from t = 100 on: the first moments are faster than the output
    change = cumulative_simpson(feed * (1 - both) - kill * v, x=both.time, initial=0)
    counts = np.array([label(frame > 0.15)[1] for frame in run.v.values])
    return Spots(run, counts, float(np.abs(both - both[0] - change).max()), feed < 4 * (feed + kill) ** 2)


# ---- figure and report ---------------------------------------------------------------------------


def draw(fields: xr.Dataset, divided: Spots, speed: pd.DataFrame, tails: pd.DataFrame) -> Figure:
    """Growth, pattern, spectrum, fronts and spots."""
    with sd.style(), plt.rc_context({"axes.titlelocation": "left"}):
        figure, axes = plt.subplots(3, 2, figsize=(7.5, 8.4), layout="constrained")
        axes = axes.ravel()
        figure.get_layout_engine().set(wspace=0.05, hspace=0.06)
        _draw_growth(axes[0])
        _draw_pattern(axes[1], fields.u[-1])
        _draw_spectrum(axes[2], fields)
        _draw_fronts(axes[3], axes[4], speed, tails)
        _draw_spots(axes[5], divided)
        for ax, letter in zip(axes, "abcdef", strict=True):
            ax.set_title(rf"$\bf{{{letter}}}$   {ax.get_title(loc='left')}")
    return figure


def _draw_growth(ax: Axes) -> None:
    k = np.linspace(0, 1.2, 400)
    for ratio in RATIOS:
        found = measured_growth(ratio)
        name = f"d = {ratio:g}" + (", critical" if ratio == 8.5676 else "")
        ax.plot(k, growth(ratio, k)[0], color=COLORS[ratio], lw=1.6, label=name)
        ax.plot(found.k, found.measured, "o", color=COLORS[ratio], ms=3.6, mec="white", mew=0.4)
    ax.plot([], [], "o", color="0.3", ms=3.6, label="simulated")
    ax.axhline(0, color="0.3", lw=0.8)
    ax.set(title="Growth of small waves", xlabel="wave number k", ylabel="growth rate")
    ax.set(xlim=(0, 1.2), ylim=(-0.5, 0.2), xticks=np.arange(0, 1.3, 0.2))
    ax.legend(ncols=2, loc="upper right", columnspacing=1.2)


def _draw_pattern(ax: Axes, frame: xr.DataArray) -> None:
    shown = ax.imshow(frame.values.T, origin="lower", extent=(0, 100, 0, 100), cmap="viridis", interpolation="bicubic")
    ax.set(title=f"The pattern of u at d = 10, t = {float(frame.time):g}", xlabel="x", ylabel="y")
    bar = ax.figure.colorbar(shown, ax=ax, shrink=0.8, aspect=26)
    bar.outline.set_visible(False)


def _draw_spectrum(ax: Axes, fields: xr.Dataset) -> None:
    k = np.linspace(0.1, 1.2, 2000)
    band = k[growth(10.0, k)[0] > 0]
    ax.axvspan(band[0], band[-1], color=COLORS[10.0], alpha=0.12, lw=0, label="waves that grow")
    ax.axvline(fastest(10.0), color=COLORS[10.0], lw=1.4, ls="--", label="the fastest of them")
    for index, color in ((1, ORANGE), (2, "0.15")):
        power = spectrum(fields.u[index], width=0.04)
        ax.stairs(
            power,
            np.append(power.index - 0.02, power.index[-1] + 0.02),
            color=color,
            lw=1.6,
            label=f"t = {float(fields.time[index]):g}",
        )
    ax.set(title="Waves in the plane", xlabel="wave number k", ylabel="share of power", xlim=(0.3, 1.1), ylim=(0, None))
    ax.legend()


def _draw_fronts(left: Axes, right: Axes, speed: pd.DataFrame, tails: pd.DataFrame) -> None:
    rows = speed[speed.time > 4].iloc[::3]
    time = np.linspace(6, 110, 400)
    left.plot(rows.time, rows.speed, "o", color=COLORS[10.0], ms=4, mec="white", mew=0.4, label="simulated")
    left.plot(time, told_speed(time), color=VERMILION, lw=1.5, label=r"$2 - \frac{3}{2t} + \frac{3\sqrt{\pi}}{2}\, t^{-3/2}$")
    left.plot(time, 2 - 1.5 / time, color=VERMILION, lw=1.2, ls=":", label=r"$2 - \frac{3}{2t}$")
    left.axhline(2, color="0.3", lw=0.9, ls="--", label=r"$2\sqrt{rD}$")
    left.set(title="Fisher's front from a compact start", xlabel="time", ylabel="speed", xlim=(0, 100), ylim=(1.6, 2.04))
    left.legend(loc="lower right")
    a = np.linspace(0.25, 1.6, 300)
    right.plot(a, np.where(a < 1, a + 1 / a, 2), color=VERMILION, lw=1.5, label=r"$aD + r/a$, then $2\sqrt{rD}$")
    right.plot(tails.a, tails.speed, "o", color=COLORS[10.0], ms=5, mec="white", mew=0.4, label="simulated")
    right.set(title="A flat tail makes it faster", xlabel=r"steepness a of the tail $e^{-ax}$", ylabel="speed")
    right.set(xlim=(0.2, 1.6), ylim=(1.8, 4.4))
    right.legend()


def _draw_spots(ax: Axes, divided: Spots) -> None:
    """Four times in one picture."""
    frames, n, gap = divided.run.v, divided.run.sizes["x"], 3
    shown = [0, *(int(divided.run.sizes["time"] * part) for part in (0.125, 0.32)), divided.run.sizes["time"] - 1]
    canvas = np.full((2 * n + gap, 2 * n + gap), np.nan)
    for place, index in enumerate(shown):
        row, column = (1 - place // 2) * (n + gap), place % 2 * (n + gap)
        canvas[row : row + n, column : column + n] = frames[index].values.T
        count = divided.counts[index]
        text = f"t = {float(frames.time[index]):g}: {count}"
        ax.text(column + 4, row + n - 5, text, color="white", fontsize=8, va="top",
                bbox={"facecolor": "black", "edgecolor": "none", "pad": 1.5})  # fmt: skip
    picture = ax.imshow(canvas, origin="lower", cmap="magma", vmin=0, vmax=0.4, interpolation="nearest")
    ax.set(title="Gray and Scott's spots: v, counts", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    bar = ax.figure.colorbar(picture, ax=ax, shrink=0.8, aspect=26)
    bar.outline.set_visible(False)


def report(fields: xr.Dataset, divided: Spots, speed: pd.DataFrame, tails: pd.DataFrame) -> str:
    """All numbers as text."""
    ratio, k = critical_ratio()
    lines = ["Schnakenberg, a = 0.1, b = 0.9: the matrix of waves with q = k^2", ""]
    lines += [sp.pretty(turing_matrix(), use_unicode=False), ""]
    lines += [f"patterns from d = {ratio:.6f} on, first with k = {k:.5f}, wave length {2 * np.pi / k:.3f}", ""]
    lines += ["d          fastest k   its growth   greatest difference of 40 simulated growth rates"]
    for value in RATIOS:
        found = measured_growth(value)
        best = fastest(value)
        lines += [f"{value:<10g} {best:<11.4f} {growth(value, np.array([best]))[0][0]:<+12.5f} "
                  f"{np.abs(found.measured - found.told).max():.1e}"]  # fmt: skip
    shown = [(float(t), wave_number(spectrum(f))) for t, f in zip(fields.time, fields.u, strict=True)]
    lines += ["", "in the plane, d = 10: " + ", ".join(f"mean k = {v:.3f} at t = {t:g}" for t, v in shown[1:])]
    late = speed.iloc[-10:]
    lines += ["", f"Fisher: speed {late.speed.mean():.4f} about t = {late.time.mean():g}, the tip says {late.told.mean():.4f}"]
    lines += ["", tails.round(4).to_string(index=False), ""]
    lines += [f"Gray-Scott: {' '.join(map(str, divided.counts[::25]))} spots every {25 * 20} units of time; "
              f"u + v is balanced to {divided.imbalance:.1e}"]  # fmt: skip
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> Spots:
    parser = argparse.ArgumentParser(description="Patterns, fronts and spots, foretold and simulated.")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure and the report")
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    results = pattern(), spots(), front_speed(), tail_speed()
    text = report(*results)
    (out / "pattern_formation.txt").write_text(text + "\n")
    draw(*results).savefig(out / "pattern_formation.png", dpi=120, pil_kwargs={"optimize": True})
    print(f"{text}\n\nThe figure and the report are in {out.resolve()}")
    return results[1]


if __name__ == "__main__":
    main()
