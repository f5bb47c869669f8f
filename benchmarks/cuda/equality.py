"""Every method that has a form for cards, held against the processor: the same steps, and the same values."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import sympy as sp

import symdyn as sd
from benchmarks.harness import Settings
from symdyn.codegen.families import family_of
from symdyn.grids.system import GridSystem
from symdyn.models.registry import KINDS
from symdyn.system import System

__all__ = ["DIFFERS", "Case", "cases", "equality"]

DIFFERS = "differs"
#: Distance of values over the greatest: what fused operations and other elementary functions make of a few steps.
ROUNDING = 1e-11
#: Seconds after which no further case begins; each compiles a kernel.
LONGEST = 180.0
TRAJECTORIES, QUICK = 1000, 2
#: Fields of so many are compared, on so many cells along each axis: a length of all factors that transforms have of their own.
FIELDS, CELLS = 2, 30
COUNTED = ("status", "steps", "rejected", "evaluations")


@dataclass(frozen=True, eq=False)
class Case:
    """One ensemble for both targets.

    Attributes
    ----------
    name : str
        The method, and what is special about the system.
    family : str
    system : System
    method : str
    times : tuple of float
    tolerance : float
        Distance of values over the greatest of them; 0 for the same bits.
    counted : tuple of str
        What has to be the same number by number.
    """

    name: str
    family: str
    system: System
    method: str
    times: tuple[float, ...]
    tolerance: float
    counted: tuple[str, ...] = COUNTED

    def inputs(self, count: int) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
        """Initial values, parameters and times."""
        rng, size = np.random.default_rng(0), len(self.system.states)
        if isinstance(self.system, GridSystem):
            count, size = min(count, FIELDS), self.system.model().size
        initial = rng.uniform(0.1, 0.9, (count, size))
        if {"propensities", "offspring"} & self.system.parts:
            initial = np.floor(30 * initial)
        parameters = np.tile([float(self.system.defaults[p]) for p in self.system.parameters], (count, 1))
        return initial, parameters, self.times


def _of_fields(cells: int = CELLS) -> Iterator[Case]:
    """Differences and spectral derivatives, explicitly and in modes, between walls of all kinds and without."""
    u, v, x, y = sp.symbols("u v x y")
    rates = {u: sd.laplacian(u) / 50 - u * v**2 - sd.dx(u) / 9, v: sd.laplacian(v) / 99 + u * v**2 - v * sd.mean(u)}
    walls = {u: {"left": sd.Dirichlet(y), "y": "periodic"}, v: {"right": sd.Robin(1, 2, x), "y": "periodic"}}
    torus, pipe = (sd.PDESystem(rates, sd.Rectangle(1, 1), boundary=b) for b in ("periodic", walls))
    grids = {
        "differences": torus.discretize(cells, order=4), "walls": pipe.discretize(cells),
        "spectral": torus.discretize(cells, scheme="spectral"),
    }  # fmt: skip
    for name, grid in grids.items():
        for method in ("tsit5", "imex", "etdrk4", "sbdf2"):
            times = (0.0, 0.01, 0.02) if method == "tsit5" else (0.0, 0.1, 0.2)
            yield Case(f"{method}, fields, {name}", "ArrayFamily", grid, method, times, 1e-9)


def _options(method: str) -> dict[str, Any]:
    family = family_of(sd.METHODS[method])
    if "nodes" in family.reads(sd.METHODS[method]):
        return {"nodes": tuple(np.linspace(0, 2, 21))}
    return {"step": 0.1} if "step" in family.reads(sd.METHODS[method]) else {}


def _of_methods() -> Iterator[Case]:
    """Every method with a form for cards, with the first example of a kind of system to which it applies."""
    x = sp.Symbol("x")
    process = sd.SDESystem({x: -x}, {x: sp.sqrt(2)})
    flow = process.probability_flow(process.marginal(sd.transport.Normal(1, 0.3)), horizon=3)
    for name, scheme in sd.METHODS.items():
        family = family_of(scheme)
        if not family.on_device(scheme):
            continue
        kinds = [kind.example() for label, kind in KINDS.items() if label != "field"]  # a field needs a grid first
        examples = [*kinds, flow]  # samplers with noise are for flows
        system = next((s for s in examples if scheme.applies(s) is None), None)
        if system is not None:
            counts = bool({"propensities", "offspring"} & system.parts) and name != "langevin"
            yield Case(name, type(family).__name__, system, name, (0.0, 1.0, 2.0), 0.0 if counts else ROUNDING)


def _of_features() -> Iterator[Case]:
    """Events, inputs, doses, delays and dense layers."""
    x, y, k, t = sp.symbols("x y k t")
    made = partial(Case, family="AdaptiveFamily", times=(0.0, 0.7, 2.0))
    fires = sd.ODESystem({x: 1 - k * x}, {k: 0.5}, events=sd.Event(x > 1, {x: 0}))
    driven = sd.ODESystem({x: sd.Path("u", [0, 1, 3], [1, 2, 0], "linear") - x}, events=sd.dose(x, 1, every=0.5, start=0.3))
    delayed = sd.ODESystem({x: -sp.Function("x")(t - k)}, {k: 0.5}, history={x: 1})
    rng = np.random.default_rng(0)
    hidden, last = (rng.normal(size=(9, 2)), rng.normal(size=9), "tanh"), (rng.normal(size=(2, 9)), None, "softplus")
    layers = sd.DenseLayers("f", [hidden, last])
    learned = sd.ODESystem({x: layers(x, y)[0] - x, y: layers(x, y)[1] - y})
    features = {"an event": fires, "an input and doses": driven, "a delay": delayed, "dense layers": learned}
    for name, system in features.items():
        counted = ("status",) if system is delayed else COUNTED  # with delays a card parts its steps otherwise
        yield made(f"tsit5, {name}", system=system, method="tsit5", tolerance=1e-8, counted=counted)


def cases(*, quick: bool) -> list[Case]:
    """One of each family and kind of scheme first, then features, then all others, which `quick` leaves out."""
    methods, seen = list(_of_methods()), set[tuple[str, type]]()
    first: list[Case] = []
    for case in methods:
        if (key := (case.family, type(sd.METHODS[case.method]))) not in seen:
            first.append(case)
            seen.add(key)
    return first if quick else [*first, *_of_features(), *_of_fields(), *(c for c in methods if c not in first)]


def _compared(case: Case, count: int) -> dict[str, Any]:
    inputs, options = case.inputs(count), _options(case.method)
    cpu, card = (
        sd.compile(case.system, method=case.method, target=target)(*inputs, seed=5, **options) for target in ("cpu", "cuda")
    )
    size = np.nanmax(np.abs(cpu.values))
    distance = float(np.nanmax(np.abs(card.values - cpu.values)) / (size or 1.0))
    same = all(np.array_equal(getattr(cpu, f), getattr(card, f)) for f in case.counted)
    same &= np.array_equal(np.isnan(cpu.values), np.isnan(card.values))
    equal = same and distance <= case.tolerance
    return {
        "distance": distance,
        "allowed": case.tolerance or "same bits",
        "steps": "equal" if np.array_equal(cpu.steps, card.steps) else f"{np.mean(cpu.steps != card.steps):.2g} differ",
        "verdict": "equal" if equal else DIFFERS,
    }


def equality(settings: Settings, *, longest: float = LONGEST) -> list[dict[str, Any]]:
    """A row for every case; those that the time did not allow say so."""
    rows, end = [], time.monotonic() + longest
    for case in cases(quick=settings.quick):
        row: dict[str, Any] = {"case": case.name, "family": case.family.removesuffix("Family").lower()}
        if time.monotonic() > end:
            rows.append(row | {"verdict": f"not run: {longest:.0f} s were over"})
            continue
        try:
            rows.append(row | _compared(case, QUICK if settings.quick else TRAJECTORIES))
        except Exception as error:  # one row must not cost the others theirs on a machine that is lent
            rows.append(row | {"verdict": f"{DIFFERS}: {type(error).__name__}: {str(error).strip()[:200]}"})
    return rows
