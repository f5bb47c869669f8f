"""A dataset records what repeats it: the run is rebuilt from attributes and coordinates alone, and gives the same bits."""

import numpy as np
import pytest
import sympy as sp
import xarray as xr
from symdyn_kernels.status import INTERRUPTED

import symdyn as sd

TIMES = [0, 1, 2, 4]


def repeated(data):
    """The run, once more: it is the same, and says so."""
    again = sd.replay(data, progress=False)
    assert again.same, again
    return again.data


x, y, a, s = sp.symbols("x y a s")
SYSTEMS = {
    "ode": sd.ODESystem({x: a * x - 0.1 * x * y, y: x * y / 7 - y * 0.3}, {a: 1 / 3}, initial={x: 2 / 3, y: 1.1}),
    "sde": sd.SDESystem({x: -a * x}, {x: 0.1 * x}, {a: 0.7}, initial={x: 1.1}, interpretation="stratonovich"),
    "map": sd.DiscreteSystem.from_text("x[t+1] = a*x*(1 - x)*exp(0.01*dW); a = 3.1; x(0) = 0.3"),
    "jump": sd.ReactionNetwork.from_text("0 -> X, a; 2 X -> 0, g; a = 3; g = 0.1; X(0) = 5; V = 10", volume="V"),
}


def runs():
    for kind, system in SYSTEMS.items():
        state = system.names[0]
        draws = np.array([2.0, 3.0, 5.0]) if kind == "jump" else np.array([0.2, 0.35, 0.6])
        yield kind, {}
        yield kind, {"parameters": {"a": draws[:2]}, "seed": 3}
        yield kind, {"initial": {state: list(draws)}, "parameters": {"a": draws[1:]}, "trajectories": 2}
        yield kind, {"parameters": {"a": xr.DataArray(draws, dims="trajectory")}}
        labelled = xr.DataArray(draws[:2], dims="case", coords={"case": ["low", "high"]})
        yield kind, {"parameters": {"a": labelled}, "initial": {state: xr.DataArray(draws, dims="trajectory")}}


def same(first, again):
    assert set(first.variables) == set(again.variables)
    for name in first.data_vars:
        assert first[name].dims == again[name].dims, name
        assert first[name].values.tobytes() == again[name].values.tobytes(), name


@pytest.mark.parametrize(("kind", "options"), list(runs()))
def test_the_run_is_repeated_from_what_the_dataset_records(kind, options):
    data = sd.simulate(SYSTEMS[kind], TIMES, progress=False, **options)
    again = repeated(data)
    same(data, again)
    assert again.attrs["model"] == data.attrs["model"]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ode", {"method": sd.methods.Rodas5p(max_step=0.125), "rtol": 1e-9, "atol": 1e-11}),
        (
            "ode",
            {"method": sd.methods.Tsit5(controller=sd.methods.PID(integral=0.3, grow=3)), "until": "x < 0.5"},
        ),
        ("ode", {"method": "rk4", "step": 0.125, "until": "x < 0.6"}),
        ("sde", {"step": 0.05, "seed": 7, "until": "x < 0.5"}),
        ("map", {"seed": 7, "until": "x > 0.7"}),
        ("ode", {"method": "tsit5", "parameters": {"a": [0.1, 0.3]}, "reduce": ["mean", "max"], "trajectories": 2}),
        ("sde", {"method": sd.methods.Heun(brownian_step=0.01), "step": 0.02}),
        ("jump", {"method": sd.methods.Tau(epsilon=0.07), "until": "X >= 9", "trajectories": 4}),
        ("jump", {"method": "langevin", "step": 0.125}),
        ("jump", {"method": "hybrid", "rtol": 1e-4, "trajectories": 3}),
    ],
)
def test_methods_tolerances_steps_and_conditions_are_recorded(kind, options):
    data = sd.simulate(SYSTEMS[kind], TIMES, progress=False, **options)
    same(data, repeated(data))


