"""A system as a text that reads back as the same system."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.dense import DenseOutput, DenseSlope
from symdyn.errors import DeclarationError, SymdynError
from symdyn.files import put
from symdyn.models.registry import KINDS
from symdyn.network_files import check_names, network_text
from symdyn.parsing import parse_expression
from symdyn.system import System
from symdyn.text.functions import FUNCTIONS
from symdyn.text.lexer import MAX_DIGITS
from symdyn.text.terms import MAX_MAGNITUDE

__all__ = ["expression_text", "model_text", "reads_back", "recorded_text", "text_kinds", "text_of", "to_text"]


def text_kinds() -> dict[str, type[System]]:
    """Registered classes of systems that have a text, by the short name of their kind.

    >>> sorted(text_kinds())
    ['jump', 'map', 'ode', 'sde']
    """
    return {name: cls for name, cls in KINDS.items() if vars(cls).get("text_options") is not None}


def model_text(system: System) -> str:
    """A text that ``from_text`` reads back: equations, observables, parameters and initial values.

    Trained networks are named by fingerprints of their weights, which `symdyn.network_files.save_networks` writes to a file.

    Parameters
    ----------
    system : System
        Of a class with `System.text_options`.

    Returns
    -------
    str
        With every number to its last digit.

    Raises
    ------
    DeclarationError
        For a kind of system that no text makes, layers that are no trained network, and different networks of one name.

    Examples
    --------
    >>> import symdyn as sd
    >>> x, a = sp.symbols("x a")
    >>> print(model_text(sd.ODESystem({x: a - x / 3}, {a: 0.1}, initial={x: 1})), end="")
    x' = a - x/3
    a = 0.1
    x(0) = 1.0
    """
    if system.text_options is None:
        raise DeclarationError(f"a {type(system).__name__} has no text that reads back; keep the Python that declares it")
    check_names(n.network for n in system.networks)
    networks = {n.network.name: n.network for n in system.networks}
    if networks:
        system = system.without_networks()
    if system.kind == "jump" and networks:
        raise DeclarationError("a ReactionNetwork with trained networks has no text; write the Python that declares it")
    sides = (*system.expressions, *system.observables.values())
    for e in dag.nodes(sides):
        if isinstance(e, (DenseOutput, DenseSlope)):
            raise DeclarationError(
                f"the layers {e.layers.name} are no network of one output, TrainedNetwork(layers), and no text contains them"
            )
    floats = dag.decimals(sides)
    exact = system.map_expressions(dag.replacing(floats, distributed=True)) if floats else system
    lines = [str(exact)]
    lines += [f"{name} := {value}" for name, value in exact.observables.items()]
    lines += [f"{name} = {value!r}" for name, value in system.defaults.items()]
    starts = {s: expression_text(v) if isinstance(v, sp.Expr) else repr(v) for s, v in system.initial.items()}
    lines += [f"{name}(0) = {value}" for name, value in starts.items()]
    lines += [network_text(network) for network in networks.values()]
    return "\n".join(lines) + "\n"


def to_text(system: System, path: str | Path | None = None) -> str:
    """A system as a text that ``from_text`` of its class reads back: equations, events, parameters and initial values.

    Parameters
    ----------
    system : ODESystem, SDESystem, DiscreteSystem or ReactionNetwork
    path : str or Path, optional
        A file to which the text is written as well; one that is there is replaced, as by every saver here.

    Returns
    -------
    str
        With every number to its last digit.

    Raises
    ------
    DeclarationError
        For systems that no text holds, such as those with networks, measured inputs, or moments as states.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("A <-> B, k1, k2; k1 = 1; k2 = 2; A(0) = 90; B(0) = 0")
    >>> text = to_text(net)
    >>> text.splitlines()[:3]
    ['A -> B, k1', 'B -> A, k2', 'k1 = 1.0']
    >>> to_text(sd.ReactionNetwork.from_text(text)) == text
    True
    """
    text = text_of(system)
    if text is None:
        raise DeclarationError(
            f"this {type(system).__name__} has no text that reads back; keep the Python that declares it, or print(system) to "
            "see it"
        )
    if path is not None:
        put(Path(path), text.encode())
    return text


@lru_cache(maxsize=32)  # printing takes longer than many a simulation
def text_of(system: System) -> str | None:
    r"""The text of a system if it reads back as the same system, else None.

    No text holds states such as the moment ``E[X]``, functions that are defined by pieces, and the weights of networks, which
    are in a file beside it.

    Examples
    --------
    >>> import symdyn as sd
    >>> network = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g")
    >>> text_of(network)
    '0 -> X, k\nX -> 0, g\n'
    >>> text_of(network.moments(order=2)) is None
    True
    """
    if system.text_options is None or system.inputs or system.constraints or _learned(system):
        return None
    text = model_text(system)
    return text if _plain(system) or reads_back(system, text) else None


@lru_cache(maxsize=32)
def recorded_text(system: System) -> str | None:
    r"""What results record of a system: its text, of one with networks a text that names their weights; None without one.

    Examples
    --------
    >>> import symdyn as sd
    >>> x, f = sp.Symbol("x"), sd.TrainedNetwork(sd.DenseLayers("f", [([[2.0]], None, "identity")]))
    >>> recorded_text(sd.ODESystem({x: f(x)})).splitlines()[0]
    "x' = f(x)"
    """
    text, networks = text_of(system), {n.network.name: n.network for n in system.networks}
    if text is not None or not networks or system.text_options is None or system.inputs or system.constraints:
        return text
    try:
        text = model_text(system)
        options: dict[str, Any] = {name: getattr(system, name) for name in system.text_options}
        again = text_kinds()[system.kind].from_text(text, time=system.time, networks=networks, **options)
    except SymdynError:
        return None
    return text if again.digest == system.digest else None


def expression_text(e: sp.Expr) -> str:
    """An expression as `symdyn.parsing.parse_expression` reads it, with every number to its last digit.

    Examples
    --------
    >>> expression_text(sp.Float(0.1) * sp.Symbol("x") ** 2 + sp.Float(1) / 3)
    '0.1*x**2 + 0.3333333333333333'
    """
    return str(dag.written_exactly(e))


def reads_back(system: System, text: str) -> bool:
    """Whether a text makes a system of that text again."""
    options: dict[str, Any] = {name: getattr(system, name) for name in system.text_options or ()}
    try:
        again = text_kinds()[system.kind].from_text(text, time=system.time, **options)
        return len(again.unknowns) == len(system.unknowns) and model_text(again) == text
    except SymdynError:
        return False


def _learned(system: System) -> bool:
    """Whether there are networks or layers in a system, whose weights no text holds."""
    sides = (*system.expressions, *system.observables.values())
    return bool(system.networks) or any(isinstance(e, (DenseOutput, DenseSlope)) for e in dag.nodes(sides))


def _plain(system: System) -> bool:
    """Whether a system is certain to read back: sums, products, powers and functions of the grammar, of names that it reads."""
    if system.events or system.kind not in text_kinds():
        return False
    starts = [v for v in system.initial.values() if isinstance(v, sp.Expr)]
    numbers = [v for v in (*system.defaults.values(), *system.initial.values()) if isinstance(v, (int, float, sp.Number))]
    for node in dag.nodes((*system.expressions, *system.observables.values(), *starts)):
        if isinstance(node, sp.Function):
            known = FUNCTIONS.get(node.func.__name__)
            if known is None or not known.fewest <= len(node.args) <= known.most:
                return False
        elif node.is_Rational or node.is_Float:
            numbers.append(node)
        elif not isinstance(node, (sp.Add, sp.Mul, sp.Pow, sp.Symbol)):
            return False
    if not all(v == 0 or 1 / MAX_MAGNITUDE <= abs(v) <= MAX_MAGNITUDE for v in numbers):
        return False
    if any(max(abs(v.p), v.q) >= 10**MAX_DIGITS for v in numbers if isinstance(v, sp.Rational)):
        return False
    try:
        return all(parse_expression(s.name) == s for s in (*system.states, *system.parameters, *system.observables))
    except SymdynError:
        return False
