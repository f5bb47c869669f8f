"""The checks: each computes the same in two ways that share no code, and raises an `AssertionError` where they differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.crosscheck import expressions, fields, fits, flows, matrices, networks, texts

__all__ = ["CHECKS", "Check"]


class Check(NamedTuple):
    """A comparison, the models it is made on, its share of a run, and how many are in the ordinary tests."""

    compare: Callable[[Any], None]
    models: st.SearchStrategy[Any]
    share: float
    sample: int


CHECKS: dict[str, Check] = {
    "right-hand sides": Check(expressions.by_llvm, expressions.expressions(), 0.22, 40),
    "right-hand sides by numba": Check(
        expressions.by_numba, st.lists(expressions.expressions(4), min_size=1, max_size=6), 0.005, 2
    ),
    "texts": Check(texts.through_text, texts.documents(), 0.18, 30),
    "SBML": Check(texts.through_sbml, texts.volumes(), 0.15, 15),
    "life tables": Check(matrices.by_ages, matrices.life_tables(), 0.08, 15),
    "stages": Check(matrices.by_eigenvectors, matrices.stages(), 0.08, 15),
    "linear equations": Check(flows.by_exponential, flows.linear_systems(), 0.1, 10),
    "linear maps": Check(flows.by_powers, flows.linear_maps(), 0.13, 10),
    "networks": Check(networks.by_generator, networks.finite(), 0.03, 5),
    "moments": Check(networks.by_moments, networks.linear(), 0.02, 4),
    "fields": Check(fields.by_solution, fields.fields(), 0.01, 3),
    "fits": Check(fits.by_least_squares, fits.noisy(), 0.005, 2),
}
