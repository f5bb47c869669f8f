"""SBML as ordinary differential equations: what symbols mean, against solutions by hand; the published suite; round trips."""

from __future__ import annotations

import math as m
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.io.models import read_model
from symdyn.io.sbml import read_sbml
from tests.io.semantic_suite import beside_network, cases, judge

pytest.importorskip("libsbml")

ARCHIVE = Path(__file__).parents[3] / "shared" / "data" / "sbml_semantic_third.tar.xz"
MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'
TIME = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">t</csymbol>'
RATE = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/rateOf">rateOf</csymbol>'


def math(content: str) -> str:
    return f"<math {MATH}>{content}</math>"


def apply(operator: str, *parts: str) -> str:
    return f"<apply><{operator}/>{''.join(parts)}</apply>"


def ci(name: str) -> str:
    return f"<ci>{name}</ci>"


def cn(value: float) -> str:
    return f"<cn>{value}</cn>"


def parameter(name: str, value: float | None = None, *, constant: str = "false") -> str:
    return f'<parameter id="{name}" constant="{constant}"' + ("/>" if value is None else f' value="{value}"/>')


def species(name: str, start: str, *, amount: str = "false", home: str = "C", more: str = "") -> str:
    rest = f'hasOnlySubstanceUnits="{amount}" boundaryCondition="false" constant="false" {more}'
    return f'<species id="{name}" compartment="{home}" {start} {rest}/>'


def reaction(name: str, used: dict[str, float], made: dict[str, float], law: str, more: str = "") -> str:
    sides = ""
    for tag, side in (("Reactants", used), ("Products", made)):
        inside = "".join(f'<speciesReference species="{s}" stoichiometry="{k}" constant="true"/>' for s, k in side.items())
        sides += f"<listOf{tag}>{inside}</listOf{tag}>" if side else ""
    return (
        f'<reaction id="{name}" reversible="false" fast="false">{more or sides}<kineticLaw>{math(law)}</kineticLaw></reaction>'
    )


def event(
    condition: str, assigned: dict[str, str], *, delay: str = "", from_trigger: str = "true", initial: str = "true"
) -> str:
    late = f"<delay>{math(delay)}</delay>" if delay else ""
    new = "".join(f'<eventAssignment variable="{s}">{math(v)}</eventAssignment>' for s, v in assigned.items())
    trigger = f'<trigger initialValue="{initial}" persistent="true">{math(condition)}</trigger>'
    inside = f"{trigger}{late}<listOfEventAssignments>{new}</listOfEventAssignments>"
    return f'<event useValuesFromTriggerTime="{from_trigger}">{inside}</event>'


def document(*, size: float = 1.0, constant: str = "true", version: int = 1, attributes: str = "", **lists: str) -> str:
    order = ("Compartments", "Species", "Parameters", "InitialAssignments", "Rules", "Reactions", "Events")
    given = {"Compartments": f'<compartment id="C" spatialDimensions="3" size="{size}" constant="{constant}"/>', **lists}
    inside = "".join(f"<listOf{name}>{given[name]}</listOf{name}>" for name in order if name in given)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level3/version{version}/core" level="3" '
        f'version="{version}"><model id="m" {attributes}>{inside}</model></sbml>'
    )


def run(text: str, times: list[float]):
    return sd.simulate(read_sbml(text, as_="ode"), times, rtol=1e-10, atol=1e-12, progress=False)


def assign(name: str, formula: str) -> str:
    return f'<assignmentRule variable="{name}">{math(formula)}</assignmentRule>'


def rate(name: str, formula: str) -> str:
    return f'<rateRule variable="{name}">{math(formula)}</rateRule>'


# ---- what symbols mean -----------------------------------------------------------------------------


def test_a_concentration_changes_by_the_extent_over_the_size():
    """2 litres, S -> 3 P at the extent k S: S' = -k S / 2 in concentrations, the amount of P grows by 3 for each of S."""
    text = document(
        size=2,
        Species=species("S", 'initialConcentration="5"') + species("P", 'initialAmount="0"', amount="true"),
        Parameters=parameter("k", 0.4, constant="true"),
        Reactions=reaction("R", {"S": 1}, {"P": 3}, apply("times", ci("k"), ci("S"))),
    )
    found, t = run(text, [0, 1, 2]), np.array([0, 1, 2])
    np.testing.assert_allclose(found.S, 5 * np.exp(-0.2 * t), rtol=1e-8)
    np.testing.assert_allclose(found.P, 3 * 2 * (5 - 5 * np.exp(-0.2 * t)), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found.R, 0.4 * found.S, rtol=1e-14)


