"""SBML in the style of the discrete stochastic model test suite: what its semantics make of each model."""

from __future__ import annotations

import math as numbers

import pytest
import sympy as sp

pytest.importorskip("libsbml", reason="python-libsbml is not installed")

from symdyn.errors import DeclarationError, MissingPackageError
from symdyn.io import sbml
from symdyn.io.sbml import read_sbml, to_sbml
from symdyn.models.events import Event
from symdyn.models.reactions import ReactionNetwork
from symdyn.simulation.run import simulate
from tests.io.sbml_texts import TIME, apply, ci, cn, math

DELAY = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/delay">d</csymbol>'


def species(name: str, amount: float = 0, *, only_amounts: str = "true", **more: str) -> str:
    rest = "".join(f' {k}="{v}"' for k, v in more.items())
    start = "" if amount is None else f' initialAmount="{amount}"'
    return f'<species id="{name}" compartment="Cell"{start} hasOnlySubstanceUnits="{only_amounts}"{rest}/>'


def reaction(name: str, left: dict, right: dict, law: str, *, reversible: str = "false", local: dict | None = None) -> str:
    def side(tag: str, counts: dict) -> str:
        inside = "".join(f'<speciesReference species="{s}" stoichiometry="{k}"/>' for s, k in counts.items())
        return f"<listOf{tag}>{inside}</listOf{tag}>" if counts else ""

    inside = "".join(f'<parameter id="{k}" value="{v}"/>' for k, v in (local or {}).items())
    parameters = f"<listOfParameters>{inside}</listOfParameters>" if inside else ""
    law = f"<kineticLaw>{math(law)}{parameters}</kineticLaw>"
    return f'<reaction id="{name}" reversible="{reversible}">{side("Reactants", left)}{side("Products", right)}{law}</reaction>'


def model(
    species_: list[str],
    parameters: dict,
    reactions: list[str],
    *,
    size: float = 1,
    before: str = "",
    rules: str = "",
    events: str = "",
) -> str:
    """A model of SBML level 2 version 4; rules, functions and events as their lists."""
    values = "".join(f'<parameter id="{k}" value="{v}"/>' for k, v in parameters.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="2" version="4">'
        f'<model id="Model">{before}<listOfCompartments><compartment id="Cell" size="{size}"/></listOfCompartments>'
        f"<listOfSpecies>{''.join(species_)}</listOfSpecies>"
        f"{f'<listOfParameters>{values}</listOfParameters>' if values else ''}{rules}"
        f"<listOfReactions>{''.join(reactions)}</listOfReactions>{events}</model></sbml>"
    )


def birth_death(**options) -> str:
    return model(
        [species("X", 100, **options)],
        {"Lambda": 0.1, "Mu": 0.11},
        [
            reaction("Birth", {"X": 1}, {"X": 2}, apply("times", ci("Lambda"), ci("X"))),
            reaction("Death", {"X": 1}, {}, apply("times", ci("Mu"), ci("X"))),
        ],
    )


def dimerisation(law: str, *, size: float = 1, only_amounts: str = "true") -> str:
    return model(
        [species("P", 100, only_amounts=only_amounts), species("P2", 0, only_amounts=only_amounts)],
        {"k1": 0.001, "k2": 0.01},
        [
            reaction("Dimerisation", {"P": 2}, {"P2": 1}, law),
            reaction("Dissociation", {"P2": 1}, {"P": 2}, apply("times", ci("k2"), ci("P2"))),
        ],
        size=size,
    )


def test_birth_death_in_amounts():
    net = read_sbml(birth_death())
    assert net == ReactionNetwork.from_text("X -> 2 X, Lambda; X -> 0, Mu; X(0) = 100; Lambda = 0.1; Mu = 0.11", species=["X"])


def test_concentrations_in_a_compartment_of_size_one_are_amounts():
    assert read_sbml(birth_death(only_amounts="false")) == read_sbml(birth_death())


def test_immigration_death_with_a_source_on_the_boundary():
    text = model(
        [species("X", 0), species("Source", 1, boundaryCondition="true"), species("Sink", 0, boundaryCondition="true")],
        {"Alpha": 1, "Mu": 0.1},
        [
            reaction("Immigration", {"Source": 1}, {"X": 1}, ci("Alpha")),
            reaction("Death", {"X": 1}, {"Sink": 1}, apply("times", ci("Mu"), ci("X"))),
        ],
    )
    assert str(read_sbml(text)) == "0 -> X, Alpha\nX -> 0, Mu"


def test_batch_immigration():
    text = model([species("X", 0)], {"Alpha": 1}, [reaction("Immigration", {}, {"X": 5}, ci("Alpha"))])
    net = read_sbml(text)
    assert net.changes.tolist() == [[5]]
    assert str(net) == "0 -> 5 X, Alpha"


