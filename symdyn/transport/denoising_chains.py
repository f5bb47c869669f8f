r"""Markov chains on data and noise level together, whose draws are denoised along the flow."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from symdyn_kernels.mixture_chain import LevelMixtures, log_densities, sweep

from symdyn.codegen.table_runs import TableRunner
from symdyn.errors import DeclarationError
from symdyn.methods.options import check_positive, check_whole
from symdyn.methods.registry import METHODS
from symdyn.models.ode import ODESystem
from symdyn.transport.marginals import Marginal
from symdyn.transport.spacings import nodes
from symdyn.transport.values import node_times, parameter_numbers, state_rows, time_of

__all__ = ["denoised", "denoising_chain"]

#: The share of accepted steps below which chains are warned of.
FEW = 0.05


def denoising_chain(
    noised: Marginal, times: Any, *, initial: Any, draws: int, warmup: int = 100, rate: float = 0.3, seed: int = 0
) -> xr.Dataset:
    r"""Chains whose stationary law is :math:`p(x, k) \propto p_{t_k}(x)`: data at noise levels, which are drawn too.

    A chain at a high level passes from mode to mode, and at a low one it looks into a mode.  Each draw takes the level from its
    exact law given x, then one Langevin step in x at that level,

    .. math:: x' = x + h_k \nabla \log p_{t_k}(x) + \sqrt{2 h_k}\, z,

    which Metropolis and Hastings' rule accepts or not: the law is exact, at two evaluations of the score a draw.  The steps
    :math:`h_k` are `rate` times the least variance of a component at that level.  `denoised` takes the draws to the data.

    Parameters
    ----------
    noised : Marginal
        Of a diffusion from a mixture of numbers, as ``process.marginal(mixture)`` gives.
    times : (L,) sequence of float
        Of the levels, in order.
    initial : mapping or xarray.Dataset
        States where the chains begin, arrays of one value for each chain.
    draws, warmup : int
        Draws of each chain that are kept, and those before them that are not; draws of all chains together at most 10^8.
    rate : float
    seed : int
        A chain depends on it and its place alone, not on how many there are.

    Returns
    -------
    xarray.Dataset
        The states and the ``level``, with the dimensions chain and draw; ``level_time`` by level; the attribute ``accepted``,
        the share of steps.

    Raises
    ------
    DeclarationError
        For a density that is no marginal of a mixture, and where draws are too many.

    Warns
    -----
    UserWarning
        If hardly any steps are accepted.

    References
    ----------
    Song, Kim et al., Denoising MCMC for accelerating diffusion-based generative models, ICML 2023; Roberts & Tweedie, Bernoulli
    2, 341 (1996).

    Examples
    --------
    From one of two modes that are 20 standard deviations apart:

    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, t = sp.symbols("x t")
    >>> process = sd.SDESystem({x: 0}, {x: sp.sqrt(2*t)})  # x + t z
    >>> noised = process.marginal(sd.transport.GaussianMixture([0.3, 0.7], [-2, 2], [0.2, 0.2]))
    >>> levels = np.geomspace(0.1, 2, 8)
    >>> chain = sd.transport.denoising_chain(noised, levels, initial={x: [2.0]*100}, draws=300, seed=1)
    >>> abs(float((chain.x < 0).mean()) - 0.33) < 0.04  # beyond 0 by noise, too
    True
    """
    if not isinstance(noised, Marginal):
        raise DeclarationError(
            f"noised is a {type(noised).__name__}; expected process.marginal(mixture), whose density is known"
        )
    check_whole(draws=draws)
    check_whole(0, warmup=warmup, seed=seed)
    check_positive(rate=rate)
    places = node_times(times, least=1)
    [x] = state_rows(noised, initial, [float(places[0])], "initial")  # type: ignore[arg-type]
    if len(x) * (draws + warmup) > 10**8:
        raise DeclarationError(f"{len(x)} chains of {draws + warmup} draws are more than 10^8 together; take fewer")
    levels, step = _levels(noised, places)
    step = rate * step
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(log_densities(x, levels)).all():
            raise DeclarationError("initial has values where the density is not a number; give states nearer to the data")
    kept, found = np.empty((draws, *x.shape)), np.empty((draws, len(x)), np.int64)
    count = 0
    for k in range(-warmup, draws):
        stream = np.random.default_rng((seed, k + warmup))
        numbers = stream.random((len(x), x.shape[1] + 2 + x.shape[1] % 2))
        x, level, accepted = sweep(x, _normals(numbers[:, 2:])[:, : x.shape[1]], numbers[:, :2], levels, step)
        if k >= 0:
            kept[k], found[k] = x, level
            count += int(accepted.sum())
    if count < FEW * draws * len(x):
        warnings.warn(
            f"{count / (draws * len(x)):.2g} of the steps were accepted, so that the chains hardly move; give a rate below "
            f"{rate:g}, or initial states nearer to the data", stacklevel=2,
        )  # fmt: skip
    dims = ("chain", "draw")
    return xr.Dataset(
        {s.name: (dims, np.ascontiguousarray(kept[:, :, i].T)) for i, s in enumerate(noised.states)}
        | {"level": (dims, found.T.copy()), "level_time": ("levels", places)},
        attrs={"accepted": count / (draws * len(x)), "seed": seed, "rate": rate, "warmup": warmup},
    )


def _normals(u: np.ndarray) -> np.ndarray:
    """Normal numbers from pairs of uniform ones (C, 2 m), by Box and Muller's transform: as many of each chain."""
    radius, turn = np.sqrt(-2 * np.log1p(-u[:, 0::2])), 2 * np.pi * u[:, 1::2]
    return np.concatenate([radius * np.cos(turn), radius * np.sin(turn)], axis=1)


