"""The model-text grammar: what it reads, and where its errors point."""

from __future__ import annotations

import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import ParseError
from symdyn.io.models import read_model
from symdyn.parsing import parse_expression, parse_model
from symdyn.text.functions import FUNCTIONS
from symdyn.text.lexer import MAX_DEPTH, MAX_EXPRESSION, MAX_TEXT

x, y, z, a, b, t = sp.symbols("x y z a b t")
f, g = sp.Function("f"), sp.Function("g")
third = sp.Rational(1, 3)


# ---- what is read ----------------------------------------------------------------------------------

EXPRESSIONS = [
    ("x", x),
    ("-x^2", -(x**2)),
    ("(-x)^2", x**2),
    ("-2^2", sp.Integer(-4)),
    ("2^-1", sp.Rational(1, 2)),
    ("2^-x*3", 3 * 2 ** (-x)),
    ("x^y^z", x ** (y**z)),
    ("x**y**z", x ** (y**z)),
    ("2^3^2", sp.Integer(512)),
    ("0^0", sp.Integer(1)),
    ("exp(2*log(3))", sp.Integer(9)),
    ("sign(pi) + 2*sign(-pi) + 4*sign(0*pi)", sp.Integer(-1)),
    ("heaviside(pi) + 2*heaviside(3 - pi) + 4*heaviside(0*pi)", sp.Integer(3)),
    ("a - b - x", a - b - x),
    ("a - (b - x)", a - b + x),
    ("a/b/x", a / (b * x)),
    ("a/b*x", a * x / b),
    ("a/(b*x)", a / (b * x)),
    ("a*-b", -a * b),
    ("x - -y", x + y),
    ("+x", x),
    ("a*x*(1 - x/b)", a * x * (1 - x / b)),
    ("(x + 1)^500", (x + 1) ** 500),
    ("8/3", sp.Rational(8, 3)),
    ("1/3 + 1/6", sp.Rational(1, 2)),
    ("12345678901234567890", sp.Integer(12345678901234567890)),
    ("1/3*x", x / 3),
    ("exp(-x)", sp.exp(-x)),
    ("ln(x) + log(y)", sp.log(x) + sp.log(y)),
    ("log10(1000)", sp.Integer(3)),
    ("log2(x)", sp.log(x) / sp.log(2)),
    ("sqrt(2)", sp.sqrt(2)),
    ("sqrt(x)", sp.sqrt(x)),
    ("cbrt(x)", x**third),
    ("sin(x)*cos(y)*tan(z)", sp.sin(x) * sp.cos(y) * sp.tan(z)),
    ("sin(pi/6)", sp.Rational(1, 2)),
    ("arcsin(x) + asin(x)", 2 * sp.asin(x)),
    ("arccos(x) + arctan(y)", sp.acos(x) + sp.atan(y)),
    ("atan2(y, x)", sp.atan2(y, x)),
    ("sinh(x) + cosh(y) + tanh(z)", sp.sinh(x) + sp.cosh(y) + sp.tanh(z)),
    ("arsinh(x) + arccosh(y) + atanh(z)", sp.asinh(x) + sp.acosh(y) + sp.atanh(z)),
    ("abs(-2*x)", 2 * sp.Abs(x)),
    ("abs(sqrt(2) - 2)", 2 - sp.sqrt(2)),
    ("sign(x) + sgn(x)", 2 * sp.sign(x)),
    ("floor(x) + ceil(y)", sp.floor(x) + sp.ceiling(y)),
    ("floor(sqrt(2)*10)", sp.Integer(14)),
    ("min(x, y) + max(x, y, 1)", sp.Min(x, y) + sp.Max(x, y, 1)),
    ("max(sqrt(2), 7/5)", sp.sqrt(2)),
    ("heaviside(x) + heaviside(2)", sp.Heaviside(x) + 1),
    ("erf(x)", sp.erf(x)),
    ("f(x, y) - g(x)", f(x, y) - g(x)),
    ("f(g(x + 1)*2)", f(2 * g(x + 1))),
    ("piecewise(x, x < 1, y)", sp.Piecewise((x, x < 1), (y, True))),
    (
        "piecewise(1, x <= y, 2, x == 3 or x != y, 3)",
        sp.Piecewise((1, x <= y), (2, sp.Eq(x, 3) | sp.Ne(x, y)), (3, True)),
    ),
    ("piecewise(a, not (x > 1) and y >= 2, b)", sp.Piecewise((a, (x <= 1) & (y >= 2)), (b, True))),
    ("piecewise(1, 1 > 2, x, 1 < 2, y)", x),
    ("(a +\n  b # two terms\n)", a + b),
    ("a *\n b", a * b),
    ("λ*σ - ｘ", sp.Symbol("λ") * sp.Symbol("σ") - x),
    ("µ", sp.Symbol("μ")),
]


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS, ids=[text for text, _ in EXPRESSIONS])
def test_expression(text, expected):
    assert parse_expression(text) == expected


