r"""Structure of systems with algebraic equations, and the way to one of index 1.

The index is how often algebraic equations have to be differentiated until they and their derivatives determine all unknowns.
Pantelides' algorithm finds which: as long as some equations contain fewer unknowns than there are equations, they are
differentiated, rates of change taking the place of derivatives, and the unknowns in them become states with a rate of change,
the new unknown.  What was differentiated remains true, as a constraint on states with rates of change.  No derivatives are
replaced by dummies: after every step the integration projects the states onto all constraints, so that no choice of states can
become singular along a trajectory.

References
----------
Pantelides, SIAM J. Sci. Stat. Comput. 9 (1988) 213; Mattsson & Söderlind, SIAM J. Sci. Comput. 14 (1993) 677; Hairer & Wanner,
Solving Ordinary Differential Equations II, 2nd ed. (1996), VII.2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.declaration import derivative
from symdyn.errors import DeclarationError
from symdyn.pairing import matched
from symdyn.paths import Path, PathSlope
from symdyn.system import System, delays_in
from symdyn.text.derivatives import derivative_name

__all__ = ["index_reduced"]

#: Nodes of the largest derivative that is expanded to find out whether it is zero.
EXPANDED = 2000


def index_reduced(system: Any, *, eliminate: bool = False) -> Any:
    r"""The system with its algebraic equations differentiated until they determine their unknowns: of index 1.

    `symdyn.simulate`, `symdyn.compile` and sensitivities do this by themselves.  Equations that were differentiated are kept
    as `constraints`, and integration projects onto them after every step.  Where an unknown has to be differentiated, its
    derivative ``z_dot`` becomes a further state.

    Parameters
    ----------
    system : System
        One without algebraic equations, or of index 1, remains as it is, up to which equation stands for which unknown.
    eliminate : bool, optional
        Whether to solve equations that are linear in their unknown, with a coefficient that cannot be zero (a number, or made
        of symbols that are declared positive), and to put the solution in its place; the unknown becomes an observable.
        Without further algebraic equations every method for rates of change applies.

    Returns
    -------
    System
        In `provenance` the index, and which equations were differentiated and solved.

    Raises
    ------
    DeclarationError
        If the equations are structurally singular: more equations than unknowns in them, which are named, or an equation that
        follows from the others; for unknown terms and inputs whose derivatives would be needed; and for `eliminate` where
        constraints are left.

    Examples
    --------
    A pendulum of length L, whose tension follows from the second derivative of the constraint:

    >>> import sympy as sp, symdyn as sd
    >>> x, y, u, v, lam, L = sp.symbols("x y u v lam L")
    >>> pendulum = sd.ODESystem({x: u, y: v, u: -lam * x, v: -lam * y - 9.81}, algebraic={lam: x**2 + y**2 - L**2})
    >>> reduced = pendulum.index_reduced()
    >>> reduced.constraints
    (-L**2 + x**2 + y**2, 2*u*x + 2*v*y)
    >>> reduced.provenance[-1]
    'reduced from index 3 to 1: 0 = -L**2 + x**2 + y**2 differentiated 2 times'

    A conserved total that is solved:

    >>> A, B, total = sp.symbols("A B total")
    >>> print(plain := sd.ODESystem({A: B - A}, algebraic={B: total - A - B}).index_reduced(eliminate=True))
    A' = -2*A + total
    >>> plain.observables, plain.algebraic
    (mappingproxy({B: -A + total}), ())
    """
    if not system.algebraic:
        return system
    _refuse_singular(system)
    reduced = _Reduction(system).system()
    return _solved(reduced) if eliminate else reduced


def _solved(system: Any) -> Any:
    """The system without the unknowns that it can be solved for."""
    if system.constraints:
        kept = system.constraints[0]
        raise DeclarationError(f"eliminate=True is for systems of index 1; this one has the constraint 0 = {kept}")
    rows = dict(zip(system.states, system.part("drift"), strict=True))
    past = {call.func.__name__.rstrip("'") for call in system.delays}
    assigned = {s for event in system.events for s in event.assignments} | {s for s in system.states if s.name in past}
    solutions: dict[sp.Symbol, sp.Expr] = {}
    for z in system.algebraic:
        slope = derivative(rows[z], z)
        if z in assigned or slope.has(z) or not slope.is_nonzero:
            continue
        rest = sp.expand(rows[z] - slope * z)
        if rest.has(z):
            continue
        solution = {z: sp.expand(-rest / slope)}
        del rows[z]
        rows = {s: f.xreplace(solution) for s, f in rows.items()}
        solutions = {s: f.xreplace(solution) for s, f in solutions.items()} | solution
    if not solutions:
        return system
    observed = {o: e.xreplace(solutions) for o, e in system.observables.items()}
    first = {z: e.xreplace({system.time: sp.S.Zero}) for z, e in solutions.items()}
    initial = {s: v.xreplace(first) if isinstance(v, sp.Expr) else v for s, v in system.initial.items() if s in rows}
    line = "solved for " + ", ".join(f"{z} = {e}" for z, e in solutions.items())
    return system.replace(
        states=tuple(rows),
        drift=tuple(rows.values()),
        algebraic=tuple(z for z in system.algebraic if z in rows),
        observables=MappingProxyType({**observed, **solutions}),
        events=tuple(event.mapped(lambda side: side.xreplace(solutions)) for event in system.events),
        initial=MappingProxyType(initial),
        provenance=(*system.provenance, line),
    )


class _Reduction:
    """Pantelides' algorithm on the algebraic equations of a system, with rates of change in the place of derivatives."""

    def __init__(self, system: System) -> None:
        self.before = system
        rows = dict(zip(system.states, system.part("drift"), strict=True))
        self.rates = {s: f for s, f in rows.items() if s not in system.algebraic}
        self.unknowns = list(system.algebraic)
        self.equations = [rows[z] for z in self.unknowns]
        self.promoted: list[sp.Symbol] = []
        self.constraints = list(system.constraints)
        self.count: Counter[int] = Counter()
        self.taken = {s.name for s in (*system.states, *system.parameters, *system.observables, system.time)}
        self.rows = rows

    def system(self) -> System:
        """The system of index 1."""
        before, most = self.before, len(self.rows)
        while True:
            partners, rivals = matched([self._unknowns_in(k) for k in range(len(self.equations))])
            if not rivals:
                break
            if any(self.count[k] >= most for k in rivals):
                raise _redundant(before, [self._original(k) for k in rivals])
            self._differentiate(rivals)
        rows = {**self.rates, **{z: self.equations[k] for k, z in partners.items()}}
        added = tuple(s for s in rows if s not in before.states)
        states = (*before.states, *sorted(added, key=lambda s: s.name))
        drift = tuple(rows[s] for s in states)
        if not self.count and drift == before.drift:
            return before
        lines: tuple[str, ...] = ()
        if self.count:
            index = 1 + max(self.count.values())
            times = ", ".join(
                f"0 = {self._original(k)} differentiated {f'{n} times' if n > 1 else 'once'}"
                for k, n in sorted(self.count.items())
            )
            lines = (f"reduced from index {index} to 1: {times}",)
        return before.replace(
            states=states,
            drift=drift,
            algebraic=tuple(s for s in states if s not in self.rates),
            constraints=tuple(self.constraints),
            free=(*before.free, *self.promoted),
            provenance=(*before.provenance, *lines),
        )

    def _original(self, k: int) -> sp.Expr:
        return self.rows[self.before.algebraic[k]]

    def _unknowns_in(self, k: int) -> list[sp.Symbol]:
        """Unknowns by which an equation has a derivative, first that for which it was declared."""
        e = self.equations[k]
        own = self.before.algebraic[k]
        found = [z for z in self.unknowns if e.has(z) and not _vanishes(derivative(e, z))]
        return sorted(found, key=lambda z: z != own)

    def _differentiate(self, rows: Sequence[int]) -> None:
        """Differentiate equations by time; the unknowns in them become states with a rate of change."""
        system = self.before
        if system.unknowns:
            raise DeclarationError(
                f"the algebraic equation 0 = {self.equations[rows[0]]} has to be differentiated, and there are unknown terms "
                f"({', '.join(map(str, system.unknowns))}); fill them in with with_terms"
            )
        if delayed := delays_in([self.equations[k] for k in rows], system.names):
            raise DeclarationError(
                f"the algebraic equation 0 = {self.equations[rows[0]]} has to be differentiated, and {delayed[0]} with it; "
                "with delays algebraic equations determine their states without that: they are of index 1"
            )
        for z in [z for z in self.unknowns if any(self.equations[k].has(z) for k in rows)]:
            name = derivative_name(z.name, 1)
            while name in self.taken:
                name += "_"
            self.taken.add(name)
            rate = sp.Symbol(name)
            self.rates[z] = rate
            self.promoted.append(z)
            self.unknowns[self.unknowns.index(z)] = rate
        for k in rows:
            e = self.equations[k]
            self.constraints.append(e)
            self.equations[k] = self._slope(e)
            self.count[k] += 1
            if _vanishes(self.equations[k]):
                raise _redundant(system, [self._original(k)])

    def _slope(self, e: sp.Expr) -> sp.Expr:
        """The total derivative of an expression by time."""
        terms = [derivative(e, self.before.time)]
        for s in sorted(e.free_symbols, key=lambda s: s.name):
            if s in self.rates:
                terms.append(derivative(e, s) * self.rates[s])
            elif isinstance(s, Path):
                terms.append(derivative(e, s) * PathSlope(s))
            elif isinstance(s, PathSlope):
                raise DeclarationError(
                    f"the algebraic equations need the second derivative of the input {s.path}; make its slope a further input"
                )
        return sp.Add(*terms)


