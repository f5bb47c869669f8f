"""A run file: what a dataset records, in TOML, gives the same bits; what is wrong in one is named."""

import tomllib

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.io._toml import toml

MODELS = {
    "ode": sd.ODESystem.from_text("x' = a*x - 0.1*x*y; y' = x*y/7 - 0.3*y; a = 0.3; x(0) = 2*a; y(0) = 1.1"),
    "sde": sd.SDESystem.from_text("dx = -a*x*dt + 0.1*x*dW; a = 0.7; x(0) = 1.1", interpretation="stratonovich"),
    "map": sd.DiscreteSystem.from_text("x[t+1] = a*x*(1 - x); a = 3.1; x(0) = 0.3"),
    "jump": sd.ReactionNetwork.from_text(
        "0 -> X, a; 2 X -> 0, g; a = 3; g = 0.1; X(0) = 5; V = 10", volume="V", combinatoric=True
    ),
}
CASES = {
    "a sweep": {"parameters": {"a": [0.25, 0.5]}},
    "a shared dimension with labels": {
        "parameters": {"a": xr.DataArray([2.0, 3.0], dims="case", coords={"case": ["low", 'the "high"']})},
    },
    "one value a trajectory": {"parameters": {"a": xr.DataArray([0.25, 0.5, 0.75], dims="trajectory")}},
}


def same(a, b):
    assert set(a.variables) == set(b.variables)
    for name in a.data_vars:
        assert a[name].dims == b[name].dims
        assert a[name].values.tobytes() == b[name].values.tobytes(), name
    for name in a.coords:
        assert list(a[name].values) == list(b[name].values)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", MODELS)
def test_a_run_written_and_read_gives_the_same_bits(kind, case, tmp_path):
    data = sd.simulate(MODELS[kind], [0, 1, 2, 4], **CASES[case], seed=3, progress=False)
    sd.RunFile.of(data).write(tmp_path / "run.toml")
    run = sd.RunFile.read(tmp_path / "run.toml")
    same(data, run.simulate(threads=1, progress=False))
    assert run.text() == (tmp_path / "run.toml").read_text()


def test_methods_statistics_and_conditions_are_kept(tmp_path):
    given = {"method": sd.methods.Tau(epsilon=0.1), "trajectories": 4, "until": "X >= 9", "parameters": {"g": [0.1, 0.2]}}
    data = sd.simulate(MODELS["jump"], np.linspace(0, 1, 11), **given, seed=1, progress=False)
    reduced = sd.simulate(
        MODELS["jump"], [0, 1], trajectories=20, seed=2, reduce={"mean": None, "quantile": (0.1, 0.9)}, progress=False
    )
    for k, one in enumerate((data, reduced)):
        sd.RunFile.of(one).write(tmp_path / f"{k}.toml")
        same(one, sd.RunFile.read(tmp_path / f"{k}.toml").simulate(progress=False))
    table = tomllib.loads((tmp_path / "0.toml").read_text())
    assert (table["method"], table["options"], table["until"]) == ("tau", {"epsilon": 0.1}, "X >= 9")
    assert table["times"] == {"start": 0.0, "stop": 1.0, "count": 11}
    assert tomllib.loads((tmp_path / "1.toml").read_text())["reduce"] == {"mean": [], "quantile": [0.1, 0.9]}


