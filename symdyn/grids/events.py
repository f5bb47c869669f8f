"""Events of fields on a grid, on numbers of the fields, with new values at every point, and knots of inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import sympy as sp
from symdyn_kernels.arguments.events import KNOWN

from symdyn.codegen.event_program import event_facts, event_schedule, known_margins, recorded, strictly
from symdyn.errors import DeclarationError
from symdyn.grids.frames import observer_of
from symdyn.grids.system import GridSystem
from symdyn.models.events import Event, margin
from symdyn.models.operators import components, varies
from symdyn.models.schedules import Schedule

__all__ = ["FieldEvents"]


class FieldEvents:
    """The events of a system on a grid, see `symdyn.integration.events.Happenings`.

    Parameters
    ----------
    system : GridSystem
        With its inputs written out.
    declared : GridSystem, optional
        With its inputs, if it has any.

    Raises
    ------
    DeclarationError
        For conditions, delays and priorities, and new values of scalars, that differ from point to point.

    Examples
    --------
    >>> import symdyn as sd
    >>> pde = sd.PDESystem.from_text("u' = -u; at 1, u = u + x", domain=(0, 1), initial={"u": 1})
    >>> events = FieldEvents(pde.discretize(4))
    >>> y = np.ones(4)
    >>> events.assign(0, events.values(0, 1.0, y, np.empty(0)), y)
    >>> y.tolist()
    [1.125, 1.375, 1.625, 1.875]
    """

    def __init__(self, system: GridSystem, declared: GridSystem | None = None) -> None:
        self.system, self.declared = system, system if declared is None else declared
        self.facts = event_facts(system, system.space)
        self.flags = np.array(self.facts["flags"], np.int64)
        self.scheduled = np.array([isinstance(e.trigger, Schedule) for e in system.events], bool)
        self.recorded = recorded(system)[1]
        known = (self.flags & KNOWN) != 0
        self._known = np.flatnonzero(known & ~self.scheduled).tolist()
        self._sampled = np.flatnonzero(~known).tolist()
        found = [self._number(margin(system.events[k].trigger, strict=strictly), system.events[k]) for k in self._sampled]
        self._margins = observer_of(system, [], found) if found else None
        self._effects = [_Effect(system, e, self._number) for e in system.events]

    def _number(self, e: sp.Expr, event: Event) -> sp.Expr:
        """An expression without vectors that is one number."""
        plain = components(e, self.system.dimension)
        if varies(plain, {*self.system.fields, *self.system.space}):
            raise DeclarationError(
                f"{e} of the event '{event}' differs from point to point; conditions, delays, priorities and new values of "
                "scalars are made of mean(...), integral(...), scalars, parameters and time"
            )
        return plain

    def schedule(self, parameters: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Known times (N, S, 3) of trajectories with parameters (N, k)."""
        return event_schedule(self.declared, self.facts, parameters, times, lambda own: known_margins(self.declared, own))

    def margins(self, t: float, y: np.ndarray, p: np.ndarray, *, known: bool) -> np.ndarray:
        found = np.full(len(self.system.events), -1.0)
        if self._margins is not None:
            found[self._sampled] = self._margins.rates(y, t, p)
        for k in self._known if known else ():
            found[k] = 0.0 if known_margins(self.system, p[None])(k, np.array([t]))[0] else -1.0
        return found

    def delay(self, event: int, t: float, y: np.ndarray, p: np.ndarray) -> float:
        return 0.0 if self.system.events[event].delay == 0 else self._effects[event].delay(y, t, p)

    def priority(self, event: int, t: float, y: np.ndarray, p: np.ndarray) -> float:
        return -np.inf if self.system.events[event].priority is None else self._effects[event].priority(y, t, p)

    def values(self, event: int, t: float, y: np.ndarray, p: np.ndarray) -> list[np.ndarray]:
        return self._effects[event].values(y, t, p)

    def assign(self, event: int, values: Sequence[np.ndarray], y: np.ndarray) -> None:
        for place, value in zip(self._effects[event].places, values, strict=True):
            y[place] = value


class _Effect:
    """What one event assigns, its delay and its priority."""

    def __init__(self, system: GridSystem, event: Event, number: Callable[[sp.Expr, Event], sp.Expr]) -> None:
        cells, fields = int(np.prod(system.shape)), system.fields
        spread = [s for s in event.assignments if s in fields]
        single = [s for s in event.assignments if s not in fields]
        first = len(fields) * cells
        self.places = [slice(fields.index(s) * cells, (fields.index(s) + 1) * cells) for s in spread]
        self.places += [slice(first + system.scalars.index(s), first + system.scalars.index(s) + 1) for s in single]
        ends = [components(event.assignments[s], system.dimension) for s in spread]
        numbers = [number(event.assignments[s], event) for s in single]
        priority = [] if event.priority is None else [number(event.priority, event)]
        self._values = observer_of(system, ends, numbers)
        self._waits = observer_of(system, [], [number(event.delay, event), *priority])
        self._bounds = np.cumsum([cells] * len(spread) + [1] * len(single))[:-1]

    def values(self, y: np.ndarray, t: float, p: np.ndarray) -> list[np.ndarray]:
        return np.split(self._values.rates(y, t, p), self._bounds)

    def delay(self, y: np.ndarray, t: float, p: np.ndarray) -> float:
        return float(self._waits.rates(y, t, p)[0])

    def priority(self, y: np.ndarray, t: float, p: np.ndarray) -> float:
        return float(self._waits.rates(y, t, p)[1])
