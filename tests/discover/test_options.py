"""Every option of a recovery has an effect or is refused, as the table in the docstring of `recover` says."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.discover import RecoverOptions
from symdyn.discover.checks import VALUES
from symdyn.discover.fields.candidates import field_candidates
from symdyn.discover.fields.data import read_fields
from symdyn.discover.fields.weakly import choose_weakly
from symdyn.discover.options import Request
from symdyn.discover.reads import EVERYWHERE, given
from symdyn.discover.repairing import repaired
from symdyn.discover.routes import route_of
from symdyn.discover.surrogates.registry import FIELD_SURROGATES, SURROGATES, SurrogateFit, TermSamples
from symdyn.errors import RecoveryError, SymdynError
from symdyn.inference.budget import Budget

u, h = sp.symbols("u h")
f, g = sp.Function("f"), sp.Function("g")

TIMES = np.linspace(0, 4, 21)
LOGISTIC = {"t": TIMES, "u": 1 / (1 + 4 * np.exp(-TIMES))}
POINTS = (np.arange(12) + 0.5) * np.pi / 12
HEAT = 1 + np.exp(-np.linspace(0, 1, 5))[:, None] * np.cos(POINTS)
FIELD = xr.Dataset({"u": (("time", "x"), HEAT)}, coords={"time": np.linspace(0, 1, 5), "x": POINTS})
JUMPS = {"t": [0.0, 1.0, 2.0, 3.0, 4.0], "u": [0, 1, 2, 1, 2]}
STEPS = {"t": np.arange(20.0), "u": 2 / (2 - 0.8 ** np.arange(20))}
PATH = {"t": np.arange(40.0), "u": 2 + np.sin(np.arange(40) ** 2)}
OPEN = {"library": [u, u / (h + u)]}
NETWORK = sd.ReactionNetwork([({}, {u: 1}, f(u)), ({u: 1}, {}, h * u)], {h: 1.0}, initial={u: 0})

#: By kind: the column of the table, the words of messages, the system, data, and what is asked for beside.
KINDS = {
    "ODE": ("ODE, map", "an ODESystem or DiscreteSystem", sd.ODESystem({u: f(u) - h * u}, {h: 0.0}), LOGISTIC, {}),
    "map": ("ODE, map", "an ODESystem or DiscreteSystem", sd.DiscreteSystem({u: h * f(u)}, {h: 1.0}), STEPS, {}),
    "repair": (
        "repair", "a repair of an ODESystem or DiscreteSystem", sd.ODESystem({u: h * u}, {h: 1.0}), LOGISTIC,
        {"options.repair": True},
    ),
    "nothing": ("None", "equations of which nothing is known", None, LOGISTIC, {}),
    "PDE": ("PDE", "a PDESystem", sd.PDESystem({u: f(u) - h * u}, (0, np.pi), parameters={h: 0.0}), FIELD, {}),
    "fields": ("None, fields", "fields of which nothing is known", None, FIELD, {}),
    "SDE": ("SDE", "an SDESystem", sd.SDESystem({u: f(u) - h * u}, {u: g(u)}, {h: 0.0}), PATH, {}),
    "network": ("network", "a ReactionNetwork", NETWORK, JUMPS, {}),
}  # fmt: skip
#: A value of each option that is right for every kind, and what it needs beside it.
EXAMPLES = {
    "unknown": ["u"], "library": 2, "surrogate": "pinn", "regressor": "sparse", "selection": False, "heldout": 0.2,
    "bounds": {"h": (0, 2)}, "signs": {"f": 1}, "conserved": ["u"], "graph": {"u": []},
    "options.degree": 2, "options.functions": ["sin"], "options.fit": ["h"],
    "options.guesses": {"h": 1.0}, "options.noise": {"u": 0.1}, "options.windows": 2, "options.largest": 2, "options.beam": 2,
    "options.rounds": 2, "options.keep": 2, "options.level": 0.5, "options.repair": True, "options.units": {"u": "mM"},
    "options.ties": False,
    "options.process": True, "options.repeats": True, "options.surrogate": {"width": 4}, "options.regressor": {"library": 2},
}  # fmt: skip
BESIDE = {"options.surrogate": {"surrogate": "pinn"}, "options.regressor": {"regressor": "sparse"}}


def table() -> dict[tuple[str, str], str]:
    """The marks in the docstring of `recover`, by option and column."""
    rule, *lines = re.findall(r"^(=[= ]+\n)(.*\n)\1((?:.*\n)+?)\1", inspect.getdoc(sd.recover), re.MULTILINE)[0]
    places = [m.span() for m in re.finditer("=+", rule)]
    head, *rows = ([line[a:b].strip() for a, b in places] for line in "".join(lines).splitlines())
    return {(row[0], column): mark for row in rows for column, mark in zip(head[1:], row[1:], strict=True)}


TABLE = table()
CELLS = [(kind, name, mark) for kind, (column, *_) in KINDS.items() for (name, c), mark in TABLE.items() if c == column]


def keywords(asked: dict) -> dict:
    """Arguments of `recover` for options by name."""
    options = {k.removeprefix("options."): v for k, v in asked.items() if k.startswith("options.")}
    plain = {k: v for k, v in asked.items() if not k.startswith("options.")}
    return {**plain, "options": RecoverOptions(**options)} if options else plain


def test_the_table_has_every_option_and_every_kind():
    arguments = set(inspect.signature(sd.recover).parameters) - {"system", "data", "options"} - EVERYWHERE
    fields = {f"options.{one.name}" for one in dataclasses.fields(RecoverOptions)}
    assert {name for name, _ in TABLE} == arguments | fields == set(EXAMPLES)
    assert {column for _, column in TABLE} == {column for column, *_ in KINDS.values()}
    assert set(VALUES) == arguments | fields | EVERYWHERE | {"options"}
    assert set(TABLE.values()) == {"x", "t", "s", "-"}


@pytest.mark.parametrize(("kind", "name", "mark"), CELLS)
def test_an_option_has_an_effect_or_is_refused(kind, name, mark):
    _, what, system, data, beside = KINDS[kind]
    alone = keywords({**beside, name: EXAMPLES[name]})
    if mark == "-" and name == "options.repair" and kind in {"ODE", "map"}:
        with pytest.raises(RecoveryError, match="a repair needs a complete system"):
            sd.recover(system, data, progress=False, **alone)
    elif mark == "-":
        refused = rf"{name} has no effect on {what}.*; leave it out\. Beside .*, these have one: .*options\.level"
        with pytest.raises(RecoveryError, match=refused):
            sd.recover(system, data, progress=False, **alone)
    else:
        needed = dict(BESIDE.get(name, {}))
        if mark == "s":
            with pytest.raises(RecoveryError, match=rf"{name} has no effect on {what} without a surrogate; name one"):
                sd.recover(system, data, progress=False, **alone)
            needed["surrogate"] = "pinn"
        if name in {"bounds", "options.guesses"}:
            needed |= OPEN if system is None else {"options.fit": ["h"]}
        value = {"f_u": 1} if system is None and name == "signs" else EXAMPLES[name]
        stated, route = route_of(system, data, Request(**keywords({**beside, **needed, name: value})))
        assert (mark == "t") == (system is None and stated is not None)
        assert route.reads.reads(name)


class Stub:
    """A surrogate that takes u - u^2 for the only unknown term."""

    def __init__(self, signs=None):
        self.signs = signs

    @staticmethod
    def applies(system, observations):
        return None

    def fit(self, system, seen, *, seed, progress):
        values = np.linspace(0.1, 1.0, 9)
        samples = {u: TermSamples(values[:, None], values - values**2, np.ones(9)) for u in system.unknowns}
        runs = seen.trajectories
        return SurrogateFit(tuple(t.times for t in runs), tuple(t.values for t in runs), samples, {})


#: What is asked for where a route runs: so little that it ends soon.
RUNS = {
    "ODE": {"surrogate": "stub", "regressor": "sparse", "library": 1},
    "map": {"surrogate": "stub", "regressor": "sparse", "library": 2},
    "repair": {"options.repair": True, "library": 1},
    "nothing": {},
    "PDE": {"surrogate": "stub", "regressor": "sparse", "library": 1},
    "fields": {"library": [u, sd.laplacian(u)]},
    "SDE": {"library": 1},
    "network": {"library": 1},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_route_looks_at_every_option_that_it_declares(kind, monkeypatch):
    looked = set()

    def spy(cls, before):
        def look(self, name):
            looked.add(before + name)
            return object.__getattribute__(self, name)

        return type(cls.__name__, (cls,), {"__getattribute__": look})

    for registry in (SURROGATES, FIELD_SURROGATES):
        monkeypatch.setitem(registry._load(), "stub", Stub)
    column, _, system, data, _ = KINDS[kind]
    asked = keywords(RUNS[kind])
    system, route = route_of(system, data, Request(**asked))
    assert (route.recovered is repaired) == ("options.repair" in RUNS[kind])
    options = spy(RecoverOptions, "options.")(**vars(asked.pop("options", RecoverOptions())))
    looked.clear()
    route.recovered(system, data, spy(Request, "")(**asked, options=options, budget=Budget(5.0)))
    choosing = {"options.repair"}  # the route itself, see above
    assert {name for (name, c), mark in TABLE.items() if c == column and mark in "xs"} - choosing <= looked


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"unknown": "u"}, r"unknown is 'u'; expected a sequence of states"),
        ({"unknown": [3]}, "unknown names 3; expected a symbol"),
        ({"unknown": ["z"]}, "'z' is neither an unknown function nor a state"),
        ({"library": -1}, "library is -1; expected the degree"),
        ({"library": []}, r"library is \[\]; expected the degree"),
        ({"library": {"f": "u"}}, "library names 'u'; known: populations"),
        ({"library": {"f": -1}}, "library is .*; expected the degree"),
        ({"library": {"F": 1, "f": 2}}, "library names 'F'; known: f"),
        ({"surrogate": "pin"}, "unknown surrogate 'pin'.*Did you mean 'pinn'"),
        ({"surrogate": 3}, "surrogate is 3; expected a name"),
        ({"regressor": "no-such"}, "unknown regressor 'no-such'; known: operon"),
        ({"regressor": "sparse", "surrogate": None}, "regressor has no effect on .* without a surrogate"),
        ({"selection": 1}, "selection is 1; expected True or False"),
        ({"budget": 0}, "budget is 0; expected a positive number of seconds"),
        ({"budget": float("nan")}, "budget is nan"),
        ({"seed": -1}, "seed is -1; expected a whole number"),
        ({"progress": "no"}, "progress is 'no'; expected True, False"),
        ({"heldout": 1.0}, "heldout is 1.0; expected a fraction from 0 to below 1"),
        ({"bounds": {"z": (0, 1)}}, "bounds names 'z'; known: u, h"),
        ({"bounds": {"h": (1, 0)}, "options.fit": ["h"]}, r"the bounds of h are \(1, 0\); the first must be below"),
        ({"bounds": {"h": 1}, "options.fit": [h]}, "the bounds of h are 1; expected a pair"),
        ({"signs": {"z": 1}}, "signs names 'z'; known: f"),
        ({"signs": {"f": 2}}, "the sign of f is 2"),
        ({"checkpoint": 3}, "checkpoint is 3; expected the path of a file"),
        ({"options": {"keep": 3}}, r"options is .*; expected RecoverOptions\(\.\.\.\)"),
        ({"options.degree": -1}, "options.degree is -1; expected a whole number of 0 or more"),
        ({"options.degree": 2, "library": 2}, "options.degree has no effect on .* beside library="),
        ({"options.functions": ["nonsense"]}, "options.functions names 'nonsense'; known: sin"),
        ({"options.functions": "sin"}, "options.functions is 'sin'; expected a sequence of names"),
        ({"options.fit": ["z"]}, "options.fit names 'z'; known: h"),
        ({"options.guesses": {"zz": 1}}, "options.guesses names 'zz'; known: h"),
        ({"options.guesses": {"h": 1}}, "options.guesses names 'h', which has the value 0 and is not fitted; name it in"),
        ({"bounds": {h: (0, 1)}}, "bounds names 'h', which has the value 0 and is not fitted; name it in options.fit"),
        ({"options.guesses": {"h": np.inf}}, "the guess of h in options.guesses is inf"),
        ({"options.noise": {"u": -1}}, "the noise of u is -1; expected a positive standard deviation"),
        ({"options.noise": {"z": 1}}, "options.noise names 'z'; known: u"),
        ({"options.windows": 0}, "options.windows is 0; expected a whole number of 1 or more"),
        ({"options.windows": 2.5}, "options.windows is 2.5"),
        ({"options.largest": 0}, "options.largest is 0; expected a whole number of 1 or more"),
        ({"options.largest": 3, "selection": False}, "options.largest has no effect on .* with selection=False"),
        ({"options.beam": 0}, "options.beam is 0"),
        ({"options.rounds": -1}, "options.rounds is -1"),
        ({"options.keep": True}, "options.keep is True; expected a whole number"),
        ({"options.level": 1.0}, "options.level is 1.0; expected a number between 0 and 1"),
        ({"options.repair": 1}, "options.repair is 1; expected True or False"),
        ({"options.surrogate": {"bogus": 1}}, "unknown option of the surrogate 'smoothing': bogus; known: points"),
        (
            {"options.surrogate": {"bogus": 1}, "surrogate": "pinn"},
            "unknown option of the surrogate 'pinn': bogus; known: width",
        ),
        ({"options.surrogate": {"points": 1}, "surrogate": None}, "options.surrogate has no effect on .* without a surrogate"),
        ({"options.regressor": {"libary": 1}, "regressor": "sparse"}, "option of the regressor 'sparse': libary; .*'library'"),
        ({"options.regressor": {"bogus": 1}}, "unknown option of the regressor 'operon': bogus; known: "),
        ({"options.regressor": {"library": 1}, "regressor": None}, "options.regressor has no effect on .* without a regressor"),
    ],
)
def test_wrong_values_and_names_are_refused(asked, message):
    _, _, system, data, _ = KINDS["ODE"]
    with pytest.raises(SymdynError, match=message):
        sd.recover(system, data, **{"progress": False, **keywords(asked)})


@pytest.mark.parametrize(
    ("kind", "asked", "message"),
    [
        ("nothing", {"options.guesses": {"zz": 1}}, "options.guesses names 'zz'; known: none"),
        ("nothing", {"options.surrogate": {"bogus": 1}}, "unknown option of the surrogate 'smoothing': bogus"),
        ("nothing", {"regressor": "no-such"}, "unknown regressor 'no-such'"),
        ("nothing", {"options.functions": ["nonsense"]}, "options.functions names 'nonsense'"),
        ("PDE", {"surrogate": "smoothing"}, "unknown surrogate of fields 'smoothing'"),
        ("PDE", {"bounds": {"u": (0, 1)}}, "bounds names 'u'; known: h"),
        ("SDE", {"bounds": {"u": (0, 1)}}, "bounds names 'u'; known: h"),
        ("SDE", {"options.guesses": {"zz": 1}}, "options.guesses names 'zz'; known: h"),
        ("SDE", {"options.level": 0.0}, "options.level is 0.0"),
        ("network", {"options.guesses": {"zz": 1}}, "options.guesses names 'zz'; known: h"),
        ("network", {"library": {"q": 1}}, "library names 'q'; known: f"),
    ],
)
def test_names_are_those_of_the_kind(kind, asked, message):
    _, _, system, data, _ = KINDS[kind]
    with pytest.raises(SymdynError, match=message):
        sd.recover(system, data, progress=False, **keywords(asked))


def test_constants_of_a_library_and_of_formulas_may_be_named():
    _, _, system, data, _ = KINDS["ODE"]
    bounds = {"u": (0, 0.5), "k": (0, None), "f_c0": (0, 1)}
    route_of(system, data, Request(library={f: [u / (sp.Symbol("k") + u)]}, bounds=bounds))


def test_defaults_are_not_given_and_numbers_equal_to_them_are():
    assert list(given(Request(unknown=[], bounds={}, surrogate=None, options=RecoverOptions(fit=(), noise=None)))) == []
    options = dataclasses.replace(RecoverOptions(degree=3), level=0.9)
    assert list(given(Request(library=0, options=options))) == ["library", "options.degree"]
    assert route_of(None, LOGISTIC, Request(options=options))[0] is not None


def test_terms_are_searched_for_where_their_number_is_limited():
    t = np.linspace(0, 3, 31)
    data = {"t": t, "x": np.exp(-t) + 0.5, "y": np.exp(-2 * t)}  # x' = 0.5 - x, y' = -2*y
    found = sd.recover(None, data, surrogate=None, progress=False, options=RecoverOptions(degree=1, largest=2))
    counts = [sum(len(sp.Add.make_args(e)) for e in s.drift if e != 0) for s in found.systems]
    assert max(counts) == 2


def test_formulas_that_are_too_large_are_no_beginning(monkeypatch):
    monkeypatch.setitem(SURROGATES._load(), "stub", Stub)
    options = RecoverOptions(largest=1, regressor={"library": 2})
    found = sd.recover(
        sd.ODESystem({u: f(u)}), LOGISTIC, surrogate="stub", regressor="sparse", library=2, options=options, progress=False
    )  # fmt: skip
    assert {len(sp.Add.make_args(s.drift[0])) for s in found.systems} == {1}


def test_a_limit_of_terms_holds_for_all_equations_of_fields_at_once():
    v, space = sp.symbols("v x")
    start = {u: 2 + sp.cos(space), v: 1 + sp.cos(2 * space) / 2}
    true = sd.PDESystem({u: -u + sd.laplacian(u), v: -2 * v + sd.laplacian(v) / 2}, (0, np.pi), initial=start)
    data = sd.simulate(true.discretize(24), np.linspace(0, 0.5, 20), progress=False)
    hidden = sd.PDESystem({u: f(u, sd.laplacian(u)), v: g(v, sd.laplacian(v))}, (0, np.pi))
    seen = read_fields(hidden, data)
    shapes = {f(u, sd.laplacian(u)): (u, sd.laplacian(u)), g(v, sd.laplacian(v)): (v, sd.laplacian(v))}
    candidates = field_candidates(hidden, shapes, seen)
    for largest in (1, 2, 3, 4):
        chosen = choose_weakly(candidates, seen, largest=largest).ranked
        assert max(c.chosen.sum() for c in chosen) == largest


def test_a_repair_has_as_many_systems_and_changes_as_were_asked_for():
    # a term that is not in the data is tried without, beside another coefficient
    wrong = sd.ODESystem({u: u - u**2 + h * u**3}, {h: 0.2})
    options = RecoverOptions(repair=True, keep=1, largest=1)
    found = sd.recover(wrong, LOGISTIC, library=1, options=options, progress=False)
    assert found.changes == ("dropped h*u**3 from the equation of u",)
    assert len(found.systems) == len(found.table) == 1


def test_the_budget_begins_with_the_call(monkeypatch):
    module, now, deadlines = sys.modules[sd.recover.__module__], [100.0], []

    def slow(*arguments):
        now[0] += 30.0

    def route(system, data, request):
        deadlines.append(request.budget.deadline)
        raise RecoveryError("stop")

    monkeypatch.setattr(module, "check_values", slow)
    monkeypatch.setattr(module, "route_of", route)
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with pytest.raises(RecoveryError, match="stop"):
        sd.recover(None, LOGISTIC, budget=60, progress=False)
    assert deadlines == [160.0]
