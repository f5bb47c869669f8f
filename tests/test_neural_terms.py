"""Networks as terms: their forms, files, digests and places in systems."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.network_forms import form_of

x, y, a, b = sp.symbols("x y a b")


def trained(name: str = "f", factors: tuple = ()) -> sd.TrainedNetwork:
    rng = np.random.default_rng(3)
    layers = [
        (rng.normal(size=(5, 2)), rng.normal(size=5), "tanh"),
        (rng.normal(size=(len(factors) or 1, 5)), None, "identity"),
    ]
    return sd.TrainedNetwork(sd.DenseLayers(name, layers), factors)


def test_a_form_belongs_to_the_function_and_terms_are_unknown():
    f = sd.network("f", [x, y], width=4, depth=1, monotone={y: -1}, sign=1)
    system = sd.ODESystem({x: a * x - f(x, y), y: f(y, x)})
    assert [str(u) for u in system.unknowns] == ["f(x, y)", "f(y, x)"]
    form = form_of(system.unknowns[0])
    assert (form.width, form.depth, form.monotone, form.sign) == (4, 1, (0, -1), 1)
    assert f != sd.network("f", [x, y], width=5)
    with pytest.raises(sd.DeclarationError, match=r"declared with 2 arguments; got f\(x\)"):
        form_of(f(x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "the width of the network f is 0; expected a whole number from 1 to 1024"),
        ({"depth": 1.5}, "the depth of the network f is 1.5"),
        ({"activation": "tahn"}, "'tahn'; known: tanh, softplus.*tanh"),
        ({"sign": 2}, "the sign of the network f is 2; expected 1 or -1"),
        ({"monotone": {a: 1}}, r"names \['a'\]; its arguments: x, y"),
        ({"monotone": 0}, "monotone of the network f is 0"),
        ({"zero_at": (0,)}, "has 1 numbers for 2 arguments"),
        ({"zero_at": {x: 0}, "sign": 1}, "has zero_at with a sign; give one of both"),
        ({"zero_at": {x: "a"}}, "expected numbers"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sd.network("f", [x, y], **options)


def test_a_formula_takes_the_place_of_a_network_and_a_network_that_of_a_term():
    declared = sd.ODESystem.from_text("x' = a*x - f(x, y); y' = f(x, y) - y; a = 2")
    system = declared.with_terms({"f": trained()})
    assert str(system) == "x' = a*x - f(x, y)\ny' = -y + f(x, y)"
    assert "f := network(5; " in repr(system)
    assert system.unknowns == ()
    assert len(system.networks) == 1
    assert system.without_networks() == declared
    term = sp.Function("f")(x, y)
    for key in (term, "f", system.networks[0]):
        assert str(system.with_terms({key: b * x * y}, {b: 3})) == "x' = a*x - b*x*y\ny' = b*x*y - y"
    with pytest.raises(sd.DeclarationError, match="g is not an unknown term of this system"):
        system.with_terms({"g": x})


def test_networks_of_one_name_stay_apart_and_are_not_taken_for_one_function():
    f, g = (sd.TrainedNetwork(sd.DenseLayers("f", [([[w]], None, "identity")])) for w in (-1.0, -2.0))
    system = sd.ODESystem({x: f(x), y: g(y)}, initial={x: 1, y: 1})
    run = sd.simulate(system, [0, 1], rtol=1e-9, progress=False)
    assert [float(run.x[-1]), float(run.y[-1])] == pytest.approx([np.exp(-1), np.exp(-2)], rel=1e-7)
    for call in (system.without_networks, lambda: system.with_terms({"f": b * x})):
        with pytest.raises(sd.DeclarationError, match="two networks are called f"):
            call()


def test_the_digest_covers_weights_and_no_text_claims_to_hold_them():
    from symdyn.models.text import text_of

    one = sd.ODESystem({x: trained()(x, x)})
    layers = trained().layers.layers
    changed = [(layers[0].weights + 1e-16 * np.abs(layers[0].weights).max(), layers[0].bias, "tanh"), layers[1]]
    other = sd.ODESystem({x: sd.TrainedNetwork(sd.DenseLayers("f", changed))(x, x)})
    assert one.digest == sd.ODESystem({x: trained()(x, x)}).digest == pickle.loads(pickle.dumps(one)).digest
    assert one.digest != other.digest
    assert one != other
    assert text_of(one) is None
    assert text_of(sd.ODESystem({x: trained().layers(x, x)})) is None


def test_a_network_that_is_zero_somewhere_is_exactly_zero_in_kernels_and_grows_as_its_derivative_says():
    f = trained(factors=((0, 0.7), (1, -2.0)))
    system = sd.ODESystem({x: f(x, y), y: f(x, y)}, initial={x: 0.7, y: -2.0})
    assert (sd.simulate(system, [0, 5], progress=False).x.values == 0.7).all()
    exact = (f(0.7 + 1e-7, -2.0).evalf() - f(0.7 - 1e-7, -2.0).evalf()) / 2e-7
    assert float(f(x, y).diff(x).subs({x: 0.7, y: -2.0}).evalf()) == pytest.approx(float(exact), rel=1e-7)


def test_files_give_back_the_same_network_and_others_are_refused(tmp_path):
    f, path = trained(factors=((1, 0.5), (0, 1.0))), tmp_path / "f.npz"
    f.save(path)
    assert sd.TrainedNetwork.load(path) == f
    data = path.read_bytes()
    for k, damaged in enumerate((b"", b"PK", data[: len(data) // 2], data[:200] + b"\xff" * 40 + data[240:])):
        (tmp_path / f"{k}.npz").write_bytes(damaged)
        with pytest.raises(sd.DeclarationError, match=f"{k}.npz is no network that symdyn wrote"):
            sd.TrainedNetwork.load(tmp_path / f"{k}.npz")
    arrays = f.arrays()
    for name, value in (("weights0", np.ones((4, 2))), ("bias1", np.array(["x", "y"])), ("format", np.array("other")),
                        ("factors", np.ones(3)), ("functions", np.array(["tanh", "exec"]))):  # fmt: skip
        np.savez(path, **{**arrays, name: value})
        with pytest.raises(sd.DeclarationError):
            sd.TrainedNetwork.load(path)
    np.savez(path, **{**arrays, "weights0": np.array([object()], dtype=object)}, allow_pickle=True)
    with pytest.raises(sd.DeclarationError, match="no network that symdyn wrote"):
        sd.TrainedNetwork.load(path)


def test_what_no_network_is_made_of_is_refused():
    layers = trained().layers
    for given, message in (
        (("f",), "made of DenseLayers, got str"), ((layers, [0]), "are pairs"), ((layers, [(0, np.nan)]), "not finite")
    ):  # fmt: skip
        with pytest.raises(sd.DeclarationError, match=message):
            sd.TrainedNetwork(*given)
    with pytest.raises(sd.DeclarationError, match="expected an expression or a finite number"):
        trained()(x, float("nan"))


def test_text_is_no_argument():
    for call in (trained(), trained().layers):
        with pytest.raises(sd.DeclarationError, match=r"got '1\+1' where an argument of a network belongs"):
            call(x, "1+1")
        with pytest.raises(sd.DeclarationError, match="takes 2 arguments, got 1"):
            call(x)


def test_maps_noise_and_fields_run_with_networks():
    f = trained()
    step = sd.DiscreteSystem({x: f(x, y), y: x}, initial={x: 0.3, y: -0.1})
    path = sd.simulate(step, range(4), progress=False)
    u, v = 0.3, -0.1
    for k in range(1, 4):
        u, v = float(f.evaluate([u, v])), u
        assert float(path.x[k]) == pytest.approx(u, abs=1e-12)
    noisy = sd.SDESystem({x: f(x, x)}, {x: f(x, 1)}, initial={x: 0.5})
    runs = [sd.simulate(noisy, [0, 1], trajectories=n, seed=4, step=0.01, progress=False).x.values[:9] for n in (9, 40)]
    np.testing.assert_array_equal(*runs)
    w = sp.Symbol("w")
    heat = sd.PDESystem({w: sd.laplacian(w) + f(w, sd.dx(w))}, domain=(0, 1), boundary="no-flux", initial={w: 0.4})
    field = sd.simulate(heat.discretize(16), [0, 0.5], rtol=1e-8, progress=False).w
    plain = sd.simulate(sd.ODESystem({x: f(x, 0)}, initial={x: 0.4}), [0, 0.5], rtol=1e-9, progress=False).x  # it stays uniform
    np.testing.assert_allclose(field[-1], float(plain[-1]), rtol=1e-5)


def test_steady_states_and_sensitivities_of_a_system_with_a_network():
    f = trained()
    system = sd.ODESystem({x: a - x + 0.2 * f(x, y), y: x - y}, {a: 1.0}, initial={x: 1, y: 1})
    late = sd.simulate(system, [0, 200], method="rodas5p", rtol=1e-10, progress=False)
    at = [float(late.x[-1]), float(late.y[-1])]
    assert at[0] == pytest.approx(1 + 0.2 * float(f.evaluate(at)), abs=1e-8)
    slope = f.layers.jacobian(at)[0]
    exact = 1 / (1 - 0.2 * slope.sum())
    found = sd.sensitivities(system, [0, 60], rtol=1e-9, progress=False)
    assert float(found.dx_da[-1]) == pytest.approx(exact, abs=1e-6)
    found = sd.analysis.steady_states(system)
    assert [found.x.item(), found.y.item()] == pytest.approx(at, abs=1e-8)
    assert found.stable.item()


def test_lyapunov_exponents_are_those_of_the_jacobian_of_the_network():
    """Of z -> tanh(z/2 + ...) at its fixed point: the logarithms of the moduli of the eigenvalues there."""
    layers = sd.DenseLayers("f", [([[0.5, 0.3], [-0.2, 0.9]], [0.1, -0.2], "tanh")])
    steps = sd.DiscreteSystem(dict(zip((x, y), layers(x, y), strict=True)), initial={x: 0.1, y: 0.1})
    at = np.array([0.1, 0.1])
    for _ in range(500):
        at = layers.evaluate(at)
    moduli = np.sort(np.abs(np.linalg.eigvals(layers.jacobian(at))))[::-1]
    found = sd.analysis.lyapunov_exponents(steps, steps=2000, burn_in=500)
    np.testing.assert_allclose(found.lyapunov, np.log(moduli), atol=0.01)
