"""Reading measurements, and libraries of terms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.discover.data import estimated_noise, observations
from symdyn.discover.library import library_terms
from symdyn.errors import RecoveryError

x, y = sp.symbols("x y")
SYSTEM = sd.ODESystem({x: y, y: -x})


def test_a_frame_and_a_mapping_give_the_same_trajectory():
    t = np.array([0.0, 1.0, 3.0])
    frame = pd.DataFrame({"t": t, "y": [1.0, np.nan, 3.0]})
    for data in (frame, frame.set_index("t"), {"t": t, "y": frame["y"]}, {"time": t, y: frame["y"]}):
        seen = observations(SYSTEM, data)
        assert seen.states == ("x", "y")
        np.testing.assert_array_equal(seen.trajectories[0].times, t)
        np.testing.assert_array_equal(seen.trajectories[0].values, [[np.nan, 1], [np.nan, np.nan], [np.nan, 3]])
        assert seen.size == 2
        assert seen.scale == pytest.approx([1.0, np.sqrt(5)])


def test_unsorted_times_are_sorted_with_their_values():
    seen = observations(SYSTEM, {"t": [2.0, 0.0, 1.0], "x": [20.0, 0.0, 10.0]})
    np.testing.assert_array_equal(seen.trajectories[0].values[:, 0], [0, 10, 20])


def test_every_other_dimension_of_a_dataset_gives_trajectories():
    values = np.arange(12.0).reshape(2, 2, 3)
    data = xr.Dataset(
        {"x": (("a", "trajectory", "time"), values), "status": (("a", "trajectory"), np.zeros((2, 2)))},
        coords={"time": [0.0, 1.0, 2.0]},
    )
    seen = observations(SYSTEM, data)
    assert len(seen.trajectories) == 4
    np.testing.assert_array_equal([t.values[0, 0] for t in seen.trajectories], [0, 3, 6, 9])


def test_a_list_holds_trajectories_of_different_lengths():
    seen = observations(SYSTEM, [{"t": [0, 1], "x": [1, 2]}, {"t": [0, 1, 2], "y": [1, 2, 3]}])
    assert [len(t.times) for t in seen.trajectories] == [2, 3]
    assert seen.size == 5


def test_a_column_of_a_frame_tells_trajectories_apart():
    frame = pd.DataFrame({"trajectory": ["b", "a", "b"], "t": [1.0, 0.0, 0.0], "x": [1.0, 2.0, 3.0], "y": [4.0, 5.0, 6.0]})
    frame = pd.concat([frame, pd.DataFrame({"trajectory": ["a"], "t": [2.0], "x": [7.0], "y": [8.0]})])
    seen = observations(SYSTEM, frame)
    assert [t.times.tolist() for t in seen.trajectories] == [[0, 2], [0, 1]]
    assert [t.values[:, 0].tolist() for t in seen.trajectories] == [[2, 7], [3, 1]]


def test_split_holds_out_the_end():
    early, late = observations(SYSTEM, {"t": np.arange(10.0), "x": np.arange(10.0)}).split(0.3)
    np.testing.assert_array_equal(late.trajectories[0].times, [7, 8, 9])
    assert len(early.trajectories[0].times) == 7
    with pytest.raises(RecoveryError, match="2 points"):
        observations(SYSTEM, {"t": [0, 1], "x": [1, 2]}).split(0.01)


def test_noise_is_estimated_and_smooth_motion_is_not_noise():
    t = np.linspace(0, 6, 400)
    noise = np.random.default_rng(0).normal(0, 0.05, t.size)
    assert estimated_noise([(t, np.sin(t) + noise)]) == pytest.approx(0.05, rel=0.2)
    assert estimated_noise([(t, np.sin(t))]) < 1e-7
    assert observations(SYSTEM, {"t": t, "x": 0 * t + 2}).noise[0] == pytest.approx(2e-8)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"t": [0, 1], "z": [1, 2]}, "columns z; states x, y"),
        ({"x": [1, 2]}, "no column of times"),
        ({"t": [0, 1, 1], "x": [1, 2, 3]}, "the time 1 occurs twice.*numbered in a column 'trajectory'"),
        ({"t": [0, 1], "x": [1, np.inf]}, "infinite"),
        ({"t": [0, 1], "x": [np.nan, np.nan]}, r"no number of any state \(x, y\): all are NaN"),
        ({"t": [0, 1], "x": [1, 2, 3]}, r"shape \(3,\)"),
        ("x", "type str"),
        ([], "no data"),
        (xr.Dataset({"x": ("s", [1.0])}), "no dimension 'time'"),
    ],
)
def test_data_that_cannot_be_read_say_why(data, message):
    with pytest.raises(RecoveryError, match=message):
        observations(SYSTEM, data)


def test_columns_that_are_no_state_are_named_once():
    with pytest.warns(UserWarning, match="ignored: z") as caught:
        observations(SYSTEM, {"t": [0, 1], "x": [1, 2], "z": [1, 2]})
    assert len(caught) == 1


def test_a_library_counts_its_monomials():
    terms = library_terms([x, y], 3)
    assert len(terms) == 10  # binomial(2 + 3, 3)
    assert x * y**2 in terms
    assert library_terms([x, y], 1, functions=["sin"], extra=[x], constant=False) == (x, y, sp.sin(x), sp.sin(y))


def test_a_library_names_what_it_does_not_know():
    with pytest.raises(RecoveryError, match="Did you mean 'sin'"):
        library_terms([x], functions=["sinn"])
    with pytest.raises(RecoveryError, match="empty"):
        library_terms([x], 0, constant=False)
    with pytest.raises(RecoveryError, match="degree"):
        library_terms([x], -1)
