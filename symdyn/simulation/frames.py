"""Frames: how the trajectories of a system begin, and which labelled variables their numbers are.

The state of a system is one number for each of its states, unless some of them are fields; then `SpatialSystem.frame` gives a
frame of the system's own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np
import sympy as sp

from symdyn.codegen.delay_program import observed_delays
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.event_program import recorded
from symdyn.codegen.input_paths import course_symbols, input_values
from symdyn.codegen.lower import lower
from symdyn.codegen.program import Program
from symdyn.derive.index_reduction import index_reduced
from symdyn.identity import remembered
from symdyn.system import System

__all__ = ["Frame", "Variable", "observe", "observer"]


#: Bytes of a field of one trajectory that a store keeps as one.
PIECE_BYTES = 64_000_000
#: Output times, of all trajectories together, whose observables are evaluated at once: numbers stay in the processor's cache.
OBSERVED = 8192


class Variable(NamedTuple):
    """A variable of a dataset and its place among the numbers of a trajectory.

    Attributes
    ----------
    name : str
    dims, shape : tuples
        Its dimensions besides those of the design and time, with their lengths.
    start : int
        Its first number: among those of an output time, or among those that are recorded aside.
    timed : bool
        Whether it has the dimension ``time``; otherwise it is recorded aside, see `symdyn_kernels.arguments.parts.Run`.
    meaning : str
        Its attribute ``long_name``, unless that is empty.

    Examples
    --------
    >>> Variable("u", ("x",), (4,), start=2).columns
    slice(2, 6, None)
    """

    name: str
    dims: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    start: int = 0
    timed: bool = True
    meaning: str = ""

    @property
    def columns(self) -> slice:
        """Its numbers."""
        return slice(self.start, self.start + math.prod(self.shape))

    @property
    def labelled(self) -> tuple[str, ...]:
        """Its dimensions besides those of the design."""
        return ("time", *self.dims) if self.timed else self.dims

    def piece(self, times: int) -> int:
        """Output times in a piece of the variable in a store; all of them where it is one number at each.

        Parameters
        ----------
        times : int
            Their number.

        Returns
        -------
        int

        Examples
        --------
        >>> Variable("u").piece(1001), Variable("u", ("x", "y"), (512, 512)).piece(1001)
        (1001, 30)
        """
        return min(times, max(1, PIECE_BYTES // (8 * math.prod(self.shape)))) if self.dims else times

    def of(self, values: np.ndarray, aside: np.ndarray) -> np.ndarray:
        """The variable of N trajectories.

        Parameters
        ----------
        values : (N, T, c) float64
            At the output times.
        aside : (N, q) float64

        Returns
        -------
        (N, T, *shape) or (N, *shape) array

        Examples
        --------
        >>> values = np.arange(6.0).reshape(1, 1, 6)
        >>> Variable("u", ("x", "y"), (2, 2), start=2).of(values, np.empty((1, 0))).tolist()
        [[[[2.0, 3.0], [4.0, 5.0]]]]
        """
        if not self.timed:
            return aside[:, self.columns].reshape(len(aside), *self.shape)
        return values[..., self.start] if not self.dims else values[..., self.columns].reshape(*values.shape[:2], *self.shape)


class Frame:
    """Initial values and variables of a system whose states are numbers.

    Parameters
    ----------
    system : System
    initial : mapping, optional
        Initial values as `symdyn.simulate` is given them.

    Attributes
    ----------
    system, declared : System
        The system that is simulated, and that which was asked for: another one where time runs backwards, and of higher index.
    given : mapping or None
        Initial values as numbers and sweeps, of which a design is made.
    skip : frozenset of Symbol
        States whose initial values are not the numbers in the design.
    coordinates : mapping
        Of the dataset, besides those of time and of the design.
    facts : mapping
        Attributes of the dataset.
    summable : bool
        Whether a card may sum trajectories up: times and observables are those of the kernel.
    counting : bool
        Whether firings of events are counted.

    Examples
    --------
    >>> import symdyn as sd
    >>> [v.name for v in Frame(sd.ODESystem.from_text("x' = -x; d := 2*x")).variables]
    ['x', 'd']
    """

    skip: frozenset[sp.Symbol] = frozenset()
    facts: Mapping[str, Any] = {}
    summable = True
    counting = True

    def __init__(self, system: System, initial: Mapping[Any, Any] | None = None) -> None:
        self.system = self.declared = system
        self.given = initial
        self.coordinates: Mapping[str, Any] = {"event": [str(e) for e in system.events]} if system.events else {}

    @classmethod
    def of(cls, system: System, initial: Mapping[Any, Any] | None) -> Self:
        """The frame of a system as it is declared; one with algebraic equations is simulated with index 1.

        Parameters
        ----------
        system : System
        initial : mapping, optional

        Returns
        -------
        Frame

        Examples
        --------
        >>> import symdyn as sd
        >>> frame = Frame.of(sd.ODESystem.from_text("x' = z; 0 = x - sin(t) for z"), None)
        >>> frame.system.constraints, frame.declared.constraints
        ((x - sin(t),), ())
        """
        frame = cls(index_reduced(system), initial)
        frame.declared = system
        return frame

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Variables at all output times, in the order of their numbers, then those that are recorded aside."""
        own = _numbered(self.system)
        return own + self._fired if self.events else own

    @property
    def events(self) -> int:
        """Number of events whose firings are counted."""
        return len(self.system.events) if self.counting else 0

    def count_no_firings(self, why: str) -> None:
        """Leave how often events happened out of the dataset, and say so in its attributes.

        Parameters
        ----------
        why : str

        Examples
        --------
        >>> import symdyn as sd
        >>> x = sp.Symbol("x")
        >>> frame = Frame(sd.ODESystem({x: -x}, events=sd.dose(x, 1, start=2)))
        >>> frame.count_no_firings("nothing counts them here")
        >>> frame.variables[-1].name, frame.facts
        ('x', {'fired': 'nothing counts them here'})
        """
        self.counting, self.facts = False, {**self.facts, "fired": why}
        self.coordinates = {name: value for name, value in self.coordinates.items() if name != "event"}

    @property
    def _fired(self) -> tuple[Variable, ...]:
        """What is reported of events, beside the output times."""
        count, each = recorded(self.system)
        number = Variable("fired", ("event",), (count,), 0, timed=False, meaning="how often the event happened")
        if not each:
            return (number,)
        return number, Variable(
            "fired_at", ("event", "firing"), (count, each), count, timed=False, meaning=f"when, up to {each} times"
        )

    @property
    def columns(self) -> int:
        """Numbers at an output time, observables included."""
        return _extent(self.variables)[0]

    @property
    def aside(self) -> int:
        """Numbers that are recorded aside."""
        return _extent(self.variables)[1]

    @property
    def observer(self) -> Program | None:
        """The program of the observables."""
        return observer(self.system)

    @property
    def described(self) -> Mapping[str, Any]:
        """Initial values that are not in the design, by what they are, for the comparison of two requests."""
        return {}

    def condition(self, until: sp.Basic | None) -> sp.Basic | None:
        """A condition on the declared system as one on that which is simulated.

        Parameters
        ----------
        until : Boolean or None

        Returns
        -------
        Boolean or None

        Examples
        --------
        >>> import symdyn as sd
        >>> t = sp.Symbol("t")
        >>> Frame(sd.ODESystem.from_text("x' = -x")).condition(t > 3)
        t > 3
        """
        return until

    def labels(self, times: np.ndarray) -> np.ndarray:
        """The times of the declared system at those of the kernel.

        Parameters
        ----------
        times : (T,) float64

        Returns
        -------
        (T,) float64

        Examples
        --------
        >>> import symdyn as sd
        >>> Frame(sd.ODESystem.from_text("x' = -x")).labels(np.arange(3.0)).tolist()
        [0.0, 1.0, 2.0]
        """
        return times

    def states(self, initial: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Initial states (N, size) of the kernel from rows of the design.

        Parameters
        ----------
        initial : (N, n) float64
        parameters : (N, k) float64

        Returns
        -------
        (N, size) float64

        Examples
        --------
        >>> import symdyn as sd
        >>> Frame(sd.ODESystem.from_text("x' = -x")).states(np.ones((1, 1)), np.empty((1, 0))).tolist()
        [[1.0]]
        """
        return initial

    def observed(self, values: np.ndarray, parameters: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Values (N, T, c) at the output times, observables included, from what the kernel recorded.

        Parameters
        ----------
        values : (N, T, m) float64
            Recorded by the kernel.
        parameters : (N, k) float64
        times : (T,) float64

        Returns
        -------
        (N, T, c) float64

        Examples
        --------
        >>> import symdyn as sd
        >>> frame = Frame(sd.ODESystem.from_text("x' = -x; d := 2*x"))
        >>> frame.observed(np.array([[[3.0]]]), np.empty((1, 0)), np.zeros(1)).tolist()
        [[[3.0, 6.0]]]
        """
        size = len(self.system.states)
        if self.observer is None:
            return values if values.shape[-1] == size else values[..., :size]
        inputs = input_values(self.system, parameters, times)
        past = [values[..., i] for i in range(size, values.shape[-1])]
        return observe(self.observer, values[..., :size], parameters, times, [*inputs, *past])

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "observer"}


