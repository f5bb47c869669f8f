"""Systems through texts and files and back: the same system, and the same numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import symdyn as sd
from symdyn.errors import ParseError
from symdyn.models.text import model_text
from symdyn.models.text import text_of as text_of_system
from tests.crosscheck.expressions import expressions, text_of

__all__ = ["documents", "through_sbml", "through_text", "volumes"]

#: The left side of the first and of the second equation, by kind.
LEFT = {"ode": ("x' = ", "y' = "), "map": ("x[t+1] = ", "y[t+1] = "), "sde": ("dx = ", "dy = ")}
CLASSES = {"ode": sd.ODESystem, "map": sd.DiscreteSystem, "sde": sd.SDESystem}
FLOATS = st.floats(-1e6, 1e6).map(lambda v: v if abs(v) > 1e-300 else 0.0) | st.sampled_from((0.1, 1e-300, 1 / 3, 1e17, 1e300))


@st.composite
def documents(draw: Any) -> tuple[str, str]:
    """The kind of a system, and a text with equations, values, initial values and an observable."""
    kind = draw(st.sampled_from(tuple(LEFT)))
    first, second = LEFT[kind]
    sides = [text_of(draw(expressions(5, pieces=False))) for _ in range(2)]
    if kind == "sde":
        noise = [text_of(draw(expressions(3, pieces=False))) for _ in range(2)]
        sides = [f"{drift}*dt + {rest}*dW{k}" for k, (drift, rest) in enumerate(zip(sides, noise, strict=True))]
    lines = [f"{first}{sides[0]}", f"{second}a*y + b*x + {sides[1]}" if kind != "sde" else f"{second}{sides[1]}"]
    if kind != "sde":
        lines += [f"a = {draw(FLOATS)!r}", f"b = {draw(FLOATS)!r}"]
    lines += [f"x(0) = {draw(FLOATS)!r}", f"total := {text_of(draw(expressions(3, pieces=False)))} + y"]
    return kind, "\n".join(lines)


def through_text(document: tuple[str, str]) -> None:
    """Text of a text, which reads back as the same system."""
    kind, text = document
    try:
        system = CLASSES[kind].from_text(text)
    except ParseError as error:
        if any(words in str(error) for words in ("not a real number", "too large", "has no noise", "vanish")):
            return
        raise
    written = text_of_system(system)
    assume(written is not None)  # whole numbers of more digits than the grammar takes
    again = CLASSES[kind].from_text(written)
    assert again == system, f"{text}\n\nwas written as\n\n{written}\n\nand reads as\n\n{model_text(again)}"
    assert (again.defaults, again.initial) == (system.defaults, system.initial), f"{text}\n\n{written}"
    assert dict(again.observables) == dict(system.observables), f"{text}\n\n{written}"


#: Reactions, each of the numbers of A, B and C on both sides, and a constant or a saturating rate.
Reactions = list[tuple[tuple[int, int, int], tuple[int, int, int], Fraction, bool]]


@st.composite
def volumes(draw: Any) -> tuple[Reactions, tuple[int, int, int], Fraction, bool]:
    """Reactions, initial numbers, a volume, and whether sets of equal reactants count once."""
    sides = st.tuples(*[st.integers(0, 2)] * 3)
    rates = st.builds(Fraction, st.integers(1, 40), st.integers(1, 8))
    reaction = st.tuples(sides, sides, rates, st.booleans()).filter(lambda r: r[0] != r[1])
    reactions = draw(st.lists(reaction, min_size=1, max_size=4))
    return reactions, draw(st.tuples(*[st.integers(0, 20)] * 3)), draw(rates), draw(st.booleans())


def through_sbml(model: tuple[Reactions, tuple[int, int, int], Fraction, bool]) -> None:
    """Propensities and changes of a network that was written as SBML and read, against those of the reactions."""
    reactions, start, volume, combinatoric = model
    lines = []
    for k, (left, right, _, saturating) in enumerate(reactions):
        sides = [" + ".join(f"{n} {s}" for n, s in zip(side, "ABC", strict=True) if n) or "0" for side in (left, right)]
        lines.append(f"{sides[0]} => {sides[1]}, k{k}*A/(2 + A)" if saturating else f"{sides[0]} -> {sides[1]}, k{k}")
    values = {f"k{k}": float(rate) for k, (*_, rate, _) in enumerate(reactions)} | {"V": float(volume)}
    net = sd.ReactionNetwork.from_text("\n".join(lines), volume="V", combinatoric=combinatoric, species="ABC")
    values = {name: v for name, v in values.items() if name in {p.name for p in net.parameters}}
    net = sd.ReactionNetwork.from_text(
        "\n".join(lines),
        values,
        volume="V",
        combinatoric=combinatoric,
        initial=dict(zip("ABC", start, strict=True)),
        species="ABC",
    )
    again = sd.read_sbml(net.to_sbml())
    at = np.array([[0, 1, 2], [3, 5, 4], [7, 2, 11]])
    for name, network in (("the network", net), ("what was read from SBML", again)):
        order = ["ABC".index(s.name) for s in network.states]
        assert [float(network.initial[s]) for s in network.states] == [start[k] for k in order], f"{name} of {model}: start"
        for k, (left, right, rate, saturating) in enumerate(reactions):
            changes = [right[j] - left[j] for j in order]
            assert list(network.changes[:, k]) == changes, f"{name} of {model}: changes by reaction {k}"
            for counts in at:
                exact = float(rate) * _factor(left, counts, float(volume), combinatoric)
                if saturating:
                    exact = float(rate) * counts[0] / (2 + counts[0])
                here = {s: int(counts[j]) for s, j in zip(network.states, order, strict=True)}
                found = float(network.propensities[k].subs({**network.defaults, **here}))
                assert abs(found - exact) <= 1e-12 * abs(exact), (
                    f"{name} of {model}: propensity {k} at {counts}: {found}, {exact}"
                )


def _factor(left: tuple[int, ...], counts: np.ndarray, volume: float, combinatoric: bool) -> float:
    """Ordered choices of reactants, or choices, with the volume."""
    ways, order = 1.0, sum(left)
    for n, k in zip(counts, left, strict=True):
        for j in range(k):
            ways *= (n - j) / (j + 1 if combinatoric else 1)
    return ways * volume ** (1 - order)
