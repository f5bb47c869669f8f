"""DPM-Solver-v3: exponential multistep methods whose linear part and basis are statistics of the system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from symdyn.errors import CompileError, DeclarationError
from symdyn.methods.model_statistics import ModelStatistics, StatisticsCurves
from symdyn.methods.sampler_options import SamplerOptions
from symdyn.methods.sampler_traces import Combination, SamplerTrace
from symdyn.methods.samplers import sampler
from symdyn.system import System

__all__ = ["DpmSolverV3Options", "DpmSolverV31", "DpmSolverV32", "DpmSolverV33"]

REFERENCE = "Zheng, Lu, Chen & Zhu, DPM-Solver-v3, NeurIPS 2023 (arXiv:2310.13268), algorithms 1 and 2"
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(12)
#: The longest panel of quadrature, in the clock; how far the ends of nodes and statistics may differ, relative to both.
PANEL, SLACK = 0.5, 1e-9
Point = tuple[float, Combination]


class _State:
    r"""The flow of one state, :math:`y' = -l y - f` with :math:`x = m + \Psi y`, as combinations of rows."""

    def __init__(self, trace: SamplerTrace) -> None:
        self._trace, clock = trace, trace.clock
        statistics = trace.options.get("statistics")
        if statistics is None:
            self._curves = StatisticsCurves.of_data()
            return
        if len(statistics.states) != trace.members:  # of a kernel that is called by itself; `simulate` knows more
            raise CompileError(
                f"statistics are those of {len(statistics.states)} states, and the system has {trace.members}; compute them "
                "with sd.transport.model_statistics"
            )
        self._curves = statistics.curves(trace.member)
        first, last = (float(t) for t in clock.nodes[[0, -1]])
        low, high = self._curves.knots[[0, -1]]
        slack = SLACK * (high - low)
        begins = abs(clock.sigma(first) - statistics.level) <= SLACK * abs(statistics.level)
        if not begins or not low - slack <= clock.log_snr(last) <= high + slack:
            raise CompileError(
                f"the statistics begin at the noise level {statistics.level:.6g} and reach to other times than the nodes, "
                f"which begin at {clock.sigma(first):.6g}; compute them for this span, sd.transport.model_statistics"
            )

    def _at(self, t: float) -> tuple[float, float]:
        r"""The clock :math:`\lambda`, and :math:`\Psi`."""
        clock = self._trace.clock
        return clock.log_snr(t), clock.psi(t, float(clock.nodes[0]))

    def rest(self, x: Combination, t: float) -> Combination:
        """f at a row, which is evaluated."""
        place, psi = self._at(t)
        noise = self._trace.noise(x) * (self._trace.clock.sigma(t) / psi)
        return noise - x * float(self._curves.linear(np.float64(place)) / psi)

    def moved(self, x: Combination, t: float, u: float, points: Sequence[Point]) -> Combination:
        r"""The state at u from that at t, with the polynomial through :math:`e^{-S} f - B` at some points."""
        curves, (begin, psi), (end, ahead) = self._curves, self._at(t), self._at(u)
        where, weights = _panels(begin, end, curves.knots)
        nodes = np.array([self._at(s)[0] for s, _ in points])
        tilt = np.exp(curves.tilt(nodes) - curves.tilt(begin))
        scale = float(np.exp(curves.tilt(begin)))
        drift = scale * (curves.drift(nodes) - curves.drift(begin))
        grown = np.exp(curves.growth(where) - curves.growth(begin) + curves.tilt(where) - curves.tilt(begin)) * weights
        y = x / psi
        for j, (_, f) in enumerate(points):
            weight = float(grown @ _lagrange(nodes, j, where))
            y = y - weight * (f / float(tilt[j]) - self._trace.constant(float(drift[j])))
        y = y - self._trace.constant(float(grown @ (scale * (curves.drift(where) - curves.drift(begin)))))
        y = float(np.exp(curves.growth(begin) - curves.growth(end))) * y
        return y * ahead


def _panels(begin: float, end: float, knots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of quadrature between two values of the clock, in panels that end at knots."""
    low, high = min(begin, end), max(begin, end)
    inner = knots[(knots > low) & (knots < high)]
    even = np.linspace(low, high, int(np.ceil((high - low) / PANEL)) + 1)
    edges = np.unique(np.concatenate([even, inner]))
    middle, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)
    where = (middle[:, None] + half[:, None] * _POINTS).ravel()
    return where, (half[:, None] * _WEIGHTS).ravel() * np.sign(end - begin)


