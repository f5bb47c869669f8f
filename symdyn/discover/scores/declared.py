r"""The linear diffusion of which a system is the reversal, :math:`\mathrm dx = (-f + D\, s)\,\mathrm d\tau + G\,\mathrm dW`."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp
from sympy.core.function import AppliedUndef

from symdyn.derive.schedules import growth, variance
from symdyn.errors import RecoveryError
from symdyn.models.sde import SDESystem

__all__ = ["ReversedProcess"]


class ReversedProcess:
    r"""A reversed process with unknown functions for its score.

    Parameters
    ----------
    system : SDESystem

    Attributes
    ----------
    states : tuple of Symbol
    time : Symbol
    horizon : Expr
        T of :math:`\tau = T - t`, from the last argument of the unknown functions.
    unknowns : tuple of AppliedUndef
        By state.
    alpha, sigma, shift : Expr, Expr, tuple of Expr
        Of the process that was reversed, in t.

    Raises
    ------
    RecoveryError
        If the system has another form.
    """

    def __init__(self, system: SDESystem) -> None:
        self.states, self.time = system.states, system.time
        self.unknowns = self._unknowns(system)
        self.horizon = self._horizon()
        zero = dict.fromkeys(self.unknowns, sp.S.Zero)
        known = {p: sp.Float(float(v)) for p, v in system.defaults.items()}
        if missing := [p for p in system.parameters if p not in system.defaults]:
            raise RecoveryError(f"the parameter {missing[0]} of the process has no value; declare it")
        swap = {self.time: self.horizon - self.time}
        drift = [-f.xreplace(zero).xreplace(known).xreplace(swap) for f in system.drift]
        square = sp.Matrix(system.diffusion * system.diffusion.T).xreplace(known).xreplace(swap)
        factors = self._factors(system, known, swap)
        rates = []
        for i, (x, f) in enumerate(zip(self.states, drift, strict=True)):
            rate = sp.diff(f, x)
            if f.has(AppliedUndef) or rate.free_symbols - {self.time} or sp.simplify(f - rate * x) != 0:
                raise RecoveryError(f"the drift of {x} before the reversal is {f}; expected a multiple of {x}, as of schedules")
            off = [square[i, j] for j in range(len(self.states)) if j != i]
            if any(off) or square[i, i].free_symbols - {self.time} or sp.simplify(square[i, i] - factors[i]) != 0:
                raise RecoveryError("the noise before the reversal is not that of a schedule: one of time alone for each state")
            rates.append((sp.simplify(rate), sp.simplify(square[i, i])))
        if len(set(rates)) > 1:
            raise RecoveryError("the states have different schedules; expected one for all")
        rate, push = rates[0]
        self.alpha = growth(rate, self.time, sp.S.Zero)
        self.sigma = sp.powdenest(sp.sqrt(variance(rate, push, self.alpha, self.time, sp.S.Zero)), force=True)

    def _unknowns(self, system: SDESystem) -> tuple[AppliedUndef, ...]:
        found = []
        for x, f in zip(system.states, system.drift, strict=True):
            own = sorted(f.atoms(AppliedUndef), key=str)
            if len(own) != 1:
                raise RecoveryError(
                    f"the drift of {x} has {len(own)} unknown functions; expected one, as of "
                    "process.reverse_time([s1(x, y, t), s2(x, y, t)], horizon=1) with functions s1 and s2"
                )
            if own[0].args[:-1] != system.states:
                raise RecoveryError(
                    f"the unknown function {own[0]} has other arguments than all states and time, in this order"
                )
            found.append(own[0])
        if len(set(found)) != len(found):
            raise RecoveryError(f"the score has the same function {found[0]} for several states; expected one for each")
        return tuple(found)

    def _horizon(self) -> sp.Expr:
        ends = {sp.simplify(u.args[-1] + self.time) for u in self.unknowns}
        end = ends.pop()
        if ends or self.time in end.free_symbols or not (end.is_number and end.is_positive):
            raise RecoveryError(
                f"the last argument of the unknown functions is {self.unknowns[0].args[-1]}; expected T - {self.time}, as "
                "reverse_time(score, horizon=T) makes it of a score s(x, t)"
            )
        return end

    def _factors(self, system: SDESystem, known: Mapping[sp.Symbol, sp.Expr], swap: Mapping[sp.Expr, sp.Expr]) -> list[sp.Expr]:
        """What the scores are multiplied with."""
        found = []
        for u, f in zip(self.unknowns, system.drift, strict=True):
            stand_in = sp.Dummy()
            factor = sp.diff(f.xreplace({u: stand_in}), stand_in)
            if stand_in in factor.free_symbols:
                raise RecoveryError(f"the drift is not linear in the score {u}")
            found.append(factor.xreplace(known).xreplace(swap))
        return found

    def terms(self, score: Mapping[sp.Symbol, sp.Expr]) -> dict[AppliedUndef, sp.Expr]:
        """Expressions for the unknown functions, of a score in t."""
        back = {self.time: self.horizon - self.time}
        return {u: score[x].xreplace(back) for u, x in zip(self.unknowns, self.states, strict=True)}
