r"""A map with tangent vectors and the logarithms of their growth as further states: one map again.

With :math:`J_t = \partial F / \partial x` at the state :math:`x_t`, orthonormal vectors :math:`q_j` are mapped and made
orthonormal again in every step,

.. math:: w_j = J_t q_j - \sum_{i<j} \langle q_i', J_t q_j \rangle\, q_i', \qquad q_j' = w_j / |w_j|,
          \qquad \lambda_j = \lim_{T \to \infty} \frac1T \sum_{t<T} \ln |w_j|.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.analysis.ensembles import run_rows
from symdyn.declaration import derivative
from symdyn.errors import DeclarationError
from symdyn.models.discrete import DiscreteSystem
from symdyn.simulation.sweeps import Design
from symdyn.system import Equation, System

__all__ = ["TangentMap", "follow", "growth", "tangent_map"]

#: Added to the square of each length: lost beside what is not zero, and otherwise a number that has a logarithm.
TINY = sp.Float(1e-300)


class TangentMap(DiscreteSystem):
    """A map with tangent vectors; `tangent_map` makes one.

    Attributes
    ----------
    base : DiscreteSystem
        The map itself.
    count : int
        Number of tangent vectors.
    kept : tuple of int
        Which states of the map are iterated; they come first among the states, then the vectors one after another, then for
        each the sum of logarithms, as a whole number and as what is left, in [0, 1), and how often it was mapped to zero.
    """

    base: DiscreteSystem
    count: int
    kept: tuple[int, ...]

    def equations(self) -> list[Equation]:
        """Those of the map, and what happens to each vector in words: written out they would fill pages."""
        rows = self.base.equations()
        shown = [rows[i] for i in self.kept]
        for j in range(1, self.count + 1):
            others = f" - projections on q1 to q{j - 1}" if j > 2 else " - projection on q1" if j == 2 else ""
            words = rf"\text{{{others}}}" if others else ""
            shown.append(Equation(f"w{j}", f"J*q{j}{others}", f"w_{{{j}}}", f"J q_{{{j}}}{words}"))
            shown.append(Equation(f"q{j}", f"w{j}/|w{j}|", f"q_{{{j}}}", f"w_{{{j}}}/|w_{{{j}}}|"))
        return shown

    def __reduce__(self) -> tuple[Any, ...]:
        """Made again where it arrives: as trees its expressions are far larger than as the graph they are."""
        values = {"defaults": dict(self.defaults), "initial": dict(self.initial), "provenance": self.provenance}
        return _made_again, (self.base, self.count, len(self.kept) == len(self.base.states), values)


def _made_again(base: DiscreteSystem, count: int, keep: bool, values: dict[str, Any]) -> TangentMap:
    found = tangent_map(base, count, keep=keep)
    found.__setstate__({**found.__dict__, **values})
    return found


def tangent_map(system: System, count: int | None = None, *, keep: bool = False) -> TangentMap:
    """The map extended by tangent vectors, which the Jacobian moves and Gram and Schmidt make orthonormal, all in one step.

    It is a `DiscreteSystem` like any other, for `symdyn.simulate` and `symdyn.compile` on any target.

    Parameters
    ----------
    system : DiscreteSystem
        Random maps too: the Jacobian is then that of the step as it was drawn.
    count : int, optional
        Number of vectors, and so of exponents, from the largest on; by default as many as there are states.
    keep : bool
        Iterate states also where the Jacobian does not depend on them.  Numbers that grow without bounds under a linear map
        would overflow, whereas its exponents need none of them.

    Returns
    -------
    TangentMap

    Raises
    ------
    DeclarationError
        If `system` is no map, or `count` is not from 1 to the number of states.

    Examples
    --------
    >>> from symdyn.models import zoo
    >>> extended = tangent_map(zoo.logistic_map())
    >>> print(extended)
    x[t+1] = r*x*(1 - x)
    w1 = J*q1
    q1 = w1/|w1|
    >>> extended.names
    ('x', 'q1_x', 'whole1', 'part1', 'zeros1')
    """
    if not isinstance(system, System) or system.map is None:
        raise DeclarationError(f"Lyapunov exponents need a map, a DiscreteSystem; got {type(system).__name__}")
    states = system.states
    n = len(states)
    count = n if count is None else count
    if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or not 1 <= count <= n:
        raise DeclarationError(f"count is {count!r}; expected a number of exponents from 1 to {n}, the number of states")
    jacobian = [[derivative(e, s) for s in states] for e in system.map]
    needed = set(states) if keep else _needed(system, [e for row in jacobian for e in row])
    kept = tuple(i for i, s in enumerate(states) if s in needed)
    taken = {s.name for s in (*states, *system.parameters, *system.observables, system.time)}

    def new(name: str) -> sp.Symbol:
        while name in taken:
            name += "_"
        taken.add(name)
        return sp.Symbol(name)

    before = [[new(f"q{j}_{s}") for s in states] for j in range(1, count + 1)]
    sums = [(new(f"whole{j}"), new(f"part{j}"), new(f"zeros{j}")) for j in range(1, count + 1)]
    after, squares, lost = _orthonormal(jacobian, before)
    rows: dict[sp.Symbol, sp.Expr] = {states[i]: system.map[i] for i in kept}
    rows |= {q: e for old, fresh in zip(before, after, strict=True) for q, e in zip(old, fresh, strict=True)}
    for (integer, part, zeros), square, none in zip(sums, squares, lost, strict=True):
        # no digits are lost in long sums: integers are exact, and the remainder is below 1
        total = part + sp.log(square, evaluate=False) / 2
        carried = sp.floor(total, evaluate=False)
        rows[integer], rows[part] = integer + carried, total - carried
        rows[zeros] = zeros + none
    # at random: unit vectors could lie in a subspace that the map leaves alone
    first, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((n, int(count))))
    known = system.initial_numbers()  # what is not kept may be missing in expressions
    initial = {states[i]: known[states[i]] for i in kept if states[i] in known}
    initial |= {q: float(first[i, j]) for j, column in enumerate(before) for i, q in enumerate(column)}
    initial |= {s: 0.0 for three in sums for s in three}
    present = dag.free_symbols(rows.values())
    extended = TangentMap(
        rows,
        {p: v for p, v in system.defaults.items() if p in present},
        initial=initial,
        time=system.time,
        provenance=(*system.provenance, f"with {count} tangent vectors (Benettin et al. 1980)"),
    )
    extended.__dict__.update(base=system, count=int(count), kept=kept)
    return extended


def _needed(system: System, entries: list[sp.Expr]) -> set[sp.Symbol]:
    """States on which the Jacobian depends, in this or in subsequent steps."""
    following = dict(zip(system.states, system.part("map"), strict=True))
    found: set[sp.Symbol] = set()
    fresh = dag.free_symbols(entries) & following.keys()
    while fresh:
        found |= fresh
        fresh = (dag.free_symbols([following[s] for s in fresh]) & following.keys()) - found
    return found


def _dot(u: list[sp.Expr], v: list[sp.Expr]) -> sp.Expr:
    return sp.Add(*(a * b for a, b in zip(u, v, strict=True)))


def _orthonormal(
    jacobian: list[list[sp.Expr]], vectors: list[list[sp.Symbol]]
) -> tuple[list[list[sp.Expr]], list[sp.Expr], list[sp.Expr]]:
    """Images of the vectors made orthonormal by modified Gram-Schmidt, squares of their lengths, and 1 for each that was zero.

    What is mapped to zero keeps its direction, so that it can grow again.
    """
    found: list[list[sp.Expr]] = []
    squares, lost = [], []
    for v in vectors:
        w = [_dot(row, v) for row in jacobian]
        for q in found:
            share = _dot(q, w)
            w = [a - share * b for a, b in zip(w, q, strict=True)]
        squares.append(_dot(w, w) + TINY)
        lost.append(sp.floor(TINY / squares[-1], evaluate=False))
        found.append([a / sp.sqrt(squares[-1]) + lost[-1] * b for a, b in zip(w, v, strict=True)])
    return found, squares, lost


def follow(extended: TangentMap, design: Design, times: np.ndarray, *, seed: int, target: str) -> tuple[np.ndarray, np.ndarray]:
    """States of the extended map (N, T, m) at `times`, counted from step 0, and status (N,), for the design of its base."""
    first, parameters = design.rows(0, design.size)
    start = np.empty((design.size, len(extended.states)))
    start[:, : len(extended.kept)] = first[:, list(extended.kept)]
    for i in range(len(extended.kept), start.shape[1]):
        start[:, i] = extended.initial[extended.states[i]]
    wanted = [extended.base.parameters.index(p) for p in extended.parameters]
    grid = times if times[0] == 0 else np.concatenate([[0.0], times])
    values, status = run_rows(extended, grid, start, parameters[:, wanted], seed=seed, target=target)
    return values[:, grid.size - times.size :], status


def growth(extended: TangentMap, values: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Exponents and their standard errors (N, count) from states (N, B + 1, m) at the ends of batches of `length` steps."""
    sums = values[..., len(extended.kept) + extended.count * len(extended.base.states) :]
    gained = np.diff(sums[..., 0::3], axis=1) + np.diff(sums[..., 1::3], axis=1)
    means = gained / length
    mean, error = means.mean(axis=1), means.std(axis=1, ddof=1) / np.sqrt(means.shape[1])
    lost = sums[:, -1, 2::3] > sums[:, 0, 2::3]
    return np.where(lost, -np.inf, mean), np.where(lost, 0.0, error)
