"""Rule-based models of PySB, as the networks and equations that their rules generate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symdyn.errors import DeclarationError
from symdyn.io._reading import Limits, source_text
from symdyn.models.ode import ODESystem
from symdyn.models.reactions import ReactionNetwork

if TYPE_CHECKING:
    from symdyn.io.exchange.model import ExchangeModel

#: How many complexes and reactions may be generated unless more are allowed.
SPECIES, REACTIONS = 2000, 20_000

__all__ = ["pysb_model", "read_pysb"]


def read_pysb(
    source: Any,
    *,
    as_: str = "network",
    species: int = SPECIES,
    reactions: int = REACTIONS,
    characters: int = Limits.characters,
) -> ReactionNetwork | ODESystem:
    r"""Read a model of PySB: its rules are applied until no new complexes arise.

    A rule acts wherever its patterns fit, with its rate for each way, counted once where molecules of the rule are alike: the
    rate of ``A() + A() >> B()`` with k is :math:`k\,n (n - 1)/2` as a network and :math:`k\,n^2/2` as equations, as in
    BioNetGen.  Complexes are amounts, in compartments with a size those of several molecules react at rates over that size;
    observables count how often their patterns fit.

    Parameters
    ----------
    source : str, Path or pysb.Model
        A file, the text of a model, or a model that was built in this process, also by loops and macros.  Text is read as
        Python's grammar and never executed: monomers, parameters, expressions, compartments, rules, observables and initial
        values, with or without names.
    as_ : {'network', 'ode'}
        What the model becomes.
    species, reactions : int
        How many complexes and reactions may be generated at most.
    characters : int
        Largest length of the text.

    Returns
    -------
    ReactionNetwork or ODESystem
        A complex has the names of its molecules with their states, such as ``L_R_p``, and a number where others have the same.

    Raises
    ------
    DeclarationError
        For what is no declaration, naming the line; for energy patterns, tags, connected moves, bonds of several molecules at
        one site, and reactions between compartments with sizes or that are no surface and its volume; if more is generated than
        allowed.
    OSError
        If the file cannot be read.

    References
    ----------
    Lopez, Muhlich, Bachman, Sorger, Mol. Syst. Biol. 9, 646 (2013); Blinov, Faeder, Goldstein, Hlavacek, Bioinformatics 20,
    3289 (2004): generation of networks.

    Examples
    --------
    >>> import symdyn as sd
    >>> model = '''
    ... Monomer("L", ["b"]); Monomer("R", ["b", "s"], {"s": ["u", "p"]})
    ... Parameter("kf", 0.1); Parameter("kr", 1.0); Parameter("kp", 2.0); Parameter("L0", 50); Parameter("R0", 20)
    ... Initial(L(b=None), L0); Initial(R(b=None, s="u"), R0)
    ... Rule("bind", L(b=None) + R(b=None) | L(b=1) % R(b=1), kf, kr)
    ... Rule("phosphorylate", L(b=1) % R(b=1, s="u") >> L(b=1) % R(b=1, s="p"), kp)
    ... '''
    >>> print(sd.read_pysb(model))
    L + R_u -> L_R_u, kf
    L_R_u -> L + R_u, kr
    L_R_u -> L_R_p, kp
    L_R_p -> L + R_p, kr
    L + R_p -> L_R_p, kf
    """
    from symdyn.io.exchange.networks import to_network
    from symdyn.io.exchange.odes import to_odes
    from symdyn.io.rules.model import expanded
    from symdyn.io.rules.pysb_text import PysbReader

    if as_ not in ("network", "ode"):
        raise DeclarationError(f"as_ is {as_!r}; expected 'network' or 'ode'")
    for name, value in (("species", species), ("reactions", reactions)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise DeclarationError(f"{name} is {value!r}; expected a whole number from 1")
    limits = Limits(characters=characters)
    what, text = "the model", _declared(source)
    if text is None:
        what, text, _ = source_text(source, isinstance(source, str) and any(c in source for c in "\n;("))
    try:
        limits.fit(text)
        model, _ = expanded(PysbReader(text).model, most_species=species, most_reactions=reactions)
        return to_odes(model) if as_ == "ode" else to_network(model, "rate equations")
    except DeclarationError as error:
        raise DeclarationError(f"{what}: {error}") from None


def _declared(source: Any) -> str | None:
    """The components of a model that was built in this process, as text, which PySB prints as they are declared."""
    parts = [getattr(source, name, None) for name in ("monomers", "parameters", "rules", "components", "initials")]
    if any(p is None for p in parts) or isinstance(source, (str, Path)):
        return None
    order = ("parameters", "compartments", "monomers", "observables", "expressions", "rules", "initials")
    others = [c for c in source.components if not any(c in getattr(source, name) for name in order)]
    listed = [*others, *(c for name in order for c in getattr(source, name))]  # as one refers to the other
    return "\n".join(map(repr, listed))


def pysb_model(text: str, entities: Mapping[str, str], limits: Limits) -> tuple[ExchangeModel, dict[str, str]]:
    """The exchange model of a text, and the identifiers of entities, which may be patterns such as ``A(b=None) ** cell``.

    Raises
    ------
    DeclarationError
        As `read_pysb`; for a pattern that is no complex of the network, and an entity with the name of another component.
    """
    from symdyn.io.rules.expansion import complex_of
    from symdyn.io.rules.model import expanded
    from symdyn.io.rules.pysb_text import PysbReader

    limits.fit(text)
    reader = PysbReader(text)
    model, symbols = expanded(reader.model, most_species=SPECIES, most_reactions=REACTIONS)
    found = {}
    for alias, written in entities.items():
        found[alias] = written
        if alias in reader.names and written != alias:
            raise DeclarationError(f"the mapping calls {written} {alias}, but the model has a component of that name")
        if not written.isidentifier():
            form = complex_of(reader.pattern(written), reader.model.monomers, f"the mapping of {alias}")
            if form not in symbols:
                raise DeclarationError(f"the mapping of {alias}: the network has no complex {written}")
            found[alias] = symbols[form].name
    return model, found
