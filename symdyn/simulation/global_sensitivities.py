"""Global sensitivities: which share of the variance of an output each parameter explains, or how far each moves it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.methods.options import check_whole
from symdyn.optional import require
from symdyn.simulation.run import simulate
from symdyn.system import System

__all__ = ["global_sensitivities"]

DESIGNS = ("sobol", "morris")
#: Least number of samples of either design.
LEAST = {"sobol": 16, "morris": 4}
#: Parts of systems whose outputs vary although parameters do not.
RANDOM = {"propensities", "diffusion", "noise"}
#: Share of a distribution without bounds that Morris's levels leave out at either end.
INNER = 0.125
#: Deviations below this share of the size are rounding, and those below as many tolerances of the steps their errors.
ROUNDING, STEPS = 1e-12, 10.0


def global_sensitivities(
    system: System,
    t: Sequence[float] | np.ndarray,
    parameters: Mapping[Any, Any],
    *,
    outputs: Any = None,
    design: str = "sobol",
    samples: int | None = None,
    second_order: bool = False,
    resamples: int = 100,
    seed: int = 0,
    initial: Mapping[Any, Any] | None = None,
    **options: Any,
) -> xr.Dataset:
    r"""Sensitivities over ranges or distributions of parameters, of an ensemble that is simulated at once.

    With independent parameters p and an output y, ``design="sobol"`` gives the shares of the variance

    .. math:: S_k = \frac{\operatorname{Var}\, E[y\,|\,p_k]}{\operatorname{Var} y}, \qquad
              S^T_k = 1 - \frac{\operatorname{Var}\, E[y\,|\,p_{l \ne k}]}{\operatorname{Var} y}

    that a parameter explains by itself, and with all others.  ``design="morris"`` takes far fewer simulations, and gives
    elementary effects, :math:`\Delta y/\Delta u_k` over the share :math:`u_k` of the distribution: their mean, the mean of
    their sizes, and their standard deviation, which tells nonlinearity and interaction.

    Parameters
    ----------
    system : System
        Without randomness of its own.
    t : (T,) sequence of float
        Output times, as for `symdyn.simulate`.
    parameters : mapping from parameters and states (for initial values)
        Pairs (smallest, largest), or frozen distributions of `scipy.stats`.
    outputs : optional
        Names of states and observables, all unless given; or a mapping from names to functions of the simulated dataset, such
        as ``{"peak": lambda run: run.x.max("time")}``, which keep the dimension ``trajectory``.
    design : {'sobol', 'morris'}
    samples : int, optional
        Of Sobol's design a power of 2, of which :math:`d + 2` times as many are simulated for d parameters, and
        :math:`2 d + 2` times with `second_order`; by default 1024.  Of Morris's design paths, with :math:`d + 1` simulations
        each; by default 50.
    second_order : bool
        Whether to give the shares of pairs beside, ``<output>_second`` over ``parameter`` and ``other``.
    resamples : int
        Of the bootstrap that gives standard errors.
    seed : int
        Of the design; the same seed gives the same numbers.
    initial, **options : optional
        As for `symdyn.simulate`.

    Returns
    -------
    Dataset
        Over ``parameter`` and the dimensions of each output: ``<output>_first`` and ``<output>_total`` with
        ``<output>_first_error`` and ``<output>_total_error``, their standard errors; or ``<output>_mean``, ``<output>_size``,
        ``<output>_size_error`` and ``<output>_spread``.  Shares are NaN where an output does not vary, as initial values that
        are held, or by no more than the simulations are accurate, which is taken to be ten times ``rtol`` of its size, and of
        states ``atol``; a warning says so.

    Raises
    ------
    DeclarationError
        For random systems, names that the system does not have, ranges that are empty, and options that have no effect.
    SimulationError
        If a simulation fails: estimators need all of them; narrow the ranges.
    MissingPackageError
        Without SALib: ``pip install 'symdyn-modeling[sensitivity]'``.

    References
    ----------
    Saltelli et al., Comput. Phys. Commun. 181, 259 (2010) (estimators); Jansen, Comput. Phys. Commun. 117, 35 (1999) (total);
    Morris, Technometrics 33, 161 (1991); Campolongo, Cariboni, Saltelli, Environ. Model. Softw. 22, 1509 (2007) (sizes).

    Examples
    --------
    >>> import symdyn as sd
    >>> growth = sd.DiscreteSystem.from_text("x[t+1] = x + 3*a + 4*b; x(0) = 0")
    >>> found = sd.global_sensitivities(growth, [0, 1], {"a": (0, 1), "b": (0, 1)}, samples=256)  # Var: 9/12 and 16/12
    >>> found.x_first.isel(time=1).round(2).values.tolist()
    [0.36, 0.64]
    """
    require("SALib")
    if not isinstance(system, System) or RANDOM & system.parts:
        raise DeclarationError(
            f"global sensitivities need a system without randomness of its own, not a {type(system).__name__}; take its rate "
            "equations or moments"
        )
    if design not in DESIGNS:
        raise DeclarationError(f"design is {design!r}; expected 'sobol' or 'morris'")
    count = {"sobol": 1024, "morris": 50}[design] if samples is None else samples
    check_whole(LEAST[design], samples=count)
    check_whole(0, seed=seed)
    check_whole(2, resamples=resamples)
    if design == "sobol" and count & (count - 1):
        raise DeclarationError(f"samples is {count}; expected a power of 2, on which Sobol's sequence is balanced")
    if design == "morris" and second_order:
        raise DeclarationError("second_order has no effect on Morris's design; leave it out, or take design='sobol'")
    if not isinstance(parameters, Mapping):
        raise DeclarationError(f"parameters is {parameters!r}; expected a mapping from names to ranges or distributions")
    named = [lookup(k, (*system.parameters, *system.states), "parameter or state") for k in parameters]
    if twice := [s for s in named if named.count(s) > 1]:
        raise DeclarationError(f"parameters names {twice[0]} twice; leave one out")
    # by name, so that the order in which they are given changes no number
    laws = dict(sorted(((s, _law(s, v)) for s, v in zip(named, parameters.values(), strict=True)), key=lambda law: law[0].name))
    if options.get("reduce") is not None:
        raise DeclarationError("reduce leaves no runs to compare; leave it out, or reduce other dimensions in outputs={...}")
    if len(laws) < 2:
        raise DeclarationError("parameters names fewer than two; sensitivities are shares among several")
    shares = _design(laws.values(), count, design, second_order, seed)
    lanes = {s: xr.DataArray(law(u), dims="trajectory") for (s, law), u in zip(laws.items(), shares.T, strict=True)}
    for s, values in lanes.items():
        if not np.isfinite(values).all():
            raise DeclarationError(f"the distribution of {s} has values that are not finite; truncate it")
    starts = {s: v for s, v in lanes.items() if s in system.states}
    given = {lookup(k, system.states, "state"): v for k, v in (initial or {}).items()}
    if both := [s for s in given if s in starts]:
        raise DeclarationError(f"{both[0]} is in initial and varies; leave one out")
    run = simulate(
        system, t, parameters={s: v for s, v in lanes.items() if s not in starts}, initial={**given, **starts},
        **{"progress": False, **options},
    )  # fmt: skip
    found: dict[str, Any] = {}
    for name, output in _outputs(system, run, outputs, len(shares)).items():
        runs = output.transpose("trajectory", ...).values.astype(float).reshape(len(shares), -1)
        if design == "sobol":
            still = _still(name, runs, run.attrs.get("rtol", 0.0), run.attrs.get("atol", 0.0) * (name in system.names))
            tables = _sobol(runs, still, len(laws), second_order, resamples, np.random.default_rng([seed, 1]))
        else:
            tables = _morris(runs, shares, resamples, np.random.default_rng([seed, 1]))
        rest = [d for d in output.dims if d != "trajectory"]
        shape = tuple(output.sizes[d] for d in rest)
        for what, table in tables.items():
            over = ("parameter", "other")[: table.ndim - 1]
            found[f"{name}_{what}"] = ((*over, *rest), table.reshape(*table.shape[:-1], *shape))
    over_laws = ("parameter", "other") if second_order else ("parameter",)
    coordinates: dict[str, Any] = {d: [s.name for s in laws] for d in over_laws}
    coordinates |= {str(d): run.coords[d] for d in run.dims if d != "trajectory" and d in run.coords}
    attributes = {"design": design, "samples": count, "simulations": len(shares), "seed": seed, "system": str(system)}
    return xr.Dataset(found, coordinates, attributes).sel({d: [s.name for s in named] for d in over_laws})


def _law(name: Any, given: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Values of a parameter at shares of its distribution."""
    if hasattr(given, "ppf"):
        low, high = given.support()
        if np.ndim(low):
            raise DeclarationError(f"the distribution of {name} is one of arrays; expected one of a number, such as lognorm(1)")
        # quantiles of discrete laws begin one below their support
        return lambda u: np.clip(np.asarray(given.ppf(u), dtype=float), low, high)
    try:
        low, high = map(float, given)
    except (TypeError, ValueError):
        raise DeclarationError(
            f"the range of {name} is {given!r}; expected (smallest, largest) or a distribution such as scipy.stats.lognorm(1)"
        ) from None
    if not (np.isfinite([low, high]).all() and low < high):
        raise DeclarationError(f"the range of {name} is {given!r}; expected two finite numbers, the first below the second")
    return lambda u: low + (high - low) * u