@pytest.mark.parametrize("store", ["zarr", "nc", "json"])
@pytest.mark.parametrize(("kind", "options"), list(runs())[:10])
def test_what_repeats_a_run_survives_a_file(tmp_path, kind, options, store):
    from symdyn.io.datasets import read_dataset, write_dataset

    data = sd.simulate(SYSTEMS[kind], TIMES, progress=False, **options)
    path = tmp_path / f"run.{store}"
    if store == "zarr":
        pytest.importorskip("zarr")
        data.to_zarr(path)
        read = xr.load_dataset(path, engine="zarr")
    else:
        write_dataset(data, path)
        read = read_dataset(path)
    same(data, repeated(path))
    assert read.attrs == data.attrs


def test_values_that_vary_are_coordinates_that_name_what_they_are():
    system = SYSTEMS["ode"]
    by_case = xr.DataArray([0.1, 0.2], dims="case", coords={"case": ["low", "high"]})
    data = sd.simulate(
        system, TIMES, parameters={a: by_case}, initial={x: [1.0, 2.0], y: xr.DataArray([3.0, 4.0, 5.0], dims="trajectory")},
        progress=False,
    )  # fmt: skip
    assert (data.a.dims, data.a.attrs, data.a.values.tolist()) == (("case",), {"parameter": "a"}, [0.1, 0.2])
    assert (data.x0.dims, data.x0.attrs) == (("x0",), {"initial": "x"})
    assert (data.y0.dims, data.y0.attrs, data.y0.values.tolist()) == (("trajectory",), {"initial": "y"}, [3, 4, 5])
    assert "parameters" not in data.attrs
    assert "initial" not in data.attrs
    labels = xr.DataArray([0.1, 0.2], dims="a", coords={"a": [10, 20]})  # labels that are not the values
    odd = sd.simulate(system, TIMES, parameters={a: labels}, progress=False)
    assert odd.a.values.tolist() == [10, 20]
    assert (odd.a_.attrs, odd.a_.values.tolist()) == ({"parameter": "a"}, [0.1, 0.2])
    same(odd, repeated(odd))


def test_fixed_values_are_recorded_to_the_last_digit():
    attrs = sd.simulate(SYSTEMS["ode"], TIMES, parameters={a: 0.1 + 0.2}, progress=False).attrs
    assert attrs["parameters"] == "a = 0.30000000000000004"
    assert attrs["initial"] == "x = 0.6666666666666666, y = 1.1"
    assert attrs["method"] == "dop853"
    assert (attrs["rtol"], attrs["atol"], attrs["target"]) == (1e-6, 1e-9, "cpu")
    assert "step" not in attrs


EVENTS = {
    "dose": "A' = -k*A; k = 0.3; A(0) = 0; at 0 every 12 times 3, A = A + 100",
    "delay": "x' = -x(t - 1); x(t <= 0) = 1",
    "start": "S' = -k*S; k = 0.7; S(0) = 2*k",
}


@pytest.mark.parametrize("name", EVENTS)
def test_events_delays_and_starts_that_follow_parameters_are_repeated(name):
    system = sd.ODESystem.from_text(EVENTS[name])
    values = {"parameters": {"k": [0.3, 0.5]}} if system.parameters else {}
    data = sd.simulate(system, [0, 13, 30], method="tsit5", progress=False, **values)
    same(data, repeated(data))


def test_statistics_are_repeated():
    reduce = {"mean": None, "quantile": (0.1, 0.5), "histogram": 16}
    data = sd.simulate(SYSTEMS["jump"], TIMES, trajectories=50, reduce=reduce, progress=False)
    same(data, repeated(data))


