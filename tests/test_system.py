"""Declaring systems: what is accepted, what is refused, how it shows."""

import pickle

import pytest
import sympy as sp

import symdyn as sd

x, y, a, b, t = sp.symbols("x y a b t")
f, g = sp.Function("f"), sp.Function("g")


def test_parameters_are_the_free_symbols():
    system = sd.ODESystem({x: a * x - sp.sin(t), y: b * y}, parameters={"b": 2})
    assert system.states == (x, y)
    assert system.parameters == (a, b)
    assert dict(system.defaults) == {b: 2.0}


def test_time_functions_and_equations_mean_the_same_as_symbols():
    X = sp.Function("x")(t)
    wanted = sd.ODESystem({x: -a * x + t})
    assert sd.ODESystem({X: -a * X + t}) == wanted
    assert sd.ODESystem([sp.Eq(X.diff(t), -a * X + t)]) == wanted
    assert sd.ODESystem({"x": -a * x + t}) == wanted


def test_a_species_called_t_leaves_time_another_name():
    system = sd.ODESystem({t: -a * t})
    assert system.states == (t,)
    assert system.time.name == "time"
    assert system.parameters == (a,)


@pytest.mark.parametrize("name", ["S", "I", "N", "E", "Q", "beta", "gamma", "lambda", "zeta", "U", "O", "pi", "None", "x'"])
def test_names_that_modellers_use(name):
    s = sp.Symbol(name)
    data = sd.simulate(sd.ODESystem({s: -a * s}), [0.0, 1.0], initial={name: 1.0}, parameters={a: 1.0}, rtol=1e-10)
    assert data[name].values.ravel()[-1] == pytest.approx(0.36787944117144233, rel=1e-8)


def test_unknown_terms_are_found_and_filled_in():
    system = sd.ODESystem({x: a * x - f(x, y), y: f(x, y) - g(y, t)})
    assert system.unknowns == (f(x, y), g(y, t))
    full = system.with_terms({f(x, y): b * x * y, g: y}, defaults={b: 3})
    assert full.drift == (a * x - b * x * y, b * x * y - y)
    assert full.unknowns == ()
    assert full.defaults[b] == 3
    assert len(full.provenance) == 2


def test_unknown_terms_follow_their_arguments():
    system = sd.ODESystem({x: f(x, y), y: f(y, x)})
    full = system.with_terms({f(x, y): x**2 * y})
    assert full.drift == (x**2 * y, y**2 * x)


def test_systems_are_frozen_and_can_be_pickled():
    system = sd.ODESystem({x: -a * x}, parameters={a: 1})
    with pytest.raises(AttributeError, match="frozen"):
        system.states = ()
    assert system.with_parameters(a=2).defaults[a] == 2
    assert system.defaults[a] == 1


def test_digest_sees_mathematics_and_not_values():
    one = sd.ODESystem({x: -a * x}, parameters={a: 1})
    assert one.digest == one.with_parameters(a=5).digest
    assert one.digest != sd.ODESystem({x: -(a**2) * x}).digest
    ito = sd.SDESystem({x: -a * x}, {x: x})
    assert ito.digest != sd.SDESystem({x: -a * x}, {x: x}, interpretation="stratonovich").digest
    assert one.digest != sd.DiscreteSystem({x: -a * x}).digest


def test_ito_and_stratonovich_drifts_of_geometric_brownian_motion():
    mu, s = sp.symbols("mu s")
    gbm = sd.SDESystem({x: mu * x}, {x: s * x}, interpretation="stratonovich")
    assert sp.expand(gbm.ito().drift[0] - (mu * x + s**2 * x / 2)) == 0
    assert sp.expand(gbm.ito().stratonovich().drift[0] - mu * x) == 0


