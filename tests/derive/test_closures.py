"""Closed forms of moment closures, as the literature gives them; digits are powers of the first and the second variable."""

from __future__ import annotations

import re

import pytest
import sympy as sp

from symdyn.derive.closures import CLOSURES, Closure, find_closure
from symdyn.errors import DeclarationError
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import indices
from symdyn.parsing import parse_expression


class Named(dict):
    """mu10, mu21 ... for every index up to an order."""

    def __init__(self, letter: str, order: int) -> None:
        super().__init__()
        for k in range(1, order + 1):
            for index in indices(2, k):
                self[index] = sp.Symbol(("mu" if k == 1 else letter) + "".join(map(str, index)))


def closed(name: str, order: int, kind: str, binary: tuple[int, ...] = ()) -> Moments:
    """Moments of two variables, known up to an order and closed above."""
    closure = find_closure(name)
    known = Named({"raw": "mu", "central": "M"}[kind], order)
    return Moments(2, kind, known, close=closure.express, close_kind=closure.kind, binary=binary, order=order)


RAW = [
    ("zero", 2, "mu30 = 3*mu10*mu20 - 2*mu10**3"),
    ("normal", 2, "mu21 = mu01*mu20 + 2*mu10*mu11 - 2*mu01*mu10**2"),
    ("normal", 2, "mu12 = mu02*mu10 + 2*mu01*mu11 - 2*mu10*mu01**2"),
    ("normal", 3, "mu31 = mu01*mu30 + 3*mu10*mu21 + 3*mu11*mu20 - 6*mu11*mu10**2 - 6*mu01*mu10*mu20 + 6*mu01*mu10**3"),
    (
        "normal",
        3,
        "mu22 = mu02*mu20 + 2*mu11**2 + 2*mu01*mu21 + 2*mu10*mu12 - 2*mu02*mu10**2 - 2*mu20*mu01**2 - 8*mu01*mu10*mu11"
        " + 6*mu01**2*mu10**2",
    ),
    ("poisson", 2, "mu30 = mu10 + 3*mu10*mu20 - 2*mu10**3"),
    ("poisson", 3, "mu40 = mu10 + 4*mu10*mu30 + 3*mu20**2 - 12*mu20*mu10**2 + 6*mu10**4"),
    ("log-normal", 2, "mu30 = mu20**3/mu10**3"),
    ("log-normal", 2, "mu21 = mu20*mu11**2/(mu01*mu10**2)"),
    ("log-normal", 2, "mu13 = mu02**3*mu11**3/(mu01**6*mu10**2)"),
    ("log-normal", 2, "mu40 = mu20**6/mu10**8"),
    ("log-normal", 2, "mu22 = mu02*mu20*mu11**4/(mu01**4*mu10**4)"),
    ("log-normal", 2, "mu31 = mu11**3*mu20**3/(mu01**2*mu10**6)"),
    ("derivative-matching", 2, "mu30 = mu20**3/mu10**3"),
    ("derivative-matching", 2, "mu21 = mu20*mu11**2/(mu01*mu10**2)"),
    ("derivative-matching", 2, "mu22 = mu02*mu20*mu11**4/(mu01**4*mu10**4)"),
    ("derivative-matching", 3, "mu40 = mu10**4*mu30**4/mu20**6"),
    ("derivative-matching", 3, "mu31 = mu01*mu30*mu10**3*mu21**3/(mu11**3*mu20**3)"),
    ("derivative-matching", 3, "mu22 = mu01**2*mu10**2*mu12**2*mu21**2/(mu02*mu11**4*mu20)"),
    ("derivative-matching", 3, "mu13 = mu03*mu10*mu01**3*mu12**3/(mu02**3*mu11**3)"),
    ("gamma", 2, "mu03 = mu01**3 + 3*mu01*(mu02 - mu01**2) + 2*(mu02 - mu01**2)**2/mu01"),
    ("conditional-gaussian", 3, "mu13 = 3*mu11*mu12/mu10 - 2*mu11**3/mu10**2"),
    (
        "conditional-gaussian",
        4,
        "mu14 = 4*mu11*mu13/mu10 + 3*mu12**2/mu10 - 12*mu12*mu11**2/mu10**2 + 6*mu11**4/mu10**3",
    ),
    ("conditional-derivative-matching", 3, "mu13 = mu10*mu12**3/mu11**3"),
    ("conditional-derivative-matching", 4, "mu14 = mu13**4*mu11**4/(mu10*mu12**6)"),
]

