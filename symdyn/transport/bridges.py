r"""Schroedinger bridges: the process nearest to a reference among those with two given marginals, as a system again."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
import xarray as xr
from symdyn_kernels.sinkhorn import coupling, sinkhorn

from symdyn.errors import DeclarationError, SimulationError
from symdyn.methods.options import check_positive, check_whole
from symdyn.models.sde import SDESystem
from symdyn.registry import suggest
from symdyn.transport.bridge_marginals import BridgeMarginal, whitened
from symdyn.transport.bridge_paths import between_ends, paired
from symdyn.transport.clouds import cloud_of, normal_moments, read_end
from symdyn.transport.densities import GaussianMixture, Normal
from symdyn.transport.normal_bridges import NormalPlan, closed_plan, markov_plan, moments, sinkhorn_plan
from symdyn.transport.potentials import PointPotential, QuadraticPotential
from symdyn.transport.references import LinearReference

__all__ = ["SchroedingerBridge", "schroedinger_bridge"]

#: Of iterations.
TOLERANCE, MOST = 1e-6, 2000
METHODS = ("closed-form", "ipf", "imf")


class SchroedingerBridge:
    r"""The bridge P between two marginals with the least :math:`\mathrm{KL}(P \,\|\, R)` to a reference R.

    Its density is a product, :math:`p_t = \varphi\, \hat\varphi`; it is the diffusion with the drift
    :math:`f + D\, \nabla \log \varphi`, and backwards in time with :math:`-f + D\, \nabla \log \hat\varphi`.

    Attributes
    ----------
    forward, backward : SDESystem
        From the start to the end in t, and from the end to the start in :math:`\tau = T - t`, with T the end of the span.
        Drifts between points are singular at the very end, where simulations by explicit methods do not evaluate them.
    score : dict of Symbol to Expr
        :math:`\nabla \log p_t`; ``bridge.system.probability_flow(bridge)`` is the flow with the marginals of the bridge.
    trace : (iterations,) float64
        Error of the marginal at the start after each iteration (the sum over points, or relative for covariances), or the
        relative change of the plan with 'imf'; empty for closed forms.
    method : str
    span : (float, float)

    Examples
    --------
    >>> import symdyn as sd
    >>> found = sd.transport.schroedinger_bridge(
    ...     sd.SDESystem.from_text("dx = 0*dt + 0.7*dW"), start=sd.transport.Normal(0, 1), end=sd.transport.Normal(2, 0.5)
    ... )
    >>> float(found.marginal(0.5).means[0][0])
    1.0
    """

    def __init__(
        self, reference: LinearReference, method: str, trace: np.ndarray, potentials: tuple[Any, Any],
        plan: tuple[Any, Any],
    ) -> None:  # fmt: skip
        self._reference, self._plan = reference, plan  # both ends, and the covariance between them or scalings of points
        self.method, self.trace, self.span = method, trace, reference.span
        states, time, square = reference.states, reference.time, reference.square
        ahead, behind = (
            potentials[1].gradient(reference.to_end(), states),
            potentials[0].gradient(reference.since_start(), states),
        )
        self.score = dict(zip(states, (a + b for a, b in zip(ahead, behind, strict=True)), strict=True))
        push, pull = (list(square * sp.Matrix(side)) for side in (ahead, behind))
        ito = reference.system
        self.forward = ito.replace(
            drift=tuple(f + e for f, e in zip(reference.drift, push, strict=True)),
            provenance=(*ito.provenance, f"Schroedinger bridge over {_shown(self.span)}"),
        )
        swap = {time: sp.Float(self.span[1]) - time}
        self.backward = SDESystem(
            {x: (e - f).xreplace(swap) for x, f, e in zip(states, reference.drift, pull, strict=True)},
            ito.diffusion.xreplace(swap), time=time,
            provenance=(*ito.provenance, f"Schroedinger bridge over {_shown(self.span)}, backwards in time"),
        )  # fmt: skip

    @property
    def system(self) -> SDESystem:
        """The bridge, `forward`.

        Returns
        -------
        SDESystem

        Examples
        --------
        >>> import symdyn as sd
        >>> still = sd.SDESystem.from_text("dx = -x/2*dt + dW")
        >>> same = sd.transport.Normal(0, 1)  # the reference has these marginals
        >>> drift = sd.transport.schroedinger_bridge(still, start=same, end=same).system.drift[0]
        >>> float(drift.subs({"x": 3, "t": 0.4}).evalf().round(9))  # of the reference
        -1.5
        """
        return self.forward

    @property
    def normal(self) -> bool:
        """Whether both ends are normal distributions, and all of the bridge is."""
        return isinstance(self._plan[0], NormalPlan)

    @property
    def coupling(self) -> Any:
        """The joint law of start and end.

        Returns
        -------
        GaussianMixture or (n, m) float64
            A normal distribution in 2 d dimensions; of points the probability of each pair.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> still = sd.SDESystem.from_text("dx = 0*dt + dW")
        >>> plan = sd.transport.schroedinger_bridge(still, start=[-1.0, 1.0], end=[-1.0, 1.0]).coupling
        >>> bool(abs(plan[0, 1] - 1 / (2 + 2 * np.exp(2))) < 1e-6)  # exp(-|x - y|^2/2) with equal sums
        True
        """
        if self.normal:
            plan, cross = self._plan
            joint = np.block([[plan.covariances[0], cross], [cross.T, plan.covariances[1]]])
            return Normal(np.concatenate(plan.means), covariance=joint)
        (start, end), (f, g) = self._plan
        x, y = whitened(self._reference, start.points, end.points)
        return coupling(x, y, f, g)

    @property
    def cross_covariance(self) -> np.ndarray:
        r""":math:`C = \operatorname{cov}(x_0, x_1)` of start and end.

        Returns
        -------
        (d, d) float64

        Examples
        --------
        >>> import symdyn as sd
        >>> noisy = sd.SDESystem.from_text("dx = 0*dt + s*dW; s = 1.4142135623730951")
        >>> found = sd.transport.schroedinger_bridge(noisy, start=sd.transport.Normal(0, 1), end=sd.transport.Normal(0, 0.5))
        >>> float(found.cross_covariance[0, 0].round(10))  # (sqrt(4 0.25 + 4) - 2)/2
        0.1180339887
        """
        if self.normal:
            return self._plan[1]
        (start, end), plan = self._plan[0], self.coupling
        middle = start.weights @ start.points, end.weights @ end.points
        return (start.points - middle[0]).T @ plan @ (end.points - middle[1])

    def marginal(self, time: Any) -> GaussianMixture | BridgeMarginal:
        """The density at a time.

        Parameters
        ----------
        time : float
            Within the span; between its ends for points.

        Returns
        -------
        GaussianMixture or BridgeMarginal
            With `pdf`, `log_pdf` and `sample`.

        Raises
        ------
        DeclarationError
            For times outside.

        Examples
        --------
        >>> import symdyn as sd
        >>> noisy = sd.SDESystem.from_text("dx = 0*dt + s*dW; s = 0.7071067811865476")
        >>> found = sd.transport.schroedinger_bridge(noisy, start=sd.transport.Normal(0, 1), end=sd.transport.Normal(0, 0.5))
        >>> float(found.marginal(0.25).stds[0][0].evalf()**2).__round__(9)
        0.787756373
        """
        t = _within(time, self.span, open_=not self.normal)
        if self.normal:
            mean, covariance = moments(self._reference, *self._plan)(t)
            if len(mean) == 1:
                return GaussianMixture([1], [mean], [np.sqrt(covariance[0])], states=self._reference.states)
            return GaussianMixture([1], [mean], covariances=[covariance], states=self._reference.states)
        return BridgeMarginal(self._reference, self._plan[0], self._plan[1], t)

    def initial(self, count: int, seed: int) -> dict[str, xr.DataArray]:
        """Independent starts, as initial values of trajectories of `system`.

        Parameters
        ----------
        count : int
        seed : int

        Returns
        -------
        dict of str to DataArray
            By state, over the dimension ``trajectory``.

        Raises
        ------
        DeclarationError
            If the count or the seed is no whole number.

        Examples
        --------
        >>> import symdyn as sd
        >>> still = sd.SDESystem.from_text("dx = 0*dt + dW")
        >>> sd.transport.schroedinger_bridge(still, start=[-1.0, 1.0], end=[0.0, 1.0]).initial(4, seed=1)["x"].sizes
        Frozen({'trajectory': 4})
        """
        check_whole(count=count)
        check_whole(0, seed=seed)
        if self.normal:
            plan = self._plan[0]
            points = Normal(plan.means[0], covariance=plan.covariances[0]).sample(count, seed)
        else:
            points = self._plan[0][0].sample(count, seed)
        states = self._reference.states
        return {s.name: xr.DataArray(points[:, i].copy(), dims="trajectory") for i, s in enumerate(states)}

    def paths(self, times: Any, count: int, seed: int) -> xr.Dataset:
        """Independent paths at some times, exactly: ends from the plan, and the reference between them.

        Parameters
        ----------
        times : (T,) sequence of float
            Increasing, within the span.
        count : int
        seed : int

        Returns
        -------
        Dataset
            States over ``trajectory`` and ``time``.

        Raises
        ------
        DeclarationError
            For times that do not increase or lie outside.

        Examples
        --------
        >>> import symdyn as sd
        >>> still = sd.SDESystem.from_text("dx = 0*dt + dW")
        >>> run = sd.transport.schroedinger_bridge(still, start=[-1.0, 1.0], end=[-1.0, 1.0]).paths([0, 0.5, 1], 4, seed=1)
        >>> run.x.shape, bool((abs(run.x[:, [0, 2]]) == 1).all())
        ((4, 3), True)
        """
        check_whole(count=count)
        check_whole(0, seed=seed)
        grid = np.array([_within(t, self.span, open_=False) for t in np.atleast_1d(np.asarray(times, dtype=object))])
        if not len(grid) or not (np.diff(grid) > 0).all():
            raise DeclarationError(f"times are {times!r}; expected one or more that increase")
        rng, reference = np.random.default_rng(seed), self._reference
        if self.normal:
            joint = self.coupling.sample(count, seed)
            start, end = np.split(joint, 2, axis=1)
        else:
            (first, last), (_, g) = self._plan
            i, j = paired(first.weights, *whitened(reference, first.points, last.points), g, count, rng)
            start, end = first.points[i], last.points[j]
        found = between_ends(reference, grid, start, end, rng)
        return xr.Dataset(
            {s.name: (("trajectory", "time"), found[:, :, k]) for k, s in enumerate(reference.states)}, coords={"time": grid}
        )

    def __repr__(self) -> str:
        ends = "normal distributions" if self.normal else "{} and {} points".format(*(len(c.points) for c in self._plan[0]))
        how = f"{self.method}, {len(self.trace)} iterations" if len(self.trace) else self.method
        return (
            f"SchroedingerBridge({', '.join(map(str, self._reference.states))} over {_shown(self.span)} between {ends}; {how})"
        )


def schroedinger_bridge(
    reference: SDESystem, *, start: Any, end: Any, span: Any = (0, 1), method: str | None = None,
    tolerance: float | None = None, iterations: int | None = None,
) -> SchroedingerBridge:  # fmt: skip
    r"""The process with two given marginals that is nearest to a linear diffusion, in relative entropy.

    Its ends have the joint law :math:`\pi(x_0, x_1) = e^{f(x_0) + g(x_1)}\, \mathcal N(x_1; F x_0 + c, Q)`, where the reference
    goes from :math:`x_0` to :math:`\mathcal N(F x_0 + c, Q)`: entropic optimal transport with the squared distance
    :math:`\tfrac12 |Q^{-1/2}(x_1 - F x_0 - c)|^2`.  Between them it is the reference, conditioned on both.

    Parameters
    ----------
    reference : SDESystem
        With a drift that is linear in the states and noise that depends on time alone: Brownian motion, Ornstein-Uhlenbeck
        processes, any number of states with schedules of their own, or up to three that interact with constant coefficients.
        Parameters have values.
    start, end : Normal, GaussianMixture, or points
        Marginals at both ends of the span.  Mixtures of several components, in one or two dimensions, become points of a grid;
        points are an array (n, d), or a mapping, dataset or table with a column for each state.
    span : (float, float)
        Times of start and end.
    method : {'closed-form', 'ipf', 'imf'}, optional
        The closed form between normal distributions, iterative proportional fitting (Sinkhorn's iteration), or iterative
        Markovian fitting between normal distributions.
    tolerance : float, optional
        Of the error of the marginal at the start, with 'imf' of the change of the plan; 1e-6 by default, none of closed forms.
    iterations : int, optional
        At most; 2000 by default.

    Returns
    -------
    SchroedingerBridge

    Raises
    ------
    DeclarationError
        For references that are not linear or whose noise does not reach all directions, and ends of other dimensions.
    SimulationError
        If the iteration has not converged.

    References
    ----------
    Leonard, Discrete Contin. Dyn. Syst. 34, 1533 (2014); Janati et al., NeurIPS 2020 (closed form); Chen, Georgiou & Pavon,
    SIAM Review 63, 249 (2021); Shi, De Bortoli, Campbell & Doucet, NeurIPS 2023 (IMF).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> ou = sd.SDESystem.from_text("dx = -x*dt + dW")
    >>> found = sd.transport.schroedinger_bridge(ou, start=sd.transport.Normal(-1, 0.2), end=sd.transport.Normal(2, 0.4))
    >>> run = sd.simulate(found.system, [0, 1], initial=found.initial(4000, seed=1), trajectories=4000, step=0.005, seed=1)
    >>> bool(abs(run.x[:, -1].mean() - 2) < 0.03), bool(abs(run.x[:, -1].std() - 0.4) < 0.02)
    (True, True)
    """
    check_positive(tolerance=tolerance)
    check_whole(iterations=iterations)
    linear = LinearReference(reference, span)
    ends = read_end(start, linear.states, "start"), read_end(end, linear.states, "end")
    found = normal_moments(ends[0]), normal_moments(ends[1])
    normal = found[0] is not None and found[1] is not None
    method = ("closed-form" if normal else "ipf") if method is None else method
    if method not in METHODS:
        raise DeclarationError(f"the method is {method!r}; known: {', '.join(METHODS)}.{suggest(str(method), METHODS)}")
    if method == "closed-form":
        for name, given in (("tolerance", tolerance), ("iterations", iterations)):
            if given is not None:
                raise DeclarationError(f"{name}= has no effect on a closed form; leave it out, or give method='ipf'")
    tolerance, iterations = tolerance or TOLERANCE, iterations or MOST
    if not normal:
        if method != "ipf":
            raise DeclarationError(f"the method {method!r} is for two normal distributions; expected 'ipf' for these ends")
        return _between_points(linear, ends, tolerance, iterations)
    assert found[0] is not None
    assert found[1] is not None
    plan = NormalPlan(linear.whole, (found[0][0], found[1][0]), (found[0][1], found[1][1]))
    errors: list[float] = []
    if method == "closed-form":
        cross = closed_plan(plan)
    elif method == "ipf":
        cross, errors = sinkhorn_plan(plan, tolerance, iterations)
    else:
        cross, errors = markov_plan(linear, plan, tolerance, iterations)
    _check_converged(errors, tolerance)
    potentials = tuple(QuadraticPotential(*p) for p in plan.potentials(cross))
    return SchroedingerBridge(linear, method, np.array(errors), potentials, (plan, cross))  # type: ignore[arg-type]


def _between_points(linear: LinearReference, ends: tuple[Any, Any], tolerance: float, most: int) -> SchroedingerBridge:
    law = linear.whole
    back = np.linalg.inv(law.factor)
    start, end = cloud_of(ends[0], back @ law.noise @ back.T, "start"), cloud_of(ends[1], law.noise, "end")
    x, y = whitened(linear, start.points, end.points)
    f, g, errors = sinkhorn(x, start.weights, y, end.weights, tolerance, most)
    _check_converged(errors, tolerance)
    potentials = PointPotential(start.points, f, "mean_start"), PointPotential(end.points, g, "mean_end")
    return SchroedingerBridge(linear, "ipf", errors, potentials, ((start, end), (f, g)))


def _check_converged(errors: Any, tolerance: float) -> None:
    if len(errors) and not errors[-1] <= tolerance:
        raise SimulationError(
            f"the bridge has not converged: after {len(errors)} iterations the error is {errors[-1]:.3g}, more than the "
            f"tolerance {tolerance:g}; give more iterations, a larger tolerance, or a reference with more noise"
        )


def _within(time: Any, span: tuple[float, float], *, open_: bool) -> float:
    try:
        t = float(time)
    except (TypeError, ValueError):
        t = np.nan
    if not (span[0] <= t <= span[1]) or (open_ and t in span):
        where = "between" if open_ else "within"
        raise DeclarationError(f"the time is {time!r}; expected one {where} {span[0]:g} and {span[1]:g}")
    return t


def _shown(span: tuple[float, float]) -> str:
    return f"[{span[0]:g}, {span[1]:g}]"
