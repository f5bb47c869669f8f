r"""Units of a system: checked in its equations, converted in values and data, shown on axes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr

from symdyn import html
from symdyn.discover.units import SystemUnits, Unit, read_unit, unit_text
from symdyn.errors import DeclarationError, RecoveryError
from symdyn.given_values import lookup, name_of
from symdyn.inference.headers import split_unit
from symdyn.optional import require
from symdyn.system import System

__all__ = ["Units"]

#: A number and the unit behind it.
QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*")
#: Factors between units are taken apart into primes up to this one; what is left counts as one.
PRIMES = 1000
#: Bits from which on a factor is not taken apart.
LARGEST = 256


class Units:
    """Units of the states, time, parameters and observables of a system: those given, and those that its equations determine.

    They are checked when they are declared: both sides of every equation must have one unit, and so must the terms of a sum.
    Nothing else changes, a system has numbers alone; `values` and `data` convert what has other units before it is used, and
    `label` writes the units to results, whose axes then show them.  Names of units and their relations are those of pint
    (extra ``units``); a name that it does not know, such as ``cells``, is a unit of its own.

    Parameters
    ----------
    system : System
        Of rates of change, next values or reactions.  Decimal numbers in its equations may have any unit; whole numbers and
        fractions have none.
    units : mapping of Symbol or str to str
        Products and quotients of names with powers: ``"mM"``, ``"1/min"``, ``"kg*m^2/s^2"``, ``"mol/(L s)"``, and ``"1"`` for
        none.  What has no entry takes the unit it needs.

    Attributes
    ----------
    known : dict of str to str
        Units by name, as far as they are determined.

    Raises
    ------
    DeclarationError
        For names that are not in the system, units that cannot be read, and equations that they contradict.

    References
    ----------
    pint, https://pint.readthedocs.io.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -k*x + s; total := x + 1/k*s")
    >>> units = sd.Units(decay, {"x": "mM", "t": "min"})
    >>> units
    Units: x [mM], t [min], k [min^-1], s [mM*min^-1], total [mM]
    >>> {s.name: round(v, 9) for s, v in units.values({"k": "3 1/h", "x": "250 uM"}).items()}
    {'k': 0.05, 'x': 0.25}
    >>> sd.Units(decay, {"x": "mM", "t": "min", "k": "1/s"})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    symdyn.errors.DeclarationError: the units contradict the equation of x, whose right-hand side is -k*x + s (x: mM, ...
    """

    def __init__(self, system: System, units: Mapping[Any, str]) -> None:
        if not isinstance(system, System):
            raise DeclarationError(f"units are those of a system, not of {system!r}")
        self.system = system
        try:
            given: dict[str, Unit] = {name_of(key): read_unit(unit) for key, unit in units.items()}
            found = self._determined(given)
        except RecoveryError as error:
            raise DeclarationError(str(error)) from None
        self._forms = found
        self.known = {name: unit_text(unit) for name, unit in found.items()}

    def _determined(self, given: dict[str, Unit]) -> dict[str, Unit]:
        """Units by name: in the names that were given where these agree, and otherwise in base units and factors."""
        observed = {s.name: e for s, e in self.system.observables.items()}
        of_system = {name: unit for name, unit in given.items() if name not in observed}
        try:
            found = SystemUnits(self.system, of_system)
            reduced = False
        except RecoveryError as error:
            try:
                found = SystemUnits(self.system, {name: _reduced(unit) for name, unit in of_system.items()})
            except RecoveryError:
                raise error from None
            reduced = True
        found.check_names([])
        every = {name: of_system.get(name, unit) if reduced else unit for name, unit in found.units.items()}
        for name, e in observed.items():
            unit = found.unit_of(e)
            if unit is None and name in given:
                unit = given[name]
            if unit is not None:
                if name in given and _reduced(given[name]) != (unit if reduced else _reduced(unit)):
                    raise RecoveryError(
                        f"the observable {name} = {e} has the unit {unit_text(unit)}, not {unit_text(given[name])}"
                    )
                every[name] = given.get(name, unit)
        first = [*self.system.names, self.system.time.name, *(p.name for p in self.system.parameters)]
        return {name: every[name] for name in dict.fromkeys([*first, *every]) if name in every}

    def __repr__(self) -> str:
        return "Units: " + ", ".join(f"{name} [{unit}]" for name, unit in self.known.items())

    def _repr_html_(self) -> str:
        rows = [(escape(name), escape(str(unit))) for name, unit in self.known.items()]
        return f"<div><b>Units</b>{html.table(('', 'unit'), rows)}</div>"

    def values(self, given: Mapping[Any, Any]) -> dict[sp.Symbol, Any]:
        """Numbers in the units of the system, for ``parameters=`` and ``initial=``.

        Parameters
        ----------
        given : mapping of Symbol or str to quantity
            Texts such as ``"3 1/h"``, quantities of pint, arrays of xarray, whose attribute ``units`` counts, or numbers,
            which have the unit of the system already.

        Returns
        -------
        dict of Symbol to float, array or DataArray

        Raises
        ------
        DeclarationError
            For names that are not in the system, and units of another kind.

        Examples
        --------
        >>> import symdyn as sd
        >>> units = sd.Units(sd.ODESystem.from_text("x' = -k*x"), {"x": "mM", "t": "s"})
        >>> {s.name: v for s, v in units.values({"x": 2, "k": "60 1/min"}).items()}
        {'x': 2.0, 'k': 1.0}
        """
        system = self.system
        found: dict[sp.Symbol, Any] = {}
        for key, value in given.items():
            symbol = lookup(key, (*system.states, *system.parameters), "state or parameter")
            number, unit = _taken_apart(symbol.name, value)
            found[symbol] = number if unit is None else number * self._factor(symbol.name, unit)
        return found

    def data(self, table: Any) -> pd.DataFrame:
        """A table in the units of the system, for `symdyn.fit` and `symdyn.recover`.

        Parameters
        ----------
        table : DataFrame or mapping of str to array
            Columns whose names end in a unit, ``"x [uM]"``, ``"t (h)"`` or ``"time [h]"``, are converted and named without it.
            Other columns, and those of names that the system does not have, are left as they are.

        Returns
        -------
        DataFrame

        Raises
        ------
        DeclarationError
            For units of another kind, names whose unit is not known, columns that are no numbers, and two columns of one name.

        Examples
        --------
        >>> import symdyn as sd
        >>> units = sd.Units(sd.ODESystem.from_text("x' = -k*x"), {"x": "mM", "t": "min"})
        >>> units.data({"t (h)": [0, 0.5], "x [uM]": [1500, 300]}).to_dict("list")
        {'t': [0.0, 30.0], 'x': [1.5, 0.3]}
        """
        frame, system = pd.DataFrame(table), self.system
        mine = {*system.names, system.time.name, *(p.name for p in system.parameters), *map(str, system.observables)}
        means = {name: name for name in mine}
        means.setdefault("time", system.time.name)
        columns: dict[str, Any] = {}
        for header in frame.columns:
            name, unit = split_unit(str(header))
            if not unit or name not in means:
                name, unit = str(header), ""
            if name in columns:
                raise DeclarationError(f"the table has two columns {name!r}; leave one out")
            columns[name] = frame[header]
            if unit:
                try:
                    numbers = frame[header].astype(float)
                except (TypeError, ValueError):
                    raise DeclarationError(
                        f"the column {header!r} has cells that are no numbers; convert its unit by hand"
                    ) from None
                columns[name] = numbers * self._factor(means[name], unit)
        return pd.DataFrame(columns)

    def label(self, run: xr.Dataset) -> xr.Dataset:
        """A result with the units of its variables and coordinates as attributes, which xarray writes at axes.

        Parameters
        ----------
        run : Dataset
            Of `symdyn.simulate` and others.

        Returns
        -------
        Dataset

        Raises
        ------
        DeclarationError
            If the run is no dataset of xarray.

        Examples
        --------
        >>> import symdyn as sd
        >>> decay = sd.ODESystem.from_text("x' = -k*x; k = 1; x(0) = 1")
        >>> run = sd.Units(decay, {"x": "mM", "t": "s"}).label(sd.simulate(decay, [0, 1]))
        >>> run.x.units, run.time.units
        ('mM', 's')
        """
        return self.convert(run, {})

    def convert(self, run: xr.Dataset, to: Mapping[Any, str]) -> xr.Dataset:
        """A result in other units, written to it as `label` does.

        Parameters
        ----------
        run : Dataset
            In the units of the system, or in those that `label` or `convert` wrote to it.
        to : mapping of Symbol or str to str
            Units by the name of a state, observable, parameter or of time.

        Returns
        -------
        Dataset

        Raises
        ------
        DeclarationError
            For units of another kind, and names that are not in the result.

        Examples
        --------
        >>> import symdyn as sd
        >>> decay = sd.ODESystem.from_text("x' = -k*x; k = 1; x(0) = 1")
        >>> run = sd.Units(decay, {"x": "mM", "t": "min"}).convert(sd.simulate(decay, [0, 1]), {"x": "uM", "t": "s"})
        >>> run.x[0].item(), run.time.values.tolist()
        (1000.0, [0.0, 60.0])
        """
        if not isinstance(run, xr.Dataset):
            raise DeclarationError(f"a result is a Dataset of xarray, not a {type(run).__name__}")
        time = self.system.time.name
        wanted = {name_of(key): unit for key, unit in to.items()}
        where = {name: "time" if name == time and name not in run.variables else name for name in self.known}
        for name in wanted:
            if name not in where or where[name] not in run.variables:
                raise DeclarationError(
                    f"{name!r} is no variable of the result with a known unit; known: {', '.join(self.known)}"
                )
        for name, unit in self.known.items():
            place = where[name]
            if place in run.variables:
                values, given = run[place], run[place].attrs.get("units", unit)
                to_unit = wanted.get(name, given)
                if to_unit != given:
                    values = values * (self._factor(name, to_unit, out=True) * self._factor(name, given))
                values = values.assign_attrs({**run[place].attrs, "units": to_unit})
                run = run.assign_coords({place: values}) if place in run.coords else run.assign({place: values})
        return run

    def _factor(self, name: str, unit: str, *, out: bool = False) -> float:
        """By what a number in a unit is multiplied to have the unit of the system; the reverse on the way out."""
        if name not in self._forms:
            raise DeclarationError(f"the unit of {name} does not follow from those given; give it, to convert from {unit!r}")
        try:
            here, there = _measure(self._forms[name]), _measure(read_unit(unit))
        except RecoveryError as error:
            raise DeclarationError(str(error)) from None
        if here[1] != there[1]:
            raise DeclarationError(f"{name} has the unit {self.known[name]}; {unit!r} cannot be converted to it")
        return here[0] / there[0] if out else there[0] / here[0]


def _taken_apart(name: str, value: Any) -> tuple[Any, str | None]:
    """A number or an array, and its unit; None where it has none of its own."""
    if isinstance(value, str):
        match = QUANTITY.fullmatch(value)
        if match is None:
            raise DeclarationError(f"{name} is {value!r}; expected a number and its unit, such as '3 1/h'")
        unit = f"1{match[2]}" if match[2].startswith("/") else match[2]
        return float(match[1]), unit or None
    if isinstance(value, xr.DataArray):
        return value, value.attrs.get("units")
    if hasattr(value, "magnitude") and hasattr(value, "units"):
        return _taken_apart(name, value.magnitude)[0], str(value.units).replace("**", "^")
    try:
        numbers = np.asarray(value, float)
    except (TypeError, ValueError):
        raise DeclarationError(
            f"{name} is {value!r}; expected a number, a text such as '3 1/h' or a quantity of pint"
        ) from None
    if not np.isfinite(numbers).all():
        raise DeclarationError(f"{name} is {value!r}; expected finite numbers")
    return (float(numbers) if numbers.ndim == 0 else numbers), None


@cache
def _registry() -> Any:
    return require("pint").UnitRegistry(non_int_type=Fraction)


@cache
def _base(name: str) -> tuple[Fraction, Unit]:
    """A named unit as a factor and exponents of base units; a name that is not known, or has another zero, by itself."""
    registry = _registry()
    itself = Fraction(1), {name: Fraction(1)}
    if name not in registry:
        return itself
    zero, one = (registry.Quantity(Fraction(k), name).to_base_units() for k in (0, 1))
    return itself if zero.magnitude else (Fraction(one.magnitude), {n: Fraction(p) for n, p in one.unit_items()})


def _measure(unit: Unit) -> tuple[float, Unit]:
    """The factor of a unit and its exponents of base units."""
    factor, exponents = 1.0, dict[str, Fraction]()
    for name, power in unit.items():
        own, base = (Fraction(int(name[1:])), {}) if name.startswith("×") else _base(name)
        factor *= float(own) ** float(power)
        for n, p in base.items():
            exponents[n] = exponents.get(n, Fraction(0)) + p * power
    return factor, {n: p for n, p in exponents.items() if p}


def _reduced(unit: Unit) -> Unit:
    """Exponents of base units, and of the primes of the factor before them, which may then cancel as units do."""
    found: dict[str, Fraction] = {}
    for name, power in unit.items():
        factor, base = _base(name)
        parts = {n: p * power for n, p in base.items()}
        for number, sign in ((factor.numerator, 1), (factor.denominator, -1)):
            parts |= {f"×{q}": parts.get(f"×{q}", Fraction(0)) + sign * k * power for q, k in _primes(number)}
        for n, p in parts.items():
            found[n] = found.get(n, Fraction(0)) + p
    return {n: p for n, p in found.items() if p}


def _primes(number: int) -> list[tuple[int, int]]:
    """Prime factors up to a bound with their exponents, and what is left."""
    return list(sp.factorint(number, limit=PRIMES).items()) if number.bit_length() < LARGEST else [(number, 1)]
