r"""Root finding as a flow: homotopies that lead from a known point to a root of a right-hand side, and Newton's flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.declaration import expression
from symdyn.derive.sensitivities import fresh_symbol
from symdyn.errors import DeclarationError
from symdyn.gradients import gradients
from symdyn.models.events import Event
from symdyn.models.ode import ODESystem
from symdyn.registry import suggest
from symdyn.system import System

__all__ = ["ALONG", "HOMOTOPIES", "homotopy", "vanishing_sides"]

HOMOTOPIES = ("newton", "fixed-point", "flow")
ALONG = ("arclength", "parameter")
#: How far the slope of the parameter passes 0 until a fold is counted: rounding near 0 would count it again.
TURNED = sp.Rational(1, 10_000)


def homotopy(system: System, kind: str = "newton", *, along: str | None = None, scale: Any = None) -> ODESystem:
    r"""A system whose solution leads to a root of the right-hand sides F of another one, so to one of its steady states.

    From a start :math:`x_0`, at which the parameter :math:`\lambda` is 0, a curve of zeros leads to a root at
    :math:`\lambda = 1`:

    .. math:: H(x, \lambda) = F(x) - (1 - \lambda)\,F(x_0) \quad\text{("newton")}, \qquad
              H(x, \lambda) = \lambda\,F(x) + (1 - \lambda)(x - x_0) \quad\text{("fixed-point")}.

    Along its arc length s the curve passes folds, where :math:`\lambda` turns around.  Its tangent (v, w) is determined by
    algebraic equations, so no matrix is inverted on paper:

    .. math:: \frac{dx}{ds} = v, \quad \frac{d\lambda}{ds} = w, \qquad
              0 = H_x v + H_\lambda w + H, \qquad 0 = |v / c|^2 + w^2 - 1 .

    The last H in the first of these draws numbers that have left the curve back to it, as :math:`dH/ds = -H`.  Along the
    parameter itself, ``along="parameter"``, time is :math:`\lambda` and :math:`w = 1`; such a solution fails at a fold.
    Newton's flow, ``"flow"``, has no parameter: :math:`\dot x = v` with :math:`0 = F_x v + F`, so that
    :math:`F(x(t)) = e^{-t} F(x(0))`; it fails where the determinant of :math:`F_x` vanishes.

    Parameters
    ----------
    system : ODESystem or DiscreteSystem
        Autonomous; of a map F is the next state minus the state.  Without unknown terms, delays, events, inputs and algebraic
        equations.
    kind : {'newton', 'fixed-point', 'flow'}, optional
    along : {'arclength', 'parameter'}, optional
        Of a homotopy; the first unless given.
    scale : number or expression, optional
        c, the size of the states against which the length of the curve is measured, 1 unless given.

    Returns
    -------
    ODESystem
        Along the arc length, with the states of `system`, ``lam``, and ``folds``, the number of those passed.  The start is
        given by parameters, ``x_start`` for the state x, whose defaults are the initial values of `system`.  With
        ``until="lam >= 1"`` a simulation ends at a root; `symdyn.analysis.homotopy_roots` does so from many starts.

    Raises
    ------
    DeclarationError
        For other systems, kinds and ways.

    See Also
    --------
    symdyn.analysis.root_paths : all roots of polynomial systems.

    References
    ----------
    Allgower & Georg, Numerical Continuation Methods (1990), chapters 2 and 11; Davidenko, Dokl. Akad. Nauk SSSR 88 (1953) 601;
    Branin, IBM J. Res. Dev. 16 (1972) 504 (Newton's flow).

    Examples
    --------
    The curve from x = -2 passes two folds on the way to the only root of :math:`x^3 - 3 x - 5`:

    >>> import symdyn as sd
    >>> cubic = sd.ODESystem.from_text("x' = x^3 - 3*x - 5")
    >>> path = sd.derive.homotopy(cubic)
    >>> found = sd.simulate(path, [0, 20], parameters={"x_start": -2}, until="lam >= 1", rtol=1e-9, progress=False)
    >>> found.x[-1].round(6).item(), found.folds[-1].item()
    (2.279019, 2.0)
    """
    if kind not in HOMOTOPIES:
        raise DeclarationError(f"the homotopy is {kind!r}; known: {', '.join(HOMOTOPIES)}.{suggest(str(kind), HOMOTOPIES)}")
    if along is not None and along not in ALONG:
        raise DeclarationError(f"along is {along!r}; known: {', '.join(ALONG)}.{suggest(str(along), ALONG)}")
    if kind == "flow" and along is not None:
        raise DeclarationError("Newton's flow has no parameter and no arc length; leave along out")
    arclength = kind != "flow" and along != "parameter"
    if scale is not None and not arclength:
        raise DeclarationError("scale measures arc length, which this flow does not follow; leave it out")
    states, sides = system.states, vanishing_sides(system, "homotopy")
    taken = {s.name for s in (*states, *system.parameters)}
    length = fresh_symbol("s" if arclength else "t" if kind == "flow" else "lam", taken)
    rates = [fresh_symbol(f"{x.name}_slope", taken) for x in states]
    if kind == "flow":
        return _flow(system, states, sides, rates, length)
    starts = [fresh_symbol(f"{x.name}_start", taken) for x in states]
    lam = fresh_symbol("lam", taken) if arclength else length
    at_start = dag.replace(sides, dict(zip(states, starts, strict=True)))
    if kind == "newton":
        curve = [f - (1 - lam) * begun for f, begun in zip(sides, at_start, strict=True)]
    else:
        curve = [lam * f + (1 - lam) * (x - a) for f, x, a in zip(sides, states, starts, strict=True)]
    rows: dict[sp.Symbol, sp.Expr] = dict(zip(states, rates, strict=True))
    initial: dict[sp.Symbol, Any] = dict(zip(states, starts, strict=True))
    events, ahead = [], sp.Integer(1)
    further = {}
    if arclength:
        ahead, folds = fresh_symbol("lam_slope", taken), fresh_symbol("folds", taken)
        side = fresh_symbol("direction", taken)
        c = expression(1 if scale is None else scale)
        if c.free_symbols - set(system.parameters):
            raise DeclarationError(f"the scale is {c}; expected a number or an expression of parameters")
        rows |= {lam: ahead, folds: sp.S.Zero, side: sp.S.Zero}
        further[ahead] = sp.Add(*((v / c) ** 2 for v in rates), ahead**2, -1)
        initial |= {lam: 0, folds: 0, side: 1, ahead: 1}
        events = [
            Event(sp.And(sign * ahead < -TURNED, sign * side > 0), {folds: folds + 1, side: -sign}) for sign in (1, -1)
        ]  # fmt: skip
    tangent = _tangent(curve, {**dict(zip(states, rates, strict=True)), lam: ahead})
    made = ODESystem(
        rows, algebraic={**dict(zip(rates, tangent, strict=True)), **further},
        initial={**initial, **dict.fromkeys(rates, 0)}, events=events, time=length,
        provenance=(*system.provenance, f"{kind} homotopy along its {'arc length' if arclength else 'parameter'}"),
    )  # fmt: skip
    known = dict(system.defaults)
    known |= {a: system.initial[x] for a, x in zip(starts, states, strict=True) if _number(system.initial.get(x))}
    return made.with_parameters({p: v for p, v in known.items() if p in made.parameters})


def vanishing_sides(system: System, what: str) -> tuple[sp.Expr, ...]:
    """What vanishes at a steady state: the rates of change, or of a map the changes.

    Raises
    ------
    DeclarationError
        For systems with other parts, unknown terms or time.
    """
    if (reason := system.unmet(["drift"])) and (of_map := system.unmet(["map"])):
        raise DeclarationError(f"{what}: {of_map if system.whole_steps else reason}")
    if system.unknowns:
        raise DeclarationError(f"{system.unknowns[0]} is an unknown term; fill it in with with_terms before {what}")
    if system.time_dependent:
        raise DeclarationError(f"the right-hand side depends on {system.time}; {what} needs an autonomous system")
    sides = system.deterministic(what)
    return tuple(f - x for f, x in zip(sides, system.states, strict=True)) if system.whole_steps else tuple(sides)


def _flow(
    system: System, states: Sequence[sp.Symbol], sides: Sequence[sp.Expr], rates: Sequence[sp.Symbol], time: sp.Symbol
) -> ODESystem:
    motion = dict(zip(states, rates, strict=True))
    made = ODESystem(
        motion, algebraic=dict(zip(rates, _tangent(sides, motion), strict=True)), time=time,
        initial={**system.initial, **dict.fromkeys(rates, 0)}, provenance=(*system.provenance, "Newton's flow"),
    )  # fmt: skip
    return made.with_parameters({p: v for p, v in system.defaults.items() if p in made.parameters})


def _tangent(curve: Sequence[sp.Expr], motion: Mapping[sp.Symbol, sp.Expr]) -> list[sp.Expr]:
    """The derivative of each expression in the direction of a motion, plus the expression."""
    far = sp.Dummy("far")
    moved = gradients(dag.replace(curve, {x: x + far * v for x, v in motion.items()}), [far])
    slopes = dag.replace([of.get(far, sp.S.Zero) for of in moved], {far: sp.S.Zero})
    return [slope + e for slope, e in zip(slopes, curve, strict=True)]


def _number(value: Any) -> bool:
    return value is not None and not getattr(expression(value), "free_symbols", True)