def test_dimerisation_is_mass_action_only_with_the_falling_factorial():
    pairs = apply("divide", apply("times", ci("k1"), ci("P"), apply("minus", ci("P"), cn(1))), cn(2))
    net = read_sbml(dimerisation(pairs))
    k1, P = sp.symbols("k1 P")
    assert net.reactions[0].mass_action
    assert net.reactions[0].rate == k1 / 2
    square = apply("times", ci("k1"), apply("power", ci("P"), cn(2)))
    net = read_sbml(dimerisation(square))
    assert not net.reactions[0].mass_action
    assert net.propensities[0] == k1 * P**2
    net = read_sbml(dimerisation(square), laws="rate equations")
    assert sp.expand(net.propensities[0] - k1 * P * (P - 1)) == 0


def test_concentrations_in_another_size():
    # k1 P^2 Cell in concentrations is k1 n^2 / Cell in molecule numbers; k2 P2 without the size is k2 n / Cell
    law = apply("times", ci("k1"), ci("P"), ci("P"), ci("Cell"))
    net = read_sbml(dimerisation(law, size=4, only_amounts="false"))
    k1, k2, P, P2, cell = sp.symbols("k1 k2 P P2 Cell")
    assert [sp.simplify(a) for a in net.propensities] == [k1 * P**2 / cell, k2 * P2 / cell]
    assert net.volume == cell
    assert net.defaults[cell] == 4
    assert net.initial[P] == 100
    net = read_sbml(dimerisation(law, size=4, only_amounts="false"), laws="rate equations")
    assert net.reactions[0].mass_action
    assert net.reactions[0].rate == k1


def test_initial_concentration_times_size():
    text = model(
        ['<species id="X" compartment="Cell" initialConcentration="2.5" hasOnlySubstanceUnits="false"/>'],
        {"Mu": 0.1},
        [reaction("Death", {"X": 1}, {}, apply("times", ci("Mu"), ci("X"), ci("Cell")))],
        size=40,
    )
    net = read_sbml(text)
    assert net.initial[sp.Symbol("X")] == 100
    assert str(net) == "X -> 0, Mu"


def test_local_parameters_do_not_disturb_global_ones():
    text = model(
        [species("X", 1)],
        {"k": 3},
        [
            reaction("A", {}, {"X": 1}, ci("k"), local={"k": 7}),
            reaction("B", {"X": 1}, {}, apply("times", ci("k"), ci("X"))),
            reaction("C", {"X": 1}, {}, apply("times", ci("m"), ci("X")), local={"m": 0.5}),
        ],
    )
    net = read_sbml(text)
    assert {str(p): v for p, v in net.defaults.items()} == {"A_k": 7, "k": 3, "m": 0.5}
    assert [str(r.rate) for r in net.reactions] == ["A_k", "k", "m"]


def test_assignment_rules_functions_and_initial_assignments():
    function = (
        "<listOfFunctionDefinitions><functionDefinition id='hill'>"
        + math(
            "<lambda><bvar><ci>a</ci></bvar><bvar><ci>b</ci></bvar>"
            + apply("divide", ci("a"), apply("plus", ci("a"), ci("b")))
            + "</lambda>"
        )
        + "</functionDefinition></listOfFunctionDefinitions>"
    )
    starts = (
        f"<listOfInitialAssignments><initialAssignment symbol='X'>{math(apply('times', cn(2), ci('K')))}</initialAssignment>"
        "</listOfInitialAssignments>"
    )
    rule = f"<listOfRules><assignmentRule variable='y'>{math(apply('times', cn(2), ci('X')))}</assignmentRule></listOfRules>"
    text = model(
        [species("X", 0), species("y", None)],
        {"K": 5, "v": 2},
        [reaction("Loss", {"X": 1}, {}, apply("times", ci("v"), f"<apply>{ci('hill')}{ci('y')}{ci('K')}</apply>"))],
        before=function,
        rules=starts + rule,
    )
    net = read_sbml(text)
    X, K, v = sp.symbols("X K v")
    assert net.propensities[0] == v * 2 * X / (2 * X + K)
    assert dict(net.observables) == {sp.Symbol("y"): 2 * X}
    assert net.initial[X] == 2 * K
    assert simulate(net, [0, 1e-9], parameters={"K": 3}, seed=0, progress=False).X[0] == 6
    assert net.names == ("X",)


def test_a_law_without_its_reactant_is_no_mass_action():
    """A -> B at the rate k = 2 whatever there is of A: of 100, 80 are left after 10 units of time on average."""
    text = model([species("A", 100), species("B")], {"k": 2}, [reaction("R", {"A": 1}, {"B": 1}, ci("k"))])
    network = read_sbml(text)
    assert network.propensities == (sp.Symbol("k"),)
    left = simulate(network, [0, 10], trajectories=4000, seed=1, progress=False).A.isel(time=-1)
    assert abs(float(left.mean()) - 80) < 4 * numbers.sqrt(20 / 4000)
    assert read_sbml(text, as_="ode").drift[0] == -sp.Symbol("k")


