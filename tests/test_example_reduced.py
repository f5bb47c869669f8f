"""Ten equations in place of a field are as good as theory says."""

import numpy as np

from examples import reduced_field as example


def test_errors_fall_to_those_of_the_grid():
    table = example.errors((6, 10, 14)).set_index("modes")
    assert (table.projection <= table.reduced).all()  # no element of the space is nearer than the nearest
    assert table.reduced[10] < 1e-3
    assert table.reduced[14] < example.grid_error() / 10
    # second order: a grid of 256 cells errs at most by a few times (h / width of the layer)^2, the width 4 nu
    assert example.grid_error() < (1 / 256 / 0.04) ** 2
    at = example.exact(np.array([0.5, 0.9]), 1.0, 0.01)
    np.testing.assert_allclose(at, [0.37442003764, 0.66001939741], atol=1e-11)


def test_the_example_writes_a_figure_and_a_report(tmp_path, capsys):
    example.main(["--out", str(tmp_path)])
    assert (tmp_path / "reduced_field.png").stat().st_size < 300_000
    assert "exact solution: 3.0" in capsys.readouterr().out
