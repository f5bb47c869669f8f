"""Model files: a text to a system, and a system to a text that reads back as the same system."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError, ParseError
from symdyn.io.antimony import read_antimony
from symdyn.io.sbml import read_sbml
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.ode import ODESystem
from symdyn.models.reactions import ReactionNetwork
from symdyn.models.sde import SDESystem
from symdyn.parsing import ModelText, parse_model
from symdyn.reaction_text import has_reactions
from symdyn.system import System

__all__ = ["KINDS", "NETWORK_FILES", "model_text", "read_model", "read_text"]

#: Classes of systems by the short name of their kind.
KINDS: dict[str, type[System]] = {cls.kind: cls for cls in (ODESystem, SDESystem, DiscreteSystem, ReactionNetwork)}
#: Readers of network formats by the ending of a file.
NETWORK_FILES: dict[str, Callable[..., ReactionNetwork]] = {".xml": read_sbml, ".sbml": read_sbml, ".ant": read_antimony}


def read_text(path: str | Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises
    ------
    DeclarationError
        If the file contains no such text.
    OSError
        If it cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8 text") from None


def read_model(path: str | Path, kind: str | None = None, **options: Any) -> System:
    """Read a model from a file: a text, SBML (``.xml``, ``.sbml``) or Antimony (``.ant``).

    Parameters
    ----------
    path : str or Path
    kind : {'ode', 'sde', 'map', 'jump'}, optional
        Told from the text unless given: arrows make a reaction network, ``x[t+1] = ...`` is a map, noise ``dW`` makes it
        stochastic, the rest are ODEs.
    **options
        For the class of that kind, such as ``interpretation="stratonovich"`` or ``volume="V"``; for SBML those of
        `read_sbml`.

    Raises
    ------
    ParseError, DeclarationError
        If the text is no model of that kind; the message names the file.
    OSError
        If the file cannot be read.
    """
    if Path(path).suffix in NETWORK_FILES:
        if kind not in (None, "jump"):
            raise DeclarationError(f"{path} holds a reaction network; kind is {kind!r}, expected 'jump' or none")
        return NETWORK_FILES[Path(path).suffix](path, **options)
    text = read_text(path)
    try:
        found = kind or ("jump" if has_reactions(text) else _kind(parse_model(text)))
        if found not in KINDS:
            raise DeclarationError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
        return KINDS[found].from_text(text, **options)
    except ParseError as error:
        raise ParseError(f"{path}: {error.reason}", text, error.position) from None
    except DeclarationError as error:
        raise DeclarationError(f"{path}: {error}") from None


def _kind(model: ModelText) -> str:
    if model.style == "next":
        return "map"
    return "sde" if model.noise or model.style == "differential" else "ode"


def model_text(system: System) -> str:
    """A text that ``from_text`` reads back: equations, observables, parameters and initial values.

    Examples
    --------
    >>> x, a = sp.symbols("x a")
    >>> print(model_text(ODESystem({x: a - x / 3}, {a: 0.1}, initial={x: 1})), end="")
    x' = a - x/3
    a = 0.1
    x(0) = 1.0

    Raises
    ------
    DeclarationError
        For a kind of system that no text makes.
    """
    if system.kind not in KINDS:
        raise DeclarationError(f"a {type(system).__name__} has no text that reads back; keep the Python that declares it")
    exact = system.map_expressions(_written_exactly)
    lines = [str(e) for e in exact.equations()]
    lines += [f"{name} := {value}" for name, value in exact.observables.items()]
    lines += [f"{name} = {value!r}" for name, value in system.defaults.items()]
    lines += [f"{name}(0) = {value!r}" for name, value in system.initial.items()]
    return "\n".join(lines) + "\n"


def _written_exactly(e: sp.Expr) -> sp.Expr:
    """`e` with every float as a symbol that is called like its shortest exact decimal; sympy prints 15 digits only."""
    return e.xreplace({f: sp.sign(f) * sp.Symbol(repr(abs(float(f)))) for f in e.atoms(sp.Float)})
