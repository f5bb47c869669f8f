"""Reading measurements, and libraries of terms."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.discover.library import library_terms
from symdyn.discover.whole.states import declared
from symdyn.errors import RecoveryError
from symdyn.inference.data import estimated_noise, observations
from symdyn.inference.headers import legible, legible_names, unique
from symdyn.inference.reading import read_data
from symdyn.io.tables import read_table
from symdyn.models.text import model_text

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


def test_dimensions_say_whether_cells_are_followed():
    single = xr.Dataset({"x": ("time", [1.0, 2.0])}, {"time": [0.0, 1.0]})
    for data, followed in ((single, None), (single.expand_dims("trajectory"), True), (single.expand_dims("cell"), False)):
        (table,) = read_data(data).tables
        assert table.followed is followed
        assert table.columns["x"].tolist() == [1.0, 2.0]


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
        ({"t": [0], "x": [1]}, r"two or more times in one dimension, got shape \(1,\)"),
        ({"t": [0, 1], "x": [np.nan, np.nan]}, r"no number of any state \(x, y\): all are NaN"),
        ({"t": [0, 1], "x": [1, 2, 3]}, r"shape \(3,\)"),
        ("x", "type str"),
        ([], "no data"),
        (xr.Dataset({"x": ("s", [1.0])}), "no dimension 'time'"),
        (
            xr.Dataset({"x": ("time", [1.0, 2.0])}),
            r"'time' .* has no values; give them, data = data.assign_coords\(time=\[...\]\)",
        ),
        (pd.DataFrame({"id": ["a", None, "a"], "t": [0, 1, 2], "x": [1, 2, 3]}), "column 'id' has no label in row 1"),
        ({"t": [0, 1], "x": [1, "many"]}, "column 'x' has 'many' in row 1"),
        ({"t": [0, 1], "x": ["1,5", "2,5"]}, "has '1,5' in row 0 .*; write decimals with a point"),
        ({"t": [0, np.nan], "x": [1, 2]}, "the time in row 1 .* is missing or infinite"),
        ({"t": ["03/04/2021", "04/04/2021"], "x": [1, 2]}, "'03/04/2021' can be read in more than one way; write 2021-03-31"),
        ([{"t": ["2021-03-01", "2021-03-02"], "x": [1, 2]}, {"t": [0, 1], "x": [1, 2]}], "part 1 .*are numbers, .* dates"),
    ],
)
def test_data_that_cannot_be_read_say_why(data, message):
    with pytest.raises(RecoveryError, match=message):
        observations(SYSTEM, data)


def test_columns_that_are_no_state_are_named_once():
    with pytest.warns(UserWarning, match="ignored: z") as caught:
        observations(SYSTEM, {"t": [0, 1], "x": [1, 2], "z": [1, 2]})
    assert len(caught) == 1


T, X = np.array([0.0, 1.25, 2.5, 7.0]), np.array([[1.0, 4.0], [2.0, np.nan], [3.0, 6.0], [5.0, 7.0]])


@pytest.mark.parametrize("data", [(T, X), (list(T), X.tolist()), [(T, X)], (T, pd.DataFrame({"y": X[:, 1], "x": X[:, 0]}))])
def test_bare_arrays_have_the_columns_of_the_states(data):
    (run,) = observations(SYSTEM, data).trajectories
    np.testing.assert_array_equal(run.times, T)
    np.testing.assert_array_equal(run.values, X)


def test_bare_arrays_may_hold_several_trajectories_and_one_state():
    one = sd.ODESystem({x: -x})
    for data in ([(T, X[:, 0]), (T[:3], X[:3, 0])], ((T, X[:, 0]), (T[:3], X[:3, 0]))):
        assert [len(t.times) for t in observations(one, data).trajectories] == [4, 3]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X, T), r"begins with an array of shape \(4, 2\); expected the times first"),
        ((X[::-1, 0], T), "t decreases after row 0 .*; give the times first, then X"),
        ((T[::-1], X), r"t decreases after row 0 .*; sort both: i = np.argsort\(t\)"),
        ((T, X.T), r"X of shape \(2, 4\); expected X of shape \(4, 2\), a column for each of x, y: give X.T"),
        ((T, X[:, 0]), r"X of shape \(4,\); expected .* a part of the states is given as a mapping"),
        ((T, X[None]), r"X of shape \(1, 4, 2\); .* several trajectories are a list of pairs"),
        ((T[[0, 1, 1, 2]], X), "the time 1.25 occurs twice"),
        ((np.array([0, np.nan, 2, 3]), X), "the time in row 1 .* is missing"),
        ((T, [[1, 2], [3]]), "the array X is no array of numbers"),
        (X, r"shape \(4, 2\) have no times; give a pair \(t, X\)"),
        ([T, X], r"part 0 of the data: .* shape \(4,\) have no times"),
        (xr.DataArray(X[:, 0], {"time": T}, "time"), r"give a dataset, data.to_dataset\(name='x'\)"),
        (pd.Series(X[:, 0], name="x"), "this one numbers its values; give it times"),
        ("points.csv", "symdyn.io.read_table reads a file"),
    ],
)
def test_bare_arrays_that_do_not_fit_say_how_to_mend_them(data, message):
    with pytest.raises(RecoveryError, match=message):
        observations(SYSTEM, data)


def test_a_series_is_a_column_over_its_index():
    frame = pd.DataFrame({"time": T, "y": X[:, 1]})
    for series in (frame.set_index("time").y, pd.Series(X[:, 1], pd.Index(T), name="y")):
        np.testing.assert_array_equal(observations(SYSTEM, series).trajectories[0].values, [[np.nan, v] for v in X[:, 1]])
    assert declared(pd.Series(X[:, 1], pd.to_datetime(DATES))).names == ("x",)


#: In Berlin clocks were put forward in the night before this Sunday's morning.
DATES = np.datetime64("2021-03-27T18:00") + (T * 24 * 60).astype(int) * np.timedelta64(1, "m")
UTC = pd.DatetimeIndex(DATES).tz_localize("UTC")


@pytest.mark.parametrize(
    "dates",
    [DATES, pd.Series(DATES), UTC, UTC.tz_convert("Europe/Berlin"), [d.isoformat() for d in UTC.tz_convert("Europe/Berlin")],
     UTC.to_pydatetime(), DATES.astype("datetime64[ns]"), DATES.astype(str)],
    ids=["minutes", "series", "utc", "berlin", "text", "python", "nanoseconds", "naive text"],
)  # fmt: skip
def test_dates_are_the_same_days_in_every_container(dates, tmp_path):
    columns = {"x": X[:, 0], "y [g/L]": X[:, 1]}
    frame = pd.DataFrame({"date": dates, **columns})
    frame.to_csv(tmp_path / "points.csv", index=False)
    frame.to_csv(tmp_path / "commas.csv", index=False, sep=";", decimal=",")
    containers = [
        frame, frame.set_index("date"), frame.set_index("date").rename_axis(None), {"date": dates, **columns}, (dates, X),
        read_table(tmp_path / "commas.csv"),
        xr.Dataset({k: ("time", v) for k, v in columns.items()}, {"time": DATES}), read_table(tmp_path / "points.csv"),
    ]  # fmt: skip
    expected = observations(SYSTEM, (T, X))
    for data in containers:
        seen = observations(SYSTEM, data)
        assert seen.notes[0] == "times are days since 2021-03-27 18:00:00"
        np.testing.assert_array_equal(seen.trajectories[0].times, T)
        np.testing.assert_array_equal(seen.trajectories[0].values, X)
        np.testing.assert_array_equal([seen.scale, seen.noise], [expected.scale, expected.noise])


def test_dates_of_all_parts_count_from_the_first():
    later = {"t": ["2021-03-03", "2021-03-04 12:00"], "x": [1, 2]}
    seen = observations(SYSTEM, [later, pd.DataFrame({"when": pd.to_datetime(["2021-03-01", "2021-03-02"]), "x": [3, 4]})])
    assert [t.times.tolist() for t in seen.trajectories] == [[2, 3.5], [0, 1]]
    assert seen.notes == ("times are days since 2021-03-01",)


def test_lengths_of_time_are_days():
    seen = observations(SYSTEM, pd.DataFrame({"t": pd.to_timedelta([0, 36], unit="h"), "x": [1, 2]}))
    assert seen.trajectories[0].times.tolist() == [0, 1.5]


HEADERS = [
    "S", "Temp (°C)", "x 1", "lambda", "dV/dt", "", "x", "x", "E", "exp", "pi", "t", "I", "θ (rad)", "θ̇", "N₂", "1st", "dW",
    "dx", "max", "None", "and", "steps", "50 %", "__", "温度", "x'", "x [mM]", "x [g/L]", "a;b", "œuf = 1", "#", "Q(x)",
    "-" * 200,
]  # fmt: skip


def test_any_header_becomes_a_name_that_the_text_of_a_system_holds():
    headers = unique(HEADERS)
    names = legible_names(headers)
    assert len(set(names.values())) == len(HEADERS)
    assert {names[h] for h in ("S", "x", "I", "E", "dx")} == {"S", "x", "I", "E", "dx"}
    assert [names[h] for h in ("Temp (°C)", "x 1", "dV/dt", "column 6", "x #2")] == ["Temp", "x_1", "dV_dt", "column_6", "x_2"]
    assert [names[h] for h in ("exp", "pi", "t", "θ (rad)", "x [mM]", "x [g/L]")] == [
        "exp_1", "pi_1", "t_1", "theta_rad", "x_mM", "x_g_L",
    ]  # fmt: skip
    states = sp.symbols(list(names.values()), cls=sp.Symbol)
    a = sp.Symbol("a")
    system = sd.ODESystem(
        {s: a - s * other for s, other in zip(states, states[::-1], strict=True)}, {a: 2}, initial={states[0]: 1}
    )
    assert sd.ODESystem.from_text(model_text(system)) == system
    assert [legible(n) for n in names.values()] == list(names.values())  # a name is left alone


def test_headers_are_told_with_the_names_in_formulas():
    frame = pd.DataFrame([[0, 1.0, 9.0, 4.0], [1, 2.0, 8.0, 5.0]], columns=["time [h]", "mass [kg]", "mass", "mass"])
    system = declared(frame)
    assert system.names == ("mass_kg", "mass", "mass_2")
    assert str(system.drift[0]) == "f_mass_kg(mass_kg, mass, mass_2)"
    assert observations(system, frame).notes == (
        "mass_kg is the column 'mass [kg]'", "mass_2 is the column 'mass #2'", "times are the column 'time [h]'",
    )  # fmt: skip
    assert observations(sd.ODESystem({(m := sp.Symbol("mass")): -m}), frame[["time [h]", "mass [kg]"]]).scale == pytest.approx(
        np.sqrt(2.5)
    )


def test_labels_tell_trajectories_apart_and_numbers_of_rows_do_not():
    rows = {"Run": ["b", "a", "b", "a"], "t": [0, 0, 1, 1], "x": [1.0, 2.0, 3.0, 4.0], "Unnamed: 0": [0, 1, 2, 3]}
    for data in (rows, pd.DataFrame(rows), pd.DataFrame(rows).set_index(["Run", "t"])):
        read = read_data(data)
        assert read.names == ("x",)
        assert [t.numbers("x").tolist() for t in read.tables] == [[2, 4], [1, 3]]
        assert "the column 'Run' labels trajectories" in read.notes
    seen = observations(SYSTEM, {"id": [7, 8, 9], "t": [0, 1, 2], "x": [1, 2, 3]})
    assert len(seen.trajectories) == 1
    assert seen.notes == ("the column 'id' numbers the rows and is left out",)


def test_missing_values_are_not_observed():
    frame = pd.DataFrame({"t": [0, 1, 2], "x": pd.array([1, None, 3], dtype="Int64"), "y": ["NA", "1e3", ""]})
    np.testing.assert_array_equal(
        observations(SYSTEM, frame).trajectories[0].values, [[1, np.nan], [np.nan, 1000], [3, np.nan]]
    )


def test_a_constant_column_is_no_state_where_nothing_is_known():
    frame = pd.DataFrame({"t": [0, 1, 2], "x": [1, 2, 4], "Temp (°C)": [37.0, np.nan, 37.0]})
    system = declared(frame)
    assert system.names == ("x",)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seen = observations(system, frame)
    assert seen.notes == ("Temp is the column 'Temp (°C)'", "Temp is constant, 37, and no state")
    with pytest.raises(RecoveryError, match=r"no column that changes beside time \(columns: Temp\)"):
        declared(frame[["t", "Temp (°C)"]])


def test_an_empty_column_is_no_state_where_nothing_is_known():
    frame = pd.DataFrame({"t": [0, 1, 2], "x": [1, 2, 4], "remark": ["", "NA", None]})
    system = declared(frame)
    assert system.names == ("x",)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert observations(system, frame).notes == ("remark is empty, and no state",)


def test_recovery_from_bare_arrays_has_notes_and_no_constant_state():
    t = np.linspace(0, 4, 21)
    logistic = 1 / (1 + 4 * np.exp(-t))
    found = sd.recover(None, (t, np.stack([0 * t + 3, logistic], axis=1)), library=2, progress=False)
    assert found.system.names == ("y",)
    assert "x is constant, 3, and no state" in found.warnings
    assert float(sp.expand(found.terms["f_y"]).coeff(sp.Symbol("y"), 2)) == pytest.approx(-1, abs=1e-3)


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
