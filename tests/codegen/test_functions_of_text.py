"""Functions that a text may call: every backend against mpmath, and values that are not numbers."""

from __future__ import annotations

import types

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.special
import sympy as sp
import xarray as xr

import symdyn as sd
from symdyn.codegen.cuda.functions import device_function
from symdyn.codegen.emit_jax import jax_function
from symdyn.codegen.emit_numba import module_source
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.load import import_text
from symdyn.codegen.lower import lower
from symdyn.errors import CompileError, ParseError
from symdyn.parsing import parse_expression

x, y = sp.symbols("x y")
X = np.array([-7.3, -2.5, -1.2, -0.4, 0.3, 0.9, 1.6, 2.7, 4.5, 9.1, 12.0, 21.5])
Y = np.array([2.5, 0.7, -1.5, 3.0, 0.1, 0.3, -0.8, 1.1, 2.0, 7.0, 5.0, 1.3])
#: Texts, what mpmath computes, and the largest relative error.
TEXTS = {
    "sec(x)": (mpmath.sec, 1e-14), "csc(x)": (mpmath.csc, 1e-14), "cot(x)": (mpmath.cot, 1e-14),
    "sech(x)": (mpmath.sech, 1e-14), "csch(x)": (mpmath.csch, 1e-14), "coth(x)": (mpmath.coth, 1e-14),
    "erfc(x/2)": (lambda a: mpmath.erfc(a / 2), 1e-13), "gamma(x)": (mpmath.gamma, 1e-12),
    "factorial(x)": (mpmath.factorial, 1e-12), "lgamma(abs(x) + 2)": (lambda a: mpmath.loggamma(abs(a) + 2), 1e-12),
    "mod(x, 3)": (lambda a: a - 3 * mpmath.floor(a / 3), 1e-14), "mod(x, -3)": (lambda a: a + 3 * mpmath.floor(-a / 3), 1e-14),
    "log(x^2, 3)": (lambda a: mpmath.log(a * a, 3), 1e-14), "pow(x^2, 3/10)": (lambda a: (a * a) ** mpmath.mpf("0.3"), 1e-14),
    "pow(x, 3)": (lambda a: a**3, 1e-14),
}  # fmt: skip


def _library(expressions, lanes):
    """One step of a map, by the compiled functions."""
    outputs = [sp.Symbol(f"z{k}") for k in range(len(expressions))]
    system = sd.DiscreteSystem({x: x, y: y, **dict(zip(outputs, expressions, strict=True))}, initial=dict.fromkeys(outputs, 0))
    start = {x: xr.DataArray(X, dims="trajectory"), y: xr.DataArray(Y, dims="trajectory")}
    data = sd.simulate(system, [0, 1], initial=start, layout=sd.Layout(lanes=lanes), on_failure="nan", progress=False)
    return np.array([data[z.name].values[:, 1] for z in outputs])


def _numba(expressions, lanes):
    program = _program(expressions)
    function = import_text("functions", module_source("functions", (program,), lanes), "models").f_at
    return np.array([function(a, b) for a, b in zip(X, Y, strict=True)]).T


def _program(expressions):
    return lower("f", [("lane", []), ("y", [x, y]), ("p", [])], expressions, list(map(str, expressions)))


def _jax(expressions, lanes):
    jax.config.update("jax_enable_x64", True)
    f = jax_function(_program(expressions))
    return np.array([f(jnp.zeros(0), jnp.array([a, b]), jnp.zeros(0)) for a, b in zip(X, Y, strict=True)]).T


def _numpy(expressions, lanes):
    return np.array([np.broadcast_to(v, X.shape) for v in evaluate(_program(expressions), (), (X, Y), ())])


