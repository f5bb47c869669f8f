"""Model files: a system from a file and to a file, in the format that its ending names."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from symdyn.errors import DeclarationError, ParseError
from symdyn.files import put
from symdyn.io.plain_text import read_text
from symdyn.models.text import model_text, text_kinds
from symdyn.network_files import load_networks, save_networks
from symdyn.parsing import MAX_TEXT, ModelText, parse_model
from symdyn.reaction_text import has_reactions
from symdyn.system import System

__all__ = [
    "NAMES_WEIGHTS",
    "NETWORK_FILES",
    "PETAB_FILES",
    "WRITERS",
    "check_ending",
    "read_model",
    "read_model_text",
    "write_model",
]

#: In a text that names the weights of networks.
NAMES_WEIGHTS = "weights_"
#: Endings of PEtab problems.
PETAB_FILES = frozenset({".yaml", ".yml"})


# what reads and writes other formats is imported for files of those alone: it takes longer than to simulate a text


def _from_sbml(path: str | Path, **options: Any) -> System:
    from symdyn.io.sbml import read_sbml

    return read_sbml(path, **options)


def _from_antimony(path: str | Path, **options: Any) -> System:
    from symdyn.io.antimony import read_antimony

    return read_antimony(path, **options)


def _from_pysb(path: str | Path, **options: Any) -> System:
    from symdyn.io.pysb import read_pysb

    return read_pysb(path, **options)


def _as_sbml(system: System) -> str:
    from symdyn.io.sbml import to_sbml

    return to_sbml(system)


def _as_antimony(system: System) -> str:
    from symdyn.io.antimony import to_antimony

    return to_antimony(system)


#: Readers of network formats by the ending of a file.
NETWORK_FILES: dict[str, Callable[..., System]] = {
    ".xml": _from_sbml, ".sbml": _from_sbml, ".ant": _from_antimony, ".py": _from_pysb,
}  # fmt: skip


def read_model(path: str | Path, kind: str | None = None, **options: Any) -> System:
    """Read a file: a text, SBML (``.xml``, ``.sbml``), Antimony (``.ant``), PySB (``.py``) or a PEtab problem (``.yaml``).

    Parameters
    ----------
    path : str or Path
    kind : {'ode', 'sde', 'map', 'jump'}, optional
        Told from the text unless given: arrows make a reaction network, ``x[t+1] = ...`` is a map, noise ``dW`` makes it
        stochastic, the rest are ODEs.  SBML, Antimony and PySB are a reaction network, or of the kind 'ode' its equations; of a
        PEtab problem the equations are read, with nominal values.
    **options
        For the class of that kind, such as ``interpretation="stratonovich"`` or ``volume="V"``; for SBML, Antimony and PySB
        those of `read_sbml`, `read_antimony` and `read_pysb`.  ``networks`` is the file of the weights that a text names,
        ``model.npz`` beside ``model.txt`` unless given.

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
    if Path(path).suffix in PETAB_FILES:
        if kind not in (None, "ode") or options:
            raise DeclarationError(f"{path} is a PEtab problem, which names its kind and options; leave them out")
        from symdyn.io.petab.problem import read_petab

        return read_petab(path).system
    if Path(path).suffix in NETWORK_FILES:
        reader = NETWORK_FILES[Path(path).suffix]
        if kind not in (None, "jump", "ode"):
            raise DeclarationError(f"{path} holds a reaction network; kind is {kind!r}, expected 'jump' or 'ode'")
        if kind is not None and "as_" in options:
            raise DeclarationError(f"{path}: kind is {kind!r} and as_ is {options['as_']!r}, which say the same; give one")
        _check_options(f"{path}, which says it itself", (), options)
        return reader(path, **options, **({"as_": "ode"} if kind == "ode" else {}))
    text = read_text(path)
    beside = Path(path).with_suffix(".npz")
    if "networks" not in options and beside.exists() and NAMES_WEIGHTS in text:
        options["networks"] = beside
    try:
        return read_model_text(text, kind, **options)
    except ParseError as error:
        raise ParseError(f"{path}: {error.reason}", text, error.position) from None
    except DeclarationError as error:
        raise DeclarationError(f"{path}: {error}") from None


