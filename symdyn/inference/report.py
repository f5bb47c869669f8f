"""How a search reports its progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

from symdyn.bar import bar

__all__ = ["Report"]


class Report:
    """Stages and fractions of a search, as a bar or passed on.

    Parameters
    ----------
    target : bool, callable or None
        Whether to show a bar, which is silent in pipes (None shows it); or what to call with stage and fraction.
    name : str
        Before the bar.
    stages : mapping of str to (float, float)
        Where each stage begins and ends on it.

    Examples
    --------
    >>> with Report(lambda stage, fraction: print(stage, fraction), "fit", {"starts": (0.0, 1.0)}) as report:
    ...     report("starts", 0.5)
    starts 0.5
    """

    def __init__(
        self, target: bool | Callable[[str, float], None] | None, name: str, stages: Mapping[str, tuple[float, float]]
    ) -> None:
        self._call, self._name, self._stages = target if callable(target) else None, name, stages
        self._bar = bar(
            self._call is None and (target is None or bool(target)),
            total=100,
            desc=name,
            delay=0.5,
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}",
        )

    def __call__(self, stage: str, fraction: float) -> None:
        begin, end = self._stages[stage]
        if self._call is not None:
            self._call(stage, fraction)
        self._bar.set_description(f"{self._name}: {stage}", refresh=False)
        self._bar.update(max(0.0, 100 * (begin + (end - begin) * fraction) - self._bar.n))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
