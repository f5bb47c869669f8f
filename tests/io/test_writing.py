"""What is written as SBML and Antimony is read back equal, exactly; what they cannot represent is named."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError, ParseError
from symdyn.io._antimony_writer import WORDS
from symdyn.models.reaction import Burst, Reaction

pytest.importorskip("antimony")

x, y, z, k, t = sp.symbols("x y z k t")
ODES = {
    "functions": sd.ODESystem(
        {
            x: -k * sp.exp(-(x**2)) / (1 + y) ** 2 + sp.Max(x, y, 0.1) - sp.Abs(sp.sin(t * x)) ** sp.Rational(7, 3),
            y: sp.Piecewise((x, (x > y) & (t < 3)), (-y, sp.Or(x <= 0.2, sp.Not(y >= 1))), (sp.pi * x * y, True))
            - sp.atan(x / k) * sp.log(1 + y) / sp.sqrt(2 + x),
        },
        {k: 0.1 + 0.2},
        initial={x: 2 * k, y: 1.2345678901234567},
        observables={"total": x + y + sp.Rational(1, 3)},
    ),
    "jumps": sd.ODESystem(
        {x: sp.sign(x - 1) + sp.Heaviside(y - k), y: sp.Mod(x, 2) - sp.floor(y) + sp.tanh(-x) - sp.E}, {k: 1e-7}
    ),
    "choices": sd.ODESystem(
        {x: sp.sign(k - sp.Piecewise((k + t, y > x), (y, sp.And(x < 1, y >= 0.5)), (x, True))), y: -sp.Heaviside(x - 1)}, {k: 1}
    ),
    "signs": sd.ODESystem({x: -(x**2) - (-2) * y ** (-k) - (y - x) - 3, y: (-x) ** 2 / (-y * k) - 2 / (x / y) + 2.5e-300}),
    "algebra": sd.ODESystem({x: -k * z}, {k: 2}, algebraic={z: z**3 + z - x}, initial={x: 2, z: 1}),
    "delays": sd.ODESystem.from_text("x' = -x(t - 1)*y + x(t - tau)/2; y' = -y; tau = 2.5; x(0) = 1; y(0) = 3"),
    "events": sd.ODESystem.from_text(
        "v' = I - v; n' = 0; I = 1.5; v(0) = 0; n(0) = 0; when v >= 1 and t > 0.5 delay 2*I priority 2*n persistent false "
        "initial false from_trigger true, v = v/3, n = n + 1; when n > 2, n = 0"
    ),
}  # fmt: skip
NETWORKS = (
    "0 -> X, k1; 2 X -> 0, k2; X(0) = 3; k1 = 1.25; k2 = 0.1; V = 20",
    "S + E <-> ES, k1, k2; ES -> E + P, k3; total := S + ES + P; S(0) = 10; k1 = 0.3; V = 1",
    "X => 0, Vm*X^2/(K^2 + X^2)*(1 + 0.3*sin(w*t)); 0 -> X, piecewise(k, t > 5, 2*k); 0 -> X, exp(-a*t); "
    "a = 0.30000000000000004",
    "0 -> X, k; X -> 0, g; when X > 30 delay 2*k priority g persistent false initial false, X = 5; X(0) = 40",
    "0 -> X, k; X -> 0, g; Y -> 0, g; when X > 30 delay 2 from_trigger true, X = X - 5, Y = 1; Y(0) = 3",
)


def forms(system, as_):
    """The system after a way through each format."""
    return [sd.read_sbml(system.to_sbml(), as_=as_), sd.read_antimony(system.to_antimony(), as_=as_)]


def same_values(system, back, seed):
    """Right-hand sides and observables at random points, to 1e-12."""
    rng = np.random.default_rng(seed)
    assert (back.states, dict(back.defaults), dict(back.initial)) == (
        system.states,
        dict(system.defaults),
        dict(system.initial),
    )
    symbols = [*system.states, *system.parameters, system.time]
    here, there = ([*s.drift, *(s.observables[o] for o in system.observables)] for s in (system, back))
    for _ in range(20):
        values = dict(zip(symbols, map(sp.Float, rng.uniform(0.05, 3, len(symbols))), strict=True))
        for f, g in zip(here, there, strict=True):
            assert float(g.subs(values)) == pytest.approx(float(f.subs(values)), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("name", [name for name in ODES if name != "delays"])
def test_equations(name):
    for back in forms(ODES[name], "ode"):
        same_values(ODES[name], back, 1)
        assert back.events == ODES[name].events
        assert back.algebraic == ODES[name].algebraic


def test_delays():
    for back in forms(ODES["delays"], "ode"):
        assert back.drift == ODES["delays"].drift
        assert back == ODES["delays"]


@pytest.mark.parametrize("text", NETWORKS)
def test_networks(text):
    net = sd.ReactionNetwork.from_text(text, volume="V")
    for back in forms(net, "network"):
        assert back == net
        assert back.events == net.events


def test_texts_repeat_themselves():
    """Text, system, text: the second text is the first."""
    for system, as_ in ((ODES["events"], "ode"), (sd.ReactionNetwork.from_text(NETWORKS[1], volume="V"), "network")):
        for write, read in (("to_sbml", sd.read_sbml), ("to_antimony", sd.read_antimony)):
            first = getattr(system, write)()
            assert getattr(read(first, as_=as_), write)() == first


def test_a_schedule_is_an_event_for_each_time():
    """Doses of 100 at 0, 12 and 24, half-life 12."""
    system = sd.ODESystem({x: -k * x}, {k: float(np.log(2) / 12)}, initial={x: 0}, events=sd.dose(x, 100, every=12, times=3))
    for back in forms(system, "ode"):
        run = sd.simulate(back, [0, 6, 12.000001, 24.000001, 36], rtol=1e-10, progress=False)
        half = np.sqrt(0.5)
        np.testing.assert_allclose(run.x, [100, 100 * half, 150, 175, 87.5], rtol=1e-6)
    endless = sd.ODESystem({x: -x}, events=sd.dose(x, 1, every=2, times=None))
    with pytest.raises(DeclarationError, match=r"'at 0 every 2' is written as one event for each time"):
        endless.to_antimony()


def test_a_file(tmp_path):
    text = ODES["algebra"].to_antimony(tmp_path / "m.ant")
    assert (tmp_path / "m.ant").read_text() == text
    assert sd.read_antimony(tmp_path / "m.ant", as_="ode") == ODES["algebra"]


def test_what_is_not_represented_is_named():
    f = sp.Function("f")
    X = sp.Symbol("X")
    cases = (
        (sd.ODESystem({x: f(x)}), "unknown terms"),
        (
            sd.ODESystem({x: sp.erf(x)}),
            r"of x contains erf\(x\); SBML and Antimony have no erf",
        ),
        (sd.ODESystem({sp.Symbol("E[x]"): -x}), r"'E\[x\]' is no identifier"),
        (sd.ODESystem({x: -x, y: sd.Path("u", [0, 1], [0, 1])}), "the input u, a function of time"),
        (sd.ReactionNetwork([Reaction({}, {X: Burst("geometric", k)}, k)]), "has a burst"),
        (sd.ReactionNetwork([Reaction({X: 1}, {}, k, delay=2)]), "delay"),
        (sd.ODESystem.from_text("x' = -x(t - 1); x(t <= 0) = cos(t)"), "x has the history cos"),
        (sd.SDESystem.from_text("dx = -k*x*dt + s*dW"), "SDESystem has no form in SBML and Antimony"),
        (sd.DiscreteSystem.from_text("x[t+1] = x/2"), "DiscreteSystem has no form in SBML and Antimony"),
        (sd.PDESystem.from_text("u' = laplacian(u)", domain=(0, 1)), "PDESystem has no form in SBML and Antimony"),
    )
    for system, message in cases:
        for write in (system.to_sbml, system.to_antimony):
            with pytest.raises(DeclarationError, match=message):
                write()
    with pytest.raises(DeclarationError, match="'__k' belongs to Antimony and cannot name a state or parameter; rename it"):
        sd.ODESystem({x: -sp.Symbol("__k") * x}).to_antimony()


def test_names_that_are_words_of_antimony_are_written_under_others():
    """libantimony reads them with an underscore, called as they were; symdyn gives them their names back."""
    text = "species' = -gamma*species + gamma_; at' = pi*at; gamma = 0.5; gamma_ = 2; pi = 3; species(0) = 2*pi; at(0) = 1\n"
    system = sd.ODESystem.from_text(text + "area := species*at\nwhen species > 9, at = gamma")
    written = system.to_antimony()
    assert "gamma__ = 0.5;" in written
    assert 'gamma__ is "gamma";' in written
    assert sd.read_antimony(written, as_="ode") == system
    assert sd.read_antimony(system.to_antimony().replace(' is "', ' is "the '), as_="ode").names == ("species_", "at_")
    network = sd.ReactionNetwork.from_text(
        "gene -> gene + exp_, pi; gene -> 0, gamma; pi = 3; gamma = 2; gene(0) = 4; exp_(0) = 0"
    )
    assert sd.read_antimony(network.to_antimony()) == network


@pytest.mark.parametrize("word", ["area", "at", "ext", "pi", "gamma", "operator", "time"])
def test_words_are_those_that_libantimony_refuses(word):
    """Each is in the list because it cannot be a variable; others can."""
    assert word in WORDS
    with pytest.raises(ParseError, match=r"syntax error|is a reserved word|Unit Definition"):
        sd.read_antimony(f"var {word}; {word}' = -{word}; x' = {word};", as_="ode")
    assert sd.read_antimony("var event_; event_' = -event_;", as_="ode").names == ("event_",)


def test_rates_are_those_of_libroadrunner():
    """To 1e-8; `python -m tests.io.roadrunner_suite` compares as many models as wanted."""
    pytest.importorskip("roadrunner", reason="libroadrunner is not installed")
    from tests.io.roadrunner_suite import difference

    assert max(map(difference, range(6))) < 1e-8


def test_numbers_that_readers_refuse():
    """libsbml takes (1/3) for a number, so that f(1/3) is f beside a number; and no text holds infinity or 1e-320."""
    for back in forms(sd.ODESystem({x: -x * sp.atan(sp.Rational(1, 3)) - sp.sin(sp.Rational(-2, 7))}), "ode"):
        assert float(back.drift[0].subs(x, 3)) == pytest.approx(-3 * np.arctan(1 / 3) + np.sin(2 / 7), rel=1e-14)
    for system, message in (
        (sd.ODESystem({x: -k * x}, {k: 1e-320}), "the value 1e-320, which is too small"),
        (sd.ODESystem({x: -x + sp.Float("1e400")}), "the rule of x|the rate of x contains the number 1.00e.400, which is no"),
        (sd.ODESystem({x: -x + sp.Integer(10) ** 400}), "contains the number 1.00e.400, which is no finite"),
    ):
        for write in (system.to_sbml, system.to_antimony):
            with pytest.raises(DeclarationError, match=f"(?i){message}"):
                write()


@pytest.mark.parametrize("start", [-1, 0, 1])
def test_a_schedule_from_a_parameter_on(start):
    """A dose at the start is given, one before it is not."""
    system = sd.ODESystem({x: -x}, {k: start}, initial={x: 0}, events=sd.dose(x, 1, start=k))
    for back in forms(system, "ode"):
        assert float(sd.simulate(back, [0, 2], rtol=1e-9, progress=False).x[-1]) == pytest.approx(
            np.exp(start - 2) if start >= 0 else 0.0, rel=1e-6
        )


def test_events_of_networks_keep_what_has_an_effect_under_other_values():
    """A swap of two states takes values of the trigger; a condition false at these initial values is not at others."""
    net = sd.ReactionNetwork.from_text(
        "X -> 0, k; 0 -> Y, k; X(0) = 5; Y(0) = 1; k = 1; when t >= 1, X = 2*X; when t >= 1 from_trigger true, Y = X; "
        "when X > 7 initial false, X = 0"
    )
    for back in forms(net, "network"):
        assert back.events == net.events


def test_priorities_that_may_be_equal_are_shuffled_in_sbml():
    text = "x' = 1; x(0) = 0; when x >= 1 priority 2{0}, x = 0; when x >= 1 priority {1}{0}, x = 0.5"
    both = sd.ODESystem.from_text(text.format(" shuffled true", 2))
    assert [e.shuffled for e in sd.read_sbml(both.to_sbml(), as_="ode").events] == [True, True]
    other = sd.ODESystem.from_text(text.format("", 1))
    assert [e.shuffled for e in sd.read_sbml(other.to_sbml(), as_="ode").events] == [False, False]
    with pytest.raises(sd.DeclarationError, match="may have the same priority, which means a random order in SBML"):
        sd.ODESystem.from_text(text.format("", 2)).to_sbml()
    with pytest.raises(sd.DeclarationError, match="give it a priority"):
        sd.ODESystem.from_text("x' = 1; x(0) = 0; when x >= 1 shuffled true, x = 0").to_antimony()