def read_model_text(text: str, kind: str | None = None, **options: Any) -> System:
    """The model that a text holds.

    Parameters
    ----------
    text : str
    kind : {'ode', 'sde', 'map', 'jump'}, optional
        As of `read_model`.
    **options
        For the class of that kind.

    Returns
    -------
    System

    Raises
    ------
    ParseError, DeclarationError
        If the text is no model of that kind.

    Examples
    --------
    >>> print(read_model_text("x[t+1] = a*x*(1 - x)"))
    x[t+1] = a*x*(1 - x)
    """
    characters = options.get("characters", MAX_TEXT)
    found = kind or ("jump" if has_reactions(text, characters) else _kind(parse_model(text, characters)))
    kinds = text_kinds()
    if found not in kinds:
        raise DeclarationError(f"kind is {kind!r}; expected one of {', '.join(kinds)}")
    _check_options(f"this {kinds[found].__name__}", kinds[found].text_options or (), options)
    return kinds[found].from_text(text, **options)


def _check_options(what: str, own: Collection[str], options: Collection[str]) -> None:
    """Refuse options that belong to other kinds of texts."""
    for cls in text_kinds().values():
        for name in cls.text_options or ():
            if name in options and name not in own:
                raise DeclarationError(f"{name} has no effect on {what}; it belongs to {cls.__name__}")


def _kind(model: ModelText) -> str:
    if model.style == "next":
        return "map"
    return "sde" if model.noise or model.style == "differential" else "ode"


def _latex(system: System) -> str:
    rows = [f"{e.left_latex} &= {e.right_latex}" for e in system.equations()]
    return "\\begin{align}\n" + " \\\\\n".join(rows) + "\n\\end{align}\n"


#: What writes a system, by the ending of the file.
WRITERS: dict[str, Callable[[System], str]] = {
    ".txt": model_text,
    ".xml": _as_sbml,
    ".sbml": _as_sbml,
    ".ant": _as_antimony,
    ".tex": _latex,
}


def check_ending(path: str | Path) -> str:
    """The ending of a file that `write_model` can write.

    Raises
    ------
    DeclarationError
        For another one.
    """
    ending = Path(path).suffix
    if ending not in WRITERS:
        raise DeclarationError(f"{path} ends in {ending!r}; expected one of {', '.join(WRITERS)}")
    return ending


def write_model(system: System, path: str | Path) -> None:
    """Write a system to a file: a text (``.txt``), SBML (``.xml``, ``.sbml``), Antimony (``.ant``) or LaTeX (``.tex``).

    Parameters
    ----------
    system : System
    path : str or Path
        Replaced if it exists; of LaTeX the equations alone are written.  The weights of networks are written beside a text, to
        a file of its name that ends in ``.npz``.

    Raises
    ------
    DeclarationError
        For another ending, for a system that the format cannot hold, and where a file of something else has the name of that
        of the weights; nothing is written then.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import symdyn as sd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "decay.xml"
    ...     write_model(sd.ODESystem.from_text("x' = -k*x; k = 2; x(0) = 1"), path)
    ...     print(read_model(path, kind="ode"))
    x' = -k*x
    """
    ending = check_ending(path)
    text, networks = WRITERS[ending](system), {n.network.name: n.network for n in system.networks}
    if networks and ending == ".txt":
        beside = Path(path).with_suffix(".npz")
        if beside.exists():
            try:
                load_networks(beside)
            except DeclarationError as error:
                said = f"{error}, and is not overwritten by the weights of {Path(path).name}; move it"
                raise DeclarationError(said) from None
        save_networks(beside, networks.values())
    put(Path(path), text.encode())
