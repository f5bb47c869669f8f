"""Cases of the SBML stochastic suite, read from their newest files as networks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.io.sbml_courses import difference
from tests.io.semantic_suite import cases
from tests.io.stochastic_suite import judge

pytest.importorskip("libsbml", reason="python-libsbml is not installed")
#: Files with events that wait, sizes and stoichiometries that change, conversion factors and rates of change in formulas.
SEEDS = range(6)
ARCHIVE = Path(__file__).parents[3] / "shared" / "data" / "sbml_stochastic_odd.tar.xz"


@pytest.mark.skipif(not ARCHIVE.exists(), reason="the archive of the SBML stochastic suite is not here")
def test_cases_of_the_stochastic_suite():
    """Birth and death, a boundary, an event; `python -m tests.io.stochastic_suite` runs all, with 10,000 runs each."""
    files = cases(ARCHIVE)
    outcomes = {number: judge(number, files[number], 2000) for number in ("00001", "00011", "00025", "00031", "00037")}
    assert set(outcomes.values()) == {"passed"}, outcomes


def test_time_courses_of_random_files_are_those_of_libroadrunner():
    """`python -m tests.io.sbml_courses` runs as many as one likes."""
    pytest.importorskip("roadrunner", reason="libRoadRunner is not installed")
    apart = {seed: difference(seed) for seed in SEEDS}
    assert max(worst for worst, _ in apart.values()) < 1e-6, apart
