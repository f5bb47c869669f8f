"""Evidence for delay differential equations: ``python -m benchmarks.delays [--peer PYTHON]`` writes the tables of a text file.

Orders of convergence, errors against closed solutions, and two models against the method of steps with SciPy's DOP853 at 1e-12,
with times; with an interpreter that has JiTCDDE (``--peer``) its errors and times on the same models, in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from math import factorial
from pathlib import Path

import numpy as np
import sympy as sp
from scipy.integrate import solve_ivp
from scipy.special import lambertw

import symdyn as sd

OUT = Path(__file__).parent / "results" / "delays.txt"
t, x, y, tau = sp.symbols("t x y tau")
X, Y = sp.Function("x"), sp.Function("y")
METHODS = {"tsit5": sd.methods.Tsit5, "dop853": sd.methods.Dop853, "rodas5p": sd.methods.Rodas5p}
ROOT = complex(lambertw(-1.0 + 0j))
WAVE = sp.exp(ROOT.real * t) * sp.cos(ROOT.imag * t)
ROUNDS = 5


def wave(times: np.ndarray) -> np.ndarray:
    """The real part of exp(W(-1) t), which solves x' = -x(t - 1)."""
    return np.exp(ROOT.real * times) * np.cos(ROOT.imag * times)


def orders() -> list[str]:
    """Largest errors from t = 6 to 10 in steps of one length, and the orders between them."""
    times = np.array([0.0, *np.linspace(6, 10, 41)])
    system, rows = sd.ODESystem({x: -X(t - 1)}, history={x: WAVE}), []
    for name, options in METHODS.items():
        found = []
        for h in (0.8, 0.4, 0.2, 0.1):
            data = sd.simulate(system, times, method=options(max_step=h), rtol=1.0, atol=1.0, progress=False)
            found.append(float(abs(data.x - wave(times))[1:].max()))
        between = np.log2(np.array(found[:-1]) / found[1:])
        rows.append(f"{name:8} " + "  ".join(f"{e:.1e}" for e in found) + "   orders" + "".join(f" {o:.1f}" for o in between))
    return rows


def closed() -> list[str]:
    """Errors and steps on problems with closed solutions."""
    ahead, log_time = sp.exp(1 - y), np.linspace(0.1, 5, 50)
    neves, long = np.linspace(1, np.e**2, 30), np.linspace(0, 5, 26)
    series = sum((-long) ** n / (factorial(n) * 2.0 ** (n * (n - 1) / 2)) for n in range(40))
    cases = {
        "x' = -x(t-1), Lambert": (sd.ODESystem({x: -X(t - 1)}, history={x: WAVE}), long, wave(long)),
        "x' = x x(log x)/t": (
            sd.ODESystem({x: x * X(sp.log(x)) / t}, history={x: 1}), neves,
            np.where(neves <= np.e, neves, np.exp(neves / np.e)),
        ),
        "vanishing delay": (
            sd.ODESystem({x: y, y: -Y(ahead) * y**2 * ahead}, history={x: sp.log(t), y: 1 / t}), log_time, np.log(log_time),
        ),
        "x' = -x(t/2)": (sd.ODESystem({x: -X(t / 2)}, initial={x: 1}), long, series),
    }  # fmt: skip
    rows = []
    for title, (system, times, known) in cases.items():
        for name in METHODS:
            cells = []
            for rtol in (1e-5, 1e-7, 1e-9):
                data = sd.simulate(system, times, method=name, rtol=rtol, atol=rtol, progress=False)
                cells.append(f"{float(abs(data.x - known).max()):.1e} ({int(data.steps)}+{int(data.rejected)})")
            rows.append(f"{title:22} {name:8} " + "  ".join(cells))
    return rows