def test_diffusion_as_mapping_rows_and_matrix():
    diagonal = sd.SDESystem({x: -x, y: -y}, {x: a, y: b})
    assert diagonal.diffusion == sp.Matrix([[a, 0], [0, b]])
    assert sd.SDESystem({x: -x, y: -y}, [[a, 0], [0, b]]) == diagonal
    assert sd.SDESystem({x: -x, y: -y}, sp.Matrix([[a, 0], [0, b]])) == diagonal
    assert sd.SDESystem({x: -x, y: -y}, {x: a}).noises == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sd.ODESystem({}), "non-empty mapping"),
        (lambda: sd.ODESystem({x: "a*x"}), "from_text"),
        (lambda: sd.ODESystem({x: a * x}, parameters={"aa": 1}), "Did you mean 'a'"),
        (lambda: sd.ODESystem({x: a * x}, parameters={a: "one"}), "expected a number"),
        (lambda: sd.ODESystem({x: a * x}, parameters={a: float("nan")}), "finite"),
        (lambda: sd.ODESystem({x: a * sp.Symbol("x", positive=True)}), "two different symbols"),
        (lambda: sd.ODESystem({x: sp.Symbol("status") * x}), "another name"),
        (lambda: sd.ODESystem({x: sp.I * x}), "not real"),
        (lambda: sd.ODESystem({x: sp.Derivative(f(x), x)}), "derivative"),
        (lambda: sd.ODESystem({x: x, "x": x}), "two equations"),
        (lambda: sd.ODESystem({x: x}, observables={a: x, x: 1}), "rename"),
        (lambda: sd.SDESystem({x: x}, [[1], [2]]), "expected 1 rows"),
        (lambda: sd.SDESystem({x: x}, a), "the diffusion is a; expected a sequence"),
        (lambda: sd.SDESystem({x: x, y: y}, {x: [a, b], y: b}), "the diffusion of y is b"),
        (lambda: sd.SDESystem({x: x}, {x: 1}, interpretation="Ito"), "stratonovich"),
        (lambda: sd.ODESystem({x: f(x)}).with_terms({g(x): x}), "not an unknown term"),
    ],
)
def test_what_does_not_hold_together_is_refused(make, message):
    with pytest.raises(sd.DeclarationError, match=message):
        make()


def test_text_and_latex_read_as_a_person_would_write_them():
    assert str(sd.ODESystem({x: a * x - x * y, y: -y})) == "x' = a*x - x*y\ny' = -y"
    assert str(sd.DiscreteSystem({x: a * x * (1 - x)})) == "x[t+1] = a*x*(1 - x)"
    assert str(sd.SDESystem({x: -a * x}, {x: b})) == "dx = -a*x*dt + b*dW"
    assert r"\dot{x} &= a x - x y" in sd.ODESystem({x: a * x - x * y, y: -y})._repr_latex_()
    assert "parameters: a = 1" in repr(sd.ODESystem({x: -a * x}, parameters={a: 1}))


@pytest.mark.parametrize(
    "system",
    [
        sd.ODESystem({x: a * x / (1 + b * x) - sp.exp(-x) * y, y: x * y - sp.sqrt(y)}),
        sd.DiscreteSystem({x: a * x * sp.exp(-b * x)}),
        sd.SDESystem({x: -a * x, y: a * x}, [[b, 0], [x, 1 + y]]),
    ],
    ids=["ode", "map", "sde"],
)
def test_text_is_read_back_as_the_same_system(system):
    assert type(system).from_text(str(system)) == system


def test_systems_survive_pickling():
    system = sd.ODESystem({x: -a * x}, parameters={a: 1}, initial={x: 2})
    assert pickle.loads(pickle.dumps(system)) == system


def test_a_changed_copy_has_a_digest_of_its_own():
    """Also where a class puts more into the digest than its parent does."""
    f = sp.Function("f")
    hidden = sd.SDESystem({x: f(x)}, {x: 1})
    digests = {hidden.digest, hidden.with_terms({f(x): x}).digest, hidden.with_terms({f(x): -x}).digest}
    assert len(digests) == 3
    model = sd.leslie.from_matrix([[x, 2], [1, 0]], [x, y])
    assert model.digest != model.at({x: 1, y: 1}).digest
