"""Structural identifiability: published verdicts and combinations, ranks of simulated sensitivities, and what is refused."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.analysis.identifiability import StructuralIdentifiability

u = sd.Path("u", [0, 1], [0, 1])


@dataclass(frozen=True)
class Published:
    """A model, what is observed, and what the literature says: the identifiable unknowns, and combinations of the others."""

    text: str
    outputs: dict
    identifiable: str
    combinations: tuple = ()
    initial: dict = field(default_factory=dict)
    driven: bool = False

    @property
    def system(self) -> sd.ODESystem:
        system = sd.ODESystem.from_text(self.text)
        if not self.driven:
            return system
        by = {sp.Symbol("u"): u}
        return sd.ODESystem({s: f.xreplace(by) for s, f in zip(system.states, system.drift, strict=True)})


def names(text: str) -> dict:
    return {f"y{k}": sd.ODESystem.from_text(f"q' = {side}").drift[0] for k, side in enumerate(text.split(";"))}


MODELS = {
    # Lotka & Volterra with the prey observed: the unit of the predator is free
    "lotka-volterra": Published("x' = a*x - b*x*y\ny' = c*x*y - d*y", names("x"), "a c d x(0)", ("b*y(0)",)),
    # Evans, Chapman, Chappell & Godfrey, Math. Biosci. 198 (2005) 178: the reported share of infected
    "sir": Published(
        "S' = -beta*S*I\nI' = beta*S*I - g*I", names("k*I"), "g", ("k/beta", "S(0)*beta", "I(0)*beta")
    ),
    "seir": Published(
        "S' = -beta*S*I\nE' = beta*S*I - s*E\nI' = s*E - g*I", names("k*I"), "g s",
        ("k/beta", "S(0)*beta", "E(0)*beta", "I(0)*beta"),
    ),
    # Goodwin's oscillator, Hong, Ovchinnikov, Pogudin & Yap, Bioinformatics 35 (2019) 2873
    "goodwin": Published(
        "x1' = -b*x1 + 1/(c + x4)\nx2' = alpha*x1 - beta*x2\nx3' = gam*x2 - delta*x3\nx4' = s*x4*(gam*x2 - delta*x3)/x3",
        names("x1"), "b c beta delta s x1(0) x4(0)", ("gam*x2(0)/x3(0)", "alpha*gam/x3(0)"),
    ),
    # target cells of HIV: Xia & Moog, IEEE Trans. Autom. Control 48 (2003) 330; Miao, Xia, Perelson & Wu, SIAM Rev. 53 (2011) 3
    "hiv, viral load": Published(
        "T' = lam - d*T - k*T*V\nI' = k*T*V - delta*I\nV' = N*delta*I - c*V", names("V"), "d k delta c V(0)",
        ("N*lam", "N*T(0)", "N*I(0)"),
    ),
    "hiv, viral load and cells": Published(
        "T' = lam - d*T - k*T*V\nI' = k*T*V - delta*I\nV' = N*delta*I - c*V", names("V;T + I"),
        "lam N d k delta c T(0) I(0) V(0)",
    ),
    # Bellman & Astrom, Math. Biosci. 7 (1970) 329; Godfrey, Compartmental Models (1983): two compartments that both lose
    "two compartments": Published(
        "x1' = -(k01 + k21)*x1 + k12*x2\nx2' = k21*x1 - (k02 + k12)*x2", names("x1/V"), "V",
        ("k01 + k21", "k02 + k12", "k12*k21"), initial={"x1": sp.Symbol("dose"), "x2": 0},
    ),
    "two compartments, one loses": Published(
        "x1' = -(k01 + k21)*x1 + k12*x2\nx2' = k21*x1 - k12*x2", names("x1/V"), "V k01 k21 k12",
        initial={"x1": sp.Symbol("dose"), "x2": 0},
    ),
    # Delforge, Math. Biosci. 36 (1977) 119: three compartments around a central one
    "mammillary": Published(
        "x1' = -(a21 + a31 + a01)*x1 + a12*x2 + a13*x3\nx2' = a21*x1 - (a12 + a02)*x2\nx3' = a31*x1 - (a13 + a03)*x3",
        names("x1"), "", ("a01 + a21 + a31", "a02 + a12", "a03 + a13", "a12*a21", "a13*a31"),
        initial={"x1": 1, "x2": 0, "x3": 0},
    ),
    # Meshkat & Sullivant, J. Symb. Comput. 63 (2014) 46: a cycle, whose product of rates is known
    "cycle": Published(
        "x1' = -(a21 + a01)*x1 + a13*x3 + u\nx2' = a21*x1 - (a32 + a02)*x2\nx3' = a32*x2 - a13*x3", names("x1"), "a13",
        ("a01 + a21", "a02 + a32", "a21*a32"), initial={"x1": 0, "x2": 0, "x3": 0}, driven=True,
    ),
    # Lecourtier, Lamnabhi-Lagarrigue & Walter, Math. Comput. Simul. 29 (1987) 23
    "bilinear": Published(
        "x1' = -p1*x1 + p2*u\nx2' = -p3*x2 + p4*u\nx3' = -(p1 + p3)*x3 + (p4*x1 + p2*x2)*u", names("x3"), "p1 p3", ("p2*p4",),
        initial={"x1": 0, "x2": 0, "x3": 0}, driven=True,
    ),
    # Vajda, Godfrey & Rabitz, Math. Biosci. 93 (1989) 217
    "vajda": Published(
        "x1' = a*x1^2 + b*x1*x2 + u\nx2' = c*x1^2 + x1*x2", names("x1"), "a x1(0)", ("b*c", "b*x2(0)"), driven=True
    ),
    # Eisenberg, Robertson & Tien, J. Theor. Biol. 324 (2013) 84: water-borne disease, the reported share
    "siwr": Published(
        "S' = mu - bi*S*I - bw*S*W - mu*S\nI' = bw*S*W + bi*S*I - (g + mu)*I\nW' = xi*(I - W)", names("k*I"),
        "bi bw g mu xi k S(0) I(0) W(0)",
    ),
    # SIR with treatment: Tuncer & Le, Math. Biosci. 299 (2018) 1, derived by hand from the equation of Tr
    "treatment": Published(
        "S' = -b*S*I/N - d*b*S*Tr/N\nI' = b*S*I/N + d*b*S*Tr/N - (a + g)*I\nTr' = g*I - nu*Tr\nN' = 0", names("Tr;N"),
        "nu Tr(0) N(0)", ("a + g", "b*d", "b/g", "S(0)*b", "I(0)*b"),
    ),
    # by hand: units of the state
    "michaelis-menten": Published("s' = -Vm*s/(K + s)", names("c*s"), "", ("Vm/K", "c*K", "c*s(0)")),
    "hill": Published("x' = b*x^n/(K^n + x^n) - d*x", names("c*x"), "d n", ("b*c", "c*K", "c*x(0)")),
    "hill, in units": Published("x' = b*x^n/(K^n + x^n) - d*x", names("x"), "b d n K x(0)"),
    "gompertz": Published("x' = r*x*log(K/x)", names("c*x"), "r", ("c*K", "c*x(0)")),
    "torricelli": Published("x' = -k*sqrt(x)", names("c*x"), "", ("k^2*c", "c*x(0)")),
    "weekly": Published("x' = a*sin(w*t + b) - k*x", names("x"), "a b w k x(0)"),
    # an exponential of the temperature, which is an input: Arrhenius' law
    "arrhenius": Published("x' = -A*exp(-E/u)*x", names("c*x"), "A E", ("c*x(0)",), driven=True),
    # Ljung & Glad, Automatica 30 (1994) 265, and others: chaotic flows of which one variable is observed
    "lorenz": Published("x' = s*(y - x)\ny' = x*(r - z) - y\nz' = x*y - b*z", names("x"), "s r b x(0) y(0) z(0)"),
    "fitzhugh": Published("V' = c*(V - V^3/3 + R)\nR' = -(V - a + b*R)/c", names("V"), "a b c V(0) R(0)"),
}  # fmt: skip


def symbol(e: sp.Expr) -> sp.Expr:
    return e.xreplace({s: sp.Symbol(s.name.replace("(0)", "_0")) for s in e.free_symbols})


def read(text: str) -> sp.Expr:
    [side] = sd.ODESystem.from_text(f"q' = {text.replace('(0)', '_0')}").drift
    return side


def gradient_rank(expressions: list, symbols: list) -> int:
    at = {s: sp.Rational(prime, 7) for s, prime in zip(symbols, sp.primerange(11, 10_000), strict=False)}
    return sp.Matrix([[sp.diff(e, s).subs(at) for s in symbols] for e in expressions]).rank()


@pytest.mark.parametrize("name", MODELS)
def test_published_verdicts_and_combinations(name: str) -> None:
    model = MODELS[name]
    found = sd.identifiability(model.system, model.outputs, initial=model.initial)
    assert {s.name for s in found.identifiable} == set(model.identifiable.split())
    assert found.missing == 0
    assert found.error < 1e-9
    ours, published = [symbol(e) for e in found.combinations], [read(e) for e in model.combinations]
    assert len(ours) == len(published)
    unknown = [symbol(s) for s in found.unidentifiable]
    if published:  # each is a function of the others
        assert (
            gradient_rank(published, unknown)
            == gradient_rank(ours, unknown)
            == gradient_rank(ours + published, unknown)
            == len(ours)
        )


def test_scalings_leave_the_equations_unchanged() -> None:
    """lambda T' etc.: what is observed does not change, which substitution shows."""
    model = MODELS["hiv, viral load"]
    [scaling] = sd.identifiability(model.system, model.outputs).scalings
    s = sp.Symbol("s", positive=True)
    weight = {q.name: a for q, a in scaling.items()}
    system = model.system
    by = {q: s ** weight.get(q.name, weight.get(f"{q.name}(0)", 0)) * q for q in (*system.parameters, *system.states)}
    for x, f in zip(system.states, system.drift, strict=True):
        assert sp.expand(f.xreplace(by) - by[x] / x * f) == 0
    assert weight["lam"] == -weight["N"] != 0
    assert "V(0)" not in weight


