"""Linear equations and maps against exponentials and exact powers of matrices."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import scipy.linalg
from hypothesis import strategies as st

import symdyn as sd

__all__ = ["by_exponential", "by_powers", "linear_maps", "linear_systems"]

METHODS = ("tsit5", "dop853", "rodas4", "rodas5p", "taylor", "rk4")
#: Rows of the matrix, the constant term and the initial values.
Linear = tuple[list[list[Fraction]], list[Fraction], list[Fraction]]


@st.composite
def _linear(draw: Any) -> Linear:
    n = draw(st.integers(1, 4))
    entry = st.builds(Fraction, st.integers(-12, 12), st.integers(1, 5))
    return [[draw(entry) for _ in range(n)] for _ in range(n)], [draw(entry) for _ in range(n)], [draw(entry) for _ in range(n)]


def linear_systems() -> st.SearchStrategy[tuple[Linear, str, Fraction]]:
    """A system, a method and the last time."""
    return st.tuples(_linear(), st.sampled_from(METHODS), st.builds(Fraction, st.integers(1, 20), st.just(10)))


def linear_maps() -> st.SearchStrategy[tuple[Linear, int]]:
    """A map and the number of steps."""
    return st.tuples(_linear(), st.integers(1, 12))


def _text(linear: Linear, left: str) -> str:
    rows, constant, start = linear
    lines = []
    for k, (row, c) in enumerate(zip(rows, constant, strict=True)):
        terms = " + ".join([f"({a})*x{j}" for j, a in enumerate(row)] + [f"({c})"])
        lines += [f"{left.format(f'x{k}')} = {terms}", f"x{k}(0) = {start[k]}"]
    return "\n".join(lines)


def by_exponential(model: tuple[Linear, str, Fraction]) -> None:
    """States at several times, by every method for ODEs."""
    (rows, constant, start), method, last = model
    n = len(rows)
    whole = np.zeros((n + 1, n + 1))
    whole[:n, :n], whole[:n, n] = np.array(rows, float), np.array(constant, float)
    times = np.linspace(0, float(last), 4)
    exact = np.array([scipy.linalg.expm(t * whole) @ [*map(float, start), 1.0] for t in times])[:, :n]
    options: dict[str, Any] = {"step": 1 / 512} if method == "rk4" else {"rtol": 1e-9, "atol": 1e-11}
    text = _text(model[0], "{}'")
    system = sd.ODESystem.from_text(text)
    data = sd.simulate(system, times, method=method, progress=False, **options)
    found = np.stack([data[f"x{k}"].values for k in range(n)], axis=1)
    # errors of steps, which are relative to the state, grow as the fundamental matrix does
    flow = [scipy.linalg.expm(s * whole) for s in np.linspace(0, times[-1], 25)]
    size = max(np.linalg.norm(f, 2) for f in flow) * max(np.abs(f @ [*map(float, start), 1.0]).max() for f in flow)
    step = np.linalg.norm(whole, 2) ** 5 * times[-1] / 512**4 if method == "rk4" else 1e-7
    bound = size * (step + 1e-11)
    worst = np.unravel_index(np.argmax(np.abs(found - exact)), found.shape)
    what = f"{text} by {method}: x{worst[1]}({times[worst[0]]:g})"
    assert (np.abs(found - exact) <= bound).all(), f"{what} = {found[worst]}, exactly {exact[worst]}"


def by_powers(model: tuple[Linear, int]) -> None:
    """A map in exact fractions."""
    (rows, constant, start), steps = model
    state, size = list(start), max(map(abs, (*start, 1)))
    for _ in range(steps):
        state = [sum((a * s for a, s in zip(row, state, strict=True)), c) for row, c in zip(rows, constant, strict=True)]
    gain = max(1, *(sum(map(abs, row)) + abs(c) for row, c in zip(rows, constant, strict=True)))
    bound = float(size * gain**steps) * (steps + 2) * 20 * 2.0**-53
    system = sd.DiscreteSystem.from_text(_text(model[0], "{}[t+1]"))
    data = sd.simulate(system, [0, steps], progress=False)
    for k, exact in enumerate(state):
        found = float(data[f"x{k}"].values[-1])
        assert abs(Fraction(found) - exact) <= bound, f"{_text(model[0], '{}[t+1]')}: x{k} = {found}, exactly {float(exact)}"
