"""Arguments common to many drivers, and the numba type of a named tuple.

The annotations of the fields are the one statement of their types; `signature` reads them.  Every array is in C order.
numba is imported where functions are compiled, and by nothing that only fills or reads these tuples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_args, get_type_hints

import numpy as np

if TYPE_CHECKING:
    from numba import types

__all__ = [
    "Batch",
    "Control",
    "Frames",
    "IntegerRows",
    "Integers",
    "Numbers",
    "Rows",
    "Run",
    "Signals",
    "Tolerances",
    "numba_type",
    "signature",
]

#: Arrays, with their entries and their number of axes.
Integers = Annotated[np.ndarray, np.int64, 1]
IntegerRows = Annotated[np.ndarray, np.int64, 2]
Numbers = Annotated[np.ndarray, np.float64, 1]
Rows = Annotated[np.ndarray, np.float64, 2]
Frames = Annotated[np.ndarray, np.float64, 3]


class Batch(NamedTuple):
    """Trajectories to run.

    Attributes
    ----------
    initial : (N, n) float64
        Values at the first time.
    parameters : (N, k) float64
    times : (T,) float64
        Increasing; the first is the time of the initial values.
    streams : (N,) int64
        The stream of random numbers from which each trajectory draws.
    stops : (N, s, 2) float64
        Known times, in order, at which the right-hand side of each trajectory may jump: the last before each that a step may
        reach, and the first after it, from which the next step starts.  Infinite where a trajectory has fewer than s.

    Examples
    --------
    >>> batch = Batch(np.ones((5, 2)), np.zeros((5, 1)), np.array([0.0, 1.0]), np.arange(5))
    >>> batch.part(slice(1, 3)).initial.shape
    (2, 2)
    """

    initial: Rows
    parameters: Rows
    times: Numbers
    streams: Integers
    stops: Frames = np.empty((0, 0, 2))

    def part(self, rows: Any) -> Batch:
        """Some of the trajectories.

        Parameters
        ----------
        rows : slice or (m,) array of int or bool

        Returns
        -------
        Batch

        Examples
        --------
        >>> batch = Batch(np.ones((5, 2)), np.zeros((5, 1)), np.array([0.0, 1.0]), np.arange(5))
        >>> batch.part(slice(1, 3)).streams.tolist()
        [1, 2]
        """
        stops = self.stops[rows] if self.stops.shape[1] else self.stops
        return Batch(self.initial[rows], self.parameters[rows], self.times, self.streams[rows], stops)


class Run(NamedTuple):
    """Results of a kernel for N trajectories, T times and n states.

    Attributes
    ----------
    values : (N, T, n) float64
        NaN from a failure on.
    status, steps, rejected, evaluations : (N,) int64
        Status codes of `symdyn_kernels.status`; counts of what was accepted, rejected and evaluated, which
        `Family.counted` explains.
    passage : (N,) float64
        First time at which the condition `until` was found true; infinity if it was not before the last time.
    details : (N, m) int64
        Further counts, those of `Family.details`.
    aside : (N, q) float64
        What a kernel records besides the values at the output times, such as fields at some of them.

    Examples
    --------
    >>> run = Run.empty(3, times=2, states=1)
    >>> run.values.shape, run.status.tolist(), run.passage.tolist()
    ((3, 2, 1), [0, 0, 0], [inf, inf, inf])
    """

    values: Frames
    status: Integers
    steps: Integers
    rejected: Integers
    evaluations: Integers
    passage: Numbers
    details: IntegerRows
    aside: Rows

    @classmethod
    def empty(cls, trajectories: int, times: int, states: int, details: int = 0, aside: int = 0) -> Run:
        """Arrays for the results; values are not initialised, counts are zero.

        Parameters
        ----------
        trajectories, times, states, details, aside : int
            Their numbers N, T, n, m and q.

        Returns
        -------
        Run

        Examples
        --------
        >>> run = Run.empty(3, times=2, states=1, details=4)
        >>> run.values.shape, run.details.shape
        ((3, 2, 1), (3, 4))
        """
        status, steps, rejected, evaluations = (np.zeros(trajectories, np.int64) for _ in range(4))
        values, further = np.empty((trajectories, times, states)), np.zeros((trajectories, details), np.int64)
        never, beside = np.full(trajectories, np.inf), np.full((trajectories, aside), np.nan)
        return cls(values, status, steps, rejected, evaluations, never, further, beside)

    def part(self, rows: Any) -> Run:
        """The results of some of the trajectories; a slice gives views.

        Parameters
        ----------
        rows : slice or (m,) array of int or bool

        Returns
        -------
        Run

        Examples
        --------
        >>> run = Run.empty(3, times=2, states=1)
        >>> run.part(slice(0, 2)).status[:] = 7
        >>> run.status.tolist()
        [7, 7, 0]
        """
        return Run(*(array[rows] for array in self))


class Signals(NamedTuple):
    """Shared with running kernels: set ``stop[0]`` to interrupt, read ``done[0]`` for the trajectories that ended.

    Attributes
    ----------
    stop, done : (1,) int64
    reached : (1,) float64
        Time that the present trajectory has reached, where a kernel runs one after another and says so; else not a number.
    """

    stop: Integers
    done: Integers
    reached: Numbers

    @classmethod
    def new(cls, stop: np.ndarray | None = None) -> Signals:
        """Signals, by default with a request to stop of their own.

        Parameters
        ----------
        stop : (1,) int64, optional
            A request that several kernels share.

        Returns
        -------
        Signals

        Examples
        --------
        >>> Signals.new().stop.tolist()
        [0]
        """
        return cls(np.zeros(1, np.int64) if stop is None else stop, np.zeros(1, np.int64), np.full(1, np.nan))


class Control(NamedTuple):
    """A step controller, for `symdyn_kernels.shared.control`; `symdyn.methods.controllers` makes it.

    Attributes
    ----------
    now, before, earlier : float
        Exponents of the error of the step that was accepted, and of those of the two before it.
    rejected : float
        Exponent of the error of a step that was rejected.
    safety, shrink, grow : float
        Part of the step that the error allows; the factors by which a step shrinks and grows at most.
    """

    now: float
    before: float
    earlier: float
    rejected: float
    safety: float
    shrink: float
    grow: float


class Tolerances(NamedTuple):
    """Tolerances and limits of adaptive steps.

    Attributes
    ----------
    rtol, atol : float
    longest : float
        The longest step allowed; infinite if any is.
    max_steps : int
        Attempts allowed a trajectory.
    """

    rtol: float
    atol: float
    longest: float
    max_steps: int


def numba_type(annotation: Any) -> types.Type:
    """The numba type of values of a field, or of a class of named tuples with all its fields.

    >>> numba_type(Signals)
    Signals(array(int64, 1d, C), array(int64, 1d, C), array(float64, 1d, C))
    >>> numba_type(float)
    float64
    """
    from numba import from_dtype, types

    if isinstance(annotation, type) and issubclass(annotation, tuple):
        fields = get_type_hints(annotation, include_extras=True).values()
        return types.BaseTuple.from_types([numba_type(f) for f in fields], annotation)
    if annotation in (int, float):
        return types.int64 if annotation is int else types.float64
    _, kind, *axes = get_args(annotation)
    return types.Array(from_dtype(np.dtype(kind)), *axes, "C") if axes else kind


def signature(arguments: type) -> Any:
    """The signature of a driver: a count from a named tuple of this class."""
    from numba import types

    return types.int64(numba_type(arguments))
