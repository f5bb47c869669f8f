"""The suite of recovery: every protocol in turn, its table, and how its goals are met."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.discovery import goals
from benchmarks.discovery.calibration import TITLE
from benchmarks.harness import Settings, attempt
from benchmarks.results import Ratio, Result

__all__ = ["PARTS", "WEIGHTS", "Part", "add", "calibration", "discovery"]


@dataclass(frozen=True)
class Part:
    """A protocol: a module of this package whose ``run(...)`` gives a frame, one row after another.

    Attributes
    ----------
    title : str
        Of its table.
    module : str
        Imported when it is run, so that a package which is missing costs this part alone.
    quick, full : tuple of mappings
        Arguments of ``run``, once or more than once: the frames are joined.
    summary : str
        The function of the module that makes the table from the frame; the frame itself unless given.
    ratios : callable
        From the frame to ratios.
    """

    title: str
    module: str
    quick: tuple[Mapping[str, Any], ...] = ({},)
    full: tuple[Mapping[str, Any], ...] = ({},)
    summary: str = ""
    ratios: Callable[[pd.DataFrame], list[Ratio]] = lambda frame: []


PARTS = (
    Part(
        "Lotka-Volterra, two terms missing", "lotka_volterra",
        quick=({"seeds": 1, "points": (31,), "noises": (0.0, 0.01)},), ratios=goals.missing_terms,
    ),
    Part(
        "Lotka-Volterra, the missing terms learned by surrogates", "hidden_terms",
        quick=({"names": ("smoothing",), "noises": (0.01,), "seeds": (0,)},), ratios=goals.surrogates,
    ),
    Part(
        "two hidden terms, with and without the prior on terms that come again", "repeats", summary="summary",
        quick=({"noises": (0.01,), "seeds": (0,)},), full=({"seeds": range(60)},), ratios=goals.repeats,
    ),
    Part(
        "declared systems that are partly wrong, repaired", "repairs", summary="summary",
        quick=({"noises": (0.02,), "systems": ("Lotka-Volterra",), "kinds": ("deleted", "runaway")},), ratios=goals.repairs,
    ),
    Part(
        "90 % intervals of recovered constants", "coverage",
        quick=({"repeats": 2, "cases": (("Lotka-Volterra", 0.01),)},), ratios=goals.intervals,
    ),
    Part(
        "chaotic flows, whole equations", "chaotic", summary="summary",
        quick=({"noise": 0.01, "systems": ("Lorenz", "SprottB")},),
        full=tuple({"noise": noise} for noise in (0.0, 0.001, 0.01)), ratios=goals.flows,
    ),
    Part(
        "ODEBench, whole equations from one trajectory", "odebench", summary="summary",
        quick=({"numbers": (2, 11, 31), "corruptions": ((0.01, 0.0),)},),
        full=({"seeds": tuple(range(5))},), ratios=goals.whole_equations,
    ),
    Part(
        "drift, noise and propensities", "stochastic",
        quick=({"repeats": 1, "names": ("Ornstein-Uhlenbeck", "Hill feedback, snapshots")},), ratios=goals.stochastic,
    ),
    Part(
        "drift and noise from short paths", "short_paths",
        quick=({"repeats": 1, "names": ("Ornstein-Uhlenbeck, 150 steps",)},), ratios=goals.short_paths,
    ),
    Part(
        "fields, whole equations", "fields",
        quick=({"seeds": (0,), "decibels": (40,), "names": ("Burgers",)},), ratios=goals.fields,
    ),
)  # fmt: skip

#: Of the suite `calibration`.
WEIGHTS = Part(
    TITLE, "calibration", summary="summary", ratios=goals.calibration,
    quick=({"noises": (0.01,), "seeds": (0,), "cases": ("logistic growth", "pendulum, quadratics")},),
)  # fmt: skip


def calibration(settings: Settings) -> Result:
    """Weights of recovered systems against the share of them that is right, also where the library does not hold the truth."""
    result = Result()
    add(result, WEIGHTS, settings)
    return result


def discovery(settings: Settings) -> Result:
    """Equations recovered from data by the protocols of published studies: right terms, coefficients, and where they lead."""
    result = Result()
    for part in PARTS:
        add(result, part, settings)
    return result


def add(result: Result, part: Part, settings: Settings) -> None:
    """Run a part; one that fails leaves a row with the reason."""
    found, note = attempt(lambda: _frames(part, settings))
    if found is None:
        result.tables[part.title] = [{"part": part.module, "note": note}]
        return
    frame, shown = found
    result.tables[part.title] = _rows(shown)
    result.ratios += part.ratios(frame)


def _frames(part: Part, settings: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What a part measured, and what is shown of it."""
    module = importlib.import_module(f"benchmarks.discovery.{part.module}")
    frame = pd.concat([module.run(**call) for call in (part.quick if settings.quick else part.full)], ignore_index=True)
    return frame, getattr(module, part.summary)(frame).reset_index() if part.summary else frame


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table, without the cells that hold nothing; numbers of numpy become plain ones."""
    rows = []
    for record in frame.to_dict("records"):
        plain = {str(k): v.item() if isinstance(v, np.generic) else v for k, v in record.items()}
        rows.append(
            {k: v for k, v in plain.items() if not (isinstance(v, float) and np.isnan(v)) and v is not None and v != ""}
        )
    return rows