def test_growth_of_the_compartment_dilutes():
    """C' = C: of 3 mol nothing reacts, and the concentration is 3 exp(-t)."""
    text = document(
        constant="false",
        Species=species("S", 'initialAmount="3"') + species("Q", 'initialAmount="1"'),
        Rules=rate("C", ci("C")),
        Reactions=reaction("R", {"Q": 1}, {}, apply("times", cn(2), ci("Q"), ci("C"))),
    )
    found, t = run(text, [0, 0.5, 2]), np.array([0, 0.5, 2])
    np.testing.assert_allclose(found.S, 3 * np.exp(-t), rtol=1e-8)
    np.testing.assert_allclose(found.Q, np.exp(-3 * t), rtol=1e-7)
    np.testing.assert_allclose(found.Q_amount, np.exp(-2 * t), rtol=1e-7)


def test_conversion_factors_and_stoichiometries_that_change():
    """The extent grows at the rate 1; S gets n(t) = 2 t of it, times the factor 0.5: S = t^2 / 2."""
    reference = '<listOfProducts><speciesReference id="n" species="S" constant="false"/></listOfProducts>'
    text = document(
        attributes='conversionFactor="f"',
        Species=species("S", 'initialAmount="0"', amount="true"),
        Parameters=parameter("f", 0.5, constant="true"),
        Rules=assign("n", apply("times", cn(2), TIME)),
        Reactions=reaction("R", {}, {}, cn(1), more=reference),
    )
    found = run(text, [0, 1, 3])
    np.testing.assert_allclose(found.S, [0, 0.5, 4.5], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.n, [0, 2, 6], rtol=1e-14)


def test_an_initial_assignment_follows_its_parameters():
    start = '<initialAssignment symbol="x">' + math(apply("times", cn(2), ci("k"))) + "</initialAssignment>"
    text = document(
        Parameters=parameter("x") + parameter("k", 3, constant="true") + parameter("idle", 7, constant="true"),
        InitialAssignments=start,
        Rules=rate("x", apply("minus", ci("x"))),
    )
    system = read_sbml(text, as_="ode")
    k = sp.Symbol("k")
    swept = sd.simulate(system, [0, 1], parameters={k: [1, 3]}, rtol=1e-10, progress=False)
    np.testing.assert_allclose(swept.x, np.outer([2, 6], [1, m.exp(-1)]), rtol=1e-8)
    assert (swept.idle == 7).all()  # declared, though nothing uses it


def test_algebraic_rules_linear_and_not():
    """a + x = 3 is solved for a; y^3 + y = x is kept as an equation."""
    x3 = apply("minus", apply("plus", apply("power", ci("y"), cn(3)), ci("y")), ci("x"))
    text = document(
        Parameters=parameter("x", 2) + parameter("a") + parameter("y", 1),
        Rules=rate("x", apply("minus", ci("x")))
        + f"<algebraicRule>{math(apply('minus', apply('plus', ci('a'), ci('x')), cn(3)))}</algebraicRule>"
        + f"<algebraicRule>{math(x3)}</algebraicRule>",
    )
    system = read_sbml(text, as_="ode")
    assert system.algebraic == (sp.Symbol("y"),)
    found = run(text, [0, 1])
    np.testing.assert_allclose(found.a, 3 - found.x, rtol=1e-13)
    np.testing.assert_allclose(found.y**3 + found.y, 2 * np.exp([-0.0, -1.0]), rtol=1e-8)
    closed = text.replace('id="a" constant="false"', 'id="a" constant="true" value="1"')
    with pytest.raises(DeclarationError, match=r"algebraic rule 0 = .* determines nothing"):
        read_sbml(closed, as_="ode")


def test_algebraic_rules_alone():
    """A B = 1 + t, where nothing else changes either."""
    t = apply("minus", apply("times", ci("A"), ci("B")), apply("plus", cn(1), TIME))
    both = species("A", 'initialAmount="1"') + species("B", 'initialAmount="1"')
    found = run(document(Species=both, Rules=f"<algebraicRule>{math(t)}</algebraicRule>"), [0, 1, 3])
    np.testing.assert_allclose(found.A * found.B, [1, 2, 4], rtol=1e-9)


def test_rates_of_change_in_formulas():
    """y := x', where x' = -2 x."""
    y = f"<apply>{RATE}{ci('x')}</apply>"
    text = document(
        version=2,
        Parameters=parameter("x", 1) + parameter("y"),
        Rules=rate("x", apply("times", cn(-2), ci("x"))) + assign("y", y),
    )
    np.testing.assert_allclose(run(text, [0, 1]).y, [-2, -2 * m.exp(-2)], rtol=1e-8)


def test_a_delay_of_a_state():
    """x' = -x(t - 1) from 1: 1 - t, then 1 - t + (t - 1)^2 / 2."""
    late = f'<apply><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/delay">d</csymbol>{ci("x")}{cn(1)}</apply>'
    text = document(Parameters=parameter("x", 1), Rules=rate("x", apply("minus", late)))
    np.testing.assert_allclose(run(text, [0, 0.5, 1, 1.5, 2]).x, [1, 0.5, 0, -0.375, -0.5], atol=1e-9)


