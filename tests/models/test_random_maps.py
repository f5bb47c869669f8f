"""Maps that draw random numbers: what they mean, that they are reproducible, and what is refused."""

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.analysis import steady_states

x, y, r, s, dW, dW1, dW2 = sp.symbols("x y r s dW dW1 dW2")


def test_names_that_begin_with_dW_are_no_parameters():
    model = sd.DiscreteSystem({x: r * x * sp.exp(s * dW1) + dW2}, {r: 1, s: 0.1})
    assert model.noise == (dW1, dW2)
    assert model.noises == 2
    assert model.parameters == (r, s)
    assert sd.DiscreteSystem({x: x}).noises == 0
    assert sd.DiscreteSystem({x: x + sp.Symbol("dW10") + dW2}).noise == (dW2, sp.Symbol("dW10"))


def test_the_text_reads_back():
    model = sd.DiscreteSystem({x: r * x * sp.exp(s * dW)}, {r: 1, s: 0.1})
    again = sd.DiscreteSystem.from_text(str(model), {"r": 1, "s": 0.1})
    assert again == model
    assert again.noise == (dW,)


def test_a_random_walk_has_the_variance_of_its_steps():
    model = sd.DiscreteSystem({x: x + r + s * dW, y: y + dW + dW1}, {r: 0.5, s: 2.0}, initial={x: 0, y: 0})
    n = 200_000
    data = sd.simulate(model, [0, 9], trajectories=n, seed=3, progress=False)
    a, b = data.x.values[:, 1], data.y.values[:, 1]
    assert a.mean() == pytest.approx(4.5, abs=4 * 6 / np.sqrt(n))
    assert a.var() == pytest.approx(36, rel=4 * np.sqrt(2 / n))
    assert b.var() == pytest.approx(18, rel=4 * np.sqrt(2 / n))
    assert np.mean((a - a.mean()) * b) == pytest.approx(18, rel=0.03)  # they share dW: 9 steps times 2


def test_noise_is_drawn_anew_in_each_step():
    model = sd.DiscreteSystem({x: dW}, initial={x: 0})
    data = sd.simulate(model, range(2001), seed=1, progress=False)
    path = data.x.values[1:]
    assert path.std() == pytest.approx(1, abs=0.07)
    assert abs(np.corrcoef(path[1:], path[:-1])[0, 1]) < 0.09


@pytest.mark.parametrize("options", [{"lanes": 1}, {"lanes": 16}, {"threads": 1}, {"chunk": 64}])
def test_the_layout_does_not_change_a_bit(options):
    model = sd.DiscreteSystem({x: r * x * (1 - x) * sp.exp(-(dW**2) / 50), y: x + dW1}, {r: 3.6}, initial={x: 0.3, y: 0})
    args = dict(trajectories=501, seed=5, progress=False)
    first = sd.simulate(model, range(20), **args)
    again = sd.simulate(model, range(20), **args, layout=sd.Layout(**options))
    assert first.x.values.tobytes() == again.x.values.tobytes()
    assert first.y.values.tobytes() == again.y.values.tobytes()
    assert first.attrs["seed"] == 5


def test_a_map_takes_one_step_whatever_step_says():
    model = sd.DiscreteSystem({x: x + dW}, initial={x: 0})
    kernel = sd.compile(model)
    one = kernel([[0.0]], np.zeros((1, 0)), [0.0, 3.0], seed=1, step=0.1)
    other = kernel([[0.0]], np.zeros((1, 0)), [0.0, 3.0], seed=1)
    assert one.values.tobytes() == other.values.tobytes()
    assert one.steps[0] == 3


def test_random_numbers_belong_to_the_map():
    with pytest.raises(sd.DeclarationError, match="the observable z holds dW"):
        sd.DiscreteSystem({x: x + dW}, observables={"z": x * dW})
    with pytest.raises(sd.DeclarationError, match="dW is the name of a random number"):
        sd.DiscreteSystem({dW: dW})
    with pytest.raises(sd.DeclarationError, match=r"steady states needs .*; this one draws dW in every step"):
        steady_states(sd.DiscreteSystem({x: x / 2 + dW}))


def test_filled_terms_keep_the_noise():
    f = sp.Function("f")
    filled = sd.DiscreteSystem({x: f(x) * sp.exp(dW)}).with_terms({f(x): r * x})
    assert filled.parameters == (r,)
    assert filled.noise == (dW,)
