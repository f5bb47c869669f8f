"""Reaction networks: reading them, and what follows from the reactions alone."""

import pickle

import numpy as np
import pytest
import sympy as sp

import symdyn as sd

X, Y, G, P, V, k, b = sp.symbols("X Y G P V k b")


def one(text, **options):
    return sd.ReactionNetwork.from_text(text, **options)


# ---- propensities: Schnoerr, Sanguinetti & Grima (2014), the table of orders 0 to 3 --------------


@pytest.mark.parametrize(
    ("left", "propensity", "macroscopic", "repeats"),
    [
        ("0", k * V, k * V, 1),
        ("X", k * X, k * X, 1),
        ("X + Y", k * X * Y / V, k * X * Y / V, 1),
        ("2 X", k * X * (X - 1) / V, k * X**2 / V, 2),
        ("2 X + Y", k * X * (X - 1) * Y / V**2, k * X**2 * Y / V**2, 2),
        ("3 X", k * X * (X - 1) * (X - 2) / V**2, k * X**3 / V**2, 6),
    ],
)
def test_mass_action_of_orders_zero_to_three(left, propensity, macroscopic, repeats):
    text = f"{left} -> 5 X + 5 Y, k"
    net, halved = one(text, volume="V"), one(text, volume="V", combinatoric=True)
    assert sp.expand(net.propensities[0] - propensity) == 0
    assert sp.expand(net.macroscopic[0] - macroscopic) == 0
    assert sp.expand(repeats * halved.propensities[0] - propensity) == 0
    assert sp.expand(repeats * halved.macroscopic[0] - macroscopic) == 0
    assert one(text).propensities[0] == net.propensities[0].subs(V, 1)


@pytest.mark.parametrize(
    ("propensity", "leading"),
    [
        ("k*X*(X - 1)/V", k * X**2 / V),
        ("k*V*(X/V)^2/(1 + (X/V)^2)", k * V * X**2 / (V**2 + X**2)),
        ("k*X/(b + X)", k * X / (b + X)),
        ("k*V + X", k * V + X),
    ],
)
def test_the_macroscopic_limit_of_a_whole_propensity(propensity, leading):
    net = one(f"X => 0, {propensity}", volume="V")
    assert sp.cancel(net.macroscopic[0] - leading) == 0


# ---- text -------------------------------------------------------------------------------------


def test_everything_a_text_may_say():
    net = one(
        """
        0 -> X, k0                     # a comment
        2 X + Y -> 3 X, k1; X <-> Y, k2, k3
        X => 0, c*X/(K +               # goes on
                     X)
        G -> G + geometric(b) P, kp
        k0 = 1/2; X(0) = 7; E(0) = 3; total := X + Y
        """,
        parameters={"k1": 4},
    )
    assert net.names == ("X", "Y", "G", "P", "E")
    assert len(net.reactions) == 6
    assert net.reactions[3].reactants == {Y: 1}
    assert net.reactions[3].products == {X: 1}
    assert {s.name: v for s, v in net.defaults.items()} == {"k0": 0.5, "k1": 4}
    assert {s.name: v for s, v in net.initial.items()} == {"X": 7, "E": 3}
    assert net.observables[sp.Symbol("total")] == X + Y
    assert net.reactions[5].bursts == {P: sd.Burst("geometric", b)}
    np.testing.assert_array_equal(net.changes[0], [1, 1, -1, 1, -1, 0])
    assert net.stoichiometry[3, 5] == b
    assert net.changes[3, 5] == 0


def test_text_sympy_and_tuples_declare_the_same_network():
    net = one("2 X + Y -> 3 X, k; X => 0, b*X", volume="V", parameters={"V": 100})
    reactions = [sd.Reaction({X: 2, Y: 1}, {X: 3}, k), ({"X": 1}, {}, b * X, False)]
    assert net == sd.ReactionNetwork(reactions, {V: 100}, volume=V)
    assert net != one("2 X + Y -> 3 X, k; X => 0, b*X", volume="V", combinatoric=True, parameters={"V": 100})