def test_delays_in_rules_initial_assignments_and_events():
    """x = exp(-t), and sin(t) up to the start of z, whose initial assignment contains the time; rates were 0 before it."""

    def late(what, tau):
        return f'<apply><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/delay">d</csymbol>{what}{tau}</apply>'

    def begin(name, formula):
        return f'<initialAssignment symbol="{name}">{math(formula)}</initialAssignment>'

    of_x = f"<apply>{RATE}{ci('x')}</apply>"
    text = document(
        version=2,
        Parameters="".join(parameter(name, 1) for name in "xvwz") + parameter("u") + parameter("slope") + parameter("wave"),
        InitialAssignments=begin("z", apply("sin", TIME)) + begin("w", late(ci("z"), cn(2))),
        Rules=rate("x", apply("minus", ci("x"))) + assign("u", late(ci("x"), cn(1))) + assign("slope", late(of_x, cn(1)))
        + assign("wave", late(ci("z"), cn(0.5))),
        Events=event(apply("leq", late(ci("x"), cn(1)), cn(0.5)), {"v": late(ci("x"), cn(0.5))}, delay=late(ci("x"), cn(0.25))),
    )  # fmt: skip
    times = np.array([0, 0.25, 0.5, 0.75, 1.5, 1.6, 2, 3])
    data, moment = run(text, list(times)), 1 + m.log(2)
    np.testing.assert_allclose(data.u, np.where(times < 1, 1, np.exp(1 - times)), rtol=1e-8)
    np.testing.assert_allclose(data.slope, np.where(times < 1, 0, -np.exp(1 - times)), rtol=1e-8)
    np.testing.assert_allclose(data.wave, np.sin(np.minimum(times - 0.5, 0)), atol=1e-12)
    np.testing.assert_allclose(data.w, m.sin(-2))
    np.testing.assert_allclose(data.fired_at[0, 0], moment + m.exp(0.25 - moment), rtol=1e-9)
    np.testing.assert_allclose(data.v[-1], m.exp(0.5 - moment), rtol=1e-8)  # the value of the trigger


# ---- events ------------------------------------------------------------------------------------------


def test_an_event_sets_a_concentration_by_the_size_before_it():
    """As case 1779 of the semantic suite explains: S = 0.2 and C = 0.2 at once leave the amount 0.2 * 0.5."""
    text = document(
        size=0.5,
        constant="false",
        Species=species("S", 'initialConcentration="2"'),
        Events=event(apply("geq", TIME, cn(0.45)), {"S": cn(0.2), "C": cn(0.2)}),
    )
    found = run(text, [0, 0.4, 0.5])
    np.testing.assert_allclose(found.S, [2, 2, 0.5], rtol=1e-12)
    np.testing.assert_allclose(found.C, [0.5, 0.5, 0.2], rtol=1e-12)


@pytest.mark.parametrize(("from_trigger", "expected"), [("true", 1.0), ("false", 3.0)])
def test_values_are_those_of_the_trigger_where_the_file_says_so(from_trigger, expected):
    """x = t; an event at 1 sets y to x two later."""
    text = document(
        Parameters=parameter("x", 0) + parameter("y", 0),
        Rules=rate("x", cn(1)),
        Events=event(apply("geq", TIME, cn(1)), {"y": ci("x")}, delay=cn(2), from_trigger=from_trigger),
    )
    np.testing.assert_allclose(run(text, [0, 2.9, 3.1]).y, [0, 0, expected], rtol=1e-9)


def test_an_event_that_is_true_from_the_start_acts_where_it_counts_as_false_before():
    rules, always = rate("x", cn(0)), "<true/>"
    for initial, expected in (("false", 5.0), ("true", 1.0)):
        text = document(Parameters=parameter("x", 1), Rules=rules, Events=event(always, {"x": cn(5)}, initial=initial))
        np.testing.assert_allclose(run(text, [0, 1]).x[1], expected)


@pytest.mark.parametrize(
    ("condition", "at"),
    [
        (apply("floor", ci("x")), 1.0),
        (apply("eq", apply("ceiling", ci("x")), cn(2)), 1.0),
        (apply("eq", apply("plus", apply("gt", ci("x"), cn(1.25)), apply("gt", ci("x"), cn(2.5))), cn(2)), 2.5),
    ],
)
def test_triggers_compare_numbers_that_jump(condition, at):
    text = document(
        version=2,
        Parameters=parameter("x", 0) + parameter("y", 0),
        Rules=rate("x", cn(1)),
        Events=event(condition, {"y": apply("plus", ci("y"), cn(1))}),
    )
    found = run(text, [0, 0.99, 3])
    assert found.fired_at.values.ravel()[0] == pytest.approx(at, rel=1e-12)
    np.testing.assert_allclose(found.y, [0, 0, 1])


