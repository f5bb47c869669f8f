"""A recovery as plain values and arrays, in ``recovery.json`` and ``recovery.npz``, and back.

Systems and formulas are texts, which the reader of model texts reads; nothing in a file is evaluated.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr

from symdyn import dag
from symdyn.dense import DenseOutput, DenseSlope
from symdyn.discover.diffusions.result import DiffusionRecovery
from symdyn.discover.fields.data import FieldData, FieldRun
from symdyn.discover.fields.recovery import FieldRecovery
from symdyn.discover.propensities.result import PropensityRecovery
from symdyn.discover.recovery import Forecaster, Identifiability, Recovery, Terms
from symdyn.discover.repairing import Repair
from symdyn.discover.surrogates.registry import SurrogateFit, TermSamples
from symdyn.errors import DeclarationError, SymdynError
from symdyn.files import read_arrays
from symdyn.grids.system import GridSystem
from symdyn.inference.beginnings import LAW
from symdyn.inference.counts import Counts
from symdyn.inference.data import Observations, Trajectory
from symdyn.inference.filtering import ErrorLaw
from symdyn.inference.increments import Increments
from symdyn.io.graphs import graph_of, read_graph
from symdyn.models.boundary import Condition
from symdyn.models.boxes import Interval, Rectangle
from symdyn.models.domains import Disk, Plane, Polygon
from symdyn.models.ode import ODESystem
from symdyn.models.operators import read_operators
from symdyn.models.pde import PDESystem
from symdyn.models.text import expression_text, text_kinds, text_of
from symdyn.parsing import parse_expression
from symdyn.system import System

__all__ = ["FORMAT", "VERSION", "packed", "read_recovery", "unpacked"]

FORMAT, VERSION = "symdyn-recovery", 2
#: What a file may hold, by name.
CLASSES: Mapping[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        Condition, Counts, DiffusionRecovery, Disk, ErrorLaw, FieldData, FieldRecovery, FieldRun, Forecaster, Identifiability,
        Increments, Interval, Observations, Plane, Polygon, PropensityRecovery, Recovery, Rectangle, Repair, SurrogateFit,
        TermSamples, Trajectory,
    )
}  # fmt: skip
#: What a grid is made of.
GRID = ("shape", "order", "scheme", "dealias", "implicit", "advection")
#: Operations of expressions of which a text is written; of more its reader wants to be told that they are trusted.
LONGEST = 4_000
#: Attributes that are not written.
LEFT_OUT = {("SurrogateFit", "history")}


def read_recovery(folder: str | Path) -> Recovery:
    """Read a recovery that ``found.save(folder)`` wrote, with its data.

    Parameters
    ----------
    folder : str or Path
        With ``recovery.json`` and ``recovery.npz``; the other files there are not read.

    Returns
    -------
    Recovery
        Of the class that was written, with the same systems, tables, data and notes.  Systems of classes without a text of
        their own are ODE systems or maps of the same equations; symbols have no assumptions.

    Warns
    -----
    UserWarning
        If criteria with process noise in it are by an earlier law of likelihood, which weights and bands would mix with those
        of fits to come, or a law with a delay does not say when its history ends.

    Raises
    ------
    DeclarationError
        If a file is not one of a recovery, or a system has no text that reads back (functions by pieces).
    OSError
        If a file cannot be read.

    Examples
    --------
    >>> import tempfile, numpy as np, sympy as sp, symdyn as sd
    >>> x, f = sp.Symbol("x"), sp.Function("f")
    >>> t = np.linspace(0, 4, 21)
    >>> data = {"t": t, "x": 1 / (1 + 4 * np.exp(-t))}
    >>> found = sd.recover(sd.ODESystem({x: f(x)}), data, library=2, surrogate=None, progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found.save(folder)
    ...     again = sd.Recovery.load(folder)
    >>> again.system == found.system, again.table.equals(found.table)
    (True, True)
    """
    if Path(folder).is_file():
        raise DeclarationError(f"{folder}: this is a file; expected the folder that save wrote, with recovery.json in it")
    path = Path(folder) / "recovery.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DeclarationError(f"{path}: this is not JSON ({error})") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise DeclarationError(f"{path}: this is not a recovery that save wrote")
    if found.get("version") != VERSION:
        raise DeclarationError(
            f"{path}: the version is {found.get('version')!r}, expected {VERSION}; recover and save it again"
        )
    try:
        recovery = unpacked(found["result"], read_arrays(path.with_suffix(".npz")))
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise DeclarationError(f"{path}: the recovery in it is damaged ({type(error).__name__}: {error})") from None
    except SymdynError as error:
        raise DeclarationError(f"{path}: {error}") from None
    if not isinstance(recovery, Recovery):
        raise DeclarationError(f"{path}: this is a {type(recovery).__name__}, expected a Recovery")
    if earlier := _earlier(recovery, found.get("likelihood", 1)):
        warnings.warn(f"{path}: it was saved by another version of symdyn: {'; '.join(earlier)}; recover again", stacklevel=3)
    return recovery


def _earlier(recovery: Recovery, law: Any) -> list[str]:
    """What a recovery that was saved with this law of likelihood does not share with those of this version."""
    found = []
    laws = [recovery.law, *(f.law for f in recovery.forecasters)]
    if law != LAW and any(own is not None and own.process for own in laws):
        found.append(
            "criteria with process noise are by another law for the first state; weights and bands would mix them with new ones"
        )
    if recovery.system.history and recovery.system.history_span is None:
        first = float(recovery.observations.trajectories[0].times[0])
        found.append(f"the history of a delay does not say that it ends at {first!r}, where alone a run may begin")
    return found


# ---- writing -------------------------------------------------------------------------------------


def packed(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A value in terms of JSON; its arrays are added to `arrays`.

    Raises
    ------
    DeclarationError
        For objects that a recovery does not hold.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"number": repr(value)}
    if isinstance(value, np.ndarray):
        arrays[name := f"array{len(arrays)}"] = value
        return {"array": name}
    if isinstance(value, (list, tuple)):
        return [packed(v, arrays) for v in value]
    if isinstance(value, System):
        return {"system": _system(value, arrays)}
    if isinstance(value, sp.Basic):
        if _no_text([value]):
            return {"graph": graph_of([value], arrays)}
        return {"expression": expression_text(value)}
    if isinstance(value, xr.Dataset):
        parts = (
            {str(k): [list(v.dims), packed(v.values, arrays)] for k, v in of.items()} for of in (value.data_vars, value.coords)
        )
        return dict(zip(("variables", "coords"), parts, strict=True))
    if isinstance(value, Mapping):
        pairs = [[packed(k, arrays), packed(v, arrays)] for k, v in value.items()]
        return {"terms" if isinstance(value, Terms) else "mapping": pairs}
    if isinstance(value, pd.DataFrame):
        columns = [[str(c), packed(_column(value[c]), arrays)] for c in value]
        return {"frame": columns, "index": None if isinstance(value.index, pd.RangeIndex) else list(map(str, value.index)),
                "names": [value.index.name, value.columns.name]}  # fmt: skip
    cls = next((c for c in type(value).__mro__ if CLASSES.get(c.__name__) is c), None)
    if cls is None or not is_dataclass(cls):
        raise DeclarationError(f"a recovery with a {type(value).__name__} cannot be written")
    names = (f.name for f in fields(cls) if f.init and (cls.__name__, f.name) not in LEFT_OUT)
    return {"object": cls.__name__, "attributes": {name: packed(getattr(value, name), arrays) for name in names}}


def _of_tables(system: System) -> bool:
    """Whether equations have dense layers that no text holds, or share so much that a text would not end."""
    if system.kind != ODESystem.kind or system.parts != {"drift"} or system.networks:
        return False
    return _no_text([*(system.drift or ()), *system.observables.values()])


def _no_text(expressions: Collection[sp.Basic]) -> bool:
    dense = any(isinstance(e, (DenseOutput, DenseSlope)) for e in dag.nodes(expressions))
    return dense or sum(map(dag.size, expressions)) > LONGEST


def _column(values: pd.Series) -> Any:
    return values.to_numpy() if values.dtype.kind in "biuf" else values.tolist()


def _system(system: System, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """A system as its text and what the text does not say."""
    found: dict[str, Any] = {"kind": system.kind, "time": system.time.name, "provenance": list(system.provenance)}
    if _of_tables(system):
        formulas = {s: e for s, e in system.initial.items() if isinstance(e, sp.Expr)}
        sides = [*(system.drift or ()), *system.observables.values(), *formulas.values()]
        return {
            **found, "text": "", "graph": graph_of(sides, arrays), "states": list(system.names),
            "observables": list(system.observables), "formulas": [s.name for s in formulas],
            "initial": packed({s.name: v for s, v in system.initial.items() if s not in formulas}, arrays),
            "defaults": packed({p.name: v for p, v in system.defaults.items()}, arrays),
        }  # fmt: skip
    if not isinstance(system, PDESystem):
        options = {name: packed(getattr(system, name), arrays) for name in system.text_options or ()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of reactions, which were declared before
            return {**found, "text": text_of(system), "printed": str(system), "options": options}
    if isinstance(system, GridSystem):
        found["grid"] = {name: packed(getattr(system, name), arrays) for name in GRID}
    elif not system.gridless:
        raise DeclarationError(f"a {type(system).__name__} cannot be written; keep the Python that makes it")
    lines = [f"{s}' = {expression_text(rate)}" for s, rate in zip(system.states, system.rates, strict=True)]
    lines += [f"{name} := {expression_text(e)}" for name, e in system.observables.items()]
    lines += [f"{name} = {value!r}" for name, value in system.defaults.items()]
    walls = [[packed(target, arrays), packed(row, arrays)] for target, row in system.conditions.items()]
    return {
        **found, "text": "\n".join(lines), "space": [s.name for s in system.space], "domain": packed(system.domain, arrays),
        "scalars": [s.name for s in system.scalars], "conditions": walls, "initial": packed(system.initial, arrays),
    }  # fmt: skip


# ---- reading -------------------------------------------------------------------------------------


def unpacked(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """What `packed` was given."""
    if isinstance(value, list):
        return tuple(unpacked(v, arrays) for v in value)
    if not isinstance(value, dict):
        return value
    match value:
        case {"number": text}:
            return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[text]
        case {"array": name}:
            return arrays[name]
        case {"expression": text}:
            return read_operators(parse_expression(text, delays=True))
        case {"graph": facts, **others} if not others:
            return read_graph(facts, arrays)[0]
        case {"terms": pairs}:
            return Terms({unpacked(k, arrays): unpacked(v, arrays) for k, v in pairs})
        case {"mapping": pairs}:
            return {unpacked(k, arrays): unpacked(v, arrays) for k, v in pairs}
        case {"frame": columns, "index": index, "names": [of_rows, of_columns]}:
            series = {c: v if isinstance(v := unpacked(x, arrays), np.ndarray) else list(v) for c, x in columns}
            frame = pd.DataFrame(series, index=None if index is None else pd.Index(index))
            return frame.rename_axis(index=of_rows, columns=of_columns)
        case {"variables": variables, "coords": coords}:
            parts = ({k: (dims, unpacked(v, arrays)) for k, (dims, v) in of.items()} for of in (variables, coords))
            return xr.Dataset(*parts)
        case {"system": facts}:
            return _read_system(facts, arrays)
        case {"object": name, "attributes": attributes}:
            return CLASSES[name](**{k: unpacked(v, arrays) for k, v in attributes.items()})
    raise ValueError(f"unknown entry {', '.join(value)}")


def _read_system(facts: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> System:
    system: System
    if facts["text"] is None:
        raise DeclarationError(f"the system has no text that reads back: {facts['printed']}; keep the Python that declares it")
    if facts["kind"] == PDESystem.kind:
        walls = {
            unpacked(k, arrays): dict(zip(facts["space"], unpacked(row, arrays), strict=True)) for k, row in facts["conditions"]
        }
        system = PDESystem.from_text(
            facts["text"], domain=unpacked(facts["domain"], arrays), boundary=walls, odes=facts["scalars"],
            space=facts["space"], time=facts["time"], initial=unpacked(facts["initial"], arrays),
        )  # fmt: skip
        if "grid" in facts:
            points, *how = (unpacked(facts["grid"][name], arrays) for name in GRID)
            system = GridSystem(system, points, **dict(zip(GRID[1:], how, strict=True)))
    elif "graph" in facts:
        sides = iter(read_graph(facts["graph"], arrays))
        drift, observables, formulas = ({n: next(sides) for n in facts[k]} for k in ("states", "observables", "formulas"))
        system = ODESystem(
            drift, unpacked(facts["defaults"], arrays), initial={**unpacked(facts["initial"], arrays), **formulas},
            observables=observables, time=facts["time"],
        )  # fmt: skip
    else:
        options = {name: unpacked(v, arrays) for name, v in facts["options"].items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of reactions, which were declared before
            system = text_kinds()[facts["kind"]].from_text(facts["text"], time=facts["time"], **options)
    return system.replace(provenance=tuple(facts["provenance"]))
