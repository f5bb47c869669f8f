"""Units as they are written: a text such as ``mol/(L s)`` to exponents of its base units."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from symdyn.errors import RecoveryError

__all__ = ["Unit", "read_unit", "unit_text"]

#: Exponents of base units by name; names are taken as they are, so that 'mM' and 'M' are different units.
Unit = Mapping[str, Fraction]


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
    if unit == 1:
        return {}
    if not isinstance(unit, str):
        raise RecoveryError(f"a unit is {unit!r}; expected a text such as 'mM/s', a mapping of names to exponents, or 1")
    return _Reader(unit).whole()


class _Reader:
    """A recursive descent through ``product = factor (('*' | '/' | space) factor)*``."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    def whole(self) -> dict[str, Fraction]:
        if not self.text.strip():
            return {}
        powers = self.product()
        if self.place < len(self.text):
            self.fail("nothing more")
        return {name: power for name, power in powers.items() if power}

    def fail(self, expected: str) -> None:
        rest = self.text[self.place :].strip() or "the end"
        raise RecoveryError(f"the unit {self.text!r} cannot be read at {rest!r}; expected {expected}, as in 'mM/s' or 'm^2'")

    def look(self) -> str:
        while self.place < len(self.text) and self.text[self.place].isspace():
            self.place += 1
        return self.text[self.place] if self.place < len(self.text) else ""

    def product(self) -> dict[str, Fraction]:
        powers = self.factor()
        while (mark := self.look()) and mark != ")":
            if mark in "*/·":
                self.place += 1
            sign = -1 if mark == "/" else 1
            for name, power in self.factor().items():
                powers[name] = powers.get(name, Fraction(0)) + sign * power
        return powers

    def factor(self) -> dict[str, Fraction]:
        mark = self.look()
        if mark == "(":
            self.place += 1
            inner = self.product()
            if self.look() != ")":
                self.fail("')'")
            self.place += 1
        elif mark == "1":
            self.place += 1
            inner = {}
        else:
            begin = self.place
            while self.place < len(self.text) and (self.text[self.place].isalpha() or self.text[self.place] in "_%°"):
                self.place += 1
            if self.place == begin:
                self.fail("the name of a unit, 1 or '('")
            inner = {self.text[begin : self.place]: Fraction(1)}
        power = self.power()
        return {name: power * p for name, p in inner.items()}

    def power(self) -> Fraction:
        self.look()
        mark = next((m for m in ("**", "^") if self.text.startswith(m, self.place)), None)
        if mark is None:
            return Fraction(1)
        self.place += len(mark)
        closed = self.look() == "("
        self.place += closed
        self.look()
        begin = self.place
        while self.place < len(self.text) and self.text[self.place] in ("+-0123456789./" if closed else "+-0123456789."):
            self.place += 1
        try:
            power = Fraction(self.text[begin : self.place])
        except (ValueError, ZeroDivisionError):
            self.place = begin
            self.fail("an exponent such as 2, -1 or (1/2)")
        if closed:
            if self.look() != ")":
                self.fail("')'")
            self.place += 1
        return power


def unit_text(unit: Unit) -> str:
    """A unit as it is written.

    >>> unit_text(read_unit("m/s^2"))
    'm*s^-2'
    """
    return "*".join(f"{name}^{power}" if power != 1 else name for name, power in unit.items()) or "1"
