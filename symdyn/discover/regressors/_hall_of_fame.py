"""What PySR writes: tables of formulas, and templates of several formulas, parsed and never evaluated."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.errors import ParseError, RecoveryError
from symdyn.parsing import parse_expression

__all__ = ["julia_text", "read_hall_of_fame"]

#: Functions of PySR that have no name of their own in a model.
FUNCTIONS: Mapping[str, Callable[..., sp.Expr]] = {
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "inv": lambda x: 1 / x,
    "neg": lambda x: -x,
    "pow": lambda x, y: x**y,
    "log2": lambda x: sp.log(x) / sp.log(2),
    "log10": lambda x: sp.log(x) / sp.log(10),
    "relu": lambda x: sp.Max(x, 0),
}
SLOT, ENTRY = re.compile(r"#(\d+)"), re.compile(r"\b([A-Za-z_]\w*)\[(\d+)\]")
LIST = re.compile(r"\[([^\]]*)\]$")


def read_hall_of_fame(path: Path, template: Mapping[str, Any] | None = None) -> list[sp.Expr]:
    """Formulas of a table with the columns Complexity, Loss, Equation (any case); those we cannot read are left out.

    Parameters
    ----------
    path : Path
    template : mapping, optional
        With which the search ran: keys ``combine`` and ``expressions``; a row then reads ``f = #1 * 2.0; g = #1; p = [1.0]``.

    Raises
    ------
    RecoveryError
        If the table has no column of equations, or none of them can be read.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = [{(k or "").lower(): v for k, v in row.items()} for row in csv.DictReader(file)]
    if not rows or "equation" not in rows[0]:
        raise RecoveryError(f"{path.name} is no hall of fame of PySR: it has no column Equation")
    found = []
    for row in rows:
        try:
            formula = _formula(row["equation"]) if template is None else _combined(row["equation"], template)
        except (ParseError, ValueError):
            continue
        if not formula.atoms(AppliedUndef):
            found.append(formula)
    if not found:
        raise RecoveryError(f"no equation of {path.name} could be read, such as {rows[0]['equation']!r}; use other operators")
    return found


def _formula(text: str) -> sp.Expr:
    """One formula; slots such as ``#1`` become symbols ``slot_1``, and entries such as ``p[2]`` symbols ``p_2``."""
    e = parse_expression(ENTRY.sub(r"\1_\2", SLOT.sub(r"slot_\1", text)))
    return e.replace(lambda a: isinstance(a, AppliedUndef) and a.func.__name__ in FUNCTIONS, _known)


def _known(e: AppliedUndef) -> sp.Expr:
    return FUNCTIONS[e.func.__name__](*e.args)


def _combined(text: str, template: Mapping[str, Any]) -> sp.Expr:
    """A row of a template as one formula."""
    inner: dict[str, sp.Expr] = {}
    values: dict[sp.Symbol, sp.Expr] = {}
    for part in filter(None, (p.strip() for p in re.split(r";|\n", text))):
        name, _, right = (s.strip() for s in part.partition("="))
        if (entries := LIST.match(right)) is not None:
            for k, entry in enumerate(filter(None, entries[1].split(",")), start=1):
                values[sp.Symbol(f"{name}_{k}")] = _formula(entry)
        else:
            inner[name] = _formula(right)
    missing = [name for name in template["expressions"] if name not in inner]
    if missing:
        raise ValueError(f"the row lacks {missing[0]}")
    whole = _formula(str(template["combine"])).xreplace(values)

    def filled(e: AppliedUndef) -> sp.Expr:
        slots = {sp.Symbol(f"slot_{k}"): a for k, a in enumerate(e.args, start=1)}
        return inner[e.func.__name__].xreplace(slots).xreplace(values)

    for _ in inner:  # an expression may be an argument of another
        whole = whole.replace(lambda a: isinstance(a, AppliedUndef) and a.func.__name__ in inner, filled)
    return whole


def julia_text(expression: sp.Expr) -> str:
    """A formula in the notation of Julia, for guesses.

    >>> x = sp.Symbol("x0")
    >>> julia_text(2 * x**2 + 1)
    '2*x0^2 + 1'
    """
    return str(expression).replace("**", "^")