def test_what_is_printed_reads_back():
    net = one("0 -> X, k0; X + Y -> 3 X, a*G; X => 0, c*min(X, Y); G -> G + 2 X + poisson(2*b) P, k")
    assert one(str(net)) == net
    net = one("0 -> X, k; when X > 50 and (t < b or not X == Y), X = 0, Y = Y + 1; when t >= 25, X = 50; Y(0) = 0")
    assert one(f"{net}; Y(0) = 0") == net
    assert pickle.loads(pickle.dumps(net)) == net
    net = one("2 X -> Y, k", volume="V", parameters={"V": 7})
    assert one(str(net), parameters={"V": 7}) == net


def test_rates_may_depend_on_time_and_be_unknown():
    net = one("0 -> X, k*(1 + sin(w*t)); X => 0, f(X)")
    assert net.time_dependent
    assert [str(u) for u in net.unknowns] == ["f(X)"]
    known = net.with_terms({"f": 2 * X})
    assert known.propensities[1] == 2 * X
    assert known.reactions[1].rate == 2 * X
    assert str(known).endswith("X => 0, 2*X")
    assert known.digest != net.digest


def test_observables_may_stand_in_rates_events_and_one_another():
    net = one("X => Y, k*twice; twice := 2*total; total := X + Y; when total > 9, X = 0")
    assert net.propensities == (k * (2 * X + 2 * Y),)
    assert net.events[0].trigger == (X + Y > 9)
    assert net.observables[sp.Symbol("twice")] == 2 * X + 2 * Y
    with pytest.raises(sd.ParseError, match="the observable a is defined by itself"):
        one("X -> 0, k; a := b + 1; b := 2*a")


def test_a_volume_may_stand_in_the_text():
    assert one("2 X -> 0, k; volume V; V = 3") == one("2 X -> 0, k", volume="V", parameters={"V": 3})
    with pytest.raises(sd.ParseError, match="the volume is declared twice"):
        one("2 X -> 0, k; volume V; volume W")


def test_a_reactant_in_its_own_rate_constant_is_pointed_out():
    with pytest.warns(UserWarning, match="holds its reactant X, and mass action multiplies by it once more"):
        net = one("X -> 0, k*X")
    assert net.propensities == (k * X**2,)


def test_a_species_called_t_leaves_time_a_name():
    net = one("t -> 0, k")
    assert net.propensities == (k * sp.Symbol("t"),)
    assert str(net.time) == "time"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "the network has no reaction"),
        ("X", 1, "states nothing; a reaction is written"),
        ("X -> Y", 1, "expected one rate after a comma"),
        ("X -> Y, k, k", 1, "expected one rate"),
        ("X <-> Y, k", 1, "two rates, forward and back"),
        ("X -> Y, k\nX' = 3", 2, "an equation has no place in a network"),
        ("X -> , k", 1, "write 0 for nothing"),
        ("2.5 X -> Y, k", 1, "whole number"),
        ("0 X -> Y, k", 1, "whole number"),
        ("X -> Y, k\nX = 3", 2, r"write X\(0\)"),
        ("X -> Y -> Z, k", 1, "second arrow"),
        ("exp -> X, k", 1, "belongs to the grammar"),
        ("X Y -> Z, k", 1, r"expected \+ between species"),
        ("geometric(b) X -> 0, k", 1, "only be produced"),
        ("X <-> geometric(b) Y, k, k", 1, "cannot be reversed"),
        ("0 -> geometric(b) Y + geometric(b) Y, k", 1, "two bursts"),
        ("X -> Y, k\nk = 1\nk = 2", 3, "declared twice"),
        ("X → Y, k", 1, "write -> for a reaction"),
        ("X -> Y, __import__(k)", 1, "two underscores"),
        ("X -> Y, k\nwhen X > 3", 2, "an event is a condition and what becomes of states"),
        ("X -> Y, k\nwhen X, Y = 3", 2, "expected a condition"),
        ("X -> Y, k\nwhen X > 3, Z = 3", 2, "Z has no equation and no reaction here"),
        ("X -> Y, k\nwhen X > 3, X = 3, X = 4", 2, "assigned twice"),
        ("X -> Y, k\nwhen X > 3, X", 2, "expected an assignment"),
    ],
)
def test_a_text_that_cannot_be_read_is_pointed_at(text, line, message):
    with pytest.raises(sd.ParseError, match=message) as error:
        one(text)
    assert error.value.line == line


