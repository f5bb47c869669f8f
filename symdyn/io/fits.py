"""A fit in one netCDF file, and back: systems and formulas are texts that the reader of models reads."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from symdyn.errors import DeclarationError, SymdynError
from symdyn.given_values import name_of
from symdyn.inference.beginnings import LAW
from symdyn.inference.fit_problem import FitProblem, FittedColumn
from symdyn.inference.fit_request import Proposal
from symdyn.inference.fit_setup import FitSetup, NoisyObservable
from symdyn.inference.fit_symbols import FitRequest
from symdyn.inference.fits import Fit, observed_problem
from symdyn.inference.information import check_level
from symdyn.inference.kinds import plain
from symdyn.inference.likelihoods import LIKELIHOODS, FitLikelihood
from symdyn.inference.noise_laws import LAWS
from symdyn.inference.spatial_problem import problem_of
from symdyn.inference.stochastic_problem import StochasticProblem, made_problem
from symdyn.inference.stochastic_setup import StochasticSetup
from symdyn.io.datasets import check_format, load_netcdf, write_dataset
from symdyn.io.petab.fitting import PetabFitProblem
from symdyn.io.petab.problem import read_petab
from symdyn.io.petab.tables import write_files
from symdyn.io.recoveries import packed, unpacked
from symdyn.methods.options import check_positive
from symdyn.system import System

__all__ = ["read_fit", "write_fit"]

FORMAT, VERSION = "symdyn-fit", 1
#: Fields of columns that are written.
NUMBERS = ("name", "low", "high", "logarithmic", "size", "guesses")


def write_fit(fit: Fit, path: str | Path) -> None:
    """Write a fit with its data to a netCDF file, which `Fit.load` reads.

    The table of the intervals is there for other tools, over the dimension ``constant``.

    Parameters
    ----------
    fit : Fit
        Of a system whose text reads back, or of a PEtab problem, whose files are written along; of a colony the reduced
        equations, as an ODESystem.
    path : str or Path
        With the ending ``.nc``.

    Raises
    ------
    DeclarationError
        For other endings, systems without a text, and priors that are no distributions of `scipy.stats`.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile, numpy as np, symdyn as sd
    >>> t = np.arange(8.0)
    >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> fit = sd.fit(sd.ODESystem.from_text("x' = -k*x"), data)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fit.save(f"{folder}/decay.nc")
    ...     again = sd.Fit.load(f"{folder}/decay.nc")
    >>> again.parameters == fit.parameters, again.system == fit.system
    (True, True)
    """
    arrays = dict[str, np.ndarray]()
    if check_format(path) != ".nc":
        raise DeclarationError(f"{path}: a fit is a netCDF file; expected the ending .nc")
    facts = _of_petab(fit.problem) if isinstance(fit.problem, PetabFitProblem) else _of_system(fit)
    facts |= {
        "theta": fit.theta, "starts": fit.scaled_starts, "ends": fit.ends, "notes": list(fit.notes), "level": fit.level,
        "seed": fit.seed, "complete": fit.complete,
    }  # fmt: skip
    written = {k: packed(v, arrays) for k, v in facts.items()}
    for facts_of in (written[k]["system"] for k in ("system", "whole") if k in written):
        if "text" in facts_of and facts_of["text"] is None:
            raise DeclarationError(
                f"the system of the fit has no text that reads back: {facts_of['printed']}; keep the Python that fits it"
            )
    text = json.dumps(written, allow_nan=False)
    table = fit.intervals.set_index("constant")
    variables: dict[str, Any] = {str(c).replace(" ", "_"): ("constant", table[c].to_numpy()) for c in table}
    variables |= {name: ([f"{name}_{k}" for k in range(a.ndim)], a) for name, a in arrays.items()}
    attributes = {"format": FORMAT, "version": VERSION, "fit": text, "summary": str(fit)}
    write_dataset(xr.Dataset(variables, {"constant": list(table.index)}, attributes), path)


def _of_system(fit: Fit) -> dict[str, Any]:
    """What the likelihood of a system is made of."""
    random = fit.problem if isinstance(fit.problem, StochasticProblem) else None
    setup: FitSetup | StochasticSetup = random.setup if random is not None else observed_problem(fit, "saving").setup
    return {
        "system": setup.system,
        "observed": [
            [o.name, o.expression, o.law.name, None if o.parameters is None else list(o.parameters)] for o in setup.observed
        ],
        "data": setup.data,
        "columns": [[[getattr(c, n) for n in NUMBERS], _prior(c)] for c in setup.columns],
        "symbols": list(setup.symbols),
        **(
            _of_random(setup, random.likelihood)
            if isinstance(setup, StochasticSetup) and random is not None
            else _of_plain(setup)
        ),
        # of classes without a text of their own the same equations
        "whole": plain(fit.system) if fit.system.text_options is None and fit.system.parts == {"drift"} else fit.system,
    }


def _of_petab(problem: PetabFitProblem) -> dict[str, Any]:
    """The files of a problem, and how it is simulated."""
    how = problem.how
    if not isinstance(how.method, str | None):
        raise DeclarationError("a fit with a method that is an object cannot be written; name the method")
    return {"petab": problem.likelihood.texts(), "accuracy": {"method": how.method, "rtol": how.rtol, "atol": how.atol}}


def _read_petab(facts: Mapping[str, Any]) -> Proposal:
    """The likelihood of a problem whose files are given."""
    texts = {str(k): str(v) for k, v in facts["petab"].items()}
    if not texts:
        raise ValueError("no files of the PEtab problem")
    with tempfile.TemporaryDirectory() as folder:
        write_files(texts, Path(folder))
        problem = read_petab(Path(folder) / next(iter(texts)))
    if problem.texts().keys() != texts.keys():
        raise ValueError("the PEtab problem names files that are not in it")
    how = {name: facts["accuracy"][name] for name in ("method", "rtol", "atol")}
    check_positive(rtol=how["rtol"], atol=how["atol"])
    return problem.fit_problem(FitRequest(accuracy=how), None)


def read_fit(path: str | Path) -> Fit:
    """Read a fit that ``fit.save(path)`` wrote, with its data: it predicts, and its profiles go on.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Fit
        Symbols have no assumptions.

    Raises
    ------
    DeclarationError
        If the file is not one of a fit, or is damaged.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import tempfile, numpy as np, symdyn as sd
    >>> t = np.arange(8.0)
    >>> data = {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sd.fit(sd.ODESystem.from_text("x' = -k*x"), data).save(f"{folder}/decay.nc")
    ...     round(sd.Fit.load(f"{folder}/decay.nc").parameters["k"], 1)
    0.5
    """
    found = load_netcdf(path)
    if found.attrs.get("format") != FORMAT or found.attrs.get("version") != VERSION:
        raise DeclarationError(f"{path}: this is not a fit that save wrote")
    arrays = {str(n): v.values for n, v in found.variables.items() if str(n).startswith("array")}
    try:
        facts = {k: unpacked(v, arrays) for k, v in json.loads(found.attrs["fit"]).items()}
        if "petab" in facts:
            proposal = _read_petab(facts)
            problem: FitProblem = proposal.problem
            facts["whole"] = proposal.fitted(facts["theta"], facts["starts"])
        else:
            columns = tuple(
                FittedColumn(**dict(zip(NUMBERS, numbers, strict=True)), prior=_read_prior(prior))
                for numbers, prior in facts["columns"]
            )
            observed = tuple(NoisyObservable(name, e, LAWS[law], parameters) for name, e, law, parameters in facts["observed"])
            if "likelihood" in facts:
                problem = _read_random(facts, observed, columns)
                facts["whole"] = _with_binary(facts["whole"], facts["binary"])
            else:
                setup = FitSetup(
                    facts["system"], observed, facts["data"], columns, facts["symbols"], facts["overrides"], facts["free"],
                    facts["weights"], facts["pieces"], facts["accuracy"], facts["conditions"],
                    facts.get("differences", False),
                )  # fmt: skip
                problem = problem_of(setup)
        theta = facts["theta"]
        if theta.shape != problem.low.shape or not ((theta >= problem.low) & (theta <= problem.high)).all():
            raise ValueError("the values are not one for each name, within its bounds")
        check_level(facts["level"])
        if not isinstance(facts.setdefault("complete", True), bool):  # files of earlier versions do not say
            raise ValueError(f"complete is {facts['complete']!r}")
        if isinstance(problem, StochasticProblem) and facts.get("law", 1) != LAW and problem.begins_about(theta):
            warnings.warn(
                f"{path}: it was saved by another version of symdyn, by whose likelihood the first state is the fitted initial "
                "value, so that its values are not the best by that of this one; fit again",
                stacklevel=3,
            )
        names = ("theta", "starts", "ends", "whole", "notes", "level", "seed", "complete")
        return Fit(problem, *(facts[n] for n in names))
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise DeclarationError(f"{path}: the fit in it is damaged ({type(error).__name__}: {error})") from None
    except SymdynError as error:
        raise DeclarationError(f"{path}: {error}") from None


def _of_plain(setup: Any) -> dict[str, Any]:
    """What a system without randomness has beside."""
    return {
        "overrides": [dict(o) for o in setup.overrides],
        "free": dict(setup.free),
        "weights": None if setup.weights is None else list(setup.weights),
        "pieces": setup.pieces,
        "accuracy": _accuracy(setup),
        "conditions": list(setup.conditions),
        "differences": setup.differences,
    }


def _of_random(setup: StochasticSetup, likelihood: FitLikelihood) -> dict[str, Any]:
    """What a system with randomness has beside: the likelihood with its options, and where paths begin."""
    options: dict[str, Any] = {}
    for f in fields(likelihood):
        value = getattr(likelihood, f.name)
        if callable(value):
            raise DeclarationError(f"a fit whose likelihood has a function as {f.name} cannot be written")
        options[f.name] = {str(name_of(k)): v for k, v in value.items()} if isinstance(value, Mapping) else value
    return {
        "likelihood": likelihood.name, "options": options, "snapshots": setup.snapshots, "initial": dict(setup.initial),
        "begin": setup.begin, "binary": [s.name for s in setup.system.binary], "law": LAW,
    }  # fmt: skip


def _read_random(facts: Mapping[str, Any], observed: Any, columns: Any) -> StochasticProblem:
    """The likelihood of a system with randomness."""
    setup = StochasticSetup(
        _with_binary(facts["system"], facts["binary"]), observed, facts["data"], facts["snapshots"], columns,
        facts["symbols"], facts["initial"], facts["begin"], facts["seed"],
    )  # fmt: skip
    if facts["likelihood"] not in LIKELIHOODS:
        raise ValueError(f"no likelihood {facts['likelihood']!r}")
    likelihood = LIKELIHOODS[facts["likelihood"]](**facts["options"])
    if reason := likelihood.unmet(setup):
        raise ValueError(f"the likelihood {reason}")
    return made_problem(setup, likelihood)


def _with_binary(system: System, names: Any) -> System:
    """A network with its binary species, which its text does not say."""
    return system.replace(binary=tuple(s for s in system.states if s.name in names)) if names else system


def _accuracy(setup: FitSetup) -> dict[str, Any]:
    found = dict(setup.accuracy or {})
    if not isinstance(found.get("method", ""), str):
        raise DeclarationError("a fit with a method that is an object cannot be written; name the method")
    return found


def _prior(column: FittedColumn) -> Any:
    if column.prior is None:
        return None
    law, name = column.prior, getattr(getattr(column.prior, "dist", None), "name", None)
    if not isinstance(name, str) or not isinstance(getattr(stats, name, None), stats.rv_continuous):
        raise DeclarationError(f"the prior of {column.name} is no distribution of scipy.stats, and cannot be written")
    return [name, [float(a) for a in law.args], {k: float(v) for k, v in law.kwds.items()}]


def _read_prior(facts: Any) -> Any:
    if facts is None:
        return None
    name, numbers, named = facts
    law = getattr(stats, name, None) if name.isidentifier() else None
    if not isinstance(law, stats.rv_continuous):
        raise ValueError(f"no distribution {name!r}")
    return law(*numbers, **named)
