"""Ten equations in place of a field are as good as theory says."""

import numpy as np
import pytest

from examples import reduced_field as example


def test_errors_fall_to_those_of_the_grid():
    table = example.errors((6, 10, 12)).set_index("modes")
    assert (table.projection <= table.reduced).all()  # no element of the space is nearer than the nearest
    assert table.reduced[10] < 1e-3
    assert table.reduced[12] < example.grid_error()
    # second order: a grid of 256 cells errs at most by a few times (h / width of the layer)^2, the width 4 nu
    assert example.grid_error() < (1 / 256 / 0.04) ** 2
    # sums of Bessel functions with 60 digits
    assert example.exact(np.array([0.5, 0.9]), 1.0, 0.01) == pytest.approx(
        [0.374420037644686755, 0.660019397463445824], rel=1e-12
    )
    assert example.exact(np.array([0.9, 0.996]), 0.3, 0.01) == pytest.approx(
        [0.854165283973463158, 0.0624562194200471105], rel=1e-12
    )


def test_the_example_writes_a_figure_and_a_report(tmp_path, capsys):
    example.main(["--out", str(tmp_path)])
    assert (tmp_path / "reduced_field.png").stat().st_size < 300_000
    assert f"exact solution: {example.grid_error():.2e}" in capsys.readouterr().out
