"""Rates of change of random models beside those of libRoadRunner: ``python -m tests.io.roadrunner_suite [NUMBER SEED OUT]``.

Three kinds take turns: an ODE system and a network of symdyn, which libRoadRunner reads from what `to_sbml` writes, and a text
of Antimony with compartments, concentrations, amounts, rules and functions, which both read.  symdyn reads each again from what
it writes of it.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import sympy as sp

import symdyn as sd
from symdyn.declaration import expression
from symdyn.given_values import value_of
from symdyn.io._documents import translated

__all__ = ["difference"]

STATES = sp.symbols("A B C D")
PARAMETERS = sp.symbols("k1 k2 k3")
T = sp.Symbol("t")


def difference(seed: int) -> float:
    """The largest relative difference of a rate of one random model, from libRoadRunner or after a way through a format."""
    rng = np.random.default_rng(seed)
    return (_equations, _network, _antimony)[seed % 3](rng)


def _expression(rng: np.random.Generator, names: Iterable[sp.Symbol], depth: int = 3) -> sp.Expr:
    """A random expression that is finite for positive names."""
    names = list(names)
    if depth == 0 or rng.random() < 0.15:
        return names[rng.integers(len(names))] if rng.random() < 0.8 else sp.Float(rng.uniform(0.1, 3))
    a, b, c = (_expression(rng, names, depth - 1) for _ in range(3))
    safe = 1 + a**2
    choices = (
        a + b, a - b, a * b, a / (1 + b**2), safe ** sp.Rational(int(rng.integers(1, 6)), 3), sp.exp(-safe / 9), sp.log(safe),
        sp.sin(a), sp.cos(a * b), sp.tanh(a), sp.Max(a, b),
        # sympy itself goes round in circles for some conditions
        sp.Piecewise((a, b > c), (b, sp.And(a < 1, c >= 0.5)), (c, True), evaluate=False),
        sp.Min(a, c), sp.Abs(a - b, evaluate=False), sp.floor(a), sp.atan(a), -a, sp.sqrt(safe), safe ** (-sp.tanh(b)),
        sp.sign(a - b), sp.pi * a, sp.ceiling(b) * sp.E, sp.Heaviside(a - c),
    )  # fmt: skip
    return choices[rng.integers(len(choices))]


def _compare(rng: np.random.Generator, system: sd.ODESystem, text: str, sizes: dict[str, float] | None = None) -> float:
    """Rates at three random points, of an SBML text by libRoadRunner; `sizes` divide amounts."""
    import roadrunner

    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_ERROR)
    model = roadrunner.RoadRunner(text)
    worst = 0.0
    for _ in range(3):
        point = {s: float(rng.uniform(0.2, 3)) for s in system.states}
        for s, value in point.items():
            home = (sizes or {}).get(s.name)
            model[s.name if home is None else f"[{s.name}]"] = value
        known = {T: 0.0, **dict(system.numeric_defaults), **point}
        for s, e in zip(system.states, system.drift, strict=True):
            found, expected = value_of(e, known), model[f"{s.name}'"] / (sizes or {}).get(s.name, 1.0)
            worst = max(worst, abs(found - expected) / (1 + abs(expected)))
    return worst


def _equal(rng: np.random.Generator, system: sd.ODESystem, rates: Iterable[sp.Expr]) -> float:
    """The rates of a system and others at a random point."""
    known = {T: 0.3, **dict(system.numeric_defaults), **{s: float(rng.uniform(0.2, 3)) for s in system.states}}
    pairs = [(value_of(e, known), value_of(f, known)) for e, f in zip(system.drift, rates, strict=True)]
    return max(abs(a - b) / (1 + abs(a)) for a, b in pairs)


def _equations(rng: np.random.Generator) -> float:
    states = STATES[: rng.integers(1, 5)]
    names = (*states, *PARAMETERS, T)
    drift = {s: _expression(rng, names) for s in states}
    values = {p: float(rng.uniform(0.1, 2)) for p in PARAMETERS if any(p in e.free_symbols for e in drift.values())}
    system = sd.ODESystem(drift, values, initial=dict.fromkeys(states, 1), time=T)
    back = sd.read_antimony(system.to_antimony(), as_="ode")
    return max(_compare(rng, system, system.to_sbml()), _equal(rng, system, back.drift))


def _network(rng: np.random.Generator) -> float:
    reactions = []
    for _ in range(rng.integers(1, 6)):
        sides = [{s: int(rng.integers(1, 3)) for s in rng.choice(4, rng.integers(0, 3), replace=False)} for _ in range(2)]
        used, made = ({STATES[i]: n for i, n in side.items()} for side in sides)
        if used == made:
            continue
        plain = rng.random() < 0.6
        rate = PARAMETERS[rng.integers(3)] if plain else 1 + _expression(rng, (*STATES, *PARAMETERS), 2) ** 2
        reactions.append(sd.Reaction(used, made, rate, mass_action=plain))
    volume = sp.Symbol("V")
    values = {p: float(rng.uniform(0.1, 2)) for p in (*PARAMETERS, volume)}
    given = reactions or [sd.Reaction({STATES[0]: 1}, {}, PARAMETERS[0])]
    used_names = {x for r in given for x in expression(r.rate).free_symbols} | {volume}
    net = sd.ReactionNetwork(
        given,
        {p: v for p, v in values.items() if p in used_names},
        volume=volume,
        species=STATES,
        initial=dict.fromkeys(STATES, 1.5),
    )
    text = net.to_sbml()
    system = sd.read_sbml(text, as_="ode")
    back = sd.read_sbml(text)
    assert sd.read_antimony(net.to_antimony()) == back
    as_network = (_equal(rng, system, _totals(n, system.states)) for n in (net, back))
    return max(_compare(rng, system, text), *as_network)


def _totals(net: sd.ReactionNetwork, states: Iterable[sp.Symbol]) -> list[sp.Expr]:
    """By how much propensities change each species."""
    rows = dict(zip(net.states, net.changes, strict=True))
    return [sp.Add(*(int(n) * a for n, a in zip(rows[s], net.propensities, strict=True))) for s in states]


def _antimony(rng: np.random.Generator) -> float:
    """Species A and B by concentration in compartments of sizes V and W, C by amount, x by a rate, y by an assignment."""
    sizes = {name: float(np.round(rng.uniform(0.3, 4), 3)) for name in "VW"}
    homes = {"A": "V", "B": "W"}
    x, y = sp.symbols("x y")
    names = (*STATES[:3], *PARAMETERS, x, y)

    def text(e: sp.Expr) -> str:
        system = sd.ODESystem({x: e}) if x in e.free_symbols else sd.ODESystem({x: e + 0 * x})
        line = next(row for row in system.to_antimony().splitlines() if row.startswith("  x' = "))
        return line.removeprefix("  x' = ").removesuffix(";")

    lines = ["function f(a, b)\n  a*b/(1 + b^2) - a\nend", *(f"compartment {c} = {v}" for c, v in sizes.items())]
    lines += ["species A in V, B in W, $E in W; substanceOnly species C in V", "A = 1; B = 2; C = 3; E = 0.7"]
    lines += [f"{p} = {rng.uniform(0.1, 2)}" for p in PARAMETERS]
    lines += [
        f"x' = {text(_expression(rng, names, 2))} - f(x, k1); x = 1",
        f"y := {text(_expression(rng, names[:-1], 2))} + k2*E",
    ]
    sides = ("A", "B", "C", "2 A", "A + B", "B + 3 C", "", "E + C", "0.5 B")
    for i in range(rng.integers(1, 5)):
        left, right = rng.choice(sides, 2, replace=False)
        lines.append(
            f"R{i}: {left} {'->' if rng.random() < 0.5 else '=>'} {right}; {text(_expression(rng, names, 2))} + f(A, k3)*V"
        )
    source = "\n".join(lines)
    system = sd.read_antimony(source, as_="ode")
    states = {s.name for s in system.states}
    concentrations = {s: sizes[home] for s, home in homes.items() if s in states}
    again = sd.read_sbml(system.to_sbml(), as_="ode")
    return max(_compare(rng, system, translated(source), concentrations), _equal(rng, system, again.drift))


def main(number: int = 1000, first: int = 0, out: str | None = None) -> None:
    """Print the models whose rates differ by more than 1e-8, and keep how many do not, and what they are."""
    warnings.simplefilter("ignore")
    kinds = ("equations", "networks", "texts of Antimony")
    close, apart, refused = dict.fromkeys(kinds, 0), {}, {}
    worst = 0.0
    for seed in range(first, first + number):
        try:
            found = difference(seed)
        except sd.SymdynError as error:
            refused[seed] = str(error)
            print(f"seed {seed}: refused: {error}", flush=True)
            continue
        if found < 1e-8:
            close[kinds[seed % 3]] += 1
            worst = max(worst, found)
        else:
            apart[seed] = found
            print(f"seed {seed}: {found:.3g}", flush=True)
        if out is not None:
            kept = {"models": seed + 1 - first, "first seed": first, "within 1e-8": close, "largest of these": worst}
            kept |= {"apart": apart, "refused": refused}
            Path(out).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(f"{number} models, {sum(close.values())} within 1e-8, the worst of them {worst:.3g}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:4])
