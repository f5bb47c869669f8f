"""Files: tables and models in, datasets and reports out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.discover.recovery import Identifiability, Recovery, Terms
from symdyn.errors import DeclarationError, ParseError
from symdyn.inference.data import observations
from symdyn.io.arguments import parse_assignments, parse_range, parse_values
from symdyn.io.datasets import read_dataset, to_frame, write_dataset
from symdyn.io.models import read_model
from symdyn.io.report import report
from symdyn.io.tables import read_table, read_times
from symdyn.models.discrete import DiscreteSystem
from symdyn.models.ode import ODESystem
from symdyn.models.reactions import ReactionNetwork
from symdyn.models.sde import SDESystem
from symdyn.models.text import model_text

x, y, a = sp.symbols("x y a")


@pytest.fixture
def file(tmp_path):
    """Write a text to a file, by name and text."""

    def write(text: str, name: str = "data.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return write


# ---- tables --------------------------------------------------------------------------------------


def test_table_is_read_with_its_comments_gaps_and_time(file):
    table = read_table(file("# pelts\nyear,hare,lynx\n\n1900, 30.0,4\n1901,,6.1\n# lost\n1902,NA,nan\n"))
    assert list(table.columns) == ["time", "hare", "lynx"]
    assert table.attrs["time"] == "year"
    np.testing.assert_array_equal(table.to_numpy(), [[1900, 30, 4], [1901, np.nan, 6.1], [1902, np.nan, np.nan]])


def test_every_digit_of_a_number_is_kept(file):
    value = float(np.nextafter(0.1, 1))
    assert read_table(file(f"t,x\n0,{value!r}\n"))["x"][0] == value


@pytest.mark.parametrize("text", ["t x\n0 1\n", "hare,year\n1,1900\n"])
def test_column_of_times_is_never_guessed(file, text):
    with pytest.raises(ParseError, match=r"which column holds the times\?.*rename one, or name it with time="):
        read_table(file(text))


def test_a_reader_of_tables_is_found_where_messages_say():
    assert "io" in sd.__all__
    assert sd.io.read_table is read_table


def test_column_of_times_can_be_named_or_called_time(file):
    path = file("hare,year\n30,1900\n")
    assert read_table(path, time="year")["time"].tolist() == [1900]
    assert read_table(file("hare,time\n30,1900\n", "b.csv"))["time"].tolist() == [1900]
    with pytest.raises(ParseError, match="no column 'week' of times; the columns: hare, year"):
        read_table(path, time="week")


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("t,x\n0,1\n1,abc\n", 3, 3, "column 'x' has 'abc' where a finite number belongs"),
        ("t,x\n0,inf\n", 2, 3, "column 'x' has 'inf'"),
        ("t,x\n0,1_0\n", 2, 3, "column 'x' has '1_0'"),
        ("# c\nt,x\n0,1,2\n", 3, 1, "this line has 3 cells, the header 2"),
        ("t,x\n,1\n", 2, 1, "the time is missing in column 't'"),
        ("id,t,x\na,0,1\n,1,2\n", 3, 1, "the label is missing in column 'id'"),
        ('t,x\n0,"1\n', 2, 1, "this line cannot be read"),
        ("# nothing\n", 1, 1, "the table is empty"),
        ("0,1\n1,2\n", 1, 1, "the first line holds numbers; expected a header line"),
        ("t;x\n0;1.5\n1;1,5\n", 3, 3, "has '1,5', but other numbers of the file have decimal points"),
        ("date,x\n03/04/2021,1\n", 2, 1, "the date '03/04/2021' can be read in more than one way; write 2021-03-31"),
        ("date,x\n2021-03-01,1\nlater,1\n", 3, 1, "has 'later' among its dates"),
        ("date,x\n2021-03-01,1\n2021-02-30,1\n", 3, 1, "has '2021-02-30' among its dates"),
    ],
)
def test_errors_of_a_table_name_file_line_and_column(file, text, line, column, message):
    with pytest.raises(ParseError) as caught:
        read_table(file(text))
    assert (caught.value.line, caught.value.column) == (line, column)
    assert message in str(caught.value)
    assert "data.csv" in str(caught.value)


@pytest.mark.parametrize("text", ["t;x\n0;1,5\n0,5;-2,5e3\n", "t\tx\n0\t1,5\n0,5\t-2,5e3\n", "# 1.5\nt;x\n0;1,5\n,5;-2,5e3\n"])
def test_semicolons_and_tabulators_go_with_decimal_commas(file, text):
    np.testing.assert_array_equal(read_table(file(text)).to_numpy(), [[0, 1.5], [0.5, -2500]])


def test_dates_become_days_since_the_first(file):
    table = read_table(file("date,x\n2021-03-03 12:00,2\n2021-03-01,1\n2021-03-01T18:00:00Z,3\n"))
    np.testing.assert_array_equal(table["time"], [2.5, 0, 0.75])
    assert (table.attrs["time"], table.attrs["origin"]) == ("date", "2021-03-01")


def test_columns_that_are_not_asked_for_may_hold_anything(file):
    path = file("site,time,x\nA,0,1\nB,1,2\n")
    with pytest.warns(UserWarning, match=r"data\.csv: columns that are no state are ignored: site"):
        table = read_table(path, columns=["x", "y"])
    assert list(table.columns) == ["time", "x"]
    with pytest.raises(ParseError, match="column 'site' has 'A'"):
        read_table(path)


def test_times_of_snapshots_occur_more_than_once(file):
    table = read_table(file("time,X\n1,3\n1,4\n2,5\n2,7\n"))
    assert table["time"].tolist() == [1, 1, 2, 2]


def test_trajectories_may_have_labels(file):
    table = read_table(file("Subject,date,x\nwild type,2021-03-01,1\nmutant,2021-03-01,2\nmutant,2021-03-02,3\n"))
    assert table["Subject"].tolist() == ["wild type", "mutant", "mutant"]
    assert table.attrs["origin"] == "2021-03-01"
    runs = observations(ODESystem({x: -x}), read_table(file("trajectory,time,x\n0,0,1\n0,1,2\n1,0,3\n1,5,4\n"))).trajectories
    assert [(run.times.tolist(), run.values[:, 0].tolist()) for run in runs] == [([0, 1], [1, 2]), ([0, 5], [3, 4])]


def test_headers_are_as_they_are_but_different(file):
    table = read_table(file("t;Masse, nass [g];x;x;;\n0;1,5;2;3;4;\n1;2,5;3;4;5;\n;;;;;\n"))
    assert list(table.columns) == ["time", "Masse, nass [g]", "x", "x #2", "column 5"]
    np.testing.assert_array_equal(table.to_numpy(), [[0, 1.5, 2, 3, 4], [1, 2.5, 3, 4, 5]])
    with pytest.warns(UserWarning, match="ignored: x, x #2, column 5"):
        table = read_table(file("t;Masse, nass [g];x;x;\n0;1,5;2;3;4\n"), columns=["Masse_nass"])
    assert list(table.columns) == ["time", "Masse, nass [g]"]


def test_text_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "latin.csv").write_bytes("t,\xe9t\xe9\n0,1\n".encode("latin-1"))
    with pytest.raises(DeclarationError, match=r"latin\.csv: byte 2 is not UTF-8"):
        read_table(tmp_path / "latin.csv")


def test_times_come_from_numbers_or_from_a_table(file):
    assert read_times(file("0 0.5 # start\n1, 2\n", "t.txt")).tolist() == [0, 0.5, 1, 2]
    assert read_times(file("day,x\n1,9\n3,9\n")).tolist() == [1, 3]
    with pytest.raises(DeclarationError, match="expected numbers, one a line"):
        read_times(file("0 one", "bad.txt"))


# ---- arguments -----------------------------------------------------------------------------------


def test_ranges_lists_and_assignments():
    np.testing.assert_array_equal(parse_range("-1:1:5"), [-1, -0.5, 0, 0.5, 1])
    found = parse_assignments(["b=1e-3", "a = 0.4,0.5", "c=0:1:3"])
    assert list(found) == ["b", "a", "c"]
    assert found["b"] == 1e-3
    np.testing.assert_array_equal(found["a"], [0.4, 0.5])
    np.testing.assert_array_equal(found["c"], [0, 0.5, 1])


@pytest.mark.parametrize("text", ["0:1", "0:1:1", "0:1:x", "0:nan:3", "0:1:99999999999999", "0:1:²", ""])
def test_bad_ranges(text):
    with pytest.raises(DeclarationError):
        parse_range(text)


@pytest.mark.parametrize("items", [["a"], ["a="], ["=1"], ["a=1", "a=2"], ["a=1,,2"], ["a=inf"], ["a=b"]])
def test_bad_assignments(items):
    with pytest.raises(DeclarationError):
        parse_assignments(items)


def test_one_value_is_no_sweep():
    assert isinstance(parse_values("2"), float)


# ---- models --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x' = -a*x", ODESystem),
        ("dx = -a*x*dt + dW", SDESystem),
        ("x' = -a*x + dW", SDESystem),
        ("x[t+1] = a*x", DiscreteSystem),
    ],
)
def test_kind_is_told_from_the_text(file, text, expected):
    assert type(read_model(file(text, "m.txt"))) is expected


def test_kind_and_options_can_be_given(file):
    assert type(read_model(file("x' = a*x", "m.txt"), "map")) is DiscreteSystem
    system = read_model(file("dx = x*dW", "m.txt"), interpretation="stratonovich")
    assert system.interpretation == "stratonovich"
    with pytest.raises(DeclarationError, match="kind is 'pde'; expected one of jump, map, ode, sde"):
        read_model(file("x' = a*x", "m.txt"), "pde")


def test_errors_of_a_model_name_the_file_and_the_place(file):
    with pytest.raises(ParseError, match=r"m\.txt") as caught:
        read_model(file("x' = a*x\ny' = x +* y\n", "m.txt"))
    assert caught.value.line == 2
    with pytest.raises(DeclarationError, match=r"m\.txt: .*without noise"):
        read_model(file("dx = x*dt + dW", "m.txt"), "ode")


@pytest.mark.parametrize(
    "system",
    [
        ODESystem({x: a * x - x * y / 3, y: sp.exp(-x) - 1.5 * y}, {a: 0.1 + 0.2}, initial={x: 1e-5}, observables={"s": x + y}),
        ODESystem({x: sp.Float(0.1 + 0.2) * x ** sp.Float(-0.5) - 1e-7 * x, y: sp.Max(x, 2) - sp.Abs(y)}),
        ODESystem({x: a * x - sp.Function("f")(x, y), y: x}),
        SDESystem({x: -x, y: x - 0.1}, {x: [0.3, y], y: [0, 0.1 * x]}, {}, initial={x: -2}),
        DiscreteSystem({x: 3.7 * x * (1 - x)}),
    ],
    ids=["full", "floats", "unknown", "sde", "map"],
)
def test_text_of_a_system_reads_back_as_the_same_system(system):
    assert type(system).from_text(model_text(system)) == system


# ---- datasets ------------------------------------------------------------------------------------


@pytest.fixture
def dataset() -> xr.Dataset:
    """Two points of a sweep, two trajectories of which one failed, three times."""
    values = np.arange(12.0).reshape(2, 2, 3) / 7
    values[1, 1, 2] = np.nan
    dims = ("a", "trajectory")
    status = np.array([[0, 0], [0, 3]])
    variables = {"x": ((*dims, "time"), values), "status": (dims, status), "steps": (dims, status + 9)}
    coords = {"time": [0.0, 0.1, 0.3], "a": [0.4, 0.5]}
    return xr.Dataset(variables, coords, attrs={"method": "dop853", "equations": "x' = a\ny' = x", "rtol": 1e-6})


@pytest.mark.parametrize("suffix", [".nc", ".json"])
def test_dataset_reads_back_identical(tmp_path, dataset, suffix):
    path = tmp_path / f"runs{suffix}"
    write_dataset(dataset, path)
    found = read_dataset(path)
    xr.testing.assert_identical(found[list(dataset.data_vars)], dataset)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_json_has_the_schema_that_is_documented(tmp_path, dataset):
    write_dataset(dataset, tmp_path / "runs.json")
    found = json.loads((tmp_path / "runs.json").read_text())
    assert set(found) == {"format", "version", "attrs", "coords", "variables"}
    assert found["variables"]["x"]["dims"] == ["a", "trajectory", "time"]
    assert found["variables"]["x"]["values"][1][1] == [9 / 7, 10 / 7, None]


def test_csv_has_a_line_for_each_point_trajectory_and_time(tmp_path, dataset):
    write_dataset(dataset, tmp_path / "runs.csv")
    text = (tmp_path / "runs.csv").read_text()
    assert text.startswith("# method: dop853\n# equations: x' = a\n# equations: y' = x\n")
    table = read_table(tmp_path / "runs.csv")
    assert list(table.columns) == ["a", "trajectory", "time", "x", "status"]
    np.testing.assert_array_equal(table["x"].to_numpy().reshape(2, 2, 3), dataset["x"].values)
    np.testing.assert_array_equal(table["a"].to_numpy(), np.repeat([0.4, 0.5], 6))
    assert table["status"].tolist() == [0] * 9 + [3] * 3


def test_csv_of_statistics_counts_failures(dataset):
    reduced = dataset[["status"]].assign(
        x_mean=(("a", "time"), np.ones((2, 3))), x_quantile=(("a", "time", "quantile"), np.ones((2, 3, 2)) * [2, 3])
    )
    table = to_frame(reduced.assign_coords(quantile=[0.05, 0.5]).assign_attrs(reduce="mean, quantile"))
    assert list(table.columns) == ["a", "time", "x_mean", "x_quantile_0.05", "x_quantile_0.5", "failed"]
    assert len(table) == 6
    assert table["failed"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["x_quantile_0.5"].tolist() == [3] * 6


def test_csv_refuses_histograms(dataset):
    with pytest.raises(DeclarationError, match="histograms do not fit"):
        to_frame(dataset.assign(x_histogram=(("a", "time", "bin"), np.ones((2, 3, 4)))))


def test_formats_and_folders_that_are_not_there(tmp_path, dataset):
    with pytest.raises(DeclarationError, match=r"expected \.nc, \.csv, \.json, got '\.xlsx'"):
        write_dataset(dataset, tmp_path / "runs.xlsx")
    with pytest.raises(DeclarationError, match="does not exist; create it first"):
        write_dataset(dataset, tmp_path / "none" / "runs.nc")
    (tmp_path / "odd.json").write_text('{"format": "other"}')
    with pytest.raises(DeclarationError, match="not a symdyn-dataset"):
        read_dataset(tmp_path / "odd.json")


# ---- recoveries ----------------------------------------------------------------------------------


@pytest.fixture
def recovery() -> Recovery:
    """A recovery made by hand: two trajectories of exponential decay, one candidate, and another as good."""
    f, c = sp.Function("f"), sp.Symbol("f_1")
    hidden = ODESystem({x: -a * x + f(x)}, {a: 0.5}, initial={x: 3})
    t = np.linspace(0, 2, 5)
    seen = observations(hidden, [{"t": t, "x": v * np.exp(-0.75 * t)} for v in (3.0, 2.0)])
    row = {"terms": "f(x) = -0.25*x", "complexity": 3, "parameters": 1, "bic": -50.0, "weight": 0.4, "rms": 0.01,
           "one_step": 0.01, "heldout_one_step": 0.02, "heldout_free_run": 0.03}  # fmt: skip
    other = row | {"terms": "f(x) = -0.1*x**2", "complexity": 5, "bic": -49.5, "weight": 0.3, "rms": np.inf}
    names = pd.Index(["f_1", "x(0) of trajectory 0"])
    return Recovery(
        system=hidden.with_terms({f(x): c * x}, {c: -0.25}),
        systems=(),
        terms=Terms({f(x): sp.Float(-0.251234567) * x}),
        formulas=Terms({f(x): c * x}),
        table=pd.DataFrame([row, other]),
        intervals=pd.DataFrame(
            {
                "constant": names,
                "value": [-0.25, 3.0],
                "standard error": [0.2, np.inf],
                "lower": [-0.6, -np.inf],
                "upper": [0.1, np.inf],
            }
        ),
        covariance=pd.DataFrame([[0.04, 0.0], [0.0, 0.0]], index=names, columns=names),
        identifiability=Identifiability(2, 1, np.inf, ("f(x) = -0.1*x**2",), ("f(x) = -0.1*x**2",)),
        inclusion=pd.DataFrame({"unknown": ["f(x)"] * 3, "term": ["x", "x**2", "x**3"], "weight": [0.97, 0.3, 0.01]}),
        evaluations=12,
        observations=seen,
        starts=(np.array([[3.0], [2.0]]),),
        warnings=("few data",),
    )


def test_recovery_is_written_so_that_it_can_be_read(tmp_path, recovery):
    folder = tmp_path / "a" / "found"
    recovery.save(folder, options={"seed": 3})
    files = {"report.md", "system.txt", "system.xml", "equations.tex", "table.csv", "recovery.json"}
    files |= {"recovery.npz", "fit.png", "front.png"}
    assert {p.name for p in folder.iterdir()} == files
    assert read_model(folder / "system.txt") == recovery.system
    pd.testing.assert_frame_equal(pd.read_csv(folder / "table.csv"), recovery.table)
    found = json.loads((folder / "recovery.json").read_text())
    assert found["terms"] == {"f(x)": "-0.251234567*x"}
    assert found["parameters"] == {"a": 0.5, "f_1": -0.25}
    assert found["intervals"][1] == {
        "constant": "x(0) of trajectory 0", "value": 3.0, "standard error": None, "lower": None, "upper": None
    }  # fmt: skip
    assert found["inclusion"][1] == {"unknown": "f(x)", "term": "x**2", "weight": 0.3}
    assert (found["equivalent"], found["notes"]) == (["f(x) = -0.1*x**2"], ["few data"])
    assert found["table"][1]["rms"] is None
    assert found["options"] == {"seed": 3}
    tex = (folder / "equations.tex").read_text()
    assert tex == "\\begin{aligned}\n\\dot{x} &= - 0.75 x\n\\end{aligned}\n"
    for name in ("fit.png", "front.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_report_says_what_the_data_say(recovery):
    text = report(recovery, {"seed": 3, "budget": None})
    assert "x' = -a*x + f_1*x" in text
    assert "- `f(x)` = `-0.25123*x`" in text
    assert "| f_1 | -0.25 | 0.2 | -0.6 | 0.1 |" in text
    assert "no single model stands out: 1 others are within 6" in text
    assert "predicted with a relative error of 0.03 running free and 0.02 one step ahead" in text
    assert "the data determine only 1 of the 2 fitted values" in text
    assert "the intervals of f_1 contain 0" in text
    alone = replace(recovery, identifiability=replace(recovery.identifiability, plausible=()))
    assert "0 others" not in report(alone, {})
    assert "not conclusive: `x**2` in `f(x)` (0.3)" in text
    assert "- `f(x) = -0.1*x**2`" in text
    assert "- few data" in text
    assert "- seed: 3" in text
    assert "budget" not in text
    assert "cut short" not in text
    assert "without being right" not in text


def test_report_of_as_many_values_as_data_warns(recovery):
    facts = replace(recovery.identifiability, fitted=6, rank=6)
    assert "- 6 values were fitted to 10 data: the equations may follow them" in report(
        replace(recovery, identifiability=facts)
    )


def test_report_of_a_search_cut_short_says_so_first(recovery):
    text = report(replace(recovery, complete=False))
    assert "## What the data say\n\n- the search was cut short: weights and evidence are those among the models" in text


def test_report_leaves_out_what_it_cannot_tell(recovery):
    table = recovery.table.assign(rms=np.nan, heldout_one_step=np.nan, heldout_free_run=np.nan, log_likelihood=[-20.0, -23.0])
    inclusion = pd.DataFrame({"unknown": ["f(x)"] * 2, "term": ["x", "x**3"], "weight": [0.97, 1e-5]})
    found = replace(recovery, table=table, inclusion=inclusion)
    text = report(found)
    assert "nan" not in text
    assert "- the equations above have 0.4 of the weight of the models visited" in text
    assert "Another 1 terms have less than 0.001." in text
    axis = found.plot_front()
    assert axis.get_ylabel() == "log-likelihood below the best"
    np.testing.assert_array_equal(axis.collections[0].get_offsets(), [[3, 0], [5, 3]])


def test_a_band_is_that_of_the_constants(recovery):
    """Of f_1 x with f_1 normal: the 5 % and 95 % quantiles are 1.645 standard errors from the middle."""
    axis = recovery.plot().axes[1]
    low, high = axis.collections[0].get_paths()[0].vertices[:, 1].min(), axis.collections[0].get_paths()[0].vertices[:, 1].max()
    np.testing.assert_allclose([low, high], [(-0.25 - 1.645 * 0.2) * 3, (-0.25 + 1.645 * 0.2) * 3], atol=0.15)
    along = axis.get_lines()[0].get_xdata()  # over a state both trajectories make one curve
    np.testing.assert_allclose([along.min(), along.max()], [2 * np.exp(-1.5), 3], rtol=1e-4)
    chosen = recovery.plot_front().get_lines()[-1]
    assert (chosen.get_xdata()[0], chosen.get_ydata()[0]) == (3, 0.01)


def test_arrows_make_a_network(file):
    net = read_model(file("2 X -> 0, k  # dimers\n0 -> X, c\nX(0) = 3\n", "m.txt"), volume="V", combinatoric=True)
    assert type(net) is ReactionNetwork
    assert [str(p) for p in net.parameters] == ["V", "c", "k"]
    assert net.combinatoric
    with pytest.raises(ParseError, match=r"m\.txt: expected one rate"):
        read_model(file("X -> Y", "m.txt"))
