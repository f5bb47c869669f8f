r"""Hidden drifts between snapshots: bridges of a reference, which is projected on a family and used again."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from symdyn.discover.recover import recover
from symdyn.discover.recovery import Recovery
from symdyn.errors import DeclarationError, RecoveryError
from symdyn.inference.budget import Budget
from symdyn.methods.options import check_positive, check_whole
from symdyn.models.sde import SDESystem
from symdyn.transport.bridges import SchroedingerBridge, schroedinger_bridge
from symdyn.transport.clouds import cloud_moments, normal_moments, read_end
from symdyn.transport.families import LinearFamily
from symdyn.transport.projections import SnapshotPair, projected
from symdyn.transport.spectra import ConstantLaw

__all__ = ["SnapshotFit", "multi_marginal"]

#: Earlier iterations that an accelerated one combines, and most paths of an interval on which terms are chosen.
DEPTH, PATHS = 4, 100
#: Steps of a path from snapshot to snapshot.
STORED = 10


class SnapshotFit:
    """Bridges through snapshots, and the reference that was found with them.

    Attributes
    ----------
    system : SDESystem
        The reference with the numbers that were found: a process whose marginals are nearest to the snapshots.
    parameters : dict of Symbol or str to float
        Values of free parameters; coefficients of hidden terms under the text ``"f: x"``.
    recovery : Recovery or None
        What `symdyn.recover` found for the hidden terms on paths of the bridges.
    trace : Dataset
        ``change`` (relative, of the numbers) and ``values`` of each iteration.
    converged : bool
    held_out : Dataset or None
        Over the times held out: distance of the means and relative error of the covariances (Frobenius norm) of the bridges
        that cross these times, with the reference that was found and with that at the beginning (``_before``).

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, k = sp.symbols("x k")
    >>> seen = {0: sd.transport.Normal(2, 1), 1: sd.transport.Normal(1, 1), 2: sd.transport.Normal(0.5, 1)}
    >>> found = sd.transport.multi_marginal(sd.SDESystem({x: -k * x}, {x: 1}), seen)
    >>> found.converged, len(found.bridges)
    (True, 2)
    """

    def __init__(
        self, family: LinearFamily, snapshots: Mapping[float, Any], values: np.ndarray, rows: list[np.ndarray],
        changes: list[float], converged: bool, recovery: Recovery | None,
    ) -> None:  # fmt: skip
        self._snapshots, self.recovery, self.converged = snapshots, recovery, converged
        self.parameters = dict(zip(family.names, map(float, values), strict=True))
        self.system = family.filled(values)
        self.trace = xr.Dataset(
            {
                "change": ("iteration", np.array(changes)),
                "values": (("iteration", "parameter"), np.array(rows).reshape(len(changes), len(values))),
            },
            coords={"parameter": [str(n) for n in family.names], "iteration": np.arange(1, len(changes) + 1)},
        )
        self.held_out: xr.Dataset | None = None

    @cached_property
    def bridges(self) -> tuple[SchroedingerBridge, ...]:
        """The bridge over each interval between snapshots, with the reference that was found.

        Returns
        -------
        tuple of SchroedingerBridge

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> x, k = sp.symbols("x k")
        >>> seen = {0: sd.transport.Normal(2, 1), 1: sd.transport.Normal(1, 1)}
        >>> sd.transport.multi_marginal(sd.SDESystem({x: -k * x}, {x: 1}), seen).bridges[0].span
        (0.0, 1.0)
        """
        times = list(self._snapshots)
        return tuple(
            schroedinger_bridge(self.system, start=self._snapshots[a], end=self._snapshots[b], span=(a, b))
            for a, b in pairwise(times)
        )

    def marginal(self, time: float) -> Any:
        """The density of the bridges at a time between two snapshots.

        Parameters
        ----------
        time : float

        Returns
        -------
        GaussianMixture or BridgeMarginal

        Raises
        ------
        DeclarationError
            For times outside.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> x, k = sp.symbols("x k")
        >>> seen = {0: sd.transport.Normal(2, 1), 1: sd.transport.Normal(1, 1), 2: sd.transport.Normal(0.5, 1)}
        >>> found = sd.transport.multi_marginal(sd.SDESystem({x: -k * x}, {x: 1}), seen)
        >>> bool(1 < found.marginal(0.5).means[0][0] < 2)
        True
        """
        for bridge in self.bridges:
            if bridge.span[0] <= time <= bridge.span[1]:
                return bridge.marginal(time)
        times = list(self._snapshots)
        raise DeclarationError(f"the time is {time!r}; expected one within the snapshots, {times[0]:g} to {times[-1]:g}")

    def __repr__(self) -> str:
        values = ", ".join(f"{n} = {v:.4g}" for n, v in self.parameters.items())
        state = "" if self.converged else ", not converged"
        return f"SnapshotFit({values}; {len(self._snapshots)} snapshots, {self.trace.sizes['iteration']} iterations{state})"


def multi_marginal(
    family: SDESystem, snapshots: Mapping[Any, Any], *, refine: bool = True, library: Any = None, held_out: Sequence[Any] = (),
    accelerate: bool | None = None, iterations: int | None = None, tolerance: float | None = None,
    budget: float | None = None, seed: int = 0,
) -> SnapshotFit:  # fmt: skip
    r"""The drift of a process of which populations were measured at a few times, and never one individual twice.

    Between two snapshots lies the Schroedinger bridge of a reference.  It is projected on the family of references, and the
    nearest member is the next reference (iterative reference refinement):

    .. math:: \theta \leftarrow \arg\min_\theta \int E\, \big|G^{-1}(u_t(x_t) - f_\theta(x_t))\big|^2\, \mathrm dt

    with the drift u of the bridges.  Each iteration increases the likelihood of the snapshots.  Hidden terms are sums of the
    library at first; then `symdyn.recover` chooses among their terms on a hundred paths of each bridge, and the chosen ones are
    refined further.

    Parameters
    ----------
    family : SDESystem
        With a drift that is affine in the states, constant coefficients and noise of known size.  Parameters without value are
        found, and enter linearly; of unknown functions all states are the arguments, and they are sums of terms of the library.
    snapshots : mapping from times to Normal, GaussianMixture or points
        Points are arrays (n, d), or mappings or tables with a column for each state.
    refine : bool
        Whether the reference is refined; else bridges are of the family with zeros for what is unknown.
    library : sequence of Expr or mapping from functions to it, optional
        Terms of unknown functions, affine in the states; by default 1 and all states.
    held_out : sequence of float
        Times of snapshots that are not used, and are compared with the bridges.
    accelerate : bool, optional
        Whether iterations are combined (Anderson's acceleration); they are by default.
    iterations : int, optional
        200 at most by default.
    tolerance : float, optional
        Of the relative change of the numbers in an iteration; 1e-5 by default.
    budget : float, optional
        Seconds.
    seed : int
        Of the paths on which terms are chosen.

    Returns
    -------
    SnapshotFit

    Raises
    ------
    DeclarationError
        For families that are not affine, fewer than two snapshots, and times that are not there.
    RecoveryError
        If the snapshots do not determine the numbers.

    Warns
    -----
    UserWarning
        If the iterations have not converged.

    References
    ----------
    Shen, Berlinghieri & Broderick, Multi-marginal Schroedinger bridges with iterative reference refinement, AISTATS 2025
    (arXiv:2408.06277); Walker & Ni, SIAM J. Numer. Anal. 49, 1715 (2011) (acceleration).

    Examples
    --------
    Populations of an Ornstein-Uhlenbeck process :math:`\mathrm dx = (1 - x)\,\mathrm dt + 0.5\,\mathrm dW`, by their moments:

    >>> import numpy as np, sympy as sp, symdyn as sd
    >>> x, a, k = sp.symbols("x a k")
    >>> family = sd.SDESystem({x: a - k * x}, {x: 0.5})
    >>> times = [0, 0.5, 1.0, 1.5]
    >>> spread = lambda t: np.sqrt(0.01 * np.exp(-2 * t) + 0.125 * (1 - np.exp(-2 * t)))
    >>> seen = {t: sd.transport.Normal(1 - 2 * np.exp(-t), spread(t)) for t in times}
    >>> found = sd.transport.multi_marginal(family, seen)
    >>> {str(p): round(v, 3) for p, v in found.parameters.items()}
    {'a': 1.0, 'k': 1.0}
    """
    check_positive(tolerance=tolerance, budget=budget)
    check_whole(iterations=iterations)
    check_whole(0, seed=seed)
    if not refine:
        for name, given in (
            ("accelerate", accelerate),
            ("iterations", iterations),
            ("tolerance", tolerance),
            ("budget", budget),
        ):
            if given is not None:
                raise DeclarationError(f"{name}= has no effect with refine=False; leave it out")
    accelerate, iterations, tolerance = accelerate is not False, iterations or 200, tolerance or 1e-5
    space = LinearFamily(family, library)
    seen = _read_snapshots(snapshots, space)
    later = _read_held_out(held_out, seen)
    kept = {t: s for t, s in seen.items() if t not in later}
    if len(kept) < 2:
        raise DeclarationError(f"{len(kept)} snapshots are used; expected two or more")
    clock, theta, converged = Budget(budget), np.zeros(space.size), True
    rows: list[np.ndarray] = []
    changes: list[float] = []
    recovery: Recovery | None = None
    if refine and space.size:
        theta, rows, changes, converged = _refined(space, kept, theta, accelerate, iterations, tolerance, clock)
        if space.hidden:
            draft = SnapshotFit(space, kept, theta, rows, changes, converged, None)
            recovery = _chosen(space, draft, seed, clock)
            chosen: Any = recovery.system
            space = space.only(chosen)
            theta, more, further, converged = _refined(
                space, kept, space.values(chosen), accelerate, iterations, tolerance, clock
            )
            rows, changes = more, further
    if not converged:
        warnings.warn(
            f"the reference has not converged: after {len(changes)} iterations it changes by {changes[-1]:.2g}, more than the "
            f"tolerance {tolerance:g}; give more iterations, or snapshots at more times",
            stacklevel=2,
        )
    found = SnapshotFit(space, kept, theta, rows, changes, converged, recovery)
    if later:
        found.held_out = _compared(space, kept, {t: seen[t] for t in later}, theta)
    return found


def _refined(
    space: LinearFamily, snapshots: Mapping[float, Any], theta: np.ndarray, accelerate: bool, most: int, tolerance: float,
    clock: Budget,
) -> tuple[np.ndarray, list[np.ndarray], list[float], bool]:  # fmt: skip
    """Projections in turn; with acceleration from combinations of earlier ones, until the residual grows."""
    times = list(snapshots)
    rows: list[np.ndarray] = []
    changes: list[float] = []
    intervals = [SnapshotPair(a, b, snapshots[a], snapshots[b]) for a, b in pairwise(times)]
    places: list[np.ndarray] = []
    images: list[np.ndarray] = []
    while True:
        image = projected(space, intervals, theta)
        if not np.isfinite(image).all():
            raise RecoveryError("the snapshots do not determine the drift of the family; give more snapshots or fewer terms")
        rows.append(image)
        changes.append(float(np.linalg.norm(image - theta) / max(float(np.linalg.norm(image)), 1e-300)))
        if changes[-1] <= tolerance or len(changes) >= most or clock.over():
            return image, rows, changes, changes[-1] <= tolerance
        if len(changes) > 1 and changes[-1] > 2 * changes[-2]:
            places, images = [], []
        places, images = [*places[-DEPTH:], theta], [*images[-DEPTH:], image]
        theta = _combined(places, images) if accelerate and len(places) > 2 else image


def _combined(places: list[np.ndarray], images: list[np.ndarray]) -> np.ndarray:
    """The combination of images whose combined residual is the least."""
    residuals = np.array(images) - np.array(places)
    weights = np.linalg.lstsq(np.diff(residuals, axis=0).T, residuals[-1], rcond=1e-10)[0]
    return images[-1] - weights @ np.diff(np.array(images), axis=0)


def _chosen(space: LinearFamily, draft: SnapshotFit, seed: int, clock: Budget) -> Recovery:
    """What `recover` makes of paths of the bridges, one of each individual."""
    paths = []
    for k, bridge in enumerate(draft.bridges):
        count = PATHS if bridge.normal else min(PATHS, len(draft._snapshots[bridge.span[0]]))
        times = np.linspace(*bridge.span, STORED + 1)
        paths.append(bridge.paths(times, count, seed + k))
    left = max(clock.left(), 1.0) if clock.limited else None
    return recover(space.family, paths, library=space.library, budget=left, progress=False)


def _compared(space: LinearFamily, kept: Mapping[float, Any], later: Mapping[float, Any], theta: np.ndarray) -> xr.Dataset:
    """Errors of means and covariances at the times held out, before and after."""
    times = list(kept)
    found: dict[str, Any] = {}
    for suffix, values in (("", theta), ("_before", np.zeros(space.size))):
        means, covariances = [], []
        for t, snapshot in later.items():
            before = [s for s in times if s < t]
            if not before or before[-1] == times[-1]:
                raise DeclarationError(f"the time {t:g} is held out, and not between two snapshots that are used")
            end = times[len(before)]
            interval = SnapshotPair(before[-1], end, kept[before[-1]], kept[end])
            mean, covariance = interval.moments(ConstantLaw(*space.coefficients(values), space.square), t)
            wanted = cloud_moments(snapshot) if normal_moments(snapshot) is None else normal_moments(snapshot)
            assert wanted is not None
            means.append(np.linalg.norm(mean - wanted[0]))
            covariances.append(np.linalg.norm(covariance - wanted[1]) / np.linalg.norm(wanted[1]))
        found |= {f"mean{suffix}": ("time", np.array(means)), f"covariance{suffix}": ("time", np.array(covariances))}
    return xr.Dataset(found, coords={"time": list(later)})


def _read_snapshots(snapshots: Any, space: LinearFamily) -> dict[float, Any]:
    if not isinstance(snapshots, Mapping):
        raise DeclarationError(f"snapshots are a {type(snapshots).__name__}; expected a mapping from times to distributions")
    found = {}
    for key, value in snapshots.items():
        try:
            time = float(key)
        except (TypeError, ValueError):
            time = np.nan
        if not np.isfinite(time):
            raise DeclarationError(f"a snapshot is at the time {key!r}; expected a finite number")
        found[time] = read_end(value, space.states, f"the snapshot at {time:g}")
    return dict(sorted(found.items()))


def _read_held_out(times: Sequence[Any], seen: Mapping[float, Any]) -> list[float]:
    found = []
    for t in times:
        if t not in seen:
            raise DeclarationError(f"held_out has the time {t!r}, at which there is no snapshot; there are {list(seen)}")
        found.append(float(t))
    return sorted(found)
