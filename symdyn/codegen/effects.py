"""Options without effect are refused here, for whoever reads options declares which."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from symdyn.codegen.families import family_of
from symdyn.errors import DeclarationError
from symdyn.methods.registry import METHODS

__all__ = ["refuse_idle"]

#: Who reads the options that no method reads.
ELSEWHERE = {
    "grid": "a PDESystem without a grid",
    "inline": "target='cpu'",
    "lanes": "target='cpu'",
    "precision": "target='cuda'",
    "threads": "target='cpu'",
}
WITHOUT_FIELDS = "systems without fields: ODEs, SDEs, maps, reaction networks, branching processes"


def refuse_idle(
    given: Iterable[str], reads: Collection[str], what: str, among: Mapping[str, Collection[str]] | None = None
) -> None:
    """Refuse options that were given and have no effect.

    Parameters
    ----------
    given : iterable of str
        Names of the options that were given a value.
    reads : collection of str
        Names of the options that have an effect.
    what : str
        What is being done, such as ``'ssa'`` with its quotes.
    among : mapping, optional
        What the methods read that could be used here, by name; by default those of ``symdyn.METHODS``.

    Raises
    ------
    DeclarationError
        Naming the first such option, what is being done, and who reads the option.

    Examples
    --------
    >>> refuse_idle(["rtol"], {"max_steps"}, "'ssa'")
    Traceback (most recent call last):
    ...
    symdyn.errors.DeclarationError: rtol has no effect on 'ssa'; it belongs to bs32, dop853, etdrk4, hybrid, imex, imex3,
    rodas4, rodas5p, taylor, tsit5
    """
    for name in given:
        if name not in reads:
            known = {m: family_of(s).reads(s) for m, s in METHODS.items()} if among is None else among
            readers = ", ".join(m for m, read in known.items() if name in read)
            raise DeclarationError(
                f"{name} has no effect on {what}; it belongs to {readers or ELSEWHERE.get(name, WITHOUT_FIELDS)}"
            )
