"""A colony's equations as a person would write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sympy as sp

from symdyn.models.ode import ODESystem
from symdyn.system import Equation

__all__ = ["Species", "colony_equations"]


class Species(NamedTuple):
    """A secreted state, its concentration in the bulk with diffusivity and delay, and the permeabilities of the walls."""

    secreted: str
    bulk: sp.Symbol
    diffusion: sp.Expr
    delay: sp.Expr
    influx: tuple[sp.Expr, ...]
    efflux: tuple[sp.Expr, ...]


def colony_equations(
    radius: float, species: Sequence[Species], kinetics: Sequence[ODESystem], names: Sequence[Mapping[sp.Symbol, sp.Symbol]]
) -> list[Equation]:
    """Bulk, walls and cells; equations common to several cells are written once, with the subscript j.

    Parameters
    ----------
    radius : float
        Of the cells.
    species : sequence of Species
    kinetics : sequence of m ODESystem
    names : sequence of m mappings
        What the parameters of each cell's kinetics are called.
    """
    rows, count = [], len(kinetics)
    for name, u, d, tau, influx, efflux in species:
        latex = {k: sp.latex(k) for k in (u, d, tau)}
        rows.append(
            Equation(
                f"{tau}*dt({u})", f"{d}*laplacian({u}) - {u}",
                rf"{latex[tau]}\,\partial_t {latex[u]}", rf"{latex[d]} \Delta {latex[u]} - {latex[u]}",
            )
        )  # fmt: skip
        for cells, (d1, d2) in _alike(list(zip(influx, efflux, strict=True))):
            state, where = _subscript(name, cells, count)
            rows.append(
                Equation(
                    f"{radius:g}*{d}*dn({u})", f"{_factor(d1)}{u} - {_factor(d2)}{state}{where}",
                    rf"{radius:g}\,{latex[d]}\,\partial_n {latex[u]}",
                    rf"{_latex_factor(d1)}{latex[u]} - {_latex_factor(d2)}{sp.latex(sp.Symbol(state))}{_latex_where(where)}",
                )
            )  # fmt: skip
    rates = [(*k.drift, *sorted(map(str, own.values()))) for k, own in zip(kinetics, names, strict=True)]
    for cells, _ in _alike(rates):
        first = cells[0]
        system, swap = kinetics[first], names[first]
        for state, side in zip(system.states, system.drift, strict=True):
            local = {q: sp.Symbol(_subscript(q.name, cells, count)[0]) for q in system.states}
            left, where = _subscript(state.name, cells, count)
            right = side.xreplace(swap).xreplace(local)
            text, latex_text = str(right), sp.latex(right)
            for s in (s for s in species if s.secreted == state.name):
                text += f" + contour(d1*{s.bulk} - d2*{left})/({radius:g}*{s.delay})"
                wall = rf"d_1 {sp.latex(s.bulk)} - d_2 {sp.latex(sp.Symbol(left))}"
                latex_text += rf" + \frac{{1}}{{{radius:g}\,{sp.latex(s.delay)}}} \oint ({wall})\,\mathrm{{d}}l"
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
