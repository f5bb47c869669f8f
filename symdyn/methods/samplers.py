r"""Samplers as tables of numbers: every row is a linear combination of earlier states and evaluations.

.. math:: x_r = \sum_k a_{rk}\, x_k + \sum_k c_{rk}\, N(x_k, t_k) + d_r

The formula of a method is written once, with `SamplerTrace`; running it for the nodes of a simulation gives the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.methods.clocks import NodeClock
from symdyn.methods.options import MethodOptions
from symdyn.system import System
from symdyn.text.mixtures import NOISE_LEVEL

__all__ = ["Combination", "SamplerOptions", "SamplerScheme", "SamplerTable", "SamplerTrace", "needs_level"]

#: A term of a row: the state ("x") or the evaluation ("n") of a row.
Source = tuple[str, int]


@dataclass(frozen=True)
class Combination:
    """A linear combination of the states and evaluations of rows; sums and products with numbers are combinations.

    Attributes
    ----------
    terms : mapping from ("x" or "n", row) to float

    Examples
    --------
    >>> x, n = Combination({("x", 0): 1.0}), Combination({("n", 0): 1.0})
    >>> print(0.5 * x - 2 * n)
    0.5 x0 - 2 n0
    """

    terms: Mapping[Source, float] = field(default_factory=dict)

    def __add__(self, other: Combination) -> Combination:
        keys = dict.fromkeys((*self.terms, *other.terms))
        return Combination({k: self.terms.get(k, 0.0) + other.terms.get(k, 0.0) for k in keys})

    def __mul__(self, factor: float) -> Combination:
        return Combination({k: v * factor for k, v in self.terms.items()})

    __rmul__ = __mul__

    def __sub__(self, other: Combination) -> Combination:
        return self + other * -1.0

    def __truediv__(self, divisor: float) -> Combination:
        return self * (1.0 / divisor)

    def __str__(self) -> str:
        text = " ".join(f"{'-' if v < 0 else '+'} {abs(v):.6g} {kind}{row}" for (kind, row), v in self.terms.items())
        return text.removeprefix("+ ") or "0"


class SamplerTrace:
    """What the formula of a sampler is run with: it notes rows and evaluations.

    Parameters
    ----------
    clock : NodeClock
        Of one group of states.
    master : SamplerTrace, optional
        The trace of the first group, whose rows are at the same times.
    options : mapping
        Those of the method besides the nodes.

    Attributes
    ----------
    start : Combination
        The initial state.

    Examples
    --------
    >>> trace = SamplerTrace(NodeClock([0.0, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t))
    >>> x = trace.start
    >>> x = trace.reach(1.0, x + trace.clock.weight(0.0, 1.0) * trace.noise(x))
    >>> print(trace.rows[1])
    1 x0 + 1 n0
    """

    def __init__(self, clock: NodeClock, master: SamplerTrace | None = None, options: Mapping[str, Any] | None = None) -> None:
        self.clock, self.options = clock, dict(options or {})
        self.steps = clock.steps
        self._master = master
        self.rows: list[Combination] = [Combination()]
        self.times = [float(clock.nodes[0])]
        self.evaluated: set[int] = set()
        self.reached: list[int] = [0]
        self.start = Combination({("x", 0): 1.0})

    def row(self, t: float, state: Combination) -> Combination:
        """Note a state at a time, such as a stage.

        Parameters
        ----------
        t : float
        state : Combination

        Returns
        -------
        Combination
            The state as the single term that it now is.

        Examples
        --------
        >>> trace = SamplerTrace(NodeClock([0.0, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t))
        >>> print(trace.row(0.5, trace.start * 2))
        1 x1
        """
        self.rows.append(state)
        self.times.append(float(t))
        return Combination({("x", len(self.rows) - 1): 1.0})

    def reach(self, t: float, state: Combination) -> Combination:
        """Note the state at the end of a step.

        Parameters
        ----------
        t : float
        state : Combination

        Returns
        -------
        Combination

        Examples
        --------
        >>> trace = SamplerTrace(NodeClock([0.0, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t))
        >>> trace.reach(1.0, trace.start)
        Combination(terms={('x', 1): 1.0})
        """
        found = self.row(t, state)
        self.reached.append(len(self.rows) - 1)
        return found

    def noise(self, state: Combination) -> Combination:
        """N at a row, which is evaluated once.

        Parameters
        ----------
        state : Combination
            Of a row.

        Returns
        -------
        Combination

        Examples
        --------
        >>> trace = SamplerTrace(NodeClock([0.0, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t))
        >>> print(trace.noise(trace.start))
        1 n0
        """
        k = self._number(state)
        self.evaluated.add(k)
        return Combination({("n", k): 1.0})

    def data(self, state: Combination) -> Combination:
        r"""The prediction of data at a row, :math:`(x - \sigma N)/\Psi`.

        Parameters
        ----------
        state : Combination
            Of a row.

        Returns
        -------
        Combination

        Examples
        --------
        >>> trace = SamplerTrace(
        ...     NodeClock([1.0, 2.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t, lambda t: t))
        >>> print(trace.data(trace.start))
        1 x0 - 1 n0
        """
        t = self.times[self._number(state)]
        return (state - self.clock.sigma(t) * self.noise(state)) / self.clock.psi(t, self.times[0])

    def ddim(self, state: Combination, noise: Combination, t: float, u: float) -> Combination:
        r"""The state at u if N stays as it is: :math:`\Psi(u, t)\, x + \int_t^u \Psi(u, s)\, g(s)\, \mathrm ds\; N`.

        Parameters
        ----------
        state, noise : Combination
        t, u : float

        Returns
        -------
        Combination

        Examples
        --------
        >>> trace = SamplerTrace(NodeClock([0.0, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t))
        >>> print(trace.ddim(trace.start, trace.noise(trace.start), 0.0, 1.0))
        1 x0 + 1 n0
        """
        return self.clock.psi(u, t) * state + self.clock.weight(t, u) * noise

    def between(self, t: float, u: float, fraction: float) -> float:
        r"""The time of a stage: where :math:`\lambda` of the first group has gone a fraction of its way from t to u.

        Parameters
        ----------
        t, u : float
        fraction : float

        Returns
        -------
        float

        Examples
        --------
        >>> trace = SamplerTrace(
        ...     NodeClock([1.0, 4.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t, lambda t: t))
        >>> round(trace.between(1.0, 4.0, 0.5), 12)
        2.0
        """
        return self.clock.between(t, u, fraction) if self._master is None else self._master.times[len(self.rows)]

    @staticmethod
    def _number(state: Combination) -> int:
        [(kind, row)] = state.terms
        assert kind == "x"
        assert state.terms[kind, row] == 1.0
        return row


@dataclass(frozen=True)
class SamplerTable:
    r"""The rows of a sampler: :math:`x_r = \sum a_{rk} x_k + \sum c_{rk} N_k + d_r`, for G groups of states.

    Attributes
    ----------
    times : (R,) float64
        Of the rows; the first is that of the initial state.
    reached : (n + 1,) int64
        The rows at the nodes.
    evaluated : (R,) bool
        Where N is evaluated.
    terms : tuple of tuple of (str, int)
        Of each row, the states ("x") and evaluations ("n") of earlier rows.
    coefficients : tuple of (G, m) float64
        Their coefficients.
    shifts : (R, G) float64
        :math:`d_r`.

    Examples
    --------
    >>> import symdyn as sd
    >>> clock = NodeClock([0.0, 0.5, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)
    >>> print(sd.METHODS["deis-tab1"].table([clock]))
    x1 = 1 x0 + 0.5 n0  at 0.5
    x2 = 1 x1 + 0.75 n1 - 0.25 n0  at 1
    """

    times: np.ndarray
    reached: np.ndarray
    evaluated: np.ndarray
    terms: tuple[tuple[Source, ...], ...]
    coefficients: tuple[np.ndarray, ...]
    shifts: np.ndarray

    @property
    def evaluations(self) -> int:
        """How often N is evaluated: the number of function evaluations (NFE).

        Returns
        -------
        int

        Examples
        --------
        >>> import symdyn as sd
        >>> clock = NodeClock([0.0, 0.5, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)
        >>> sd.METHODS["heun-edm"].table([clock]).evaluations
        4
        """
        return int(self.evaluated.sum())

    @property
    def window(self) -> int:
        """How many rows back a row looks at most.

        Returns
        -------
        int

        Examples
        --------
        >>> import symdyn as sd
        >>> clock = NodeClock([0.0, 0.5, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)
        >>> sd.METHODS["deis-tab1"].table([clock]).window
        2
        """
        return max((r - k for r, terms in enumerate(self.terms) for _, k in terms), default=0)

    def __str__(self) -> str:
        lines = []
        for r in range(1, len(self.times)):
            combination = Combination(dict(zip(self.terms[r], map(float, self.coefficients[r][0]), strict=True)))
            shift = f" + {self.shifts[r, 0]:.6g}" if self.shifts[r, 0] else ""
            lines.append(f"x{r} = {combination}{shift}  at {self.times[r]:.6g}")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class SamplerScheme:
    """A sampler, or exponential multistep method, for systems that split into a linear part and a rest.

    Attributes
    ----------
    name, reference : str
    order : float
        Order of convergence on nodes whose clock is spaced evenly, for flows that contract: methods of several steps begin
        with lower orders, and the error of the first step, of order 2, remains where it is not damped.
    formula : callable
        ``formula(trace)`` notes the rows of the method in a `SamplerTrace`.
    options : type
        Of the method, a subclass of `SamplerOptions`.
    level : bool
        Whether the formula uses the noise level.

    Examples
    --------
    Exponential Euler, which is DDIM:

    >>> import symdyn as sd
    >>> def formula(trace):
    ...     x = trace.start
    ...     for t, u in trace.steps:
    ...         x = trace.reach(u, trace.ddim(x, trace.noise(x), t, u))
    >>> euler = SamplerScheme(name="e", reference="", order=1, formula=formula, options=SamplerOptions)
    >>> print(euler.table([NodeClock([0.0, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)]))
    x1 = 1 x0 + 1 n0  at 1
    """

    name: str
    reference: str
    order: float
    formula: Callable[[SamplerTrace], None]
    options: type[MethodOptions]
    level: bool = False

    def applies(self, system: System) -> str | None:
        """None if the method can be used, else the reason why not.

        Parameters
        ----------
        system : System

        Returns
        -------
        str or None

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.METHODS["ddim"].applies(sd.ODESystem.from_text("x' = -x + sin(x)"))
        """
        if (reason := system.unmet(["drift"])) is not None:
            return reason
        if system.algebraic or system.history:
            return "it takes rates of change at one time, without algebraic equations and delays"
        return needs_level(system) if self.level else None

    def table(self, clocks: list[NodeClock], options: Mapping[str, Any] | None = None) -> SamplerTable:
        """The table for nodes.

        Parameters
        ----------
        clocks : list of NodeClock
            Of each group of states, at the same nodes.
        options : mapping, optional
            Of the method besides the nodes.

        Returns
        -------
        SamplerTable

        Examples
        --------
        >>> import symdyn as sd
        >>> clock = NodeClock([0.0, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)
        >>> print(sd.METHODS["ddim"].table([clock]))
        x1 = 1 x0 + 1 n0  at 1
        """
        traces: list[SamplerTrace] = []
        for clock in clocks:
            traces.append(SamplerTrace(clock, traces[0] if traces else None, options))
            self.formula(traces[-1])
        first = traces[0]
        terms, coefficients = [], []
        shifts = np.zeros((len(first.rows), len(traces)))
        for r in range(len(first.rows)):
            keys = tuple(dict.fromkeys(k for trace in traces for k, v in trace.rows[r].terms.items() if v != 0.0))
            terms.append(keys)
            coefficients.append(np.array([[trace.rows[r].terms.get(k, 0.0) for k in keys] for trace in traces]))
            for g, trace in enumerate(traces if r else ()):
                of = trace.clock.mean
                kept = sum(v * of(trace.times[k]) for (kind, k), v in trace.rows[r].terms.items() if kind == "x")
                shifts[r, g] = of(trace.times[r]) - kept
        evaluated = np.array([k in first.evaluated for k in range(len(first.rows))])
        return SamplerTable(
            np.array(first.times), np.array(first.reached), evaluated, tuple(terms), tuple(coefficients), shifts
        )


def needs_level(system: System) -> str | None:
    """None where a system declares its noise level, else the reason that methods with this clock give."""
    if any(o.name == NOISE_LEVEL for o in system.observables):
        return None
    return (
        "it interpolates in the logarithmic signal-to-noise ratio, and this system declares no noise level: the observable "
        "noise_level, a solution of s' = a*s + g, which probability flows have; 'deis-tab2' interpolates in time"
    )


@dataclass(frozen=True, kw_only=True, repr=False)
class SamplerOptions(MethodOptions):
    """Options of samplers, which take one step from each node to the next.

    Parameters
    ----------
    nodes : sequence of float, optional
        Times of the steps, in the order of integration and with all output times among them; by default the output times.

    Raises
    ------
    DeclarationError
        For nodes that are not finite or not in order.

    Examples
    --------
    >>> import symdyn as sd
    >>> logistic = sd.ODESystem.from_text("x' = x - x^2; x(0) = 0.1")
    >>> fine = sd.methods.DeisTab2(nodes=[0, 0.25, 0.5, 0.75, 1])
    >>> sd.simulate(logistic, [0, 1], method=fine, progress=False).x.values.round(2).tolist()  # exact: 0.232
    [0.1, 0.23]
    """

    nodes: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.nodes is None:
            return
        try:
            given = np.array(self.nodes, dtype=float)
        except (TypeError, ValueError):
            raise DeclarationError(f"nodes are {self.nodes!r}; expected a sequence of times") from None
        gaps = np.diff(given) if given.ndim == 1 else np.array([np.nan])
        if given.ndim != 1 or len(given) < 2 or not np.isfinite(given).all() or not ((gaps > 0).all() or (gaps < 0).all()):
            raise DeclarationError(
                f"nodes are {self.nodes!r}; expected at least two finite times that increase or decrease strictly"
            )
        object.__setattr__(self, "nodes", tuple(map(float, given)))

    @property
    def recorded(self) -> dict[str, Any]:
        found = super().recorded
        return found if self.nodes is None else {**found, "nodes": list(self.nodes)}

    def numbers(self, step: float) -> dict[str, Any]:
        return {name: value for name, value in self.given.items() if name != "nodes"}

    def placed(self, times: np.ndarray) -> dict[str, Any]:
        """The nodes as distances from the first time; the output times where none were given.

        Parameters
        ----------
        times : (T,) float64
            Output times, in the order of integration.

        Returns
        -------
        dict of str to tuple of float
            ``nodes``.

        Raises
        ------
        DeclarationError
            If an output time is not among the nodes, or nodes lie outside.

        Examples
        --------
        >>> SamplerOptions(nodes=(1.0, 0.5, 0.0)).placed(np.array([1.0, 0.0]))
        {'nodes': (0.0, 0.5, 1.0)}
        """
        length = abs(times[-1] - times[0])
        outputs = np.abs(times - times[0])
        if self.nodes is None or length == 0:
            return {"nodes": tuple(outputs.tolist())}
        sign = np.sign(times[-1] - times[0])
        offsets = (np.array(self.nodes) - times[0]) * sign
        if offsets[0] > offsets[-1]:
            raise DeclarationError(f"nodes run from {self.nodes[0]:g} to {self.nodes[-1]:g}, against the output times")
        close = 1e-12 * max(length, *np.abs(times[[0, -1]]))
        near = np.abs(offsets[:, None] - outputs)
        if (missing := near.min(axis=0) > close).any():
            raise DeclarationError(f"the output time {times[missing][0]:g} is not among the nodes; steps go from node to node")
        offsets = np.where(near.min(axis=1) <= close, outputs[near.argmin(axis=1)], offsets)
        if offsets[0] < 0 or offsets[-1] > length:
            raise DeclarationError(f"nodes lie outside the output times {times[0]:g} to {times[-1]:g}")
        return {"nodes": tuple(offsets.tolist())}