NAMES = ["S", "I", "N", "E", "Q", "O", "C", "beta", "gamma", "lambda", "zeta", "U", "t", "n", "e", "i"]
NAMES += ["re", "im", "chi", "Ei", "x_1", "_x", "Θ", "K1", "dx"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_modellers_are_plain_symbols(name):
    assert parse_expression(name) == sp.Symbol(name)
    model = parse_model(f"{name}' = 2*{name}\n{name}(0) = 1")
    assert model.equations == {name: 2 * sp.Symbol(name)}


@pytest.mark.parametrize("name", ["beta", "N", "S", "zeta", "Q", "rate"])
def test_other_calls_are_unknown_terms(name):
    assert parse_expression(f"{name}(x)") == sp.Function(name)(x)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_value_of_constants_is_that_of_sympy(name):
    function = FUNCTIONS[name]
    for count in range(function.fewest, min(function.most, 3) + 1):
        arguments = [sp.Rational(17, 10) if "cosh" in name or count > 1 else sp.Rational(2, 5), sp.Rational(5, 2), sp.pi][
            :count
        ]
        expected = float(function.build(*arguments).evalf())
        assert function.value(*map(float, arguments)) == pytest.approx(expected, rel=1e-13)
        text = f"{name}({', '.join(map(str, arguments))})"
        assert parse_model(f"x' = 1; a = {text}").parameters["a"] == pytest.approx(expected, rel=1e-13)


def test_numbers_are_exact():
    assert parse_expression("1e-3") == sp.Float("0.001", 15)
    assert float(parse_expression(".1")) == 0.1
    assert float(parse_expression("6.02214076e23")) == 6.02214076e23
    kinds = {"2": sp.Integer, "2.": sp.Float, "1e3": sp.Float, "1.5": sp.Float, "6/4": sp.Rational}
    assert all(isinstance(parse_expression(text), kind) for text, kind in kinds.items())
    model = parse_model("x' = a; a = 8/3; b = sqrt(2); c = -1e-3; d = 0.1*3; e = 2*pi; x(0) = 1/3")
    expected = {"a": 8 / 3, "b": 2**0.5, "c": -0.001, "d": 0.1 * 3, "e": 6.283185307179586}
    assert model.parameters == expected
    assert model.initial == {"x": 1 / 3}


def test_pi_is_a_name_where_it_is_declared():
    assert parse_model("x' = pi*x").equations["x"] == sp.pi * x
    assert parse_model("x' = pi*x; pi = 3").equations["x"] == sp.Symbol("pi") * x
    assert parse_model("pi' = pi").equations == {"pi": sp.Symbol("pi")}


def test_model_in_every_statement():
    model = parse_model("""
        # Lotka-Volterra
        x' = a*x - b*x*y   # prey
        dy/dt = b*x*y -    # predators
                y
        a = 1/2; b = 0.03
        x(0) = 30; y[0] = 4
        total := x + y
    """)
    assert model.equations == {"x": a * x - b * x * y, "y": b * x * y - y}
    assert list(model.equations) == ["x", "y"]
    assert (model.style, model.noise) == ("prime", {})
    assert model.parameters == {"a": 0.5, "b": 0.03}
    assert model.initial == {"x": 30.0, "y": 4.0}
    assert model.observables == {"total": x + y}


MAPS = ["x[t+1] = a*x[t]*(1 - x)", "x(t+1) = a*x(t)*(1 - x(t))", "x[n + 1] = a*x[n]*(1 - x[n])"]


@pytest.mark.parametrize("text", MAPS)
def test_maps(text):
    model = parse_model(text)
    assert model.style == "next"
    assert model.equations == {"x": a * x * (1 - x)}


def test_windows_line_ends():
    assert parse_model("x' = y\r\ny' = -x\r\n").equations == {"x": y, "y": -x}


def test_differentials():
    model = parse_model("dx = (a - x)*dt + b*x*dW1/2 - (dW1 + 3*dW2)*y\ndy = -y*dt\na = 1")
    assert model.style == "differential"
    assert model.equations == {"x": a - x, "y": -y}
    assert model.noise == {"x": {"dW1": b * x / 2 - y, "dW2": -3 * y}}
    noisy = parse_model("x' = -x + a*dW")
    assert (noisy.style, noisy.equations, noisy.noise) == ("prime", {"x": -x}, {"x": {"dW": a}})


def test_a_name_that_begins_with_d_can_be_a_parameter():
    model = parse_model("x' = dx*x; dx = 3; d = 1")
    assert model.parameters == {"dx": 3.0, "d": 1.0}


def test_brackets_up_to_the_limit_are_read():
    assert parse_expression("(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH) == x
    expected = x
    for _ in range(MAX_DEPTH):
        expected = f(expected)
    assert parse_expression("f(" * MAX_DEPTH + "x" + ")" * MAX_DEPTH) == expected


def test_long_texts_of_a_slow_function_are_read():
    # every call alone takes sympy milliseconds
    text = "+".join(f"max(x{i}, y, z)" for i in range(1000))
    expected = sp.Add(*(sp.Max(sp.Symbol(f"x{i}"), y, z, evaluate=False) for i in range(1000)))
    assert parse_expression(text) == expected


def test_long_sums_are_read():
    names = [f"x{i}" for i in range(3000)]
    assert parse_expression("+".join(names)) == sp.Add(*sp.symbols(names))


def test_longer_texts_are_read_where_the_author_is_trusted(tmp_path):
    """3,000 reactions in a ring: each rate is that of the text, and every species is used once and made once."""
    count = 3_000
    lines = [f"S{i} -> S{(i + 1) % count}, k{i}  # the step {i}" for i in range(count)]
    lines += [f"k{i} = {1 + i / 8}; S{i}(0) = {i % 7}" for i in range(count)]
    text = "\n".join(lines)
    assert len(text) > MAX_TEXT
    with pytest.raises(ParseError, match=f"more than {MAX_TEXT}; raise characters= if you trust its author"):
        sd.ReactionNetwork.from_text(text)
    network = sd.ReactionNetwork.from_text(text, characters=10**6)
    k, s = sp.symbols("k2999 S2999")
    assert network.propensities[-1] == k * s
    assert (network.defaults[k], network.initial[s]) == (1 + 2999 / 8, 2999 % 7)
    rows = [f"number{i}' = -constant{i}*number{i}" for i in range(3000)]
    (tmp_path / "model.txt").write_text("\n".join(rows))
    assert len(read_model(tmp_path / "model.txt", characters=10**6).states) == 3000
    with pytest.raises(sd.DeclarationError, match="expected a whole number from 1, the largest length"):
        sd.ODESystem.from_text("x' = 1", characters=1.5)


# ---- where errors point ----------------------------------------------------------------------------

ERRORS = [
    ("x' = 2x", 1, 7, "write 2*x"),
    ("x' = 2(x + 1)", 1, 7, "write 2*(...)"),
    ("x' = (a)(b)", 1, 9, "write (...)*(...)"),
    ("x' = a b", 1, 8, "write a*b"),
    ("x' = a\ny' = sinn(x)", 2, 6, "did you mean sin?"),
    ("x' = Sin(x)", 1, 6, "did you mean sin?"),
    ("x' = y*x(y)\ny' = 1", 1, 8, "x is a state, not a function; write x*(...)"),
    ("x' = k(x)\nk = 1", 1, 6, "k is a parameter, not a function"),
    ("x' = k(x) + k", 1, 6, "also used as a plain name"),
    ("x' = print(x)", 1, 6, "a word of Python"),
    ("x' = lambda(x)", 1, 6, "a word of Python"),
    ("x' = pow(x)", 1, 6, "pow takes 2 arguments"),
    ("x' = x.real", 1, 7, "names have no parts"),
    ("x' = 'x'", 1, 6, "quote"),
    ('x\' = "x"', 1, 6, "quotes"),
    ("x' = y[0]", 1, 7, "square brackets"),
    ("x' = [1, 2]", 1, 6, "square brackets"),
    ("x' = {1}", 1, 6, "braces"),
    ("x' = lambda x: x", 1, 14, "no lambdas"),
    ("x' = import os", 1, 13, "a word of Python"),
    ("x' = x < 1", 1, 8, "stands for no number"),
    ("x' = 1 + (x > 1)", 1, 13, "stands for no number"),
    ("x' = piecewise(1, 0 < x < 1, 2)", 1, 25, "not chained"),
    ("x' = piecewise(1, x, 2)", 1, 19, "expected a condition"),
    ("x' = piecewise(x > 1, x > 0, 2)", 1, 18, "stands for no number"),
    ("x' = 1\nd/dt = 3", 2, 2, "not understood"),
    ("x' = 1; d = 3*dt", 1, 15, "must be a number"),
    ("x' = piecewise(1, x < 2)", 1, 6, "odd number"),
    ("x' = piecewise(1, x < 1 and y, 2)", 1, 29, "joins conditions"),
    ("x' = exp(x, y)", 1, 6, "exp takes 1 argument, got 2"),
    ("x' = max(x)", 1, 6, "max takes 2 to 8 arguments, got 1"),
    ("x' = f()", 1, 8, "nothing stands between"),
    ("x' = f(1,2,3,4,5,6,7,8,9)", 1, 6, "at most 8"),
    ("x' = exp", 1, 6, "write exp(...)"),
    ("x' = a +", 1, 9, "missing after '+'"),
    ("x' = a + * b", 1, 10, "got '*'"),
    ("x' =", 1, 5, "right side is missing"),
    ("= 3", 1, 1, "nothing stands left"),
    ("x' = (a + (b)", 1, 6, "never closed"),
    ("x' = a + b)", 1, 11, "closes no ("),
    ("x' = (a]", 1, 8, "closes no ["),
    ("x' = a, b", 1, 7, "commas separate"),
    ("x' = 1/0", 1, 8, "division by zero"),
    ("x' = a/(b - b)", 1, 8, "division by zero"),
    ("x' = 0^-1", 1, 7, "division by zero"),
    ("x' = a + log(0)", 1, 10, "not a real number"),
    ("x' = sqrt(-1)", 1, 6, "not a real number"),
    ("x' = (-8)^(1/3)", 1, 10, "not a real number"),
    ("x' = a + tan(pi/2)", 1, 10, "not a real number"),
    ("x' = asin(2)", 1, 6, "asin(2) is not a real number"),
    ("x' = 9^9^9^9", 1, 9, "too large"),
    ("x' = 10^1000000", 1, 8, "too large"),
    ("x' = 10^-1000", 1, 8, "too small"),
    ("x' = (10^200)^200", 1, 14, "too large"),
    ("x' = 1e200*1e200", 1, 11, "too large"),
    ("x' = 1e999", 1, 6, "too large"),
    ("x' = x^1001", 1, 7, "exponents run to 1000"),
    ("x' = exp(exp(exp(99)))", 1, 10, "too large"),
    ("x' = ((10^9+1)/10^9)^(10^9)", 1, 21, "too many digits"),
    ("x' = " + "1" * 41, 1, 6, "more than 40 digits"),
    ("x' = a__b", 1, 6, "two underscores"),
    ("x' = __a", 1, 6, "two underscores"),
    ("x' = a − b", 1, 8, "write - for minus"),
    ("x' = x²", 1, 7, "write ^2"),
    ("x' = a\u200bb", 1, 7, "U+200B"),
    ("x' = True", 1, 6, "True is not a number"),
    ("x' = a\nx' = b", 2, 1, "x has two equations"),
    ("x' = a\na = 1; a = 2", 2, 8, "a has two values"),
    ("x' = a\nx = 1", 2, 1, "x is a parameter here and a state above"),
    ("x' = a\nx(0) = 1\nx(0) = 2", 3, 1, "two initial values"),
    ("x' = a\ny(0) = 1", 2, 1, "no equation"),
    ("x' = a\ny[t+1] = b", 2, 1, "write all alike"),
    ("x[t+1] = 1\ny[n+1] = 1", 2, 1, "the time step is t above"),
    ("x[n+1] = x[n] + n", 1, 17, "n counts the steps; as a number it is the time t"),
    ("x[t+1] = x[t-a]", 1, 10, "only x[t]"),
    ("x[t+1] = x(y)", 1, 10, "write x*(...)"),
    ("x[t+1] = x + dW; y := x*dW", 1, 25, "no noise"),
    ("x' = a\na = b + 1", 2, 5, "must be a number"),
    ("\n\na = 1", 3, 1, "no equation"),
    ("", 1, 1, "no equation"),
    ("x' = 1\nhello", 2, 1, "states nothing"),
    ("A -> B, k", 1, 3, "ReactionNetwork.from_text reads"),
    ("x(t) = 1", 1, 1, "write x' = ..."),
    ("sin' = 1", 1, 1, "cannot be declared"),
    ("x' = y = 2", 1, 8, "a second ="),
    ("x' = (y := 2)", 1, 9, "has no place inside"),
    ("dx = a*dt + b", 1, 6, "neither dt nor dW"),
    ("dx = dt*dW", 1, 6, "at most one factor"),
    ("dx = dt^2", 1, 6, "at most one factor"),
    ("dx = a + exp(dW)", 1, 14, "at most one factor"),
    ("x' = a*dt", 1, 8, "dt belongs to"),
    ("x' = 1\n" + "(" * 101, 2, 101, "nested more than 100"),
    ("x' = 1\n# " + "a" * MAX_TEXT, 2, MAX_TEXT - 6, "characters"),
    ("a' = " + "a+" * MAX_EXPRESSION, 1, MAX_EXPRESSION + 1, "characters"),
    ("x' = " + "a" * 101, 1, 6, "101 characters"),
    ("x' = " + "2*" + "f(" * 100 + "x" + ")" * 100, 1, 6, "nested more than 100 deep"),
    ("x' = " + "1/(1+" * 90 + "x" + ")" * 90, 1, None, "takes too long"),
    ("x' = x - x + sqrt(2)", 1, 8, "the names cancel"),
    ("x' = piecewise(1, piecewise(1, x < 2, 3) > 1, 2)", 1, 42, "cannot be compared"),
    ("x' = " + "(x^" * 9 + "x" + ")" * 9, 1, 8, "more than 8 powers"),
]


@pytest.mark.parametrize(("text", "line", "column", "fragment"), ERRORS, ids=[f"{e[0][:30]!a}" for e in ERRORS])
def test_errors_point_at_the_place(text, line, column, fragment):
    with pytest.raises(ParseError) as caught:
        parse_model(text)
    assert fragment in caught.value.reason
    assert (caught.value.line, caught.value.column) == (line, column or caught.value.column)


def test_only_text_is_read():
    with pytest.raises(ParseError, match="pass a str"):
        parse_model(3)


def test_one_expression_at_a_time():
    with pytest.raises(ParseError) as caught:
        parse_expression("a + b\nc")
    assert caught.value.position == 6
    with pytest.raises(ParseError, match="empty"):
        parse_expression(" # nothing")
