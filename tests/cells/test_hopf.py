"""Hopf points and curves against Iyaniwura & Ward (2021), closed forms, and each other."""

from __future__ import annotations

import numpy as np
import pytest

import symdyn as sd
from symdyn.cells.hopf import hopf_curve, hopf_point
from symdyn.models import zoo

BASE = dict(domain=sd.Disk(1), radius=0.05, kinetics=zoo.selkov(), secreted="v", influx=0.8, efflux=0.2)


@pytest.fixture(scope="module")
def three():
    """The three cells of figures 4 to 7."""
    return sd.BulkCellSystem(centers=[(0.5, 0), (-0.5, 0), (0, 0)], **BASE)


# in-phase boundary of figure 4a: D, and tau and omega where the oscillation sets in and ends
BOUNDARY = [
    (0.2, 0.13337, 0.74846, 0.65873, 0.81150),
    (0.5, 0.20481, 0.73792, 0.74699, 0.79318),
    (1, 0.26006, 0.72901, 0.74557, 0.77536),
    (2, 0.30648, 0.72187, 0.72693, 0.75997),
    (5, 0.34773, 0.71625, 0.70484, 0.74710),
]


@pytest.mark.parametrize(("diffusion", "low", "slow", "high", "fast"), BOUNDARY)
def test_boundary_of_oscillation(three, diffusion, low, slow, high, fast):
    for tau, omega in ((low, slow), (high, fast)):
        found = hopf_point(three, "tau", {"D": diffusion, "tau": 0.99 * tau, "omega": omega})
        assert found.parameters["tau"] == pytest.approx(tau, abs=6e-6)
        assert found.omega == pytest.approx(omega, abs=6e-6)


@pytest.mark.parametrize(
    ("diffusion", "low", "high"), [(10, 0.36545, 0.69435), (50, 0.38180, 0.68423), (1000, 0.38603, 0.68154)]
)
def test_boundary_approaches_that_of_the_well_mixed_bulk(three, diffusion, low, high):
    found = [hopf_point(three, "tau", {"D": diffusion, "tau": tau}).parameters["tau"] for tau in (0.98 * low, 1.02 * high)]
    assert found == pytest.approx([low, high], abs=6e-6)


def test_lobe_of_the_anti_phase_mode_folds(three):
    lobe = hopf_curve(three, start={"D": 0.15, "tau": 0.2, "omega": 0.8}, bounds={"D": (0.1, 1)})
    (tip,) = lobe.attrs["fold_D"]
    assert tip == pytest.approx(0.2116, abs=6e-5)
    assert float(lobe.tau.values[np.argmax(lobe.D.values)]) == pytest.approx(0.36, abs=0.01)
    assert lobe.D.values[[0, -1]] == pytest.approx([0.1, 0.1], rel=1e-8)
    mode = lobe.mode.values
    assert np.abs(mode[:, 0] + mode[:, 1]).max() < 1e-8  # the two outer cells against each other ...
    assert np.abs(mode[:, 2]).max() < 1e-8  # ... and the middle one at rest, all along


def test_eigenvalues_are_imaginary_along_a_curve(three):
    curve = hopf_curve(three, start={"D": 1, "tau": 0.26}, bounds={"D": (0.3, 3)})
    for k in range(0, curve.sizes["point"], 6):
        values = three.eigenvalues({"D": float(curve.D[k]), "tau": float(curve.tau[k])})
        assert np.abs(values - 1j * float(curve.omega[k])).min() < 1e-7


def test_all_lobes_are_found(three):
    curves = three.hopf_curves(bounds={"D": (0.07, 0.3), "tau": (0.05, 1)}, scans=2, samples=14)
    tips = sorted(c.attrs["fold_D"][0] for c in curves if c.attrs["fold_D"])
    assert tips == pytest.approx([0.0869, 0.2116], abs=6e-5)
    assert len(curves) == 4  # the two lobes, and both sides of the in-phase region


def test_closed_lobe_of_a_weaker_cell():
    # figure 8: d1 of the middle cell 0.4; the in-phase mode oscillates for D below 0.8204 only
    cells = sd.BulkCellSystem(centers=[(0.5, 0), (-0.5, 0), (0, 0)], **{**BASE, "influx": [0.8, 0.8, 0.4]})
    lobe = hopf_curve(cells, start={"D": 0.5, "tau": 0.3}, bounds={"D": (0.2, 2)})
    assert lobe.attrs["fold_D"] == pytest.approx([0.8204], abs=6e-5)
    assert max(lobe.attrs["fold_tau"]) == pytest.approx(1.030, abs=6e-4)


def test_one_cell_in_the_plane_against_the_closed_form():
    # F = 1 + D nu/d1 + (2 pi nu D d2/(tau d1)) K + nu [log 2 - gamma - log((1 + tau lambda)/D)/2], zero at the Hopf point
    cell = sd.BulkCellSystem(centers=[(0, 0)], **{**BASE, "domain": sd.Plane()})
    found = hopf_point(cell, "tau", {"D": 0.3, "tau": 0.5})
    tau, root = found.parameters["tau"], 1j * found.omega
    v, w = (float(cell.steady_state(found.parameters)[s][0]) for s in ("v", "w"))
    nu, d = -1 / np.log(0.05), 0.3
    det, trace = 0.15 * (0.9 + v**2), 2 * v * w - 1 - 0.15 * (0.9 + v**2)
    answer = (root + det) / (root**2 - trace * root + det)
    regular = np.log(2) - np.euler_gamma - np.log((1 + tau * root) / d) / 2
    assert abs(1 + d * nu / 0.8 + 2 * np.pi * nu * d * 0.2 / (tau * 0.8) * answer + nu * regular) < 1e-9


def test_curves_in_other_parameters(three):
    curve = three.hopf_curve(
        ("alpha", "tau"), parameters={"D": 1}, bounds={"alpha": (0.8, 1.0)}, start={"alpha": 0.9, "tau": 0.26}
    )
    assert curve.alpha.values.min() == pytest.approx(0.8, rel=1e-6)
    away = np.abs(curve.alpha.values - 0.9) + np.abs(curve.tau.values - 0.26006)
    assert away.min() < 1e-5  # the boundary at D = 1 of above


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vary": ("D",)}, "expected two parameters, such as"),
        ({"vary": ("D", "D")}, "vary names D twice; expected two different parameters"),
        ({"vary": ("D", "beta")}, "'beta' is not a parameter"),
        ({"vary": ("D", "alpha")}, r"there are no bounds for alpha; pass bounds=\{'alpha': \(lowest, highest\)\}"),
        ({"bounds": {"D": (2, 1)}}, r"the bounds of D are \(2, 1\); expected two positive numbers"),
        ({"bounds": {"D": (1, 2), "tau": (2, 4)}, "samples": 2, "scans": 2}, "never changes with tau between 2 and 4"),
    ],
)  # fmt: skip
def test_errors(three, options, message):
    with pytest.raises(sd.SymdynError, match=message):
        three.hopf_curve(**options)


def test_a_start_far_from_any_hopf_point_is_refused():
    quiet = sd.BulkCellSystem(centers=[(0, 0)], **{**BASE, "influx": 0.3})
    with pytest.raises(sd.SymdynError, match=r"no Hopf point is found from tau = 0\.5, where an eigenvalue is"):
        hopf_point(quiet, "tau", {"D": 20, "tau": 0.5})
