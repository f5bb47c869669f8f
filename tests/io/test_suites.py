"""Cases of the SBML stochastic suite, read from their newest files as networks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.io.semantic_suite import cases
from tests.io.stochastic_suite import judge

pytest.importorskip("libsbml", reason="python-libsbml is not installed")
ARCHIVE = Path(__file__).parents[3] / "shared" / "data" / "sbml_stochastic_odd.tar.xz"


@pytest.mark.skipif(not ARCHIVE.exists(), reason="the archive of the SBML stochastic suite is not here")
def test_cases_of_the_stochastic_suite():
    """Birth and death, a boundary, an event; `python -m tests.io.stochastic_suite` runs all, with 10,000 runs each."""
    files = cases(ARCHIVE)
    outcomes = {number: judge(number, files[number], 2000) for number in ("00001", "00011", "00025", "00031", "00037")}
    assert set(outcomes.values()) == {"passed"}, outcomes
