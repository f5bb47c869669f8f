"""Parameter estimation problems: a model, what is measured of it, and how likely parameters make that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.inference.fit_request import Proposal
from symdyn.inference.fit_symbols import FitRequest
from symdyn.io._reading import Limits
from symdyn.io._sbml_reader import read
from symdyn.io.petab.contents import PetabParameter, Statements, read_statements
from symdyn.io.petab.courses import Courses
from symdyn.io.petab.distributions import log_density, residuals, scaled, unscaled
from symdyn.io.petab.fitting import petab_proposal
from symdyn.io.petab.formulas import read_formula, read_number
from symdyn.io.petab.lanes import Accuracy
from symdyn.io.petab.measured import read_formulas
from symdyn.io.petab.model import PetabModel
from symdyn.io.petab.tables import PetabFiles, read_files, with_nominal, write_files
from symdyn.io.petab.tangents import Tangent
from symdyn.io.plain_text import read_text
from symdyn.models.ode import ODESystem
from symdyn.optional import require

__all__ = ["PetabProblem", "read_petab"]

#: Of what is not differentiated.
NOWHERE: Mapping[str, np.ndarray] = MappingProxyType({})


def read_petab(
    path: str | Path,
    *,
    seconds: float = Limits.seconds,
    memory: int = Limits.memory,
    characters: int = Limits.characters,
) -> PetabProblem:
    """Read a parameter estimation problem in the format PEtab, version 1 or 2, with a model in SBML.

    Conditions change parameters, compartments and the initial values of states, before and between periods of simulation;
    periods that begin at minus infinity last until the steady state (*preequilibration*), and measurements at time ``inf`` are
    of the steady state.  Noise is normal or Laplace's, on linear or logarithmic scales.  Formulas are read by a grammar and
    never evaluated as code.

    Parameters
    ----------
    path : str or Path
        The YAML file; the files that it names lie relative to its folder.
    seconds : float
        Wall time that libsbml may take for the model, which it first reads in a process of its own.
    memory : int
        Memory that this process may take, in bytes; on Unix systems.
    characters : int
        Largest length of the model.

    Returns
    -------
    PetabProblem

    Raises
    ------
    DeclarationError
        If the tables contradict each other or the model, naming the row or identifier; for problems with several models, models
        in other languages than SBML, and extensions; for events with delays in experiments of several periods.
    MissingPackageError
        Without PyYAML and python-libsbml: ``pip install "symdyn-modeling[petab]"``.
    OSError
        If a file cannot be read.

    References
    ----------
    Schmiester et al., PLoS Comput. Biol. 17, e1008646 (2021).

    Examples
    --------
    >>> import symdyn as sd
    >>> problem = sd.read_petab("examples/data/petab_conversion/conversion.yaml")
    >>> print(problem)
    PEtab problem conversion: 2 states, 2 of 4 parameters estimated, 2 experiments, 12 measurements of 1 observable
    >>> round(problem.objective({"k1": 0.8, "k2": 0.6}), 3)
    18.949
    """
    require("libsbml")
    limits = Limits(seconds, memory, characters)
    files = read_files(path)
    try:
        statements = read_statements(files.tables, files.version)
    except DeclarationError as error:
        raise DeclarationError(f"{files.path}: {error}") from None
    try:
        model = read(read_text(files.model), files.model, limits=limits)
    except DeclarationError as error:
        raise DeclarationError(f"{files.model}: {error}") from None
    try:
        return PetabProblem(
            files.path.stem, statements,
            PetabModel(model, statements.targets, statements.parameters, statements.aliases, once=statements.version == 2),
            files,
        )  # fmt: skip
    except DeclarationError as error:
        raise DeclarationError(f"{files.path}: {error}") from None


class PetabProblem:
    """A model with measurements, experiments and parameters; `read_petab` makes one.

    Attributes
    ----------
    name : str
    system : ODESystem
        The equations of the model, with the nominal values of parameters; what conditions change is a parameter or a state.
    parameters : DataFrame
        By identifier: the scale of estimation, bounds, nominal values, whether it is estimated, and its prior.
    measurements : DataFrame
        The table of measurements.

    Examples
    --------
    >>> import symdyn as sd
    >>> problem = sd.read_petab("examples/data/petab_conversion/conversion.yaml")
    >>> problem.estimated, problem.bounds["k1"]
    (('k1', 'k2'), (0.001, 1000.0))
    >>> problem.simulate({"k1": 0.8}).tail(2)
       observableId simulationConditionId  time  simulation
    10        obs_a                strong   5.0    0.858185
    11        obs_a                strong  10.0    0.857144
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
        delayed = [e for e in self._model.core.events if e.delay != 0]
        if delayed and any(len(e.periods) > 1 for e in self._statements.experiments.values()):
            raise DeclarationError("the model has events with delays, which are not followed from one period to the next")
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

    # ---- contents ---------------------------------------------------------------------------------------

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

    # ---- formulas ---------------------------------------------------------------------------------------

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

    # ---- values -----------------------------------------------------------------------------------------

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

    def _simulated(
        self, parameters: Mapping[str, Any] | None, how: Accuracy, along: Mapping[str, np.ndarray] = NOWHERE
    ) -> tuple[np.ndarray, np.ndarray, bool]:
        """Simulations and noise (1 + K, B, N) at all measurements with derivatives by parameters; whether arrays were given."""
        points, count, batch = self._points(parameters)
        m, model = self._statements.measurements, self._model
        values: dict[sp.Symbol, Tangent] = {s: Tangent(np.full(count, v)) for s, v in model.defaults().items()}
        order = {n: k for k, n in enumerate(along)}
        for n, v in points.items():
            values[self._names[n]] = Tangent(v, {order[n]: along[n]} if n in along else {})  # type: ignore[index]
        parts = []
        for name, e in self._statements.experiments.items():
            rows = np.flatnonzero(m.experiments == name)
            parts.append((e, rows, m.times[rows]))
        found = self._courses.run(parts, values, count, how)
        simulation, sigma = np.zeros((2, 1 + len(along), count, len(m.values)))
        simulation[0], sigma[0] = np.nan, np.nan
        for f in self._formulas:
            f.put(found, model, simulation, sigma)
        return simulation, sigma, batch

    def simulate(
        self, parameters: Mapping[str, Any] | None = None, *, method: Any = None, rtol: float = 1e-8, atol: float = 1e-10
    ) -> pd.DataFrame:
        """Simulate every measurement.

        Parameters
        ----------
        parameters : mapping of str to float, optional
            Plain values, whatever the scale of estimation; nominal values otherwise.
        method, rtol, atol : optional
            As for `symdyn.simulate`.

        Returns
        -------
        DataFrame
            The table of measurements with ``simulation`` in place of ``measurement``; NaN where a simulation failed.

        Raises
        ------
        DeclarationError
            For unknown parameters, and parameters without a value.

        Examples
        --------
        >>> import symdyn as sd
        >>> problem = sd.read_petab("examples/data/petab_conversion/conversion.yaml")
        >>> problem.simulate().simulation.head(2).round(3).tolist()
        [1.0, 0.712]
        """
        found, _, batch = self._simulated(parameters, Accuracy(method, rtol, atol))
        if batch:
            raise DeclarationError("simulate takes one value of each parameter; objective and chi2 take arrays")
        table = self.measurements
        table["time"] = self._statements.measurements.times
        place = table.columns.get_loc("measurement")
        table.insert(place, "simulation", found[0, 0])  # type: ignore[arg-type]
        return table.drop(columns="measurement")

    def objective(
        self, parameters: Mapping[str, Any] | None = None, *, method: Any = None, rtol: float = 1e-8, atol: float = 1e-10
    ) -> Any:
        r"""The logarithm of the likelihood of all measurements, :math:`\log L = \sum_i \log \pi(m_i \mid y_i, \sigma_i)`.

        Parameters
        ----------
        parameters : mapping of str to float or (B,) array, optional
            Plain values, whatever the scale of estimation; nominal values otherwise.  Arrays are points, simulated in lanes.
        method, rtol, atol : optional
            As for `symdyn.simulate`.

        Returns
        -------
        float or (B,) float64
            Minus infinity where a simulation fails.

        Raises
        ------
        DeclarationError
            For unknown parameters, and parameters without a value.

        Examples
        --------
        >>> import symdyn as sd
        >>> problem = sd.read_petab("examples/data/petab_conversion/conversion.yaml")
        >>> problem.objective({"k1": [0.7, 0.8, 0.9]}).round(2).tolist()
        [13.93, 18.95, 13.21]
        """
        (simulation,), (sigma,), batch = self._simulated(parameters, Accuracy(method, rtol, atol))
        measured = self._statements.measurements.values
        total = np.zeros(len(simulation))
        for f in self._formulas:
            r = f.rows
            total += log_density(measured[r], simulation[:, r], sigma[:, r], f.observable.scale, f.observable.laplace).sum(
                axis=1
            )
        total = np.where(np.isnan(total), -np.inf, total)
        return total if batch else float(total[0])

    # ---- fitting ----------------------------------------------------------------------------------------

    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Measurements on the scales of their noise, logarithms of the slopes of these scales there, and laws.

        Returns
        -------
        tuple of (N,) arrays
            The last of them says where noise is Laplace's.

        Examples
        --------
        >>> import symdyn as sd
        >>> problem = sd.read_petab("examples/data/petab_conversion/conversion.yaml")
        >>> [len(column) for column in problem.rows()]
        [12, 12, 12]
        """
        plain = self._statements.measurements.values
        measured, slope, laplace = plain.astype(float), np.zeros(len(plain)), np.zeros(len(plain), dtype=bool)
        for f in self._formulas:
            o, r = f.observable, f.rows
            measured[r], laplace[r] = scaled(plain[r], o.scale), o.laplace
            if o.scale != "lin":
                with np.errstate(all="ignore"):
                    slope[r] = np.log(plain[r]) + (math.log(math.log(10)) if o.scale == "log10" else 0.0)
        return measured, slope, laplace

    def row_table(self) -> pd.DataFrame:
        """Where measurements belong: columns ``condition``, ``time``, ``observable``, ``measured`` on the scale of their noise.

        Returns
        -------
        DataFrame

        Examples
        --------
        >>> import symdyn as sd
        >>> problem = sd.read_petab("examples/data/petab_conversion/conversion.yaml")
        >>> problem.row_table()["condition"].unique().tolist()
        ['weak', 'strong']
        """
        m = self._statements.measurements
        rows = {
            "condition": list(m.experiments),
            "time": m.times,
            "observable": list(m.observables),
            "measured": self.rows()[0],
        }
        return pd.DataFrame(rows)

    def expected(
        self, points: Mapping[str, Any], how: Accuracy, along: Mapping[str, np.ndarray] = NOWHERE
    ) -> tuple[np.ndarray, np.ndarray]:
        """Simulations on the scales of the noise, and the noise, with their derivatives.

        Parameters
        ----------
        points : mapping of str to (B,) float64
            Plain values.
        how : Accuracy
        along : mapping of str to (B,) float64, optional
            By which K parameters to differentiate, and their speeds along a coordinate: 1 for the values themselves.

        Returns
        -------
        pair of (1 + K, B, N) float64
            Values, then derivatives; NaN where a simulation failed.

        Raises
        ------
        DeclarationError
            If names are no parameters of the problem, arrays differ in length, or a parameter has neither a value
            nor a nominal one.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> from symdyn.io.petab.lanes import Accuracy
        >>> problem = sd.read_petab("examples/data/petab_conversion/conversion.yaml")
        >>> points = {"k1": np.array([0.7, 0.8])}
        >>> simulation, noise = problem.expected(points, Accuracy(), {"k1": np.ones(2)})
        >>> simulation.shape, noise.shape
        ((2, 2, 12), (2, 2, 12))
        """
        simulation, sigma, _ = self._simulated(points, how, along)
        for f in self._formulas:
            plain = simulation[0][:, f.rows]
            simulation[0][:, f.rows] = scaled(plain, f.observable.scale)
            with np.errstate(all="ignore"):
                if f.observable.scale != "lin":
                    simulation[1:, :, f.rows] /= plain * (math.log(10) if f.observable.scale == "log10" else 1.0)
        return simulation, sigma

    def fit_problem(self, wanted: FitRequest, data: Any) -> Proposal:
        """What `symdyn.fit` climbs: this problem's likelihood and priors.

        Parameters
        ----------
        wanted : FitRequest
        data : None

        Returns
        -------
        Proposal

        Raises
        ------
        RecoveryError
            For arguments that the problem answers itself.

        Examples
        --------
        >>> import symdyn as sd
        >>> fit = sd.fit(sd.read_petab("examples/data/petab_conversion/conversion.yaml"), starts=3)
        >>> {name: round(value, 2) for name, value in fit.parameters.items()}
        {'k1': 0.84, 'k2': 0.66}
        """
        estimated = [self._statements.parameters[name] for name in self.estimated]
        known = {p.name: p for p in self.system.parameters}

        def fitted(values: Mapping[str, float]) -> ODESystem:
            return self.system.with_parameters({known[n]: float(v) for n, v in values.items() if n in known})

        return petab_proposal(self, estimated, fitted, wanted, data)

    def chi2(
        self, parameters: Mapping[str, Any] | None = None, *, method: Any = None, rtol: float = 1e-8, atol: float = 1e-10
    ) -> Any:
        r"""The sum of squares of residuals over their noise, :math:`\chi^2 = \sum_i \left((s(m_i) - s(y_i))/\sigma_i\right)^2`.

        Parameters
        ----------
        parameters, method, rtol, atol : optional
            As for `objective`.

        Returns
        -------
        float or (B,) float64
            Infinite where a simulation fails, or its noise is not positive.

        Raises
        ------
        DeclarationError
            For unknown parameters, and parameters without a value.

        Examples
        --------
        >>> import symdyn as sd
        >>> problem = sd.read_petab("examples/data/petab_conversion/conversion.yaml")
        >>> round(problem.chi2({"k1": 0.8}), 2)
        11.94
        """
        (simulation,), (sigma,), batch = self._simulated(parameters, Accuracy(method, rtol, atol))
        measured = self._statements.measurements.values
        total = np.zeros(len(simulation))
        for f in self._formulas:
            r = f.rows
            with np.errstate(over="ignore"):
                noise = np.where(sigma[:, r] > 0, sigma[:, r], np.nan)
            total += (residuals(measured[r], simulation[:, r], noise, f.observable.scale) ** 2).sum(axis=1)
        total = np.where(np.isnan(total), np.inf, total)
        return total if batch else float(total[0])

    def log_prior(self, parameters: Mapping[str, Any] | None = None) -> Any:
        """The logarithm of the density of the priors of all parameters that are estimated.

        Of plain values, and of ``parameterScale...`` priors of values on the scale of estimation; `symdyn.fit` climbs the sum
        of this and `objective`.  Of version 2, a parameter with finite bounds and no prior has a uniform one; priors are cut
        off at the bounds.

        Parameters
        ----------
        parameters : mapping of str to float or (B,) array, optional
            As for `objective`.

        Returns
        -------
        float or (B,) float64
            0 without priors.

        Raises
        ------
        DeclarationError
            For unknown parameters, and parameters without a value.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.read_petab("examples/data/petab_conversion/conversion.yaml").log_prior()
        0.0
        """
        points, count, batch = self._points(parameters)
        total = np.zeros(count)
        for p in self._statements.parameters.values():
            if p.prior is not None:
                total = total + p.prior.log_density(points[p.name])
        return total if batch else float(total[0])

    def scaled(self, parameters: Mapping[str, Any] | None = None) -> np.ndarray:
        """Values of the parameters that are estimated on their scales of estimation.

        Parameters
        ----------
        parameters : mapping of str to float or (B,) array, optional
            As for `objective`.

        Returns
        -------
        (n,) or (B, n) float64
            In the order of `estimated`.

        Raises
        ------
        DeclarationError
            For unknown parameters, and parameters without a value.

        Examples
        --------
        >>> import symdyn as sd
        >>> problem = sd.read_petab("examples/data/petab_conversion/conversion.yaml")
        >>> problem.scaled({"k1": 10.0, "k2": 0.01}).tolist()
        [1.0, -2.0]
        """
        points, _, batch = self._points(parameters)
        found = np.stack([scaled(points[p], self._statements.parameters[p].scale) for p in self.estimated], axis=1)
        return found if batch else found[0]

    def unscaled(self, values: Any) -> dict[str, Any]:
        """Plain values of the parameters that are estimated, from values on their scales of estimation.

        Parameters
        ----------
        values : (n,) or (B, n) float64

        Returns
        -------
        dict of str to float or (B,) float64
            As `objective` takes them.

        Raises
        ------
        DeclarationError
            If there are not n values.

        Examples
        --------
        >>> import symdyn as sd
        >>> problem = sd.read_petab("examples/data/petab_conversion/conversion.yaml")
        >>> {name: float(v) for name, v in problem.unscaled([1.0, -2.0]).items()}
        {'k1': 10.0, 'k2': 0.01}
        """
        found = np.asarray(values, dtype=float)
        if found.ndim not in (1, 2) or found.shape[-1] != len(self.estimated):
            raise DeclarationError(
                f"values have the shape {found.shape}; expected {len(self.estimated)} values, or rows of them"
            )
        declared: dict[str, PetabParameter] = self._statements.parameters
        return {p: unscaled(found[..., k], declared[p].scale) for k, p in enumerate(self.estimated)}
