"""Archives that are read and carried out: tables of their reports, figures of their plots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
import xarray as xr

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.io._reading import Limits
from symdyn.io._sbml_reader import read
from symdyn.io.archives.description import DataGenerator, Description, RepeatedTask
from symdyn.io.archives.files import MAX_FILES, find, text_files
from symdyn.io.archives.sedml import ATTRIBUTES, MOST_REPEATED, read_sedml
from symdyn.io.petab.courses import SPANS, at_rest
from symdyn.io.petab.formulas import read_formula
from symdyn.io.petab.model import PetabModel
from symdyn.io.petab.tangents import Tangent
from symdyn.optional import require
from symdyn.simulation.run import simulate

__all__ = ["Archive", "read_archive"]


def read_archive(
    path: str | Path,
    *,
    seconds: float = Limits.seconds,
    memory: int = Limits.memory,
    characters: int = Limits.characters,
    files: int = MAX_FILES,
) -> Archive:
    """Read a COMBINE archive, ``.omex``, with models in SBML and simulation experiments in SED-ML.

    Uniform time courses are carried out, by adaptive methods whatever integrator of ODEs is asked for, and steady states as the
    ones that are reached from the initial values, with changed attributes of the model; repeated tasks over ranges, also those
    that are functions of others, are trajectories of one simulation.  Files are read in memory, nothing is
    written.

    Parameters
    ----------
    path : str or Path
    seconds : float
        Wall time that libsbml may take for each model, which it first reads in a process of its own.
    memory : int
        Memory that this process may take, in bytes; on Unix systems.
    characters : int
        Largest length of all models and experiments together.
    files : int
        Largest number of files in the archive.

    Returns
    -------
    Archive

    Raises
    ------
    DeclarationError
        If it is no such archive, or an experiment asks for what is not carried out, by name: other simulations and algorithms,
        changes of the structure of models, tasks within repeated tasks, three-dimensional plots.
    MissingPackageError
        Without python-libsbml: ``pip install "symdyn-modeling[sbml]"``.
    OSError
        If the file cannot be read.

    References
    ----------
    Bergmann et al., BMC Bioinformatics 15, 369 (2014); Smith et al., J. Integr. Bioinform. 18, 20210021 (2021).

    Examples
    --------
    >>> import symdyn as sd
    >>> archive = sd.read_archive("examples/data/conversion.omex")
    >>> print(archive)
    experiment.sedml: 1 model, 2 tasks, 1 report, 1 plot
    >>> archive.reports["table"].tail(1).round(4).to_dict("records")
    [{'time': 5.0, 'A': 0.4291}]
    """
    require("libsbml")
    path, limits = Path(path), Limits(seconds, memory, characters)
    found = text_files(path, int(limits.characters), files)
    names = [name for name in found if name.lower().endswith(".sedml")]
    if len(names) != 1:
        raise DeclarationError(f"{path} has {len(names)} files of SED-ML; expected one")
    try:
        return Archive(found, read_sedml(found[names[0]], names[0]), limits)
    except DeclarationError as error:
        raise DeclarationError(f"{path}: {names[0]}: {error}") from None


class Archive:
    """A simulation experiment with its models; `read_archive` makes one.

    Attributes
    ----------
    reports : dict of str to DataFrame
    plots : dict of str to Figure
    systems : dict of str to ODESystem

    Examples
    --------
    >>> import symdyn as sd
    >>> archive = sd.read_archive("examples/data/conversion.omex")
    >>> print(archive.systems["model"])
    A' = -A*k1 + B*k2
    B' = A*k1 - B*k2
    >>> list(archive.plots)
    ['figure']
    """

    def __init__(self, files: Mapping[str, str], description: Description, limits: Limits) -> None:
        self._files, self._description, self._limits = dict(files), description, limits
        self._models = {name: self._model(name) for name in description.models}
        self._repeated: dict[str, tuple[PetabModel, dict[tuple[str, str], float]]] = {}
        d = description
        for name, (model, simulation) in d.tasks.items():
            if model not in d.models or simulation not in d.simulations:
                raise DeclarationError(
                    f"the task {name} is of the model {model!r} and the simulation {simulation!r}; one is missing"
                )
        for name, task in d.repeated.items():
            if task.task not in d.tasks:
                raise DeclarationError(f"the repeated task {name} repeats {task.task!r}, which is no task of a model")
            self._repeated[name] = self._model(d.tasks[task.task][0], [s[:2] for s in task.settings])
            if other := task.models - {d.tasks[task.task][0], ""}:
                raise DeclarationError(
                    f"the repeated task {name} sets values of {min(other)!r}, which is not the model of its task"
                )
            points = len(next(iter(task.ranges.values()))) * d.simulations[d.tasks[task.task][1]].points
            if points > MOST_REPEATED:
                raise DeclarationError(f"the repeated task {name} has {points} points, more than {MOST_REPEATED}")
        used = [
            *(g for r in d.reports.values() for _, g in r.columns),
            *(g for p in d.plots.values() for c in p.curves for g in c[:2]),
        ]
        if missing := [g for g in used if g not in d.generators]:
            raise DeclarationError(f"an output shows {missing[0]!r}, which is no data generator")

    def __str__(self) -> str:
        d = self._description
        counts: dict[str, Mapping] = {
            "model": d.models,
            "task": {**d.tasks, **d.repeated},
            "report": d.reports,
            "plot": d.plots,
        }
        return f"{d.name}: " + ", ".join(f"{len(v)} {k}{'s' * (len(v) != 1)}" for k, v in counts.items())

    __repr__ = __str__

    @property
    def systems(self) -> dict[str, Any]:
        """The equations of each model, without changes of attributes."""
        return {name: model.system for name, (model, _) in self._models.items()}

    @cached_property
    def reports(self) -> dict[str, pd.DataFrame]:
        """The table of each report; that of a repeated task has a column ``repeat``."""
        return {name: self._report(r.columns) for name, r in self._description.reports.items()}

    @property
    def plots(self) -> dict[str, Any]:
        """A figure of each plot, drawn anew."""
        return {name: self._plot(name) for name in self._description.plots}

    # ---- models ----------------------------------------------------------------------------------------

    def _model(self, name: str, settings: Iterable[tuple[str, str]] = ()) -> tuple[PetabModel, dict[tuple[str, str], float]]:
        """A model in which what changes and what `settings` of a repeated task set is free, and the values of attributes."""
        d, source = self._description, name
        changes: dict[tuple[str, str], float] = {}
        for _ in range(len(d.models) + 1):
            changes = {(i, a): v for i, a, v in d.models[source].changes} | changes
            source = d.models[source].source.removeprefix("#")
            if source not in d.models:
                break
        else:
            raise DeclarationError(f"the model {name} is a change of itself")
        file = find(self._files, source, d.name)
        try:
            model = read(self._files[file], limits=self._limits)
        except DeclarationError as error:
            raise DeclarationError(f"{file}: {error}") from None
        changed = [*changes, *settings]
        targets = dict.fromkeys(i for i, _ in changed)
        for identifier, attribute in changed:
            q = model.quantities.get(sp.Symbol(identifier))
            if q is None:
                raise DeclarationError(f"the model {name} has no quantity {identifier!r} whose value could change")
            if attribute and q.kind != ATTRIBUTES[attribute]:
                raise DeclarationError(f"{identifier} of the model {name} is a {q.kind}, which has no attribute {attribute!r}")
            if q.assigned and identifier in {i for i, _ in changes}:
                raise DeclarationError(
                    f"an attribute of {identifier} is changed, but an initial assignment determines its value"
                )
        return PetabModel(model, targets, (), {}, once=False), changes

    # ---- simulation -----------------------------------------------------------------------------------------

    @cached_property
    def _runs(self) -> dict[str, tuple[PetabModel, dict[sp.Symbol, np.ndarray]]]:
        d = self._description
        needed = {task for g in d.generators.values() for _, task in g.variables.values()}
        if unknown := needed - d.tasks.keys() - d.repeated.keys():
            raise DeclarationError(f"a data generator is of the task {unknown.pop()!r}, which does not exist")
        return {name: self._run(name) for name in sorted(needed)}

    def _run(self, name: str) -> tuple[PetabModel, dict[sp.Symbol, np.ndarray]]:
        """Values (L, T) of states, (L, 1) of parameters and (1, T) of time of a task."""
        d = self._description
        repeated = d.repeated.get(name)
        model_name, simulation = d.tasks[repeated.task if repeated else name]
        course = d.simulations[simulation]
        model, changes = self._repeated[name] if repeated else self._models[model_name]
        count = len(next(iter(repeated.ranges.values()))) if repeated else 1
        values = {s: Tangent(np.full(count, v)) for s, v in model.defaults().items()}
        states: dict[sp.Symbol, Tangent] = {}
        given = [(model.names[i], a, np.full(count, number)) for (i, a), number in changes.items()]
        given += self._settings(model, repeated, count)
        for s, attribute, value in sorted(given, key=lambda g: model.quantities[g[0]].kind == "species"):  # sizes come first
            factor = self._factor(model, s, attribute, values, count) if attribute else np.ones(count)
            (states if model.is_state(s) else values)[s] = Tangent(value * factor)
        model.begin(values, course.initial, count, states)
        system = model.core
        lanes = {s: xr.DataArray(values[s].value, dims="trajectory") for s in (*system.states, *system.parameters)}

        def run(times: np.ndarray) -> np.ndarray:
            """States (n, L, T)."""
            initial, parameters = ({s: lanes[s] for s in symbols} for symbols in (system.states, system.parameters))
            rtol, atol = course.rtol or 1e-8, course.atol or 1e-10
            data = simulate(system, times, initial=initial, parameters=parameters, rtol=rtol, atol=atol, progress=False)
            return np.stack([data[s.name].values for s in system.states])

        found = {s: v.value[:, None] for s, v in values.items()}
        if course.steady:
            reached = _rest(run, model, f"the simulation {simulation}")
        else:
            times = course.times if course.start == course.initial else np.append(course.initial, course.times)
            reached = run(times)[..., -len(course.times) :]
            found[system.time] = course.times[None]
        return model, found | dict(zip(system.states, reached, strict=True))

    def _factor(
        self, model: PetabModel, s: sp.Symbol, attribute: str, values: Mapping[sp.Symbol, Tangent], count: int
    ) -> np.ndarray:
        """What an attribute is multiplied by to be the value of its symbol."""
        q = model.quantities[s]
        if q.kind != "species" or attribute == ("initialAmount" if q.amount else "initialConcentration"):
            return np.ones(count)
        if q.home is None or model.is_state(q.home):
            raise DeclarationError(f"{attribute} of {s} is changed, whose compartment changes in time; that is not carried out")
        sizes = {c: Tangent(np.full(count, float(v))) for c, v in model.free.items() if v is not None and v.is_number}
        size = np.broadcast_to(model.value(q.home, {**sizes, **values}, f"the size of {q.home}").value, (count,))
        return size if q.amount else 1 / size

    def _settings(
        self, model: PetabModel, repeated: RepeatedTask | None, count: int
    ) -> list[tuple[sp.Symbol, str, np.ndarray]]:
        if repeated is None:
            return []
        names: dict[str, sp.Expr] = {r: sp.Symbol(f"{r}/range") for r in repeated.ranges}
        known = {sp.Symbol(f"{r}/range"): Tangent(v) for r, v in repeated.ranges.items()}

        def read(formula: str, constants: Mapping[str, float], what: str) -> sp.Expr:
            return read_formula(formula, {**names, **{k: sp.Float(v) for k, v in constants.items()}}, what)

        for name, (formula, constants) in repeated.functions.items():
            names[name] = read(formula, constants, f"the range {name} of a repeated task")
        found = []
        for identifier, attribute, formula, constants in repeated.settings:
            what = f"the value of {identifier} in a repeated task"
            value = model.value(read(formula, constants, what), known, what).value
            found.append((model.names[identifier], attribute, np.broadcast_to(value, (count,))))
        return found

    def _values(self, name: str) -> np.ndarray:
        """Values (L, T) of a data generator."""
        g: DataGenerator = self._description.generators[name]
        task = next(iter(g.variables.values()))[1]
        model, known = self._runs[task]
        names: dict[str, sp.Expr] = {k: sp.Float(v) for k, v in g.constants.items()}
        for variable, (identifier, _) in g.variables.items():
            if identifier is not None and identifier not in model.names:
                raise DeclarationError(f"the data generator {name} shows {identifier!r}, which the model does not have")
            if identifier is None and model.system.time not in known:
                raise DeclarationError(f"the data generator {name} shows the time of a steady state, which has none")
            names[variable] = model.system.time if identifier is None else model.names[identifier]
        e = read_formula(g.formula, names, f"the data generator {name}")
        values = model.value(e, {s: Tangent(v) for s, v in known.items()}, f"the data generator {name}").value
        shape = known[model.core.states[0]].shape
        return np.broadcast_to(values, shape)

    # ---- outputs --------------------------------------------------------------------------------------------

    def _report(self, columns: tuple[tuple[str, str], ...]) -> pd.DataFrame:
        found = [(label, self._values(g)) for label, g in columns]
        shapes = {v.shape for _, v in found}
        if len(shapes) > 1:
            raise DeclarationError(f"a report has columns of the shapes {sorted(shapes)}; expected one length")
        table = pd.DataFrame({label: v.ravel() for label, v in found})
        repeats, length = shapes.pop() if shapes else (1, 0)
        if repeats > 1:
            table.insert(0, "repeat", np.repeat(np.arange(repeats), length))
        return table

    def _plot(self, name: str) -> Any:
        from matplotlib.figure import Figure

        plot = self._description.plots[name]
        figure = Figure(layout="constrained")
        axes = figure.subplots()
        for x, y, log_x, log_y, label in plot.curves:
            xs, ys = self._values(x), self._values(y)
            if xs.shape[1] == ys.shape[1] == 1:  # steady states of all repeats are one curve
                xs, ys = xs.T, ys.T
            for k in range(max(len(xs), len(ys))):
                shown = (label or self._description.generators[y].label) if k == 0 else None
                axes.plot(xs[min(k, len(xs) - 1)], ys[min(k, len(ys) - 1)], label=shown)
            axes.set(xlabel=self._description.generators[x].label)
            if log_x:
                axes.set_xscale("log")
            if log_y:
                axes.set_yscale("log")
        axes.set_title(plot.title)
        axes.legend()
        return figure


def _rest(run: Callable[[np.ndarray], np.ndarray], model: PetabModel, what: str) -> np.ndarray:
    """The steady states (n, L, 1) that all trajectories come to."""
    system = model.core
    if system.time in dag.free_symbols(system.drift):
        raise DeclarationError(f"{what} is a steady state, and the equations contain the time")
    moving = [k for k, s in enumerate(system.states) if s not in model.clocks]
    for span in SPANS:
        states = run(span * np.array([0.0, 0.1, 1.0]))
        if at_rest(states[moving]).all():
            return states[..., 2:]
    raise DeclarationError(f"{what} is a steady state, which is not reached until {SPANS[-1]:g}")
