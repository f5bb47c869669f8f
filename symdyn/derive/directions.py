"""Forward sensitivities along directions, in which parameters move together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.derive.sensitivities import fresh_symbol, sensitivities
from symdyn.system import System

__all__ = ["along_directions"]


def along_directions(system: System, directions: Sequence[Sequence[sp.Symbol]]) -> Any:
    r"""The system extended by the derivatives of its states along K directions.

    Along direction k the parameter q moves by :math:`v_{qk}`, so that

    .. math:: \dot S_{ik} = \sum_j \frac{\partial f_i}{\partial x_j} S_{jk}
              + \sum_q \frac{\partial f_i}{\partial q} v_{qk},

    from whatever :math:`S_{ik}` the initial values have.  A direction may be one of initial values alone.

    Parameters
    ----------
    system : ODESystem
    directions : sequence of sequences of Symbol
        The parameters that move along each direction, at speeds that are further parameters.

    Returns
    -------
    ODESystem
        With states in the order of the states, then their derivatives along the first direction, then the second ...; the last
        parameters are the speeds, direction by direction.

    Raises
    ------
    DeclarationError
        As `symdyn.derive.sensitivities.sensitivities` does.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, a, b = sp.symbols("x a b")
    >>> extended = along_directions(sd.ODESystem({x: -a * x + b}), [[a, b]])
    >>> print(extended)
    x' = -a*x + b
    dx_dstep0' = -a*dx_dstep0 - da_dstep0*x + db_dstep0
    >>> extended.parameters
    (a, b, da_dstep0, db_dstep0)
    """
    taken = {s.name for s in (*system.states, *system.parameters, *system.observables, system.time)}
    steps = [fresh_symbol(f"step{k}", taken) for k in range(len(directions))]
    speeds: list[sp.Symbol] = []
    moves: dict[sp.Symbol, sp.Expr] = {}
    for step, members in zip(steps, directions, strict=True):
        for q in members:
            speeds.append(fresh_symbol(f"d{q}_d{step}", taken))
            moves[q] = moves.get(q, q) + step * speeds[-1]

    def replaced(base: System, swap: dict[sp.Symbol, sp.Expr], parameters: tuple[sp.Symbol, ...]) -> Any:
        def one(e: Any) -> Any:
            return dag.replace([e], swap)[0] if isinstance(e, sp.Basic) else e

        changed: dict[str, Any] = {"drift": tuple(dag.replace(base.drift or (), swap)), "parameters": parameters}
        if base.constraints:
            changed["constraints"] = tuple(dag.replace(base.constraints, swap))
        if base.events:
            changed["events"] = tuple(e.mapped(one) for e in base.events)
        return base.replace(**changed)

    moved = replaced(system, moves, (*system.parameters, *speeds, *steps))
    extended = sensitivities(moved, steps, initial=False).system
    return replaced(extended, dict.fromkeys(steps, sp.S.Zero), (*system.parameters, *speeds))