def _levels(noised: Marginal, times: np.ndarray) -> tuple[LevelMixtures, np.ndarray]:
    """The mixtures at all times as arrays, and the least variance at each."""
    weights, means, whiten, least = [], [], [], []
    for t in times:
        mixture = noised.at(float(t))
        w, m = np.array(mixture.weights, float), np.array(mixture.means, float)
        covariances = (
            mixture.covariances if mixture.stds is None else np.array([np.diag(np.array(s, float) ** 2) for s in mixture.stds])
        )
        assert covariances is not None
        inverse = np.linalg.inv(np.linalg.cholesky(covariances))
        weights.append(np.log(w) + np.log(np.diagonal(inverse, axis1=1, axis2=2)).sum(axis=1))
        means.append(m)
        whiten.append(inverse)
        least.append(np.linalg.eigvalsh(covariances).min())
    return LevelMixtures(np.array(weights), np.array(means), np.array(whiten)), np.array(least)


def denoised(
    flow: ODESystem, chain: xr.Dataset, *, end: float, evaluations: int = 8, parameters: Mapping[Any, Any] | None = None
) -> xr.Dataset:
    """The draws of a chain taken along the flow from their levels to the data, by 'deis-tab2'.

    Parameters
    ----------
    flow : ODESystem
        The probability flow of the process and density of the chain.
    chain : xarray.Dataset
        What `denoising_chain` gives.
    end : float
        Time of the data.
    evaluations : int
        Of each draw; nodes are quadratic in time.
    parameters : mapping, optional
        Over the defaults of the flow.

    Returns
    -------
    xarray.Dataset
        The states at the end, with the dimensions of the chain.

    Raises
    ------
    DeclarationError
        For a dataset that is no chain of the states of the flow.

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, t = sp.symbols("x t")
    >>> process = sd.SDESystem({x: 0}, {x: sp.sqrt(2*t)})
    >>> noised = process.marginal(sd.transport.GaussianMixture([0.3, 0.7], [-2, 2], [0.2, 0.2]))
    >>> chain = sd.transport.denoising_chain(noised, np.geomspace(0.1, 2, 8), initial={x: [2.0]*100}, draws=300, seed=1)
    >>> data = sd.transport.denoised(process.probability_flow(noised), chain, end=1e-3)
    >>> abs(float((data.x < 0).mean()) - 0.3) < 0.04, abs(float(data.x.where(data.x > 0).std()) - 0.2) < 0.01
    (True, True)
    """
    if not isinstance(flow, ODESystem):
        raise DeclarationError(f"flow is a {type(flow).__name__}; expected an ODESystem, such as sde.probability_flow(score)")
    check_whole(evaluations=evaluations)
    last, names = time_of(end, "end"), [s.name for s in flow.states]
    if not isinstance(chain, xr.Dataset) or not {*names, "level", "level_time"} <= set(chain.variables):
        raise DeclarationError(f"chain lacks level, level_time or states of the flow, {', '.join(names)}; see denoising_chain")
    level, times = chain["level"].values, chain["level_time"].values
    points = np.stack([chain[name].values for name in names], axis=-1)
    if not np.isfinite(points).all() or level.shape != points.shape[:-1]:
        raise DeclarationError("the draws of the chain are not finite, or do not fit its levels")
    numbered = np.issubdtype(level.dtype, np.integer) and ((level >= 0) & (level < times.size)).all()
    if times.ndim != 1 or not numbered or not np.isfinite(times).all():
        raise DeclarationError("level of the chain are no numbers of its level_time, which are finite; see denoising_chain")
    runner = TableRunner(flow, "deis-tab2", parameter_numbers(flow, parameters), level.size)
    found = points.copy()
    for k in np.unique(level):
        first = float(times[k])
        if first != last:
            places = nodes(flow, evaluations, span=(first, last), parameters=parameters)
            table = METHODS["deis-tab2"].table(runner.clocks(places))
            found[level == k] = runner.run(table, points[level == k])[:, 0]
    return xr.Dataset({name: (chain["level"].dims, found[..., i]) for i, name in enumerate(names)}, coords={"time": last})
