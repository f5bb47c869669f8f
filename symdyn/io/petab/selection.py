"""Selection among candidate models of a PEtab Select problem: `select_petab`."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from symdyn.errors import DeclarationError, RecoveryError, SymdynError
from symdyn.inference.fits import Fit
from symdyn.inference.fitting import fit
from symdyn.io.petab.problem import read_petab
from symdyn.optional import require

__all__ = ["PetabSelection", "select_petab"]


@dataclass(frozen=True, eq=False, repr=False)
class PetabSelection:
    """Fits of candidate models; `select_petab` makes one.

    Attributes
    ----------
    table : DataFrame
        A row for each model that was fitted, the best first: its identifier, iteration of the search, the number of estimated
        parameters, their names, the log-likelihood, and the criterion, which is the less the better.
    fits : dict of str to Fit
        By identifier; of models in which something is estimated.
    criterion : str
        ``AIC``, ``AICc``, ``BIC`` or ``NLLH``, as the problem says.
    models : petab_select.Models
        What other tools of PEtab Select read: ``selection.models.to_yaml(path)``.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.select_petab("examples/data/petab_select/conversion.yaml", starts=2))  # doctest: +SKIP
    4 models by AIC, the best first
    """

    table: pd.DataFrame
    fits: dict[str, Fit]
    criterion: str
    models: Any

    @property
    def best(self) -> Fit:
        """The fit with the least criterion.

        Raises
        ------
        RecoveryError
            If nothing is estimated in the best model.
        """
        name = self.table.index[0]
        if name not in self.fits:
            raise RecoveryError(f"in the best model, {name}, nothing is estimated; its values are those of its file")
        return self.fits[name]

    def __str__(self) -> str:
        shown = self.table[["estimated", "log_likelihood", "criterion"]].rename(columns={"criterion": self.criterion})
        return f"{len(self.table)} models by {self.criterion}, the best first\n{shown.to_string()}"

    __repr__ = __str__


def select_petab(path: str | Path, *, starts: int = 20, seed: int = 0, limit: int | None = None) -> PetabSelection:
    r"""Fit the candidate models of a PEtab Select problem, in the order of its search, and compare them.

    The package `petab_select` reads the space of models, and says which ones come next: all of them (brute force), or steps
    forward, backward or both from what was best (FAMoS as well).  Each one is fitted by `symdyn.fit`, and its criterion follows
    from the greatest likelihood, such as :math:`\mathrm{AIC} = 2k - 2\log L`.

    Parameters
    ----------
    path : str or Path
        The YAML file of the problem, which names the space of models and the criterion; models are PEtab problems of version 1.
    starts, seed : optional
        Of every fit, as for `symdyn.fit`.
    limit : int, optional
        Most models that are fitted.

    Returns
    -------
    PetabSelection

    Raises
    ------
    DeclarationError
        If the file is no problem of PEtab Select, or a model cannot be read.
    RecoveryError
        If a model cannot be fitted.
    MissingPackageError
        Without petab-select: ``pip install "symdyn-modeling[petab-select]"``.

    References
    ----------
    Pathirana et al., PLoS Comput. Biol. (2025); Burnham, Anderson, Model Selection and Multimodel Inference (2002).

    Examples
    --------
    >>> import symdyn as sd
    >>> found = sd.select_petab("examples/data/petab_select/conversion.yaml", starts=2)  # doctest: +SKIP
    >>> found.best.problem.names  # doctest: +SKIP
    ('k1',)
    """
    package = require("petab_select")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, np.integer)) or limit < 1):
        raise DeclarationError(f"limit is {limit!r}; expected a whole number of models, 1 or more")
    file = Path(path)
    if not file.is_file():
        raise DeclarationError(f"{path}: there is no such file; expected the YAML file of a PEtab Select problem")
    try:
        problem = package.Problem.from_yaml(file)
    except Exception as error:  # whatever the package raises for foreign files
        raise DeclarationError(f"{path}: this is no problem of PEtab Select ({type(error).__name__}: {error})") from None
    criterion, space, done = problem.criterion, None, package.Models()
    fits: dict[str, Fit] = {}
    rows: list[tuple[Any, ...]] = []
    while limit is None or len(rows) < limit:
        iteration = package.ui.start_iteration(problem, candidate_space=space)
        candidates = list(iteration["uncalibrated_models"])
        candidates = candidates if limit is None else candidates[: limit - len(rows)]
        for model in candidates:
            found = _fitted(model, package, starts, seed)
            name = _name(model)
            likelihood = found.log_likelihood if isinstance(found, Fit) else found
            model.set_criterion(package.constants.Criterion.NLLH, -likelihood)
            names = found.problem.names if isinstance(found, Fit) else ()
            model.set_estimated_parameters(found.parameters if isinstance(found, Fit) else {})
            value = float(model.compute_criterion(criterion))
            if isinstance(found, Fit):
                fits[name] = found
            rows.append((name, int(problem.state.iteration), len(names), ", ".join(names), likelihood, value))
        calibrated = package.Models(candidates)
        done.extend(candidates)
        ended = package.ui.end_iteration(problem, iteration["candidate_space"], calibrated)
        space = ended["candidate_space"]
        if ended["terminate"]:
            break
    heads = ["model", "iteration", "count", "estimated", "log_likelihood", "criterion"]
    table = pd.DataFrame(rows, columns=heads).set_index("model").sort_values("criterion", kind="stable")
    if table.empty:
        raise DeclarationError(f"{path}: the space of models is empty")
    return PetabSelection(table, fits, criterion.value, done)


def _name(model: Any) -> str:
    """The identifier of a model, or else its hash."""
    return str(model.model_id or model.hash)


def _fitted(model: Any, package: Any, starts: int, seed: int) -> Fit | float:
    """The fit of a candidate, whose tables are written to a folder for a while; its log-likelihood if nothing is estimated."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            written = model.to_petab(output_path=folder)[package.constants.PETAB_YAML]
            problem = read_petab(written)
            if not problem.estimated:
                return float(problem.objective())
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return fit(problem, starts=starts, seed=seed, progress=False)
        except SymdynError as error:
            raise type(error)(f"the model {_name(model)}: {error}") from None
