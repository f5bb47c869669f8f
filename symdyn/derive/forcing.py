r"""Periodically forced systems without dependence on time: the phase of the forcing is that of an oscillator beside them.

With :math:`c = \cos \omega t` and :math:`s = \sin \omega t`, for the largest frequency of which all are multiples, the forcing
is a polynomial of the two states of

.. math:: \dot c = |\omega|\, c\, (1 - c^2 - s^2) - \omega s, \qquad \dot s = |\omega|\, s\, (1 - c^2 - s^2) + \omega c,

whose circle attracts: of a periodic orbit of k rounds of it the further Floquet multipliers are 1, that of the phase, and
:math:`e^{-4 \pi k}`, and the others are those of the k-th iterate of the stroboscopic map.

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
from symdyn.errors import DeclarationError
from symdyn.models.ode import ODESystem
from symdyn.system import System

__all__ = ["ForcedSystem", "with_oscillator"]

#: The largest multiple of the common frequency.
MOST = 24


@dataclass(frozen=True)
class ForcedSystem:
    """A system with the oscillator of its forcing.

    Attributes
    ----------
    system : ODESystem
        Its last two states are the cosine and the sine.
    frequency : Expr
        The common angular frequency of the forcing, of parameters.
    """

    system: ODESystem
    frequency: sp.Expr

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
        In which time occurs in sines, cosines and tangents of linear functions of time alone, with commensurate frequencies.
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
    drift = [side.replace(sp.tan, lambda a: sp.sin(a) / sp.cos(a)) for side in system.part("drift")]
    calls = sorted({c for side in drift for c in side.atoms(sp.sin, sp.cos) if time in c.free_symbols}, key=str)
    parts = {c: _linear(c.args[0], time, {*system.states}) for c in calls}
    wrong = [c for c, found in parts.items() if found is None]
    bare = dag.free_symbols([side.xreplace({c: sp.Dummy() for c in calls}) for side in drift])
    if wrong or time in bare or not calls:
        where = f"{wrong[0]}" if wrong else f"{time} outside of sines and cosines"
        raise DeclarationError(
            f"{what} of a system that depends on time takes forcing by sines and cosines of linear functions of {time}; this "
            f"one contains {where}"
        )
    speeds = [found[0] for found in parts.values() if found is not None]
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
    multiples = [int(r / share) for r in ratios]
    if max(map(abs, multiples)) > MOST:
        raise DeclarationError(
            f"{what}: the forcing contains multiples of a common frequency up to {max(map(abs, multiples))}; at most {MOST}"
        )
    frequency = share * speeds[0]
    taken = {*system.names, *(p.name for p in system.parameters), *map(str, system.observables)}
    c, s = (sp.Symbol(_free(name, taken)) for name in ("cosine", "sine"))
    swap = {}
    for (call, found), k in zip(parts.items(), multiples, strict=True):
        assert found is not None
        even, odd_part = _harmonic(c, s, k)
        b = found[1]
        swap[call] = sp.sin(b) * even + sp.cos(b) * odd_part if call.func == sp.sin else sp.cos(b) * even - sp.sin(b) * odd_part
    rates = dict(zip(system.states, (side.xreplace(swap) for side in drift), strict=True))
    size, speed = c**2 + s**2, sp.sqrt(frequency**2)
    rates |= {c: speed * c * (1 - size) - frequency * s, s: speed * s * (1 - size) + frequency * c}
    whole = ODESystem(rates, system.numeric_defaults, initial={**system.initial, c: 1, s: 0}, time=time)
    return ForcedSystem(whole, frequency)


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
