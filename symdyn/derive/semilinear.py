r"""The semilinear form of a system of rates of change, found symbolically: what exponential methods integrate exactly."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.system import System
from symdyn.text.mixtures import NOISE_LEVEL, nonlinear

__all__ = ["SemilinearForm", "semilinear"]


@dataclass(frozen=True)
class SemilinearForm:
    r"""The form :math:`\dot x_i = a_i(t)\, x_i + c_i(t) + g_i(t)\, N_i(x, t)` of a system.

    With :math:`\Psi(t, s) = \exp \int_s^t a` the solution is
    :math:`x(t) = \Psi(t, s)\, x(s) + \int_s^t \Psi(t, u)\,(c + g\, N)\, \mathrm du`.

    Attributes
    ----------
    states : tuple of Symbol
    time : Symbol
    linear, affine, scale : tuple of Expr
        a, c and g of each state, functions of time and parameters.
    rest : tuple of Expr
        N of each state.
    level : Expr or None
        The noise level :math:`\sigma(t)`, a solution of :math:`\dot\sigma = a\sigma + g`, where the system declares one.  Then
        :math:`\lambda = \log(\Psi / \sigma)` is the clock of methods that interpolate in the logarithmic signal-to-noise ratio,
        and :math:`(x - m - \sigma N) / \Psi` the prediction of data, with :math:`\dot m = a m + c`.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> y, t = sp.symbols("y t")
    >>> form = sd.ODESystem({y: -50 * (1 + sp.sin(t)**2) * y + t * sp.sin(y)}).semilinear()
    >>> form.linear, form.scale, form.rest
    ((-50*sin(t)**2 - 50,), (t,), (sin(y),))
    """

    states: tuple[sp.Symbol, ...]
    time: sp.Symbol
    linear: tuple[sp.Expr, ...]
    affine: tuple[sp.Expr, ...]
    scale: tuple[sp.Expr, ...]
    rest: tuple[sp.Expr, ...]
    level: sp.Expr | None = None

    @property
    def drift(self) -> tuple[sp.Expr, ...]:
        """The rates of change that the parts make up.

        Returns
        -------
        tuple of Expr

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.ODESystem.from_text("x' = r*x - r*x^2").semilinear().drift
        (-r*x**2 + r*x,)
        """
        parts = zip(self.states, self.linear, self.affine, self.scale, self.rest, strict=True)
        return tuple(a * x + c + g * n for x, a, c, g, n in parts)

    @property
    def groups(self) -> tuple[tuple[sp.Expr, sp.Expr, sp.Expr], ...]:
        """The different (a, c, g): states with the same ones share the coefficients of a method.

        Returns
        -------
        tuple of (Expr, Expr, Expr)

        Examples
        --------
        >>> import symdyn as sd
        >>> len(sd.ODESystem.from_text("x' = -x + sin(y); y' = -x*y - y").semilinear().groups)
        1
        """
        return tuple(dict.fromkeys(zip(self.linear, self.affine, self.scale, strict=True)))

    def __str__(self) -> str:
        lines = []
        for x, a, c, g, n in zip(self.states, self.linear, self.affine, self.scale, self.rest, strict=True):
            lines.append(f"{x}' = ({a})*{x} + ({c}) + ({g})*N,  N = {n}")
        return "\n".join([*lines, *([] if self.level is None else [f"noise level: {self.level}"])])


def semilinear(system: System) -> SemilinearForm:
    r"""Split rates of change into linear part and rest, :math:`\dot x_i = a_i(t)\, x_i + c_i(t) + g_i(t)\, N_i(x, t)`.

    What stands in ``nonlinear(...)`` is N and what it is multiplied by is g; the other terms then must be linear.  Without it
    N is the sum of the terms that are not linear in the state itself, without the factor of time that all of them have.

    Parameters
    ----------
    system : System
        Of rates of change.

    Returns
    -------
    SemilinearForm

    Raises
    ------
    DeclarationError
        For other systems, and naming the term that does not fit beside ``nonlinear(...)``.

    References
    ----------
    Hochbruck & Ostermann, Exponential integrators, Acta Numerica 19 (2010) 209-286.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(semilinear(sd.ODESystem.from_text("x' = r*x*(1 - x) + sin(t)")))
    x' = (r)*x + (sin(t)) + (1)*N,  N = -r*x**2
    """
    if (reason := system.unmet(["drift"])) is not None:
        raise DeclarationError(f"a semilinear form: {reason}")
    if system.algebraic or system.history or system.unknowns:
        what = next(n for n, there in (("algebraic equations", system.algebraic), ("unknown terms", system.unknowns),
                                       ("delays", system.history)) if there)  # fmt: skip
        raise DeclarationError(
            f"a semilinear form is that of rates of change at one time; this {type(system).__name__} has {what}"
        )
    varying = set(system.states)
    rows = [_split(x, f, varying, system.time) for x, f in zip(system.states, system.part("drift"), strict=True)]
    linear, affine, scale, rest = zip(*rows, strict=True)
    level = next((e for o, e in system.observables.items() if o.name == NOISE_LEVEL), None)
    if level is not None and level.free_symbols & varying:
        raise DeclarationError(f"the observable {NOISE_LEVEL} is {level}; expected an expression of time, without states")
    return SemilinearForm(system.states, system.time, linear, affine, scale, rest, level)


def _split(x: sp.Symbol, drift: sp.Expr, varying: set[sp.Symbol], time: sp.Symbol) -> tuple[sp.Expr, ...]:
    """a, c, g and N of one rate of change."""
    marked = drift.has(nonlinear)
    a, c, rest, chosen = [], [], [], None
    for term in sp.Add.make_args(_expanded(drift, varying)):
        if marked and term.has(nonlinear):
            factor, inside = term.as_independent(nonlinear, as_Add=False)
            if not isinstance(inside, nonlinear) or factor.free_symbols & varying or chosen is not None:
                raise DeclarationError(
                    f"the rate of change of {x} has the term {term}; expected nonlinear(N) once, times a function of time"
                )
            chosen = factor, inside.args[0]
        elif not term.free_symbols & varying:
            c.append(term)
        elif not (slope := term / x).free_symbols & varying:
            a.append(slope)
        else:
            rest.append(term)
    if chosen is not None and rest:
        raise DeclarationError(f"the rate of change of {x} has the term {rest[0]} beside nonlinear(...); put it in there")
    scale, remainder = chosen or _factored(rest, varying, time)
    return sp.expand(sp.Add(*a)), sp.Add(*c), scale, remainder


def _expanded(e: sp.Expr, varying: set[sp.Symbol]) -> sp.Expr:
    """Products of sums with states multiplied out, one level deep."""
    terms = []
    for term in sp.Add.make_args(e):
        sums = term.is_Mul and any(f.is_Add and f.free_symbols & varying for f in term.args)
        terms.append(sp.expand_mul(term, deep=False) if sums else term)
    return sp.Add(*terms)


def _factored(terms: list[sp.Expr], varying: set[sp.Symbol], time: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """A common factor of time, and the sum without it."""
    factors = []
    for term in terms:
        alone, _ = term.as_independent(*varying, as_Add=False)
        factors.append(sp.Mul(*(f for f in sp.Mul.make_args(alone) if time in f.free_symbols)))
    if not terms or factors[0] == 1 or len(set(factors)) > 1:
        return sp.S.One, sp.Add(*terms)
    return factors[0], sp.Add(*(term / factors[0] for term in terms))