def test_what_cannot_be_read_is_named():
    unequal = apply("neq", ci("x"), cn(1))
    equal = document(Parameters=parameter("x", 0), Rules=rate("x", cn(1)), Events=event(unequal, {"x": cn(0)}))
    with pytest.raises(DeclarationError, match=r"trigger of the event .* contains Ne\(x, 1\), where x varies"):
        read_sbml(equal, as_="ode")
    with pytest.raises(DeclarationError, match="as_ is 'sde'"):
        read_sbml(equal, as_="sde")
    with pytest.raises(DeclarationError, match="laws= says"):
        read_sbml(equal, as_="ode", laws="propensities")
    with pytest.raises(DeclarationError, match=r"rate rule of x.* read it as_='ode'"):
        read_sbml(equal)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (apply("gt", ci("x"), apply("divide", cn(1), cn(0))), "trigger .* holds 1 / 0, which is no finite real number"),
        (apply("gt", ci("x"), apply("root", cn(-1))), "holds sqrt.-1., which is no finite real number"),
        (apply("max", ci("x"), apply("divide", ci("x"), cn(0))), "holds x / 0, which is no finite real number"),
        (apply("rem", ci("x"), cn(0)), "holds rem.x, 0., which is no finite real number"),
        (apply("arcsin", cn(2)), "holds asin.2., which is no finite real number"),
        (apply("max", ci("x"), apply("divide", cn(1), ci("k"))), "the rate of x compares numbers that are not real and finite"),
        (apply("power", apply("times", cn(2), ci("x")), cn(10**9)), "exponents up to 1000"),
        (apply("power", apply("power", apply("power", cn(2), cn(1000)), cn(1000)), cn(1000)), "no finite real number"),
        (apply("factorial", cn(10**8)), "factorial above that of 170"),
        (apply("floor", apply("exp", apply("exp", cn(100)))), "holds exp.exp.100.., which is no finite real number"),
    ],
    ids=["1/0", "root of -1", "x/0", "remainder", "arcsin", "rule", "power", "tower", "factorial", "floor"],
)
def test_formulas_without_a_value_are_refused(content, message):
    trigger = content.startswith("<apply><gt/>")
    text = document(
        version=2,
        Parameters=parameter("x", 1) + parameter("k"),
        Rules=rate("x", ci("x") if trigger else content) + f'<assignmentRule variable="k">{math(cn(0))}</assignmentRule>',
        **({"Events": event(content, {"x": cn(0)})} if trigger else {}),
    )
    with pytest.raises(DeclarationError, match=message):
        read_sbml(text, as_="ode")


def test_an_initial_value_without_a_value_is_refused():
    rules = rate("x", ci("j")) + f'<assignmentRule variable="k">{math(cn(-1))}</assignmentRule>'
    starts = f'<initialAssignment symbol="j">{math(apply("root", ci("k")))}</initialAssignment>'
    text = document(Parameters=parameter("x", 1) + parameter("k") + parameter("j"), Rules=rules, InitialAssignments=starts)
    with pytest.raises(DeclarationError, match="the initial value of j is I, which is no finite real number"):
        read_sbml(text, as_="ode")


def test_rates_and_pasts_that_are_not_defined_are_refused():
    """Rates that are built on themselves, also by what an algebraic rule determines."""
    of_x, of_z = (f"<apply>{RATE}{ci(name)}</apply>" for name in "xz")
    cubic = f"<algebraicRule>{math(apply('minus', apply('power', ci('z'), cn(3)), ci('x')))}</algebraicRule>"
    for rules in (
        rate("x", of_z) + rate("z", of_x),
        rate("x", apply("plus", of_x, cn(1))),
        rate("x", of_z) + cubic,
    ):
        with pytest.raises(DeclarationError, match=r"rate of change of [xz] is defined by itself"):
            read_sbml(document(version=2, Parameters=parameter("x", 1) + parameter("z", 1), Rules=rules), as_="ode")


