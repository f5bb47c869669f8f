"""The sizes that parameters have where the terms of the equations balance, given those of what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.inference.data import Observations
from symdyn.system import System

__all__ = ["natural_sizes"]

#: The logarithm of a size, linear in those of symbols: their factors, and at 1 what is known.
Form: TypeAlias = dict[sp.Basic, float]
#: Equations and symbols beyond which none is solved for: the matrix would be large, and such systems have values of their own.
MOST = 1_000


class _Balance:
    """Forms of expressions, and which of them are equal."""

    def __init__(self, known: Mapping[sp.Expr, float]) -> None:
        self.forms: dict[sp.Basic, Form] = {s: _number(v) for s, v in known.items() if np.isfinite(v) and v > 0}
        self.equal: list[Form] = []

    def same(self, *forms: Form) -> Form:
        """Take forms for equal; the first of them."""
        self.equal += [_sum(forms[0], other, -1.0) for other in forms[1:]]
        return forms[0]

    def form(self, e: sp.Basic) -> Form:
        """That of an expression."""
        if e not in self.forms:
            self.forms[e] = self._form(e)
        return self.forms[e]

    def _form(self, e: sp.Basic) -> Form:
        if getattr(e, "is_number", False):
            return _number(abs(complex(e)) if e.is_finite else 1.0)
        if e.is_Symbol:
            return {e: 1.0}
        if isinstance(e, AppliedUndef):  # a state at another time, or an unknown term
            for argument in e.args:
                self.form(argument)
            return self.forms.get(sp.Symbol(e.func.__name__), {e: 1.0})
        if e.is_Mul:
            found: Form = {}
            for factor in e.args:
                found = _sum(found, self.form(factor))
            return found
        if e.is_Pow and not e.base.is_number and (e.exp.is_real or not e.exp.is_number):
            power = float(e.exp) if e.exp.is_number else 1.0  # an exponent that is fitted, as in K**n + x**n
            return {s: power * c for s, c in self.form(e.base).items()}
        if isinstance(e, sp.Piecewise | sp.Rel):
            for _, condition in e.args if e.is_Piecewise else ():
                for relation in condition.atoms(sp.Rel):
                    self.form(relation)
            inside = [branch for branch, _ in e.args] if e.is_Piecewise else e.args
        else:
            inside = [part for part in e.args if isinstance(part, sp.Expr)]
        parts = [self.form(part) for part in inside if part != 0]
        if not parts or isinstance(e, sp.Heaviside | sp.sign):
            return {}
        if e.is_Add or isinstance(e, sp.Abs | sp.Max | sp.Min | sp.Piecewise | sp.Rel):  # of numbers the largest counts
            return self.same(*sorted(parts, key=lambda f: (bool(f.keys() - {sp.S.One}), -f.get(sp.S.One, 0.0))))
        self.same({}, *parts)  # functions and exponents have no unit
        return {}


def _number(value: float) -> Form:
    return {sp.S.One: float(np.log(value)) if 0 < value < np.inf else 0.0}


def _sum(a: Form, b: Form, factor: float = 1.0) -> Form:
    return {s: a.get(s, 0.0) + factor * b.get(s, 0.0) for s in {**a, **b}}


def natural_sizes(system: System, seen: Observations, observed: Mapping[str, sp.Expr] | None = None) -> dict[sp.Symbol, float]:
    r"""Sizes of the parameters at which all terms of each equation, and its rate of change, are equally large.

    The logarithms of these sizes obey linear equations: summands are equal, as are numbers beside them; what stands in an
    exponential or a sine, and an input, are of size 1; and a rate of change is :math:`|x|/\tau`, with the geometric mean
    :math:`\tau` of the span of the data and of the time between two of them, as the noise of an equation is
    :math:`|x|/\sqrt{\tau}`.  They are solved by least squares, nearest to sizes of 1, so that first values of fits follow the
    units of the data.

    Parameters
    ----------
    system : System
    seen : Observations
        Of states, or of what `observed` says.
    observed : mapping of str to Expr, optional
        What each column is.

    Returns
    -------
    dict
        By symbol, of parameters without a value and of symbols of `observed`; empty for systems without rates of change or
        next values, as networks and fields, and of more than a thousand equations or symbols.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.inference.data import observations
    >>> growth = sd.ODESystem.from_text("x' = r*x*(1 - x/K)")
    >>> seen = observations(growth, {"t": [0, 1, 16], "x": [1e6, 1e6, 1e6]})
    >>> {p.name: round(v, 6) for p, v in natural_sizes(growth, seen).items()}  # 1/r is sqrt(16*8)
    {'K': 1000000.0, 'r': 0.088388}
    """
    sides = system.map if system.map is not None else system.drift
    if sides is None or len(sides) != len(system.states) or len(sides) > MOST:
        return {}
    formulas = observed or {s.name: s for s in system.states}
    there = np.isfinite(np.concatenate([t.values for t in seen.trajectories])).any(axis=0)
    measured = {formulas[n]: size for n, size, some in zip(seen.states, seen.scale, there, strict=True) if some}
    clocks = [t.times for t in seen.trajectories if np.ptp(t.times) > 0]
    clocks = clocks or [np.unique(np.concatenate([t.times for t in seen.trajectories]))]  # of cells one time each
    taus = [np.log(np.ptp(t)) - 0.5 * np.log(len(np.unique(t)) - 1) for t in clocks if np.ptp(t) > 0]
    tau = float(np.exp(np.mean(taus))) if taus else 1.0
    values = {**system.initial, **system.defaults}
    known = {s: abs(float(v)) for s, v in values.items() if not isinstance(v, sp.Expr) or v.is_number}
    known |= dict.fromkeys(system.inputs, 1.0)
    balance = _Balance({**known, **{e: v for e, v in measured.items() if e in system.states}, system.time: tau})
    rate = _number(1.0 if system.map is not None else 1 / tau)
    for state, side in zip(system.states, sides, strict=True):
        if side != 0:
            balance.same(balance.form(side), _sum(balance.form(state), rate))
    for state, row in zip(system.states, system.diffusion.tolist() if system.diffusion is not None else (), strict=False):
        for noise in filter(None, row):
            balance.same(balance.form(noise), _sum(balance.form(state), _number(tau**-0.5)))
    for state, start in {**system.initial, **system.history}.items():
        if isinstance(start, sp.Expr) and not start.is_number:
            balance.same(balance.form(start), balance.form(state))
    for e, size in measured.items():
        balance.same(balance.form(e), _number(size))
    rows = [row for row in balance.equal if row.keys() - {sp.S.One}]
    symbols = sorted({s for row in rows for s in row} - {sp.S.One}, key=str)
    if not symbols or max(len(rows), len(symbols)) > MOST:
        return {}
    matrix = np.array([[row.get(s, 0.0) for s in symbols] for row in rows])
    found = np.linalg.lstsq(matrix, -np.array([row.get(sp.S.One, 0.0) for row in rows]), rcond=1e-9)[0]
    sizes = dict(zip(symbols, np.exp(np.clip(found, -100, 100)).tolist(), strict=True))
    return {s: v for s, v in sizes.items() if isinstance(s, sp.Symbol) and s not in system.states}
