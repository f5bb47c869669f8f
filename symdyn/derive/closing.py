"""What a hierarchy leaves open, and what a closure puts for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.declaration import expression
from symdyn.derive.closures import Closure
from symdyn.errors import DeclarationError
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import Index, moment_symbol

__all__ = ["MomentNames", "close_moments", "missing_moments"]

#: Maximum number of closed moments that an error message lists.
LISTED = 8


class MomentNames(Mapping[Index, sp.Expr]):
    """Every moment as its symbol."""

    def __init__(self, species: tuple[sp.Symbol, ...], kind: str) -> None:
        self.species, self.kind = species, kind
        self.made: dict[Index, sp.Symbol] = {}

    def __getitem__(self, index: Index) -> sp.Expr:
        if index not in self.made:
            self.made[index] = moment_symbol(self.species, index, self.kind)
        return self.made[index]

    def __contains__(self, index: object) -> bool:
        return True

    def __iter__(self) -> Iterator[Index]:
        return iter(self.made)

    def __len__(self) -> int:
        return len(self.made)


def missing_moments(sides: list[sp.Expr], made: Any, names: Mapping[sp.Symbol, Index]) -> dict[sp.Symbol, Index]:
    """Symbols of moments that occur and have no equation, by order."""
    occurring = dag.free_symbols(sides)
    missing = {s: i for i, s in made.made.items() if s in occurring and s not in names}
    return dict(sorted(missing.items(), key=lambda item: (sum(item[1]), tuple(-p for p in item[1]))))


def close_moments(
    missing: dict[sp.Symbol, Index], rule: Closure | None, species: tuple[sp.Symbol, ...], known: Moments
) -> tuple[dict[sp.Symbol, sp.Expr], dict[sp.Symbol, sp.Expr]]:
    """Expressions for what is missing, and the relations of the closure, in moments of its own kind."""
    if not missing:
        return {}, {}
    if rule is None:
        listed = ", ".join(map(str, list(missing)[:LISTED])) + (
            f" and {len(missing) - LISTED} more" if len(missing) > LISTED else ""
        )
        raise DeclarationError(
            f"the equations up to order {known.order} need {listed}; pass a closure, such as closure='normal'"
        )
    if known.order < rule.least_order:
        raise DeclarationError(f"the {rule.name} closure uses moments of order {rule.least_order}; got order={known.order}")

    def close(index: Index, of: Moments) -> sp.Expr:
        return expression(rule.express(index, of))

    known.close, known.close_kind = close, rule.kind
    closed = {symbol: known.get(known.kind, index) for symbol, index in missing.items()}
    shown = Moments(
        known.size, rule.kind, MomentNames(species, rule.kind), close_kind=rule.kind, binary=known.binary, order=known.order
    )
    relations = {moment_symbol(species, i, rule.kind): close(i, shown) for i in sorted(known.closed, key=_by_order)}
    return closed, relations


def _by_order(index: Index) -> tuple:
    return sum(index), tuple(-p for p in index)
