"""Observables and their noise as formulas, with what measurements put in the place of their placeholders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdyn import dag
from symdyn.io.petab.contents import PetabObservable, Statements
from symdyn.io.petab.formulas import read_formula
from symdyn.io.petab.model import PetabModel
from symdyn.io.petab.tangents import ChosenValues, Tangent

__all__ = ["MeasuredFormula", "read_formulas"]


@dataclass(frozen=True)
class _Override:
    """What stands for a placeholder: numbers (n,), and the places of those that are formulas instead, -1 elsewhere."""

    numbers: np.ndarray
    places: np.ndarray
    formulas: list[sp.Expr]


@dataclass(frozen=True)
class MeasuredFormula:
    """An observable and its noise as expressions of states, parameters, time and placeholders, and where it is measured.

    Attributes
    ----------
    observable : PetabObservable
    value, noise : Expr
    rows : (n,) int
        Measurements of it.
    overrides : dict
        By placeholder.
    """

    observable: PetabObservable
    value: sp.Expr
    noise: sp.Expr
    rows: np.ndarray
    overrides: dict[sp.Symbol, _Override]

    @property
    def expressions(self) -> list[sp.Expr]:
        """All of them, those in the place of placeholders too."""
        return [self.value, self.noise, *(e for o in self.overrides.values() for e in o.formulas)]

    def put(
        self, found: Iterable[tuple[np.ndarray, Mapping[sp.Symbol, Tangent]]], model: PetabModel, simulation: np.ndarray,
        sigma: np.ndarray,
    ) -> None:  # fmt: skip
        """Put values and noise where the observable is measured.

        Parameters
        ----------
        found : iterable of ((m,) int, mapping)
            Measurements, and what is known at them, (B, m) or (B, 1).
        model : PetabModel
        simulation, sigma : (1 + K, B, N) float64
            Values, and their derivatives along K directions; changed.
        """
        count, total = simulation.shape[1:]
        of_row = np.full(total, -1)
        of_row[self.rows] = np.arange(len(self.rows))
        for rows, known in found:
            here = np.flatnonzero(of_row[rows] >= 0)
            if not len(here):
                continue
            own = of_row[rows[here]]
            table = ChosenValues(known, here, axis=1)
            for holder, o in self.overrides.items():
                layers = np.zeros((len(simulation), count, len(own)))
                layers[0] = o.numbers[own]
                places, moving = o.places[own], set[int]()
                for k in set(places.tolist()) - {-1}:
                    filled = model.value(o.formulas[k], table, f"an override of {holder}")
                    _fill(layers, np.flatnonzero(places == k), filled, places == k)
                    moving.update(filled.slopes)
                table.own[holder] = Tangent(layers[0], {k: layers[1 + k] for k in sorted(moving)})
            values = model.several((self.value, self.noise), table, f"the observable {self.observable.name}")
            for target, filled in zip((simulation, sigma), values, strict=True):
                _fill(target, rows[here], filled, np.ones(len(here), bool))


def _fill(layers: np.ndarray, places: np.ndarray, found: Tangent, chosen: np.ndarray) -> None:
    """Put the chosen columns of values and their derivatives at places of the last axis."""
    spread = found.spread((layers.shape[1], len(chosen)))
    layers[0][:, places] = spread.value[:, chosen]
    for k, v in spread.slopes.items():
        layers[1 + k][:, places] = v[:, chosen]


def read_formulas(statements: Statements, names: Mapping[str, sp.Expr]) -> list[MeasuredFormula]:
    """The observables that are measured.

    Parameters
    ----------
    statements : Statements
        Of a problem.
    names : mapping of str to Expr
        What formulas may name.
    """
    declared, m = statements.observables, statements.measurements
    holders = {p: sp.Symbol(p) for o in declared.values() for p in (*o.placeholders, *o.noise_placeholders)}
    own = {o: sp.Symbol(f"{o}/observable") for o in declared}
    known = {**names, **holders, **{o: s for o, s in own.items() if o not in names}}
    formulas = {own[o.name]: read_formula(o.formula, known, f"the observable {o.name}") for o in declared.values()}
    written = dag.written_out(formulas, "observable")
    found = []
    for o in declared.values():
        rows = np.flatnonzero(m.observables == o.name)
        if not len(rows):
            continue
        noise = dag.put_in(read_formula(o.noise, {**known, o.name: own[o.name]}, f"the noise of {o.name}"), written, "noise")
        overrides = {}
        for placeholders, cells in ((o.placeholders, m.overrides), (o.noise_placeholders, m.noise_overrides)):
            for place, name in enumerate(placeholders):
                read = [read_formula(cells[r][place], names, f"an override of {name}") for r in rows]
                different = list(dict.fromkeys(e for e in read if not e.is_number))
                overrides[holders[name]] = _Override(
                    np.array([float(e) if e.is_number else np.nan for e in read]),
                    np.array([-1 if e.is_number else different.index(e) for e in read]),
                    different,
                )
        found.append(MeasuredFormula(o, written[own[o.name]], noise, rows, overrides))
    return found