def _card(expressions, lanes):
    """The text of the device function, run by Python with functions that do not raise."""
    program = _program(expressions)
    special = types.SimpleNamespace(gamma=scipy.special.gamma, lgamma=scipy.special.gammaln, erfc=scipy.special.erfc)
    library = {name: getattr(np, name) for name in ("log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "nan", "inf")}
    math = types.SimpleNamespace(**vars(special), **library, pow=np.power)
    scope = {"math": math, "floor": np.floor, "ceil": np.ceil, "real": float, "choose": lambda c, a, b: a if c else b}
    exec(device_function(program), scope)  # text that this test made
    return np.array([scope["f"]((), tuple(map(np.float64, p)), ()) for p in zip(X, Y, strict=True)]).T


BACKENDS = {
    "llvm": (_library, 8), "llvm of one lane": (_library, 1), "numba": (_numba, 8), "jax": (_jax, 1), "numpy": (_numpy, 1),
    "card": (_card, 1),
}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
def test_functions_against_mpmath(backend):
    run, lanes = BACKENDS[backend]
    values = run([parse_expression(t) for t in TEXTS], lanes)
    with mpmath.workdps(40):
        for found, (text, (exact, error)) in zip(values, TEXTS.items(), strict=True):
            expected = [float(exact(mpmath.mpf(float(a)))) for a in X]
            np.testing.assert_allclose(found, expected, rtol=error, atol=1e-15, err_msg=f"{backend}: {text}")


#: Of x there is one value that is not a number in each, where it is negative.
CHOICES = [
    sp.Max(sp.log(x), 0), sp.Min(0, sp.log(x)), sp.Max(y, sp.sqrt(x)), sp.Min(sp.sqrt(x), y), sp.Max(sp.log(x), y, 1),
    sp.sign(sp.log(x)), sp.Heaviside(sp.log(x)), sp.Piecewise((1, sp.log(x) < 1), (2, True)),
    sp.Piecewise((1, (y > 0) & (sp.sqrt(x) > 1)), (y, y > 1), (2, True)), sp.Abs(sp.log(x)), sp.Mod(sp.sqrt(x), 2),
    sp.floor(sp.log(x)),
]  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_chosen_by_no_number_is_no_number(backend):
    run, lanes = BACKENDS[backend]
    with np.errstate(all="ignore"):
        # a trajectory with one value that is not a number has no others
        found = np.array([run([e], lanes)[0] for e in CHOICES]) if run is _library else run(CHOICES, lanes)
        expected = [[float(e.subs({x: a, y: b})) if a > 0 else np.nan for a, b in zip(X, Y, strict=True)] for e in CHOICES]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_names_that_are_functions_may_be_declared():
    model = sd.ODESystem.from_text("S' = -beta*S*I\nI' = beta*S*I - gamma*I\nbeta = 2\ngamma = 1\nsec' = 1")
    assert {p.name for p in model.parameters} == {"beta", "gamma"}
    with pytest.raises(ParseError, match="gamma is a parameter, not a function"):
        sd.ODESystem.from_text("x' = gamma(x)\ngamma = 1")
    with pytest.raises(ParseError, match="gamma is also used as a plain name"):
        sd.ODESystem.from_text("x' = gamma(x) - gamma*x")
    assert sd.ODESystem.from_text("x' = a*x\na = gamma(5)/mod(7, 4)").defaults[sp.Symbol("a")] == 8


@pytest.mark.parametrize(
    ("text", "remedy"), [("hypot(x, y)", "sqrt"), ("acot(x)", "atan"), ("expm1(x)", "exp"), ("fmod(x, 2)", "mod")]
)
def test_functions_of_other_languages_are_refused_by_name(text, remedy):
    with pytest.raises(ParseError, match=rf"{text.partition('(')[0]} is not a function of the grammar; write {remedy}"):
        parse_expression(text)


def test_constants_that_are_no_numbers():
    for text in ("gamma(0)", "mod(1, 0)", "log(2, 1)", "lgamma(-1)", "cot(0)", "gamma(1000)", "log(-1, 3)"):
        with pytest.raises(ParseError, match=r"not a real number|too large"):
            parse_expression(f"x + {text}")


def test_a_model_of_these_functions_reads_back_and_its_stiffness_is_explained():
    model = sd.ODESystem.from_text("x' = -gamma(x) + mod(x, 2)*sech(x)\nx(0) = 2")
    again = sd.ODESystem.from_text(sd.simulate(model, [0, 0.1]).attrs["model"])
    assert again.drift == model.drift
    with pytest.raises(CompileError, match="derivative of gamma"):
        sd.compile(model, method="rodas5p")
