"""Colonies of the literature: eigenvalues, modes and thresholds as printed.

Iyaniwura & Ward, SIAM Journal on Applied Dynamical Systems 20 (2021) 438-499 (tables 1 to 5, figures 4 to 24); Iyaniwura, Gou &
Ward, Journal of Engineering Mathematics 127:18 (2021) (cells in the plane); Gomez, Iyaniwura, Paquin-Lefebvre & Ward,
Philosophical Transactions A 379:20200276 (2021) (figure 10).  Where a printed digit is known to be wrong, or was not printed,
the number is that of an independent computation.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

import symdyn as sd
from symdyn.models import zoo

LINE = [(0.5, 0.0), (-0.5, 0.0), (0.0, 0.0)]
CLUSTERS = [
    (0.47, -0.1), (0.78, 0.2), (0.8, -0.15), (0.5, 0.25), (0.6, -0.4), (-0.58, 0.05), (-0.65, 0.35), (-0.8, -0.15),
    (-0.3, 0.1), (-0.5, -0.3),
]  # fmt: skip
RINGS = [(0, -0.7), (0, 0.7), (-0.4, 0), (-0.6, 0.2), (-0.8, 0), (-0.6, -0.2), (0.8, 0), (0.6, 0.2), (0.4, 0), (0.6, -0.2)]
NU = -1 / np.log(0.05)


def cells(centers, *, domain=None, radius=0.05, influx=0.8, efflux=0.2, alpha=0.9):
    """Sel'kov cells with a parameter alpha for all or for each."""
    alphas = alpha if isinstance(alpha, list) else [alpha] * len(centers)
    kinetics = [zoo.selkov().with_parameters(alpha=a) for a in alphas]
    bulk = dict(domain=domain or sd.Disk(1), radius=radius, influx=influx, efflux=efflux)
    return sd.BulkCellSystem(centers=centers, kinetics=kinetics, secreted="v", **bulk)


def upper(modes):
    """Eigenvalues with positive imaginary part and the places of their modes."""
    places = np.flatnonzero(modes.eigenvalues.imag > 1e-9)
    return modes.eigenvalues[places], places


def alike(found, printed):
    """Distance of two vectors up to a factor of modulus 1, both of norm 1."""
    printed = np.asarray(printed, complex)
    return np.sqrt(max(0.0, 2 - 2 * abs(np.vdot(found, printed / np.linalg.norm(printed)))))


# ---- three cells in a row (tables 1 and 2, figures 4 to 14) ---------------------------------------


@pytest.mark.parametrize(
    ("diffusion", "tau", "eigenvalue", "sources", "secreted"),
    [
        (1.021, 0.262, 0.00016 + 0.72882j, [0.579, 0.579, 0.575 + 0.0144j], [-0.569 + 0.067j] * 2 + [-0.582 + 0.062j]),
        (0.0857, 0.199, 0.00003 + 0.82039j, [-0.411 - 0.004j] * 2 + [0.814], [0.395 - 0.008j] * 2 + [-0.829 + 0.032j]),
        (0.211, 0.365, 0.00007 + 0.81510j, [0.707, -0.707, 0], [-0.706 + 0.042j, 0.706 - 0.042j, 0]),
    ],
)
def test_table_1(diffusion, tau, eigenvalue, sources, secreted):
    modes = cells(LINE).modes({"D": diffusion, "tau": tau})
    k = int(np.abs(modes.eigenvalues - eigenvalue).argmin())
    assert abs(modes.eigenvalues[k] - eigenvalue) < 8e-6
    assert alike(modes.sources[:, k], sources) < 1.5e-3
    assert alike(modes.secreted[:, k], secreted) < 1.5e-3


def test_figure_5_inside_and_outside_the_lobe():
    modes = cells(LINE).modes({"D": 1, "tau": 0.55})
    values, places = upper(modes)
    expected = [0.0142582 + 0.7617123j, -0.13055 + 0.87518j, -0.23777 + 0.92354j]
    assert values == pytest.approx(expected, abs=6e-6)
    assert alike(modes.sources[:, places[0]], [0.588, 0.588, 0.556 + 0.0178j]) < 1.5e-3
    assert cells(LINE).eigenvalues({"D": 1, "tau": 1.1})[0] == pytest.approx(-0.02145 + 0.79155j, abs=6e-6)


