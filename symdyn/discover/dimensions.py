r"""Dimensional analysis: which candidate terms a system's units allow.

A coefficient that is fitted takes whatever unit its term needs, so what can go wrong is inside a term: in :math:`h + x` both
must have the same unit, and the arguments of `exp`, `sin` or `log` none.  Symbols without a unit are constants that take
theirs: the exponents of unknown units are the unknowns of linear equations, and a term is allowed if these can be solved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from symdyn.declaration import expression
from symdyn.discover.unit_names import Unit, read_unit, unit_text
from symdyn.errors import RecoveryError

__all__ = ["Analysis", "Form", "Unit", "coefficient_unit", "consistent_terms", "named_units", "read_unit"]

#: Functions that have the unit of their arguments.
KEEPING = (sp.Abs, sp.Max, sp.Min, sp.re, sp.floor, sp.ceiling)
#: Functions that only ask for arguments of equal units.
COMPARING = (sp.atan2, sp.sign, sp.Heaviside)


@dataclass(frozen=True)
class Form:
    """A unit that may depend on unknown ones: a product of powers of names, and of the units of symbols."""

    known: Unit = field(default_factory=dict)
    unknown: Mapping[Any, Fraction] = field(default_factory=dict)

    def times(self, other: Form, power: Fraction = Fraction(1)) -> Form:
        return Form(_sum(self.known, other.known, power), _sum(self.unknown, other.unknown, power))


def _sum(a: Mapping[Any, Fraction], b: Mapping[Any, Fraction], factor: Fraction) -> dict[Any, Fraction]:
    total = dict(a)
    for name, power in b.items():
        total[name] = total.get(name, Fraction(0)) + factor * power
    return {name: power for name, power in total.items() if power}


class Analysis:
    """Collects what an expression demands: forms that must be no unit."""

    def __init__(self, units: Mapping[str, Unit]) -> None:
        self.units = units
        self.demands: list[Form] = []

    def form(self, e: sp.Basic) -> Form:
        if isinstance(e, sp.Symbol):
            return Form(self.units[e.name]) if e.name in self.units else Form({}, {e: Fraction(1)})
        if isinstance(e, AppliedUndef):
            for a in e.args:
                self.form(a)
            name = e.func.__name__
            return Form(self.units[name]) if name in self.units else Form({}, {e.func: Fraction(1)})
        if e.is_number or isinstance(e, sp.logic.boolalg.BooleanAtom):
            return Form()
        if isinstance(e, sp.Mul):
            total = Form()
            for a in e.args:
                total = total.times(self.form(a))
            return total
        if isinstance(e, sp.Pow) and e.exp.is_Rational:
            return Form().times(self.form(e.base), Fraction(int(e.exp.p), int(e.exp.q)))
        if isinstance(e, sp.Pow) and e.exp.is_Float:
            return Form().times(self.form(e.base), Fraction(float(e.exp)))
        if isinstance(e, sp.Pow) and e.base != sp.E:  # such as x**n: its unit is compared with others of the same exponent
            base = self.form(e.base)
            self.demands.append(self.form(e.exp))
            known = {f"({name})^({e.exp})": power for name, power in base.known.items()}
            return Form(known, {(symbol, e.exp): power for symbol, power in base.unknown.items()})
        if isinstance(e, sp.Piecewise):
            for _, condition in e.args:
                self.form(condition)
            return self.equal([self.form(value) for value, _ in e.args])
        forms = [self.form(a) for a in e.args]
        if isinstance(e, (sp.Add, *KEEPING)):
            return self.equal(forms)
        if isinstance(e, (Relational, *COMPARING)):
            self.equal(forms)
        elif not isinstance(e, sp.logic.boolalg.BooleanFunction):  # exp and all other functions
            self.demands += forms
        return Form()

    def equal(self, forms: list[Form]) -> Form:
        self.demands += [f.times(forms[0], Fraction(-1)) for f in forms[1:]]
        return forms[0]

    def solution(self, asked: Form) -> dict[str, Fraction] | None:
        """The unit of `asked` if the demands can be met, with units that nothing determines left out; None otherwise."""
        rows = self._rows()
        return None if rows is None else dict(_reduced(asked, rows).known)

    def determined(self, asked: Form) -> dict[str, Fraction] | None:
        """The unit of `asked` if the demands can be met and determine it; None otherwise."""
        rows = self._rows()
        form = None if rows is None else _reduced(asked, rows)
        return None if form is None or form.unknown else dict(form.known)

    def _rows(self) -> dict[Any, Form] | None:
        """Each unknown unit that the demands determine, as a form of no unit in which it has the power 1."""
        rows: dict[Any, Form] = {}
        for demand in self.demands:
            form = _reduced(demand, rows)
            if not form.unknown:
                if form.known:
                    return None
                continue
            pivot = next(iter(form.unknown))
            row = Form().times(form, 1 / form.unknown[pivot])
            rows = {k: r.times(row, -r.unknown.get(pivot, Fraction(0))) for k, r in rows.items()}
            rows[pivot] = row
        return rows


def _reduced(form: Form, rows: Mapping[Any, Form]) -> Form:
    for pivot, row in rows.items():
        form = form.times(row, -form.unknown.get(pivot, Fraction(0)))
    return form


def named_units(units: Mapping[Any, Any]) -> dict[str, Unit]:
    """Units by the names of what has them; see `read_unit`."""
    return {str(getattr(key, "name", key)): read_unit(value) for key, value in units.items()}


def coefficient_unit(term: sp.Expr, units: Mapping[Any, Any], target: Any = 1) -> dict[str, Fraction] | None:
    """The unit that the coefficient of a term takes, or None if the term contradicts itself.

    Parameters
    ----------
    term : Expr
    units : mapping of Symbol or str to unit
        As `read_unit` takes them; a symbol without an entry is a constant that takes the unit it needs.
    target : unit
        Of what the terms add up to, say that of a state over that of time.

    Examples
    --------
    >>> x, h = sp.symbols("x h")
    >>> coefficient_unit(x / (h + x), {"x": "mM"}, "mM/s")
    {'s': Fraction(-1, 1), 'mM': Fraction(1, 1)}
    >>> coefficient_unit(sp.exp(-x), {"x": "mM"}) is None
    True
    """
    analysis = Analysis(named_units(units))
    form = Form(read_unit(target)).times(analysis.form(expression(term)), Fraction(-1))
    return analysis.solution(form)


def consistent_terms(
    terms: Iterable[sp.Expr], units: Mapping[Any, Any], target: Any = 1, *, coefficients: Any = None
) -> tuple[sp.Expr, ...]:
    """The terms that units allow, in their order.

    Parameters
    ----------
    terms : iterable of Expr
    units : mapping of Symbol or str to unit
        Of states, time and parameters, as `read_unit` takes them.  Numbers have no unit; symbols without an entry are
        constants that take the one they need.
    target : unit
        Of what the terms add up to, say that of a state over that of time.
    coefficients : unit or mapping of Expr to unit, optional
        Of the coefficients that are fitted, for all or for single terms; any unit by default.  With 1, which is no unit, the
        term itself must have the unit of the target.

    Raises
    ------
    RecoveryError
        If a unit cannot be read, or no term is left.

    References
    ----------
    Dimensional analysis before discovery: arXiv:2411.15919.

    Examples
    --------
    >>> x, y, h, t = sp.symbols("x y h t")
    >>> consistent_terms([x, x * y, x / (1 + x), x / (h + x), sp.sin(h * t), sp.exp(x)], {x: "mM", y: "mM", t: "s"}, "mM/s")
    (x, x*y, x/(h + x), sin(h*t))
    >>> consistent_terms([x, x**2, h * x], {x: "m", h: "1/s"}, "m/s", coefficients=1)
    (h*x,)
    """
    named, wanted = named_units(units), read_unit(target)
    single = coefficients if isinstance(coefficients, Mapping) and all(isinstance(k, sp.Basic) for k in coefficients) else None
    kept = []
    for term in map(expression, terms):
        fixed = coefficients if single is None else single.get(term)
        analysis = Analysis(named)
        form = Form(wanted).times(analysis.form(term), Fraction(-1))
        if fixed is not None:
            analysis.demands.append(form.times(Form(read_unit(fixed)), Fraction(-1)))
        if analysis.solution(form) is not None:
            kept.append(term)
    if not kept:
        have = ", ".join(f"{name}: {unit_text(unit)}" for name, unit in named.items()) or "none"
        raise RecoveryError(f"no candidate term agrees with the units ({have}; target {unit_text(wanted)}); check them")
    return tuple(kept)
