"""Patterns, fronts and spots are what their theory foretells."""

import numpy as np
import pytest

from examples import pattern_formation as example


def test_the_matrix_of_waves_gives_murrays_threshold():
    # Murray (2003), 2.3: d_c = ((sqrt(det J) + sqrt(-J_uv J_vu)) / J_uu)^2, here with det J = 1, J_uv J_vu = -1.8, J_uu = 0.8
    ratio, k = example.critical_ratio()
    assert ratio == pytest.approx(((1 + np.sqrt(1.8)) / 0.8) ** 2, rel=1e-12)
    assert k == pytest.approx(ratio**-0.25, rel=1e-12)  # k^4 = det J / d
    assert example.growth(ratio, np.array([k]))[0] == pytest.approx(0, abs=1e-9)
    assert example.fastest(ratio) == pytest.approx(k, abs=1e-3)
    assert (example.growth(0.99 * ratio, np.linspace(0, 3, 500))[0] < 0).all()


@pytest.mark.parametrize("ratio", example.RATIOS)
def test_every_wave_grows_or_decays_as_its_eigenvalue_says(ratio):
    found = example.measured_growth(ratio)
    np.testing.assert_allclose(found.measured, found.told, atol=3e-4)
    assert (found.measured > 1e-3).any() == (ratio > 8.5676)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_plane_selects_the_fastest_wave(seed):
    run = example.pattern(seed=seed, end=200.0)
    early, late = (example.spectrum(run.u[k]) for k in (1, 2))
    fastest = example.fastest(10.0)
    k = np.linspace(0.1, 1.2, 2000)
    band = k[example.growth(10.0, k)[0] > 0]
    assert example.wave_number(early) == pytest.approx(fastest, rel=0.03)  # while waves are small
    assert example.wave_number(late) == pytest.approx(fastest, rel=0.06)
    assert late[(late.index > band[0]) & (late.index < band[-1])].sum() > 0.95
    # noise holds waves of all lengths: the part of them in that band is its area, of a quarter disc cut by a square
    start = example.spectrum(run.u[0])
    share = np.pi / 4 * (band[-1] ** 2 - band[0] ** 2) / (np.pi * 96 / 100) ** 2
    assert start[(start.index > band[0]) & (start.index < band[-1])].sum() == pytest.approx(share, rel=0.25)


def test_fronts_are_pulled_by_their_tips():
    front = example.front_speed()
    late = front[front.time > 40]
    # what is left out is log(t)/t^2, with 9/8 (5 - 6 log 2) before it, and 1/t^2
    assert (np.abs(late.speed - late.told) < 5 * np.log(late.time) / late.time**2).all()
    assert late.speed.is_monotonic_increasing
    assert late.speed.max() < 2
    tails = example.tail_speed()
    np.testing.assert_allclose(tails.speed, tails.told, atol=0.004)
    steep = example.tail_speed((1.5, 3.0))
    assert (steep.speed < 2).all()
    np.testing.assert_allclose(steep.speed, float(example.told_speed(25.0)), atol=0.03)  # between t = 20 and 30


def test_spots_divide_where_no_other_state_is():
    divided = example.spots(1600.0)
    assert divided.barren
    assert divided.counts[0] == 1
    assert (divided.counts[[20, 40]] >= (2, 4)).all()
    assert divided.counts[-1] >= 16
    assert divided.imbalance < 1e-5
    # half a turn about the center brings the start, and so everything, upon itself
    v = divided.run.v.values
    np.testing.assert_allclose(v, v[:, ::-1, ::-1], atol=1e-6)
    # spectral derivatives, with steps that are exact in the linear part, are another route to the same spots
    other = example.spots(400.0, cells=192, scheme="spectral", method="etdrk4")
    fine = example.spots(400.0, cells=192, order=6)
    assert float(np.abs(other.run.v - fine.run.v).max()) < 0.01
    np.testing.assert_array_equal(other.counts, fine.counts)


def test_the_example_writes_a_figure_and_a_report(tmp_path, capsys):
    example.main(["--out", str(tmp_path)])
    assert "8.567627" in (tmp_path / "pattern_formation.txt").read_text()
    assert (tmp_path / "pattern_formation.png").stat().st_size < 300_000
    assert "wave length 10.750" in capsys.readouterr().out
