"""Models from and to Antimony, the text form of SBML; libantimony, of the package antimony, reads it."""

from __future__ import annotations

import re
from pathlib import Path

from symdyn.errors import DeclarationError, ParseError
from symdyn.io._antimony_writer import WORDS, write
from symdyn.io._reading import Limits, read_apart, source_text
from symdyn.io.exchange.raised import raised
from symdyn.io.sbml import chosen, lowered, written
from symdyn.models.ode import ODESystem
from symdyn.models.reactions import ReactionNetwork
from symdyn.optional import require
from symdyn.system import System

__all__ = ["read_antimony", "to_antimony"]

#: Digits that libsbml writes, by way of which libantimony translates.
DIGITS = 15
_COMMENT = r"//[^\n]*|\#[^\n]*|/\*.*?\*/"
_IMPORT = re.compile(
    rf'(?P<comment>{_COMMENT})|(?<!\w)import(?:\s|{_COMMENT})*"(?P<file>[^"\n]*)"(?P<after>[ \t]*;)?|"[^"\n]*"', re.DOTALL
)
_NUMBER = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_LINE = re.compile(
    r"Error in (?:model string|file '[^']*'), line (\d+):\s*(?:\d+ SBML error.*?from libSBML:\s*)?(.*)", re.DOTALL
)


def read_antimony(
    source: str | Path,
    *,
    as_: str = "network",
    laws: str | None = None,
    seconds: float = Limits.seconds,
    memory: int = Limits.memory,
    characters: int = Limits.characters,
) -> ReactionNetwork | ODESystem:
    """Read a model from Antimony, the text form of SBML, as a reaction network or as ordinary differential equations.

    libantimony translates it to SBML, and its main model is read as by `read_sbml`: with submodels, functions, rules, events
    and units.  A species stands for its concentration, in a compartment of size 1 by default, or for its amount after
    ``substanceOnly species``.

    Parameters
    ----------
    source : str or Path
        A file, or the text of a model (with a line break or a semicolon in it).
    as_ : {'network', 'ode'}
        What the model becomes.
    laws : {'propensities', 'rate equations'}, optional
        What kinetic laws are in a network; see `read_sbml`.
    seconds : float
        Wall time that libantimony and libsbml may each take; they read in a process of their own.
    memory : int
        Memory that this process may take, in bytes; on Unix systems.
    characters : int
        Largest length of the text, with imported files, and of its translation.

    Returns
    -------
    ReactionNetwork or ODESystem

    Raises
    ------
    ParseError
        If libantimony does not understand the text; it points at the line.
    DeclarationError
        If the package antimony is missing, a limit is exceeded, or the model has what `read_sbml` does not read.
    OSError
        If the file cannot be read.

    Notes
    -----
    Files that are imported are Antimony files in the folder of the file itself; no others are opened.

    References
    ----------
    Smith, Bergmann, Chandran, Sauro, Bioinformatics 25, 2452 (2009).

    Examples
    --------
    >>> text = "J1: 2 A -> B; k1*A*(A - 1); J2: B => 2 A; k2*B; A = 10; k1 = 0.5"
    >>> print(read_antimony(text))
    2 A -> B, k1
    B -> 2 A, k2
    >>> print(read_antimony("x' = -k*x; x = 3; k = 0.5", as_="ode"))
    x' = -k*x
    """
    limits = Limits(seconds, memory, characters)
    chosen(as_, laws)
    what, text, path = source_text(source, isinstance(source, str) and any(c in source for c in ";\n"))
    require("antimony")
    try:
        limits.fit(text)
        imported = _imported(text, path, limits)
        try:
            shortened, exact = _shortened(imported)
            sbml = read_apart(shortened, "Antimony", limits)
        except DeclarationError as error:
            if (place := _LINE.match(str(error))) is None:
                raise
            raise _located(place, text, imported) from None
        return lowered(sbml, None, as_, laws, limits=limits, exact=exact, words=WORDS, origin="Antimony")
    except ParseError as error:
        raise ParseError(f"{what}: {error.reason}" if path else error.reason, text, error.position) from None
    except DeclarationError as error:
        raise DeclarationError(f"{what}: {error}") from None


