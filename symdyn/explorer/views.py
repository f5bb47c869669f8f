"""What an explorer shows for given values, as plain numbers; notebooks and browsers are transports of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.codegen.effects import refuse_idle
from symdyn.codegen.kernel import compile
from symdyn.errors import DeclarationError, SimulationError, SymdynError
from symdyn.explorer.bookmarks import python_lines
from symdyn.explorer.plane import PlaneView, all_rests
from symdyn.explorer.requests import read_request
from symdyn.explorer.sliders import Slider, make_sliders
from symdyn.explorer.summaries import curves, ensemble
from symdyn.given_values import numeric_values
from symdyn.methods.options import check_positive, check_whole
from symdyn.quantities import Units
from symdyn.simulation.ensemble import GivenUpError, given_up
from symdyn.simulation.run import simulate
from symdyn.system import System

__all__ = ["Explorer"]

#: Variables that are shown at first, output times, trajectories and the last times unless given.
SHOWN, POINTS, ENSEMBLE, STOP, STEPS = 6, 301, 200, 20.0, 50.0
#: Most output times and trajectories, which bounds what a frame takes.
MOST_POINTS, MOST_TRAJECTORIES = 20_001, 100_000


class Explorer:
    """Trajectories, phase plane, steady states and distributions of a system for values that are chosen by hand.

    It knows nothing of the page that shows it: `frame` goes from values to plain numbers, and each frame holds the Python lines
    that compute it.

    Parameters
    ----------
    system : System
        Of ODEs, SDEs, maps or reactions, without unknown terms.
    parameters, initial : mapping from symbols or names to float, optional
        Where the sliders begin, over the defaults of the system and in its units.  Initial values that are expressions follow
        the parameters, and have no slider unless they are given here.
    ranges : mapping from symbols or names to (float, float), optional
        Of sliders; by default from a tenth to ten times the value, for numbers of molecules from 0 to four times.
    stop : float, optional
        The last time, in the unit of time; the first is 0, or where a `history_span` ends.  By default 20 later, for maps 50.
    points : int, optional
        Output times, 301 by default; maps have all.
    trajectories : int, optional
        Of systems with noise, 200 by default.
    seed : int, optional
        Of their random numbers, 0 by default: the same values give the same frame.
    units : Units or mapping from symbols or names to str, optional
        Units of the system, which sliders, axes and tables then show; see `symdyn.Units` (extra ``units``).

    Raises
    ------
    DeclarationError
        For other kinds of systems, missing values, and options without effect.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.explorer.Explorer(sd.ODESystem.from_text("x' = -k*x; k = 1; x(0) = 1"), stop=1)
    >>> frame = decay.frame(parameters={"k": 2})
    >>> round(frame["curves"]["x"][-1], 6), frame["message"]
    (0.135335, '')
    """

    def __init__(
        self,
        system: System,
        *,
        parameters: Mapping[Any, float] | None = None,
        initial: Mapping[Any, float] | None = None,
        ranges: Mapping[Any, tuple[float, float]] | None = None,
        stop: float | None = None,
        points: int | None = None,
        trajectories: int | None = None,
        seed: int | None = None,
        units: Units | Mapping[Any, str] | None = None,
    ) -> None:
        if not isinstance(system, System):
            raise DeclarationError(f"expected a system to explore, got {type(system).__name__}; text goes through from_text")
        if not {"drift", "map", "propensities"} & system.parts or "fields" in system.parts:
            raise DeclarationError(f"explore takes ODEs, SDEs, maps and reaction networks, got {type(system).__name__}")
        if system.unknowns:
            raise DeclarationError(f"{system.unknowns[0]} is an unknown term; give it an expression with with_terms")
        self.first = system.history_span[1] if system.history_span else 0.0
        _check(points, trajectories, seed)
        self._check_stop(stop)
        free = [s for s in system.parameters if s not in system.inputs]
        values = {**system.numeric_defaults, **numeric_values(parameters, system.parameters, "parameter")}
        if missing := [s.name for s in free if s not in values]:
            raise DeclarationError(f"no value for the parameter {missing[0]}; pass parameters={{'{missing[0]}': ...}}")
        given = numeric_values(initial, system.states, "initial value of")
        numbers = {s: v for s, v in system.initial.items() if isinstance(v, (int, float))} | given
        lost = [s.name for s in system.states if s not in {*numbers, *system.initial, *system.history}]
        if lost:
            raise DeclarationError(f"no initial value for {lost[0]}; pass initial={{'{lost[0]}': ...}}")
        self.system = system
        kernel = compile(system, trajectories=trajectories or ENSEMBLE)
        drawn = not all(isinstance(v, (int, float, sp.Expr)) for s, v in system.initial.items() if s not in given)
        self.stochastic = kernel.stochastic or drawn
        reads = [name for name, read in (("points", not system.whole_steps), ("seed", self.stochastic)) if read]
        reads += ["trajectories"] if self.stochastic else []
        options = {"points": points, "trajectories": trajectories, "seed": seed}
        refuse_idle([n for n, v in options.items() if v is not None], reads, f"explore of this {type(system).__name__}")
        self.points = points or POINTS
        self.trajectories = trajectories or ENSEMBLE if self.stochastic else None
        self.seed = seed or 0 if self.stochastic else None
        self.stop = self.first + (STEPS if system.whole_steps else STOP) if stop is None else float(stop)
        self.counted = kernel.family.start != "real"
        parameters_shown = {s: values[s] for s in free}
        self.controls: tuple[Slider, ...] = make_sliders(
            system, parameters_shown, numbers, self.stop, ranges, counted=self.counted, first=self.first
        )
        self.units = {} if units is None else (units if isinstance(units, Units) else Units(system, units)).known
        self.variables = (*system.names, *(o.name for o in system.observables))
        flow = system.parts <= {"drift"} or system.parts <= {"map"}
        self.planar = flow and "drift" in system.parts and len(system.states) == 2 and not system.time_dependent
        self.restful = flow and not system.time_dependent

    def description(self) -> dict[str, Any]:
        """What a page is built from.

        Returns
        -------
        dict
            Of plain values: the controls, the variables, and which figures there are.

        Examples
        --------
        >>> import symdyn as sd
        >>> decay = sd.explorer.Explorer(sd.ODESystem.from_text("x' = -k*x; k = 1; x(0) = 1"))
        >>> [c["name"] for c in decay.description()["controls"]]
        ['k', 'x', 't']
        """
        system = self.system
        return {
            "kind": type(system).__name__,
            "equations": str(system),
            "time": system.time.name,
            "controls": [asdict(c) for c in self.controls],
            "units": {name: unit for name, unit in self.units.items() if unit != "1"},
            "variables": list(self.variables),
            "states": list(system.names),
            "shown": list(self.variables[:SHOWN]),
            "stochastic": self.stochastic,
            "steps": system.whole_steps,
            "stairs": self.counted,
            "trajectories": self.trajectories,
            "rests": "always" if self.planar else "asked" if self.restful else "",
        }

    def frame(
        self,
        *,
        parameters: Mapping[str, float] | None = None,
        initial: Mapping[str, float] | None = None,
        stop: float | None = None,
        shown: Sequence[str] | None = None,
        plane: Sequence[str] | None = None,
        rest: bool = False,
    ) -> dict[str, Any]:
        """All that is drawn for some values.

        Parameters
        ----------
        parameters, initial : mapping of str to float, optional
            Over the values with which the sliders begin.
        stop : float, optional
            The last time.
        shown : sequence of str, optional
            Variables, by default the first six.
        plane : (str, str), optional
            States of the phase plane.
        rest : bool
            Compute the steady states, which may take seconds; planar flows have those of the shown region in any case.

        Returns
        -------
        dict
            Of numbers, lists and text, ``None`` where a trajectory failed: ``times`` (T,), ``curves`` of a system without
            noise, else ``bands``, five quantiles (5, T), ``paths``, three trajectories (3, T), and ``histograms`` at the last
            time; ``plane`` with nullclines and steady states; ``rests``; ``message``, which says what failed; ``code``, the
            Python lines whose ``data`` hold the same numbers.

        Raises
        ------
        DeclarationError
            For values that do not fit.

        Examples
        --------
        >>> import symdyn as sd
        >>> net = sd.explorer.Explorer(sd.ReactionNetwork.from_text("0 -> X, 10; X -> 0, 1; X(0) = 0"), trajectories=50, stop=5)
        >>> frame = net.frame()
        >>> sum(frame["histograms"]["X"]["counts"]), len(frame["bands"]["X"])
        (50, 5)
        """
        system = self.system
        at = self._at(parameters, initial, stop)
        names = self._names(shown, plane)
        message = ""
        try:
            data = simulate(
                system, self._times(at["time"]), parameters=at["parameter"], initial=at["initial"],
                trajectories=self.trajectories, seed=self.seed, progress=False,
            )  # fmt: skip
        except SimulationError as error:
            if error.dataset is None:
                raise
            data, message = error.dataset, str(error)
        found: dict[str, Any] = {"times": data["time"].values.tolist(), "message": message}
        if self.stochastic:
            counted = system.names if self.counted else ()
            found |= ensemble(data, names, counted=counted, ends=plane or ())
        else:
            found |= curves(data, names)
        if self.planar and plane is not None:
            found["plane"] = self._plane(data, at["parameter"])
        if rest:
            if not self.restful:
                raise DeclarationError("steady states are those of autonomous ODEs and maps without noise and events")
            found["rests"] = all_rests(system, at["parameter"], at["initial"])
        found["code"] = python_lines(
            system, self._times_text(at["time"]), at, trajectories=self.trajectories, seed=self.seed, failed=bool(message)
        )
        return found

    def answer(self, request: Any, superseded: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """The frame for a request from outside; what is wrong with it, or fails, is its message.

        Parameters
        ----------
        request : mapping
            The arguments of `frame`, as they come from JSON.
        superseded : callable
            Whether nobody waits for this frame any longer; it is asked while trajectories are computed.

        Returns
        -------
        dict
            A frame, the message alone, or ``{"superseded": True}``.

        Raises
        ------
        DeclarationError
            If the request has other keys or types than `read_request` takes, or asks for steady states of a
            system without.

        Examples
        --------
        >>> import symdyn as sd
        >>> decay = sd.explorer.Explorer(sd.ODESystem.from_text("x' = -k*x; k = 1; x(0) = 1"))
        >>> decay.answer({"parameters": {"k": "1; import os"}})
        {'message': "the request has 'parameters' {'k': '1; import os'}; expected numbers by name"}
        """
        try:
            with given_up(superseded):
                return self.frame(**read_request(request))
        except GivenUpError:
            return {"superseded": True}
        except SymdynError as error:
            return {"message": str(error)}

    def _at(self, parameters: Any, initial: Any, stop: Any) -> dict[str, Any]:
        """The values of all controls."""
        values: dict[str, Any] = {"parameter": {}, "initial": {}}
        for c in self.controls:
            if c.kind != "time":
                values[c.kind][c.name] = c.value
        for kind, given in (("parameter", parameters), ("initial", initial)):
            for name, value in (given or {}).items():
                if name not in values[kind]:
                    raise DeclarationError(
                        f"{name!r} is no {kind} value with a slider; expected one of {', '.join(values[kind])}"
                    )
                values[kind][name] = float(value)
        self._check_stop(stop)
        values["time"] = float(self.stop if stop is None else stop)
        if self.system.whole_steps and not (values["time"].is_integer() and values["time"] < MOST_POINTS):
            raise DeclarationError(f"the last time is {values['time']:g}; expected a whole number of steps below {MOST_POINTS}")
        return values

    def _check_stop(self, stop: Any) -> None:
        """Refuse a last time that is not after the first."""
        if self.first == 0:
            check_positive(stop=stop)
        elif stop is not None and not (isinstance(stop, Real) and self.first < float(stop) < np.inf):
            raise DeclarationError(f"stop is {stop!r}; expected a time after {self.first!r}, where the history ends")

    def _names(self, shown: Sequence[str] | None, plane: Sequence[str] | None) -> list[str]:
        """The variables of a frame."""
        for name in shown or ():
            if name not in self.variables:
                raise DeclarationError(f"{name!r} is no variable; expected some of {', '.join(self.variables)}")
        if plane is not None and (len(plane) != 2 or not set(plane) <= set(self.system.names)):
            raise DeclarationError(f"the plane is {list(plane)!r}; expected two of {', '.join(self.system.names)}")
        chosen = {*(self.variables[:SHOWN] if shown is None else shown), *(plane or ())}
        return [n for n in self.variables if n in chosen]

    def _times(self, stop: float) -> np.ndarray:
        return np.arange(int(stop) + 1) if self.system.whole_steps else np.linspace(self.first, stop, self.points)

    def _times_text(self, stop: float) -> str:
        return f"range({int(stop) + 1})" if self.system.whole_steps else f"np.linspace({self.first!r}, {stop!r}, {self.points})"

    @cached_property
    def _view(self) -> PlaneView:
        return PlaneView(self.system)

    def _plane(self, data: xr.Dataset, parameters: Mapping[str, float]) -> dict[str, Any]:
        """Nullclines and steady states in a region around the trajectory."""
        curve = np.stack([data[n].values for n in self.system.names])
        curve = curve[:, np.isfinite(curve).all(axis=0)]
        low, high = curve.min(axis=1), curve.max(axis=1)
        with np.errstate(all="ignore"):
            size = np.where(high > low, high - low, np.maximum(np.abs(high), 1.0))
            step = 10.0 ** np.floor(np.log10(size)) / 2  # the region moves in steps, not with every value
            box = np.stack([np.floor((low - 0.1 * size) / step), np.ceil((high + 0.1 * size) / step)], axis=1) * step[:, None]
            if not np.isfinite(np.diff(box)).all():
                note = "the region is beyond what doubles hold"
                return {"region": np.stack([low, high], axis=1).tolist(), "nullclines": {}, "rests": [], "note": note}
        return self._view(parameters, box)


def _check(points: int | None, trajectories: int | None, seed: int | None) -> None:
    """Refuse options that are no such numbers, or would take a frame too long."""
    check_whole(2, points=points)
    check_whole(1, trajectories=trajectories)
    check_whole(0, seed=seed)
    for what, value, most in (("points", points, MOST_POINTS), ("trajectories", trajectories, MOST_TRAJECTORIES)):
        if value is not None and value > most:
            raise DeclarationError(f"{what} is {value}; an explorer takes at most {most}")
