"""The look of figures: symdyn's own where it makes them, the caller's where axes are given."""

from __future__ import annotations

import itertools

import matplotlib as mpl
import numpy as np
import pytest

import symdyn as sd
from symdyn.figure_style import BLUE, COLOURS, VERMILION

mpl.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

#: From linear RGB to the responses of long, middle and short cones (Viénot, Brettel, Mollon, Color Res. Appl. 24, 243, 1999).
CONES = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
#: What dichromats see: long cones from the others, or middle cones from the others (same paper).
PROTAN = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])
DEUTAN = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])


@pytest.fixture
def fit():
    t = np.arange(8.0)
    return sd.fit(sd.ODESystem.from_text("x' = -k*x"), {"t": t, "x": 3 * np.exp(-t / 2) + 0.02 * np.cos(9 * t)}, starts=2)


def test_own_figures_have_the_style_and_leave_that_of_the_caller(fit):
    with mpl.rc_context({"axes.labelsize": 20.0}):
        before = dict(mpl.rcParams)
        assert fit.plot_optima().xaxis.label.get_size() == 9.0
        assert dict(mpl.rcParams) == before
        _, ax = plt.subplots()
        assert fit.plot_optima(ax=ax).xaxis.label.get_size() == 20.0
    plt.close("all")


def test_the_style_is_a_decorator_too_each_time_that_the_function_is_called():
    @sd.style()
    def size():
        return mpl.rcParams["axes.labelsize"]

    with mpl.rc_context({"axes.labelsize": 20.0}):
        assert (size(), size(), mpl.rcParams["axes.labelsize"]) == (9.0, 9.0, 20.0)
    assert COLOURS[:2] == (BLUE, VERMILION)


@pytest.mark.parametrize("seen", [np.eye(3), PROTAN, DEUTAN], ids=["all cones", "no long cones", "no middle cones"])
def test_colours_are_told_apart_without_red_or_green_cones(seen):
    """By a fifteenth of the distance from black to white, in the cube root of light, which is nearly even to the eye.

    The usual colours of matplotlib come within a fiftieth without long cones.
    """
    rgb = np.array([mpl.colors.to_rgb(c) for c in COLOURS])
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    reach = np.linalg.solve(CONES, seen @ CONES @ light.T).T
    even = np.cbrt(np.clip(reach, 0, 1))
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(even, 2)) > np.sqrt(3) / 15