NFKB = """
x1' = k_prod - k_deg*x1 - k1*x1*u
x2' = -k3*x2 - k_deg*x2 - x2*x10/5 + t1*x4 - x2*x13 + t2*x5 + (k1*x1 - k2*x2*x8)*u
x3' = k3*x2 - k_deg*x3 + k2*x2*x8*u
x4' = x2*x10/5 - t1*x4
x5' = x2*x13 - t2*x5
x6' = 0.00002*x13 - x6*x10/2 + t2*x5 - i1*x6
x7' = 5*i1*x6 - x11*x7/2
x8' = x9/2 - c5*x8
x9' = 0.0000005*x7 - 0.0004*x9
x10' = -x2*x10/5 - x10*x6/2 + c_4a*x12 - 0.0001*x10 - i_1a*x10 + 0.0005*x11
x11' = -x11*x7/2 + 5*i_1a*x10 - 0.0025*x11
x12' = 0.0000005*x7 - c_3a*x12
x13' = x10*x6/2 - 0.00002*x13 - x2*x13 + e_2a*x14
x14' = x11*x7/2 - 5*e_2a*x14
x15' = 0.0000005*x7 - 0.0004*x15
"""


def test_a_signalling_pathway_of_fifteen_states() -> None:
    """NF-kB with the inputs and outputs of Balsa-Canto, Alonso & Banga (2010): only the transcript x15 acts on nothing."""
    model = Published(NFKB, {}, "", driven=True)
    found = sd.identifiability(model.system, names("x2;x10 + x13;x9;x1 + x2 + x3;x7;x12"))
    assert [s.name for s in found.unidentifiable] == ["x15(0)"]
    assert found.count == 28