def test_rates_and_pasts_of_what_algebraic_rules_determine():
    """z^3 = x with x = 1 + t up to 1; before the start z was the root at the start, not the guess; two roots at once."""
    cubic = f"<algebraicRule>{math(apply('minus', apply('power', ci('z'), cn(3)), ci('x')))}</algebraicRule>"
    late = f"<apply>{RATE.replace('rateOf', 'delay')}{ci('z')}{cn(1)}</apply>"
    rules = rate("x", late) + cubic + assign("r", f"<apply>{RATE}{ci('z')}</apply>")
    text = document(version=2, Parameters=parameter("x", 1) + parameter("z", 0.8) + parameter("r"), Rules=rules)
    found = run(text, [0, 0.5, 1, 2])
    np.testing.assert_allclose(found.x, [1, 1.5, 2, 2 + 0.75 * (2 ** (4 / 3) - 1)], rtol=1e-7)
    np.testing.assert_allclose(found.r, np.array([1, 1, 1, 2 ** (1 / 3)]) / (3 * found.z**2), rtol=1e-7)
    roots = (apply("minus", apply("power", ci(a), cn(3)), apply("plus", ci(b), cn(1), TIME)) for a, b in ("yz", "zy"))
    coupled = "".join(f"<algebraicRule>{math(root)}</algebraicRule>" for root in roots)  # y = z: y^3 - y = 1 + t
    both = rate("s", apply("plus", *(f"<apply>{RATE}{ci(name)}</apply>" for name in "yz"))) + coupled
    start = 1.324717957244746
    text = document(
        version=2, Parameters=parameter("s", 0) + parameter("y", start) + parameter("z", start), Rules=both
    )  # fmt: skip
    found = run(text, [0, 5])  # y^3 - y = 6 for y = 2
    np.testing.assert_allclose(found.s[-1], 2 * (2 - start), rtol=1e-7)


def test_the_rate_of_change_of_a_past():
    """y := x(t - 1) with x = exp(-t) changes by 0, then by -exp(1 - t); not where the delay changes."""
    late = f"<apply>{RATE.replace('rateOf', 'delay')}{ci('x')}{cn(1)}</apply>"
    rules = rate("x", apply("minus", ci("x"))) + assign("y", late) + rate("z", f"<apply>{RATE}{ci('y')}</apply>")
    text = document(version=2, Parameters=parameter("x", 1) + parameter("y") + parameter("z", 0), Rules=rules)
    np.testing.assert_allclose(run(text, [0, 1, 1.5, 3]).z, np.exp([0, 0, -0.5, -2]) - 1, atol=1e-8)
    with pytest.raises(DeclarationError, match="whose delay changes"):
        read_sbml(text.replace(f"{ci('x')}{cn(1)}", ci("x") + ci("x")), as_="ode")


def test_a_model_of_flux_balance_has_no_rates():
    fbc = 'xmlns:fbc="http://www.sbml.org/sbml/level3/version1/fbc/version1" fbc:required="false" level="3"'
    text = document(Species=species("S", 'initialConcentration="3"'), Reactions=reaction("r", {"S": 1}, {}, cn(1)))
    text = text.replace('level="3"', fbc)
    assert str(read_sbml(text, as_="ode")) == "S' = -1"
    with pytest.raises(DeclarationError, match="is one of flux balance"):
        read_sbml(text.replace(f"<kineticLaw>{math(cn(1))}</kineticLaw>", ""), as_="ode")


def test_a_compartment_whose_size_is_a_root_dilutes():
    """V^3 + V = 2 + t, and no reaction: S V is constant."""
    cubic = apply("minus", apply("plus", apply("power", ci("C"), cn(3)), ci("C")), apply("plus", cn(2), TIME))
    text = document(
        constant="false",
        Species=species("S", 'initialConcentration="3"'),
        Rules=f"<algebraicRule>{math(cubic)}</algebraicRule>",
        Reactions=reaction("r", {"S": 1}, {}, cn(0)),
    )
    np.testing.assert_allclose(run(text, [0, 8]).S, [3, 1.5], rtol=1e-8)


def test_a_compartment_of_size_0_is_refused_where_it_divides():
    falls = reaction("R", {"S": 1}, {}, ci("S"))
    for as_ in ("network", "ode"):
        with pytest.raises(DeclarationError, match="compartment C has the size 0, by which the amount of S is divided"):
            read_sbml(document(size=0, Species=species("S", 'initialAmount="1"'), Reactions=falls), as_=as_)
        amounts = document(size=0, Species=species("S", 'initialAmount="1"', amount="true"), Reactions=falls)
        assert len(read_sbml(amounts, as_=as_).states) == 1


def test_contradictions_are_refused():
    x, fixed, one = parameter("x", 1), parameter("x", 1, constant="true"), {"x": cn(1)}
    falls = reaction("R", {"S": 1}, {}, ci("S"))
    after = apply("geq", TIME, cn(1))
    assignment = f'<eventAssignment variable="x">{math(cn(1))}</eventAssignment>'
    twice = event(after, one).replace(assignment, 2 * assignment)
    for lists, message in (
        ({"Parameters": x + x}, "x is declared twice"),
        ({"Parameters": x, "Rules": rate("x", cn(1)) + rate("x", cn(2))}, "x has two rules"),
        ({"Parameters": x, "Events": twice}, "assigns x twice"),
        ({"Parameters": fixed, "Rules": rate("x", cn(1))}, "a rule changes x, which is constant"),
        ({"Parameters": fixed, "Events": event(after, one)}, "the event without a name changes x, which is constant"),
        ({"Species": species("S", ""), "Reactions": falls, "Rules": rate("R", cn(1))}, "R, which is the rate of a reaction"),
        ({"Species": species("S", ""), "Reactions": falls, "Rules": rate("S", cn(1))}, "a rule and reactions change S"),
        ({"InitialAssignments": f'<initialAssignment symbol="q">{math(cn(1))}</initialAssignment>'}, "'q', which the model"),
    ):
        with pytest.raises(DeclarationError, match=message):
            read_sbml(document(**lists), as_="ode")