def to_antimony(system: System, path: str | Path | None = None) -> str:
    """Write a network or an ODE system as Antimony, which `read_antimony` reads back.

    Species are amounts in one compartment, whose size is the volume, and rates of reactions the propensities.  The states of an
    ODE system are variables with rates of change; algebraic equations, delays and events are written, a schedule of doses as
    one event for each.  Numbers are written exactly; tools that read them by libsbml keep 15 digits.  Names that are words of
    Antimony, such as ``gamma`` and ``pi``, get an underscore, and `read_antimony` takes it away.

    Parameters
    ----------
    system : ReactionNetwork or ODESystem
        Without bursts, delays of reactions, inputs and unknown terms, which Antimony does not have.
    path : str or Path, optional
        A file to which the text is written as well.

    Returns
    -------
    str
        The text.

    Raises
    ------
    DeclarationError
        If Antimony cannot represent the system; it names what.

    References
    ----------
    Smith, Bergmann, Chandran, Sauro, Bioinformatics 25, 2452 (2009).

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.ODESystem.from_text("x' = -k*x; k = 2; x(0) = 1; when x < 0.1, x = 1").to_antimony())
    model *system()
      const k;
      var x;
      k = 2;
      x = 1;
      x' = -k*x;
      E1: at (x < 0.1), t0=true, persistent=true, fromTrigger=false: x = 1;
    end
    """
    return written(write(raised(system)), path)


def _located(place: re.Match[str], text: str, imported: str) -> ParseError:
    """The error of a line; imported files stand before the text."""
    line = int(place[1]) - imported.count("\n") + text.count("\n")
    reason = " ".join(place[2].split())[:400]
    if not 1 <= line <= text.count("\n") + 1:
        return ParseError(f"in an imported file: {reason}", text, 0)
    lines = text.splitlines(keepends=True) or [""]
    start = sum(map(len, lines[: line - 1]))
    return ParseError(reason, text, start + len(text[start:]) - len(text[start:].lstrip(" \t")))


def _imported(text: str, path: Path | None, limits: Limits, opened: set[Path] | None = None) -> str:
    """The text after the files that it imports, each once."""
    before: list[str] = []
    known = set() if opened is None else opened

    def read(found: re.Match[str]) -> str:
        name = found["file"]
        if name is None:
            return found[0]
        file = None if path is None or name != Path(name).name else path.parent / name
        if file is None or not file.is_file():
            raise DeclarationError(f"it imports {name!r}, which is no file in the folder of its own file")
        if file not in known:
            known.add(file)
            _, inner, _ = source_text(file, False)
            before.append(_imported(inner, file, limits, known) + "\n")
            if len(text) + sum(map(len, before)) > limits.characters:
                raise DeclarationError(f"with imports it has more than characters={limits.characters}; raise characters=")
        return re.sub(r"[^\n]", " ", found[0])

    own = _IMPORT.sub(read, text)
    return "".join(before) + own


def _shortened(text: str) -> tuple[str, dict[str, float]]:
    """The text with numbers of 15 digits at most, each a different one, and the numbers that they stand for."""
    numbers = list(_NUMBER.finditer(text))
    long = {m[0]: float(m[0]) for m in numbers if f"{float(m[0]):.{DIGITS}g}" != m[0] and _rounds(m[0])}
    taken = {f"{float(m[0]):.{DIGITS}g}" for m in numbers if m[0] not in long}
    exact: dict[str, float] = {}
    written: dict[str, str] = {}
    for literal, value in long.items():
        near = float(f"{value:.{DIGITS}g}")
        key = f"{near:.{DIGITS}g}"
        while key in taken and exact.get(key) != value:  # the next number of 15 digits
            near += 10.0 ** (-DIGITS + 1 + int(f"{near:e}".partition("e")[2]))
            key = f"{near:.{DIGITS}g}"
        taken.add(key)
        exact[key] = value
        written[literal] = key
    return _NUMBER.sub(lambda m: written.get(m[0], m[0]), text), exact


def _rounds(literal: str) -> bool:
    """Whether 15 digits are another number."""
    value = float(literal)
    return value < float("inf") and float(f"{value:.{DIGITS}g}") != value
