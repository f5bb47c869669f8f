"""From arrays to labelled data: the dataset that every simulation returns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib import metadata
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr
from symdyn_kernels.status import MESSAGES, SUCCESS

from symdyn.codegen.kernel import Kernel, Run
from symdyn.identity import remembered
from symdyn.models.text import expression_text, recorded_text
from symdyn.simulation.frames import Frame
from symdyn.simulation.labelled import as_coordinates, as_variable
from symdyn.simulation.reduce import REDUCTIONS, Statistics
from symdyn.simulation.sweeps import Design
from symdyn.system import System

__all__ = [
    "STATUS_CODES",
    "Counts",
    "attributes",
    "counts",
    "fixed_values",
    "helpers_aside",
    "listed_values",
    "reduced_dataset",
    "trajectory_dataset",
]

#: For each trajectory numbers by name, each with what they are.
Counts = Mapping[str, tuple[np.ndarray, str]]
STATUS_CODES = "; ".join(f"{code}: {text}" for code, text in MESSAGES.items())
#: Most output times with which the form of a dataset is remembered.
MOST_TIMES = 10_000
PACKAGES = ("sympy", "numpy", "numba", "llvmlite", "xarray")


def attributes(system: System, **facts: Any) -> dict[str, Any]:
    """The provenance of the numbers, as values that netCDF can store."""
    return {**_origin(system), **{k: v for k, v in facts.items() if v is not None}}


@remembered(16)
def _origin(system: System) -> Mapping[str, Any]:
    """What the attributes say of the system, whatever is done with it."""
    versions = [f"symdyn {_version('symdyn-modeling')}", *(f"{p} {_version(p)}" for p in PACKAGES)]
    attrs = {
        "system": type(system).__name__,
        "equations": str(system),
        "model": recorded_text(system),
        **_besides(system),
        "provenance": "\n".join(system.provenance),
        "versions": ", ".join(versions),
    }
    return {k: v for k, v in attrs.items() if v is not None}


def _besides(system: System) -> dict[str, Any]:
    """What `from_text` needs besides the text, as numbers and text."""
    found = {name: getattr(system, name) for name in system.text_options or ()}
    return {
        name: int(value) if isinstance(value, bool) else expression_text(value) if isinstance(value, sp.Expr) else str(value)
        for name, value in found.items()
    }


def counts(kernel: Kernel, run: Run) -> Counts:
    """Status, counts and stopping time of each trajectory, with their descriptions."""
    meaning = kernel.counted
    found = {"status": (run.status, STATUS_CODES)}
    found |= {name: (getattr(run, name), meaning.pop(name)) for name in ("steps", "rejected", "evaluations")}
    found |= {name: (run.details[:, k], text) for k, (name, text) in enumerate(meaning.items())}
    if kernel.until is not None:
        unknown = (run.status != SUCCESS) & np.isinf(run.passage)  # it did not come to the last time
        passage = np.where(unknown, np.nan, run.passage)
        found["first_passage"] = passage, "time at which the condition of until was first found true"
    return found


def fixed_values(system: System, design: Design, skip: Collection[sp.Symbol] = ()) -> dict[str, str]:
    """Attributes ``parameters`` and ``initial``: what has one value in all of a design, as ``k = 1, V = 100``.

    Coordinates hold the other values, see `Design.coordinates`; initial values of the states in `skip` are left out.
    """
    found: dict[str, str] = {}
    left = {*skip, *system.inputs}
    for name, symbols, columns in (
        ("parameters", system.parameters, design.parameters),
        ("initial", system.states, design.initial),
    ):
        named = zip(symbols, columns, strict=True)
        pairs = [(s.name, v) for s, (v, axes) in named if not (axes or (left and s in left))]
        found |= {name: listed_values(pairs)} if pairs else {}
    return found


def helpers_aside(data: xr.Dataset, system: System) -> xr.Dataset:
    """The dataset with `System.helpers`, their statistics and bands, as coordinates: runs begin from them, none is drawn.

    >>> import symdyn as sd
    >>> run = sd.simulate(sd.DiscreteSystem.from_text("x[t+1] = x[t-1]; x(0) = 1"), range(3), progress=False)
    >>> "x_lag1" in run, "x_lag1" in run.data_vars, "x_lag1" in sd.to_frame(run)
    (True, False, False)
    """
    if not (own := {s.name for s in system.helpers}):
        return data
    names = own | {f"{name}_{kind}" for name in own for kind in (*REDUCTIONS, "count", "edges", "lower", "upper")}
    return data.set_coords([name for name in data.data_vars if name in names])


def listed_values(pairs: Iterable[tuple[Any, Any]]) -> str:
    """Names and numbers to all digits.

    >>> listed_values([("k", 1.0), ("V", 0.1)])
    'k = 1, V = 0.1'
    """
    return ", ".join([f"{name} = {repr(float(value)).removesuffix('.0')}" for name, value in pairs])


@cache
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _dataset(
    frame: Frame, design: Design, times: np.ndarray, variables: Mapping[str, Any], counts: Counts, attrs: dict[str, Any]
) -> xr.Dataset:
    """A dataset of `variables`, status and counts, made at once: adding one by one takes the square of their number."""
    shape, labels = design.shape, frame.labels(times)
    found = {name: (design.dims, v.reshape(shape), {"long_name": meaning}) for name, (v, meaning) in counts.items()}
    place = {**(design.coordinates(frame.system, frame.skip) if design.dims else {}), **frame.coordinates}
    shown = {**variables, **found}
    if place or labels.size > MOST_TIMES or labels.dtype.kind != "f":
        return _labelled(shown, {"time": ("time", labels, {"long_name": frame.system.time.name}), **place}, attrs)
    form = tuple([(name, dims, v.shape, *about.items()) for name, (dims, v, about) in shown.items()])
    data = _empty(frame.system.time.name, labels.dtype, labels.tobytes(), form).copy()
    own = data.variables
    for name, (dims, v, _) in shown.items():
        own[name].data = xr.Variable(dims, v, fastpath=True)  # of an array xarray would ask whether dask has it
    data.attrs = attrs
    return data


def _labelled(variables: Mapping[str, Any], labels: Mapping[str, Any], attrs: dict[str, Any]) -> xr.Dataset:
    return xr.Dataset({name: as_variable(*v) for name, v in variables.items()}, as_coordinates(labels), attrs)


@lru_cache(maxsize=8)
def _empty(time: str, kind: np.dtype, times: bytes, form: tuple[tuple[Any, ...], ...]) -> xr.Dataset:
    """A dataset of this form without numbers, with no coordinates but the times; to copy one takes a third of making one.

    The copies share their times, even deep ones do in xarray, which therefore cannot be written to.
    """
    variables = {name: (dims, np.broadcast_to(0.0, shape), dict(about)) for name, dims, shape, *about in form}
    return _labelled(variables, {"time": ("time", np.frombuffer(times, kind), {"long_name": time})}, {})


def trajectory_dataset(
    frame: Frame, design: Design, times: np.ndarray, run: Run, counts: Counts, attrs: dict[str, Any]
) -> xr.Dataset:
    """A variable with dims (sweeps, trajectory if asked for, time, ...) for each state and observable."""
    variables = {}
    for v in frame.variables:
        array = v.of(run.values, run.aside)
        shaped = array.reshape((*design.shape, *array.shape[1:])) if design.dims else array[0]
        variables[v.name] = ((*design.dims, *v.labelled), shaped, {"long_name": v.meaning} if v.meaning else {})
    return _dataset(frame, design, times, variables, counts, attrs)


def reduced_dataset(
    frame: Frame,
    design: Design,
    times: np.ndarray,
    statistics: Sequence[Statistics],
    counts: Counts,
    attrs: dict[str, Any],
) -> xr.Dataset:
    """Variables ``x_count``, ``x_mean``, ``x_quantile``, ... with dims (sweeps, time, ...[, quantile or bin])."""
    results = [s.result() for s in statistics]
    last = {"quantile": ("quantile",), "histogram": ("bin",), "edges": ("edge",)}
    about = {"count": {"long_name": f"finite values among {design.trajectories}, of which the statistics are computed"}}
    variables = {}
    for kind, first in results[0].items():
        stacked = np.stack([r[kind] for r in results]).reshape(*design.sweep_shape, *first.shape)
        lead = len(design.sweep_shape) + 1  # the sweeps and time come before the numbers of the variables
        for v in frame.variables:
            if v.timed:
                part = stacked[(slice(None),) * lead + (v.columns,)]
                shaped = part.reshape(*part.shape[:lead], *v.shape, *part.shape[lead + 1 :])
                variables[f"{v.name}_{kind}"] = (
                    (*design.sweep_dims, *v.labelled, *last.get(kind, ())),
                    shaped,
                    about.get(kind, {}),
                )
    if frame.events:
        stacked = np.stack([s.firings() for s in statistics]).reshape(*design.sweep_shape, frame.events)
        meaning = "how often the event happened, on average over the trajectories that did not fail"
        variables["fired_mean"] = ((*design.sweep_dims, "event"), stacked, {"long_name": meaning})
    data = _dataset(frame, design, times, variables, counts, attrs)
    if "quantile" in results[0]:
        data = data.assign_coords(quantile=list(statistics[0].reductions["quantile"]))
    return data
