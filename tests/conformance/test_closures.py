"""What every closure must do, and what each is exact for; a new closure is taken up by its registration."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn import dag
from symdyn.derive.closures import CLOSURES
from symdyn.derive.moments import moments
from symdyn.models.moment_algebra import Moments
from symdyn.models.moment_index import indices

#: Closures that express moments by themselves; the others replace reactions.
EXPRESSING = [name for name, c in CLOSURES.items() if c.linearise is None]
ALL = list(CLOSURES)


def known_moments(size: int, order: int) -> dict:
    return {i: sp.Symbol("m" + "".join(map(str, i))) for k in range(1, order + 1) for i in indices(size, k)}


def closed(name: str, known: dict, order: int, kind: str = "raw") -> Moments:
    closure = CLOSURES[name]
    size = len(next(iter(known)))
    binary = (0,) if closure.needs_binary else ()
    return Moments(size, kind, known, close=closure.express, close_kind=closure.kind, binary=binary, order=order)


@pytest.mark.parametrize("name", ALL)
def test_says_what_it_is(name):
    closure = CLOSURES[name]
    assert closure.name == name
    assert closure.definition
    assert closure.reference
    others = {a for n, c in CLOSURES.items() if n != name for a in (n, *c.aliases)}
    assert not others & {name, *closure.aliases}


@pytest.mark.parametrize("name", ALL)
def test_asks_for_positive_means_where_it_divides_by_them(name):
    gene = sd.ReactionNetwork.from_text("0 => G, a*(1 - G); G + P -> P, b; G -> G + P, k; P -> 0, 1", binary=["G"])
    plain = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, c")
    system = (gene if CLOSURES[name].needs_binary else plain).moments(max(CLOSURES[name].least_order, 2), name)
    means = [s for s, i in system.indices.items() if sum(i) == 1]
    divided = [m for m in means for f in system.drift if f.subs(m, 0).has(sp.zoo, sp.nan)]
    assert system.positive_means == bool(divided)
    if CLOSURES[name].needs_binary:
        with pytest.raises(sd.DeclarationError, match=f"the {name} closure speaks of binary species"):
            plain.moments(3, name)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("central", [False, True])
def test_closed_networks_are_left_alone(name, central):
    net = sd.ReactionNetwork.from_text("0 => G, a*(1 - G); G -> 0, b; G -> G + P, k; P -> 0, 1", binary=["G"])
    by_itself = net.moments(3, None, central=central)
    system = net.moments(3, name, central=central)
    assert all(sp.expand(f - g) == 0 for f, g in zip(system.drift, by_itself.drift, strict=True))
    assert not system.relations


@pytest.mark.parametrize("name", EXPRESSING)
@pytest.mark.parametrize("kind", ["raw", "central", "cumulant"])
def test_uses_lower_moments_alone(name, kind):
    order = max(CLOSURES[name].least_order, 2)
    known = known_moments(3, order)
    moments_ = closed(name, known, order, kind)
    for k in (order + 1, order + 2):
        for index in indices(3, k):
            for wanted in ("raw", "central", "cumulant"):
                assert dag.free_symbols([moments_.get(wanted, index)]) <= set(known.values())


@pytest.mark.parametrize("name", EXPRESSING)
def test_does_not_depend_on_the_order_of_species(name):
    """Exchanging two variables, neither of them a gene, exchanges their moments."""
    order = max(CLOSURES[name].least_order, 2)
    known = known_moments(3, order)
    here = closed(name, known, order)
    rng = np.random.default_rng(5)
    numbers = {i: 1 + rng.random() for i in known}
    for p in permutations((0, 1, 2)) if not CLOSURES[name].needs_binary else [(0, 2, 1)]:
        swapped = {known[i]: numbers[tuple(i[k] for k in p)] for i in known}
        straight = {known[i]: numbers[i] for i in known}
        for index in [*indices(3, order + 1), *indices(3, order + 2)]:
            moved = tuple(index[k] for k in p)
            left, right = here.raw(index).subs(swapped), here.raw(moved).subs(straight)
            assert float(left) == pytest.approx(float(right), rel=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_raw_and_central_moments_have_the_same_trajectories(name):
    """A gene that its product represses, third order."""
    text = "G + P -> P, u; 0 => G, w*(1 - G); G -> G + P, k; P -> 0, 1; 2 P -> P, c"
    if CLOSURES[name].linearise is not None:
        text = text.rsplit(";", 1)[0]
    net = sd.ReactionNetwork.from_text(text, binary=["G"], initial={"G": 0.9, "P": 4})
    values = {"u": 0.1, "w": 0.5, "k": 8, "c": 0.01}
    net = net.with_parameters({p: values[p.name] for p in net.parameters})
    found = []
    for system in (net.moments(3, name), net.moments(3, name, central=True), net.cumulants(3, name)):
        data = sd.simulate(system, [0, 0.7], rtol=1e-10, atol=1e-12, progress=False)
        found.append([float(data[n][-1]) for n in ("G_mean", "P_mean", "G_var", "P_var")])
    assert np.allclose(found[0], found[1], rtol=1e-6)
    assert np.allclose(found[0], found[2], rtol=1e-6)


# ---- what each closure is exact for ------------------------------------------------------------------


def exact(name: str, raw_moment, size: int, order: int, beyond: int) -> None:
    """Moments above the order, from those below, are those of the distribution."""
    known = {i: sp.nsimplify(raw_moment(i)) for k in range(1, order + 1) for i in indices(size, k)}
    found = closed(name, known, order)
    for k in range(order + 1, order + beyond + 1):
        for index in indices(size, k):
            assert sp.simplify(found.raw(index) - raw_moment(index)) == 0, index


def from_cumulants(cumulant, size: int, order: int):
    """Raw moments of a distribution given by its cumulants, by differentiating the generating function."""
    t = sp.symbols(f"t:{size}")
    series = sum(
        cumulant(i) * sp.prod(a**p / sp.factorial(p) for a, p in zip(t, i, strict=True))
        for k in range(1, order + 1)
        for i in indices(size, k)
    )
    generating = sum(series**k / sp.factorial(k) for k in range(order + 1))
    powers = sp.Poly(sp.expand(generating), *t).as_dict()
    return lambda index: powers.get(index, sp.S.Zero) * sp.prod(sp.factorial(p) for p in index)


def test_normal_closure_of_normal_distributions():
    mean, covariance = (2, -1), sp.Matrix([[3, 1], [1, 2]])

    def cumulant(i):
        places = [k for k, p in enumerate(i) for _ in range(p)]
        return mean[places[0]] if len(places) == 1 else covariance[places[0], places[1]] if len(places) == 2 else sp.S.Zero

    exact("normal", from_cumulants(cumulant, 2, 5), 2, 2, 3)


def test_poisson_closure_of_poisson_distributions():
    means = (sp.Rational(3, 2), 4)

    def cumulant(i):
        present = [k for k, p in enumerate(i) if p]
        return means[present[0]] if len(present) == 1 else sp.S.Zero

    exact("poisson", from_cumulants(cumulant, 2, 5), 2, 2, 3)


def log_normal(i):
    """Moments with logarithms of mean log 2 and log 3 and covariance log 2 times (2, 1; 1, 3)."""
    a, b = i
    return sp.Integer(2) ** (a + sp.Rational(2 * a * a + 2 * a * b + 3 * b * b, 2)) * sp.Integer(3) ** b


@pytest.mark.parametrize(
    ("name", "order"), [("log-normal", 2), ("log-normal", 3), ("derivative-matching", 2), ("derivative-matching", 3)]
)
def test_log_normal_closure_of_log_normal_distributions(name, order):
    known = {i: log_normal(i) for k in range(1, order + 1) for i in indices(2, k)}
    found = closed(name, known, order)
    for index in [*indices(2, order + 1), *indices(2, order + 2)]:
        assert sp.simplify(found.raw(index) / log_normal(index)) == 1


@pytest.mark.parametrize("order", [2, 3])
def test_gamma_closure_of_gamma_distributions(order):
    """X = b1 (Y0 + Y1), Z = b2 (Y0 + Y2) with independent gamma variables of shapes 1/2, 1 and 2."""
    shared, shapes, scales = sp.Rational(1, 2), (1, 2), (3, sp.Rational(1, 4))

    def rising(shape, k):
        return sp.rf(shape, k)

    def moment(i):
        total = sp.S.Zero
        for a in range(i[0] + 1):
            for b in range(i[1] + 1):
                total += (
                    sp.binomial(i[0], a)
                    * sp.binomial(i[1], b)
                    * rising(shared, a + b)
                    * rising(shapes[0], i[0] - a)
                    * rising(shapes[1], i[1] - b)
                )
        return total * scales[0] ** i[0] * scales[1] ** i[1]

    exact("gamma", moment, 2, order, 2)


def test_zero_closure_of_certain_numbers():
    exact("zero", lambda i: sp.Integer(2) ** i[0] * sp.Integer(5) ** i[1], 2, 2, 2)


def test_derivative_matching_of_certain_numbers():
    exact("derivative-matching", lambda i: sp.Integer(2) ** i[0] * sp.Integer(5) ** i[1], 2, 2, 2)


@pytest.mark.parametrize("name", ["conditional-gaussian", "conditional-derivative-matching"])
def test_conditional_closures_of_conditional_distributions(name):
    """A gene on with probability 1/3, and then a normal or a log-normal number; else anything."""
    on = sp.Rational(1, 3)
    normal = from_cumulants(lambda i: {1: 2, 2: 5}.get(sum(i), 0), 1, 5)
    given_on = (lambda k: normal((k,))) if name.endswith("gaussian") else (lambda k: sp.Integer(2) ** (k * k))
    given_off = [1, 7, 60, 800]
    order = 3
    known = {
        (g, k): (on * given_on(k) if k else on) if g else on * given_on(k) + (1 - on) * given_off[k]
        for g in (0, 1)
        for k in range(order + 1 - g)
        if g + k
    }
    found = closed(name, known, order)
    for k in (3, 4):
        assert sp.simplify(found.raw((1, k)) - on * given_on(k)) == 0


def test_normal_closure_of_an_ornstein_uhlenbeck_process():
    """Squared noise that is constant and a linear force: all moments up to order 4 are those of the normal solution."""
    x, k, m, s = sp.symbols("x k m s")
    process = sd.SDESystem({x: k * (m - x)}, {x: s}, {k: 2, m: 1.5, s: 0.8})
    system = moments(process, 4, "normal")
    data = sd.simulate(system, [0, 0.4], initial={"x": -1}, rtol=1e-9, progress=False)
    decay = np.exp(-0.8)
    mean, variance = 1.5 - 2.5 * decay, 0.8**2 / 4 * (1 - decay**2)
    expected = [mean, mean**2 + variance, mean**3 + 3 * mean * variance, mean**4 + 6 * mean**2 * variance + 3 * variance**2]
    assert np.allclose([data[n][-1] for n in system.names], expected, rtol=1e-7)
