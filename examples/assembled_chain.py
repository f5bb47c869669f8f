"""A chain that assembles from twelve parts: eleven rules, 78 complexes, 572 reactions, and the law that they all obey.

Each part binds its two neighbours, whatever else is bound to them, in pieces of any length.  A rule for each bond says all of
this; the complexes are the N (N + 1)/2 pieces of a chain of N parts, with (N^3 - N)/6 ways to join and as many to break.  By
mass action bonds form independently: the share p of those that have formed obeys dp/dt = k c (1 - p)^2 - r p, and pieces of
neighbouring parts have the lengths of Flory.  Mean lengths are N/(N - (N - 1) p), which is Carothers' 1/(1 - p) of long chains,
and a share p^(N - 1) of the parts is in complete chains: bonds that are good for a pair may be too weak for a chain.  Among a
hundred copies of each part the number of bonds of each kind is a birth-death process of its own, whose law in the end follows
from detailed balance; its mean takes the place of p, a little above it.

    python -m examples.assembled_chain --out out

Flory, J. Am. Chem. Soc. 58 (1936) 1877; Carothers, Trans. Faraday Soc. 32 (1936) 39.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.figure_style import BLUE, ORANGE

#: Parts, copies of each, and the rate at which two free sites bind.
PARTS, COPIES, BINDING = 12, 100, 0.01
#: Rates at which bonds of two kinds break.
BREAKING = {"weak bonds": 0.05, "strong bonds": 0.001}
TIMES = np.linspace(0, 200, 101)


def model(parts: int = PARTS, breaking: float = BREAKING["weak bonds"]) -> str:
    """The text of PySB: a rule for each bond."""
    lines = [f'Parameter("k", {BINDING}); Parameter("r", {breaking}); Parameter("copies", {COPIES})']
    lines += [f'Monomer("M{i}", ["a", "b"]); Initial(M{i}(a=None, b=None), copies)' for i in range(parts)]
    lines += [f'Rule("bond{i}", M{i}(b=None) + M{i + 1}(a=None) | M{i}(b=1) % M{i + 1}(a=1), k, r)' for i in range(parts - 1)]
    return "\n".join(lines)


def bonds(breaking: float, times: np.ndarray = TIMES) -> np.ndarray:
    """Share p of the bonds that have formed, by the solution of its equation."""
    rate = BINDING * COPIES
    root = np.sqrt(breaking**2 + 4 * rate * breaking)
    least = (2 * rate + breaking - root) / (2 * rate)  # the other steady state is its inverse
    gone = np.exp(-root * times)
    return least * (1 - gone) / (1 - least**2 * gone)


def bonds_of_copies(breaking: float) -> float:
    """Mean share of the bonds that have formed in the end among single copies: births k (c - b)^2, deaths r b."""
    b = np.arange(1, COPIES + 1)
    weights = np.append(0.0, np.cumsum(np.log(BINDING * (COPIES - b + 1.0) ** 2 / (breaking * b))))
    law = np.exp(weights - weights.max())
    return float(np.arange(COPIES + 1) @ law / law.sum() / COPIES)


def flory(p: float, parts: int = PARTS) -> np.ndarray:
    """Pieces of lengths 1 to N, over the copies of a part."""
    lengths = np.arange(1, parts)
    inner, at_an_end = (parts - lengths - 1) * (1 - p) ** 2, 2 * (1 - p)
    return np.append((inner + at_an_end) * p ** (lengths - 1), p ** (parts - 1))


def pieces(run: xr.Dataset, parts: int = PARTS) -> xr.DataArray:
    """Numbers of pieces by their length, over the copies of a part."""
    sizes = {str(name): str(name).count("M") for name in run.data_vars}  # M0_M1_M2 is a piece of three
    found = [sum(run[name] for name, size in sizes.items() if size == n) for n in range(1, parts + 1)]
    return xr.concat(found, dim=xr.DataArray(np.arange(1, parts + 1), dims="length", name="length")) / COPIES


def runs(trajectories: int) -> dict[str, tuple[xr.DataArray, xr.DataArray]]:
    """Pieces by the rate equations, and of single assemblies, with both kinds of bonds."""
    found = {}
    for name, breaking in BREAKING.items():
        text = model(breaking=breaking)
        smooth = sd.simulate(sd.read_pysb(text, as_="ode"), TIMES, progress=False)
        single = sd.simulate(sd.read_pysb(text), TIMES, trajectories=trajectories, seed=1, progress=False)
        found[name] = pieces(smooth), pieces(single)
    return found


def sizes(parts: list[int]) -> np.ndarray:
    """Rules, complexes and reactions (n, 3) of chains of so many parts."""
    networks = {n: sd.read_pysb(model(n)) for n in parts}
    return np.array([[n - 1, len(net.species), len(net.reactions)] for n, net in networks.items()])


@sd.style()
def draw(found: dict[str, tuple[xr.DataArray, xr.DataArray]], parts: list[int], counts: np.ndarray) -> Figure:
    """What the rules become, mean lengths over time, and lengths in the end, beside their laws."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7.5, 2.7), layout="constrained")
    fine = np.array(range(parts[0], parts[-1] + 1), dtype=float)
    for name, law, column, color in (
        ("reactions", (fine**3 - fine) / 3, 2, ORANGE), ("complexes", fine * (fine + 1) / 2, 1, BLUE),
        ("rules", fine - 1, 0, "0.45"),
    ):  # fmt: skip
        left.loglog(fine, law, lw=1, color=color)
        left.loglog(parts, counts[:, column], "o", ms=4, color=color, label=name)
    left.set(xlabel="parts of the chain", ylabel="number", ylim=(1, 3e4))
    left.set_xticks(parts, [str(n) for n in parts])
    left.minorticks_off()
    left.legend(loc="upper left")
    for (name, (smooth, single)), color, shift in zip(found.items(), (BLUE, ORANGE), (-0.2, 0.2), strict=True):
        p = bonds(BREAKING[name])
        middle.plot(TIMES, PARTS / (PARTS - (PARTS - 1) * p), lw=1.2, color=color, label=name)
        mean = PARTS / single.sum("length")
        middle.plot(single.time, mean.T[:, :20], lw=0.4, alpha=0.5, color=color)
        middle.plot(smooth.time[::10], (PARTS / smooth.sum("length"))[::10], "o", ms=3.5, color=color)
        last = single.isel(time=-1).mean("trajectory") * single.length / PARTS
        right.bar(single.length + shift, last, width=0.4, color=color, alpha=0.45)
        right.plot(single.length + shift, flory(p[-1]) * np.arange(1, PARTS + 1) / PARTS, "o", ms=3.5, color=color)
    middle.set(xlabel="time", ylabel="mean length", ylim=(1, None))
    middle.legend(loc="center right")
    right.set(xlabel="length of a piece", ylabel="share of all parts", xticks=[1, 4, 8, 12])
    return figure