def test_volumes_labels_and_numbers_of_all_kinds_are_kept_to_the_last_bit(tmp_path):
    path, k = tmp_path / "run.toml", sp.Symbol("a")
    for volume in (2, 1 / 3):
        network = sd.ReactionNetwork.from_text("0 -> X, a; 2 X -> 0, 1; a = 3; X(0) = 5", volume=volume, combinatoric=True)
        data = sd.simulate(network, [0, 1, 2], trajectories=10, seed=1, progress=False)
        assert sd.replay(data, progress=False).same
        sd.RunFile.of(data).write(path)
        assert sd.RunFile.read(path).system.volume == network.volume
        same(data, sd.RunFile.read(path).simulate(progress=False))
    labelled = {"a": xr.DataArray([2.0, 3.0], dims="a", coords={"a": [10, 20]})}
    data = sd.simulate(MODELS["map"], [0, 1], parameters=labelled, progress=False)
    sd.RunFile.of(data).write(path)
    same(data, sd.RunFile.read(path).simulate(progress=False))
    for given, value in ((np.int64(3), 3), (np.float32(0.5), 0.5), ((1.0, 2.0), [1, 2]), (range(2), [0, 1])):
        sd.RunFile(MODELS["map"], np.array([0.0, 1.0]), {"a": given}).write(path)
        np.testing.assert_array_equal(sd.RunFile.read(path).parameters["a"], value)
    sd.RunFile(MODELS["map"], np.array([0.0, 1.0]), {}, {"x": k * sp.Float(1 / 3)}).write(path)
    assert float(sd.RunFile.read(path).initial["x"].subs(k, 1)) == 1 / 3
    with pytest.raises(sd.DeclarationError, match=r"the initial value of x, Piecewise.* has no text"):
        sd.RunFile(MODELS["map"], np.array([0.0, 1.0]), {}, {"x": sp.Piecewise((1, k > 0), (2, True))}).text()


def test_options_of_no_method_leave_stiffness_to_be_told(tmp_path):
    stiff = sd.ODESystem.from_text("x' = -1e6*(x - cos(t)); x(0) = 0")
    data = sd.simulate(stiff, [0, 1], method=sd.methods.AdaptiveOptions(max_step=0.25), progress=False)
    assert "stiff_trajectories" in data.attrs
    sd.RunFile.of(data).write(tmp_path / "run.toml")
    run = sd.RunFile.read(tmp_path / "run.toml")
    assert run.method == sd.methods.AdaptiveOptions(max_step=0.25)
    same(data, run.simulate(progress=False))


def test_a_file_by_hand_with_a_model_beside_it(tmp_path):
    (tmp_path / "decay.txt").write_text("x' = -k*x")
    path = tmp_path / "study.toml"
    path.write_text(
        'file = "decay.txt"\ntimes = {start = 0, stop = 1, count = 3}\nmethod = "tsit5"\nrtol = 1e-10\n'
        '[parameters]\nk = [1, 2]\n[initial]\nx = "3*k"\n[options]\nmax_step = 0.5\n'
    )
    run = sd.RunFile.read(path)
    k, t = np.array([[1.0], [2.0]]), np.array([0, 0.5, 1])
    np.testing.assert_allclose(run.simulate(progress=False).x, 3 * k * np.exp(-k * t), rtol=1e-8)
    (tmp_path / "other").mkdir()
    for name, kept in (("again.toml", "decay.txt"), ("other/again.toml", "../decay.txt")):  # the model is found from there
        run.write(tmp_path / name)
        assert tomllib.loads((tmp_path / name).read_text())["file"] == kept
        assert sd.RunFile.read(tmp_path / name).system == run.system


def test_a_file_that_holds_its_own_volume_comes_back(tmp_path):
    MODELS["jump"].to_sbml(tmp_path / "model.xml")
    path = tmp_path / "run.toml"
    path.write_text('file = "model.xml"\ntimes = [0, 1]\n')
    run = sd.RunFile.read(path)
    assert run.system.volume == sp.Symbol("V")
    run.write(tmp_path / "again.toml")
    assert sd.RunFile.read(tmp_path / "again.toml").system == run.system
    path.write_text('file = "model.xml"\ntimes = [0, 1]\nvolume = 2\n')
    with pytest.raises(sd.DeclarationError, match=r"volume has no effect on .*model\.xml, which says it itself"):
        sd.RunFile.read(path)


