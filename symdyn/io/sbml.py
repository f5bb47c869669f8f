"""Models from and to SBML, the exchange format of systems biology; python-libsbml is needed to read it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from symdyn.errors import DeclarationError
from symdyn.files import put
from symdyn.io._reading import Limits, source_text
from symdyn.io._sbml_writer import write
from symdyn.io.exchange.raised import raised
from symdyn.models.ode import ODESystem
from symdyn.models.reactions import ReactionNetwork
from symdyn.optional import require
from symdyn.system import System

__all__ = ["chosen", "lowered", "read_sbml", "to_sbml", "written"]


def read_sbml(
    source: str | Path,
    *,
    as_: str = "network",
    laws: str | None = None,
    seconds: float = Limits.seconds,
    memory: int = Limits.memory,
    characters: int = Limits.characters,
) -> ReactionNetwork | ODESystem:
    r"""Read a model from SBML, level 1 to 3, as a reaction network or as ordinary differential equations.

    *As a network*, species become molecule numbers.  As SBML prescribes, a species with ``hasOnlySubstanceUnits`` stands for
    its amount in formulas, any other for its concentration, amount by size of its compartment.  Kinetic laws are rates in
    events per time, that is propensities; those of mass action are recognised.  The compartment whose size occurs in laws
    becomes the volume of the network, if it is the only one and laws are powers of it at constant concentrations; otherwise
    the volume is 1, so that `rate_equations` keeps laws such as ``cell*k0 + v0`` whole.  Initial assignments of species follow
    the parameters and the initial values that they contain; those of parameters follow the parameters in them, and are numbers
    where they contain initial values of species that change.

    *As equations*, every identifier keeps its meaning: the state of a species is its concentration, or its amount with
    ``hasOnlySubstanceUnits``.  With the rates :math:`v_j` of reactions, stoichiometries :math:`\nu_{ij}` and conversion factors
    :math:`c_i`, amounts change by :math:`c_i \sum_j \nu_{ij} v_j`, and concentrations by that over the size of the
    compartment; where rules or events change this size, the amount is the state, ``<species>_amount``, and the concentration an
    observable.  Assigned quantities, rates of reactions (by their identifiers) and constants that occur in no formula are
    observables.  Initial assignments follow the parameters that they contain.

    Parameters
    ----------
    source : str or Path
        A file, or the text of a model.
    as_ : {'network', 'ode'}
        What the model becomes.
    laws : {'propensities', 'rate equations'}, optional
        Of a network: whether kinetic laws are propensities, the default, or rates in the limit of large numbers: then
        :math:`k\,n^2` of ``2 X -> ...`` is read as mass action, :math:`k\,n (n - 1)`.
    seconds : float
        Wall time that libsbml may take; it first reads the text in a process of its own.
    memory : int
        Memory that this process may take, in bytes; on Unix systems.
    characters : int
        Largest length of the text.

    Returns
    -------
    ReactionNetwork or ODESystem
        Constant species and those of the boundary become parameters, unless rules or events change them.

    Raises
    ------
    DeclarationError
        If python-libsbml is missing, the text is not valid SBML, or the model has what cannot be read: required packages
        besides submodels (``comp``), fast reactions without an isolated equilibrium, formulas of infinite values; as a network
        also fast reactions, rate rules, algebraic rules, functions of the past and stoichiometries that change.
    OSError
        If the file cannot be read.

    Notes
    -----
    In a network, the law of a reversible reaction has to be a difference, forward minus backward rate, in which each part
    vanishes where its reactants are used up: it becomes two reactions, since a net rate does not determine the noise.

    Whatever a file says of the reaction, a law with a negative part where a reactant is used up is such a difference.

    As equations, a trigger such as ``x == 1.25`` acts where x passes that number in its course, from either side, or is set to
    it, and not in a jump across; a state ``side`` of the system keeps the side.  Whether it acts where x touches the number
    without passing, once, twice or not at all, is a matter of rounding; use ``>=``.  Values from before a delay that are set
    by sizes of the moment at which the event acts are states, too, such as ``A_by_E1``, and so is whether they are ``due``.
    Datasets hold these states, from which a simulation can go on, and ``fired`` counts the events that keep them.

    Names of variables that every dataset has, such as ``time``, get an underscore.  Events that act at the same moment, without
    priorities, act in their order in the file, where SBML leaves the order to chance.

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
    >>> print(sd.read_sbml(text, as_="ode"))
    X' = -2*X*c*(X - 1) + k
    """
    limits = Limits(seconds, memory, characters)
    chosen(as_, laws)
    is_text = isinstance(source, str) and source.lstrip("\ufeff \t\r\n").startswith("<")
    if isinstance(source, str) and not is_text and not {*source}.isdisjoint("\n;"):
        raise DeclarationError(
            "the source is no path, and no text of SBML, which begins with '<'; symdyn.read_antimony reads Antimony"
        )
    what, text, path = source_text(source, is_text)
    try:
        return lowered(text, path, as_, laws, limits=limits)
    except DeclarationError as error:
        raise DeclarationError(f"{what}: {error}") from None


def chosen(as_: str, laws: str | None) -> None:
    """Refuse what a model cannot become.

    Raises
    ------
    DeclarationError
    MissingPackageError
    """
    require("libsbml")
    from symdyn.io.exchange.networks import LAWS

    if as_ not in ("network", "ode"):
        raise DeclarationError(f"as_ is {as_!r}; expected 'network' or 'ode'")
    if laws is not None and laws not in LAWS:
        raise DeclarationError(f"laws is {laws!r}; expected one of {', '.join(map(repr, LAWS))}")
    if laws is not None and as_ == "ode":
        raise DeclarationError("laws= says what kinetic laws are in a network; equations take them as rates")


def lowered(
    text: str,
    path: Path | None,
    as_: str,
    laws: str | None,
    *,
    limits: Limits,
    exact: Mapping[str, float] | None = None,
    words: Collection[str] = (),
    origin: str = "SBML",
) -> ReactionNetwork | ODESystem:
    """The system of an SBML text, which lies at a path or was translated from another format."""
    from symdyn.io._sbml_reader import read
    from symdyn.io.exchange.networks import to_network
    from symdyn.io.exchange.odes import to_odes

    model = replace(read(text, path, limits=limits, exact=exact, words=words), origin=origin)
    return to_odes(model) if as_ == "ode" else to_network(model, laws or "propensities")


def to_sbml(system: System, path: str | Path | None = None) -> str:
    """Write a network or an ODE system as SBML level 3 version 1.

    Species are amounts of items in one compartment, whose size is the volume; kinetic laws are the propensities, so that
    `read_sbml` returns the same process (then with mass action without combinatoric factors, and without the property that
    species are binary).  The states of an ODE system become parameters with rate rules, its algebraic equations algebraic
    rules, its delays the function ``delay``; `read_sbml` reads them with ``as_="ode"``.  A schedule of doses becomes one event
    for each.  Numbers are written exactly.

    Parameters
    ----------
    system : ReactionNetwork or ODESystem
        Without bursts, delays of reactions, inputs and unknown terms, which SBML does not have.
    path : str or Path, optional
        A file to which the text is written as well.

    Returns
    -------
    str
        The text.

    Raises
    ------
    DeclarationError
        If SBML cannot represent the system; it names what.

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
    return written(write(raised(system)), path)


def written(text: str, path: str | Path | None) -> str:
    """The text, after it was written to a file if there is a path."""
    if path is not None:
        put(Path(path), text.encode())
    return text
