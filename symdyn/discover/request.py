"""What a recovery was asked for beside the system and the data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from symdyn.discover.options import RecoverOptions
from symdyn.inference.budget import Budget
from symdyn.inference.journal import Journal
from symdyn.inference.report import Report

__all__ = ["STAGES", "Request"]

#: Stages of a recovery, and where each begins and ends on a bar.
STAGES: Mapping[str, tuple[float, float]] = {
    "surrogate": (0.0, 0.5),
    "regressor": (0.5, 0.6),
    "selection": (0.6, 1.0),
}


@dataclass(frozen=True)
class Request:
    """What `recover` was asked for beside the system and the data; see there.

    Attributes
    ----------
    budget : Budget
        Of time; a route ends at it, or at an interrupt, with the best so far and a warning.
    report : Report
        To be called with a stage and its fraction.
    journal : Journal
        Stores expensive results, so that an interrupted search can be resumed.
    """

    unknown: Sequence[Any] | None = None
    library: Any = None
    surrogate: str | None = "auto"
    regressor: str | None = "auto"
    selection: bool = True
    budget: Budget = field(default_factory=Budget)
    seed: int = 0
    report: Report = field(default_factory=partial(Report, False, "recover", STAGES))
    heldout: float = 0.0
    bounds: Mapping[Any, tuple[Any, Any]] | None = None
    signs: Mapping[Any, int] | None = None
    conserved: Sequence[Any] | None = None
    graph: Mapping[Any, Collection[Any]] | None = None
    options: RecoverOptions = field(default_factory=RecoverOptions)
    journal: Journal = field(default_factory=Journal)
