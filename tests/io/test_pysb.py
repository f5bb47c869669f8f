"""Rule-based models of PySB: networks and courses as BioNetGen 2.9.3 has them, symmetries, and what is refused."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import DeclarationError
from symdyn.io.models import read_model

#: Dimers of like molecules, rules on one of them, complexes that vanish, and molecules that stay as they are.
LIKE = """
Monomer('A', ['x', 'y', 's'], {'s': ['u', 'p']})
Monomer('B', ['a', 'b'])
Monomer('C')
Parameter('k1', 0.013); Parameter('k2', 0.31); Parameter('k3', 0.07); Parameter('k4', 0.21); Parameter('k5', 0.002)
Parameter('k6', 0.05); Parameter('A0', 10); Parameter('B0', 7); Parameter('C0', 3.0)
Initial(A(x=None, y=None, s='u'), A0); Initial(B(a=None, b=None), B0); Initial(C(), C0)
Rule('dimer', A(x=None) + A(x=None) | A(x=1) % A(x=1), k1, k2)
Rule('trans', A(x=1, s='u') % A(x=1) >> A(x=1, s='p') % A(x=1), k3)
Rule('bind', A(y=None) + B(a=None) | A(y=1) % B(a=1), k4, k2)
Rule('mixed', A(y=None, s='p') + A(y=None) >> A(y=None, s='u') + A(y=None), k5)
Rule('kill', B(a=ANY) >> None, k6)
Rule('three', C() + C() + C() >> C(), k1)
Rule('two', C() + C() >> None, k5)
Rule('birth', None >> A(x=None, y=None, s='u'), k4)
Rule('catalysis', C() + A(s='u') >> C() + A(s='p'), k3)
Rule('drop', A(x=1, s='p') % A(x=1, s='p') >> A(x=None, s='u') + A(x=None, s='u'), k2)
Observable('dimers', A(x=1) % A(x=1))
Observable('dimer_species', A(x=1) % A(x=1), match='species')
Observable('Au', A(s='u')); Observable('Bb', B(a=ANY)); Observable('Bf', B(a=None)); Observable('Cc', C())
Observable('several', A(s='u') + B())
"""
#: Chains of two that close to rings, and molecules that vanish alone.
RINGS = """
from pysb import *
Model('rings')
Monomer('X', ['l', 'r', 'm'], {'m': ['u', 'v']})
kf = Parameter('kf', 0.02); kr = Parameter('kr', 0.3)
Parameter('kc', 2*0.3); Parameter('X0', 6); Parameter('km', 0.1)
Initial(X(l=None, r=None, m='u'), X0)
Rule('grow', X(l=None, r=None) + X(l=None, r=None) | X(l=None, r=1) % X(l=1, r=None), kf, kr)
Rule('close', X(l=None, r=1) % X(l=1, r=None) | X(l=2, r=1) % X(l=1, r=2), kc, kr)
Rule('mark', X(l=ANY, m='u') >> X(l=ANY, m='v'), km)
Rule('gone', X(m='v', l=None) >> None, km, delete_molecules=True)
Rule('left', X(m='v', l=1) % X(r=1) >> X(r=None), km, delete_molecules=True)
Observable('ring', X(l=1, r=2) % X(l=2, r=1))
Observable('free', X(l=None, r=None)); Observable('marked', X(m='v')); Observable('all', X())
"""
#: A compartment with a size, and a rate that depends on observables.
SIZES = """
Parameter('V', 2.5)
Compartment('cell', None, 3, V)
Monomer('A'); Monomer('B', ['s'], {'s': ['x', 'y']})
Parameter('k1', 0.1); Parameter('k2', 0.2); Parameter('k3', 0.3); Parameter('A0', 10); Parameter('B0', 4)
Initial(A() ** cell, A0); Initial(B(s='x') ** cell, B0)
Rule('r1', A() ** cell + B(s='x') ** cell >> B(s='y') ** cell, k1)
Rule('r2', B(s='y') ** cell >> A() ** cell + B(s='x') ** cell, k2)
Rule('r3', A() ** cell + A() ** cell >> A() ** cell, k3)
Rule('r4', None >> A() ** cell, k3)
Observable('oa', A()); Observable('by', B(s='y'))
Expression('e', oa*k1/(1 + by))
Rule('r5', B(s='y') >> B(s='x'), e)
"""
#: Patterns that count once, observables of complexes that fit two patterns, and a molecule that vanishes while it holds others.
ONCE = """
Monomer('A', ['x', 's'], {'s': ['u', 'p']}); Monomer('B', ['a', 'c']); Monomer('C', ['x'])
Parameter('k1', 0.05); Parameter('k2', 0.1); Parameter('k3', 0.2); Parameter('n', 6)
Initial(A(x=None, s='u'), n); Initial(B(a=None, c=None), n); Initial(C(x=None), n)
Rule('d', A(x=None) + A(x=None) | A(x=1) % A(x=1), k1, k2)
Rule('m', MatchOnce(A(x=1) % A(x=1)) + C() >> MatchOnce(A(x=1) % A(x=1)), k3)
Rule('both', MatchOnce(A(x=1, s='u') % A(x=1, s='u')) >> MatchOnce(A(x=1, s='p') % A(x=1, s='p')), k3)
Rule('one', MatchOnce(A(s='p')) >> MatchOnce(A(s='u')), k1)
Rule('ab', A(x=None) + B(a=None) | A(x=1) % B(a=1), k1, k2)
Rule('bc', B(c=None) + C(x=None) | B(c=1) % C(x=1), k1, k2)
Rule('vanish', A(x=1) % B(a=1) >> A(x=None), k3)
Observable('P', A(s='p')); Observable('Bs', B()); Observable('Cs', C()); Observable('dimers', A(x=1) % A(x=1))
Observable('any', A(s='p') + A(x=ANY) + C(), match='species')
"""
#: Complexes, reactions, and observables after 1 and 20, by BioNetGen 2.9.3 and lsoda at 1e-10.
KNOWN = {
    "like": (LIKE, 16, 118, {
        "dimers": (0.985684122, 1.86929921), "dimer_species": (0.492842061, 0.934649603), "Au": (8.23459058, 3.86516507),
        "Bb": (4.54327169, 2.66998788), "Bf": (2.29696392, 0.557266053), "Cc": (2.68681808, 1.21268309),
        "several": (15.0748262, 7.09241901),
    }),
    "rings": (RINGS, 9, 26, {
        "ring": (0.234563328, 0.877547023), "free": (4.96486595, 2.88897984), "marked": (0.0311722492, 0.955021705),
        "all": (5.99892017, 4.69741665),
    }),
    "once": (ONCE, 12, 40, {
        "P": (0.0603107678, 1.65204082), "Bs": (5.83663959, 1.02376367), "Cs": (5.63337988, 0.103555877),
        "dimers": (1.07409941, 2.41266043), "any": (7.28691081, 2.92819763),
    }),
    "sizes": (SIZES, 3, 5, {"oa": (4.55502909, 2.31166143), "by": (0.679367816, 0.892421128)}),
}  # fmt: skip
PAIR = "Monomer('A', ['b']); Monomer('B', ['s'], {'s': ['u', 'p']}); Parameter('k', 1); Parameter('n', 2)\n"


@pytest.mark.parametrize("name", KNOWN)
def test_networks_and_courses_are_those_of_bionetgen(name):
    text, species, reactions, known = KNOWN[name]
    net = sd.read_pysb(text)
    assert len({(*r.reactants.items(), "->", *r.products.items()) for r in net.reactions}) == reactions
    system = sd.read_pysb(text, as_="ode")
    assert len(system.states) == species
    data = sd.simulate(system, [0, 1, 20], rtol=1e-10, atol=1e-10, progress=False)
    for observable, values in known.items():
        np.testing.assert_allclose(data[observable][1:], values, rtol=1e-7)


def test_pairs_of_like_molecules_count_once():
    net = sd.read_pysb("Monomer('A'); Monomer('B'); Parameter('k', 3); Initial(A(), k)\nRule('d', A() + A() >> B(), k)")
    k, n = sp.symbols("k A")
    assert sp.expand(net.propensities[0] - k * n * (n - 1) / 2) == 0
    (drift, _) = net.rate_equations().drift
    assert sp.expand(drift + k * n**2) == 0


def test_a_model_that_was_built_is_read_from_what_it_prints():
    class Component:
        def __init__(self, text):
            self.text = text

        def __repr__(self):
            return self.text

    names = {
        "Parameter": "parameters",
        "Monomer": "monomers",
        "Rule": "rules",
        "Initial": "initials",
        "Observable": "observables",
    }
    built = SimpleNamespace(**{n: [] for n in (*names.values(), "compartments", "expressions", "components")})
    for line in LIKE.replace(";", "\n").split("\n"):
        if line.strip():
            part = Component(line.strip())
            getattr(built, names[line.strip().partition("(")[0]]).append(part)
            built.components.append(part)
    assert sd.read_pysb(built) == sd.read_pysb(LIKE)


def test_files_and_conditions_of_fits(tmp_path):
    """A conversion with the solution x = k2/(k1 + k2) + (x0 - k2/(k1 + k2)) exp(-(k1 + k2) t)."""
    text = """
    Compartment('c'); Monomer('A_'); Monomer('B_')
    Parameter('a0', 1.0); Parameter('b0', 0.0); Parameter('k1', 0.0); Parameter('k2', 0.6)
    Rule('conversion', A_() ** c | B_() ** c, k1, k2)
    Initial(A_() ** c, a0); Initial(B_() ** c, b0)
    """
    (tmp_path / "model.py").write_text("\n".join(map(str.strip, text.splitlines())))
    assert sd.read_pysb(tmp_path / "model.py") == sd.read_pysb(str(tmp_path / "model.py")) == read_model(tmp_path / "model.py")
    assert read_model(tmp_path / "model.py", "ode") == sd.read_pysb(tmp_path / "model.py", as_="ode")
    tables = {
        "parameters": "parameterId\testimate\tnominalValue\tlowerBound\tupperBound\nk1\ttrue\t0.8\t0\t10",
        "conditions": "conditionId\ttargetId\ttargetValue\nfirst\tA\t0.7\nfirst\tB\t0.3",
        "experiments": "experimentId\ttime\tconditionId\ne\t0\tfirst",
        "observables": "observableId\tobservableFormula\tnoiseFormula\nobs\tA\t0.5",
        "measurements": "observableId\texperimentId\ttime\tmeasurement\nobs\te\t1\t0.7\nobs\te\t10\t0.1",
        "mapping": "petabEntityId\tmodelEntityId\nA\tA_() ** c\nB\tB_() ** c",
    }
    for name, table in tables.items():
        (tmp_path / f"{name}.tsv").write_text(table)
    files = "\n".join(f"{name.removesuffix('s') if name != 'mapping' else name}_files: [{name}.tsv]" for name in tables)
    (tmp_path / "p.yaml").write_text(
        f"format_version: 2.0.0\nmodel_files: {{m: {{language: pysb, location: model.py}}}}\n{files}"
    )
    problem = sd.read_petab(tmp_path / "p.yaml")
    t, rest = np.array([1, 10]), 0.6 / 1.4
    exact = rest + (0.7 - rest) * np.exp(-1.4 * t)
    residual = (np.array([0.7, 0.1]) - exact) / 0.5
    assert problem.chi2({"k1": 0.8}) == pytest.approx((residual**2).sum(), rel=1e-6)
    (tmp_path / "mapping.tsv").write_text(tables["mapping"] + "\nk2\tA_() ** c")
    with pytest.raises(DeclarationError, match="the model has a component of that name"):
        sd.read_petab(tmp_path / "p.yaml")


#: A surface between two volumes.
SURFACE = """
Compartment('out'); Compartment('skin', out, 2); Compartment('cell', skin, 3)
Monomer('L', ['r']); Monomer('R', ['l']); Monomer('G'); Parameter('k', 1.0)
Initial(L(r=None) ** out, k); Initial(R(l=None) ** skin, k); Initial(G() ** cell, k)
Rule('bind', L(r=None) ** out + R(l=None) ** skin >> L(r=1) ** out % R(l=1) ** skin, k)
Rule('act', G() + R(l=ANY) >> R(l=ANY), k)
"""


def test_molecules_react_where_compartments_touch():
    assert len(sd.read_pysb(SURFACE).reactions) == 2  # a complex at the surface is one of the surface
    with pytest.raises(DeclarationError, match="the rule far is of molecules in cell and out, which are no surface"):
        sd.read_pysb(SURFACE + "Rule('far', G() + L() >> L(), k)\n")
    with pytest.raises(DeclarationError, match="the complex L_R has a bond from"):
        sd.read_pysb(SURFACE.replace("'cell', skin", "'cell', out") + "Rule('go', L(r=ANY) ** out >> L(r=ANY) ** cell, k)\n")
    with pytest.raises(DeclarationError, match="G of the complex G has no compartment"):
        sd.read_pysb(SURFACE + "Rule('born', None >> G(), k)\n")


def test_names_of_reactions_leave_those_of_components():
    text = "Monomer('A'); Parameter('r_1', 3); Initial(A(), r_1)\nRule('r', A() >> None, r_1)\n"
    assert sd.read_pysb(text, as_="ode").drift[0].subs({"A": 2, "r_1": 3}) == -6
    assert sd.read_pysb(text.replace("3)", "np.float64(3.0))")) == sd.read_pysb(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("from base import model\n" + PAIR, "line 1: from base import model may bring components"),
        ("from base import *\n" + PAIR, "line 1: from base import * may bring components"),
        (PAIR + "if __name__ != 'a':\n    Rule('r', A(b=None) >> None, k)", "is no component of a model"),
        (PAIR + "Parameter('A', 1)", "line 2: there are two components A"),
        (PAIR + "Parameter('time', 1)", "no component can be called time"),
        (PAIR + "Rule('r', B(s='u') >> B(s=None), k)", "the rule r: the state of the site s of B is lost"),
        (PAIR + "Expression('e', (2*k)**(10**9))", "has an exponent beyond 1000"),
        (PAIR + "Expression('e', ((3*k)**900)**900)", "line 2: "),
        (PAIR + f"Expression('e', Max({'k, ' * 300}n))", "has more than 50 arguments"),
        (PAIR + "Expression('e', sin(k, n))", "sin(k, n) has 2 arguments, which sin does not take"),
        ("Parameter('k', (-8)**(1/3))", "joins what cannot be joined"),
        ("Parameter('k', 0x" + "f" * 9999 + ")", "is no finite number"),
        ("Parameter('k', 1, name='q')", "has the argument 'name' twice"),
        ("Monomer('A', ['s', 5])", "its sites and lists of their states are to be texts"),
        ("Monomer('A', ['s'], {'s': 'up'})", "its sites and lists of their states are to be texts"),
        ("for i in range(3): Monomer(f'A{i}')", "line 1: for i in range(3)"),
        ("__import__('os').system('true')", "is no component of a model"),
        ("x = open('secret')", "open('secret') is not read"),
        ("from pysb.macros import *\nbind(A, 'b', B, 'a', [1, 2])", "line 2: bind(A, 'b', B, 'a', [1, 2]) is no component"),
        ("Monomer('A'", "it is no Python text"),
        ("(" * 100_000, "it is no Python text"),
        (PAIR + "Rule('r', A(b=1) >> A(b=None), k)", "the bond 1 has 1 ends; expected two"),
        (PAIR + "Rule('r', B(s='x') >> B(s='u'), k)", "the site s of B has no state 'x'; its states: 'u', 'p'"),
        (PAIR + "Rule('r', A(c=None) >> None, k)", "A has no site 'c'; its sites: b"),
        (PAIR + "Rule('r', A(b=None) >> B(), k)\nInitial(A(b=None), n)", "the rule r: B needs a state of its site s: 'u', 'p'"),
        (PAIR + "Rule('r', A(b=ANY) >> A(b=None), k)\nInitial(A(b=None), n)", "bond of the site b of A whose other end is not"),
        (PAIR + "Rule('r', A(b=None) | B(s='u'), k)", "the rule r needs two rates"),
        (PAIR + "Rule('r', A(b=None) >> B(s='u'), q)", "q is not declared before it is used"),
        (PAIR + "Rule('r', A(b=None) >> B(s='u'), k, energy=True)", "energy=True, which is not read"),
        (PAIR + "Initial(A(b=1) % A(b=1), n); Initial(A(b=3) % A(b=3), k)", "the complex A_A has two initial values"),
        ("Parameter('k', 9**9**9)", "line 1"),
        ("Parameter('k', " + "-" * 900 + "1)", "line 1: it is nested deeper than 200 levels"),
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused(text, message):
    with pytest.raises(DeclarationError, match=re.escape(message)):
        sd.read_pysb(text + "\n")


def test_sums_of_a_thousand_terms_are_read():
    text = f"Monomer('A'); Parameter('n', 2)\nObservable('a', A()); Initial(A(), n); Expression('e', {'a + ' * 1000}a*n)\n"
    text += "Rule('r', A() >> None, e)\n"
    assert sd.read_pysb(text, as_="ode").drift[0].subs({"A": 3, "n": 2}) == -3 * (1000 * 3 + 3 * 2)


def test_rates_may_depend_on_time():
    text = "Monomer('A'); Parameter('k', 3); Initial(A(), k)\nExpression('e', k*exp(-time)); Rule('r', None >> A(), e)\n"
    data = sd.simulate(sd.read_pysb(text, as_="ode"), [0, 1, 2], rtol=1e-9, progress=False)
    np.testing.assert_allclose(data.A, 3 + 3 * (1 - np.exp(-data.time)), rtol=1e-7)
    assert sd.read_pysb(text).time_dependent


def test_networks_without_end_are_cut_off():
    chain = """
    Monomer('A', ['l', 'r']); Parameter('k', 1)
    Initial(A(l=None, r=None), k)
    Rule('grow', A(r=None) + A(l=None) >> A(r=1) % A(l=1), k)
    """
    with pytest.raises(DeclarationError, match="more than species=30 complexes; raise species="):
        sd.read_pysb("\n".join(map(str.strip, chain.splitlines())), species=30)
    for option in ({"species": 0}, {"reactions": True}, {"as_": "sde"}):
        with pytest.raises(DeclarationError, match=f"^{next(iter(option))} is"):
            sd.read_pysb("Monomer('A')\n", **option)
