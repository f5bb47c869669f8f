"""Structural identifiability: which parameters, initial values and combinations of them outputs determine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.analysis.invariants import Invariants, NullSpaces
from symdyn.analysis.output_series import ObservedSystem, OutputSeries
from symdyn.analysis.residue_series import SeriesPoints, expand
from symdyn.analysis.residues import null_space, primes, rank, reduced
from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.given_values import listed, lookup
from symdyn.methods.options import check_whole
from symdyn.paths import Path
from symdyn.system import System

__all__ = ["StructuralIdentifiability", "assess", "identifiability", "refuse_structure"]

#: Points, each modulo a prime of its own, of which the largest rank counts.
TRIALS = 3
#: Attempts to find a point at which the outputs are defined.
ATTEMPTS = 30


@dataclass(frozen=True, repr=False)
class StructuralIdentifiability:
    """What outputs without errors determine, near almost every value of the unknowns.

    Attributes
    ----------
    identifiable, unidentifiable : tuple of Symbol
        Unknowns that the outputs determine, up to finitely many values, and the others; ``x(0)`` is the initial value of x.
    combinations : tuple of Expr
        Independent functions of the others that the outputs determine: of parameters alone first.
    scalings : tuple of mapping of Symbol to int
        Exponents a: no output changes if every unknown q of them becomes ``s**a[q] * q``.
    missing : int
        How many more independent combinations there are, which are no sums of few monomials.
    rank, count : int
        Number of directions that the outputs determine, and of unknowns.
    order : int
        Highest derivative of the outputs in time that was used.
    error : float
        Bound of the probability that the rank is too low.
    proven : bool
        Whether the order is known to be sufficient: no initial value is a number in special position.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -(a + b)*x")
    >>> found = sd.identifiability(decay)
    >>> print(found)
    identifiable (locally): x(0)
    not identifiable: a, b
    identifiable combinations: a + b
    >>> bool(found), found.rank, found.count
    (False, 2, 3)
    """

    identifiable: tuple[sp.Symbol, ...]
    unidentifiable: tuple[sp.Symbol, ...]
    combinations: tuple[sp.Expr, ...]
    scalings: tuple[Mapping[sp.Symbol, int], ...]
    missing: int
    rank: int
    count: int
    order: int
    error: float
    proven: bool = True
    notes: tuple[str, ...] = field(default=())

    def __bool__(self) -> bool:
        """Whether everything is identifiable, locally."""
        return not self.unidentifiable

    def __str__(self) -> str:
        lines = [f"identifiable (locally): {_listed(self.identifiable)}"]
        if self.unidentifiable:
            lines.append(f"not identifiable: {_listed(self.unidentifiable)}")
            if self.combinations:
                lines.append(f"identifiable combinations: {_listed(self.combinations)}")
            for scaling in self.scalings:
                changed = ", ".join(f"{q} by {'s' if a == 1 else f's^{a}'}" for q, a in scaling.items())
                lines.append(f"no output changes if one scales {changed}")
            if self.missing:
                lines.append(f"{self.missing} more combinations of {_listed(self.unidentifiable)} were not found")
        if not self.proven:
            lines.append(
                f"note: derivatives up to order {self.order} were used, which initial values that are numbers may exceed"
            )
        return "\n".join([*lines, *(f"note: {n}" for n in self.notes)])

    __repr__ = __str__


def identifiability(
    system: System,
    observables: Any = None,
    *,
    parameters: Iterable[Any] | None = None,
    initial: Mapping[Any, Any] | None = None,
    seed: int = 0,
) -> StructuralIdentifiability:
    r"""Which parameters and initial values the observables determine, if they are known without error at all times.

    The rank of the derivatives of the Taylor coefficients of the observables by the unknowns is computed at random points
    modulo primes near 2^31, up to the order of the number of states and unknowns where that is needed.  A rank is too low with
    at most the probability ``error`` of the result.  Unknowns whose rows of the null space are zero are identifiable, up to
    finitely many values.  Of the others all scalings are found, all combinations that are monomials, and combinations that are
    sums of monomials of degrees up to three, or of quotients.

    Parameters
    ----------
    system : ODESystem
        Without events, delays, algebraic equations and unknown terms, of rational functions, roots, powers, exponentials,
        logarithms and circular functions.  Inputs (`symdyn.Path`) are known, and taken to vary as richly as may be.
    observables : mapping to Expr, or iterable, optional
        Expressions of states, parameters and time, or their names; by default those that the system declares, else its states.
    parameters : iterable, optional
        The unknown ones; all by default.  Others are known: their values if they have some, else numbers in general position.
    initial : mapping, optional
        Initial values over those that the system declares: numbers, expressions of parameters and of further symbols, which are
        known numbers in general position; or None, for an unknown one.  What is neither declared nor given is unknown.
    seed : int
        Of the random points.

    Returns
    -------
    StructuralIdentifiability
        It prints, is true if everything is identifiable, and has ``identifiable``, ``combinations`` and ``scalings``.

    Raises
    ------
    DeclarationError
        For other systems, functions and names.

    References
    ----------
    Sedoglavic, Journal of Symbolic Computation 33, 735 (2002); Karlsson, Anguelova & Jirstrand, IFAC Proceedings 45, 941
    (2012); Meshkat, Eisenberg & DiStefano, Mathematical Biosciences 222, 61 (2009) (combinations).

    Examples
    --------
    Of an epidemic an unknown share k of the infected is reported:

    >>> import sympy as sp, symdyn as sd
    >>> S, I, beta, gamma, k = sp.symbols("S I beta gamma k")
    >>> sir = sd.ODESystem({S: -beta*S*I, I: beta*S*I - gamma*I})
    >>> print(sd.identifiability(sir, {"reported": k * I}))
    identifiable (locally): gamma
    not identifiable: beta, k, S(0), I(0)
    identifiable combinations: beta/k, I(0)*beta, S(0)*beta
    no output changes if one scales beta by s, k by s, S(0) by s^-1, I(0) by s^-1
    """
    refuse_structure(system)
    check_whole(0, seed=seed)
    outputs = _outputs(system, observables)
    own = dag.free_symbols(outputs) - {*system.states, *system.parameters, system.time}
    extra = sorted((s for s in own if not isinstance(s, Path)), key=lambda s: s.name)
    known = (*(p for p in system.parameters if not isinstance(p, Path)), *extra)
    unknown = list(known if parameters is None else dict.fromkeys(lookup(k, known, "parameter") for k in listed(parameters)))
    values = {p: expression(v) for p, v in system.defaults.items() if p not in unknown and not isinstance(p, Path)}
    starts, opened, special = _starts(system, initial, values)
    fixed = {p: sp.Rational(str(float(v))) for p, v in values.items()}
    experiment = ObservedSystem(
        {s: f.xreplace(fixed) for s, f in zip(system.states, system.drift or (), strict=True)},
        {s: e.xreplace(fixed) for s, e in starts.items()},
        tuple(e.xreplace(fixed) for e in outputs), system.time,
    )  # fmt: skip
    return assess([experiment], unknown, opened, special=special, seed=seed)


def assess(
    experiments: Sequence[ObservedSystem], parameters: Sequence[sp.Symbol], initial: Sequence[sp.Symbol], *,
    special: bool, seed: int = 0, notes: tuple[str, ...] = (),
) -> StructuralIdentifiability:  # fmt: skip
    """The same of several experiments, whose unknowns are `parameters` and `initial` values.

    `special` says that initial values are numbers.

    Raises
    ------
    DeclarationError
        For functions that are unknown here, or without unknowns.
    """
    unknowns = (*parameters, *initial)
    if not unknowns:
        raise DeclarationError("everything is known: name unknown parameters, or leave out initial values")
    graph = OutputSeries(experiments, unknowns)
    search = _Search(graph, seed)
    L, n = len(unknowns), len(graph.states)
    bound = (n + L) * (2 if special else 1)
    order, best = search.order(bound, generic=len(initial) == n)
    points = [search.first, *(p for p in (search.points(order, k, 1) for k in range(1, TRIALS)) if p is not None)]
    ranks = [rank(_rows(p), p.prime) for p in points]
    best = max(ranks)
    error = min(1.0, 2.0 * best * (3 * order + 2) * graph.degree / 2**31) ** len(points)
    space = null_space(_rows(points[ranks.index(best)]), points[ranks.index(best)].prime)
    free = [k for k in range(L) if space[k].any()]
    common = {"rank": best, "count": L, "order": order, "error": error, "proven": not special or best == L, "notes": notes}
    kept = tuple(unknowns[k] for k in range(L) if k not in free)
    if not free:
        return StructuralIdentifiability(kept, (), (), (), 0, **common)  # type: ignore[arg-type]
    own, fresh = (NullSpaces(partial(search.points, order, k), L - best) for k in (TRIALS, TRIALS + 1))
    invariants = Invariants(unknowns, own, fresh)
    rest = [k for k in range(L) if k not in free]
    alone, _ = invariants.of([k for k in free if k < len(parameters)], [k for k in rest if k < len(parameters)])
    further, missing = invariants.of(free, rest, alone)
    return StructuralIdentifiability(
        kept, tuple(unknowns[k] for k in free), (*alone, *further), tuple(invariants.scalings()), missing, **common,  # type: ignore[arg-type]
    )  # fmt: skip


class _Search:
    """Random points of one graph."""

    def __init__(self, graph: OutputSeries, seed: int) -> None:
        self.graph, self.primes, self.seed = graph, primes(TRIALS + 2), seed
        self.drawn = 0
        self.first: SeriesPoints

    def points(self, order: int, which: int, count: int) -> SeriesPoints | None:
        """Up to `count` points modulo the prime number `which`."""
        for _ in range(ATTEMPTS):
            self.drawn += 1
            rng = np.random.default_rng((self.seed, self.drawn))
            found = expand(self.graph, rng, count, order, self.primes[which])
            if found is not None:
                return found
        return None

    def order(self, bound: int, *, generic: bool) -> tuple[int, int]:
        """The order that is sufficient, and the rank: up to where it grows no more, if that is known to be final."""
        L = len(self.graph.unknowns)
        order = min(bound, max(4, L // max(len(self.graph.outputs), 1) + 2))
        while True:
            found = self.points(order, 0, 1)
            if found is None:
                raise DeclarationError("the observables are not defined for the initial values, such as 1/x for x = 0")
            self.first = found
            ranks = _ranks(found)
            stops = [k for k in range(1, order + 1) if ranks[k] == ranks[k - 1]] if generic else []
            full = ranks.index(L) if L in ranks else None
            if full is not None or stops or order >= bound:
                last = full if full is not None else stops[0] if stops else order
                self.first = SeriesPoints(found.prime, found.values, found.jacobians[:, : last + 1])
                return last, ranks[last]
            order = min(bound, 2 * order)


def _rows(points: SeriesPoints) -> np.ndarray:
    return points.jacobians[0].reshape(-1, points.jacobians.shape[-1])


def _ranks(points: SeriesPoints) -> list[int]:
    """Ranks of the derivatives up to each order."""
    found, rows = [], np.zeros((0, points.jacobians.shape[-1]), dtype=np.int64)
    for block in points.jacobians[0]:
        rows, pivots = reduced(np.concatenate([rows, block]), points.prime)
        found.append(len(pivots))
    return found


# ---- what is given -----------------------------------------------------------------------------------------------


def refuse_structure(system: Any) -> None:
    """Refuse what is no system of plain ordinary differential equations.

    Raises
    ------
    DeclarationError
        That names what identifiability does not know.
    """
    if not isinstance(system, System):
        raise DeclarationError(f"identifiability needs an ODESystem, got {type(system).__name__}")
    if system.propensities is not None:
        raise DeclarationError(
            "identifiability needs an ODESystem; use net.rate_equations(), net.linear_noise() or net.moments(2)"
        )
    if reason := system.unmet(["drift"], ["inputs"]):
        raise DeclarationError(f"identifiability is not known of this system: {reason}")
    if system.unknowns:
        unknown = ", ".join(map(str, system.unknowns))
        raise DeclarationError(f"the system has unknown terms ({unknown}); fill them in with with_terms")


def _outputs(system: System, given: Any) -> list[sp.Expr]:
    """Expressions of what is observed, with declared observables written out."""
    if given is None:
        sides = list(system.observables.values()) or list(system.states)
    elif isinstance(given, Mapping):
        sides = [expression(e) for e in given.values()]
    else:
        sides = listed(given)
    if not sides:
        raise DeclarationError("observables is empty; name what is observed")
    declared = dict(system.observables)
    known = (*system.states, *declared, *system.parameters)
    found = [lookup(e, known, "variable") if isinstance(e, str) else expression(e) for e in sides]
    return [dag.put_in(e, declared, "observable") for e in found]


def _starts(
    system: System, given: Mapping[Any, Any] | None, values: Mapping[sp.Symbol, sp.Expr]
) -> tuple[dict[sp.Symbol, sp.Expr], list[sp.Symbol], bool]:
    """Initial values by state, symbols of those that are unknown, and whether some are numbers."""
    declared: dict[sp.Symbol, Any] = dict(system.initial)
    for key, value in (given or {}).items():
        declared[lookup(key, system.states, "state")] = None if value is None else expression(value)
    opened = [s for s in system.states if declared.get(s) is None]
    symbols = {s: sp.Symbol(f"{s.name}(0)") for s in opened}
    rules = {s: symbols[s] if s in symbols else expression(declared[s]) for s in system.states}
    found = dict(dag.written_out(rules, "initial value of"))
    special = any(not (e.free_symbols - set(values)) for e in found.values())
    return found, [symbols[s] for s in opened], special


def _listed(items: Sequence[Any]) -> str:
    return ", ".join(map(str, items)) or "nothing"