def test_what_is_not_the_same_is_named():
    data = sd.simulate(SYSTEMS["jump"], TIMES, parameters={"a": [2.0, 3.0]}, trajectories=3, seed=1, progress=False)
    changed = data.copy(deep=True)
    changed.X[1, 2, 3] += 2
    changed.attrs["versions"] = changed.attrs["versions"].replace("sympy ", "sympy 0.")
    found = sd.replay(changed, progress=False)
    assert found.differences == ("X: 1 of 24 numbers differ, by up to 2",)
    assert "sympy was 0." in found.notes[0]
    changed.status[1, 2] = INTERRUPTED  # then its numbers are not compared
    found = sd.replay(changed, progress=False)
    assert found.same
    assert found.notes[0] == "1 of 6 trajectories were interrupted, and are not compared"
    assert sd.replay(data.drop_vars("X"), progress=False).differences == ("X: it is only in the new results",)
    other = data.assign_attrs(seed=2)
    assert not sd.replay(other, progress=False).same


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop_attrs(), "not what symdyn.simulate returned"),
        (lambda d: d.drop_vars("status"), "not what symdyn.simulate returned"),
        (lambda d: d.assign_attrs(versions="old"), "has a record that cannot be read"),
        (lambda d: 5, "replay needs a dataset or the path of its file, got int"),
        (lambda d: d.assign_attrs(rtol="small"), "rtol"),
        (lambda d: d.assign_attrs(method="magic"), "magic"),
        (lambda d: d.assign_attrs(parameters="a = b"), "has a record that cannot be read: could not convert"),
        (lambda d: d.assign_attrs(system="Other"), "a system Other"),
        (lambda d: d.assign_attrs(model="x' = __import__('os')"), "__import__|unexpected|expected"),
    ],
)
def test_a_record_that_cannot_be_read_is_named(change, message):
    data = sd.simulate(SYSTEMS["ode"], [0, 1], method="tsit5", progress=False)
    with pytest.raises(sd.SymdynError, match=message):
        sd.replay(change(data), progress=False)


def test_systems_without_a_text_have_none():
    closed = SYSTEMS["jump"].moments(order=2)
    data = sd.simulate(closed, [0, 1], progress=False)
    assert "model" not in data.attrs
    with pytest.raises(sd.DeclarationError, match="no text of its MomentSystem"):
        sd.replay(data)
    pieces = sd.ODESystem({x: sp.Piecewise((1, x > 1), (x, True))}, initial={x: 0.5})
    assert "model" not in sd.simulate(pieces, [0, 1], progress=False).attrs


def test_fields_record_what_they_start_from():
    u, S, D = sp.symbols("u S D")
    pde = sd.PDESystem(
        {u: D * sd.laplacian(u), S: sd.mean(u) - S}, (0, 1), odes=["S"], parameters={D: 0.1}, initial={u: "x**2", S: 0.5}
    )
    attrs = sd.simulate(pde, [0, 1], grid=8, method=sd.methods.Imex(max_steps=1000), rtol=1e-4, progress=False).attrs
    assert attrs["initial"] == "u = x**2, S = 0.5"
    assert (attrs["method"], attrs["max_steps"], attrs["rtol"], attrs["atol"]) == ("imex", 1000, 1e-4, 1e-9)
    assert attrs["parameters"] == "D = 0.1"


def test_systems_without_a_text_are_repeated_where_they_are_given():
    s, x = sp.IndexedBase("s"), sp.Symbol("x")
    near = s[0] + s[1]
    rule = sp.Piecewise((0, sp.Eq(near, 0)), (0.6, sp.Eq(near, 1)), (0.8, True))
    automaton = sd.Automaton(rule, sites=64, boundary="periodic")
    data = sd.simulate(automaton, range(10), trajectories=70, initial={"s": 1}, seed=3, progress=False)
    assert sd.replay(data, system=automaton, threads=1, progress=False).same
    other = sd.Automaton(rule.subs(0.6, 0.61), sites=64, boundary="periodic")
    assert not sd.replay(data, system=other, progress=False).same
    full = sd.ODESystem.from_text("a' = b*c - a; b' = a - 2*b; c' = -c*a - c; a(0) = 1; b(0) = 0.5; c(0) = 0.2")
    run = sd.simulate(full, [0, 1, 2, 3], progress=False)
    reduced = sd.reduction.pod(full, run, modes=2)
    assert sd.replay(sd.simulate(reduced, [0, 1, 2], progress=False), system=reduced, progress=False).same
    driven = sd.ODESystem({x: sd.Path("u", [0, 2], [1, 3]) - x}, initial={x: 0})
    data = sd.simulate(driven, [0, 1, 2], progress=False)
    assert sd.replay(data, system=driven, progress=False).same
    with pytest.raises(sd.DeclarationError, match=r"give symdyn\.replay the system"):
        sd.replay(data, progress=False)
    with pytest.raises(sd.DeclarationError, match="of a system ODESystem; system is of the kind Automaton"):
        sd.replay(data, system=automaton, progress=False)
    with pytest.raises(sd.DeclarationError, match="records the text of its system; leave system out"):
        sd.replay(run, system=full, progress=False)
