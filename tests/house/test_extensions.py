"""Extensions, each one file in a temporary folder that imports `symdyn.extend` and the foreign packages that it needs."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn import extend

x, y, p, q, k = sp.symbols("x y p q k")


HAMILTONIAN = """
    from types import MappingProxyType

    import sympy as sp

    from symdyn import extend


    class HamiltonianSystem(extend.FlowVerbs, extend.System):
        '''Hamilton's equations q' = dH/dp, p' = -dH/dq of a separable H = T(p) + V(q).'''

        kind = "hamiltonian"
        sides = ("drift",)

        def __init__(self, hamiltonian, pairs, parameters=None, *, initial=None, observables=None, time="t", provenance=()):
            rates = {}
            for position, momentum in pairs:
                rates |= {position: sp.diff(hamiltonian, momentum), momentum: -sp.diff(hamiltonian, position)}
            rows = self.declare(
                rates, parameters=parameters, initial=initial, observables={"H": hamiltonian, **(observables or {})},
                time=time, provenance=provenance,
            )
            self.__dict__["drift"] = tuple(rows.values())
            self.__dict__["pairs"] = tuple(pairs)

        @classmethod
        def from_model(cls, model, options):
            raise NotImplementedError("a Hamiltonian system has no text")

        @classmethod
        def example(cls):
            q, p, k = sp.symbols("q p k")
            return cls(p**2 / 2 + k * q**2 / 2, [(q, p)], {k: 4}, initial={q: 1, p: 0})

        def equations(self):
            sides = zip(self.states, self.drift, strict=True)
            return [extend.Equation(f"{s}'", str(f), sp.latex(s) + "'", sp.latex(f)) for s, f in sides]


    extend.KINDS.register("hamiltonian", HamiltonianSystem)


    class Leapfrog(extend.FixedStepOptions):
        '''Stoermer and Verlet's leapfrog.'''

        method = "leapfrog"


    def step(system, symbols):
        h, now = symbols.h, dict(zip(system.states, system.drift, strict=True))
        kicked = {p: p + h / 2 * now[p] for _, p in system.pairs}
        moved = {q: q + h * now[q].xreplace(kicked) for q, _ in system.pairs}
        there = {**kicked, **moved}
        again = {p: kicked[p] + h / 2 * now[p].xreplace(moved) for _, p in system.pairs}
        return tuple({**there, **again}[s] for s in system.states)


    def applies(system):
        if isinstance(system, HamiltonianSystem):
            return None
        return f"it needs a separable HamiltonianSystem, not a {type(system).__name__}"


    extend.METHODS.register(
        "leapfrog",
        extend.FixedStepScheme(
            name="leapfrog", reference="Hairer, Lubich & Wanner, Geometric Numerical Integration (2006), I.3.1", order=2,
            step=step, applies=applies, options=Leapfrog,
        ),
    )
