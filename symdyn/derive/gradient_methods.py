r"""Gradient methods as dynamics: the flows that minimise a function, their certificates, and the methods as maps.

References
----------
Su, Boyd & Candes, J. Mach. Learn. Res. 17 (2016) 153; Shi, Du, Jordan & Su, Math. Program. 195 (2022) 79; Polyak, USSR Comput.
Math. Math. Phys. 4 (1964) 1; Nesterov, Soviet Math. Dokl. 27 (1983) 372; Van Scoy, Freeman & Lynch, IEEE Control Syst. Lett. 2
(2018) 49.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdyn.declaration import as_symbol, derivative, expression
from symdyn.errors import DeclarationError
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.ode import ODESystem
from symdyn.registry import suggest
from symdyn.text.derivatives import derivative_name

__all__ = ["descent", "descent_map"]

FLOWS = ("gradient", "heavy-ball", "nesterov")
MAPS = (*FLOWS, "triple-momentum")
#: What kinds of flows are that are none of their own.
ELSEWHERE = {
    "high-resolution": " The flow of high resolution is 'nesterov' with the step of the method as resolution=.",
    "triple-momentum": " That method is a map: descent_map(..., 'triple-momentum', step=), then its modified_equation.",
}
TIME = sp.Symbol("t")


@dataclass(frozen=True)
class _Function:
    """A function of states x with velocities v, its gradient g, and the product of its Hessian with the velocities."""

    value: sp.Expr
    x: tuple[sp.Symbol, ...]
    v: tuple[sp.Symbol, ...]

    @property
    def gradient(self) -> list[sp.Expr]:
        return [derivative(self.value, x) for x in self.x]

    @property
    def turned(self) -> list[sp.Expr]:
        return [sp.Add(*(derivative(g, y) * v for y, v in zip(self.x, self.v, strict=True))) for g in self.gradient]


def descent(
    objective: Any, states: Iterable[Any], kind: str = "nesterov", *, mu: Any = None, resolution: Any = None,
    parameters: Mapping[Any, float] | None = None, initial: Mapping[Any, Any] | None = None,
) -> ODESystem:  # fmt: skip
    r"""The flow that a gradient method for the minimum of a function f follows in the limit of small steps.

    ================  ==================================================================================
    kind              flow
    ================  ==================================================================================
    ``gradient``      :math:`\dot x = -\nabla f`
    ``nesterov``      :math:`\ddot x + \frac3t \dot x + \nabla f = 0`, with mu
                      :math:`\ddot x + 2\sqrt\mu\,\dot x + \nabla f = 0`
    ``heavy-ball``    with mu, the same as ``nesterov``
    ================  ==================================================================================

    What tells the last two apart is of the order of the step: with the step s of the method as `resolution` the flow follows
    the method to the next order, with the gradient times :math:`1 + \sqrt{\mu s}` (without mu :math:`1 + 3\sqrt s/2t`) and for
    ``nesterov`` with the further damping :math:`\sqrt s\,\nabla^2\! f\,\dot x`.

    Parameters
    ----------
    objective : Expr
        The function f, bounded below.
    states : iterable of symbols or names
        What it is minimised over; velocities are called ``x_dot``.
    kind : {'nesterov', 'gradient', 'heavy-ball'}, optional
    mu : symbol, expression or number, optional
        A constant of strong convexity.
    resolution : symbol, expression or number, optional
        The step s of the method.  The time of the flow is the number of steps times :math:`\sqrt s`, for ``gradient`` times s.
    parameters, initial : mapping, optional
        As for `ODESystem`; velocities are 0 at the start unless given.

    Returns
    -------
    ODESystem
        With the observable ``objective``.  Without mu ``nesterov`` is singular at the time 0: start a little later.

    Raises
    ------
    DeclarationError
        For unknown kinds, a function of none of the states, names that clash, constants that are not positive, and options
        without effect.

    See Also
    --------
    symdyn.derive.descent_certificate : why the flow arrives, and how fast.
    symdyn.derive.descent_map : the method itself.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, s = sp.symbols("x s")
    >>> print(sd.derive.descent(x**4, [x]))
    x' = x_dot
    x_dot' = -4*x**3 - 3*x_dot/t
    >>> print(sd.derive.descent(2 * x**2, [x], mu=4, resolution=s))
    x' = x_dot
    x_dot' = -4*sqrt(s)*x_dot - 4*x*(2*sqrt(s) + 1) - 4*x_dot
    """
    f = _function(objective, states, kind, FLOWS)
    mu = None if mu is None else _constant("mu", mu, f)
    if kind == "gradient":
        if mu is not None or resolution is not None:
            raise DeclarationError("mu and resolution change nothing about the gradient flow; leave them out")
        rates = dict(zip(f.x, (-g for g in f.gradient), strict=True))
    else:
        if kind == "heavy-ball" and mu is None:
            raise DeclarationError("the heavy ball takes a constant of strong convexity, mu=")
        root = sp.S.Zero if resolution is None else sp.sqrt(_constant("resolution", resolution, f))
        damping, weight = _damping(mu), _weight(mu, root)
        turn = root if kind == "nesterov" else sp.S.Zero
        rates = dict(zip(f.x, f.v, strict=True))
        for v, g, turned in zip(f.v, f.gradient, f.turned, strict=True):
            rates[v] = -damping * v - weight * g - turn * turned
        initial = _at_rest(f, initial)
    return ODESystem(
        rates, parameters, initial=initial, observables={"objective": f.value}, time=TIME,
        provenance=(f"{kind} flow for the minimum of {f.value}",),
    )  # fmt: skip


def descent_map(
    objective: Any, states: Iterable[Any], kind: str = "nesterov", *, step: Any, mu: Any = None, momentum: Any = None,
    parameters: Mapping[Any, float] | None = None, initial: Mapping[Any, Any] | None = None,
) -> DiscreteSystem:  # fmt: skip
    r"""A gradient method for the minimum of a function, as a map of positions and velocities.

    With the step s and :math:`v_k = (x_k - x_{k-1}) / \sqrt s` all methods are

    .. math:: v_{k+1} = \beta v_k - \frac{\alpha}{\sqrt s} \nabla f(x_k + \gamma \sqrt s\, v_k), \qquad
              x_{k+1} = x_k + \sqrt s\, v_{k+1}

    with :math:`\rho = 1 - \sqrt{\mu s}` and

    ===================  ====================  ==============================================  ==========================
    kind                 :math:`\alpha`        :math:`\beta`                                   :math:`\gamma`
    ===================  ====================  ==============================================  ==========================
    ``gradient``         s                     0                                               0
    ``heavy-ball``       s                     :math:`\rho / (2 - \rho)`                       0
    ``nesterov``         s                     the same; :math:`(k - 1) / (k + 2)` without mu  :math:`\beta`
    ``triple-momentum``  :math:`(1 + \rho) s`  :math:`\rho^2 / (2 - \rho)`                     :math:`\beta / (1 + \rho)`
    ===================  ====================  ==============================================  ==========================

    Parameters
    ----------
    objective, states, mu, parameters, initial :
        As for `descent`.
    kind : {'nesterov', 'gradient', 'heavy-ball', 'triple-momentum'}, optional
    step : symbol, expression or number
        The step s, such as 1/L for gradients that change by at most L times the distance.
    momentum : symbol, expression or number, optional
        :math:`\beta` of ``heavy-ball`` and ``nesterov``; :math:`(1 - \sqrt{\mu s})^2` with
        :math:`s = 4 / (\sqrt L + \sqrt\mu)^2` is Polyak's choice for quadratic functions.

    Returns
    -------
    DiscreteSystem
        With the observable ``objective``.

    Raises
    ------
    DeclarationError
        As for `descent`.

    See Also
    --------
    symdyn.derive.modified_equation : with ``step=h**2`` the flow that the method follows.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, s, b = sp.symbols("x s b")
    >>> print(sd.derive.descent_map(x**2, [x], "gradient", step=s))
    x[t+1] = -2*s*x + x
    >>> print(sd.derive.descent_map(x**2, [x], "heavy-ball", step=s**2, momentum=b).map[1])
    b*x_dot - 2*x*sqrt(s**2)
    """
    f = _function(objective, states, kind, MAPS)
    s = _constant("step", step, f)
    root, k = sp.sqrt(s), TIME
    strong = None if mu is None else sp.sqrt(_constant("mu", mu, f) * s)
    if momentum is not None and (kind not in ("heavy-ball", "nesterov") or mu is not None):
        raise DeclarationError("momentum is the beta of heavy-ball and nesterov in place of mu; leave one of them out")
    if strong is None and (kind == "triple-momentum" or (kind == "heavy-ball" and momentum is None)):
        raise DeclarationError(f"{kind} takes a constant of strong convexity, mu=")
    if kind == "gradient":
        if mu is not None:
            raise DeclarationError("mu changes nothing about gradient steps; leave it out")
        rows = {x: x - s * g for x, g in zip(f.x, f.gradient, strict=True)}
    else:
        longer, beta, ahead = sp.S.One, _momentum(momentum, strong), sp.S.Zero
        if kind == "triple-momentum" and strong is not None:
            rho = 1 - strong
            longer, beta = 1 + rho, rho**2 / (2 - rho)
            ahead = beta / (1 + rho)
        elif kind == "nesterov":
            ahead = beta
        there = {x: x + ahead * root * v for x, v in zip(f.x, f.v, strict=True)}
        new = [beta * v - longer * root * g.xreplace(there) for v, g in zip(f.v, f.gradient, strict=True)]
        rows = {x: x + root * v for x, v in zip(f.x, new, strict=True)} | dict(zip(f.v, new, strict=True))
        initial = _at_rest(f, initial)
    return DiscreteSystem(
        rows, parameters, initial=initial, observables={"objective": f.value}, time=k,
        provenance=(f"{kind} steps to the minimum of {f.value}",),
    )  # fmt: skip


def _momentum(given: Any, strong: sp.Expr | None) -> sp.Expr:
    if given is not None:
        return expression(given)
    return (TIME - 1) / (TIME + 2) if strong is None else (1 - strong) / (1 + strong)


def _damping(mu: sp.Expr | None) -> sp.Expr:
    return 3 / TIME if mu is None else 2 * sp.sqrt(mu)


def _weight(mu: sp.Expr | None, root: sp.Expr) -> sp.Expr:
    """What stands before the gradient, with the root of the step."""
    return 1 + root * _damping(mu) / 2


def _dot(a: Iterable[sp.Expr], b: Iterable[sp.Expr]) -> sp.Expr:
    return sp.Add(*(p * q for p, q in zip(a, b, strict=True)))


def _at_rest(f: _Function, initial: Mapping[Any, Any] | None) -> dict[Any, Any]:
    given = {str(k) for k in initial or {}}
    return {**{v: 0 for v in f.v if v.name not in given}, **(initial or {})}


def _constant(name: str, value: Any, f: _Function) -> sp.Expr:
    """A constant of a method, which is positive.

    Raises
    ------
    DeclarationError
        For numbers that are not, and for expressions of states and time.
    """
    e = expression(value)
    if e.free_symbols & {*f.x, *f.v, TIME} or (e.is_number and not e.is_positive):
        raise DeclarationError(f"{name} is {value}; expected a positive number or an expression of parameters")
    return e


def _function(objective: Any, states: Iterable[Any], kind: str, kinds: tuple[str, ...]) -> _Function:
    """The function with its states and velocities, whose names are checked."""
    if kind not in kinds:
        raise DeclarationError(
            f"the kind of descent is {kind!r}; expected one of {', '.join(kinds)}."
            f"{ELSEWHERE.get(kind) or suggest(str(kind), kinds)}"
        )
    value, x = (
        expression(objective),
        tuple(as_symbol(s, "a state") for s in ([states] if isinstance(states, str | sp.Symbol) else states)),
    )
    if not x or len(set(x)) < len(x) or any(s not in value.free_symbols for s in x):
        raise DeclarationError(f"the function {value} is minimised over different symbols that occur in it; got {x}")
    v = tuple(sp.Symbol(derivative_name(s.name, 1)) for s in x)
    if clash := next((s for s in v if s in (*x, *value.free_symbols)), None):
        raise DeclarationError(f"the velocity {clash} is called like a symbol of the function; give that another name")
    if TIME in (*x, *value.free_symbols):
        raise DeclarationError(f"{TIME} is the time of the flow; give the symbol of the function another name")
    return _Function(value, x, v)
