"""A neuron explored without a page: the current at which it begins to fire, from the frames that sliders show.

FitzHugh and Nagumo's neuron rests while the current I is small.  Its steady state loses stability where the trace of the
Jacobian, 1 - v^2 - b/s, changes its sign: a Hopf bifurcation.  A hand would move the slider of I until the full dot of the
phase plane becomes a ring; here it is moved by bisection.

    python -m examples.explored_neuron --out out

FitzHugh, Biophysical Journal 1 (1961) 445.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import symdyn as sd
from symdyn.explorer import Explorer
from symdyn.figure_style import COLOURS

NEURON = sd.ODESystem.from_text(
    "v' = v - v**3/3 - w + I; w' = (v + a - b*w)/s; a = 0.7; b = 0.8; s = 12.5; I = 0.5; v(0) = -1; w(0) = 1"
)
EXPLORER = Explorer(NEURON, stop=120)


def frame(current: float) -> dict[str, Any]:
    """What the page shows at a current."""
    return EXPLORER.frame(parameters={"I": current}, plane=["v", "w"])


def onset(low: float = 0.0, high: float = 0.5) -> float:
    """The current at which the steady state loses stability."""
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if frame(middle)["plane"]["rests"][0]["stable"] else (low, middle)
    return (low + high) / 2


def theory(a: float = 0.7, b: float = 0.8, s: float = 12.5) -> float:
    """The same from the trace of the Jacobian."""
    v = -np.sqrt(1 - b / s)
    return float((v + a) / b - v + v**3 / 3)


def figure(currents: tuple[float, float] = (0.2, 0.5)) -> Figure:
    """The phase plane below and above the onset."""
    with sd.style():
        drawn, axes = plt.subplots(1, 2, figsize=(6.4, 2.9), layout="constrained")
        for ax, current in zip(axes, currents, strict=True):
            shown = frame(current)
            for name, colour in zip("vw", COLOURS, strict=False):
                for k, line in enumerate(shown["plane"]["nullclines"][name]):
                    ax.plot(*line, color=colour, ls="--", lw=1.2, label=None if k else f"{name}' = 0")
            ax.plot(shown["curves"]["v"], shown["curves"]["w"], color="black")
            for rest in shown["plane"]["rests"]:
                ax.plot(*rest["point"], "o", color="black", mfc="black" if rest["stable"] else "white", zorder=3)
            across, up = shown["plane"]["region"]
            ax.set(title=f"I = {current:g}: {shown['plane']['rests'][0]['kind']}", xlabel="v", xlim=across, ylim=up)
        axes[0].set_ylabel("w")
        axes[0].legend(loc="upper right")
    return drawn


def main(arguments: list[str] | None = None) -> float:
    """Find the onset, and draw what is below and above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"))
    out = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    drawn = figure()
    drawn.savefig(out / "explored_neuron.png")
    plt.close(drawn)
    found = onset()
    print(f"the neuron begins to fire at I = {found:.8f}; theory: {theory():.8f}")
    return found


if __name__ == "__main__":
    main()
