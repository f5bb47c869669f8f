"""The hidden advection is found, and the figure is made."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from examples import hidden_operator as example


def test_the_data_solve_burgers_equation():
    points = np.linspace(-0.8, 0.8, 9)
    h, t = 1e-3, 0.2
    u = {(i, j): example.exact(points + i * h, t + j * h) for i, j in [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]}
    rate = (u[0, 1] - u[0, -1]) / (2 * h)
    slope, bend = (u[1, 0] - u[-1, 0]) / (2 * h), (u[1, 0] - 2 * u[0, 0] + u[-1, 0]) / h**2
    np.testing.assert_allclose(rate, -u[0, 0] * slope + example.VISCOSITY * bend, atol=1e-3)
    np.testing.assert_allclose(example.exact(points, 0.0), -np.sin(np.pi * points), atol=1e-12)


def test_the_example_writes_a_figure_and_a_report(tmp_path, capsys):
    example.main(["--out", str(tmp_path)])
    report = (tmp_path / "hidden_operator.txt").read_text()
    assert "u*dx(u)" in report
    assert report in capsys.readouterr().out
    assert (tmp_path / "hidden_operator.png").stat().st_size < 300_000
    assert float(report.rpartition("elsewhere: ")[2]) < 0.02
    plt.close("all")


def test_terms_are_written_as_in_books():
    assert example._written(str(sp.Symbol("u") ** 2 * sd.laplacian(sp.Symbol("u")))) == r"$u^2\,u_{xx}$"
    assert example.hidden().unknowns
    with pytest.raises(sd.errors.CompileError, match="unknown term"):
        example.elsewhere(example.hidden())