@pytest.mark.parametrize(("diffusion", "tau", "count"), [(0.05, 0.15, 6), (0.15, 0.35, 4), (0.4, 0.5, 2), (1, 1.1, 0)])
def test_numbers_of_growing_eigenvalues(diffusion, tau, count):
    colony, at = cells(LINE), {"D": diffusion, "tau": tau}
    assert colony.unstable_count(at) == count
    assert colony.modes(at).unstable == count


def test_equation_4_23_a_weaker_cell_in_the_middle():
    colony = cells(LINE, influx=[0.8, 0.8, 0.4])
    modes = colony.modes({"D": 0.05, "tau": 0.2})
    values, places = upper(modes)
    assert values == pytest.approx([0.034954 + 0.778998j, 0.01891 + 0.8124j, 0.01436 + 0.81325j], abs=6e-6)
    assert alike(modes.sources[:, places[0]], [0.152, 0.152, 0.829 - 0.517j]) < 2e-3
    assert alike(modes.sources[:, places[1]], [1, -1, 0]) < 1e-7
    assert alike(modes.sources[:, places[2]], [0.624, 0.624, -0.434 - 0.18j]) < 2e-3
    # printed as .0115 + .778i; the vector agrees, the imaginary part is .77284
    modes = colony.modes({"D": 0.4, "tau": 0.6})
    assert modes.eigenvalues[0] == pytest.approx(0.0115 + 0.77284j, abs=6e-6)
    assert alike(modes.sources[:, 0], [0.267 + 0.107j] * 2 + [0.914]) < 1.5e-3


@pytest.mark.parametrize(
    ("diffusion", "tau", "sources"),
    [
        (0.820, 0.584, [0.345 + 0.171j] * 2 + [0.839]),
        (0.0775, 0.216, [-0.446 + 0.256j] * 2 + [0.686]),
        (0.129, 0.325, [1, -1, 0]),
    ],
)
def test_hopf_points_with_a_weaker_cell(diffusion, tau, sources):
    modes = cells(LINE, influx=[0.8, 0.8, 0.4]).modes({"D": diffusion, "tau": tau})
    k = int(np.abs(modes.eigenvalues.real).argmin())
    assert abs(modes.eigenvalues[k].real) < 2e-4
    turned = modes.sources[:, k] if modes.eigenvalues[k].imag > 0 else modes.sources[:, k].conj()
    assert alike(turned, sources) < 2e-3


@pytest.mark.parametrize(
    ("alpha", "diffusion", "tau", "sources"),
    [
        (0.86, 0.233, 0.744, [0.539 - 0.080j] * 2 + [0.638]),
        (0.86, 0.108, 0.284, [-0.461 - 0.0415j] * 2 + [0.756]),
        (0.96, 0.475, 0.672, [0.639, 0.639, 0.427 - 0.0118j]),
        (0.96, 0.0492, 0.168, [-0.254 + 0.0428j] * 2 + [0.932]),
    ],
)
def test_table_2_another_alpha_in_the_middle(alpha, diffusion, tau, sources):
    modes = cells(LINE, alpha=[0.9, 0.9, alpha]).modes({"D": diffusion, "tau": tau})
    values, places = upper(modes)
    near = places[np.abs(values.real) < 1.5e-3]
    assert min(alike(modes.sources[:, k], sources) for k in near) < 4e-3
    # the outer cells against each other do not feel the middle one
    anti = cells(LINE, alpha=[0.9, 0.9, alpha]).modes({"D": 0.211, "tau": 0.365})
    assert np.abs(anti.eigenvalues - (0.00007 + 0.8151j)).min() < 8e-6


# ---- ten cells (table 3, figures 17 to 24) --------------------------------------------------------


def test_table_3_two_clusters():
    colony = cells(CLUSTERS)
    assert colony.eigenvalues({"D": 5 / NU, "tau": 0.3})[0] == pytest.approx(0.0197723 + 0.7802242j, abs=6e-8)
    assert colony.eigenvalues({"D": 5 / NU, "tau": 0.9})[0] == pytest.approx(-0.030086 + 0.810404j, abs=6e-7)


