"""A tableau in one file serves ODEs, cards, fields, colonies and the candidates of a recovery."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.discover.whole.fits import Fitter
from symdyn.discover.whole.problem import prepared
from symdyn.discover.whole.states import declared
from symdyn.discover.whole.terms import CandidateTerm, EquationModel
from symdyn.inference.data import observations
from tests.cuda.conftest import run_simulated

x = sp.Symbol("x")
DOPRI5 = """
    from symdyn import extend


    class Dopri5(extend.AdaptiveOptions):
        '''The pair of orders 5 and 4 of Dormand & Prince.'''

        method = "dopri5"


    extend.METHODS.register(
        "dopri5",
        extend.ExplicitRungeKutta(
            name="dopri5",
            order=5,
            a=(
                (1 / 5,),
                (3 / 40, 9 / 40),
                (44 / 45, -56 / 15, 32 / 9),
                (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
                (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
                (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
            ),
            error=((71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40),),
            error_order=4,
            dense=(
                (1.0, -8048581381 / 2820520608, 8663915743 / 2820520608, -12715105075 / 11282082432),
                (),
                (0.0, 131558114200 / 32700410799, -68118460800 / 10900136933, 87487479700 / 32700410799),
                (0.0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072),
                (0.0, 127303824393 / 49829197408, -318862633887 / 49829197408, 701980252875 / 199316789632),
                (0.0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844),
                (0.0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423),
            ),
            dense_order=4,
            stiff_stage=5,
            stiffness_limit=3.3,
            reference="Dormand & Prince, Journal of Computational and Applied Mathematics 6 (1980) 19-26; "
            "Shampine, Mathematics of Computation 46 (1986) 135-150",
            options=Dopri5,
        ),
    )
"""
ON_CARD = """
import importlib.util
spec = importlib.util.spec_from_file_location("dopri5", {path!r})
spec.loader.exec_module(importlib.util.module_from_spec(spec))
x = sp.Symbol("x")
system = sd.ODESystem({{x: x * sp.cos(sp.Symbol("t"))}})
times = np.linspace(0, 6, 301)
for rtol in (1e-6, 1e-9):
    run = sd.compile(system, method="dopri5", target="cuda", until=x < 0.9)([[1.0]], [[]], times, rtol=rtol, atol=0.1 * rtol)
    results[f"x {{rtol}}"], results[f"steps {{rtol}}"], results[f"passage {{rtol}}"] = run.values, run.steps, run.passage
"""


def test_it_serves_lanes_and_cards(load):
    """x' = x cos t from 1: x = exp(sin t), below 0.9 first at pi - arcsin(log 0.9)."""
    made = load("dopri5", DOPRI5)
    system, times = sd.ODESystem({x: x * sp.cos(sp.Symbol("t"))}), np.linspace(0, 6, 301)
    passage = np.pi - np.arcsin(np.log(0.9))
    exact = np.exp(np.sin(np.minimum(times, passage)))
    runs = {"cpu": {}, "card": {}}
    for rtol in (1e-6, 1e-9):
        kernel = sd.compile(system, method=made.Dopri5(), until=x < 0.9, lanes=8)
        run = kernel([[1.0]], [[]], times, rtol=rtol, atol=0.1 * rtol)
        runs["cpu"] |= {f"x {rtol}": run.values, f"steps {rtol}": run.steps, f"passage {rtol}": run.passage}
    if importlib.util.find_spec("numba_cuda"):
        runs["card"], failure = run_simulated(ON_CARD.format(path=made.__file__))
        assert not failure, failure
        np.testing.assert_allclose(runs["card"]["x 1e-09"], runs["cpu"]["x 1e-09"], rtol=1e-12)
    for found in filter(None, runs.values()):
        for rtol in (1e-6, 1e-9):
            np.testing.assert_allclose(found[f"x {rtol}"][0, :, 0], exact, rtol=30 * rtol)
            assert found[f"passage {rtol}"][0] == pytest.approx(passage, abs=30 * rtol)
        # a thousandth of the tolerance takes 1000^(1/5) = 4 times as many steps of order 5
        assert found["steps 1e-09"][0] / found["steps 1e-06"][0] == pytest.approx(4, rel=0.25)


@pytest.mark.parametrize("scheme", ["finite differences", "spectral"])
def test_it_integrates_fields(load, scheme):
    """u' = D u_xx - u cos(t)/2 on a circle: waves of the grid decay at a known rate."""
    load("dopri5", DOPRI5)
    pde = sd.PDESystem.from_text(
        "u' = 0.01*laplacian(u) - u*cos(t)/2", domain=(0, 1), boundary="periodic", initial={"u": "1 + sin(2*pi*x)"}
    )
    n, times = 16, np.array([0.0, 1.0, 2.5])
    steps = {}
    for rtol in (1e-5, 1e-8):
        data = sd.simulate(
            pde.discretize(n, scheme=scheme), times, method="dopri5", rtol=rtol, atol=rtol / 100, progress=False
        )  # fmt: skip
        rate = 0.01 * ((2 * n * np.sin(np.pi / n)) ** 2 if scheme != "spectral" else (2 * np.pi) ** 2)
        wave = np.exp(-rate * times)[:, None] * np.sin(2 * np.pi * data.x.values)
        exact = np.exp(-np.sin(times) / 2)[:, None] * (1 + wave)
        np.testing.assert_allclose(data.u, exact, atol=30 * rtol)
        steps[rtol] = int(data.steps)
    assert steps[1e-8] > steps[1e-5]


def test_it_integrates_colonies(load):
    """Without influx a cell approaches rest whatever the bulk does: v' = 1 - (1 + 2 pi d/tau) v, with the mesh's perimeter."""
    load("dopri5", DOPRI5)
    pytest.importorskip("skfem")
    cell = sd.BulkCellSystem(
        domain=sd.Disk(1), radius=0.1, centers=[(0, 0)], secreted="v", influx=0, efflux=0.2,
        kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 0.01, "tau": 5},
    )  # fmt: skip
    full = cell.full(mesh=0)
    options = dict(initial={"v_1": 0, "U": 0}, rtol=1e-8, atol=1e-11, progress=False)
    data, other = (sd.simulate(full, [0.0, 0.5], method=method, **options) for method in ("dopri5", "imex"))
    rate = 1 + full.elements.matrices(full.values())[0].loss[0]
    assert float(data.v_1[-1]) == pytest.approx((1 - np.exp(-rate * 0.5)) / rate, rel=1e-7)
    assert float(data.U[-1]) == pytest.approx(float(other.U[-1]), rel=1e-6)


def test_it_integrates_the_candidates_of_a_recovery(load):
    load("dopri5", DOPRI5)
    t = np.linspace(0, 6, 61)
    frame = {"t": t, "x": np.cos(t), "y": -np.sin(t)}
    seen = observations(declared(frame), frame)
    terms = [(0, CandidateTerm((0, 1)), 1.1, []), (1, CandidateTerm((1, 0)), -0.9, []), (1, CandidateTerm((0, 1)), 0.1, [])]
    guess, made = EquationModel(2, terms), {}
    for name in ("tsit5", "dopri5"):
        fitter = Fitter(prepared(seen, method=name))
        cut = fitter.problem.cut(2)
        tight = fitter.problem.integration.scaled(1e-3)
        made[name] = fitter.over(guess, cut, fitter.problem.smooth[cut[:, 0]], integration=tight)
        assert made[name].info[0] == 1
        # the fit of the rotation x' = y, y' = -x
        found = fitter.fit(guess, fitter.problem.smooth[cut[:, 0]], 2, 30)
        np.testing.assert_allclose(found.model.theta, [1, -1, 0], atol=1e-6)
    one, other = made.values()
    assert one.info[3] != other.info[3]  # steps
    for mine, yours in zip(one.arrow, other.arrow, strict=True):
        np.testing.assert_allclose(mine, yours, rtol=1e-6, atol=1e-6 * abs(yours).max())