def main(arguments: list[str] | None = None) -> tuple[dict[str, tuple[xr.DataArray, xr.DataArray]], np.ndarray]:
    """Print what the rules become and how many chains are complete, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the figure")
    parser.add_argument("--trajectories", type=int, default=200, help="single assemblies of each kind")
    given = parser.parse_args(arguments)
    parts = [3, 5, 8, 12, 16]
    counts, found = sizes(parts), runs(given.trajectories)
    for n, (rules, complexes, reactions) in zip(parts, counts, strict=True):
        print(f"{n:2d} parts: {rules} rules, {complexes} complexes, {reactions} reactions")
    for name, (smooth, single) in found.items():
        p = bonds(BREAKING[name])[-1]
        lone, own = single.isel(time=-1).sel(length=PARTS), bonds_of_copies(BREAKING[name])
        print(
            f"{name}: {p:.1%} formed; complete chains {p ** (PARTS - 1):.4f} by theory, "
            f"{float(smooth.isel(time=-1).sel(length=PARTS)):.4f} by rate equations, {float(lone.mean()):.4f} "
            f"+- {float(lone.std() / len(lone) ** 0.5):.4f} among {COPIES} copies of a part, {own ** (PARTS - 1):.4f} by theory"
        )
    given.out.mkdir(parents=True, exist_ok=True)
    figure = draw(found, parts, counts)
    figure.savefig(given.out / "assembled_chain.png", dpi=150)
    plt.close(figure)
    return found, counts


if __name__ == "__main__":
    main()
