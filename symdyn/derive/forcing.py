r"""Periodically forced systems without dependence on time: the phase of the forcing is that of an oscillator beside them.

With :math:`c = \cos \omega t` and :math:`s = \sin \omega t`, for the largest frequency of which all are multiples, the forcing
is a polynomial of the two states of

.. math:: \dot c = |\omega|\, c\, (1 - c^2 - s^2) - \omega s, \qquad \dot s = |\omega|\, s\, (1 - c^2 - s^2) + \omega c,

whose circle attracts: of a periodic orbit of k rounds of it the further Floquet multipliers are 1, that of the phase, and
:math:`e^{-4 \pi k}`, and the others are those of the k-th iterate of the stroboscopic map.  A remainder of time,
:math:`(a t + b) \bmod P`, is a function of the phase :math:`\operatorname{atan2}(s, c)` that jumps; an input is one of the
remainder of time by its span.

References
----------
Doedel, AUTO: software for continuation and bifurcation problems (2007), the demonstration *frc*; Kuznetsov, Elements of Applied
Bifurcation Theory, 3rd ed. (2004), 1.6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import sympy as sp

from symdyn import dag
from symdyn.derive.jump_times import CORNERS, JumpTimes, by_remainders, jump_times
from symdyn.errors import DeclarationError
from symdyn.models.ode import ODESystem
from symdyn.paths import PathSlope
from symdyn.system import System

__all__ = ["ForcedSystem", "repeated", "with_oscillator"]

#: The largest multiple of the common frequency, and jumps of one function in a period.
MOST, MOST_JUMPS = 24, 1000
#: Functions that bend.
BENDS = (sp.Max, sp.Min, sp.Abs)


@dataclass(frozen=True)
class ForcedSystem:
    """A system with the oscillator of its forcing.

    Attributes
    ----------
    system : ODESystem
        Its last two states are the cosine and the sine.
    frequency : Expr
        The common angular frequency of the forcing, of parameters.
    breaks : tuple of Expr
        Phases of the oscillator, in turns, at which the right-hand side may jump or bend.
    hidden : tuple of Basic
        Comparisons and functions that jump or bend with time at other phases than these, but for bends of sines.
    """

    system: ODESystem
    frequency: sp.Expr
    breaks: tuple[sp.Expr, ...] = ()
    hidden: tuple[sp.Basic, ...] = ()

    @property
    def phase(self) -> tuple[str, str]:
        """Names of the cosine and the sine."""
        cosine, sine = self.system.names[-2:]
        return cosine, sine


def with_oscillator(system: System, what: str) -> ForcedSystem:
    """The system with an oscillator in the place of its dependence on time.

    Parameters
    ----------
    system : ODESystem
        In which time occurs in sines, cosines, tangents and remainders (mod) of linear functions of time alone, with
        commensurate frequencies, or in ``floor`` and ``ceiling`` that are remainders, as ``t - floor(t)``.
    what : str
        Who asks, for messages.

    Returns
    -------
    ForcedSystem

    Raises
    ------
    DeclarationError
        For another dependence on time.

    Examples
    --------
    >>> import symdyn as sd
    >>> forced = with_oscillator(sd.ODESystem.from_text("x' = -x + sin(2*w*t) + cos(w*t)"), "a cycle")
    >>> print(forced.frequency, forced.system.part("drift")[0])
    w 2*cosine*sine + cosine - x
    """
    time = system.time
    if system.parts & {"events", "inputs", "delays", "algebraic"}:
        raise DeclarationError(
            f"{what} of a system that depends on time takes no events, inputs, delays and algebraic equations"
        )
    sides = [by_remainders(side, time) for side in system.part("drift")]
    drift = [side.replace(sp.tan, lambda a: sp.sin(a) / sp.cos(a)) for side in sides]
    calls = sorted({c for side in drift for c in side.atoms(sp.sin, sp.cos, sp.Mod) if time in c.free_symbols}, key=str)
    linear = {c: _linear(_angle(c), time, {*system.states}) for c in calls}
    parts = {c: found for c, found in linear.items() if found is not None}
    marks = {c: sp.Dummy() for c in parts}
    wrong = [c for c in calls if c not in parts and time in c.xreplace(marks).free_symbols]
    if wrong or not parts or time in dag.free_symbols([side.xreplace(marks) for side in drift]):
        where = f"{wrong[0]}" if wrong else f"{time} outside of sines, cosines and mod"
        raise DeclarationError(
            f"{what} of a system that depends on time takes forcing by sines, cosines and mod of linear functions of {time}; "
            f"this one contains {where}"
        )
    speeds = [speed for speed, _ in parts.values()]
    ratios = [
        sp.nsimplify(sp.simplify(a / speeds[0]), rational=True) if a.has(sp.Float) else sp.simplify(a / speeds[0])
        for a in speeds
    ]
    odd = [a for a, r in zip(speeds, ratios, strict=True) if not r.is_Rational]
    if odd:
        raise DeclarationError(
            f"{what}: the frequencies {speeds[0]} and {odd[0]} of the forcing are not known to be multiples of a common one"
        )
    share = sp.Rational(math.gcd(*(int(r.p) for r in ratios)), math.lcm(*(int(r.q) for r in ratios)))
    share = -share if speeds[0].could_extract_minus_sign() else share
    multiples = [int(r / share) for r in ratios]
    if max(map(abs, multiples)) > MOST:
        raise DeclarationError(
            f"{what}: the forcing contains multiples of a common frequency up to {max(map(abs, multiples))}; at most {MOST}"
        )
    frequency = share * speeds[0]
    taken = {*system.names, *(p.name for p in system.parameters), *map(str, system.observables)}
    c, s = (sp.Symbol(_free(name, taken)) for name in ("cosine", "sine"))
    swap = {}
    for (call, (_, b)), k in zip(parts.items(), multiples, strict=True):
        if isinstance(call, sp.Mod):
            turns = k * sp.atan2(s, c) / (2 * sp.pi) + b / (2 * sp.pi)
            swap[call] = call.args[1] * (turns - sp.floor(turns))
            continue
        even, odd_part = _harmonic(c, s, k)
        swap[call] = sp.sin(b) * even + sp.cos(b) * odd_part if call.func == sp.sin else sp.cos(b) * even - sp.sin(b) * odd_part
    breaks, hidden = _phases(sides, system, 2 * sp.pi / frequency)
    rates = dict(zip(system.states, (side.xreplace(swap) for side in drift), strict=True))
    size, speed = c**2 + s**2, sp.sqrt(frequency**2)
    rates |= {c: speed * c * (1 - size) - frequency * s, s: speed * s * (1 - size) + frequency * c}
    whole = ODESystem(rates, system.numeric_defaults, initial={**system.initial, c: 1, s: 0}, time=time)
    return ForcedSystem(whole, frequency, tuple(breaks), tuple(hidden))


def repeated(system: System) -> System:
    """The system whose inputs go on periodically: each is a function of the remainder of time by its span.

    Systems without inputs, and those in which a periodic orbit takes none, stay as they are.

    Raises
    ------
    DeclarationError
        For inputs of several courses, and where a slope of one occurs.

    Examples
    --------
    >>> import symdyn as sd
    >>> x = sp.Symbol("x")
    >>> repeated(sd.ODESystem({x: sd.Path("u", [0, 1, 3], [2, 5, 5], "hold") - x})).part("drift")[0]
    -x + Piecewise((2.0, Mod(1.0*t, 3.0) < 1.0), (5.0, True))
    """
    if not (isinstance(system, ODESystem) and system.inputs) or system.parts & {"events", "delays", "algebraic"}:
        return system
    swap: dict[sp.Basic, sp.Expr] = {}
    for path in system.inputs:
        if len(path.curves) != 1:
            raise DeclarationError(f"the input {path} has {len(path.curves)} courses; a periodic orbit takes one")
        if any(side.has(PathSlope(path)) for side in system.part("drift")):
            raise DeclarationError(f"a periodic orbit takes no slope of an input, {PathSlope(path)}; write another input")
        knots = path.curves[0].times
        rows = path.curves[0].coefficients[: len(knots) - 1]
        since = sp.Mod(system.time - _number(knots[0]), _number(knots[-1] - knots[0]))
        pieces = []
        for begin, end, row in zip(knots[:-1], knots[1:], rows, strict=True):
            own = since - _number(begin - knots[0])
            value = sum((sp.Float(a) * own**j for j, a in enumerate(row)), sp.S.Zero)
            pieces.append((value, since < _number(end - knots[0]) if end < knots[-1] else True))
        swap[path] = sp.Piecewise(*pieces)
    rates = dict(zip(system.states, (side.xreplace(swap) for side in system.part("drift")), strict=True))
    return ODESystem(rates, system.numeric_defaults, initial=system.initial, time=system.time)


def _number(value: float) -> sp.Expr:
    """A time of an input; 0 is no float, which would stay in sums."""
    return sp.Float(value) if value else sp.S.Zero


def _angle(call: sp.Expr) -> sp.Expr:
    """What has the period 2 pi in a sine, a cosine, or a remainder."""
    return 2 * sp.pi * call.args[0] / call.args[1] if isinstance(call, sp.Mod) else call.args[0]


def _phases(sides: list[sp.Expr], system: System, period: sp.Expr) -> tuple[list[sp.Expr], list[sp.Basic]]:
    """Parts of the period at which sides jump or bend, and comparisons and functions that do so at others.

    Bends that depend on more than numbers, as the corner of max(0, sin(t) - c) in a parameter c, are left to error estimates.
    """
    breaks, hidden = [], []
    for corner in sorted({e for side in sides for e in side.atoms(*CORNERS) if system.time in e.free_symbols}, key=str):
        times, others = jump_times([corner], system.time, {*system.states})
        found = [_parts(f, period) for f in times]
        smooth = isinstance(corner, BENDS) and not corner.has(sp.Mod)
        if others or None in found:
            hidden += [] if smooth else [corner]
            continue
        breaks += [e for part in found if part is not None for e in part if e.is_number or not smooth]
    return list(dict.fromkeys(breaks)), list(dict.fromkeys(hidden))


def _parts(times: JumpTimes, period: sp.Expr) -> list[sp.Expr] | None:
    """Times as parts of the period; None if they do not recur in it, or their number is not known."""
    rounds = sp.nsimplify(sp.simplify(period / times.span), rational=True)
    if not rounds.is_Integer or rounds == 0 or abs(rounds) > MOST:
        return None
    levels = [times.level]
    if times.spacing != sp.oo:
        high, low = (sp.simplify(e / times.spacing) for e in (times.span, times.level))
        if not high.is_number or not low.is_number or abs(high) > MOST_JUMPS:
            return None
        least, most = sorted((sp.S.Zero, high))
        levels = [(low + i) * times.spacing for i in range(sp.ceiling(least - low), sp.floor(most - low) + 1)]
    return [sp.expand((times.start + level + j * times.span) / period) for level in levels for j in range(abs(rounds))]


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _linear(argument: sp.Expr, time: sp.Symbol, states: set[sp.Symbol]) -> tuple[sp.Expr, sp.Expr] | None:
    """Factors (a, b) of a t + b, free of time and states."""
    expanded = sp.expand(argument)
    a = expanded.coeff(time, 1)
    b = sp.expand(expanded - a * time)
    return None if a == 0 or (a.free_symbols | b.free_symbols) & {time, *states} else (a, b)


def _harmonic(c: sp.Symbol, s: sp.Symbol, k: int) -> tuple[sp.Expr, sp.Expr]:
    """Cosine and sine of k times the phase, as polynomials."""
    even, odd = sp.S.One, sp.S.Zero
    for _ in range(abs(k)):
        even, odd = sp.expand(even * c - odd * s), sp.expand(even * s + odd * c)
    return even, odd if k >= 0 else -odd
