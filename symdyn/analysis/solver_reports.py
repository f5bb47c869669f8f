r"""What the steps of a method say about a system: local errors and stiffness along a trajectory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import lower
from symdyn.errors import DeclarationError
from symdyn.methods.options import check_positive, check_whole
from symdyn.simulation.adjoints import AdjointKernel
from symdyn.simulation.dataset import attributes
from symdyn.simulation.sweeps import make_design
from symdyn.system import System

__all__ = ["solver_report"]


def solver_report(
    system: System,
    t: Sequence[float] | np.ndarray,
    *,
    initial: Mapping[Any, Any] | None = None,
    parameters: Mapping[Any, Any] | None = None,
    method: str = "tsit5",
    rtol: float = 1e-6,
    atol: float = 1e-9,
    max_steps: int = 100_000,
) -> xr.Dataset:
    r"""The accepted steps of one trajectory, with the errors and the stiffness that the method estimates in them.

    .. math:: e_j = \Big| h_j \sum_i \hat e_i k_i \Big| , \qquad
              \sigma_j = \frac{|k_s - k_r|}{|Y_s - Y_r|} , \qquad R_E = \sum_j e_j, \quad R_S = \sum_j h_j \sigma_j

    with weights :math:`\hat e` of the embedded error and two stages s, r at the end of the step; :math:`|v|` is the root mean
    square over the states.  :math:`\sigma` estimates the modulus of the fastest eigenvalue, in inverse time.

    Parameters
    ----------
    system : ODESystem
        With inputs and events at known times; without other events, delays, algebraic equations, unknown terms.
    t : sequence of float
        Its first and last times are taken.
    initial, parameters : mapping, optional
        Numbers over those of the system.
    method : {'tsit5', 'bs32'}, optional
    rtol, atol : float, optional
    max_steps : int, optional

    Returns
    -------
    xarray.Dataset
        With dim ``step``: ``time`` of its beginning, ``length``, ``error`` and ``stiffness`` (NaN where both stages agree, and
        of 'bs32', which has no two stages at the end of a step).
        Attributes: ``error`` (:math:`R_E`), ``stiffness`` (:math:`R_S`), ``steps``, ``rejected``, ``evaluations``.

    Raises
    ------
    DeclarationError
        For other systems and methods, sweeps, and times that do not increase.
    SimulationError
        If the trajectory fails.

    See Also
    --------
    symdyn.learn : its ``penalty`` makes learned systems cheap.

    References
    ----------
    Pal, Ma, Shah & Rackauckas, ICML (2021): regularisation by what a solver knows; Hairer & Wanner, Solving Ordinary
    Differential Equations II (1996), eq. IV.2.

    Examples
    --------
    The fast eigenvalue is -50:

    >>> import symdyn as sd
    >>> stiff = sd.ODESystem.from_text("x' = -50*(x - cos(t)); x(0) = 0")
    >>> report = sd.analysis.solver_report(stiff, [0, 5])
    >>> report.stiffness.median().round(1).item()
    50.0
    """
    check_positive(rtol=rtol, atol=atol)
    check_whole(1, max_steps=max_steps)
    if not isinstance(system, System):
        raise DeclarationError(f"solver_report takes an ODESystem, got {type(system).__name__}")
    if reason := system.unmet(["drift"], ["inputs", "events"]):
        raise DeclarationError(f"solver_report: {reason}")
    times = np.asarray(t, dtype=float)
    if times.ndim != 1 or times.size < 2 or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise DeclarationError(f"the times are {t!r}; expected two finite ones or more, which increase")
    design = make_design(system, initial, parameters, None)
    if design.size != 1:
        raise DeclarationError(f"solver_report follows one trajectory; {design.size} were given")
    [first], [row] = design.rows(0, 1)
    kernel = AdjointKernel(system, method, set())
    run = kernel.forward(first, row, times, rtol=rtol, atol=atol, max_steps=max_steps)
    parts = [_of_segment(kernel, s.parameters, r) for s, r in zip(run.segments, run.records, strict=True)]
    begins, lengths, errors, stiffness = (np.concatenate(column) for column in zip(*parts, strict=True))
    data = xr.Dataset(
        {"time": ("step", begins), "length": ("step", lengths), "error": ("step", errors), "stiffness": ("step", stiffness)}
    )
    data.attrs = attributes(
        system, method=method, rtol=rtol, atol=atol, error=float(errors.sum()), stiffness=float(np.nansum(lengths * stiffness)),
        steps=run.steps, rejected=run.rejected, evaluations=run.evaluations,
    )  # fmt: skip
    return data


def _of_segment(kernel: AdjointKernel, parameters: np.ndarray, record: Any) -> tuple[np.ndarray, ...]:
    """Times, lengths, errors and stiffness of the steps between two known times."""
    system, scheme, count = kernel.system, kernel.scheme, int(record.counts[0])
    begins, lengths, states = record.times[:count], record.lengths[:count], record.states[:count]
    program = lower(
        "rhs", [("lane", (system.time,)), ("y", system.states), ("p", system.parameters)], system.part("drift"), system.names
    )
    stages: list[np.ndarray] = [states]
    slopes: list[np.ndarray] = []
    for k, node in enumerate(scheme.nodes):
        if k:
            moved = sum((a * s for a, s in zip(scheme.a[k - 1], slopes, strict=False) if a), np.zeros_like(states))
            stages.append(states + lengths[:, None] * moved)
        found = evaluate(program, [begins + node * lengths], list(stages[k].T), list(parameters))
        slopes.append(np.stack([np.broadcast_to(v, begins.shape) for v in found], axis=1))
    error = lengths[:, None] * sum(e * s for e, s in zip(scheme.error[0], slopes, strict=True))
    near = scheme.stiff_stage
    if abs(scheme.nodes[near] - 1) > 1e-12:  # stages at different times differ without stiffness
        return begins, lengths, np.sqrt(np.mean(error**2, axis=1)), np.full(count, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        stiffness = np.linalg.norm(slopes[-1] - slopes[near], axis=1) / np.linalg.norm(stages[-1] - stages[near], axis=1)
    return begins, lengths, np.sqrt(np.mean(error**2, axis=1)), np.where(np.isfinite(stiffness), stiffness, np.nan)