CENTRAL = [
    *(("zero", 2, f"M{i} = 0") for i in ("30", "21", "12", "40", "31", "22")),
    *(("normal", 2, f"M{i} = 0") for i in ("30", "21", "12")),
    ("normal", 2, "M31 = 3*M11*M20"),
    ("normal", 2, "M22 = M02*M20 + 2*M11**2"),
    ("normal", 2, "M04 = 3*M02**2"),
    ("poisson", 2, "M30 = mu10"),
    ("poisson", 2, "M21 = 0"),
    ("poisson", 2, "M40 = mu10 + 3*M20**2"),
    ("gamma", 2, "M30 = 2*M20**2/mu10"),
    ("gamma", 2, "M21 = 2*M11*M20/mu10"),
]


def check(kind: str, name: str, order: int, text: str) -> None:
    left, right = text.split(" = ")
    index = tuple(map(int, re.sub(r"\D", "", left)))
    binary = (0,) if name.startswith("conditional") else ()
    assert sp.simplify(closed(name, order, kind, binary).get(kind, index) - parse_expression(right)) == 0


@pytest.mark.parametrize(("name", "order", "text"), RAW)
def test_raw_moments(name, order, text):
    check("raw", name, order, text)


@pytest.mark.parametrize(("name", "order", "text"), CENTRAL)
def test_central_moments(name, order, text):
    check("central", name, order, text)


def test_derivative_matching_solves_its_linear_system():
    """C(i, k) = sum_j g_j C(j, k) for all k of lower order, in three variables."""
    index, lower = (2, 1, 1), [i for k in range(1, 4) for i in indices(3, k)]
    known = {i: sp.Symbol(f"m{''.join(map(str, i))}", positive=True) for i in lower}
    moments = Moments(3, "raw", known, close=CLOSURES["derivative-matching"].express, order=3)
    powers = moments.raw(index).as_powers_dict()

    def choose(i, k):
        return sp.prod(sp.binomial(a, b) for a, b in zip(i, k, strict=True))

    for k in lower:
        assert sum(powers[known[j]] * choose(j, k) for j in lower) == choose(index, k)


def test_log_normal_is_derivative_matching_at_order_two_alone():
    for index in ((3, 0), (2, 1), (4, 0), (3, 1), (2, 2), (5, 0), (3, 2)):
        at = [closed(name, 2, "raw").raw(index) for name in ("log-normal", "derivative-matching")]
        assert sp.simplify(at[0] / at[1]) == 1
    differing = [closed(name, 3, "raw").raw((4, 0)) for name in ("log-normal", "derivative-matching")]
    assert sp.simplify(differing[0] / differing[1]) != 1


def test_gamma_is_defined_at_zero_covariance():
    moments = closed("gamma", 2, "central")
    at_rest = {sp.Symbol("M20"): 0, sp.Symbol("M11"): 0, sp.Symbol("M02"): 0, sp.Symbol("mu10"): 2, sp.Symbol("mu01"): 3}
    for index in ((3, 0), (2, 1), (1, 2), (4, 0), (2, 2), (3, 2)):
        assert moments.central(index).subs(at_rest) == 0


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("CMN", "zero"), ("low dispersion", "zero"), ("Gaussian", "normal"), ("zero cumulants", "normal"),
        ("LogNormal", "log-normal"), ("log normal", "log-normal"), ("DM", "derivative-matching"),
        ("derivative_matching", "derivative-matching"), ("conditional DM", "conditional-derivative-matching"),
        ("Linear Mapping Approximation", "linear-mapping"),
        (CLOSURES["gamma"], "gamma"),
    ],
)  # fmt: skip
def test_names(given, name):
    assert find_closure(given).name == name


def test_a_function_is_a_closure():
    def mean_field(index, moments):
        return sp.S.Zero

    mean_field.kind = "central"
    closure = find_closure(mean_field)
    assert (closure.name, closure.kind) == ("mean_field", "central")
    with pytest.raises(DeclarationError, match="kind 'factorial'; expected one of raw, central, cumulant"):
        Closure("own", mean_field, "factorial")


def test_a_function_that_is_no_closure_is_named():
    def half(moments):
        return moments / 2

    with pytest.raises(DeclarationError, match=r"the closure half cannot be called as closure\(index, moments\)"):
        find_closure(half)
