"""Time courses of random SBML files beside those of libRoadRunner: ``python -m tests.io.sbml_courses [NUMBER SEED OUT]``.

The files mix what the writers of symdyn do not write: compartments that rules and events change, amounts and concentrations,
sizes that jump by a rule, conversion factors, stoichiometries with rules, events and initial assignments, local parameters that
hide global ones, delayed events with and without values from their triggers, priorities, rates of change in formulas,
conditions as numbers.
"""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import symdyn as sd

__all__ = ["difference", "written"]

TIMES = np.linspace(0, 5, 11)
HEAD = '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"><model id="m"'


@dataclass
class _File:
    """A file that grows: lists of elements, and names that formulas may use."""

    rng: np.random.Generator
    lists: dict[str, list[str]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    firm: list[str] = field(default_factory=list)  # of these, those that never change
    asked: dict[str, str] = field(default_factory=dict)  # what is compared: the peer's selection, by name
    set_by_events: dict[str, str] = field(default_factory=dict)  # what events may change, and which formula they assign
    sloped: list[str] = field(default_factory=list)  # species of which the peer knows the rate of change
    hiding: bool = False  # whether a local parameter hides a global one, which the peer takes for it in rates of change

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def of(self, *choices: str) -> str:
        return str(self.rng.choice(choices))

    def number(self, low: float = 0.3, high: float = 2.0) -> str:
        return f"{self.rng.uniform(low, high):.6g}"

    def add(self, what: str, element: str) -> None:
        self.lists.setdefault(what, []).append(element)

    def formula(self, depth: int = 2, names: list[str] | None = None) -> str:
        """Bounded where its names are, and smooth but where constants decide."""
        names = names or self.names
        if depth == 0 or self.chance(0.15):
            return self.of(*names) if self.chance(0.85) else self.number()
        a, b = (self.formula(depth - 1, names) for _ in range(2))
        k, m = self.of(*self.firm), self.of(*self.firm)
        return self.of(
            f"({a} + {b})", f"({a} - {b})", f"tanh({a})*{b}", f"{a}/(1 + ({b})^2)", f"exp(-({a})^2/9)", f"sin({a} + {b})",
            f"f({a}, {b})", f"sqrt(1 + ({a})^2)", f"piecewise({a}, {k} > {m}, {b})", f"abs(2 + sin({a}))", f"arctan({a})",
            f"piecewise({a}, implies({k} > 1, {m} > 1), {b}, {k} < {m}, 0.5)", f"({a})*({k} > {m})", f"cosh(sin({a}))",
            f"({a} + rem(7*{k}, 2))", f"({a} - quotient(5.3*{k}, {m}))", f"min({k}, {m}, 1)*{a}", f"max({k}, {m})*{b}",
            f"piecewise({a}, xor({k} > 1, {m} > 1, {k} < {m}), {b})", f"log10(2 + cos({b}))", f"factorial(3)/(5 + cos({b}))",
            f"piecewise({a}, not({k} > {m}) && {k}, {b})",
        )  # fmt: skip


def written(seed: int) -> tuple[str, dict[str, str]]:
    """The text of a random file, and the peer's selection for each name that is compared."""
    f = _File(np.random.default_rng(seed))
    f.add("FunctionDefinitions", _element("functionDefinition", {"id": "f"}, "lambda(a, b, a/(2 + sin(b)) + 0.1*b)"))
    for k in range(4):
        f.add("Parameters", f'<parameter id="k{k}" value="{f.number()}" constant="true"/>')
        f.firm.append(f"k{k}")
    f.names += f.firm
    _clock(f)
    homes = [_compartment(f, name) for name in ("c", "d")[: 1 + f.chance(0.6)]]
    species = [_species(f, name, homes) for name in "ABCD"[: f.rng.integers(2, 5)]]
    for k in range(f.rng.integers(1, 4)):
        _reaction(f, f"R{k}", species)
    _rules(f)
    for k in range(f.rng.integers(0, 4)):
        _event(f, f"E{k}")
    whole = ' conversionFactor="k0"' if f.chance(0.2) else ""
    order = (
        "FunctionDefinitions",
        "Compartments",
        "Species",
        "Parameters",
        "InitialAssignments",
        "Rules",
        "Reactions",
        "Events",
    )
    body = "".join(f"<listOf{what}>{''.join(f.lists[what])}</listOf{what}>" for what in order if what in f.lists)
    return f"{HEAD}{whole}>{body}</model></sbml>", f.asked


def _math(formula: str) -> str:
    import libsbml

    tree = libsbml.parseL3Formula(formula)
    if tree is None:
        raise ValueError(f"{formula}: {libsbml.getLastParseL3Error()}")
    return str(libsbml.writeMathMLToString(tree)).partition("\n")[2]


def _element(name: str, attributes: dict[str, str], formula: str) -> str:
    """An element with a formula."""
    inside = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<{name}{inside}>{_math(formula)}</{name}>"


def _clock(f: _File) -> None:
    """A parameter p that rises at all times, and others with rules."""
    f.add("Parameters", '<parameter id="p" value="0.1" constant="false"/>')
    f.add("Rules", _element("rateRule", {"variable": "p"}, f"0.5 + {f.number(0, 0.2)}*sin(time)"))
    f.add("Parameters", f'<parameter id="n" value="{f.number()}" constant="false"/>')
    f.set_by_events["n"] = "1 + tanh({})"
    f.names += ["p", "n"]
    f.asked |= {"p": "p", "n": "n"}


def _compartment(f: _File, name: str) -> tuple[str, bool]:
    """Its name, and whether its size stays."""
    size = f.number(0.5, 3)
    kind = f.of("constant", "constant", "rate", "assigned", "event", "start")
    dimensions = f.of("3", "3", "2", "1")
    size = "" if kind == "assigned" else f'size="{size}"'
    still = kind in ("constant", "start")
    f.add(
        "Compartments",
        f'<compartment id="{name}" spatialDimensions="{dimensions}" {size} constant="{"true" if still else "false"}"/>',
    )
    if kind == "rate":
        f.add("Rules", _element("rateRule", {"variable": name}, f"0.1*{name}*cos(p)"))
    if kind == "assigned":
        jumping = "1 + n^2/9", "1 + 0.1*time + piecewise(0.5, time > 1.234, 0)"
        size = f.of("1 + 0.1*time", "2 + sin(p)", "1 + k1/(1 + time)", *jumping)
        f.add("Rules", _element("assignmentRule", {"variable": name}, size))
    if kind in ("event", "rate"):
        f.set_by_events[name] = "1 + ({})^2/(1 + ({})^2)"
    if kind == "start":
        f.add("InitialAssignments", _element("initialAssignment", {"symbol": name}, "1 + k1"))
    f.names.append(name)
    f.asked[name] = name
    return name, still


def _species(f: _File, name: str, homes: list[tuple[str, bool]]) -> tuple[str, bool]:
    """Its name, and whether reactions may contain it."""
    amount = f.chance(0.4)
    kind = f.of("free", "free", "free", "boundary", "boundary", "rate", "assigned", "constant")
    home, still = homes[f.rng.integers(len(homes))]
    if kind == "rate":
        amount = amount or not still  # the peer takes the rate of a concentration in a volume that changes for another
    value = f'initial{f.of("Amount", "Concentration")}="{f.number()}"' if kind != "assigned" else ""
    factor = f' conversionFactor="{f.of(*f.firm)}"' if f.chance(0.25) else ""
    yes = {True: "true", False: "false"}
    f.add(
        "Species",
        f'<species id="{name}" compartment="{home}" {value} hasOnlySubstanceUnits="{yes[amount]}" '
        f'boundaryCondition="{yes[kind != "free"]}" constant="{yes[kind == "constant"]}"{factor}/>',
    )
    if kind == "rate":
        f.add("Rules", _element("rateRule", {"variable": name}, f"{f.number(0.1, 0.4)} - 0.3*tanh({name})"))
    if kind == "assigned":
        f.add("Rules", _element("assignmentRule", {"variable": name}, f.of("1 + 0.3*sin(time)", "p/(1 + p)", "k1 + n")))
    elif f.chance(0.15 if kind == "constant" else 0.3):
        f.add("InitialAssignments", _element("initialAssignment", {"symbol": name}, f"0.5 + {f.formula(1, f.firm)}"))
    if kind in ("free", "boundary", "rate"):
        f.set_by_events[name] = "0.5 + tanh({})^2"
        f.sloped += [name] if amount or still else []
    f.names.append(name)
    f.asked[name] = name if amount else f"[{name}]"
    return name, kind != "constant"


def _reaction(f: _File, name: str, species: list[tuple[str, bool]]) -> None:
    sides = []
    for side in ("Reactants", "Products"):
        references = []
        for s in f.rng.choice(len(species), f.rng.integers(0, min(3, len(species) + 1)), replace=False):
            label = f"{name}_{side[0]}{s}"
            kind = f.of("plain", "plain", "plain", "named", "assigned", "rate", "event", "start")
            tag = "" if kind == "plain" else f' id="{label}"'
            count = "" if kind == "assigned" else f' stoichiometry="{f.of("1", "1", "2", "0.5", "1.75")}"'
            still = "true" if kind in ("plain", "named", "start") else "false"
            references.append(f'<speciesReference species="{species[s][0]}"{tag}{count} constant="{still}"/>')
            if kind == "plain":
                continue
            f.names.append(label)
            f.asked[label] = label
            if kind == "assigned":
                f.add("Rules", _element("assignmentRule", {"variable": label}, f.of("1 + 0.2*p", "n", "1 + k1*time/5")))
            if kind == "rate":
                f.add("Rules", _element("rateRule", {"variable": label}, "0.1*cos(time)"))
            if kind in ("event", "rate"):
                f.set_by_events[label] = "1 + tanh({})/2"
            if kind == "start":
                f.add("InitialAssignments", _element("initialAssignment", {"symbol": label}, "1 + k2/2"))
        sides.append(f"<listOf{side}>{''.join(references)}</listOf{side}>" if references else "")
    local, hidden = "", f.of(*f.firm)
    if f.chance(0.5):
        hidden, f.hiding = f.of("k1", "k2", "own", "A"), True
        local = f'<listOfLocalParameters><localParameter id="{hidden}" value="{f.number()}"/></listOfLocalParameters>'
    known = [*f.names, hidden, "time"]
    law = f"{f.number(0.1, 0.5)}*{hidden}*tanh({f.formula(2, known)})"
    if f.chance(0.06):
        law = ""
    math = f"<kineticLaw>{_math(law)}{local}</kineticLaw>" if law else ""
    f.add("Reactions", f'<reaction id="{name}" reversible="{f.of("true", "false")}">{"".join(sides)}{math}</reaction>')
    if law:
        f.asked[name] = name
        if not local:  # the peer takes the local parameters of other reactions for global ones
            f.names.append(name)


def _rules(f: _File) -> None:
    """Assigned parameters, one of them of rates of change."""
    f.add("Parameters", '<parameter id="q" constant="false"/><parameter id="w" constant="false"/>')
    moving = [*f.sloped, "p", "n"] if not f.hiding else ["p", "n"]
    f.add("Rules", _element("assignmentRule", {"variable": "q"}, f"{f.formula(2)} + n"))
    slope = f"rateOf({f.of(*moving)})" if f.chance(0.5) else f.formula(1)
    f.add("Rules", _element("assignmentRule", {"variable": "w"}, f"0.5*{slope} + q"))
    f.asked |= {"q": "q", "w": "w"}
    if f.chance(0.4):
        f.add("Parameters", '<parameter id="u" constant="true"/>')
        f.add("InitialAssignments", _element("initialAssignment", {"symbol": "u"}, f"1 + {f.formula(2, f.firm)}"))
        f.add("Parameters", '<parameter id="v" value="1" constant="false"/>')
        f.add("Rules", _element("rateRule", {"variable": "v"}, "u*cos(v) + 0.1*w/(1 + w^2)"))
        f.asked |= {"v": "v", "u": "u"}


def _event(f: _File, name: str) -> None:
    """It happens when the clock p or the time passes a number, in pairs at the same time now and then."""
    yes = ("true", "false")
    at = f.of("0.41", "0.41", f.number(0.2, 2), f.number(0.2, 2))
    start = f.of("p", "p", "time")
    trigger = f.of(
        f"{start} > {at}", f"{start} >= {f.number(0.2, 2)}", f"{start} > {at} && {start} < {at} + {f.number(0.05, 0.6)}",
        f"p < {at}", "k1 > k2 || p > 1",
    )  # fmt: skip
    late = f.chance(0.5)
    # the peer drops events of conditions on time that wait and do not persist
    lasting = "true" if late and "time" in trigger else f.of(*yes)
    parts = f'<trigger persistent="{lasting}" initialValue="{f.of(*yes)}">{_math(trigger)}</trigger>'
    parts += f"<priority>{_math(f.number(0, 9))}</priority>"
    if late:
        parts += f"<delay>{_math(f.of(f.number(0.1, 1), '0.5*n + 0.1', '0'))}</delay>"
    targets = f.rng.choice(sorted(f.set_by_events), min(len(f.set_by_events), int(f.rng.integers(1, 3))), replace=False)
    sets = ""
    for s in targets:
        e = f.formula(1)
        sets += _element("eventAssignment", {"variable": s}, f.set_by_events[s].format(e, e))
    parts += f"<listOfEventAssignments>{sets}</listOfEventAssignments>"
    f.add("Events", f'<event id="{name}" useValuesFromTriggerTime="{f.of(*yes)}">{parts}</event>')


def difference(seed: int) -> tuple[float, str]:
    """The largest difference of a time course, over one more than its largest value, and of what."""
    import roadrunner

    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_ERROR)
    text, asked = written(seed)
    system = sd.read_sbml(text, as_="ode")
    run = sd.simulate(system, TIMES, rtol=1e-9, atol=1e-12, progress=False)
    peer = roadrunner.RoadRunner(text)
    peer.integrator.relative_tolerance, peer.integrator.absolute_tolerance = 1e-10, 1e-12
    peer.integrator.maximum_num_steps = 100_000
    peer.timeCourseSelections = list(asked.values())
    theirs = dict(zip(asked, np.array(peer.simulate(TIMES[0], TIMES[-1], len(TIMES))).T, strict=True))
    worst = 0.0, ""
    for name, expected in theirs.items():
        value = next((v for p, v in system.numeric_defaults.items() if p.name == name), np.nan)
        found = run[name].values if name in run else np.full(len(TIMES), value)
        apart = np.abs(found - expected).max() / (1 + np.abs(expected).max())
        worst = max(worst, (float(np.nan_to_num(apart, nan=np.inf)), name))
    return worst


def main(number: int = 200, first: int = 0, out: str | None = None) -> None:
    """Print the files whose time courses differ by more than 1e-6, and keep how many do not, and what they are."""
    warnings.simplefilter("ignore")
    close = 0
    apart: dict[int, str] = {}
    refused: dict[int, str] = {}
    failed: dict[int, str] = {}
    for seed in range(first, first + number):
        try:
            worst, name = difference(seed)
        except sd.SymdynError as error:
            refused[seed] = str(error)[:200]
            print(f"seed {seed}: refused: {str(error)[:200]}", flush=True)
            continue
        except RuntimeError as error:
            failed[seed] = str(error)[:200]
            print(f"seed {seed}: libRoadRunner: {str(error)[:200]}", flush=True)
            continue
        if worst < 1e-6:
            close += 1
        else:
            apart[seed] = f"{name} by {worst:.3g}"
            print(f"seed {seed}: {name} by {worst:.3g}", flush=True)
    print(f"{number} files, {close} within 1e-6")
    if out is not None:
        kept: dict[str, object] = {"files": number, "first seed": first, "within 1e-6": close}
        kept |= {"apart": apart, "refused": refused, "not run by the peer": failed}
        Path(out).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:4])