# ---- fast reactions ----------------------------------------------------------------------------------


def quick(text: str) -> str:
    """The text with its first reaction fast."""
    return text.replace('fast="false"', 'fast="true"', 1)


def test_a_fast_reaction_is_in_equilibrium():
    """A <-> B at 3 A = B, B decays at the rate 0.8: of A + B = 4, B is 3/4, and all of it falls as exp(-0.8 * 3/4 t)."""
    forth = apply("minus", apply("times", cn(3), ci("A")), ci("B"))
    text = document(
        Species=species("A", 'initialAmount="4"') + species("B", 'initialAmount="0"'),
        Reactions=reaction("F", {"A": 1}, {"B": 1}, forth) + reaction("D", {"B": 1}, {}, apply("times", cn(0.8), ci("B"))),
    )
    found, t = run(quick(text), [0, 0.5, 2]), np.array([0, 0.5, 2])
    np.testing.assert_allclose(found.A, np.exp(-0.6 * t), rtol=1e-7)
    np.testing.assert_allclose(found.B, 3 * np.exp(-0.6 * t), rtol=1e-7)
    with pytest.raises(DeclarationError, match="F is fast, in equilibrium at all times; read it as_='ode'"):
        read_sbml(quick(text))


@pytest.mark.parametrize(("k", "expected"), [(2, (0, 4.5)), (-2, (9, 0))])
def test_of_two_equilibria_the_one_that_is_reached(k, expected):
    """2 A <-> B at the rate k A B, which is 0 without A and without B; A + 2 B = 9 in 2 litres, and at 1 three A are added."""
    law = apply("times", cn(k), ci("A"), ci("B"))
    text = document(
        size=2,
        Species=species("A", 'initialConcentration="1.5"') + species("B", 'initialAmount="3"', amount="true"),
        Reactions=reaction("F", {"A": 2}, {"B": 1}, law),
        Events=event(apply("geq", TIME, cn(1)), {"B": apply("plus", ci("B"), cn(1.5))}),
    )
    found = run(quick(text), [0, 0.9, 1.1])
    added = (0, 1.5) if k > 0 else (3, 0)
    np.testing.assert_allclose(2 * found.A, expected[0] + np.array([0, 0, added[0]]), atol=1e-7)
    np.testing.assert_allclose(found.B, expected[1] + np.array([0, 0, added[1]]), atol=1e-7)


def test_fast_reactions_without_an_isolated_equilibrium_are_refused():
    k = parameter("k", 0, constant="true")
    both = species("A", 'initialAmount="4"') + species("B", 'initialAmount="0"')
    moved = reaction("F", {"A": 1}, {"B": 1}, apply("times", ci("k"), ci("A")))
    with pytest.raises(DeclarationError, match="fast reactions F lead to no isolated equilibrium"):
        read_sbml(quick(document(Species=both, Parameters=k, Reactions=moved)), as_="ode")
    again = moved.replace('id="F"', 'id="G"')
    with pytest.raises(DeclarationError, match="the fast reaction G does the same as other fast reactions"):
        read_sbml(
            document(Species=both, Parameters=k, Reactions=moved + again).replace('fast="false"', 'fast="true"'), as_="ode"
        )
    growing = document(constant="false", Species=both, Parameters=k, Reactions=moved, Rules=rate("C", ci("C")))
    with pytest.raises(DeclarationError, match="C, of the fast reaction F, varies"):
        read_sbml(quick(growing), as_="ode")


def test_events_switch_a_fast_reaction():
    """A <-> B at k (A - B) in 2 litres, B decays at 0.8: k is 0 between 1 and 2, and at 1.5 three A are added."""
    law = apply("times", ci("k"), apply("minus", ci("A"), ci("B")))
    text = document(
        size=2,
        Species=species("A", 'initialConcentration="4"') + species("B", 'initialConcentration="0"'),
        Parameters=parameter("k", 1),
        Reactions=reaction("F", {"A": 1}, {"B": 1}, law) + reaction("D", {"B": 1}, {}, apply("times", cn(0.8), ci("B"), cn(2))),
        Events=event(apply("geq", TIME, cn(1)), {"k": cn(0)})
        + event(apply("geq", TIME, cn(2)), {"k": cn(1)})
        + event(apply("geq", TIME, cn(1.5)), {"A": apply("plus", ci("A"), cn(1.5))}),
    )
    found = run(quick(text), [0, 0.9, 1.2, 1.8, 2.1, 3])
    first, apart = 2 * np.exp(-0.4), np.exp(-0.8 * np.array([0.2, 0.8, 1]))
    again = (first + 1.5 + first * apart[2]) / 2 * np.exp(-0.4 * np.array([0.1, 1]))
    np.testing.assert_allclose(found.A, [2, 2 * np.exp(-0.36), first, first + 1.5, *again], rtol=1e-7)
    np.testing.assert_allclose(found.B, [2, 2 * np.exp(-0.36), *(first * apart[:2]), *again], rtol=1e-7)
    late = text.replace("</trigger>", f"</trigger><delay>{math(cn(1))}</delay>", 1)
    with pytest.raises(DeclarationError, match="changes the fast reaction F by values from before its delay"):
        read_sbml(quick(late), as_="ode")


