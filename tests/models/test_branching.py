"""Declaring branching processes: what is read, printed and refused, and the means."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.models.matrix import MatrixModel
from symdyn.models.text import model_text

x, y, a, b, s, t, dW = sp.symbols("x y a b s t dW")
HALF = sp.Rational(1, 2)


def test_what_it_is_made_of():
    system = sd.BranchingSystem(
        [x, "y"], [[0, 0], [s, HALF]], [[0, a / (1 + b * y)], [0, 0]], {a: 2, "s": 0.3}, immigration=[b * t, 0], initial={x: 3},
        observables={"total": x + y},
    )  # fmt: skip
    assert system.states == (x, y)
    assert system.parameters == (a, b, s)
    assert system.transitions == sp.ImmutableDenseMatrix([[0, 0], [s, HALF]])
    assert system.fecundity == sp.ImmutableDenseMatrix([[0, a / (1 + b * y)], [0, 0]])
    assert system.immigration == (b * t, 0)
    assert (dict(system.defaults), dict(system.initial)) == ({a: 2.0, s: 0.3}, {x: 3.0})
    assert (system.kind, system.offspring, system.noises) == ("chain", "poisson", 0)
    assert str(system).splitlines() == [
        "x[t+1] ~ poisson(a*y/(b*y + 1) + b*t)",
        "y[t+1] ~ binomial(x, s) + binomial(y, 1/2)",
    ]
    assert r"\operatorname{Binomial}\left(x,\ s\right)" in system._repr_latex_()
    assert pickle.loads(pickle.dumps(system)) == system
    assert system.map_expressions(lambda e: e.subs(b, 0)).parameters == (a, b, s)


def test_fates_that_exclude_each_other_and_certain_ones_are_shown():
    system = sd.BranchingSystem([x, y], [[0.25, 1], [HALF, 0]], [[0.5, 0], [0, 0]], offspring="bernoulli")
    assert str(system) == "x[t+1] ~ multinomial(x, 0.25) + y + binomial(x, 0.5)\ny[t+1] ~ multinomial(x, 1/2)"
    assert str(sd.BranchingSystem("x", [[0.0]], [[0.0]])) == "x[t+1] ~ 0"


def test_offspring_and_every_side_decide_about_the_digest():
    def made(transitions=0.5, fecundity=0.25, offspring="poisson", immigration=0):
        return sd.BranchingSystem([x], [[transitions]], [[fecundity]], offspring=offspring, immigration=[immigration])

    others = [made(0.25), made(fecundity=0.5), made(offspring="bernoulli"), made(immigration=1), made(0.25, 0.5)]
    assert len({made().digest, *(o.digest for o in others)}) == 6
    assert made().map_expressions(lambda e: 2 * e).digest == made(1.0, 0.5).digest != made().digest
    assert made() == made() != made(offspring="bernoulli")


def test_the_means_are_a_matrix_model():
    values, initial = {a: 2, s: 0.3}, {x: 7}
    system = sd.BranchingSystem([x, y], [[0, 0], [s, 0.5]], [[0, a], [0, 0]], values, immigration=[1, 0], initial=initial)
    mean = system.mean()
    assert isinstance(mean, MatrixModel)
    assert mean.matrix == sp.ImmutableDenseMatrix([[0, a], [s, 0.5]])
    assert mean.fecundity == system.fecundity
    assert mean.map == (a * y + 1, s * x + 0.5 * y)
    assert (dict(mean.defaults), dict(mean.initial)) == (dict(system.defaults), {x: 7.0})
    assert mean.provenance[-1] == "means of a branching process"


def test_random_numbers_of_the_environment_are_no_parameters():
    system = sd.BranchingSystem([x], [[0]], [[a * sp.exp(s * dW + sp.Symbol("dW_rain"))]], {a: 1})
    assert system.parameters == (a, s)
    assert [e.name for e in system.noise] == ["dW", "dW_rain"]
    f = sp.Function("f")
    filled = sd.BranchingSystem([x], [[0]], [[f(x)]]).with_terms({f(x): a * sp.exp(dW)})
    assert (filled.parameters, filled.noise) == ((a,), (dW,))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([x], [[1.5]], [[0]]), "becomes x with probability 1.5"),
        (([x], [[-0.1]], [[0]]), "becomes x with probability -0.1"),
        (([x, y], [[0.5, 0], [0.6, 0]], np.zeros((2, 2))), r"individual of x add up to 1\.1.*expected 1 at most"),
        (([x], [[0.5]], [[-2]]), "fecundity of x into x is -2; expected a mean"),
        (([x, y], [[0.5]], [[0]]), "transitions is 1 x 1; expected 2 x 2"),
        (([x, y], np.zeros((2, 3)), np.zeros((2, 2))), "2 rows of length 3; expected a square matrix"),
        (([x, y], np.zeros((2, 2)), np.zeros((3, 3))), "the fecundity is 3 x 3; expected 2 x 2"),
        (([x, x], np.zeros((2, 2)), np.zeros((2, 2))), "each stage needs a name of its own"),
        (([dW], [[0]], [[1]]), "dW is the name of a random number"),
    ],
)
def test_bad_declarations(arguments, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sd.BranchingSystem(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"offspring": "poison"}, "offspring is 'poison'; known: poisson, bernoulli. Did you mean 'poisson'"),
        ({"offspring": "bernoulli"}, "fecundity of x into x is 2; expected a probability"),
        ({"immigration": [-1]}, "immigration into x is -1; expected a mean number"),
        ({"immigration": [1, 2]}, "immigration: got 2 values; expected 1"),
        ({"observables": {"o": x * dW}}, "the observable o holds dW"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sd.BranchingSystem([x], [[0.5]], [[2]], **options)


def test_text_is_refused_and_says_what_to_do():
    with pytest.raises(sd.DeclarationError, match=r"declare a branching process as BranchingSystem\(states"):
        sd.BranchingSystem.from_text("x[t+1] = 0.5*x")
    with pytest.raises(sd.DeclarationError, match="a BranchingSystem has no text that reads back"):
        model_text(sd.BranchingSystem([x], [[0.5]], [[0]]))