def _design(
    laws: Iterable[Callable[[np.ndarray], np.ndarray]], count: int, design: str, second_order: bool, seed: int
) -> np.ndarray:
    """Shares (M, d) of the distributions; SALib draws them."""
    from SALib.sample import morris, sobol

    bounded = [bool(np.isfinite(law(np.array([0.0, 1.0]))).all()) for law in laws]
    d = len(bounded)
    problem = {"num_vars": d, "names": [f"p{k}" for k in range(d)], "bounds": [[0, 1]] * d}
    if design == "sobol":
        return np.asarray(sobol.sample(problem, count, calc_second_order=second_order, seed=seed))
    levels = np.asarray(morris.sample(problem, count, num_levels=4, seed=seed))
    return np.where(bounded, levels, INNER + (1 - 2 * INNER) * levels)  # the outermost are 0 and 1


def _outputs(system: System, run: xr.Dataset, wanted: Any, count: int) -> dict[str, xr.DataArray]:
    if isinstance(wanted, Mapping):
        found = {str(name): function(run) for name, function in wanted.items()}
        for name, value in found.items():
            if not isinstance(value, xr.DataArray) or value.sizes.get("trajectory") != count:
                raise DeclarationError(
                    f"the output {name} is no DataArray with the dimension 'trajectory' of the runs; reduce others only"
                )
    else:
        known = [n for n in (*system.names, *(s.name for s in system.observables)) if n in run]
        default = [n for n in known if n not in {s.name for s in system.helpers}]
        names = default if wanted is None else [wanted] if isinstance(wanted, (str, sp.Symbol)) else list(wanted)
        symbols = [sp.Symbol(n) for n in known]
        found = {s.name: run[s.name] for s in (lookup(n, symbols, "state or observable") for n in names)}
        found = {n: v if "trajectory" in v.dims else v.expand_dims(trajectory=count) for n, v in found.items()}
    if not found:
        raise DeclarationError("outputs is empty; leave it out, or name what is looked at")
    for name, value in found.items():
        if not np.isfinite(value.values.astype(float)).all():
            raise DeclarationError(f"the output {name} has values that are not finite, and so has no variance")
    return found