def _lagrange(nodes: np.ndarray, j: int, v: np.ndarray) -> np.ndarray:
    found = np.ones_like(v)
    for i, node in enumerate(nodes):
        if i != j:
            found = found * (v - node) / (nodes[j] - node)
    return found


def _formula(trace: SamplerTrace, order: int) -> None:
    state, x, correct = _State(trace), trace.start, trace.options.get("corrector", True)
    past: list[Point] = [(trace.steps[0][0], state.rest(x, trace.steps[0][0]))]
    for k, (t, u) in enumerate(trace.steps, 1):
        known = min(order, k)
        predicted = state.moved(x, t, u, past[:known])
        if k == len(trace.steps):  # a corrector would need one evaluation more
            trace.reach(u, predicted)
        elif correct:
            ahead = (u, state.rest(trace.row(u, predicted), u))
            x = trace.reach(u, state.moved(x, t, u, [past[0], ahead, *past[1:]][: max(2, known)]))
            past = [ahead, *past][:order]
        else:
            x = trace.reach(u, predicted)
            past = [(u, state.rest(x, u)), *past][:order]


@dataclass(frozen=True, kw_only=True, repr=False)
class DpmSolverV3Options(SamplerOptions):
    """Options of DPM-Solver-v3.

    Parameters
    ----------
    nodes : sequence of float, optional
        Ends of the steps; by default the output times.
    statistics : ModelStatistics, optional
        Of the system, from `transport.model_statistics`; by default l = 1 and s = b = 0, as in DPM-Solver++.
    corrector : bool, optional
        Whether each step but the last is repeated with the evaluation at its end, which the next step needs anyway; by
        default it is.

    Raises
    ------
    DeclarationError
        For values of another kind.

    Examples
    --------
    >>> DpmSolverV3Options(corrector=False)
    DpmSolverV3Options(corrector=False)
    """

    statistics: ModelStatistics | None = None
    corrector: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.statistics, str):  # as datasets record them
            object.__setattr__(self, "statistics", ModelStatistics.read(self.statistics, "statistics"))
        if self.statistics is not None and not isinstance(self.statistics, ModelStatistics):
            raise DeclarationError(
                f"statistics are a {type(self.statistics).__name__}; expected those of sd.transport.model_statistics"
            )
        if self.corrector is not None and not isinstance(self.corrector, (bool, np.bool_)):
            raise DeclarationError(f"corrector is {self.corrector!r}; expected True or False")

    def refuse_others(self, system: System) -> None:
        if self.statistics is not None:
            self.statistics.refuse_others(system)

    @property
    def recorded(self) -> dict[str, Any]:
        found = super().recorded
        if self.statistics is None:
            return found
        return {
            **found,
            "statistics": replace(self.statistics, model=None).text,
        }  # a record is of the system that it was run with


@sampler(order=2, formula=partial(_formula, order=1), level=True, by_state=True, reference=REFERENCE)
class DpmSolverV31(DpmSolverV3Options):
    r"""One evaluation a step: constants through :math:`e^{-S} f - B`; see `DpmSolverV3Options` and `DpmSolverV32`.

    Of order 2; without corrector of order 1.  On normal data it is exact.
    """

    method = "dpm-solver-v3-1"


@sampler(order=2, formula=partial(_formula, order=2), level=True, by_state=True, reference=REFERENCE)
class DpmSolverV32(DpmSolverV3Options):
    r"""One evaluation a step: lines through :math:`e^{-S} f - B`; see `DpmSolverV3Options`.

    .. math:: y_u = e^{-L} \Bigl[y_t - \int e^{L + S} (p(r) + B(r))\, \mathrm dr\Bigr]

    with the polynomial p, and L, S and B from t on, of the statistics l, s and b of the system; on normal data it is exact.
    """

    method = "dpm-solver-v3-2"


@sampler(order=3, formula=partial(_formula, order=3), level=True, by_state=True, reference=REFERENCE)
class DpmSolverV33(DpmSolverV3Options):
    r"""One evaluation a step: parabolas through :math:`e^{-S} f - B`; see `DpmSolverV3Options` and `DpmSolverV32`.

    Of order 3; without corrector of order 2 where the error of the first step is not damped.  With few evaluations order 2 is
    the safer choice.
    """

    method = "dpm-solver-v3-3"