def test_at_a_small_delay_all_eigenvalues_are_real():
    # printed as -1.01 + .0002i; the in-phase pair has met on the axis at tau = .0316
    values = cells(CLUSTERS).eigenvalues({"D": 5 / NU, "tau": 0.03}, region=((-2, 1), (-3, 3)))
    assert not values.imag.any()
    assert ((values.real > -0.2) & (values.real < -0.1945)).sum() == 9
    assert values.real[-2:] == pytest.approx([-0.5394, -1.1085], abs=6e-5)


def test_figure_24_thresholds_of_two_isolated_cells():
    colony = cells(RINGS, influx=[0.3] * 2 + [0.8] * 8)

    def growth(sign):
        def of(diffusion):
            modes = colony.modes({"D": diffusion, "tau": 0.35})
            values, places = upper(modes)
            two = modes.sources[:2, places]
            share = np.abs(two[0] + sign * two[1]) ** 2 / (np.abs(modes.sources[:, places]) ** 2).sum(axis=0)
            return float(values[share.argmax()].real)

        return of

    # of the two cells against each other, and of both together
    assert brentq(growth(-1), 0.1, 0.2, xtol=1e-6) == pytest.approx(0.13921, abs=6e-6)
    assert brentq(growth(1), 0.12, 0.2, xtol=1e-6) == pytest.approx(0.15464, abs=6e-6)


def test_figure_24_second_set():
    modes = cells(RINGS, influx=[0.8] * 2 + [0.3] * 8).modes({"D": 0.05, "tau": 0.35})
    values, places = upper(modes)
    share = np.abs(modes.sources[0, places] - modes.sources[1, places]) ** 2
    assert values[share.argmax()] == pytest.approx(-0.0072 + 0.829j, abs=6e-4)


# ---- cells in the plane, rings with a center -------------------------------------------------------


@pytest.mark.parametrize(
    ("tau", "together", "against"),
    [
        (5.5, -0.01098 + 0.8296j, -0.00919 + 0.8316j),
        (2.5, 0.02008 + 0.7990j, 0.020187 + 0.8083j),
        (1.5, 0.03154 + 0.77215j, 0.024932 + 0.7890j),
        (0.5, -0.1844 + 0.7099j, -0.2404 + 0.7274j),
    ],
)
def test_two_cells_in_the_plane(tau, together, against):
    modes = cells([(1, 0), (-1, 0)], domain=sd.Plane()).modes({"D": 3, "tau": tau})
    for expected, sign in ((together, 1), (against, -1)):
        k = int(np.abs(modes.eigenvalues - expected).argmin())
        assert abs(modes.eigenvalues[k] - expected) < 8e-5
        assert alike(modes.sources[:, k], [1, sign]) < 1e-7


@pytest.mark.parametrize(
    ("alpha", "middle", "eigenvalue"),
    [(0.93, 0.93, -0.0117 + 0.726j), (0.9, 0.9, -0.0005), (0.93, 0.78, 0.0014), (0.9, 0.78, 0.0098)],
)
def test_four_cells_around_a_center(alpha, middle, eigenvalue):
    ring = [(0.5 * np.cos(t), 0.5 * np.sin(t)) for t in np.pi / 2 * np.arange(4)]
    colony = cells([*ring, (0, 0)], radius=0.02, influx=0.3, alpha=[alpha] * 4 + [middle])
    found = colony.eigenvalues({"D": 2, "tau": 0.65})[0]
    assert found.real == pytest.approx(np.real(eigenvalue), abs=6e-5)
    if np.imag(eigenvalue):
        assert found.imag == pytest.approx(np.imag(eigenvalue), abs=6e-4)


def test_all_growing_eigenvalues_of_a_hundred_random_cells():
    """The winding number along the imaginary axis, and the contours in the half plane, count alike."""
    generator, centers = np.random.default_rng(7), []
    while len(centers) < 100:
        point = generator.uniform(-1, 1, 2)
        if np.hypot(*point) < 0.93 and all(np.hypot(*(point - q)) > 0.08 for q in centers):
            centers.append(point)
    colony = cells(centers, radius=0.02, influx=0.4, alpha=0.8)
    at = {"D": 0.01, "tau": 0.1}
    modes = colony.modes(at, region=((0, 0.3), (-1.2, 1.2)))
    assert modes.unstable == colony.unstable_count(at) > 40
