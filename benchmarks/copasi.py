"""COPASI, through its own time course: what its deterministic and its stochastic runs share."""

from __future__ import annotations

import locale
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness import Unfit

__all__ = ["TimeCourse", "import_copasi", "time_course"]

STEPS = {"Max Internal Steps": 1_000_000_000}


def import_copasi() -> Any:
    """The bindings; importing them sets the locale to C, which is put back.

    Raises
    ------
    ImportError
        If they are not installed.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        import basico  # noqa: F401
        import COPASI
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return COPASI


@dataclass(frozen=True)
class TimeCourse:
    """A time course task of a model, at equidistant times."""

    model: Any
    task: Any

    def update(self, references: Sequence[Any]) -> None:
        """Initial values were changed."""
        copasi = import_copasi()
        changed = copasi.ObjectStdVector()
        for reference in references:
            changed.append(reference)
        self.model.getModel().updateInitialValues(changed)

    def run(self) -> None:
        """Simulate once."""
        copasi = import_copasi()
        if not (self.task.initializeRaw(copasi.CCopasiTask.OUTPUT_UI) and self.task.processRaw(True)):
            raise RuntimeError(f"COPASI: {copasi.CCopasiMessage.getAllMessageText()}")

    def read(self, titles: Sequence[str]) -> np.ndarray:
        """Values (T, n) of the last run."""
        series = self.task.getTimeSeries()
        there = {series.getTitle(i): i for i in range(series.getNumVariables())}
        columns = [there[title] for title in titles]
        return np.array([[series.getData(row, c) for c in columns] for row in range(series.getRecordedSteps())])


def time_course(model: Any, method: str, settings: Mapping[str, Any], times: np.ndarray) -> TimeCourse:
    """The task of a model with a method ('deterministic', 'directMethod') and its settings."""
    copasi = import_copasi()
    if not np.allclose(np.diff(times), times[1] - times[0]):
        raise Unfit("its time course has equidistant times, the problem has not")
    model.getModel().compileIfNecessary()
    task = model.getTask("Time-Course")
    task.setMethodType(getattr(copasi.CTaskEnum, f"Method_{method}"))
    problem = task.getProblem()
    problem.setDuration(float(times[-1] - times[0]))
    problem.setStepNumber(len(times) - 1)
    problem.setTimeSeriesRequested(True)
    for name, value in {**STEPS, **settings}.items():
        parameter = task.getMethod().getParameter(name)
        {bool: parameter.setBoolValue, float: parameter.setDblValue}.get(type(value), parameter.setUIntValue)(value)
    return TimeCourse(model, task)
