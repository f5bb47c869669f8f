"""Steady states of a system: all of them where the right-hand side is algebraic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.analysis.conservation import exact_integrals, sampled_integrals, tangent_space
from symdyn.analysis.field import Field
from symdyn.analysis.field_states import field_steady_states
from symdyn.analysis.polynomials import NotAlgebraic, exact, polynomial_system
from symdyn.analysis.search import search
from symdyn.analysis.zeros import all_zeros
from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.simulation.dataset import attributes, listed_values
from symdyn.simulation.frames import observe, observer
from symdyn.simulation.sweeps import make_design
from symdyn.system import System

__all__ = ["steady_states"]

#: Variables of the result that are not states.
COLUMNS = ("stable", "eigenvalue_real", "eigenvalue_imag", "residual")


def steady_states(
    system: System,
    parameters: Mapping[Any, Any] | None = None,
    *,
    initial: Mapping[Any, Any] | None = None,
    real: bool = True,
    positive: bool | Sequence[Any] | None = None,
    starts: int | None = None,
    seed: int = 0,
    grid: Any = None,
) -> xr.Dataset:
    r"""Every steady state, :math:`f(x, p) = 0`, and whether it is stable; several of fields.

    For right-hand sides that are rational functions of the states all isolated real solutions are found, and counted:
    ``attrs["complete"]`` is 1 if as many were found as there are, and otherwise ``attrs["notes"]`` says what is wanting.
    Unknowns that occur linearly are eliminated exactly; the roots of one unknown that is then left are isolated exactly,
    those of two through a resultant, whose multiplicities, or real roots in other coordinates, say how many there are;
    three and more are found by homotopy continuation, each proven by Krawczyk's test, and their number is that of Bezout or
    the dimension of the quotient algebra.  The latter is computed modulo a prime of 31 bits, and wrong with a probability of
    about :math:`10^{-9}` for each pivot (see `symdyn.analysis.counting`).  Where more digits are needed, four and sixteen times
    as many are used.
    Other right-hand sides, and algebraic ones for which all this would take more than about ten seconds of a typical core, are
    searched from many starting points; ``complete`` is then 0.  The search of moment
    equations also starts from moments of log-normal distributions, from steady states of the first two moments, and from
    late times of solutions.

    Of fields on a grid or on finite elements those states are found that damped Newton iterations come to from the initial
    values, then, by deflation, from perturbations along the unstable eigenvectors of those found, and from random smooth ones.
    They take what is conserved from the initial values, and along periodic axes one of all shifts.  Where factors would be too
    dear linear equations are solved by GMRES; the notes say where that failed, and what of eigenvalues is an estimate.

    Parameters
    ----------
    system : ODESystem, DiscreteSystem or PDESystem
        Autonomous.  For a map the steady states are its fixed points.
    parameters : mapping, optional
        Values by symbol or name over the defaults of the system; arrays make a sweep, as in `symdyn.simulate`.
    initial : mapping, optional
        Values of the states from which conserved quantities are computed: steady states are then those that can be reached.
        Needed if the system has linear first integrals, unless it has initial values of its own.  Of fields: where the search
        begins, as in `symdyn.simulate`.
    real : bool
        Leave out complex steady states of algebraic systems.
    positive : bool or sequence of states, optional
        Keep steady states alone where all states, or those named, are not negative.
    starts, seed : int
        Of the search: 256 starting points, for fields 16.
    grid : int or sequence of int, optional
        Cells along each axis, of fields without a grid; also a system of `PDESystem.discretize` has one.

    Returns
    -------
    xarray.Dataset
        A variable for each state and observable with dims (sweeps..., ``branch``), ``stable``, the eigenvalue of the
        Jacobian with largest real part (for a map: largest modulus) as ``eigenvalue_real`` and ``eigenvalue_imag``, and
        ``residual``, the largest ``|f|``.  Branches are sorted by the first state; in a sweep they are padded with NaN.
        Attributes: ``complete`` (0 or 1), ``method``, ``notes``, ``parameters`` and how it was made.  Fields have their
        positions as further dims, and ``unstable`` is the number of growing modes among the eight rightmost; the stable and
        larger ones come first, of mirror images the one that begins higher.

    Raises
    ------
    DeclarationError
        For systems that depend on time, missing values, and first integrals whose values are not known.

    Notes
    -----
    Floats are taken for the decimal numbers they print as: 0.1 is exactly 1/10.  At single values of a parameter a branch of
    rational equations may be at infinity: it is then missing, rightly, though it is there on both sides.

    References
    ----------
    Sommese & Wampler, The Numerical Solution of Systems of Polynomials (2005); Cox, Little & O'Shea, Using Algebraic
    Geometry, 2nd ed. (2005), chapters 2 and 3; Krawczyk, Computing 4 (1969) 187; Mourrain, AAECC-13 (1999) 430.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, r = sp.symbols("x r")
    >>> found = steady_states(sd.ODESystem({x: r * x - x**3}), {r: 4})
    >>> found.x.values.tolist(), found.stable.values.tolist()
    ([-2.0, 0.0, 2.0], [True, False, True])

    The same equation on an interval of length pi with u = 0 at both ends has, for r = 2, zero and two more states:

    >>> fisher = sd.PDESystem.from_text("u' = laplacian(u) + 2*u - u**3", domain=(0, 3.14159265), boundary=sd.Dirichlet(0))
    >>> found = steady_states(fisher, initial={"u": 1}, grid=20)
    >>> (found.u.mean("x").values.round(2) + 0.0).tolist(), found.unstable.values.tolist()
    ([0.76, -0.76, 0.0], [0, 0, 1])
    """
    if "fields" in system.parts:
        if not real:
            raise DeclarationError("real=False belongs to algebraic systems of numbers; fields have real states alone")
        return field_steady_states(
            system,
            parameters,
            initial=initial,
            grid=grid,
            positive=positive,
            starts=16 if starts is None else starts,
            seed=seed,
        )
    if grid is not None:
        raise DeclarationError(f"grid= belongs to systems of fields; a {type(system).__name__} has none")
    starts = 256 if starts is None else starts
    field = Field(system)
    clash = [s for s in (*system.names, *(o.name for o in system.observables)) if s in (*COLUMNS, "branch")]
    if clash:
        raise DeclarationError(f"{clash[0]!r} names a variable of the result; give the state another name")
    wanted = _wanted(system, positive)
    given = True
    try:
        design = make_design(system, initial, parameters, None)
    except DeclarationError:
        if initial is not None:
            raise
        given = False  # initial values matter to conserved quantities alone
        design = make_design(system, dict.fromkeys(system.states, 0.0), parameters, None)
    first, rows = design.rows(0, design.size)
    found = [_Point(field, p, x0 if given else None, starts=starts, seed=seed) for x0, p in zip(first, rows, strict=True)]
    for point in found:
        point.solve(real=real)
        point.states = [x for x in point.states if all(_positive(x[i]) for i in wanted)]
    return _dataset(system, field, design, found, rows, real)


def _wanted(system: System, positive: bool | Sequence[Any] | None) -> list[int]:
    """Indices of states that must not be negative."""
    if positive is None or positive is False:
        return []
    if positive is True:
        return list(range(len(system.states)))
    return [system.states.index(lookup(k, system.states, "state")) for k in positive]


def _positive(x: complex) -> bool:
    return x.real >= 0 and x.imag == 0


class _Point:
    """The steady states at one point of a sweep."""

    def __init__(self, field: Field, p: np.ndarray, initial: np.ndarray | None, *, starts: int, seed: int) -> None:
        self.field, self.p, self.initial, self.starts, self.seed = field, p, initial, starts, seed
        self.states: list[np.ndarray] = []
        self.complete, self.method, self.notes = True, "", ""
        self.integrals: np.ndarray | None = None

    def solve(self, *, real: bool) -> None:
        try:
            self._algebraic(real)
        except (NotAlgebraic, OverflowError) as reason:
            self._search(str(reason))

    def _algebraic(self, real: bool) -> None:
        field = self.field
        values = dict(zip(field.system.parameters, self.p, strict=True))
        algebraic = polynomial_system(field.expressions, field.states, values)
        equations = list(algebraic.numerators)
        integrals = exact_integrals(algebraic)
        self.integrals = np.array([[int(w.numerator) / int(w.denominator) for w in row] for row in integrals])
        self.integrals = self.integrals.reshape(-1, len(field.states))
        if integrals:
            start = [exact(v) for v in self._start()]
            gens = algebraic.ring.gens
            for row in integrals:
                pivot = next(k for k, w in enumerate(row) if w)
                total = sum(w * v for w, v in zip(row, start, strict=True))
                equations[pivot] = sum(w * g for w, g in zip(row, gens, strict=True)) - total
        zeros = all_zeros(equations, algebraic.denominators, real=real)
        self.states = [np.array([complex(v) for v in x]) for x in zeros.points]
        self.complete, self.method, self.notes = zeros.complete, ", ".join(zeros.methods), "; ".join(zeros.notes)
        if zeros.unfinished:
            raise OverflowError(zeros.unfinished)

    def _search(self, reason: str) -> None:
        if self.integrals is None:
            self.integrals = sampled_integrals(self.field, self.p)
        extra = (self.integrals, self.integrals @ self._start()) if len(self.integrals) else None
        known = list(self.states)
        found = search(self.field, self.p, starts=self.starts, seed=self.seed, extra=extra)
        new = [x for x in found if not any(np.allclose(x, y, rtol=1e-7, atol=1e-10 * (1 + np.abs(y).max())) for y in known)]
        self.states = sorted([*known, *(x.astype(complex) for x in new)], key=lambda x: [(v.real, v.imag) for v in x])
        searched = f"search from {self.starts} points"
        self.complete, self.method = False, f"{self.method}, {searched}" if self.method else searched
        self.notes = f"{reason}; other steady states may exist"

    def _start(self) -> np.ndarray:
        if self.initial is not None:
            return self.initial
        assert self.integrals is not None
        laws = ", ".join(
            " + ".join(f"{w:g}*{s}" for w, s in zip(row, self.field.states, strict=True) if w) for row in self.integrals
        )
        raise DeclarationError(
            f"steady states form families, one for each value of what is conserved ({laws}); "
            "pass initial={...}, a value for each state, to choose one"
        )

    @property
    def tangent(self) -> np.ndarray | None:
        return None if self.integrals is None else tangent_space(self.integrals)


def _dataset(system: System, field: Field, design: Any, found: list[_Point], rows: np.ndarray, real: bool) -> xr.Dataset:
    """Everything found, padded to the largest number of branches."""
    count = max((len(point.states) for point in found), default=0)
    n = len(system.states)
    kind = float if real else complex
    values = np.full((len(found), count, n), np.nan, kind)
    stable = np.zeros((len(found), count), bool)
    rightmost = np.full((len(found), count), np.nan, complex)
    residual = np.full((len(found), count), np.nan)
    for k, point in enumerate(found):
        for b, x in enumerate(point.states):
            values[k, b] = x.real if real else x
            if (x.imag != 0).any():
                continue
            eigenvalues = field.eigenvalues(x.real, point.p, point.tangent)
            stable[k, b] = field.stable(eigenvalues)
            rightmost[k, b] = eigenvalues[0] if eigenvalues.size else -np.inf
            residual[k, b] = np.abs(field(x.real, point.p)).max()
    dims, shape = design.dims, design.shape
    data = xr.Dataset(coords={"branch": np.arange(count), **{d: (d, c) for d, c in design.coords.items() if d in dims}})
    observed = values.real
    if system.observables and real:
        observed = observe(observer(system), values, rows, np.zeros(count))
    names = [*system.names, *(o.name for o in system.observables)] if real else list(system.names)
    shaped = (observed if real else values).reshape(*shape, count, len(names))
    for i, name in enumerate(names):
        data[name] = ((*dims, "branch"), shaped[..., i])
    for name, column in zip(COLUMNS, (stable, rightmost.real, rightmost.imag, residual), strict=True):
        data[name] = ((*dims, "branch"), column.reshape(*shape, count))
    single = [(s.name, v) for s, v in zip(system.parameters, rows[0], strict=True) if s.name not in dims]
    data.attrs = attributes(
        system,
        complete=int(all(point.complete for point in found)),
        method="; ".join(dict.fromkeys(point.method for point in found if point.method)),
        notes="; ".join(dict.fromkeys(point.notes for point in found if point.notes)),
        parameters=listed_values(single),
    )
    return data
