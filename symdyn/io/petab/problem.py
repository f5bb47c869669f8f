"""Parameter estimation problems: a model, what is measured of it, and how likely parameters make that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.inference.fit_request import Proposal
from symdyn.inference.fit_symbols import FitRequest
from symdyn.io._reading import Limits
from symdyn.io._sbml_reader import read
from symdyn.io.petab.contents import PetabParameter, read_statements
from symdyn.io.petab.distributions import scaled, unscaled
from symdyn.io.petab.fitting import petab_proposal
from symdyn.io.petab.model import PetabModel
from symdyn.io.petab.simulated import SimulatedProblem
from symdyn.io.petab.tables import read_files
from symdyn.io.petab.windows import Windows
from symdyn.io.plain_text import read_text
from symdyn.io.pysb import pysb_model
from symdyn.models.ode import ODESystem
from symdyn.optional import require

__all__ = ["PetabProblem", "read_petab"]


def read_petab(
    path: str | Path,
    *,
    seconds: float = Limits.seconds,
    memory: int = Limits.memory,
    characters: int = Limits.characters,
) -> PetabProblem:
    """Read a parameter estimation problem in the format PEtab, version 1 or 2, with a model in SBML or PySB.

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
        in other languages, and extensions; for events with delays, or with ``==`` of what varies, in experiments of
        several periods.
    MissingPackageError
        Without PyYAML and, for SBML, python-libsbml: ``pip install "symdyn-modeling[petab]"``.
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
    limits = Limits(seconds, memory, characters)
    files = read_files(path)
    try:
        statements = read_statements(files.tables, files.version)
    except DeclarationError as error:
        raise DeclarationError(f"{files.path}: {error}") from None
    aliases = statements.aliases
    try:
        if files.language == "pysb":
            model, aliases = pysb_model(read_text(files.model), aliases, limits)
        else:
            require("libsbml")
            model = read(read_text(files.model), files.model, limits=limits)
    except DeclarationError as error:
        raise DeclarationError(f"{files.model}: {error}") from None
    try:
        return PetabProblem(
            files.path.stem, statements,
            PetabModel(model, statements.targets, statements.parameters, aliases, once=statements.version == 2),
            files,
        )  # fmt: skip
    except DeclarationError as error:
        raise DeclarationError(f"{files.path}: {error}") from None


class PetabProblem(SimulatedProblem):
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

    def windowed(self, each: int, jump: float) -> Windows | None:
        """The same problem in windows: trajectories that may jump after every so many times of measurement.

        Parameters
        ----------
        each : int
        jump : float
            Standard deviation of the logarithms of jumps.

        Returns
        -------
        Windows or None
            None where nothing can be cut: too few times, version 2, several periods, events or algebraic equations.

        Examples
        --------
        >>> import symdyn as sd
        >>> problem = sd.read_petab("examples/data/petab_conversion/conversion.yaml")
        >>> len(problem.windowed(3, 0.1).cuts), problem.windowed(9, 0.1)
        (2, None)
        """
        core = self._model.core
        if core.events or core.algebraic or self._statements.version != 1 or core.parts != {"drift"}:
            return None
        found = Windows(self, each, jump)
        return found if found.cuts else None

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
