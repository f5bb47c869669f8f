"""Reaction networks from and to SBML, the exchange format of systems biology; python-libsbml is needed for both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from symdyn.errors import DeclarationError
from symdyn.models.reactions import ReactionNetwork
from symdyn.optional import require

__all__ = ["read_sbml", "to_sbml"]

#: Largest file that is read, in characters.
MAX_TEXT = 20_000_000


def read_sbml(source: str | Path, *, laws: str = "propensities") -> ReactionNetwork:
    r"""Read a reaction network from SBML, level 2 or 3 core.

    Species become molecule numbers.  As SBML prescribes, a species with ``hasOnlySubstanceUnits`` stands for its amount in
    formulas, any other for its concentration, amount by size of its compartment.  Kinetic laws are rates in events per
    time, that is propensities; those of mass action are recognised.  The compartment whose size occurs in laws becomes the
    volume of the network, if it is the only one.

    Parameters
    ----------
    source : str or Path
        A file, or the text of a model.
    laws : {'propensities', 'rate equations'}
        Whether kinetic laws are propensities, or rates in the limit of large numbers: then :math:`k\,n^2` of ``2 X -> ...`` is
        read as mass action, :math:`k\,n (n - 1)`.

    Returns
    -------
    ReactionNetwork
        Constant species and those of the boundary become parameters, assigned ones observables.

    Raises
    ------
    DeclarationError
        If python-libsbml is missing, the text is not valid SBML, or the model has features that networks lack: rate rules,
        algebraic rules, functions of the past, changing stoichiometry, required packages.
    OSError
        If the file cannot be read.

    Notes
    -----
    The law of a reversible reaction has to be a difference, forward minus backward rate, in which each part vanishes where its
    reactants are used up: it becomes two reactions, since a net rate does not determine the noise.

    References
    ----------
    Hucka et al., J. Integr. Bioinform. 16, 20190021 (2019); Evans, Gillespie, Wilkinson, Bioinformatics 24, 285 (2008).

    Examples
    --------
    >>> import symdyn as sd
    >>> text = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, c; k = 2; c = 0.1; X(0) = 5").to_sbml()
    >>> print(sd.read_sbml(text))
    0 -> X, k
    2 X -> 0, c
    """
    require("libsbml")
    from symdyn.io._sbml_reader import LAWS, read

    if laws not in LAWS:
        raise DeclarationError(f"laws is {laws!r}; expected one of {', '.join(map(repr, LAWS))}")
    if isinstance(source, str) and source.lstrip().startswith("<"):
        return _named("the SBML text", read, source, laws)
    path = Path(source)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8 text") from None
    return _named(str(path), read, text, laws)


def _named(what: str, read: Any, text: str, laws: str) -> ReactionNetwork:
    if len(text) > MAX_TEXT:
        raise DeclarationError(f"{what} has {len(text)} characters, more than {MAX_TEXT}")
    try:
        return read(text, laws)
    except DeclarationError as error:
        raise DeclarationError(f"{what}: {error}") from None


def to_sbml(network: Any, path: str | Path | None = None) -> str:
    """Write a network or an ODE system as SBML level 3 version 1.

    Species are amounts of items in one compartment, whose size is the volume; kinetic laws are the propensities, so that
    `read_sbml` returns the same process (then with mass action without combinatoric factors, and without the property that
    species are binary).  The states of an ODE system become parameters with rate rules, its algebraic equations algebraic
    rules; `read_sbml` does not read those.

    Parameters
    ----------
    network : ReactionNetwork or ODESystem
        Without bursts and unknown terms, which SBML does not have.
    path : str or Path, optional
        A file to which the text is written as well.

    Returns
    -------
    str
        The text.

    Raises
    ------
    DeclarationError
        If python-libsbml is missing, or SBML cannot represent the network.

    References
    ----------
    Hucka et al., J. Integr. Bioinform. 16, 20190021 (2019).

    Examples
    --------
    >>> import symdyn as sd
    >>> text = sd.ODESystem.from_text("x' = -k*x; k = 2; x(0) = 1").to_sbml()
    >>> "rateRule" in text
    True
    """
    require("libsbml")
    from symdyn.io._sbml_odes import write_rates
    from symdyn.io._sbml_writer import write

    text = write(network) if network.drift is None else write_rates(network)
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text
