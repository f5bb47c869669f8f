"""`learn`: networks in the place of unknown terms, trained inside their equations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from symdyn.discover.learned_system import Learned
from symdyn.discover.learners import Learner, learner
from symdyn.discover.surrogates.registry import MemberFit
from symdyn.errors import RecoveryError, SimulationError
from symdyn.inference.budget import Budget
from symdyn.inference.data import Observations
from symdyn.inference.journal import Journal
from symdyn.inference.path_likelihood import step_errors, step_notes
from symdyn.inference.report import Report
from symdyn.methods.options import check_whole
from symdyn.neural_terms import TrainedNetwork
from symdyn.optional import named
from symdyn.simulation.run import simulate
from symdyn.system import System

__all__ = ["learn"]


@named()
def learn(
    system: System,
    data: Any,
    *,
    seed: int = 0,
    budget: float | None = None,
    heldout: float = 0.0,
    members: int = 2,
    window: int | None = None,
    iterations: int = 150,
    decay: float | None = None,
    noise: Mapping[Any, float] | None = None,
    penalty: Mapping[str, float] | None = None,
    inputs: Mapping[Any, Any] | None = None,
    starts: str | None = None,
    checkpoint: str | Path | None = None,
    progress: bool | Callable[[str, float], None] | None = None,
) -> Learned:
    r"""Learn the unknown terms of a system from data as networks; the result is a system of the same kind.

    The equations hold exactly, with networks in the place of the unknown terms; initial values of windows of the data and
    parameters without a value are fitted along.  Levenberg and Marquardt's method in residual space minimises

    .. math:: \sum \frac{(x_i(t_k; w) - x_{ik})^2}{\sigma_i^2} + \lambda |w|^2 ,

    and of ODEs stops where points that take no part in the training are followed best.  Of an SDESystem, whose networks may
    be in drift and noise, the steps of paths are taken to be normal, with the mean :math:`m_k` and covariance :math:`P_k` that
    the system has after a step (`symdyn.inference.local_moments`), and Fisher's scoring minimises

    .. math:: \sum_k (x_{k+1} - m_k)^T P_k^{-1} (x_{k+1} - m_k) + \log\det P_k + \lambda |w|^2 .

    Some of the steps decide when to stop if there are fewer than 20 for each weight.  The system runs in generated kernels: its
    networks are tables that are applied in loops.

    Parameters
    ----------
    system : ODESystem, DiscreteSystem, SDESystem or PDESystem
        With unknown terms: of `symdyn.network`, which says their form, or undefined functions, whose networks have two hidden
        layers of 16 neurons, of fields of 8.  Fields are of one dimension, and networks for the fields themselves are trained
        along (`symdyn.discover.surrogates.field_pinn`).  A function that stands alone in the noise of an SDESystem, of which
        the data tell only the square, is taken to be positive.
    data : anything that `symdyn.inference.data.observations` reads; of fields what `symdyn.recover` does
        Columns are states; missing values are NaN.  Paths of an SDESystem are of all states, without measurement noise; a note
        says where their steps look as if they had some.
    seed : int
        Of first weights and of the points that decide when to stop.
    budget : float, optional
        Seconds after which training ends with the best so far.
    heldout : float
        Fraction of the last times of each trajectory that are not learned from and judge the system (an SDESystem one step
        ahead); not of fields.
    members : int
        Networks trained from other weights and points; the best is the system's, and `Learned.spread` compares them.
    window : int, optional
        Most points of a window, by default 40, of maps 5; not of SDEs and fields.
    iterations : int
        Most steps of each training; with `inputs` up to a third of them again whenever the steps of the solver become finer.
    decay : float
        :math:`\lambda`, the precision of the normal prior of the weights: 1 by default, of SDEs and fields 0.1.  With declared
        starts and fewer than 12 times in a trajectory, of which none decides when to stop, it is by default that of the
        greatest evidence, for matrices and biases of each layer by themselves.
    noise : mapping from states to float, optional
        Of ODEs and maps, standard deviations :math:`\sigma_i` of the measurement errors; estimated unless given, which takes
        trajectories of six points or more.
    penalty : mapping, optional
        Of ODEs: prices :math:`\lambda` that make what is learned cheap for solvers, from ``"error"`` to that of
        :math:`\sum_j |e_j / s|^2` over all steps between data, with their local errors e (an embedded method of order 3) and
        the sizes s of the states; ``"local error"``, the same of one random step of each window, times their number, drawn
        anew after every step of the training; or
        ``"stiffness"``, of :math:`\sum_j (h_j \sigma_j)^2` with :math:`\sigma_j = |k_s - k_{s-1}| / |Y_s - Y_{s-1}|`.  They
        stand against the sum of squares of the data in units of their noise, and change little where dense data leave no
        freedom.  Of flows that take two rings apart, whose starts and ends alone are data (``starts="measured"``, ``noise``
        0.4), 1e3 of ``"error"`` or of ``"local error"`` took half to two thirds of the calls of a solver off, at the same
        accuracy and in about the same time of training, half a second (`python -m benchmarks neural`).
    inputs : mapping from Path to sequence of Path, optional
        Of ODEs: the courses of inputs in the trajectories of the data, one for each; without them all have those of the system.
        Steps of the training go from knot to knot; there are twice as many of them until the states at the data are right to a
        fifth of the noise.  Together with ``starts="declared"`` this trains networks that paths drive,
        such as `symdyn.neural_cde`, from measurements at their ends, which are never held out: `decay` alone keeps networks
        from following their noise then.
    starts : {'fitted', 'declared', 'measured'}, optional
        Of ODEs and maps: whether initial values of windows are fitted, or those of the system, or the first measurements, hold
        exactly in every trajectory, which is one window then.  Of ODEs there are as many steps between two data as the states
        at the data need to be right to a fifth of the noise.
    checkpoint : str or Path, optional
        A file where what was learned is kept; the same call again reads it.
    progress : bool or callable, optional
        As of `symdyn.recover`.

    Returns
    -------
    Learned
        It prints, ``plot()``\ s and ``save(path)``\ s; ``system``, ``term(f)``, ``spread(f, x)``, ``history``, ``heldout``.

    Raises
    ------
    RecoveryError
        For systems without unknown terms or of another kind, if JAX is missing, or if no network follows the data; with inputs
        if 64 steps between two of their knots do not follow the learned equations.

    Notes
    -----
    The first call switches JAX to double precision for the entire process.  Training begins from what smoothing tells of the
    terms, which needs data of all states; without them shorter windows and several members help, and may not suffice.

    References
    ----------
    Rackauckas et al., arXiv:2001.04385 (universal differential equations); Pal, Ma, Shah & Rackauckas, ICML (2021), and Pal,
    Edelman & Rackauckas, AISTATS (2023) (penalties by what solvers know, at all steps and at one).  MacKay, Neural Comput. 4
    (1992) 448, and Foresee & Hagan, ICNN (1997) 1930 (the precision of the prior by the evidence).

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, k = sp.symbols("x k")
    >>> f = sd.network("f", [x], width=4, sign=1)
    >>> t = np.linspace(0, 4, 21)
    >>> data = {"t": t, "x": 1 / (1 + 4 * np.exp(-1.5 * t))}  # x' = 1.5 x (1 - x)
    >>> found = sd.learn(sd.ODESystem({x: f(x)}), data, members=1, iterations=60, progress=False)
    >>> bool(abs(found.term(f).evaluate([0.5]) - 0.375) < 0.01)
    True
    >>> print(found.system.with_terms({f(x): k * x * (1 - x)}))
    x' = k*x*(1 - x)
    """
    check_whole(0, seed=seed)
    check_whole(1, members=members, iterations=iterations)
    if budget is not None and not (isinstance(budget, (int, float)) and budget >= 0):
        raise RecoveryError(f"the budget is {budget!r}; expected seconds, 0 or more")
    given = {"iterations": iterations, "members": members, **({} if decay is None else {"decay": decay})}
    asked = learner(system, data, given, heldout, window=window, penalty=penalty, noise=noise, inputs=inputs, starts=starts)
    hybrid, trainer, whole, seen = asked.system, asked.trainer, asked.whole, asked.seen
    limit = Budget(budget)
    free = [p for p in hybrid.parameters if p not in hybrid.defaults]
    names = list(dict.fromkeys(u.func.__name__ for u in hybrid.unknowns))

    def compute() -> tuple[np.ndarray, ...]:
        with Report(progress, "learn", {"surrogate": (0.0, 1.0)}) as report:

            def going(done: int, every: int) -> bool:
                report("surrogate", done / every)
                return limit.going()

            fit = trainer.trained(hybrid, seen, seed=seed, progress=going)
        ranked = sorted(fit.members, key=_misfit)
        return tuple(a for m in ranked for a in _arrays(m, names))

    forms = [repr(getattr(u.func, "form", None)) for u in hybrid.unknowns]
    driven = [] if asked.courses is None else asked.courses.marks
    facts = [*driven, *getattr(seen, "positions", ()), *(a for t in seen.trajectories for a in (t.times, t.values))]
    values = sorted(map(str, (*hybrid.defaults.items(), *hybrid.initial.items())))
    key = ("learn", hybrid.digest, values, forms, seed, trainer, seen.noise, *facts)
    with Journal(checkpoint) as journal:
        arrays = journal(key, compute, limit.going)
    found = _members(list(arrays), names)
    networks, fitted, begin, history = found[0]
    made: Any = hybrid.with_terms(networks).with_parameters(dict(zip(free, map(float, fitted), strict=True)))
    if not made.fields:
        made = made.replace(initial=MappingProxyType(dict(zip(made.states, map(float, begin[0]), strict=True))))
    notes = (*seen.notes, *(["training ended at its budget of time"] if limit.over() else []))
    if asked.kind == "diffusion":
        notes = (*notes, *step_notes(made, seen))
        errors = step_errors(made, whole.split(heldout)[1]) if heldout else {}
    else:
        errors = _errors(made, whole, begin, asked) if heldout else {}
    return Learned(made, tuple(m[0] for m in found), history, errors, whole, begin, seed, notes)


def _misfit(member: MemberFit) -> float:
    """Of the points that decide when to stop, or of all if there are none."""
    validation, train = member.losses["validation"], member.losses["train"]
    return float(np.nanmin(validation)) if np.isfinite(validation).any() else float(np.nanmin(train))


def _arrays(member: MemberFit, names: list[str]) -> list[np.ndarray]:
    """A member as arrays, for the journal: values, starts, losses; then those of every network."""
    starts = np.array([path[0] for path in member.states])  # of fields at all positions
    found = [np.asarray(member.parameters), starts, member.losses["train"], member.losses["validation"]]
    for name in names:
        parts = member.networks[name].arrays()
        found += [np.array(list(parts)), *parts.values()]
    return found


def _members(arrays: list[np.ndarray], names: list[str]) -> list[tuple[dict[str, TrainedNetwork], np.ndarray, np.ndarray, Any]]:
    found = []
    while arrays:
        values, starts, train, validation = (arrays.pop(0) for _ in range(4))
        networks = {}
        for name in names:
            keys = arrays.pop(0)
            networks[name] = TrainedNetwork.from_arrays({str(key): arrays.pop(0) for key in keys})
        found.append((networks, values, starts, {"train": train, "validation": validation}))
    return found


def _errors(system: System, whole: Observations, starts: np.ndarray, asked: Learner) -> dict[str, float]:
    """Root mean square errors by state at the times that were held out, of runs from the fitted starts."""
    squares: list[np.ndarray] = []
    for k, (run, early, start) in enumerate(zip(whole.trajectories, asked.seen.trajectories, starts, strict=True)):
        initial: dict[Any, float] = dict(zip(system.names, map(float, start), strict=True))
        inputs = asked.courses.of(k) if asked.courses is not None and system.inputs else None
        try:
            path = simulate(system, run.times, initial=initial, inputs=inputs, progress=False)
        except SimulationError:
            return dict.fromkeys(system.names, np.inf)
        values = np.stack([path[s].values.reshape(-1) for s in system.names], axis=-1)
        squares.append((values - run.values)[run.times > early.times[-1]] ** 2)
    every = np.concatenate(squares)
    measured = np.isfinite(every).any(axis=0)
    return {s: float(np.sqrt(np.nanmean(every[:, k]))) for k, s in enumerate(system.names) if measured[k]}
