"""The chemical master equation of a network: transient and stationary distributions, and how they depend on parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from symdyn.declaration import lookup
from symdyn.errors import DeclarationError
from symdyn.models.reactions import ReactionNetwork
from symdyn.projection import statistics
from symdyn.projection.adaptive import INTEGRATOR, Bounds, Growing
from symdyn.projection.evolve import METHODS, Clock, Exponential, Modulated
from symdyn.projection.generator import assemble, augmented
from symdyn.projection.initial import read_initial
from symdyn.projection.labelled import labelled
from symdyn.projection.search import Search, cropped, warn_of_edge
from symdyn.projection.states import Box, StateSpace
from symdyn.projection.transitions import Jump, Transitions
from symdyn.registry import suggest

__all__ = ["MasterEquation", "master_equation"]

MAX_STATES = 2_000_000
#: Probability of bursts, relative to the tolerance, that are longer than those followed where there is no upper bound.
BURST_TAIL = 1e-6
LONGEST_BURST = 1_000_000


class MasterEquation:
    r"""The master equation of a reaction network, projected on finitely many states.

    .. math:: \dot P(n) = \sum_r a_r(n - S_r)\,P(n - S_r) - a_r(n)\,P(n)

    On a set J of states the projection keeps what stays inside and lets go what leaves.  Its solution is nowhere above the
    exact one, and the probability that is missing is the sum of the magnitudes of all errors, over all states, inside and
    outside (Munsky and Khammash, J. Chem. Phys. 124 (2006) 044104).

    A propensity counts as zero where its reaction would make a number negative, as in exact simulation.  Random bursts are
    cut off where they leave the set or where their tail is negligible; what they would carry is lost or, in stationary
    problems, does not happen.

    Parameters
    ----------
    network : ReactionNetwork
    upper, lower : mapping from species to int, optional
        Inclusive bounds; 0 is the lower one by default.  If every species has an upper bound the states fill a box.
        Otherwise states are added, and dropped, as probability moves: those that can be reached, and no others, so that
        conservation laws are respected.
    max_states : int
        Size beyond which the set must not grow.

    Examples
    --------
    >>> import symdyn as sd
    >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
    >>> p = MasterEquation(net, upper={"X": 60}).stationary()
    >>> round(float(p.sel(X=5)), 6)  # Poisson
    0.175467
    >>> p = MasterEquation(net).transient(2.0, {"X": 0})
    >>> p.attrs["error_bound"] < 1e-8, round(float(statistics.mean(p, "X")), 6)  # 5 (1 - exp(-2))
    (True, 4.323324)
    """

    def __init__(
        self,
        network: ReactionNetwork,
        upper: Mapping[Any, int] | int | None = None,
        lower: Mapping[Any, int] | None = None,
        *,
        max_states: int = MAX_STATES,
    ) -> None:
        if not isinstance(network, ReactionNetwork):
            raise DeclarationError(f"expected a ReactionNetwork, got {type(network).__name__}")
        self.network, self.max_states = network, max_states
        if isinstance(upper, (int, np.integer)):
            upper = dict.fromkeys(network.states, int(upper))
        highs = {**dict.fromkeys(network.binary, 1), **self._bounds(upper, "upper")}
        lows = self._bounds(lower, "lower")
        self.lower = tuple(lows.get(s, 0) for s in network.states)
        self.upper = tuple(highs.get(s) for s in network.states)
        for s, a, b in zip(network.names, self.lower, self.upper, strict=True):
            if a < 0 or (b is not None and b < a):
                raise DeclarationError(f"the bounds of {s} are {a} and {b}; expected 0 <= lower <= upper")
        if self.box is not None and self.box.size > max_states:
            raise DeclarationError(
                f"the box has {self.box.size} states, more than max_states={max_states}; lower the bounds, leave upper out so "
                "that only states that matter are kept, or raise max_states"
            )

    def _bounds(self, given: Mapping[Any, int] | None, what: str) -> dict[Any, int]:
        found = {}
        for key, value in (given or {}).items():
            if int(value) != value:
                raise DeclarationError(f"the {what} bound of {key} is {value!r}; expected a whole number")
            found[lookup(key, self.network.states, "species")] = int(value)
        return found

    @property
    def box(self) -> Box | None:
        """The box of states, if all bounds are given."""
        if any(b is None for b in self.upper):
            return None
        return Box(self.lower, tuple(b - a + 1 for a, b in zip(self.lower, self.upper, strict=True) if b is not None))

    def __repr__(self) -> str:
        rows = (
            f"{s} {a}..{'' if b is None else b}" for s, a, b in zip(self.network.names, self.lower, self.upper, strict=True)
        )
        head = f"MasterEquation: {', '.join(rows)}"
        if self.box is None:
            return f"{head}\n  adaptive: at most {self.max_states} states"
        try:
            nonzeros = f", {self.generator().nonzeros} rates"
        except DeclarationError:  # a parameter has no value
            nonzeros = ""
        return f"{head}\n  {self.box.size} states{nonzeros}"

    # ---- pieces ------------------------------------------------------------------------------------

    def _jumps(self, transitions: Transitions, tail: float = 1e-16, wrt: Any = None) -> list[Jump]:
        def widest(i: int) -> int:
            top = self.upper[i]
            return LONGEST_BURST if top is None else top - self.lower[i]

        return transitions.jumps(widest, tail, wrt)

    def generator(self, parameters: Mapping[Any, float] | None = None, *, time: float = 0.0, reflecting: bool = False):
        """The generator on the box, `Generator`; ``.matrix()`` is it as a sparse matrix."""
        space = self._need_box("generator")
        transitions = Transitions(self.network, parameters)
        return assemble(space, transitions.propensities(space, time), self._jumps(transitions), reflecting=reflecting)

    def _need_box(self, what: str) -> Box:
        if self.box is None:
            free = ", ".join(s for s, b in zip(self.network.names, self.upper, strict=True) if b is None)
            raise DeclarationError(f"{what} needs a fixed box of states: give upper bounds of {free}")
        return self.box

    def _begin(self, space: StateSpace, initial: Any) -> np.ndarray:
        """An initial distribution on a set of states; what lies outside is missing."""
        states, weight = read_initial(self.network, initial)
        index = space.locate(states)
        if (index < 0).all():
            raise self._outside(states[0])
        p = np.zeros(space.size)
        np.add.at(p, index[index >= 0], weight[index >= 0])
        return p

    def _outside(self, state: np.ndarray) -> DeclarationError:
        start = ", ".join(f"{s} = {n}" for s, n in zip(self.network.names, state, strict=True))
        return DeclarationError(f"the initial state {start} lies outside the bounds; raise upper")

    # ---- transient ---------------------------------------------------------------------------------

    def transient(
        self,
        t: float | Sequence[float],
        initial: Any = None,
        parameters: Mapping[Any, float] | None = None,
        *,
        tolerance: float = 1e-8,
        method: str = "krylov",
        start: float = 0.0,
        layout: str | None = None,
    ) -> xr.DataArray:
        """Distributions at one or several times.

        Parameters
        ----------
        t : float or increasing sequence of float
        initial : mapping or DataArray, optional
            For each species a number, a discrete distribution of scipy.stats or a DataArray over it; or a joint
            distribution.  It holds at the time `start`.
        parameters : mapping, optional
            Values over the defaults of the network.
        tolerance : float
            In a box, the error of the integration; what leaves the box comes on top.  Without upper bounds the whole error,
            what leaves the set included.  Errors are sums of magnitudes over all states.
        method : {'krylov', 'uniformisation'}
            Krylov spaces with estimated errors, or a sum of positive terms with a known error, which takes longer.
        layout : {'box', 'list'}, optional
            A dimension per species, or one dimension ``state`` with a coordinate per species; by default the former, unless
            the array would be far larger than the set of states.

        Returns
        -------
        xarray.DataArray
            With a leading dimension ``time`` if `t` is a sequence.  ``attrs['error_bound']``, and the coordinate
            ``error_bound`` along time, bound the sum of the magnitudes of all errors.

        Raises
        ------
        DeclarationError, CompileError
            For input that does not fit.
        SimulationError
            If a propensity is negative, or the set grows beyond ``max_states``.
        """
        times = _times(t, start)
        if not 0 < tolerance < 1:
            raise DeclarationError(f"tolerance is {tolerance!r}; expected a number between 0 and 1")
        if method not in METHODS:
            raise DeclarationError(f"unknown method {method!r}; known: {', '.join(METHODS)}.{suggest(method, METHODS)}")
        transitions = Transitions(self.network, parameters)
        integration = tolerance
        if self.box is not None:
            p = self._begin(self.box, initial)
            jumps = self._jumps(transitions)
            rows = self._advance(self.box, transitions, jumps, p, times, start, tolerance, method)
            found: list[tuple[StateSpace, np.ndarray]] = [(self.box, row) for row in rows]
        else:
            integration = INTEGRATOR * tolerance
            jumps = transitions.jumps(lambda i: LONGEST_BURST, BURST_TAIL * tolerance)
            top = [np.iinfo(np.int64).max if b is None else b for b in self.upper]
            bounds = Bounds(np.array(self.lower), np.array(top), self.max_states)
            growing = Growing(transitions, jumps, bounds, trimming=method == "krylov")
            states, weight = read_initial(self.network, initial)
            if not bounds.inside(states).any():
                raise self._outside(states[0])
            first, p = growing.start(states, weight, start)
            found = list(growing.run(first, p, times, start, tolerance))
            if method == "uniformisation":  # on all states that were needed
                last = found[-1][0]
                p = np.zeros(last.size)
                np.add.at(p, last.locate(states), weight)
                within = transitions.stopped_outside(bounds.inside)
                rows = self._advance(last, within, jumps, p, times, start, integration, method)
                found = [(last, row) for row in rows]
        facts = {"method": method, "tolerance": tolerance, "error_bound": 2 * integration}
        return labelled(self, transitions, found, None if np.ndim(t) == 0 else times, layout=layout, facts=facts)

    def _advance(
        self,
        space: StateSpace,
        transitions: Transitions,
        jumps: list[Jump],
        p: np.ndarray,
        times: np.ndarray,
        start: float,
        tolerance: float,
        method: str,
    ) -> np.ndarray:
        """Distributions on a fixed set, (times, states)."""
        clock = Clock(start, error=tolerance / max(times[-1] - start, 1e-300))
        out = np.empty((times.size, p.size))
        if any(transitions.moving):
            Modulated(space, transitions, jumps, method).advance(p, clock, times, out)
        else:
            generator = assemble(space, transitions.propensities(space), jumps, reflecting=False)
            Exponential(generator, method).advance(p, clock, times, out)
        return out

    def transient_sensitivity(
        self,
        t: float | Sequence[float],
        wrt: Any,
        initial: Any = None,
        parameters: Mapping[Any, float] | None = None,
        *,
        tolerance: float = 1e-8,
    ) -> xr.DataArray:
        r"""Derivatives of the transient distribution with respect to a parameter.

        Solves :math:`\dot s = A s + (\partial A/\partial\theta)\,p` beside :math:`\dot p = A p` on the box, s = 0 at first.
        """
        space, times = self._need_box("a sensitivity"), _times(t, 0.0)
        transitions = self._constant(parameters, "a sensitivity")
        theta = transitions.parameter(wrt)
        # theta ds/dtheta is of the size of p times numbers of events, whatever the units of theta
        scale = abs(transitions.values[theta]) or 1.0
        generator = assemble(space, transitions.propensities(space), self._jumps(transitions), reflecting=False)
        slope = self._slope(space, transitions, theta, reflecting=False)
        scaled = type(slope)(slope.rates * scale, slope.offsets, slope.sources)
        p = np.concatenate([self._begin(space, initial), np.zeros(space.size)])
        out = np.empty((times.size, p.size))
        clock = Clock(0.0, error=tolerance / max(times[-1], 1e-300))
        Exponential(augmented(generator, scaled), "krylov", contracting=False).advance(p, clock, times, out)
        found: list[tuple[StateSpace, np.ndarray]] = [(space, row[space.size :] / scale) for row in out]
        facts = {"method": "krylov", "wrt": theta.name, "tolerance": tolerance}
        return labelled(self, transitions, found, None if np.ndim(t) == 0 else times, layout="box", facts=facts)

    def _constant(self, parameters: Mapping[Any, float] | None, what: str) -> Transitions:
        transitions = Transitions(self.network, parameters)
        if any(transitions.moving):
            raise DeclarationError(f"{what} needs rates that do not depend on time; fix {self.network.time} in them")
        return transitions

    def _slope(self, space: StateSpace, transitions: Transitions, theta: Any, *, reflecting: bool):
        """Derivative of the generator: of propensities, and of the probabilities of bursts."""
        jumps = self._jumps(transitions)
        slope = assemble(space, transitions.derivatives(space, theta), jumps, reflecting=reflecting)
        if not any(theta in b.mean.free_symbols for r in self.network.reactions for b in (r.bursts or {}).values()):
            return slope
        moved = self._jumps(transitions, wrt=theta)
        more = assemble(space, transitions.propensities(space), moved, reflecting=reflecting)
        if not reflecting:  # probabilities of bursts move, the rate of their reaction does not
            for a in transitions.propensities(space):
                more.rates[0].reshape(space.shape)[...] += a
        return type(slope)(slope.rates + more.rates, slope.offsets, slope.sources)

    # ---- stationary --------------------------------------------------------------------------------

    def stationary(
        self,
        parameters: Mapping[Any, float] | None = None,
        initial: Any = None,
        *,
        tolerance: float = 1e-10,
        layout: str | None = None,
    ) -> xr.DataArray:
        r"""The stationary distribution, :math:`A\pi = 0`.

        Jumps out of the set do not happen (a reflecting truncation; Gupta, Mikelson and Khammash, J. Chem. Phys. 147 (2017)
        154101).  A chain of one species that changes by one is solved by detailed balance,
        :math:`\pi(n) = \pi(n-1)\,b(n-1)/d(n)`, in logarithms; anything else by sparse elimination.

        Parameters
        ----------
        parameters : mapping, optional
            Values over the defaults of the network.
        initial : mapping or DataArray, optional
            Where the process starts (see `transient`).  It matters where several sets of states are never left, because
            of a conservation law or absorbing states; by default the initial numbers of the network.
        tolerance : float
            Without upper bounds the set grows until ``edge_mass`` is below, and means and variances do not move by more
            than its square root.

        Returns
        -------
        xarray.DataArray
            ``attrs['edge_mass']`` is the probability that the next jump would leave the set, in the stationary state; if it
            is not negligible, there is a warning.

        Raises
        ------
        SimulationError
            If the distribution is not unique and `initial` is missing, or the set grows beyond ``max_states``.
        """
        transitions = self._constant(parameters, "a stationary distribution")
        found = Search(self, transitions, initial).run(tolerance)
        warn_of_edge(found)
        facts = {"method": found.method, "edge_mass": found.edge_mass}
        kept = cropped(found, [b is None for b in self.upper])
        return labelled(self, transitions, [kept], None, layout=layout, facts=facts)

    def stationary_sensitivity(
        self, parameters: Mapping[Any, float] | None = None, wrt: Any = None, initial: Any = None, *, tolerance: float = 1e-10
    ) -> xr.DataArray:
        r"""Derivative of the stationary distribution with respect to a parameter.

        The solution of :math:`A\,\partial_\theta\pi = -(\partial_\theta A)\,\pi` with sum zero, by the factors that give
        :math:`\pi` itself.

        Examples
        --------
        >>> import symdyn as sd
        >>> net = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, g", parameters={"k": 5, "g": 1})
        >>> s = MasterEquation(net, upper={"X": 80}).stationary_sensitivity(wrt="k")
        >>> round(float((s * s.X).sum()), 9)  # the mean is k/g
        1.0
        """
        if wrt is None:
            raise DeclarationError("wrt is missing: name the parameter, wrt='k'")
        transitions = self._constant(parameters, "a sensitivity")
        theta = transitions.parameter(wrt)
        found = Search(self, transitions, initial).run(tolerance, factors=True)
        solution = found.solution
        assert solution is not None
        if not solution.fixed_weights:
            raise DeclarationError(
                "the weights of the sets of states that are never left depend on the parameters; start in one of them"
            )
        slope = self._slope(found.space, transitions, theta, reflecting=True).matrix()
        result = np.zeros(found.space.size)
        for part, weight in zip(solution.classes, solution.weights, strict=True):
            inner = slope[part.members, :][:, part.members]
            result[part.members] += weight * part.response(-(inner @ part.p))
        facts = {"method": "elimination", "wrt": theta.name, "edge_mass": found.edge_mass}
        return labelled(self, transitions, [(found.space, result)], None, layout="box", facts=facts)

    # ---- what distributions say --------------------------------------------------------------------

    @staticmethod
    def moments(p: xr.DataArray, order: int = 2, *, central: bool = False) -> xr.Dataset:
        """Moments of a distribution up to an order; see `symdyn.projection.moments`."""
        return statistics.moments(p, order, central=central)


def _times(t: Any, start: float) -> np.ndarray:
    try:
        times = np.atleast_1d(np.asarray(t, dtype=float))
    except (TypeError, ValueError):
        raise DeclarationError(f"the time is {t!r}; expected a number or an increasing sequence of numbers") from None
    bad = times.ndim != 1 or times.size == 0 or not np.isfinite(times).all() or (np.diff(times) <= 0).any()
    if bad or times[0] < start:
        raise DeclarationError(f"the times must be finite, increase strictly and begin at {start:g} or later")
    return np.ascontiguousarray(times)


def master_equation(
    network: ReactionNetwork, upper: Mapping[Any, int] | int | None = None, lower: Mapping[Any, int] | None = None
) -> MasterEquation:
    """The master equation of a network; see `MasterEquation`."""
    return MasterEquation(network, upper, lower)
