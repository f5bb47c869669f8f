"""CPU time of a frame, JSON included: python -m tests.explorer.frames --out tests/explorer/frames.json."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np

import symdyn as sd
from symdyn.explorer import Explorer

FRAMES = 30

#: Schloegl's network, with two likely numbers of molecules.
BISTABLE = "0 -> X, k0; 2 X -> 3 X, k1; 3 X -> 2 X, k2; X -> 0, k3; k0 = 2200; k1 = 0.36; k2 = 0.0015; k3 = 37.5; X(0) = 200"
#: A ring of twelve genes, each of which represses the next.
RING = "; ".join([*(f"x{i}' = a/(1 + x{(i - 1) % 12}**2) - x{i}; x{i}(0) = {i / 12}" for i in range(12)), "a = 3"])

CASES = {
    "Lotka and Volterra, phase plane with steady states": (
        lambda: Explorer(
            sd.ODESystem.from_text(
                "x' = a*x - b*x*y; y' = c*x*y - d*y; a = 0.5; b = 0.03; c = 0.03; d = 0.8; x(0) = 30; y(0) = 4"
            ),
            stop=40,
        ),
        "a",
        ["x", "y"],
    ),
    "ring of 12 genes, all shown": (lambda: Explorer(sd.ODESystem.from_text(RING)), "a", ["x0", "x1"]),
    "bistable network, 200 trajectories": (lambda: Explorer(sd.ReactionNetwork.from_text(BISTABLE), stop=2), "k0", None),
    "noisy oscillator, 200 trajectories of 1000 steps": (
        lambda: Explorer(
            sd.SDESystem.from_text("dx = y*dt; dy = (m*(1 - x**2)*y - x)*dt + s*dW; m = 1; s = 0.3; x(0) = 1; y(0) = 0")
        ),
        "m",
        ["x", "y"],
    ),
}


def measure(make, parameter: str, plane: list[str] | None) -> dict[str, float]:
    """Milliseconds of CPU of a frame while a slider is moved, and bytes that are sent."""
    explorer = make()
    first = next(c for c in explorer.controls if c.name == parameter).value
    shown = list(explorer.variables)
    sizes, spent = [], []
    for factor in np.linspace(0.8, 1.2, FRAMES + 3):
        begin = time.process_time()
        frame = explorer.answer({"parameters": {parameter: first * factor}, "shown": shown, "plane": plane})
        sizes.append(len(json.dumps(frame, allow_nan=False)))
        spent.append(time.process_time() - begin)
        assert not frame["message"], frame["message"]
    milliseconds = 1e3 * float(np.mean(spent[3:]))  # the first ones compile
    return {
        "cpu_ms": round(milliseconds, 2),
        "frames_per_cpu_second": round(1e3 / milliseconds, 1),
        "bytes": int(np.mean(sizes)),
    }


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    found = {name: measure(*case) for name, case in CASES.items()}
    result = {"machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", "frames": found}
    text = json.dumps(result, indent=2) + "\n"
    print(text, end="")
    if out is not None:
        out.write_text(text)


if __name__ == "__main__":
    main()