def test_a_fast_reaction_that_an_event_starts():
    """k is 0 until 1, and then A -> B at once and B -> D at the rate 1, as in case 987 of the semantic suite."""
    both = species("A", 'initialAmount="1"') + species("B", 'initialAmount="0"') + species("D", 'initialAmount="0"')
    reactions = reaction("F", {"A": 1}, {"B": 1}, apply("times", ci("k"), ci("A")))
    slow = reaction("S", {"B": 1}, {"D": 1}, apply("times", ci("k"), ci("B")))
    text = document(
        Species=both,
        Parameters=parameter("k", 0),
        Reactions=reactions + slow,
        Events=event(apply("gt", TIME, cn(1)), {"k": cn(1)}),
    )
    found = run(quick(text), [0, 0.9, 1.5, 2])
    np.testing.assert_allclose(found.A, [1, 1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(found.D, [0, 0, 1 - np.exp(-0.5), 1 - np.exp(-1)], atol=1e-6)


def test_constants_that_are_infinite_or_no_number():
    """As in case 951 of the semantic suite: they are in the result, and nothing may use one that is infinite."""
    text = document(
        Parameters="".join(parameter(n, v, constant="true") for n, v in (("P", "INF"), ("Q", "-INF"), ("R", "NaN")))
    )
    system = read_sbml(text, as_="ode")
    found = sd.simulate(system, [0, 1], progress=False)
    for name, value in (("P", np.inf), ("Q", -np.inf), ("R", np.nan)):
        np.testing.assert_array_equal(found[name], [value, value])
    assert read_sbml(system.to_sbml(), as_="ode") == system
    assert sd.ODESystem.from_text("x' = 1; P := oo; Q := -oo; R := nan").observables.keys() >= {sp.Symbol("Q")}
    used = text.replace("</listOfParameters>", parameter("Z", 1) + "</listOfParameters>")
    used = used.replace("</listOfParameters>", "</listOfParameters><listOfRules>" + rate("Z", ci("P")) + "</listOfRules>")
    with pytest.raises(DeclarationError, match="P holds the number inf"):
        read_sbml(used, as_="ode")


@pytest.mark.parametrize("where", ["initial assignment", "rule"])
def test_formulas_that_are_infinite_or_no_number(where):
    values = {"P": "<infinity/>", "Q": apply("minus", "<infinity/>"), "R": "<notanumber/>"}
    if where == "rule":
        formulas = {"Rules": "".join(f'<assignmentRule variable="{n}">{math(v)}</assignmentRule>' for n, v in values.items())}
    else:
        inside = (f'<initialAssignment symbol="{n}">{math(v)}</initialAssignment>' for n, v in values.items())
        formulas = {"InitialAssignments": "".join(inside)}
    text = document(Parameters="".join(map(parameter, values)) + parameter("x", 2), **formulas)
    found = sd.simulate(read_sbml(text, as_="ode"), [0, 1], progress=False)
    for name, value in (("P", np.inf), ("Q", -np.inf), ("R", np.nan), ("x", 2)):
        np.testing.assert_array_equal(found[name], [value, value])
    rates = rate("x", ci("R"))
    old, new = ("</listOfRules>", f"{rates}</listOfRules>")
    if where != "rule":
        old, new = ("</listOfInitialAssignments>", f"</listOfInitialAssignments><listOfRules>{rates}</listOfRules>")
    used = text.replace(old, new)
    with pytest.raises(DeclarationError, match="R holds the number nan; expected finite numbers"):
        read_sbml(used, as_="ode")


def test_what_a_fast_species_was_before_the_start_is_its_value_in_the_file():
    """A -> B at once, and 2 A are added at 3: A is 4 before the start and 0 after it, B is 0 and then 4 and 6."""
    late = f'<apply><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/delay">d</csymbol>{ci("A")}{cn(1)}</apply>'
    parts = {
        "Species": species("A", 'initialAmount="4"') + species("B", 'initialAmount="0"'),
        "Parameters": parameter("p") + parameter("q"),
        "Rules": assign("p", late) + assign("q", apply("times", cn(2), late.replace(ci("A"), ci("B")))),
        "Events": event(apply("geq", TIME, cn(3)), {"A": apply("plus", ci("A"), cn(2))}),
    }
    found = run(quick(document(**parts, Reactions=reaction("F", {"A": 1}, {"B": 1}, ci("A")))), [0, 0.5, 1.5, 3.5, 4.5])
    np.testing.assert_allclose(found.p, [4, 4, 0, 0, 0], atol=1e-9)
    np.testing.assert_allclose(found.q, [0, 0, 8, 8, 12], atol=1e-9)
    delayed = document(**parts, Reactions=reaction("F", {"A": 1}, {"B": 1}, late))
    with pytest.raises(DeclarationError, match="A takes part in a fast reaction and is delayed in its rate"):
        read_sbml(quick(delayed), as_="ode")


# ---- round trips and the suite -------------------------------------------------------------------------


def test_what_is_written_from_an_ode_system_is_read_back():
    system = sd.ODESystem.from_text(
        "x' = a*x - x*y/(1 + x); y' = sin(t)*y - b*y; s := x + y; a = 1; b = 0.5; x(0) = 2*a; y(0) = 1"
    )
    back = read_sbml(system.to_sbml(), as_="ode")
    assert back.states == system.states
    assert all(sp.simplify(f - g) == 0 for f, g in zip(back.drift, system.drift, strict=True))
    assert (back.defaults, back.initial, back.observables) == (system.defaults, system.initial, system.observables)


def test_the_kind_of_a_file_is_said_once(tmp_path):
    (tmp_path / "m.xml").write_text(document(Parameters=parameter("x", 1), Rules=rate("x", cn(1))))
    assert read_model(tmp_path / "m.xml", "ode") == read_model(tmp_path / "m.xml", as_="ode")
    with pytest.raises(DeclarationError, match="kind is 'jump' and as_ is 'ode', which say the same"):
        read_model(tmp_path / "m.xml", "jump", as_="ode")


def test_maxima_are_written_as_pieces_which_version_1_has():
    x, y, k = sp.symbols("x y k")
    system = sd.ODESystem({x: sp.Max(x, y, k), y: sp.Min(x, y, 0)}, {k: 2})
    back = read_sbml(system.to_sbml(), as_="ode")
    for values in ({x: 1, y: 3, k: 2}, {x: 3, y: -1, k: 2}, {x: -5, y: -5, k: 7}):
        assert [f.subs(values) for f in back.drift] == [f.subs(values) for f in system.drift]


def test_algebraic_equations_are_written_and_read_back():
    x, z, k = sp.symbols("x z k")
    system = sd.ODESystem({x: -k * z}, {k: 2}, algebraic={z: z**3 + z - x}, initial={x: 2, z: 1})
    assert read_sbml(system.to_sbml(), as_="ode") == system


def test_events_are_written_and_read_back_and_inputs_are_refused():
    text = (
        "v' = I - v; n' = 0; I = 1.5; v(0) = 0; n(0) = 0; when v >= 1, v = 0, n = n + 1; when n > 2 delay 1 priority 2, n = 0"
    )
    system = sd.ODESystem.from_text(text)
    back = read_sbml(system.to_sbml(), as_="ode")
    assert back.events == system.events
    v, u = sp.Symbol("v"), sd.Path("u", [0, 1], [0, 1])
    with pytest.raises(DeclarationError, match="input u, a function of time"):
        sd.ODESystem({v: u - v}).to_sbml()


def test_equations_of_a_network_are_those_of_its_rates():
    net = sd.ReactionNetwork.from_text("A -> B, k; 2 B => A, c*B*(B - 1); 0 -> A, 3; k = 2; c = 0.1; A(0) = 5; B(0) = 4")
    found = read_sbml(net.to_sbml(), as_="ode")
    A, B, k, c = sp.symbols("A B k c")
    change = c * B * (B - 1)
    assert [sp.expand(f - g) for f, g in zip(found.drift, (3 - k * A + change, k * A - 2 * change), strict=True)] == [0, 0]


#: Not read: models in files that the archive does not have.
NOT_MET = {1167, 1473, 1476}


@pytest.mark.skipif(not ARCHIVE.exists(), reason="the archive of the SBML semantic suite is not here")
def test_cases_of_the_semantic_suite():
    """Every value within the tolerances of the settings: one case in eight; `python -m tests.io.semantic_suite` runs all."""
    sample = dict(sorted(cases(ARCHIVE).items())[::8])
    outcomes = {number: judge(files) for number, files in sample.items()}
    missed = {n: o for n, o in outcomes.items() if o not in ("passed", "flux balance") and int(n) not in NOT_MET}
    assert missed == {}
    assert sum(o == "passed" for o in outcomes.values()) >= 70
    networks = [beside_network(files) for files in sample.values()]
    assert set(networks) == {"same", "refused"}
    assert networks.count("same") >= 25
