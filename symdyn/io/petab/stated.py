"""What a parameter estimation problem states: its equations, parameters and measurements, and its files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.io.petab.contents import Statements
from symdyn.io.petab.courses import Courses
from symdyn.io.petab.formulas import read_formula, read_number
from symdyn.io.petab.measured import read_formulas
from symdyn.io.petab.model import PetabModel
from symdyn.io.petab.tables import PetabFiles, with_nominal, write_files
from symdyn.models.ode import ODESystem

__all__ = ["StatedProblem"]


class StatedProblem:
    """A model with measurements, experiments and parameters.

    Parameters
    ----------
    name : str
    statements : Statements
    model : PetabModel
    files : PetabFiles
    """

    def __init__(self, name: str, statements: Statements, model: PetabModel, files: PetabFiles) -> None:
        self.name, self._statements, self._model, self._files = name, statements, model, files
        self._names: dict[str, sp.Expr] = {n: sp.Symbol(n) for n in (*statements.targets, *statements.parameters)}
        self._names |= model.names
        self._refuse()
        changes = self._changes()
        self._courses = Courses(model, changes, statements.version)
        self._formulas = read_formulas(statements, self._names)
        self._refuse_idle(changes)

    def _refuse(self) -> None:
        events = self._model.core.events
        kept = {
            "with delays": any(e.delay != 0 for e in events),
            "that compare with ==": any(e.assignments.get(s) == -s for e in events for s in self._model.clocks),
        }
        several = any(len(e.periods) > 1 for e in self._statements.experiments.values())
        for which in (kind for kind, found in kept.items() if found and several):
            raise DeclarationError(f"the model has events {which}, which are not followed from one period to the next")
        if self._model.core.delays:
            raise DeclarationError("the model has delays; problems with delay differential equations are not simulated")

    def _refuse_idle(self, changes: Mapping[tuple[str, int], Mapping[sp.Symbol, sp.Expr | None]]) -> None:
        """Refuse targets of conditions on which nothing depends, such as misspelt ones."""
        used = [e for period in changes.values() for e in period.values() if e is not None]
        used += [e for f in self._formulas for e in f.expressions]
        known = dag.free_symbols(used) | {*self._model.names.values()} | {sp.Symbol(p) for p in self._statements.parameters}
        if idle := [t for t in self._statements.targets if self._names[t] not in known]:
            raise DeclarationError(
                f"the conditions change {idle[0]!r}, which the model, the parameters and the measured observables lack"
            )

    @cached_property
    def system(self) -> ODESystem:
        """The equations, with nominal values."""
        values = {self._names[p.name]: p.nominal for p in self._statements.parameters.values() if np.isfinite(p.nominal)}
        values = {s: v for s, v in values.items() if s in self._model.system.parameters}
        own = {
            s: float(e)
            for s, e in self._model.free.items()
            if e is not None and e.is_number and s in self._model.system.parameters
        }
        return self._model.system.with_parameters({**own, **values})

    @property
    def parameters(self) -> pd.DataFrame:
        """The table of parameters: scales, bounds, nominal values, priors."""
        rows = self._statements.parameters.values()
        return pd.DataFrame(
            {
                "scale": [p.scale for p in rows],
                "lower": [p.lower for p in rows],
                "upper": [p.upper for p in rows],
                "nominal": [p.nominal for p in rows],
                "estimated": [p.estimated for p in rows],
                "prior": [p.prior.name if p.prior else "" for p in rows],
            },
            index=pd.Index([p.name for p in rows], name="parameter"),
        )

    @property
    def measurements(self) -> pd.DataFrame:
        """The table of measurements, as in the file."""
        return self._statements.measurements.table.copy()

    @property
    def estimated(self) -> tuple[str, ...]:
        """Identifiers of the parameters that are estimated, in the order of the table."""
        return tuple(p.name for p in self._statements.parameters.values() if p.estimated)

    @property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest plain values of the parameters that are estimated."""
        return {p: (self._statements.parameters[p].lower, self._statements.parameters[p].upper) for p in self.estimated}

    def __str__(self) -> str:
        s, experiments = self._statements, len(self._statements.experiments)
        observables = len({*s.measurements.observables})
        plural = ("s" * (n != 1) for n in (experiments, observables))
        return (
            f"PEtab problem {self.name}: {len(self._model.core.states)} states, {len(self.estimated)} of {len(s.parameters)} "
            f"parameters estimated, {experiments} experiment{next(plural)}, {len(s.measurements.values)} measurements of "
            f"{observables} observable{next(plural)}"
        )

    __repr__ = __str__

    def texts(self, parameters: Mapping[str, float] | None = None) -> dict[str, str]:
        """The files of the problem by name: first the YAML file, then those that it names.

        Parameters
        ----------
        parameters : mapping of str to float, optional
            Nominal values over those of the table, such as those of a fit.

        Returns
        -------
        dict of str to str

        Raises
        ------
        DeclarationError
            For unknown parameters, and values that are no finite numbers.

        Examples
        --------
        >>> import symdyn as sd
        >>> problem = sd.read_petab("examples/data/petab_conversion/conversion.yaml")
        >>> list(problem.texts())
        ['conversion.yaml', 'model.xml', 'parameters.tsv', 'conditions.tsv', 'observables.tsv', 'measurements.tsv']
        """
        points, _, batch = self._points(parameters)
        values = {n: float(points[n][0]) for n in parameters or {}}
        if batch or not all(map(math.isfinite, values.values())):
            raise DeclarationError("nominal values are finite numbers, one for each parameter")
        tables = self._files.parameters if values else ()
        return {n: with_nominal(text, values) if n in tables else text for n, text in self._files.texts.items()}

    def write(self, folder: str | Path, parameters: Mapping[str, float] | None = None) -> Path:
        """Write the problem into a folder, as other tools read it.

        Parameters
        ----------
        folder : str or Path
            Made if there is none; no file is written over.
        parameters : mapping of str to float, optional
            Nominal values over those of the table: of a fit, ``fit.parameters``.

        Returns
        -------
        Path
            Of the YAML file.

        Raises
        ------
        DeclarationError
            If a file is there already or would lie outside, and as `texts` does.
        OSError
            If a file cannot be written.

        Examples
        --------
        >>> import tempfile, symdyn as sd
        >>> problem = sd.read_petab("examples/data/petab_conversion/conversion.yaml")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     again = sd.read_petab(problem.write(f"{folder}/new", {"k1": 0.84}))
        >>> float(again.parameters.nominal["k1"]), again.objective() == problem.objective({"k1": 0.84})
        (0.84, True)
        """
        texts = self.texts(parameters)
        write_files(texts, Path(folder))
        return Path(folder) / next(iter(texts))

    def _changes(self) -> dict[tuple[str, int], dict[sp.Symbol, sp.Expr | None]]:
        found: dict[tuple[str, int], dict[sp.Symbol, sp.Expr | None]] = {}
        for e in self._statements.experiments.values():
            for place, period in enumerate(e.periods):
                changes: dict[sp.Symbol, sp.Expr | None] = {}
                for target, text in period.changes.items():
                    number = read_number(text)
                    kept = number is not None and np.isnan(number)
                    where = f"the value of {target} in a condition of {e.name}"
                    changes[self._names[target]] = None if kept else read_formula(text, self._names, where)  # type: ignore[index]
                found[e.name, place] = changes
        return found

    def _points(self, parameters: Mapping[str, Any] | None) -> tuple[dict[str, np.ndarray], int, bool]:
        """Values (B,) of all parameters, B, and whether arrays were given."""
        declared = self._statements.parameters
        try:
            given = {getattr(k, "name", k): np.asarray(v, dtype=float) for k, v in (parameters or {}).items()}
        except (AttributeError, TypeError, ValueError):
            raise DeclarationError(f"the parameters are {parameters!r}; expected a mapping to numbers or arrays") from None
        if unknown := [k for k in given if k not in declared]:
            raise DeclarationError(f"{unknown[0]!r} is no parameter of the problem; its parameters: {', '.join(declared)}")
        shapes = {v.shape for v in given.values()} - {()}
        if len(shapes) > 1 or any(len(s) != 1 for s in shapes):
            raise DeclarationError(f"values of parameters have the shapes {shapes}; expected numbers, or arrays of one length")
        count = shapes.pop()[0] if shapes else 1
        batch = any(v.shape for v in given.values())
        values = {name: given.get(name, np.asarray(p.nominal)) for name, p in declared.items()}
        if missing := [n for n, v in values.items() if np.isnan(v).any()]:
            raise DeclarationError(f"the parameter {missing[0]} has no nominal value; pass one")
        return {n: v if v.shape else np.full(count, float(v)) for n, v in values.items()}, count, batch
