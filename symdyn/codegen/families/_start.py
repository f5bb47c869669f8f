"""The condition that ends trajectories, in the beginning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.families.base import Batch
from symdyn.codegen.program import Program

__all__ = ["holds_at_start"]


def holds_at_start(batch: Batch, facts: Mapping[str, Any]) -> np.ndarray:
    """Where the condition holds for the initial values, (N,) bool; ``facts["start"]`` is its program as JSON, or None."""
    if facts["start"] is None:
        return np.zeros(len(batch.initial), bool)
    program = Program.from_json(facts["start"])
    (found,) = evaluate(program, [batch.times[0]], list(batch.initial.T), list(batch.parameters.T))
    return np.broadcast_to(np.asarray(found) > 0.5, len(batch.initial))
