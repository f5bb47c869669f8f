"""The example of a neuron explored without a page: the onset of firing is that of theory."""

from __future__ import annotations

import pytest

from examples import explored_neuron as example


def test_the_onset_is_where_the_trace_changes_its_sign(tmp_path):
    assert example.main(["--out", str(tmp_path)]) == pytest.approx(example.theory(), abs=1e-8)
    assert example.theory() == pytest.approx(0.33128, abs=1e-5)  # v = -0.967471, w = -0.334338
    assert (tmp_path / "explored_neuron.png").stat().st_size > 20_000
