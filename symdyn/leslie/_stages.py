"""Stages by name, and cohorts: initial shares of the stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.given_values import lookup
from symdyn.leslie._values import fecundity_of, numeric, row_of
from symdyn.leslie.spectrum import spectrum
from symdyn.models.matrix import MatrixModel

__all__ = ["cohort", "newborns", "shares", "stage_index"]


def stage_index(model: MatrixModel, stage: Any) -> int:
    """The place of a stage among the states, from its symbol, its name or its number from 0."""
    if isinstance(stage, (int, np.integer)) and not isinstance(stage, bool):
        n = len(model.states)
        if not 0 <= stage < n:
            raise DeclarationError(
                f"there is no stage number {stage}; expected 0 to {n - 1}, or one of {', '.join(model.names)}"
            )
        return int(stage)
    return model.states.index(lookup(stage, model.states, "state"))


def shares(model: MatrixModel, initial: Any) -> np.ndarray:
    """Numbers by stage divided by their total, (n,): exact ones in an object array.

    Raises
    ------
    DeclarationError
        If a stage has no number, or the total is not positive.
    """
    row = row_of(model, initial)
    total = row.sum()
    if not total > 0:
        raise DeclarationError(f"the numbers {', '.join(map(str, row))} add up to {total}; expected a population, more than 0")
    return row / total


def newborns(model: MatrixModel) -> np.ndarray:
    """Shares of the stages among the newborns of the stable population, F w, (n,).

    Raises
    ------
    DeclarationError
        Without reproduction, or with oscillating growth.
    """
    fecundity = fecundity_of(model)
    rows = [i for i in range(len(model.states)) if any(e != 0 for e in fecundity[i, :])]
    if not rows:
        raise DeclarationError("the fecundity is 0, so there are no newborns; name the stage at birth, stage=...")
    if len(rows) == 1:
        return np.eye(len(model.states))[rows[0]]
    structure = spectrum(model).stable_structure
    if np.iscomplexobj(structure):
        raise DeclarationError(
            "the stable structure is complex, so there are no stable births; name the stage at birth, stage=..."
        )
    born = numeric(fecundity) @ np.asarray(structure, dtype=float)
    return born / born.sum() if born.sum() > 0 else np.eye(len(model.states))[rows[0]]


def cohort(model: MatrixModel, stage: Any) -> np.ndarray:
    """Shares of the stages at birth, (n,): one stage, those of numbers by stage, or those of newborns (None)."""
    if stage is None:
        return newborns(model)
    if isinstance(stage, (str, sp.Symbol, int, np.integer)):
        return np.eye(len(model.states))[stage_index(model, stage)]
    if isinstance(stage, Mapping):
        stage = {**dict.fromkeys(model.states, 0), **model.read_initial(stage)}
    return np.asarray(shares(model, stage), dtype=float)
