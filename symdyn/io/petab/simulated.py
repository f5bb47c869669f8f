"""What parameters of a problem give at its measurements: simulations, residuals and the likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp

from symdyn import dag
from symdyn.errors import DeclarationError
from symdyn.io.petab.distributions import log_density, residuals, scaled
from symdyn.io.petab.lanes import Accuracy
from symdyn.io.petab.stated import StatedProblem
from symdyn.io.petab.tangents import ChosenValues, Tangent, Values

__all__ = ["NOWHERE", "SimulatedProblem"]

#: Of what is not differentiated.
NOWHERE: Mapping[str, np.ndarray] = MappingProxyType({})


class SimulatedProblem(StatedProblem):
    """A problem that is simulated at its measurements."""

    def _simulated(
        self, parameters: Mapping[str, Any] | None, how: Accuracy, along: Mapping[str, np.ndarray] = NOWHERE
    ) -> tuple[np.ndarray, np.ndarray, bool]:
        """Simulations and noise (1 + K, B, N) at all measurements with derivatives by parameters; whether arrays were given."""
        points, count, batch = self._points(parameters)
        found = self._followed(self._tangents(points, along), count, how)
        return *self._seen(found, count, len(along)), batch

    def _tangents(self, points: Mapping[str, np.ndarray], along: Mapping[str, np.ndarray]) -> Values:
        """Values (B,) of parameters by symbol, with their speeds along directions in order."""
        order = {n: k for k, n in enumerate(along)}
        return {self._names[n]: Tangent(v, {order[n]: along[n]} if n in along else {}) for n, v in points.items()}  # type: ignore[misc]

    def _followed(self, given: Values, count: int, how: Accuracy) -> list[tuple[np.ndarray, Values]]:
        """What is known at rows of measurements: trajectories of all experiments at B points."""
        m = self._statements.measurements
        values: Values = {s: Tangent(np.full(count, v)) for s, v in self._model.defaults().items()}
        parts = []
        for name, e in self._statements.experiments.items():
            rows = np.flatnonzero(m.experiments == name)
            parts.append((e, rows, m.times[rows]))
        return self._courses.run(parts, {**values, **given}, count, how)

    def _seen(
        self, found: Sequence[tuple[np.ndarray, Mapping[sp.Symbol, Tangent]]], count: int, directions: int
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Simulations and noise (1 + K, B, N) along trajectories."""
        simulation, sigma = np.zeros((2, 1 + directions, count, len(self._statements.measurements.values)))
        simulation[0], sigma[0] = np.nan, np.nan
        for f in self._formulas:
            f.put(found, self._model, simulation, sigma)
        return simulation, sigma

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
        self._put_on_scales(simulation)
        return simulation, sigma

    def _put_on_scales(self, simulation: np.ndarray) -> None:
        """Bring simulations and their derivatives to the scales of the noise."""
        for f in self._formulas:
            plain = simulation[0][:, f.rows]
            simulation[0][:, f.rows] = scaled(plain, f.observable.scale)
            with np.errstate(all="ignore"):
                if f.observable.scale != "lin":
                    simulation[1:, :, f.rows] /= plain * (math.log(10) if f.observable.scale == "log10" else 1.0)

    @cached_property
    def observing(self) -> tuple[str, ...]:
        """Estimated parameters that enter observables and noise alone, such as scales, offsets and deviations.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.read_petab("examples/data/petab_conversion/conversion.yaml").observing
        ()
        """
        changed = dag.free_symbols([e for period in self._courses.changes.values() for e in period.values() if e is not None])
        return tuple(n for n in self.estimated if n not in self._model.names and self._names[n] not in changed)

    def expected_along(
        self, points: Mapping[str, Any], how: Accuracy
    ) -> Callable[[np.ndarray, Mapping[str, np.ndarray], Mapping[str, np.ndarray]], tuple[np.ndarray, np.ndarray]]:
        """What `expected` gives for other values of `observing` parameters along the trajectories of these points.

        Parameters
        ----------
        points : mapping of str to (B,) float64
            Plain values.
        how : Accuracy

        Returns
        -------
        callable
            From places (M,) of points, values (M,) of `observing` parameters and their speeds to a pair of (1 + K, M, N).

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
        >>> points, none = {"k1": np.array([0.7, 0.8])}, {}
        >>> again, _ = problem.expected_along(points, Accuracy())(np.array([1]), none, none)
        >>> bool((again[0, 0] == problem.expected(points, Accuracy())[0][0, 1]).all())
        True
        """
        known, count, _ = self._points(points)
        found = self._followed(self._tangents(known, NOWHERE), count, how)

        def along(
            which: np.ndarray, values: Mapping[str, np.ndarray], speeds: Mapping[str, np.ndarray]
        ) -> tuple[np.ndarray, np.ndarray]:
            own = {s: t.mapped(lambda v: v[:, None]) for s, t in self._tangents(values, speeds).items()}
            parts = [(rows, ChosenValues(table, which, axis=0, own=own)) for rows, table in found]
            simulation, sigma = self._seen(parts, len(which), len(speeds))
            self._put_on_scales(simulation)
            return simulation, sigma

        return along
