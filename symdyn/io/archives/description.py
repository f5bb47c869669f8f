"""What a simulation experiment consists of, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

__all__ = [
    "DataGenerator",
    "Description",
    "PlotOutput",
    "RepeatedTask",
    "ReportOutput",
    "SedModel",
    "TimeCourse",
]


@dataclass(frozen=True)
class SedModel:
    """A model: its file or the model that it changes, and changes (identifier, attribute, number)."""

    source: str
    changes: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True)
class TimeCourse:
    """A simulation with output at even times, or of the steady state that is reached if the end is infinite."""

    initial: float
    start: float
    end: float
    points: int
    rtol: float | None = None
    atol: float | None = None

    @property
    def steady(self) -> bool:
        """Whether the output is the steady state alone."""
        return self.end == np.inf

    @property
    def times(self) -> np.ndarray:
        """Output times."""
        return np.linspace(self.start, self.end, self.points + 1)


@dataclass(frozen=True)
class RepeatedTask:
    """A task at several values.

    Of each range its values or, of functional ones, the formula of ranges before it, and the constants in it; what is set
    (identifier, attribute, formula, constants), and in which models.
    """

    task: str
    ranges: dict[str, np.ndarray]
    functions: dict[str, tuple[str, dict[str, float]]]
    settings: tuple[tuple[str, str, str, dict[str, float]], ...]
    models: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DataGenerator:
    """A formula of variables (identifier of the model, or None for time; task) and of constants."""

    formula: str
    variables: dict[str, tuple[str | None, str]]
    constants: dict[str, float]
    label: str


@dataclass(frozen=True)
class ReportOutput:
    """A table: labels of columns, or identifiers where labels are equal, and their data generators."""

    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class PlotOutput:
    """Curves (x, y, logarithmic x, logarithmic y, label)."""

    title: str
    curves: tuple[tuple[str, str, bool, bool, str], ...]


@dataclass(frozen=True)
class Description:
    """A file of SED-ML."""

    name: str
    models: dict[str, SedModel] = field(default_factory=dict)
    simulations: dict[str, TimeCourse] = field(default_factory=dict)
    tasks: dict[str, tuple[str, str]] = field(default_factory=dict)
    repeated: dict[str, RepeatedTask] = field(default_factory=dict)
    generators: dict[str, DataGenerator] = field(default_factory=dict)
    reports: dict[str, ReportOutput] = field(default_factory=dict)
    plots: dict[str, PlotOutput] = field(default_factory=dict)