SIMULATED = {"sir": 1e-6, "lotka-volterra": 1e-6, "goodwin": 1e-8, "michaelis-menten": 1e-6}


@pytest.mark.parametrize("name", SIMULATED)
def test_ranks_are_those_of_simulated_sensitivities(name: str) -> None:
    """The singular values of derivatives of the output at 60 times have a gap at the rank."""
    model = MODELS[name]
    system, rng = model.system, np.random.default_rng(3)
    parameters = {p: float(rng.uniform(0.5, 1.5)) for p in system.parameters}
    initial = {s: float(rng.uniform(0.5, 1.5)) for s in system.states}
    [output] = model.outputs.values()
    times = np.linspace(0, 6, 61)
    run = sd.sensitivities(
        system, times, by=[*system.parameters, *system.states], initial=initial, parameters=parameters, rtol=1e-13, atol=1e-15
    )
    extra = sorted(output.free_symbols - {*system.states, *system.parameters}, key=str)
    values = {**parameters, **dict.fromkeys(extra, 0.7)}
    table = {s: run[s.name].values for s in system.states}
    columns = []
    for c in (*system.parameters, *system.states):
        column = 0.0
        for s in system.states:
            slope = sp.lambdify(system.states, sp.diff(output, s).subs(values), "numpy")(*(table[s] for s in system.states))
            column = column + slope * run[f"d{s}_d{c}"].values
        columns.append(column)
    for q in extra:
        columns.append(sp.lambdify(system.states, sp.diff(output, q).subs(values), "numpy")(*(table[s] for s in system.states)))
    sizes = np.linalg.svd(np.stack(columns, axis=1), compute_uv=False)
    found = sd.identifiability(system, model.outputs)
    below = sizes[found.rank :] / sizes[0]
    assert sizes[found.rank - 1] / sizes[0] > SIMULATED[name]
    assert not below.size or below.max() < 1e-11


