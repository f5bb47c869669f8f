r"""One event of the direct method as a straight-line program, laid out for `symdyn_kernels.drivers.jump`.

In the state n at time t, with a standard exponential e and a uniform u, the program forms the cumulative sums
:math:`c_j = a_1 + \cdots + a_j`, the time :math:`t + e/c_R` and the threshold :math:`r = u\,c_R`.  Reaction j fires if
:math:`c_{j-1} \le r < c_j`; there is no branch: the new number of a species is chosen by halves, with the comparisons
:math:`r \ge c_j`, from what it is after each run of neighbours that change it alike.  Reactions are sorted for long
runs.  Sums of propensities run by halves or in blocks, so that chains of dependent operations are short.

With rates that depend on time the event is a candidate of thinning: times come at the rate B, a bound of the total
propensity over a window [t, t + L], and a candidate at s is none if it lies beyond the window (which only moves the time
to its end) or if :math:`r = u\,B \ge c_R(s)`.  The window doubles when it was too short and halves after a candidate
was refused; if the bound is infinite the window shrinks first.

Where conditions of events of the network, or the one that ends trajectories, depend on time, no step goes beyond a moment at
which that changes them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import sympy as sp

from symdyn.codegen.event_program import recorded
from symdyn.codegen.interval import IntervalBounds, ValueRange
from symdyn.codegen.jump_parts import MARGIN, Ingredients, guarded, start_program
from symdyn.codegen.lower import Lowering
from symdyn.codegen.program import Made
from symdyn.codegen.propensities import LoweredPropensity, order_of_reactions
from symdyn.codegen.triggers import Triggers
from symdyn.models.reactions import ReactionNetwork

__all__ = ["event_program"]

#: Reactions whose propensities are summed by halves; where there are more, in blocks of so many.
SHORT, BLOCK = 8, 6
#: Windows below this part of the time (or of 1) end the trajectory with a failure: the propensity is infinite there.
SHORTEST = 1e-13


def event_program(network: ReactionNetwork, until: sp.Basic | None = None) -> Made:
    """The program ``event`` and the facts for its driver.

    The facts are

    - ``setup``, a program as JSON: from parameters to the rows of the block ``p``, then to what must be finite and not
      negative (`symdyn.codegen.jump_parts.Ingredients`); ``rows`` is the number of the former;
    - ``bursts``: for each row of the block ``lane`` after e and u: -1 if it is a standard exponential, else the row of ``p``
      with the mean of the Poisson number that it is;
    - ``thinning``: whether a row L, the window, follows the time, and the last time the bursts;
    - ``watch``, ``low``, ``fired``, ``acted``: rows of the result: what must not pass the next output time (the new time, or
      infinity where `until` holds or an event of the network acted), the least of the propensities that are monitored, whether
      a reaction fired, and whether the trajectory ends: where `until` holds or an event set an invalid number of molecules;
      then come the numbers of times that the events acted; -1 if there is none;
    - ``events``: their number, and of how many firings the times are recorded;
    - ``start``, a program as JSON or None: whether `until` holds for states, parameters and time.

    Raises
    ------
    CompileError
        For unknown terms, functions without code, and rates whose dependence on time cannot be bounded.
    """
    return _Event(network, until).made()


class _Event:
    """The program under construction."""

    def __init__(self, network: ReactionNetwork, until: sp.Basic | None) -> None:
        self.network, self.until = network, until
        self.thinning = network.time_dependent
        parts = Ingredients(network, until, order_of_reactions(network.changes))
        self.reactions, self.bursts, self.crossings = parts.reactions, parts.bursts, parts.crossings
        self.p, self.setup = parts.p, parts.setup
        self.e, self.u, self.end, self.window = (sp.Symbol(f"{name}'") for name in ("e", "u", "end", "window"))
        lane = [self.e, self.u, *self.bursts.symbols]
        y = [*network.states, network.time]
        if self.thinning:
            lane, y = [*lane, self.end], [*y, self.window]
        self.build = Lowering([("lane", lane), ("y", y), ("p", self.p)])
        self.triggers = Triggers(self.build, network.states, network.time)
        # an event may be none: a candidate that is refused, or a moment at which time alone changes something
        self.idle = self.thinning or bool(self.crossings)

    # ---- parts ---------------------------------------------------------------------------------

    def _sums(self, values: Sequence[int]) -> list[int]:
        """Cumulative sums: of few values by halves, which leaves the fewest operations in a row; of more in blocks."""
        if len(values) <= SHORT:
            return self._halves(values)
        sums: list[int] = []
        for begin in range(0, len(values), BLOCK):
            inner = self._in_a_row(values[begin : begin + BLOCK])
            sums += [self.build.op("add", sums[-1], v) for v in inner] if sums else inner
        return sums

    def _in_a_row(self, values: Sequence[int]) -> list[int]:
        sums = [values[0]]
        for v in values[1:]:
            sums.append(self.build.op("add", sums[-1], v))
        return sums

    def _halves(self, values: Sequence[int]) -> list[int]:
        if len(values) == 1:
            return list(values)
        half = (len(values) + 1) // 2
        left, right = self._halves(values[:half]), self._halves(values[half:])
        return [*left, *(self.build.op("add", left[-1], v) for v in right)]

    def _states(self, sums: Sequence[int], threshold: int) -> list[int]:
        """The new states, where reaction j fires if ``sums[j-1] <= threshold < sums[j]``."""
        build, reactions = self.build, self.reactions
        fires = [build.op("ge", threshold, c) for c in sums]
        return [self._chosen(species, fires, len(reactions) + self.idle) for species in self.network.states]

    def _chosen(self, species: sp.Symbol, fires: Sequence[int], ends: int) -> int:
        """The new number of one species: by halves from what it is after runs of neighbours that change it alike."""
        build, value = self.build, self.build.value(species)
        starts: list[int] = []
        results: list[int] = []
        for j in range(ends):
            result = value
            if j < len(self.reactions):  # else nothing fires
                change = self.reactions[j].change.get(species, 0)
                result = build.op("add", value, build.constant(change)) if change else value
                if species in self.bursts.of(j):
                    result = build.op("add", result, build.value(self.bursts.of(j)[species]))
            if not results or result != results[-1]:
                starts.append(j)
                results.append(result)

        def choose(begin: int, end: int) -> int:
            if end - begin == 1:
                return results[begin]
            half = (begin + end) // 2
            return build.op("select", fires[starts[half] - 1], choose(half, end), choose(begin, half))

        return choose(0, len(results))

    def _monitored(self, values: Sequence[int], total: int, time: int) -> tuple[int, int | None]:
        """The time, or NaN where a propensity is negative or infinite; and the least of those that are monitored."""
        build = self.build
        watched = [v for v, r in zip(values, self.reactions, strict=True) if r.rate is None]
        if not watched:
            return time, None
        low = watched[0]
        for v in watched[1:]:
            low = build.op("fmin", low, v)
        fine = build.op("and", build.op("ge", low, build.constant(0)), build.op("lt", total, build.constant(math.inf)))
        return build.op("select", fine, time, build.constant(math.nan)), low

    def _size(self, total: int) -> int:
        """A total propensity without the sign of zero: without molecules n (n - 1) is -0.0, and events would be in the past.

        Where it is negative the time is no number anyway.
        """
        return self.build.op("fabs", total)

    # ---- the two kinds of event ----------------------------------------------------------------

    def _direct(self) -> tuple[list[int], dict[str, int]]:
        build, op, number = self.build, self.build.op, self.build.constant
        values = [guarded(build, r) for r in self.reactions]
        sums = self._sums(values)
        at = op("add", build.value(self.network.time), op("div", build.value(self.e), self._size(sums[-1])))
        threshold = op("mul", build.value(self.u), sums[-1])
        extra = {}
        if self.crossings:
            moment = self.triggers.next_crossing(self.crossings)
            crossed = op("le", moment, at)
            at, threshold = op("fmin", moment, at), op("select", crossed, number(math.inf), threshold)
            extra["fired"] = op("select", crossed, number(0), number(1))
        when, low = self._monitored(values, sums[-1], at)
        return [*self._states(sums, threshold), when], extra if low is None else {"low": low, **extra}

    def _candidate(self) -> tuple[list[int], dict[str, int]]:
        build, op, number = self.build, self.build.op, self.build.constant
        t, window = build.value(self.network.time), build.value(self.window)
        border = op("add", t, window)
        if self.crossings:
            border = op("fmin", border, self.triggers.next_crossing(self.crossings))
        bounds = IntervalBounds(build, {t: ValueRange(t, border)})
        highs = [bounds.of(guarded(build, r)).high for r in self.reactions]
        bound = op("mul", self._sums(highs)[-1], number(1 + MARGIN))
        finite = op("lt", bound, number(math.inf))
        candidate = op("add", t, op("div", build.value(self.e), self._size(bound)))
        inside = op("and", finite, op("le", candidate, border))
        at = op("fmin", candidate, border)
        now = sp.Symbol("candidate'")
        build.bind(now, at)
        values = [self._at(r, now) for r in self.reactions]
        sums = self._sums(values)
        threshold = op("select", inside, op("mul", build.value(self.u), bound), number(math.inf))
        fired = op("lt", threshold, sums[-1])
        new = self._states(sums, threshold)
        length = op("fmax", op("fabs", t), number(1))
        hopeless = op("le", window, op("mul", length, number(SHORTEST)))
        stuck = op("select", hopeless, number(math.nan), t)
        when, low = self._monitored(values, sums[-1], at)
        when = op("select", finite, when, stuck)
        factor = op("select", fired, number(1), op("select", inside, number(0.5), number(2)))
        factor = op("select", finite, factor, number(0.125))
        longer = op("fmin", op("mul", window, factor), op("sub", build.value(self.end), when))
        extra = {"fired": op("select", fired, number(1), number(0))}
        return [*new, when, longer], extra if low is None else {"low": low, **extra}

    def _at(self, reaction: LoweredPropensity, now: sp.Symbol) -> int:
        """The guarded propensity at the time of the candidate."""
        value = reaction.value.xreplace({self.network.time: now})
        return guarded(self.build, replace(reaction, value=value))

    def _ends(self, states: Sequence[int], time: int) -> int | None:
        """Whether the trajectory ends after this event: at its condition, or with states that cannot be; None if never."""
        if not self.network.events:
            return None if self.until is None else self.triggers.truth(self.until, self.triggers.meaning(states, time))
        wrong = self.build.op("not", self.triggers.integers(self.network.events, states))
        if self.until is None:
            return wrong
        return self.build.op("or", self.triggers.truth(self.until, self.triggers.meaning(states, time)), wrong)

    def _some(self, number: int) -> int:
        return self.build.op("gt", number, self.build.constant(0))

    def made(self) -> Made:
        network, n = self.network, len(self.network.states)
        outputs, extra = self._candidate() if self.thinning else self._direct()
        labels = [f"next {s}" for s in network.names] + ["time of the event"] + ["window"] * self.thinning
        outputs[:n], acted = self.triggers.after(network.events, outputs[:n], outputs[n])
        ends = self._ends(outputs[:n], outputs[n])
        if ends is not None:
            noted = reduce(lambda a, b: self.build.op("or", a, b), [ends, *(self._some(a) for a in acted)])
            extra["watch"] = self.build.op("select", noted, self.build.constant(math.inf), outputs[n])
        if acted:
            assert ends is not None
            extra["acted"] = self.build.op("select", ends, self.build.constant(1), self.build.constant(0))
            extra |= {f"event {k}": a for k, a in enumerate(acted)}
        places = {name: len(outputs) + k for k, name in enumerate(extra)}
        program = self.build.program("event", [*outputs, *extra.values()], [*labels, *extra])
        facts = {
            "large": False,
            "setup": self.setup.as_json(),
            "rows": len(self.p),
            "bursts": self.bursts.rows(self.p),
            "thinning": self.thinning,
            "results": len(program.outputs),
            "watch": places.get("watch", n),
            "low": places.get("low", -1),
            "fired": places.get("fired", -1),
            "acted": places.get("acted", -1),
            "events": recorded(network),
            "start": None if self.until is None else start_program(network, self.until).as_json(),
        }
        watched = -1 if "fired" in places else places.get("watch", n)
        return Made((replace(program, packed=False, watched=watched),), facts)
