r"""Units: what the equations of a system demand of them, and which candidate terms they allow.

A coefficient that is fitted takes whatever unit its term needs, so what can go wrong is inside a term: in :math:`h + x` both
must have the same unit, and the arguments of `exp`, `sin` or `log` none.  Symbols without a unit are constants that take
theirs: the exponents of unknown units are the unknowns of linear equations, and a term is allowed if these can be solved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from symdyn.declaration import expression
from symdyn.discover.terms import one_of_each
from symdyn.errors import ParseError, RecoveryError
from symdyn.given_values import name_of
from symdyn.parsing import parse_expression
from symdyn.registry import suggest
from symdyn.system import System
from symdyn.system.contents import PARTS

__all__ = ["Analysis", "SystemUnits", "Unit", "consistent_terms", "read_unit", "unit_text"]

#: Exponents of base units by name; names are taken as they are, so that 'mM' and 'M' are different units.
Unit = Mapping[str, Fraction]
#: A unit that may depend on unknown ones: exponents of names, and of the units of symbols and functions, which are no texts.
Form = dict[Any, Fraction]

#: Functions that have the unit of their arguments.
KEEPING = (sp.Abs, sp.Max, sp.Min, sp.Mod, sp.re, sp.floor, sp.ceiling)
#: Functions that only ask for arguments of equal units.
COMPARING = (sp.atan2, sp.sign, sp.Heaviside)


def read_unit(unit: Any) -> dict[str, Fraction]:
    """Exponents of base units.

    Parameters
    ----------
    unit : str, mapping or 1
        A product and quotient of names with powers, such as ``"mM"``, ``"1/s"``, ``"kg*m^2/s^2"`` or ``"mol/(L s)"``; or a
        mapping of names to exponents; 1 and the empty text are no unit.

    Raises
    ------
    RecoveryError
        If the text is none of these.

    Examples
    --------
    >>> read_unit("mM/s")
    {'mM': Fraction(1, 1), 's': Fraction(-1, 1)}
    >>> read_unit({"m": 1, "s": -1}) == read_unit("m s^-1") == read_unit("m/s")
    True
    """
    if isinstance(unit, Mapping):
        try:
            powers = {str(name): Fraction(power) for name, power in unit.items()}
        except (TypeError, ValueError):
            raise RecoveryError(f"the exponents of the unit {dict(unit)} are not all numbers") from None
        return {name: power for name, power in powers.items() if power}
    if unit == 1 or (isinstance(unit, str) and not unit.strip()):
        return {}
    if not isinstance(unit, str):
        raise RecoveryError(f"a unit is {unit!r}; expected a text such as 'mM/s', a mapping of names to exponents, or 1")
    # names such as % and °C are none of a formula, and a space is a product
    names: dict[str, sp.Symbol] = {}
    text = re.sub(r"(?:[^\W\d]|[%°])+", lambda m: names.setdefault(m[0], sp.Symbol(f"u{len(names)}_")).name, unit)
    text = re.sub(r"(?<=[_)\d])\s*(?=[u(])", "*", text.replace("·", "*"))
    known = {symbol: sp.Symbol(name, positive=True) for name, symbol in names.items()}
    try:
        powers = {
            str(s): Fraction(str(p)) for s, p in parse_expression(text).xreplace(known).as_powers_dict().items() if s != 1
        }
    except (ParseError, ValueError):
        powers = {"": Fraction(0)}
    if not powers.keys() <= names.keys():
        raise RecoveryError(
            f"the unit {unit!r} cannot be read; expected a product and quotient of names with numbers as powers, as in 'mM/s', "
            "'m^2' or 'mol/(L s)'"
        )
    return powers


def unit_text(unit: Unit) -> str:
    """A unit as it is written.

    >>> unit_text(read_unit("m/s^2"))
    'm*s^-2'
    """
    return "*".join(f"{name}^{power}" if power != 1 else name for name, power in unit.items()) or "1"


def _written(units: Mapping[str, Unit]) -> str:
    return ", ".join(f"{name}: {unit_text(unit)}" for name, unit in units.items()) or "none"


def _times(a: Mapping[Any, Fraction], b: Mapping[Any, Fraction], power: Fraction | int = 1) -> Form:
    """The product of a unit with a power of another."""
    total = dict(a)
    for name, p in b.items():
        total[name] = total.get(name, Fraction(0)) + power * p
    return {name: p for name, p in total.items() if p}


def _over(a: Mapping[Any, Fraction], b: Mapping[Any, Fraction]) -> Form:
    return _times(a, b, -1)


class Analysis:
    """Collects what an expression demands: forms that must be no unit."""

    def __init__(self, units: Mapping[str, Unit]) -> None:
        self.units = units
        self.demands: list[Form] = []

    def form(self, e: sp.Basic) -> Form:
        """The unit of an expression."""
        if isinstance(e, (sp.Symbol, AppliedUndef)):
            for a in e.args:
                self.form(a)
            name = name_of(e)
            return dict(self.units[name]) if name in self.units else {e if isinstance(e, sp.Symbol) else e.func: Fraction(1)}
        if e.is_number or isinstance(e, sp.logic.boolalg.BooleanAtom):
            return {}
        if isinstance(e, sp.Mul):
            total: Form = {}
            for a in e.args:
                total = _times(total, self.form(a))
            return total
        if isinstance(e, sp.Pow) and (e.exp.is_Rational or e.exp.is_Float):
            power = Fraction(int(e.exp.p), int(e.exp.q)) if e.exp.is_Rational else Fraction(float(e.exp))
            return _times({}, self.form(e.base), power)
        if isinstance(e, sp.Pow) and e.base != sp.E:  # such as x**n: its unit is compared with others of the same exponent
            base = self.form(e.base)
            self.demands.append(self.form(e.exp))
            return {f"({k})^({e.exp})" if isinstance(k, str) else (k, e.exp): power for k, power in base.items()}
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
        return {}

    def equal(self, forms: list[Form]) -> Form:
        """Demand that forms be the same."""
        self.demands += [_over(f, forms[0]) for f in forms[1:]]
        return forms[0]

    def agrees(self) -> bool:
        """Whether the demands can be met."""
        return self._rows() is not None

    def determined(self, asked: Form) -> Unit | None:
        """The unit of `asked` if the demands can be met and determine it; None otherwise."""
        rows = self._rows()
        form = None if rows is None else _reduced(asked, rows)
        return None if form is None or _unknown(form) else form

    def _rows(self) -> dict[Any, Form] | None:
        """Each unknown unit that the demands determine, as a form of no unit in which it has the power 1."""
        rows: dict[Any, Form] = {}
        for demand in self.demands:
            form = _reduced(demand, rows)
            unknown = _unknown(form)
            if form and not unknown:
                return None
            if unknown:
                row = _times({}, form, 1 / form[unknown[0]])
                rows = {k: _times(r, row, -r.get(unknown[0], Fraction(0))) for k, r in rows.items()}
                rows[unknown[0]] = row
        return rows


def _unknown(form: Form) -> list[Any]:
    return [key for key in form if not isinstance(key, str)]


def _reduced(form: Form, rows: Mapping[Any, Form]) -> Form:
    for pivot, row in rows.items():
        form = _times(form, row, -form.get(pivot, Fraction(0)))
    return form


def consistent_terms(terms: Iterable[sp.Expr], units: Mapping[Any, Any]) -> tuple[sp.Expr, ...]:
    """The terms that units allow whatever those of their coefficients are, in their order.

    Parameters
    ----------
    terms : iterable of Expr
    units : mapping of Symbol or str to unit
        Of states, time and parameters, as `read_unit` takes them.  Numbers have no unit; symbols without an entry are
        constants that take the one they need.

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
    >>> consistent_terms([x, x * y, x / (1 + x), x / (h + x), sp.sin(h * t), sp.exp(x)], {x: "mM", y: "mM", t: "s"})
    (x, x*y, x/(h + x), sin(h*t))
    """
    named = {name_of(key): read_unit(unit) for key, unit in units.items()}
    kept = tuple(term for term in map(expression, terms) if _allows(named, term))
    if not kept:
        raise RecoveryError(f"no candidate term agrees with the units ({_written(named)}); check them")
    return kept


def _allows(units: Mapping[str, Unit], term: sp.Expr) -> bool:
    """Whether a term does not contradict itself."""
    analysis = Analysis(units)
    analysis.form(term)
    return analysis.agrees()


class SystemUnits:
    """Units of states, time, parameters and unknown functions: those given, and those that the equations determine.

    Parameters
    ----------
    system : System
        Of rates of change, next values or reactions.  Decimal numbers in its equations may have any unit, as a rate constant
        written as a number does; whole numbers and fractions have none.
    units : mapping of Symbol or str to unit
        See `read_unit`; what has no entry takes the unit it needs.

    Raises
    ------
    RecoveryError
        If a unit cannot be read, the units contradict the equations, or the system has other ones.

    Examples
    --------
    >>> x, k, t = sp.symbols("x k t")
    >>> from symdyn.models.ode import ODESystem
    >>> f = sp.Function("f")
    >>> known = SystemUnits(ODESystem({x: f(x) - x * k}, {k: 1.0}), {"x": "mM", "t": "s"})
    >>> unit_text(known.units["k"]), unit_text(known.units["f"])
    ('s^-1', 'mM*s^-1')
    >>> consistent_terms([x, x / (1 + x), sp.exp(-k * x)], known.units)
    (x,)
    """

    def __init__(self, system: System, units: Mapping[Any, Any]) -> None:
        self.given = {name_of(key): read_unit(unit) for key, unit in units.items()}
        self._system = system
        analysis = Analysis(self.given)
        for what, unit, side in _demanded(system, analysis):
            form = analysis.form(_opened(side))
            if unit is not None:
                analysis.equal([unit, form])
            if not analysis.agrees():
                raise RecoveryError(
                    f"the units contradict the equation of {what}, whose right-hand side is {side} ({_written(self.given)}); "
                    "a whole number has no unit: write a rate as a parameter, or correct the units"
                )
        self.units: dict[str, Unit] = dict(self.given)
        for e in (*system.states, system.time, *system.parameters, *one_of_each(system.unknowns)):
            found = analysis.determined(analysis.form(e))
            if found is not None:
                self.units[name_of(e)] = found

    def unit_of(self, e: sp.Expr) -> Unit | None:
        """The unit of another expression of the system, or None if it is not determined.

        Raises
        ------
        RecoveryError
            If its terms have different units.
        """
        analysis = Analysis(self.units)
        form = analysis.form(_opened(e))
        if not analysis.agrees():
            raise RecoveryError(f"the units contradict {e} ({_written(self.units)})")
        return analysis.determined(form)

    def check_names(self, constants: Iterable[sp.Symbol]) -> None:
        """Refuse units of what is neither in the system nor one of the constants of the library.

        Raises
        ------
        RecoveryError
            Naming what is not known.
        """
        system = self._system
        symbols = (*system.states, system.time, *system.parameters, *constants)
        known = [s.name for s in symbols] + [u.func.__name__ for u in system.unknowns]
        for name in self.given:
            if name not in known:
                raise RecoveryError(
                    f"units names {name!r}, which is no state, parameter, unknown function or constant; known: "
                    f"{', '.join(dict.fromkeys(known))}.{suggest(name, known)}"
                )

    def allows(self, term: sp.Expr) -> bool:
        """Whether a term does not contradict itself; decimal numbers in it may have any unit."""
        return _allows(self.units, _opened(term))


def _demanded(system: System, analysis: Analysis) -> Iterator[tuple[Any, Form | None, sp.Expr]]:
    """What each right-hand side is that of, the unit that it must have (None where it is 0), and itself."""
    if other := [
        PARTS[part] for part in PARTS if part in system.parts & {"fields", "kinetics", "rules", "offspring", "delays"}
    ]:
        raise RecoveryError(f"units are those of rates of change, next values and reactions; this system has {other[0]}")
    time = analysis.form(system.time)
    for state, side in zip(system.states, system.map or (), strict=system.map is not None):
        yield state, analysis.form(state), side
    for state, side in zip(system.states, system.drift or (), strict=system.drift is not None):
        yield state, None if state in system.algebraic else _over(analysis.form(state), time), side
    if system.diffusion is not None:
        for k, state in enumerate(system.states):
            for side in system.diffusion.row(k):
                if side != 0:  # increments of Wiener processes grow as the root of time
                    yield f"the noise of {state}", _times(analysis.form(state), time, Fraction(-1, 2)), side
    for k, side in enumerate(system.propensities or ()):
        yield f"the propensity of reaction {k + 1}", _over({}, time), side


def _opened(e: sp.Expr) -> sp.Expr:
    """`e` with a symbol of its own for every decimal number that is no exponent."""
    if isinstance(e, sp.Float):
        return sp.Dummy()
    if not e.args or isinstance(e, AppliedUndef):
        return e
    if isinstance(e, sp.Pow):
        return sp.Pow(_opened(e.base), e.exp if e.exp.is_number else _opened(e.exp), evaluate=False)
    return e.func(*map(_opened, e.args))
