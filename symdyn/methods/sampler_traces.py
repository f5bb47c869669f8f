"""What the formula of a sampler is run with: linear combinations of the states and evaluations of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from symdyn.methods.clocks import NodeClock

__all__ = ["ONE", "Combination", "SamplerTrace", "Source"]

#: A term of a row: the state ("x") or the evaluation ("n") of a row, or the number one.
Source = tuple[str, int]
ONE: Source = ("1", 0)


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
    member, members : int
        The number of the group, and of groups.

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

    def __init__(
        self, clock: NodeClock, master: SamplerTrace | None = None, options: Mapping[str, Any] | None = None, *,
        member: int = 0, members: int = 1,
    ) -> None:  # fmt: skip
        self.clock, self.options, self.member, self.members = clock, dict(options or {}), member, members
        self.steps = clock.steps
        self._master = master
        self.rows: list[Combination] = [Combination()]
        self.spreads = [0.0]
        self.times = [float(clock.nodes[0])]
        self.evaluated: set[int] = set()
        self.reached: list[int] = [0]
        self.start = Combination({("x", 0): 1.0})

    def row(self, t: float, state: Combination, spread: float = 0.0) -> Combination:
        """Note a state at a time, such as a stage.

        Parameters
        ----------
        t : float
        state : Combination
        spread : float
            Standard deviation of independent normal numbers that are added to the states.

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
        self.spreads.append(float(spread))
        self.times.append(float(t))
        return Combination({("x", len(self.rows) - 1): 1.0})

    def reach(self, t: float, state: Combination, spread: float = 0.0) -> Combination:
        """Note the state at the end of a step.

        Parameters
        ----------
        t : float
        state : Combination
        spread : float
            As of `row`.

        Returns
        -------
        Combination

        Examples
        --------
        >>> trace = SamplerTrace(NodeClock([0.0, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t))
        >>> trace.reach(1.0, trace.start)
        Combination(terms={('x', 1): 1.0})
        """
        found = self.row(t, state, spread)
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

    def constant(self, value: float) -> Combination:
        """A number that rows add.

        Parameters
        ----------
        value : float

        Returns
        -------
        Combination

        Examples
        --------
        >>> trace = SamplerTrace(NodeClock([0.0, 1.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t))
        >>> trace.constant(2.0)
        Combination(terms={('1', 0): 2.0})
        """
        return Combination({ONE: value} if value else {})

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