MODEL = 'model = "x\' = -k*x; x(0) = 1"\n'
TIMES = "times = [0, 1]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = [", "is no TOML"),
        ("times = " + "[" * 5000, "lists or tables too deep"),
        (MODEL + TIMES + "seed = " + "9" * 5000, "is no TOML"),
        (MODEL + TIMES + "parameters.k = " + "9" * 400, "parameters.k is a whole number of 400 digits"),
        (MODEL + TIMES + '[parameters]\nk = {along = ["a"], values = [1, 2]}\n[labels]\na = [[1], 2]', "labels.a is [1]"),
        (MODEL + TIMES + "trajectorys = 3", "has no key 'trajectorys'. Did you mean 'trajectories'"),
        (TIMES, "give the model by one of model, its text, and file"),
        (MODEL + 'file = "a.txt"\n' + TIMES, "give the model by one of model, its text, and file"),
        (MODEL, "times are missing"),
        (MODEL + "times = [0, true]", "times is True; expected a number"),
        (MODEL + "times = {start = 0, stop = 1}", "expected {start = 0, stop = 20, count = 101}"),
        (MODEL + "times = {start = 0, stop = inf, count = 3}", "expected finite ends"),
        (MODEL + "times = {start = 0, stop = 1, count = 1000000000}", "a count from 2 to 10000000"),
        (MODEL + TIMES + "seed = 1.5", "seed is 1.5; expected a whole number"),
        (MODEL + TIMES + 'rtol = "small"', "rtol is 'small'; expected a number"),
        (MODEL + TIMES + '[parameters]\nk = "2*q"', "parameters.k is '2*q'; expected a number or a list or a table"),
        (MODEL + TIMES + "[parameters]\nk = [[1, 2], [3]]", "expected numbers, or lists of numbers of one length"),
        (MODEL + TIMES + '[parameters]\nk = {along = ["a"], values = [[1, 2]]}', "values of 2 dimensions along"),
        (MODEL + TIMES + '[parameters]\nk = {along = ["a"], values = [1, 2]}\n[labels]\na = ["p"]', "labels.a has 1"),
        (MODEL + TIMES + '[parameters]\nk = 1\n[labels]\na = ["p"]', "labels.a labels nothing"),
        (MODEL + TIMES + "[parameters]\nq = 1", "'q' is not a parameter"),
        (MODEL + TIMES + '[parameters]\nk = 1\n[initial]\nx = "2 +* k"', "line 1, column 4"),
        (MODEL + TIMES + 'method = "tau"\n[parameters]\nk = 1', "tau"),
        (MODEL + TIMES + "[parameters]\nk = 1\n[options]\nepsilon = 0.1", "epsilon"),
        (MODEL + TIMES + "volume = 2\nparameters.k = 1", "volume has no effect on this ODESystem"),
        ('model = "x\' = -x +* 2"\n' + TIMES, "line 1, column 10"),
        ('file = "gone.txt"\n' + TIMES, "gone.txt"),
    ],
)
def test_what_is_wrong_is_named(text, message, tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises((sd.SymdynError, OSError), match=r".") as caught:
        sd.RunFile.read(path).simulate(progress=False)
    assert message in str(caught.value)


def test_what_no_run_file_holds_is_refused(tmp_path):
    x = sd.RunFile(MODELS["ode"], np.array([0.0, 1.0]))
    with pytest.raises(sd.DeclarationError, match=r"a run file ends in .toml"):
        x.write(tmp_path / "run.txt")
    with pytest.raises(sd.DeclarationError, match=r"holds no results to compare with"):
        sd.replay(tmp_path / "run.toml")
    (tmp_path / "run.nc").write_bytes(b"no netCDF at all")
    with pytest.raises(sd.DeclarationError, match=r"run\.nc: this is no netCDF file, or it is damaged"):
        sd.replay(tmp_path / "run.nc")
    with pytest.raises(FileNotFoundError):
        sd.replay(tmp_path / "gone.nc")
    days = xr.DataArray([1.0], dims="day", coords={"day": np.array(["2020-01-01"], "datetime64[ns]")})
    with pytest.raises(sd.DeclarationError, match=r"labels of day are datetime64"):
        sd.RunFile(MODELS["ode"], np.array([0.0, 1.0]), {"a": days}).text()


def test_texts_and_numbers_of_toml_come_back():
    odd = 'quote " backslash \\ tab \t bell \x07 delete \x7f line\nsecond """ three\n'
    table = {"text": odd, "plain": "a\\b", "big": 2**40, "small": 5e-324, "inf": float("inf"), "yes": True,
             "list": [[1.0, 2.0], [3.0, 4.0]], "t": {"odd key": odd, "e": 1e-6}}  # fmt: skip
    assert tomllib.loads(toml(table)) == table