# ---- declarations -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sd.ReactionNetwork([]), "no reaction"),
        (lambda: sd.ReactionNetwork(["X -> Y"]), "expected Reaction"),
        (lambda: sd.Reaction({X: 1.5}, {}, k), "1.5 molecules"),
        (lambda: sd.Reaction([X], {}, k), "mapping from species"),
        (lambda: sd.Reaction({X: 1}, {}, "k*X"), "from_text"),
        (lambda: sd.Burst("geometrc", b), "Did you mean 'geometric'"),
        (lambda: one("X -> Y, k", volume=-1), "positive number"),
        (lambda: one("X -> Y, k", binary=["Z"]), "not a species"),
        (lambda: one("0 -> geometric(X) Y + X, k"), "must be of parameters alone"),
        (lambda: one("X -> status, k"), "names a dimension"),
        (lambda: one("X -> Y, k", parameters={"l": 1}), "not a parameter"),
        (lambda: sd.Event(X, {X: 0}), "expected a comparison"),
        (lambda: sd.Event(X > 1, {}), "mapping from states"),
        (lambda: sd.ReactionNetwork([({X: 1}, {}, k)], events=[sd.Event(X > 1, {Y: 0})]), "not a species"),
    ],
)
def test_what_does_not_hold_together_is_named(make, message):
    with pytest.raises(sd.DeclarationError, match=message):
        make()


@pytest.mark.parametrize(
    "derive",
    [
        sd.ReactionNetwork.langevin,
        sd.ReactionNetwork.linear_noise,
        lambda net: net.moments(2),
        lambda net: net.cumulants(2),
        sd.MasterEquation,
    ],
)
def test_derivations_refuse_events(derive):
    with pytest.raises(sd.DeclarationError, match=r"when X > 3, X = 0.*net\.replace\(events=\(\)\)"):
        derive(one("X -> Y, k; when X > 3, X = 0"))


# ---- bursts: factorial moments and probabilities of the textbook distributions ---------------


@pytest.mark.parametrize("distribution", ["geometric", "poisson"])
def test_moments_of_bursts_follow_from_their_probabilities(distribution):
    burst = sd.Burst(distribution, sp.Rational(3, 2))
    weights = [float(burst.probability(m)) for m in range(150)]
    assert sum(weights) == pytest.approx(1, abs=1e-12)
    for order in range(5):
        assert sum(w * m**order for m, w in enumerate(weights)) == pytest.approx(float(burst.moment(order)), rel=1e-10)


def test_moments_of_geometric_bursts_in_closed_form():
    burst = sd.Burst("geometric", b)
    assert sp.expand(burst.moment(2) - (b + 2 * b**2)) == 0
    assert sp.expand(burst.moment(3) - (b + 6 * b**2 + 6 * b**3)) == 0


def test_observables_that_grow_are_bounded():
    grown = "\n".join(["a0 := X + 1", *(f"a{i} := a{i - 1}*a{i - 1} + a{i - 1}" for i in range(1, 26))])
    with pytest.raises(sd.ParseError, match=r"the observable a\d+ has \S+e\+05 symbols, .* more than 100000"):
        sd.ReactionNetwork.from_text(f"X -> 0, 1\n{grown}")


@pytest.mark.parametrize("ask", ["moment", "factorial_moment", "probability"])
@pytest.mark.parametrize("wrong", [-1, 0.5, "two"])
def test_numbers_of_a_burst_are_whole(ask, wrong):
    with pytest.raises(sd.DeclarationError, match="expected a whole number, 0 or more"):
        getattr(sd.Burst("geometric", 2), ask)(wrong)
