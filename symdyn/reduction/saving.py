"""A reduced system in a file of arrays, and back: its equations as a graph, and the runs that it was made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.files import check_format, put_arrays, restored
from symdyn.io.graphs import graph_of, read_graph
from symdyn.io.recoveries import packed, unpacked
from symdyn.reduction.basis import Basis
from symdyn.reduction.interpolation import Interpolation
from symdyn.reduction.layout import RunStates, StateLayout
from symdyn.reduction.manifold import CurvedBasis
from symdyn.reduction.reduced import ReducedSystem

__all__ = ["load_reduced", "save_reduced"]

#: What the first array of a file says.
FORMAT = "symdyn reduced 1"


def save_reduced(system: ReducedSystem, path: Any) -> None:
    """Write a reduced system to a file of numpy's npz format, without pickled objects.

    The full system is not written, and of the runs what the reduced system needs: states, times and parameters.

    Parameters
    ----------
    system : ReducedSystem
    path : str or Path

    Raises
    ------
    DeclarationError
        For inputs, and equations with functions that are not written.

    Examples
    --------
    >>> import tempfile, symdyn as sd
    >>> pair = sd.ODESystem.from_text("x' = -x; y' = -2*y; x(0) = 1; y(0) = 1")
    >>> small = sd.reduction.pod(pair, sd.simulate(pair, np.linspace(0, 1, 9), progress=False), modes=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     small.save(f"{folder}/small.npz")
    ...     again = sd.reduction.ReducedSystem.load(f"{folder}/small.npz")
    >>> again == small, (again.own_error() == small.own_error()).all().item()
    (True, True)
    """
    if system.parts != {"drift"} or system.observables:
        raise DeclarationError("a reduced system with inputs or observables cannot be written; keep the Python that makes it")
    arrays = {"format": np.array(FORMAT)}
    layout = system.layout
    facts: dict[str, Any] = {
        "states": list(system.names), "time": system.time.name, "provenance": list(system.provenance),
        "defaults": {p.name: float(v) for p, v in system.numeric_defaults.items()},
        "initial": {s.name: v for s, v in system.initial.items()},
        "basis": _attributes(system.basis), "intervals": system.intervals,
        "interpolation": None if system.interpolation is None else _attributes(system.interpolation),
        "layout": _attributes(layout), "runs": [_run(r) for r in (layout.read(system.runs) if system.runs else [])],
    }  # fmt: skip
    written: dict[str, Any] = {k: packed(v, arrays) for k, v in facts.items()}
    written["rates"] = graph_of(system.drift, arrays)
    put_arrays(Path(path), {**arrays, "facts": np.array(json.dumps(written, allow_nan=False))})


def load_reduced(path: Any) -> ReducedSystem:
    """What `ReducedSystem.save` wrote; it simulates to the same bits.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    ReducedSystem
        Without the full system; symbols have no assumptions.

    Raises
    ------
    DeclarationError
        If the file is damaged, or of another kind.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/f.npz", weights=np.ones(3))
    ...     load_reduced(f"{folder}/f.npz")
    Traceback (most recent call last):
    ...
    symdyn.errors.DeclarationError: f.npz was not written by save of a reduced system (no array 'format')
    """
    return restored(path, _read, "was not written by save of a reduced system")


def _attributes(value: Any) -> dict[str, Any]:
    return {f.name: getattr(value, f.name) for f in fields(value)}


def _run(read: RunStates) -> dict[str, Any]:
    """States of a run with what tells its parameters."""
    coordinates = {
        str(name): [list(map(str, c.dims)), c.values, {k: str(v) for k, v in c.attrs.items() if k == "parameter"}]
        for name, c in read.lead.coords.items() if c.values.dtype.kind in "biufU"
    }  # fmt: skip
    return {
        "values": read.values, "times": read.times, "sizes": read.sizes, "coordinates": coordinates,
        "parameters": str(read.attrs.get("parameters", "")),
    }  # fmt: skip


def _read(arrays: dict[str, np.ndarray]) -> ReducedSystem:
    check_format(arrays, FORMAT)
    try:
        written = json.loads(str(arrays["facts"]))
        rates = read_graph(written.pop("rates"), arrays)
        facts = {k: unpacked(v, arrays) for k, v in written.items()}
        layout = StateLayout(**facts["layout"])
        basis = (CurvedBasis if "curvature" in facts["basis"] else Basis)(**facts["basis"])
        symbols = [sp.Symbol(name) for name in facts["states"]]
        known = facts["interpolation"]
        made = ReducedSystem(
            rates, symbols, basis, layout, interpolation=None if known is None else Interpolation(**known),
            intervals=facts["intervals"], runs=[_dataset(r, layout) for r in facts["runs"]], parameters=facts["defaults"],
            initial=facts["initial"] or None, time=facts["time"], provenance=facts["provenance"],
        )  # fmt: skip
        _check(made)
    except (AttributeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    return made


def _check(system: ReducedSystem) -> None:
    """What arrays of another shape would break later."""
    n, r = system.layout.size, len(system.states)
    basis = system.basis
    wanted = {"modes": (n, r), "center": (n,), "weights": (n,)}
    wanted |= {"curvature": (n, r * (r + 1) // 2)} if isinstance(basis, CurvedBasis) else {}
    for name, shape in wanted.items():
        found = getattr(basis, name)
        if found.dtype != np.float64 or found.shape != shape or not np.isfinite(found).all():
            raise ValueError(f"{name} holds {found.dtype} of the shape {found.shape}, expected numbers of {shape}")


def _dataset(run: Mapping[str, Any], layout: StateLayout) -> xr.Dataset:
    """A run as a dataset of the full system."""
    sizes, times = run["sizes"], run["times"]
    values = run["values"].reshape(*sizes.values(), len(times), layout.size)
    variables: dict[str, Any] = layout.variables(values, [*sizes, "time"])
    coordinates = {name: (dims, v, attrs) for name, (dims, v, attrs) in run["coordinates"].items()}
    return xr.Dataset(variables, {**coordinates, "time": times, **layout.space}, {"parameters": run["parameters"]})
