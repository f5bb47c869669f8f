"""Forward sensitivities along directions, in which parameters move together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symdyn import dag
from symdyn.derive.sensitivities import fresh_symbol, sensitivities
from symdyn.system import System

__all__ = ["along_directions"]


def along_directions(
    system: System, directions: Sequence[Sequence[tuple[sp.Symbol, bool]]]
) -> tuple[System, list[sp.Symbol], list[list[sp.Symbol]]]:
    r"""The system extended by the derivatives of its states along K directions.

    Along direction k the parameter q moves by :math:`v_{qk}`, so that

    .. math:: \dot S_{ik} = \sum_j \frac{\partial f_i}{\partial x_j} S_{jk}
              + \sum_q \frac{\partial f_i}{\partial q} v_{qk},

    from whatever :math:`S_{ik}` the initial values have.  A direction may be one of initial values alone.

    Parameters
    ----------
    system : ODESystem
    directions : sequence of sequences of (Symbol, bool)
        The parameters that move along each direction, and whether by 1; else by a further parameter.

    Returns
    -------
    system : ODESystem
        With states in the order of the states, then their derivatives along the first direction, then the second ...
    slopes : list of Symbol
        These derivatives.
    speeds : list of lists of Symbol
        For each direction the further parameters, in the order in which it names those that do not move by 1.

    Raises
    ------
    DeclarationError
        As `symdyn.derive.sensitivities.sensitivities` does.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> x, a, b = sp.symbols("x a b")
    >>> extended, _, speeds = along_directions(sd.ODESystem({x: -a * b * x}), [[(a, True), (b, False)]])
    >>> print(extended)
    x' = -a*b*x
    dx_dstep0' = -a*b*dx_dstep0 - a*db_dstep0*x - b*x
    >>> speeds
    [[db_dstep0]]
    """
    taken = {s.name for s in (*system.states, *system.parameters, *system.observables, system.time)}
    steps = [fresh_symbol(f"step{k}", taken) for k in range(len(directions))]
    speeds: list[list[sp.Symbol]] = []
    moves: dict[sp.Symbol, sp.Expr] = {}
    for step, members in zip(steps, directions, strict=True):
        speeds.append([])
        for q, unit in members:
            if not unit:
                speeds[-1].append(fresh_symbol(f"d{q}_d{step}", taken))
            moves[q] = moves.get(q, q) + step * (sp.S.One if unit else speeds[-1][-1])
    further = [s for own in speeds for s in own]

    def replaced(base: System, swap: dict[sp.Symbol, sp.Expr], parameters: tuple[sp.Symbol, ...]) -> Any:
        def one(e: Any) -> Any:
            return dag.replace([e], swap)[0] if isinstance(e, sp.Basic) else e

        changed: dict[str, Any] = {"drift": tuple(dag.replace(base.drift or (), swap)), "parameters": parameters}
        if base.constraints:
            changed["constraints"] = tuple(dag.replace(base.constraints, swap))
        if base.events:
            changed["events"] = tuple(e.mapped(one) for e in base.events)
        return base.replace(**changed)

    moved = replaced(system, moves, (*system.parameters, *further, *steps))
    found = sensitivities(moved, steps, initial=False)
    extended = replaced(found.system, dict.fromkeys(steps, sp.S.Zero), (*system.parameters, *further))
    slopes = [found.names[s, step] for step in steps for s in system.states]
    return extended, slopes, speeds