def by_steps(rates: Callable, before: Sequence[float], lags: Sequence[float], times: np.ndarray) -> np.ndarray:
    """The method of steps with SciPy's DOP853 at 1e-12; all delays are multiples of a half."""
    pieces: list = []

    def past(s: float) -> np.ndarray:
        return np.array(before) if s <= 0 or not pieces else pieces[min(int(2 * s + 1e-9), len(pieces) - 1)](s)

    state = np.array(before)
    for j in range(round(2 * times[-1]) + 1):
        found = solve_ivp(
            lambda s, z: rates(z, [past(s - lag) for lag in lags]), (j / 2, (j + 1) / 2), state, "DOP853",
            rtol=1e-12, atol=1e-13, dense_output=True,
        )  # fmt: skip
        pieces.append(found.sol)
        state = found.y[:, -1]
    return np.array([past(s) for s in times])


def models() -> dict[str, tuple[sd.ODESystem, np.ndarray, np.ndarray]]:
    """The models that the peer has too, with their solutions."""
    times = np.arange(10, 30.1, 0.5)
    glass = sd.ODESystem({x: 2 * X(t - 2) / (1 + X(t - 2) ** 9.65) - x}, initial={x: 0.5})
    loops = sd.ODESystem({x: 1 / (1 + Y(t - 3) ** 4) - x, y: 2 * X(t - 1.5) - y}, initial={x: 0.5, y: 0.2})
    first = by_steps(lambda z, d: 2 * d[0] / (1 + d[0] ** 9.65) - z, [0.5], [2], times)
    second = by_steps(lambda z, d: np.array([1 / (1 + d[0][1] ** 4) - z[0], 2 * d[1][0] - z[1]]), [0.5, 0.2], [3, 1.5], times)
    return {"mackey-glass": (glass, times, first), "two delays": (loops, times, second)}


def against(peer: str | None) -> list[str]:
    """Errors and milliseconds for one trajectory, and for each of 256 with delays of their own in one thread."""
    found = {}
    if peer:
        script = Path(__file__).with_name("delays_peer.py")
        found = json.loads(subprocess.run([peer, str(script)], check=True, capture_output=True, text=True).stdout)
    rows = []
    for title, (system, times, known) in models().items():
        for rtol in (1e-4, 1e-6, 1e-8):
            for name in METHODS:
                kernel = sd.compile(system, method=name)
                start, at = np.array([[system.initial[s] for s in system.states]]), np.array([0.0, *times])
                many = np.repeat(start, 256, axis=0)
                values = kernel(start, np.empty((1, 0)), at, rtol=rtol, atol=rtol / 100).values[0, 1:]
                kernel(many, np.empty((256, 0)), at, rtol=rtol, atol=rtol / 100)
                alone = _shortest(lambda k=kernel, s=start, a=at, r=rtol: k(s, np.empty((1, 0)), a, rtol=r, atol=r / 100))
                each = _shortest(lambda k=kernel, s=many, a=at, r=rtol: k(s, np.empty((256, 0)), a, rtol=r, atol=r / 100)) / 256
                error = abs(values - known).max()
                rows.append(f"{title:13} {rtol:.0e} {name:8} {error:.1e} {1e3 * alone:9.3f} ms {1e3 * each:9.4f} ms in lanes")
            if found:
                other, seconds, compiling = found[f"{title} {rtol:g}"]
                error = abs(np.array(other).reshape(known.shape) - known).max()
                rows.append(f"{title:13} {rtol:.0e} jitcdde  {error:.1e} {1e3 * seconds:9.3f} ms, {compiling:.1f} s to compile")
    return rows


def _shortest(run: Callable) -> float:
    spent = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        run()
        spent.append(time.perf_counter() - begin)
    return min(spent)


def main() -> None:
    """Write the file, and show it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.delays", description=__doc__)
    parser.add_argument("--peer", help="an interpreter that has jitcdde and sympy")
    peer = parser.parse_args().peer
    parts = {
        "Largest errors for t = 6 to 10 in steps of 0.8, 0.4, 0.2, 0.1 (x' = -x(t-1), Lambert's function)": orders(),
        "Largest errors (steps+rejected) at rtol = atol = 1e-5, 1e-7, 1e-9": closed(),
        "Largest errors up to t = 30 and times, against the method of steps (DOP853 at 1e-12)": against(peer),
    }
    busy = f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the end; times are the shortest of {ROUNDS}"
    text = f"{busy}\n\n" + "\n\n".join("\n".join([title, *(f"  {row}" for row in rows)]) for title, rows in parts.items())
    OUT.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