def _still(name: str, y: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    """Which of the outputs (M, K) do not vary, or by no more than errors of the steps, of which a warning says so."""
    apart, size = y.std(axis=0), np.sqrt((y**2).mean(axis=0))
    least = STEPS * (atol + rtol * size)
    lost = (apart > ROUNDING * size) & (apart <= least)
    if lost.any():
        warnings.warn(
            f"{name} varies by no more than errors of the steps at {lost.sum()} of {lost.size} points, where its shares are "
            "NaN; give smaller rtol and atol to resolve them", stacklevel=3,
        )  # fmt: skip
    return np.asarray(apart <= np.maximum(ROUNDING * size, least))


def _sobol(
    y: np.ndarray, still: np.ndarray, d: int, second_order: bool, resamples: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Shares (d, K) of the variance of outputs (M, K), unless they are still, and their standard errors."""
    from SALib.analyze.sobol import first_order, total_order
    from SALib.analyze.sobol import second_order as of_pairs

    y = np.where(still, 0.0, (y - y.mean(axis=0)) / np.where(still, 1.0, y.std(axis=0)))
    step = 2 * d + 2 if second_order else d + 2
    parts = y.reshape(-1, step, y.shape[1])
    N = len(parts)

    def shares(rows: Any) -> tuple[np.ndarray, ...]:
        A, B = parts[rows, 0], parts[rows, -1]
        AB = [parts[rows, k + 1] for k in range(d)]
        first, total = (np.stack([rule(A, x, B) for x in AB]) for rule in (first_order, total_order))
        if not second_order:
            return first, total
        BA = [parts[rows, d + 1 + k] for k in range(d)]
        pairs = np.full((d, d, y.shape[1]), np.nan)
        for k in range(d):
            for m in range(k + 1, d):
                pairs[k, m] = pairs[m, k] = of_pairs(A, AB[k], AB[m], BA[k], B)
        return first, total, pairs

    kinds = ("first", "total", "second")[: 3 if second_order else 2]
    with np.errstate(all="ignore"):
        found = dict(zip(kinds, shares(slice(None)), strict=True))
        again = [shares(rng.integers(N, size=N)) for _ in range(resamples)]
        found |= {f"{kind}_error": np.std([r[i] for r in again], axis=0, ddof=1) for i, kind in enumerate(kinds)}
    return {kind: np.where(still, np.nan, table) for kind, table in found.items()}


def _morris(y: np.ndarray, shares: np.ndarray, resamples: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Means, mean sizes and standard deviations (d, K) of elementary effects on outputs (M, K)."""
    d = shares.shape[1]
    moved = np.diff(shares.reshape(-1, d + 1, d), axis=1)
    changed = np.diff(y.reshape(-1, d + 1, y.shape[1]), axis=1)
    which = np.abs(moved).argmax(axis=2)
    effects = np.empty((len(moved), d, y.shape[1]))
    paths = np.arange(len(moved))[:, None]
    effects[paths, which] = changed / np.take_along_axis(moved, which[..., None], axis=2)
    sizes = np.abs(effects)
    again = [sizes[rng.integers(len(sizes), size=len(sizes))].mean(axis=0) for _ in range(resamples)]
    return {
        "mean": effects.mean(axis=0), "size": sizes.mean(axis=0), "size_error": np.std(again, axis=0, ddof=1),
        "spread": effects.std(axis=0, ddof=1),
    }  # fmt: skip