def _vanishes(e: sp.Expr) -> bool:
    """Whether an expression is zero once it is expanded."""
    return e == 0 or (dag.size(e) <= EXPANDED and sp.expand(e) == 0)


def _redundant(system: System, equations: Sequence[sp.Expr]) -> DeclarationError:
    listed = ", ".join(f"0 = {e}" for e in equations)
    return DeclarationError(
        f"the algebraic equations do not determine {', '.join(map(str, system.algebraic))}: {listed} "
        f"{'follows' if len(equations) == 1 else 'follow'} from the other equations or contradicts them, however often it is "
        "differentiated; replace it by an equation that contains an unknown"
    )


def _refuse_singular(system: System) -> None:
    """Refuse equations of which some have fewer states, with their derivatives, than there are equations."""
    rows = dict(zip(system.states, system.part("drift"), strict=True))
    names = [f"0 = {f}" if s in system.algebraic else f"{s}' = {f}" for s, f in rows.items()]
    present = [[q for q in (s, *system.states) if f.has(q) or (q == s and s not in system.algebraic)] for s, f in rows.items()]
    partners, rivals = matched(present)
    if not rivals:
        return
    inside = [s for s in system.states if any(s in present[k] for k in rivals)]
    left = [s for s in system.states if s not in partners.values()]
    excess, verb = len(rivals) - len(inside), "contains" if len(rivals) == 1 else "contain"
    raise DeclarationError(
        f"the equations are structurally singular: {'; '.join(names[k] for k in rivals)} {verb} "
        f"{'only ' if inside else 'no state'}{', '.join(map(str, inside))}, so that {excess} of them "
        f"{'is' if excess == 1 else 'are'} too many, and no equation is left for {', '.join(map(str, left))}"
    )
