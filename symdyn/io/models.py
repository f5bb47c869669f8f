"""Model files: a text to a system; `symdyn.models.text` writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from symdyn.errors import DeclarationError, ParseError
from symdyn.io.antimony import read_antimony
from symdyn.io.sbml import read_sbml
from symdyn.models.text import text_kinds
from symdyn.parsing import MAX_TEXT, ModelText, parse_model
from symdyn.reaction_text import has_reactions
from symdyn.system import System

__all__ = ["NETWORK_FILES", "read_model", "read_text"]

#: Readers of network formats by the ending of a file.
NETWORK_FILES: dict[str, Callable[..., System]] = {".xml": read_sbml, ".sbml": read_sbml, ".ant": read_antimony}


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
        stochastic, the rest are ODEs.  SBML and Antimony are a reaction network, or of the kind 'ode' its equations.
    **options
        For the class of that kind, such as ``interpretation="stratonovich"`` or ``volume="V"``; for SBML and Antimony
        those of `read_sbml`.

    Returns
    -------
    System

    Raises
    ------
    ParseError, DeclarationError
        If the text is no model of that kind; the message names the file.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "model.txt"
    ...     _ = path.write_text("0 -> X, k; X -> 0, g")
    ...     type(read_model(path)).__name__
    'ReactionNetwork'
    """
    if Path(path).suffix in NETWORK_FILES:
        reader = NETWORK_FILES[Path(path).suffix]
        if kind not in (None, "jump", "ode"):
            raise DeclarationError(f"{path} holds a reaction network; kind is {kind!r}, expected 'jump' or 'ode'")
        if kind is not None and "as_" in options:
            raise DeclarationError(f"{path}: kind is {kind!r} and as_ is {options['as_']!r}, which say the same; give one")
        return reader(path, **options, **({"as_": "ode"} if kind == "ode" else {}))
    text = read_text(path)
    try:
        characters = options.get("characters", MAX_TEXT)
        found = kind or ("jump" if has_reactions(text, characters) else _kind(parse_model(text, characters)))
        kinds = text_kinds()
        if found not in kinds:
            raise DeclarationError(f"kind is {kind!r}; expected one of {', '.join(kinds)}")
        return kinds[found].from_text(text, **options)
    except ParseError as error:
        raise ParseError(f"{path}: {error.reason}", text, error.position) from None
    except DeclarationError as error:
        raise DeclarationError(f"{path}: {error}") from None


def _kind(model: ModelText) -> str:
    if model.style == "next":
        return "map"
    return "sde" if model.noise or model.style == "differential" else "ode"
