"""Declared systems of which one thing is wrong, repaired from noisy data.

81 points of six systems with normal noise, a share of the standard deviation of each state.  One term of one equation is
rescaled, deleted, added, or exchanged for another; a runaway one has a cube added that takes the declared system to infinity
within the time of the data.  Of two equations each has one of the first four changes; and one change is repaired where a state
was not observed, of which the declared initial value is right.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import sympy as sp

import symdyn as sd
from benchmarks.discovery.scores import monomials
from benchmarks.harness import attempt
from symdyn.discover import RecoverOptions

__all__ = ["CHANGES", "KINDS", "NOISES", "SYSTEMS", "corrupted", "run", "summary"]

x, y, z = sp.symbols("x y z")
Sides = dict[sp.Symbol, sp.Expr]

#: Right-hand sides, where they begin, and when the data end.
SYSTEMS: dict[str, tuple[Sides, tuple[float, ...], float]] = {
    "Lotka-Volterra": ({x: 0.5 * x - 0.03 * x * y, y: 0.03 * x * y - 0.8 * y}, (30, 4), 20),
    "van der Pol": ({x: y, y: 1.5 * y - 1.5 * x**2 * y - x}, (1, 0), 15),
    "FitzHugh-Nagumo": ({x: x - x**3 / 3 - y + 0.5, y: 0.08 * x + 0.056 - 0.064 * y}, (-1, 1), 80),
    "Lorenz": ({x: -10 * x + 10 * y, y: 28 * x - x * z - y, z: x * y - 2.667 * z}, (-8, 8, 27), 2.5),
    "Brusselator": ({x: 1 - 4 * x + x**2 * y, y: 3 * x - x**2 * y}, (1, 1), 15),
    "rigid body": ({x: 1.2 * y * z, y: -0.9 * x * z, z: -0.3 * x * y - 0.05 * z}, (1, 1, 0.5), 20),
}
CHANGES = ("rescaled", "deleted", "added", "exchanged")
KINDS, NOISES = (*CHANGES, "runaway", "two equations", "unobserved"), (0.02, 0.05)
POINTS, DEGREE, ACCURATE = 81, 3, 0.1
#: Sizes of an added term beside the standard deviation of the rate, and of one that runs away, which is doubled until it does.
ADDED, RUNAWAY = 0.3, 0.3


def corrupted(sides: Sides, kind: str, values: np.ndarray, times: np.ndarray, rng: np.random.Generator) -> Sides:
    """The sides with one thing wrong; `values` (T, n) are exact states at the `times`."""
    states, found = list(sides), {s: sp.expand(e) for s, e in sides.items()}
    if kind == "two equations":
        for state in rng.permutation(states)[:2]:
            found |= _changed(found, state, str(rng.choice(CHANGES)), values, times, rng)
        return found
    kind = str(rng.choice(CHANGES)) if kind == "unobserved" else kind
    return _changed(found, states[rng.integers(len(states))], kind, values, times, rng)


def _changed(
    found: Sides, state: sp.Symbol, kind: str, values: np.ndarray, times: np.ndarray, rng: np.random.Generator
) -> Sides:
    """The sides with one thing wrong in the equation of a state, or of another one where it cannot be."""
    states = list(found)
    if kind == "runaway" and found[state].has(state**3):  # it would hold the cube back
        state = next(s for s in states if not found[s].has(s**3))
    if kind == "deleted" and len(sp.Add.make_args(found[state])) == 1:  # a term is to be left
        state = max(states, key=lambda s: len(sp.Add.make_args(found[s])))
    terms = list(sp.Add.make_args(found[state]))
    at, column = int(rng.integers(len(terms))), states.index(state)
    rate = float(np.gradient(values[:, column], times).std())
    if kind == "rescaled":
        terms[at] *= float(rng.choice([0.5, 0.7, 1.4, 2.0]))
    if kind in ("deleted", "exchanged"):
        gone = terms.pop(at)
        if kind == "exchanged":
            terms.append(_sized(_another(states, [*terms, gone], rng), ADDED * rate, states, values))
    if kind == "added":
        terms.append(_sized(_another(states, terms, rng), ADDED * rate, states, values))
    if kind != "runaway":
        return found | {state: sp.Add(*terms)}
    size = RUNAWAY * rate
    while True:
        wrong = found | {state: sp.Add(*terms, _sized(state**3, size, states, values))}
        system = sd.ODESystem(wrong, initial=dict(zip(states, values[0], strict=True)))
        if int(sd.simulate(system, times, on_failure="nan", progress=False).status):
            return wrong
        size *= 2


def _another(states: Sequence[sp.Symbol], terms: Sequence[sp.Expr], rng: np.random.Generator) -> sp.Expr:
    """A monomial that is none of the terms."""
    while True:
        shape = sp.Mul(*(states[i] for i in rng.integers(len(states), size=int(rng.integers(1, DEGREE + 1)))))
        if not any((t / shape).is_number for t in terms):
            return shape


def _sized(shape: sp.Expr, size: float, states: Sequence[sp.Symbol], values: np.ndarray) -> sp.Expr:
    """A multiple of a monomial, of that size where the states have their mean sizes."""
    usual = float(abs(shape.subs(dict(zip(states, np.abs(values).mean(axis=0), strict=True)))))
    return float(f"{size / usual:.2g}") * shape


def run(
    noises: Iterable[float] = NOISES,
    seeds: Iterable[int] = (0,),
    *,
    systems: Iterable[str] = tuple(SYSTEMS),
    kinds: Iterable[str] = KINDS,
) -> pd.DataFrame:
    """A row for each repair.

    Returns
    -------
    DataFrame
        Columns noise, seed, system, kind, exact (the terms of the first system are the right ones), accurate (and their
        coefficients within 10 %), listed (some system in the table has the right terms), seconds of CPU time, note.
    """
    rows = []
    for name in systems:
        sides, start, end = SYSTEMS[name]
        states, times = list(sides), np.linspace(0, end, POINTS)
        exact = sd.simulate(sd.ODESystem(sides, initial=dict(zip(states, start, strict=True))), times, progress=False)
        values = np.stack([exact[s.name].values for s in states], axis=1)
        truth = [monomials(e) for e in sides.values()]
        for seed in seeds:
            for kind in kinds:
                rng = np.random.default_rng([seed, zlib.crc32(f"{name} {kind}".encode())])
                wrong = corrupted(sides, kind, values, times, rng)
                random = rng.standard_normal(values.shape) * values.std(axis=0)
                unseen = states[rng.integers(len(states))] if kind == "unobserved" else None
                begun = {} if unseen is None else {unseen: values[0, states.index(unseen)]}
                for noise in noises:
                    data = {"t": times} | dict(zip((s.name for s in states), (values + noise * random).T, strict=True))
                    data.pop(str(unseen), None)
                    before = time.process_time()
                    found, note = attempt(
                        lambda w=wrong, d=data, b=begun: sd.recover(
                            sd.ODESystem(w, initial=b), d, library=DEGREE, options=RecoverOptions(repair=True), progress=False
                        )
                    )
                    seconds = time.process_time() - before
                    had = [[monomials(e.subs(s.defaults)) for e in s.drift] for s in (found.systems if found else ())]
                    right = [all(set(a) == set(b) for a, b in zip(truth, h, strict=True)) for h in had]
                    near = any(right[:1]) and all(
                        abs(b[t] - a[t]) <= ACCURATE * abs(a[t]) for a, b in zip(truth, had[0], strict=True) for t in a
                    )
                    rows.append({"noise": noise, "seed": seed, "system": name, "kind": kind, "exact": any(right[:1]),
                                 "accurate": near, "listed": any(right), "seconds": seconds, "note": note})  # fmt: skip
    return pd.DataFrame(rows)


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Shares by noise and kind, and the mean time."""
    columns = ["exact", "accurate", "listed", "seconds"]
    return frame.groupby(["noise", "kind"], sort=False)[columns].mean().assign(
        repairs=frame.groupby(["noise", "kind"], sort=False).size()
    )  # fmt: skip
