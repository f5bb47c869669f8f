"""Percolation decays with the exponent of the literature, and closures have the transitions that theory gives."""

import numpy as np
import pytest

from examples import automaton as example


def test_the_exponent_is_that_of_directed_percolation():
    assert abs(example.exponent() - 0.159464) < 0.005  # Jensen (1999)
    sides = [example.decay(chance).s_density.isel(time=-1).item() for chance in (0.63, example.CRITICAL, 0.66)]
    assert sides[0] < 0.1 * sides[1] < 0.5 * sides[2]


def test_closures_have_their_transitions():
    table = example.densities().set_index("p")
    # mean field: rho = 2 p rho (1 - rho) + p (2 - p) rho^2 has (2 p - 1)/p^2 from p = 1/2 on
    for p in (0.6, 0.75):
        assert table.cells[p] == pytest.approx((2 * p - 1) / p**2, abs=1e-9)
    assert (table.cells[:0.49] < 1e-9).all()
    # few wet sites: with c = P(1|1), rho'/rho = 2 p - p^2 c = 1 and pair'/rho = p^2 (1 + c (1 - p))^2 = c give p = 2 - sqrt 2
    begin = 2 - 2**0.5
    assert (table.pairs[: begin - 0.01] < 1e-6).all()
    assert (table.pairs[begin + 0.005 :] > 0.01).all()
    assert (table.simulation < table.pairs + 0.01).all()
    assert (table.pairs < table.cells + 1e-9).all()


def test_small_rings_become_dry_as_their_chains_say():
    """Dense matrices, by enumeration."""
    table = example.extinction((4, 6)).set_index("sites")
    for n in (4, 6):
        states = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        pairs = states + np.roll(states, 1, axis=1)
        p = example.CRITICAL
        wet = np.choose(pairs, [0.0, p, p * (2 - p)])
        step = np.prod(np.where(states[:, None, :] == 1, wet[None], 1 - wet[None]), axis=2)[1:, 1:]
        times = np.linalg.solve((np.eye(2**n - 1) - step).T, np.ones(2**n - 1))
        assert table.steps[n] == pytest.approx(times[-1], rel=1e-10)


def test_the_example_writes_a_figure_and_a_report(tmp_path, capsys):
    example.main(["--out", str(tmp_path)])
    assert (tmp_path / "automaton.png").stat().st_size < 300_000
    assert "literature 0.159464" in capsys.readouterr().out