"""


def test_a_kind_with_its_method_is_simulated_studied_closed_and_recovered(load):
    made = load("hamiltonian", HAMILTONIAN)
    oscillator = made.HamiltonianSystem.example()  # q'' = -4 q: q = cos 2t
    times = np.linspace(0, 10, 51)
    exact = np.cos(2 * times)
    adaptive = sd.simulate(oscillator, times, rtol=1e-10, atol=1e-12, progress=False)
    assert abs(adaptive.q.values - exact).max() < 1e-8
    errors = []
    for h in (0.02, 0.01, 0.005):
        data = sd.simulate(oscillator, times, method="leapfrog", step=h, progress=False)
        errors.append(abs(data.q.values - exact).max())
        # the modified energy p^2/2 + (1 - h^2 k/4) k q^2/2 is conserved, so that H returns to 2 within h^2
        modified = data.p.values**2 / 2 + (1 - h**2) * 4 * data.q.values**2 / 2
        assert abs(modified - modified[0]).max() < 1e-12
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.05)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.05)
    assert sd.simulate(oscillator, times, method=made.Leapfrog(), step=0.01, progress=False).attrs["method"] == "leapfrog"
    # in lanes
    lanes = sd.simulate(oscillator, [0, 1.0], method="leapfrog", step=0.01, parameters={"k": [4.0] * 5}, progress=False)
    assert len(np.unique(lanes.q.sel(time=1).values)) == 1

    # studied: the origin is a centre with the frequency 2
    rest = sd.analysis.steady_states(oscillator)
    assert rest.q.values == pytest.approx([0])
    assert sorted(sd.analysis.stability(oscillator, {"q": 0, "p": 0}).eigenvalue.values.imag) == pytest.approx([-2, 2])

    # closed: <q^2>' = 2 <q p>, <p^2>' = -2 k <q p>, <q p>' = <p^2> - k <q^2>
    closed = oscillator.moments(2, None)
    rates = {str(s): f for s, f in zip(closed.states, closed.drift, strict=True)}
    assert sp.simplify(rates["E[q^2]"] - 2 * closed.moment(q=1, p=1)) == 0
    assert sp.simplify(rates["E[p^2]"] + 2 * k * closed.moment(q=1, p=1)) == 0

    # recovered: the force of a pendulum is unknown
    f = sp.Function("f")
    pendulum = made.HamiltonianSystem(p**2 / 2 - sp.cos(q), [(q, p)], initial={q: 1, p: 0})
    swing = sd.simulate(pendulum, np.linspace(0, 10, 101), progress=False)[["q", "p"]]
    hidden = pendulum.map_expressions(lambda e: f(q) if e == -sp.sin(q) else e)
    found = sd.recover(hidden, swing, library=[q, q**2, sp.sin(q)], surrogate=None, progress=False)
    assert isinstance(found.system, made.HamiltonianSystem)
    assert float(found.terms[f(q)].coeff(sp.sin(q))) == pytest.approx(-1, abs=1e-4)


def test_conformance_takes_up_a_kind_and_its_method(load, pytester_conformance):
    load("hamiltonian", HAMILTONIAN)
    assert "hamiltonian" in extend.KINDS
    assert pytester_conformance() == {"hamiltonian": True, "leapfrog": True}


@pytest.fixture
def pytester_conformance():
    """Whether the conformance tests are parametrised with what is registered, without a list of their own."""

    def run():
        from pathlib import Path

        folder = Path(__file__).parents[1] / "conformance"
        found = {}
        for name, file in (("hamiltonian", "test_kinds.py"), ("leapfrog", "test_methods.py")):
            spec = importlib.util.spec_from_file_location(f"conformance_{name}", folder / file)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            marks = [
                set(mark.args[1])
                for value in vars(module).values()
                for mark in getattr(value, "pytestmark", [])
                if mark.name == "parametrize" and mark.args[0] == "name"
            ]
            taken = marks or [set(module.KINDS)]
            found[name] = all(name in names for names in taken)
            if name == "leapfrog":
                module.test_lanes_and_backends_agree_to_the_last_bit("leapfrog", "numba")
                module.test_the_first_output_is_the_initial_value("leapfrog")
        return found

    return run


def test_a_closure(load):
    load(
        "skewless",
        """
        from symdyn import extend


        def express(index, moments):
            return 0


        extend.CLOSURES.register(
            "skewless",
            extend.Closure("skewless", express, kind="cumulant", definition="cumulants above the order vanish", reference="-"),
        )
        """,
    )
    net = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, c")
    mine, known = net.cumulants(2, "skewless"), net.cumulants(2, "normal")  # the normal closure says the same
    assert [sp.expand(a - b) for a, b in zip(mine.drift, known.drift, strict=True)] == [0, 0]


def test_a_runge_kutta_method(load):
    load(
        "bogacki_shampine",
        """
        from symdyn import extend


        class BogackiShampine(extend.AdaptiveOptions):
            '''A pair of orders 3 and 2.'''

            method = "bogacki-shampine"


        extend.METHODS.register(
            "bogacki-shampine",
            extend.ExplicitRungeKutta(
                name="bogacki-shampine",
                order=3,
                a=((1 / 2,), (0.0, 3 / 4), (2 / 9, 1 / 3, 4 / 9)),
                error=((2 / 9 - 7 / 24, 1 / 3 - 1 / 4, 4 / 9 - 1 / 3, -1 / 8),),
                error_order=2,
                dense=((1.0, -4 / 3, 5 / 9), (0.0, 1.0, -2 / 3), (0.0, 4 / 3, -8 / 9), (0.0, -1.0, 1.0)),
                dense_order=3,
                stiff_stage=2,
                stiffness_limit=2.5,
                reference="Bogacki & Shampine, Applied Mathematics Letters 2 (1989) 321-325",
                options=BogackiShampine,
            ),
        )
        """,
    )
    decay = sd.ODESystem({x: -x}, initial={x: 1})
    errors, steps = [], []
    for rtol in (1e-6, 1e-9):
        data = sd.simulate(decay, [0, 1.0], method="bogacki-shampine", rtol=rtol, atol=1e-14, progress=False)
        errors.append(abs(float(data.x.sel(time=1)) - np.exp(-1)))
        steps.append(int(data.steps))
    assert errors[0] < 1e-5
    assert errors[1] < 1e-8
    # the controller keeps the error of a step at the tolerance: a thousandth of it takes 10 times as many steps of order 3
    assert steps[1] / steps[0] == pytest.approx(10, rel=0.25)
    assert data.attrs["method"] == "bogacki-shampine"


def test_a_regressor(load):
    pytest.importorskip("sklearn", reason="regressors need the extra 'discover'")
    load(
        "proportional",
        """
        import numpy as np
        import sympy as sp
        from sklearn.base import BaseEstimator, RegressorMixin

        from symdyn import extend


        class Proportional(RegressorMixin, BaseEstimator):
            '''One coefficient times the product of all columns.'''

            def __init__(self, *, names=None, random_state=0):
                self.names = names
                self.random_state = random_state

            def fit(self, X, y, sample_weight=None):
                product = np.prod(X, axis=1)
                self.coef_ = float(product @ y / (product @ product))
                shape = sp.Mul(*self.names)
                loss = float(np.mean((y - self.coef_ * product) ** 2))
                e = sp.Float(self.coef_) * shape
                self.expressions_ = [extend.Candidate(e, extend.complexity_of(e), loss)]
                self.expression_ = e
                return self

            def predict(self, X):
                return self.coef_ * np.prod(X, axis=1)


        extend.REGRESSORS.register("proportional", Proportional)
        """,
    )
    f = sp.Function("f")
    times = np.linspace(0, 2, 21)
    data = {"t": times, "x": np.exp(-0.5 * times)}
    hidden = sd.ODESystem({x: f(x)})
    found = sd.recover(hidden, data, surrogate="smoothing", regressor="proportional", selection=False, progress=False)
    assert float(found.terms[f(x)].coeff(x)) == pytest.approx(-0.5, abs=1e-3)


def test_a_surrogate(load):
    load(
        "finite_difference",
        """
        import numpy as np

        from symdyn import extend


        class FiniteDifference:
            '''Unknown terms that are the only term of an equation, from differences of the data.'''

            name = "finite-difference"

            def __init__(self, **options):
                pass

            @staticmethod
            def applies(system, observations):
                if all(u in system.part("drift") for u in system.unknowns):
                    return None
                return "the surrogate 'finite-difference' needs unknown terms that stand alone"

            def fit(self, system, observations, *, seed=0, progress=None):
                times = tuple(t.times for t in observations.trajectories)
                states = tuple(t.values for t in observations.trajectories)
                terms = {}
                for u in system.unknowns:
                    place = system.part("drift").index(u)
                    columns = [system.states.index(a) for a in u.args]
                    slopes = [np.gradient(s[:, place], t, edge_order=2) for t, s in zip(times, states, strict=True)]
                    arguments = np.concatenate([s[:, columns] for s in states])
                    values = np.concatenate(slopes)
                    terms[u] = extend.TermSamples(arguments, values, np.ones(len(values)))
                return extend.SurrogateFit(times, states, terms, {})


        extend.SURROGATES.register("finite-difference", FiniteDifference)
        """,
    )
    pytest.importorskip("sklearn", reason="regressors need the extra 'discover'")
    f = sp.Function("f")
    times = np.linspace(0, 2, 41)
    found = sd.recover(
        sd.ODESystem({x: f(x)}), {"t": times, "x": np.exp(-0.5 * times)}, surrogate="finite-difference", regressor="sparse",
        progress=False,
    )  # fmt: skip
    assert found.surrogate is not None
    assert float(found.terms[f(x)].coeff(x)) == pytest.approx(-0.5, abs=1e-3)


def test_a_boundary_condition(load):
    load(
        "outflow",
        """
        from symdyn import extend

        extend.CONDITIONS.register("outflow", extend.Condition((0, 0, 1), 0))  # the second derivative along the normal vanishes
        """,
    )
    u, position = sp.symbols("u x")
    heat = sd.PDESystem({u: sd.laplacian(u)}, domain=(0, 1), boundary="outflow", initial={u: 1 + 2 * position})
    assert "Condition((0, 0, 1), 0) left" in repr(heat)
    for order in (2, 4, 6):
        # a straight line meets it and is at rest
        data = sd.simulate(heat.discretize(20, order=order), [0, 0.1], rtol=1e-8, progress=False)
        assert abs(data.u.isel(time=-1).values - (1 + 2 * data.x.values)).max() < 1e-6
    # x^2 + 2 t solves the equation; its second derivative at the walls is 2
    driven = sd.PDESystem(
        {u: sd.laplacian(u)}, domain=(0, 1), boundary=extend.Condition((0, 0, 1), 2), initial={u: position**2}
    )
    data = sd.simulate(driven.discretize(20, order=4), [0, 0.1], rtol=1e-8, progress=False)
    assert abs(data.u.isel(time=-1).values - (data.x.values**2 + 0.2)).max() < 1e-6
    with pytest.raises(sd.DeclarationError, match='expected "periodic", "no-flux", "outflow", Dirichlet'):
        sd.PDESystem({u: sd.laplacian(u)}, domain=(0, 1), boundary="inflow")


def test_finite_differences_of_a_further_order(load):
    load(
        "eighth_order",
        """
        from symdyn import extend


        def cell(derivative):
            offsets = tuple(range(-4, 5))
            return extend.Stencil(offsets, tuple(extend.weights(offsets, derivative).tolist()))


        def face(derivative):
            offsets = tuple(range(-4, 4))
            return extend.Stencil(offsets, tuple(extend.weights([k + 0.5 for k in offsets], derivative).tolist()))


        extend.STENCILS.register("8", extend.Differences(8, cell, face, "Fornberg, Mathematics of Computation 51 (1988) 699"))
        """,
    )
    u, position = sp.symbols("u x")
    heat = sd.PDESystem({u: sd.laplacian(u)}, domain=(0, 2 * np.pi), boundary="periodic", initial={u: sp.sin(position)})
    errors = []
    for n in (12, 24):
        grid = heat.discretize(n, order=8)
        rates = grid.model().rates(np.sin(grid.centers[0]), 0.0, np.empty(0))
        errors.append(abs(rates + np.sin(grid.centers[0])).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(8, abs=0.3)
    with pytest.raises(sd.DeclarationError, match="order 2, 4, 6 or 8"):
        heat.discretize(10, order=3)
