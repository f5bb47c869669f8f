"""`fit`: parameters of a system, of its observables and of the noise from data."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from symdyn.errors import RecoveryError
from symdyn.given_values import listed
from symdyn.inference.budget import Budget
from symdyn.inference.fit_request import Proposal, request
from symdyn.inference.fit_symbols import STAGES, FitRequest
from symdyn.inference.fits import Fit
from symdyn.inference.information import check_level
from symdyn.inference.journal import Journal
from symdyn.inference.long_run import check_running
from symdyn.inference.multistart import MultiStart
from symdyn.inference.report import Report
from symdyn.methods.options import check_positive, check_whole
from symdyn.system import System

__all__ = ["fit"]


def fit(
    system: Any,
    data: Any = None,
    *,
    parameters: Mapping[Any, Any] | Iterable[Any] = (),
    priors: Mapping[Any, Any] | None = None,
    guesses: Mapping[Any, float] | None = None,
    observables: Mapping[Any, Any] | None = None,
    noise: Any = None,
    conditions: Mapping[str, Mapping[Any, Any]] | None = None,
    initial: Mapping[Any, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    scales: Mapping[Any, str] | None = None,
    likelihood: Any = "auto",
    windows: int | None = None,
    starts: int = 20,
    level: float = 0.9,
    seed: int = 0,
    method: Any = None,
    rtol: float | None = None,
    atol: float | None = None,
    budget: float | None = None,
    checkpoint: str | Path | None = None,
    progress: bool | Callable[[str, float], None] | None = None,
) -> Fit:
    r"""Fit parameters to data: greatest likelihood, or posterior with priors, from many starts.

    Parameters without a value are fitted, and those named in `parameters` or `priors`.  So are initial values that are not
    declared, for each trajectory by itself; declared ones are those at the first time of the data and held, unless they are
    named in `parameters`; of several trajectories without `conditions` only those of states without data are.  A warning says
    where the data contradict one.  A row without values at an earlier time moves the first time there.  The first state of
    a path with noise of its own lies about one that is fitted, or is the first datum, as after a usual interval between
    measurements, but of ``"projection"``: the likelihood of errors that vanish would have no bound else
    (`symdyn.inference.beginnings`).

    Gradients and information come from forward sensitivities (`symdyn.derive.sensitivities`), through events, delays and
    algebraic equations.  All starts are climbed at once, in lanes, by Levenberg and Marquardt's method with bounds and the
    expected information.  Where states are measured themselves, multiple shooting finds a first start.

    Parameters
    ----------
    system : ODESystem, DiscreteSystem, ReactionNetwork, SDESystem, PDESystem on a grid, BulkCellSystem, or PetabProblem
        Without unknown terms.  A colony is reduced to the equations of its cells and a few of its bulk, over the bounds of what
        is fitted.  Networks and SDEs have likelihoods of their own, see `likelihood`; to fit the rate equations
        alone take ``net.rate_equations()``.  A PEtab problem has its data,
        observables, noise and priors: of the others only `starts`, `level`, `seed`, `guesses` and the accuracy are for it.
    data : anything that `symdyn.inference.data.observations` reads
        Columns are states or observables; missing values are NaN.  Of several trajectories a list, or a column
        ``trajectory``.  With `conditions` a mapping from their names to data.  Of networks and SDEs a table in which times
        occur more than once, without such a column, or a dataset with the dimension ``cell``, holds cells that are not
        followed: they begin at time 0 with the initial numbers.  What was measured without noise is where a path begins.
    parameters : mapping to bounds, or iterable, optional
        What is fitted beside: parameters with values, symbols of observables and noise, and states, for their initial values.
        Bounds are pairs (smallest, largest), None where open; a pair of equal numbers holds an initial value.
    priors : mapping to frozen distributions of `scipy.stats`, optional
        Of the values themselves.  Their support bounds the values.
    guesses : mapping, optional
        Values from which to begin.
    observables : mapping to Expr, optional
        By column of the data, of states, parameters, time, and symbols that are fitted, such as scales and offsets.
        Columns named like states or declared observables of the system need none.
    noise : optional
        For all columns, or a mapping from columns: a standard deviation as a number or expression; the name of a law,
        ``"normal"``, ``"lognormal"``, ``"laplace"``, ``"student"``, ``"poisson"`` or ``"negative binomial"``; or a tuple of
        the name and its parameters as numbers or expressions (deviation; deviation of the logarithm; scale; scale, freedom;
        none; size).  An expression may hold the column, for what is expected of it.  Parameters that are not given are
        fitted, those of scale of the first three laws along with every evaluation: of columns with fewer than 12
        measurements, in proportion to the sizes of the columns.  Of networks and SDEs ``"none"``, without noise, is the
        default.  By default noise of others is normal, and its deviation grows with the values where the data of states of
        plain equations show that; with ``noise="normal"`` it does not.
    conditions : mapping from names to mappings, optional
        What differs: values of parameters and initial values of states, as numbers or expressions of parameters and of
        symbols that are fitted (which are then the condition's own).
    initial : mapping, optional
        Initial values of all trajectories, as numbers or expressions, over those of the system; they are not fitted.
    limits : mapping from columns to (smallest, largest), optional
        Limits of detection, None where there is none: a value at or beyond one says that the measurement lies there.  Cells
        of a table may also be limits or intervals, ``"<0.5"``, ``">8"``, ``"0.2..0.5"``.  Noise is normal, log-normal,
        Laplace's or Student's.
    scales : mapping to {'lin', 'log'}, optional
        On which scale a parameter is fitted; by default ``"log"`` between positive bounds, and where a prior has a density for
        all positive values.
    likelihood : str or FitLikelihood
        Of networks and SDEs: a name in ``symdyn.LIKELIHOODS``, or an object with options such as
        ``symdyn.LIKELIHOODS["particle"](particles=1000)``.  ``"projection"`` is the master equation on a box of states and
        exact; ``"lna"``, ``"moments"`` and ``"langevin"`` are normal laws with means and covariances of these descriptions
        (of cells, ``"moments"`` compares sample moments); ``"particle"`` and ``"abc"`` simulate.  ``"auto"`` takes the master
        equation where the states are few, what is exact of linear SDEs, and else what fits the size of the numbers and the
        noise; ``notes`` say why, and ``fit.validity()`` whether it matters.
    windows : int, optional
        Windows into which each trajectory stays cut, each with initial values of its own and two intervals of the data or
        more, of plain equations; a measurement where two meet counts for both.  By default there is one; of maps as many as it
        takes where runs over longer ones follow the data far less well, for short windows judge a chaotic map better.
    starts : int
        How many: a Latin hypercube over priors, bounds, or powers of ten about the sizes at which the terms of the equations
        balance (`symdyn.inference.natural_sizes`), of PEtab problems the best of 10 to 200 times
        as many points, of 4000 at most; where no simulation succeeds others are drawn.  Of a PEtab problem whose known
        deviations differ, over the spreads of their observables, three times as many are climbed with noise that is added and
        then taken away step by step, and the best go on: few precise measurements would else hold most of them at maxima where
        only these are met.
        Of one whose data oscillate (32 times of measurement or more of a series that passes four times from well above its mean
        to well below or back, positive states, one period without events), 15 times as many are climbed in windows, as from a
        simulation that settles amid the data no small step leads to one that oscillates: trajectories may jump every 8 times of
        measurement, with a penalty on :math:`\log^2` of the ratio of states before and after, which grows; then windows are
        joined two by two, and the best go on.
        Where the best end leaves up to four values that the data do not tell there, it is climbed once more from each of their
        bounds: at a maximum with equal rates of a chain, say, no slope shows that unequal ones may follow the data better.
    level : float
        Of the intervals.
    seed : int
        Of the starts.
    method, rtol, atol : optional
        Of simulations, as for `symdyn.simulate`; by default the relative tolerance is 1e-8, the absolute one 1e-9 times
        the least size of a column.
    budget : float, optional
        Seconds from the call, imports and compilation included, after which the fit ends with the best so far, as it does at an
        interrupt (Ctrl-C); ``complete`` is then False, and ``notes`` say so.  An iteration of all starts is not divided: one
        that would end more than a tenth of the budget late is not begun.  While stages that soften the likelihood last, the
        best so far is what the likelihood itself says of where they have come.
    checkpoint : str or Path, optional
        File that keeps how far the climbs have come, written every few seconds.  A fit that was cut short, by its budget, an
        interrupt or a crash, goes on from it when the same call is made again, and ends with the bits of one that was not; a
        call with other data or options begins anew.  When a fit is complete its record is removed, and the file unless another
        has left its record there, as a warning says then.
    progress : bool or callable, optional
        Show a bar (silent in pipes), or call ``progress(stage, fraction)``, with the stages ``"beginning"``, ``"softened"``,
        ``"starts"`` and ``"polish"``.

    Returns
    -------
    Fit
        It prints, ``plot()``\ s and ``save(path)``\ s, has ``parameters``, ``intervals``, ``optima`` and ``system``, and
        methods ``profile(k)``, ``bootstrap()`` and ``predict(t)``.

    Raises
    ------
    RecoveryError
        For another kind of system, unknown terms, options that have no effect, data that are too few, a checkpoint that is
        another file or that another search which runs at the same time uses, or if no simulation of the system follows them.
    DeclarationError
        For names that the system does not have.

    References
    ----------
    Raue et al., PLoS ONE 8, e74335 (2013) (multi-start with sensitivities); Nielsen, IMM-REP-1999-05 (damping); Bock, Numerical
    Treatment of Inverse Problems (Birkhauser, 1983), 95 (multiple shooting); Trémolet, Q. J. R. Meteorol. Soc. 132 (2006) 2483
    (jumps with a penalty).

    Examples
    --------
    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> from scipy import stats
    >>> x, k, s = sp.symbols("x k s")
    >>> t = np.linspace(0, 4, 9)
    >>> data = {"t": t, "light": 250 * np.exp(-0.7 * t) * np.exp(0.02 * np.cos(9 * t))}
    >>> decay = sd.ODESystem({x: -k * x}, initial={x: 1})
    >>> found = sd.fit(decay, data, observables={"light": s * x}, noise="lognormal", priors={k: stats.lognorm(1)},
    ...                parameters={s: (1, 1e4)}, starts=5)
    >>> round(found.parameters["k"], 2), round(found.parameters["s"])
    (0.7, 251)
    """
    began = time.monotonic()
    check_level(level)
    check_running(budget, checkpoint, progress)
    if isinstance(starts, bool) or not isinstance(starts, (int, np.integer)) or starts < 1:
        raise RecoveryError(f"starts is {starts!r}; expected a whole number, 1 or more")
    check_whole(0, seed=seed)
    check_positive(rtol=rtol, atol=atol)
    if initial is not None and not isinstance(initial, Mapping):
        raise RecoveryError(
            f"initial is {initial!r}; expected a mapping from states to values, the same for all data; what differs between "
            "experiments stands in conditions={'first': {'x': 1}, 'second': {'x': 2}}, with data of these names"
        )
    with Journal(checkpoint) as journal, Report(progress, "fit", STAGES) as report:
        wanted = FitRequest(
            parameters=parameters if isinstance(parameters, Mapping) else dict.fromkeys(listed(parameters)),
            priors=priors or {}, guesses=guesses or {}, observables=observables, noise=noise, conditions=conditions,
            initial=initial, scales=scales or {}, windows=windows, seed=seed, likelihood=likelihood, limits=limits,
            accuracy={"method": method, "rtol": rtol, "atol": atol}, budget=Budget(budget, began=began), journal=journal,
            report=report,
        )  # fmt: skip
        if not isinstance(system, System) and hasattr(system, "fit_problem"):
            proposal = system.fit_problem(wanted, data)
        else:
            proposal = request(system, data, wanted)
        for note in proposal.notes:
            warnings.warn(note, stacklevel=2)
        if not proposal.problem.count:
            raise RecoveryError(
                "nothing is to be fitted, as everything has a value; name parameters=[...], or leave out values"
            )
        search = MultiStart(proposal, int(starts), wanted)
        found = _fit(proposal, search, level, seed)
        if search.complete:
            journal.remove()
    return found


def _fit(proposal: Proposal, search: MultiStart, level: float, seed: int) -> Fit:
    """The fit at the best end."""
    problem, ends = proposal.problem, search.ends()
    theta, scaled = ends.theta[0], ends.starts[0]
    values = dict(zip(problem.names, problem.values(ends.theta).T, strict=True))
    table = pd.DataFrame({"log_posterior": -0.5 * ends.total} | values)
    notes = (*proposal.notes, *proposal.facts, *search.notes, *problem.remarks(theta))
    return Fit(problem, theta, scaled, table, proposal.fitted(theta, scaled), notes, level, seed, search.complete)