def test_a_stoichiometry_of_time_is_refused():
    """As case 1749 of the semantic suite, whose product grows by time/10."""
    grown = apply("divide", TIME, cn(10))
    text = model([species("A", 2)], {"k": 2}, [reaction("R", {}, {"A": 1}, ci("k"))]).replace(
        '<speciesReference species="A" stoichiometry="1"/>',
        f'<speciesReference species="A"><stoichiometryMath>{math(grown)}</stoichiometryMath></speciesReference>',
    )
    assert "stoichiometryMath" in text
    with pytest.raises(DeclarationError, match="the stoichiometry t/10 of A in the reaction R varies; read it as_='ode'"):
        read_sbml(text)


def test_reversible_laws_are_split_or_refused():
    net_rate = apply("times", ci("Cell"), apply("minus", apply("times", ci("k"), ci("A")), apply("times", ci("q"), ci("B"))))
    kinds = [species("A", 5), species("B", 0)]
    split = model(kinds, {"k": 1, "q": 2}, [reaction("R", {"A": 1}, {"B": 1}, net_rate, reversible="true")])
    # the rate constants hold the size that is the volume of the network: as mass action they would not scale with it
    assert str(read_sbml(split)) == "A => B, A*Cell*k\nB => A, B*Cell*q\nvolume Cell"
    one_way = model(kinds, {"k": 1}, [reaction("R", {"A": 1}, {"B": 1}, apply("times", ci("k"), ci("A")), reversible="true")])
    assert str(read_sbml(one_way)) == "A -> B, k"
    offset = apply("minus", apply("times", ci("k"), ci("A")), ci("q"))
    unclear = model(kinds, {"k": 1, "q": 2}, [reaction("R", {"A": 1}, {"B": 1}, offset, reversible="true")])
    with pytest.raises(DeclarationError, match=r"reaction R, which goes both ways, .* two irreversible"):
        read_sbml(unclear)


def test_a_falling_factorial_is_no_reversible_law():
    pairs = apply("times", ci("k1"), ci("P"), apply("minus", ci("P"), cn(1)))
    text = dimerisation(pairs).replace('reversible="false"', 'reversible="true"')
    assert str(read_sbml(text)) == "2 P -> P2, k1\nP2 -> 2 P, k2"


def test_events_of_species():
    # the dimerisation of the suite that is reset when P2 exceeds 30
    event = (
        "<listOfEvents><event id='reset'><trigger>" + math(apply("gt", ci("P2"), cn(30))) + "</trigger><listOfEventAssignments>"
        f"<eventAssignment variable='P'>{math(cn(100))}</eventAssignment>"
        f"<eventAssignment variable='P2'>{math(cn(0))}</eventAssignment></listOfEventAssignments></event></listOfEvents>"
    )
    text = birth_death().replace('id="X"', 'id="P"').replace(ci("X"), ci("P")).replace('species="X"', 'species="P"')
    text = text.replace("</listOfSpecies>", species("P2", 0) + "</listOfSpecies>").replace("</model>", event + "</model>")
    P, P2 = sp.symbols("P P2")
    assert read_sbml(text).events == (Event(P2 > 30, {P: 100, P2: 0}),)
    delayed = text.replace("</trigger>", f"</trigger><delay>{math(cn(1))}</delay>")
    assert read_sbml(delayed).events == (Event(P2 > 30, {P: 100, P2: 0}, delay=1, from_trigger=True),)
    parameter = text.replace("variable='P'", "variable='Mu'").replace('id="Mu" ', 'id="Mu" constant="false" ')
    with pytest.raises(DeclarationError, match="event reset changes Mu"):
        read_sbml(parameter)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</sbml>", "", "line"),
        ('level="2"', 'level="7"', "."),
        (
            "<listOfReactions>",
            "<listOfRules><rateRule variable='Mu'>" + math(cn(1)) + "</rateRule></listOfRules><listOfReactions>",
            "a rule changes Mu, which is constant",
        ),
        (ci("Lambda"), ci("lambda0"), "lambda0"),
        ('stoichiometry="2"', 'stoichiometry="1.5"', "stoichiometry 1.5 of X"),
        (
            'stoichiometry="2"',
            'stoichiometry="1e15"',
            r"1000000000000000\.0 of X; expected a whole number up to 1000",
        ),
        ('stoichiometry="2"', 'stoichiometry="nan"', "Birth has no stoichiometry of X"),
        (
            apply("times", ci("Mu"), ci("X")),
            f"<apply>{DELAY}{ci('X')}{cn(1)}</apply>",
            "formula has a delay; read it as_='ode'",
        ),
        ("<kineticLaw>" + math(apply("times", ci("Mu"), ci("X"))) + "</kineticLaw>", "", "Death has no kinetic law"),
    ],
)
def test_what_cannot_be_read_is_named(old, new, message):
    text = birth_death()
    assert old in text
    with pytest.raises(DeclarationError, match=message):
        read_sbml(text.replace(old, new, 1))