def test_known_values_make_others_identifiable() -> None:
    system = sd.ODESystem.from_text("S' = -beta*S*I\nI' = beta*S*I - g*I")
    outputs = names("k*I")
    assert not sd.identifiability(system, outputs)
    assert sd.identifiability(system, outputs, initial={"S": sp.Symbol("N")})  # the number of people is known
    assert sd.identifiability(system, outputs, parameters=["beta", "g"])  # k is known
    assert sd.identifiability(system.with_initial({"S": 1000}), outputs)


def test_a_parameter_without_effect_is_not_identifiable() -> None:
    found = sd.identifiability(sd.ODESystem.from_text("x' = -k*x\ny' = q*y"), ["x"])
    assert {s.name for s in found.unidentifiable} == {"q", "y(0)"}
    assert not found.combinations


def test_too_many_unknowns_are_refused() -> None:
    n = 50
    states = sp.symbols(f"x0:{n}")
    weights = [[sp.Symbol(f"w{i}_{j}") for j in range(n)] for i in range(n)]
    rows = {s: sp.Add(*(weights[i][j] * q / (1 + q) for j, q in enumerate(states))) for i, s in enumerate(states)}
    with pytest.raises(sd.DeclarationError, match="2550 unknowns of 50 states are too many"):
        sd.identifiability(sd.ODESystem(rows), ["x0"])


def test_initial_values_at_rest_hide_parameters() -> None:
    """Nothing moves from x = 0, so that nothing is determined; from a number in general position everything is."""
    system = sd.ODESystem.from_text("x' = a*x*(1 - x/b)")
    at_rest = sd.identifiability(system, initial={"x": 0})
    assert at_rest.rank == 0
    assert not at_rest.proven
    assert sd.identifiability(system, initial={"x": sp.Symbol("x0")})


def test_initial_values_follow_parameters() -> None:
    """x(0) = f*M: dose and bioavailability are one number in a model of one compartment."""
    system = sd.ODESystem.from_text("x' = -k*x; x(0) = f*M")
    found = sd.identifiability(system)
    assert [s.name for s in found.identifiable] == ["k"]
    assert [str(e) for e in found.combinations] == ["M*f"]


def test_functions_that_are_related_are_one() -> None:
    """exp(2 a x), exp(a x) and tanh are functions of one exponential; two of them tell no more than one."""
    found = sd.identifiability(sd.ODESystem.from_text("x' = c*exp(2*a*x) - c*exp(a*x)^2 - b*x"), ["x"])
    assert found.rank == 2
    assert {s.name for s in found.identifiable} == {"b", "x(0)"}
    tanh = sd.identifiability(sd.ODESystem.from_text("x' = c*(tanh(a*x)^2 + 1/cosh(a*x)^2 - 1) - b*x"), ["x"])
    assert {s.name for s in tanh.identifiable} == {"b", "x(0)"}
    circle = sd.identifiability(sd.ODESystem.from_text("x' = c*(sin(2*t) - 2*sin(t)*cos(t)) - b*x"), ["x"])
    assert {s.name for s in circle.identifiable} == {"b", "x(0)"}