@remembered(32)
def _numbered(system: System) -> tuple[Variable, ...]:
    """States and observables, variables of one number each, one after the other."""
    return tuple(Variable(name, start=i) for i, name in enumerate((*system.names, *(o.name for o in system.observables))))


@remembered(32)
def _extent(variables: tuple[Variable, ...]) -> tuple[int, int]:
    """Numbers of some variables at an output time, and aside."""
    timed, aside = (sum(math.prod(v.shape) for v in variables if v.timed is kind) for kind in (True, False))
    return timed, aside


@lru_cache(maxsize=32)
def observer(system: System) -> Program | None:
    """The program of the observables, if there are any."""
    if not system.observables:
        return None
    courses = course_symbols(system)
    courses |= {call: sp.Symbol(f"past'{k}") for k, call in enumerate(observed_delays(system))}
    blocks: Sequence[Any] = [("lane", (system.time, *courses.values())), ("y", system.states), ("p", system.parameters)]
    observed = [e.xreplace(courses) for e in system.observables.values()]
    return lower("observe", blocks, observed, [o.name for o in system.observables])


def observe(
    program: Program | None, values: np.ndarray, parameters: np.ndarray, times: np.ndarray, inputs: Sequence[np.ndarray] = ()
) -> np.ndarray:
    """States and observables (N, T, n + m) from states (N, T, n), parameters (N, k), times (T,), inputs and the past (N, T)."""
    if program is None:
        return values
    (count, length, n), m = values.shape, len(program.outputs)
    found = np.empty((n + m, count, length), values.dtype)  # one after the other: they become variables of their own
    rows = max(1, OBSERVED // max(1, length))
    for begin in range(0, count, rows):
        part = slice(begin, begin + rows)
        found[:n, part] = np.moveaxis(values[part], -1, 0)
        courses = [np.broadcast_to(course, (count, length))[part] for course in inputs]
        columns = evaluate(program, [times[None, :], *courses], list(found[:n, part]), list(parameters.T[:, part, None]))
        for j, column in enumerate(columns):
            found[n + j, part] = column
    missing = np.isnan(values[..., 0])
    if missing.any():
        found[n:, missing] = np.nan
    return np.moveaxis(found, 0, -1)
