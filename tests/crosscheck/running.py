"""Running a check on random models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings

from tests.crosscheck.checks import Check

__all__ = ["agreeing"]


def agreeing(check: Check, prepare: Callable[[Any], Any] = lambda test: test, **options: Any) -> tuple[int, Exception | None]:
    """How many models two ways agree on, and what is raised for the smallest model on which they do not.

    Models that a comparison says nothing about (`hypothesis.assume`) do not count.
    """
    count = 0

    def counted(model: Any) -> None:
        nonlocal count
        check.compare(model)
        count += 1

    many = settings(
        deadline=None, database=None, suppress_health_check=list(HealthCheck), report_multiple_bugs=False, **options
    )
    try:
        many(prepare(given(check.models)(counted)))()
    except Exception as error:  # of the smallest model
        return count, error
    return count, None