def test_the_same_seed_gives_the_same_answer() -> None:
    model = MODELS["treatment"]
    assert str(sd.identifiability(model.system, model.outputs, seed=4)) == str(
        sd.identifiability(model.system, model.outputs, seed=4)
    )


@pytest.mark.parametrize("seed", range(5))
def test_verdicts_do_not_depend_on_the_points(seed: int) -> None:
    model = MODELS["goodwin"]
    found = sd.identifiability(model.system, model.outputs, seed=seed)
    assert {s.name for s in found.identifiable} == set(model.identifiable.split())


REFUSED = [
    (lambda: sd.identifiability(sd.ReactionNetwork.from_text("0 -> X, k")), "rate_equations"),
    (lambda: sd.identifiability(sd.DiscreteSystem.from_text("x[n+1] = a*x[n]")), "it takes systems of rates of change"),
    (lambda: sd.identifiability(sd.ODESystem.from_text("x' = -k*x\nwhen x < 1, x = 2")), "events"),
    (lambda: sd.identifiability(sd.ODESystem.from_text("x' = -k*x(t - 1)")), "delays"),
    (lambda: sd.identifiability(sd.ODESystem.from_text("x' = f(x)")), "unknown terms"),
    (lambda: sd.identifiability(sd.ODESystem.from_text("x' = -k*abs(x)")), "does not know Abs"),
    (lambda: sd.identifiability(sd.ODESystem.from_text("x' = -k*x"), ["z"]), "not a variable"),
    (lambda: sd.identifiability(sd.ODESystem.from_text("x' = -k*x"), []), "observables is empty"),
    (lambda: sd.identifiability(sd.ODESystem.from_text("x' = -k*x"), parameters=["q"]), "q"),
    (lambda: sd.identifiability(sd.ODESystem.from_text("x' = -x; x(0) = 1")), "everything is known"),
    (lambda: sd.identifiability(sd.ODESystem.from_text("x' = -k/x"), initial={"x": 0}), "not defined"),
    (lambda: sd.identifiability(sd.ODESystem.from_text("x' = -k*x"), seed=-1), "seed"),
    (lambda: sd.identifiability("x' = -k*x"), "needs an ODESystem, got str"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_is_not_known_is_refused(call, message: str) -> None:
    with pytest.raises(sd.DeclarationError, match=message):
        call()


def test_a_fit_knows_its_conditions() -> None:
    """Of y = s x, x' = -k x: with a known dose in one condition the scale is determined, and then the other initial value."""
    x, k, s = sp.symbols("x k s")
    t = np.linspace(0, 3, 8)
    one = {"t": t, "y": 2 * np.exp(-0.5 * t) + 0.01 * np.cos(9 * t)}
    system = sd.ODESystem({x: -k * x})
    options = {"observables": {"y": s * x}, "parameters": {s: (0.1, 10)}, "starts": 2, "seed": 0}
    alone = sd.fit(system, one, **options).identifiability
    assert isinstance(alone, StructuralIdentifiability)
    assert [str(e) for e in alone.combinations] == ["s*x(0)"]
    both = sd.fit(system, {"free": one, "dosed": one}, conditions={"free": {}, "dosed": {x: 1}}, **options).identifiability
    assert both
    assert {q.name for q in both.identifiable} == {"k", "s", "x(0) of trajectory 0"}


def test_a_parameter_alone_is_named_without_a_list() -> None:
    decay = sd.ODESystem.from_text("x' = -beta*x")
    assert bool(sd.identifiability(decay, "x", parameters="beta"))
    assert sd.identifiability(decay, "x", parameters=sp.Symbol("beta")).identifiable[0] == sp.Symbol("beta")