def test_many_reactants():
    """Mass action of a high order is recognised by its factors; polynomials of that degree are not expanded."""
    law = apply("times", ci("Mu"), *(apply("minus", ci("X"), cn(k)) for k in range(100)))
    for rate, known in ((law, True), (apply("times", ci("Mu"), ci("X")), False)):
        net = read_sbml(model([species("X", 400)], {"Mu": 1}, [reaction("R", {"X": 100}, {}, rate)]))
        assert net.reactions[0].mass_action is known
        assert list(net.changes[:, 0]) == [-100]


def test_names_of_files(tmp_path):
    path = tmp_path / "model.xml"
    path.write_text(birth_death())
    assert read_sbml(path) == read_sbml(str(path)) == read_sbml(birth_death())
    path.write_text("no xml")
    with pytest.raises(DeclarationError, match=r"model\.xml"):
        read_sbml(path)
    with pytest.raises(DeclarationError, match="'propensities', 'rate equations'"):
        read_sbml(birth_death(), laws="both")
    with pytest.raises(DeclarationError, match=r"no text of SBML, .* symdyn\.read_antimony reads Antimony"):
        read_sbml("S -> P; k*S; S = 10")


def test_hostile_depth_is_refused():
    law = ci("X")
    for _ in range(400):
        law = apply("abs", law)
    with pytest.raises(DeclarationError, match="nested too deeply"):
        read_sbml(birth_death().replace(apply("times", ci("Mu"), ci("X")), law))


@pytest.mark.parametrize(
    "text",
    [
        "0 -> X, k1; 2 X -> 0, k2; X(0) = 3; k1 = 1.25; k2 = 0.1; V = 20",
        "S + E <-> ES, k1, k2; ES -> E + P, k3; total := S + ES + P; S(0) = 10; k1 = 0.3; V = 1",
        "X => 0, Vm*X^2/(K^2 + X^2)*(1 + 0.3*sin(w*t)); 0 -> X, piecewise(k, t > 5, 2*k); 0 -> X, exp(-a*t)",
        "0 -> X, k; X -> 0, g; when X > 30, X = 5",
        "0 -> X, k; X -> 0, g; when X > 30 delay 2*k priority g persistent false initial false, X = 5; X(0) = 40",
        "0 -> X, k; X -> 0, g; when X > 30 delay 2 from_trigger true, X = X - 5",
    ],
)
def test_round_trip(text, tmp_path):
    net = ReactionNetwork.from_text(text, volume="V")
    back = read_sbml(to_sbml(net, tmp_path / "net.xml"))
    assert back == net
    assert back.events == net.events
    assert read_sbml(tmp_path / "net.xml") == net


def test_round_trip_of_files():
    pairs = apply("divide", apply("times", ci("k1"), ci("P"), apply("minus", ci("P"), cn(1))), cn(2))
    for text in (birth_death(), dimerisation(pairs), dimerisation(pairs, size=3, only_amounts="false")):
        net = read_sbml(text)
        assert read_sbml(to_sbml(net)) == net


def test_combinatoric_rates_are_written_as_propensities():
    net = ReactionNetwork.from_text("3 X -> 0, k", volume="V", combinatoric=True)
    assert sp.expand(read_sbml(to_sbml(net)).propensities[0] - net.propensities[0]) == 0


def test_a_missing_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "libsbml", None)
    with pytest.raises(MissingPackageError, match=r"pip install \"symdyn-modeling\[sbml\]\""):
        sbml.read_sbml("<sbml/>")


def test_a_law_that_goes_backwards_is_split_whatever_the_file_says():
    """Without A the law -q*B has the wrong sign, and as the propensity of A -> B it would never fire."""
    law = apply("minus", apply("times", ci("k"), ci("A")), apply("times", ci("q"), ci("B")))
    both = [species("A", 0), species("B", 40)]
    network = read_sbml(model(both, {"k": 1, "q": 3}, [reaction("r", {"A": 1}, {"B": 1}, law)]))
    assert [(str(r), r.mass_action) for r in network.reactions] == [("A -> B, k", True), ("B -> A, q", True)]
    with pytest.raises(DeclarationError, match="goes both ways, has the law -A"):
        read_sbml(model(both, {}, [reaction("r", {"B": 1}, {"A": 1}, apply("minus", ci("A")))]))
