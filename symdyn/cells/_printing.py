"""A colony's equations as a person would write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy as sp

from symdyn.system import Equation

if TYPE_CHECKING:
    from symdyn.cells._colony import DeclaredColony

__all__ = ["colony_equations"]


def colony_equations(colony: DeclaredColony) -> list[Equation]:
    """Bulk, walls and cells; what is the same for several cells is written once, with the subscript j."""
    rows = []
    for s, name in enumerate(colony.secreted):
        u, d, tau = colony.bulk[s], colony.diffusion[s], colony.delay[s]
        latex = {k: sp.latex(k) for k in (u, d, tau)}
        rows.append(
            Equation(
                f"{tau}*dt({u})", f"{d}*laplacian({u}) - {u}",
                rf"{latex[tau]}\,\partial_t {latex[u]}", rf"{latex[d]} \Delta {latex[u]} - {latex[u]}",
            )
        )  # fmt: skip
        for cells, (d1, d2) in _alike([(colony.influx[s][j], colony.efflux[s][j]) for j in range(colony.cells)]):
            state, where = _subscript(name, cells, colony.cells)
            rows.append(
                Equation(
                    f"{colony.radius:g}*{d}*dn({u})", f"{_factor(d1)}{u} - {_factor(d2)}{state}{where}",
                    rf"{colony.radius:g}\,{latex[d]}\,\partial_n {latex[u]}",
                    rf"{_latex_factor(d1)}{latex[u]} - {_latex_factor(d2)}{sp.latex(sp.Symbol(state))}{_latex_where(where)}",
                )
            )  # fmt: skip
    rates = [
        tuple(colony.kinetics[j].drift) + tuple(sorted(map(str, colony._parameter_names(j).values())))
        for j in range(colony.cells)
    ]
    for cells, _ in _alike(rates):
        first = cells[0]
        system = colony.kinetics[first]
        swap = colony._parameter_names(first)
        for state, side in zip(system.states, system.drift, strict=True):
            local = {q: sp.Symbol(_subscript(q.name, cells, colony.cells)[0]) for q in system.states}
            left, where = _subscript(state.name, cells, colony.cells)
            right = side.xreplace(swap).xreplace(local)
            text, latex_text = str(right), sp.latex(right)
            for s, name in enumerate(colony.secreted):
                if name == state.name:
                    flux, area = f"d1*{colony.bulk[s]} - d2*{left}", f"{colony.radius:g}*{colony.delay[s]}"
                    text += f" + contour({flux})/({area})"
                    wall = rf"d_1 {sp.latex(colony.bulk[s])} - d_2 {sp.latex(sp.Symbol(left))}"
                    latex_text += (
                        rf" + \frac{{1}}{{{colony.radius:g}\,{sp.latex(colony.delay[s])}}} \oint ({wall})\,\mathrm{{d}}l"
                    )
            shown = rf"\dot{{{sp.latex(sp.Symbol(left))}}}"
            rows.append(Equation(f"{left}'", text + where, shown, latex_text + _latex_where(where)))
    return rows


def _alike(values: list) -> list[tuple[list[int], tuple]]:
    """Cells of equal values, with the values."""
    groups: dict[tuple, list[int]] = {}
    for j, value in enumerate(values):
        groups.setdefault(value, []).append(j)
    return [(cells, value) for value, cells in groups.items()]


def _subscript(name: str, cells: list[int], count: int) -> tuple[str, str]:
    """A state's name in these cells, and a remark that says which they are."""
    if len(cells) == 1:
        return f"{name}_{cells[0] + 1}", ""
    if len(cells) == count:
        return f"{name}_j", f"  (j = 1..{count})"
    return f"{name}_j", f"  (j = {', '.join(str(j + 1) for j in cells)})"


def _latex_where(where: str) -> str:
    return rf" \quad {where.strip()}".replace("..", r",\dots,") if where else ""


def _factor(e: sp.Expr) -> str:
    return f"({e})*" if e.is_Add else f"{float(e):g}*" if e.is_Float else f"{e}*"


def _latex_factor(e: sp.Expr) -> str:
    return rf"\left({sp.latex(e)}\right) " if e.is_Add else f"{float(e):g}\\, " if e.is_Float else f"{sp.latex(e)}\\, "
