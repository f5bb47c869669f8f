"""Samplers: tables, exact solutions, bits, cards, and clear errors."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import symdyn as sd
from benchmarks.sampler_table import Mixture, clock, follow, rms
from benchmarks.sampler_table import nodes as evenly
from symdyn.errors import CompileError, DeclarationError
from symdyn.methods.clocks import NodeClock
from symdyn.methods.samplers import SamplerScheme
from tests.transport.beds import FIRST, LAST, b, error, line, preserving, ring, schedule, x
from tests.transport.recursions import recursion

y, t, k = sp.symbols("y t k")
SAMPLERS = [name for name, scheme in sd.METHODS.items() if isinstance(scheme, SamplerScheme)]
LEAPFROGS = ("bdia", "o-belm")
#: Cells of the sheet's table, for bed A and B: method, evaluations, best spacing and error in two digits.
CELLS_LINE = [
    ("ddim", 10, "time", 0.24), ("heun-edm", 20, "time", 0.086), ("dpm-solver-2", 10, "quadratic", 0.20),
    ("dpm-solver-3", 15, "quadratic", 0.046), ("dpm-solver++2m", 20, "log-snr", 0.021), ("exp-ab2", 10, "quadratic", 0.090),
    ("dpm-solver++3m", 20, "quadratic", 0.013), ("deis-tab1", 10, "time", 0.11), ("deis-tab2", 10, "quadratic", 0.066),
    ("deis-tab3", 15, "quadratic", 0.015), ("deis-rhoab3", 15, "time", 0.066), ("pndm", 15, "karras", 0.21),
    ("ipndm", 10, "quadratic", 0.046), ("unipc-2", 15, "quadratic", 0.024), ("unipc-3", 20, "quadratic", 0.012),
    ("bdia", 10, "quadratic", 0.066), ("o-belm", 20, "time", 0.043),
]  # fmt: skip
CELLS_RING = [
    ("dpm-solver++2m", 20, "quadratic", 0.00887),
    ("deis-tab3", 20, "quadratic", 0.00349),
    ("unipc-3", 10, "log-snr", 0.095),
]


@pytest.mark.parametrize(("method", "evaluations", "spacing", "known"), CELLS_LINE)
def test_errors_on_a_line_against_the_quantile_map(method, evaluations, spacing, known):
    assert error(line(), method, evaluations, spacing) == pytest.approx(known, rel=0.06 if known > 0.03 else 0.04)


@pytest.mark.parametrize(("method", "evaluations", "spacing", "known"), CELLS_RING)
def test_errors_on_a_ring_against_dop853(method, evaluations, spacing, known):
    assert error(ring(), method, evaluations, spacing) == pytest.approx(known, rel=0.01)


#: Orders in steps that are even in the signal-to-noise ratio, where errors of the first steps are damped: as many as there are
#: points, at most that of the corrector, and 2 for constant weights.
ORDERS = {
    "ddim": 1, "heun-edm": 2, "dpm-solver-2": 2, "dpm-solver-3": 3, "dpm-solver++2m": 2, "exp-ab2": 2, "dpm-solver++3m": 3,
    "deis-tab1": 2, "deis-tab2": 3, "deis-tab3": 4, "deis-rhoab3": 4, "pndm": 2, "ipndm": 2, "unipc-2": 3, "unipc-3": 4,
    "bdia": 2, "o-belm": 2, "planned": 2,
}  # fmt: skip


def test_the_methods_below_are_all_samplers_but_those_that_need_statistics():
    assert {*ORDERS, *(f"dpm-solver-v3-{k}" for k in (1, 2, 3))} == set(SAMPLERS)  # the three: test_dpm_solver_v3.py


@cache
def random_mixture(seed):
    """The prediction of noise in numpy, where the noise has some quantiles, and where the data have these."""
    rng, process = np.random.default_rng(seed), preserving(x)
    count = int(rng.integers(2, 5))
    weights, means, stds = rng.uniform(0.2, 1, count), rng.uniform(-2, 2, count), rng.uniform(0.3, 0.7, count)
    noised = process.marginal(sd.transport.GaussianMixture(weights.tolist(), means.tolist(), stds.tolist()))
    q = (np.arange(64) + 0.5) / 64
    mixture = Mixture(weights / weights.sum(), means[:, None], stds[:, None, None] ** 2)
    return mixture.noise, noised.at(FIRST).quantile(q)[:, None], noised.at(LAST).quantile(q)[:, None]


@pytest.mark.parametrize("method", ORDERS)
def test_random_mixtures_against_their_quantile_maps(method):
    """Tables followed in numpy, as kernels are below; a far mode of the first mixture hides orders in longer steps."""
    tables = [sd.METHODS[method].table([clock(evenly(steps, "log-snr"))], {"gamma": 1.0}) for steps in (320, 640)]
    for seed in (7, 8):
        noise, start, exact = random_mixture(seed)
        errors = [rms(follow(table, start, noise), exact) for table in tables]
        assert np.log2(errors[0] / errors[1]) == pytest.approx(ORDERS[method], abs=0.4)
        assert errors[1] < (0.04 if method == "ddim" else 3e-4)


@pytest.mark.parametrize("method", ORDERS)
def test_normal_data_make_every_sampler_a_scalar_recursion(method):
    process = preserving(x)
    flow = process.probability_flow(process.marginal(sd.transport.Normal(0, 0.5)))
    for nodes in (np.linspace(FIRST, LAST, 8), np.linspace(np.sqrt(FIRST), np.sqrt(LAST), 6) ** 2):
        out = sd.simulate(flow, nodes, initial={x: 1}, method=method, progress=False)
        assert float(out.x[-1]) == pytest.approx(recursion(method, nodes, 0.25), rel=1e-9)


@pytest.mark.parametrize("method", SAMPLERS)
def test_bits_do_not_depend_on_lanes_threads_and_chunks(method):
    flow, start, _ = ring(64)
    nodes = sd.transport.nodes(flow, 13, span=(FIRST, LAST))
    initial = {name: xr.DataArray(v[:45], dims="trajectory") for name, v in start.items()}
    found = []
    for layout in (None, sd.Layout(lanes=1), sd.Layout(lanes=16, threads=2, chunk=7)):
        out = sd.simulate(
            flow, [FIRST, LAST], initial=initial, trajectories=45, method=sd.METHODS[method].options(nodes=nodes),
            layout=layout, progress=False,
        )  # fmt: skip
        found.append(np.stack([out.x.values, out.y.values]).tobytes())
    assert found[0] == found[1] == found[2]


def test_a_sampler_at_all_nodes_ends_where_it_ends_without_the_outputs():
    flow, start, _ = line(5)
    nodes = sd.transport.nodes(flow, 9, span=(FIRST, LAST), spacing="karras")
    initial = {"x": start["x"]}
    every = sd.simulate(flow, nodes, initial=initial, method="unipc-3", progress=False)
    last = sd.simulate(flow, [FIRST, LAST], initial=initial, method=sd.methods.UniPC3(nodes=nodes), progress=False)
    assert (every.x.isel(time=-1).values == last.x.isel(time=-1).values).all()
    assert every.noise_level.isel(x0=0).values == pytest.approx(schedule(nodes)[1], rel=1e-12)


def test_forwards_and_in_reversed_time_are_the_same_flow():
    process = preserving(x)
    noised = process.marginal(sd.transport.GaussianMixture([1, 1], [-1, 1], [0.3, 0.3]))
    forwards, back = process.probability_flow(noised), process.probability_flow(noised, horizon=1)
    nodes = np.linspace(1, 1e-3, 21)
    one = sd.simulate(forwards, nodes, initial={x: 0.7}, method="dpm-solver++2m", progress=False)
    two = sd.simulate(back, 1 - nodes, initial={x: 0.7}, method="dpm-solver++2m", progress=False)
    assert two.x.values == pytest.approx(one.x.values, rel=1e-11)


def test_an_affine_part_is_integrated_exactly_by_methods_that_predict_data():
    # x' = 3 (2 - x), sigma = sqrt(1 - exp(-6 t)): shifted by 2, the flow is that of the process without mean
    shifted = sd.SDESystem({x: 3 * (2 - x)}, {x: sp.sqrt(6)})
    plain = sd.SDESystem({x: -3 * x}, {x: sp.sqrt(6)})
    one = shifted.probability_flow(shifted.marginal(sd.transport.GaussianMixture([1, 1], [1, 3], [0.3, 0.2])))
    two = plain.probability_flow(plain.marginal(sd.transport.GaussianMixture([1, 1], [-1, 1], [0.3, 0.2])))
    nodes = np.linspace(1, 0.01, 11)
    for method in ("ddim", "dpm-solver++2m", "unipc-3", "dpm-solver-3"):
        a = sd.simulate(one, nodes, initial={x: 2.8}, method=method, progress=False)
        c = sd.simulate(two, nodes, initial={x: 0.8}, method=method, progress=False)
        assert a.x.values - 2 == pytest.approx(c.x.values, abs=1e-11)


def test_states_with_rates_of_their_own_and_swept_parameters():
    system = sd.ODESystem({x: -k * x + sp.sin(y), y: -3 * y + sp.cos(x)}, {k: 1}, initial={x: 1, y: 0})
    assert len(system.semilinear().groups) == 2
    chosen = sd.methods.DeisTab3(nodes=np.linspace(0, 1, 101))
    out = sd.simulate(system, [0, 1], parameters={k: [0.5, 2, 7]}, method=chosen, progress=False)
    exact = sd.simulate(system, [0, 1], parameters={k: [0.5, 2, 7]}, rtol=1e-12, atol=1e-13, progress=False)
    for name in ("x", "y"):
        assert out[name].values == pytest.approx(exact[name].values, abs=3e-5)  # of the first step, which is of order 1


def test_the_weights_of_a_table_are_those_of_adams_and_bashforth_without_a_linear_part():
    def one(s):
        return 1 + 0 * s

    table = sd.METHODS["deis-tab3"].table([NodeClock(np.arange(6.0), lambda s: 0 * s, lambda s: 0 * s, one)])
    terms = dict(zip(table.terms[5], table.coefficients[5][0], strict=True))
    wanted = [55 / 24, -59 / 24, 37 / 24, -9 / 24]
    assert [terms["n", row] for row in (4, 3, 2, 1)] == pytest.approx(wanted, rel=1e-13)
    assert terms["x", 4] == 1.0


def test_the_numba_text_and_a_simulated_card_agree(simulated):
    results = simulated(CARD)
    for name in ("pndm", "unipc-3", "swept"):
        for field in ("values", "status", "evaluations"):
            card, cpu = results[f"{name}/cuda/{field}"], results[f"{name}/cpu/{field}"]
            assert card == pytest.approx(cpu, rel=1e-11, abs=1e-13)
            assert results[f"{name}/numba/{field}"] == pytest.approx(cpu, rel=1e-11, abs=1e-13)


CARD = """
x, y, t, k = sp.symbols("x y t k")
process = sd.SDESystem({x: -(1 + t)*x, y: -(1 + t)*y}, {x: sp.sqrt(2 + 2*t), y: sp.sqrt(2 + 2*t)})
mixture = sd.transport.GaussianMixture([1, 2], [[0, 1], [1, -1]], [0.3, 0.4])
flow = process.probability_flow(process.marginal(mixture), horizon=1)
swept = sd.ODESystem({x: -k*x + sp.sin(y), y: -3*y + sp.cos(x)*k})
rows = np.array([[0.3, -0.2], [1, 2], [-1, 0.5]])
for name, system, parameters in (("pndm", flow, np.empty((3, 0))), ("unipc-3", flow, np.empty((3, 0))),
                                 ("swept", swept, np.array([[1.0], [2.0], [1.0]]))):
    for label, options in (("cuda", {"target": "cuda"}), ("cpu", {}), ("numba", {"backend": "numba"})):
        kernel = sd.compile(system, method="deis-tab2" if name == "swept" else name, **options)
        run = kernel(rows, parameters, np.linspace(0, 0.99, 7))
        for field in ("values", "status", "evaluations"):
            results[f"{name}/{label}/{field}"] = getattr(run, field)
"""


def test_what_does_not_fit_is_refused_with_the_reason():
    plain = sd.ODESystem({x: -x + sp.sin(x)}, initial={x: 1})
    with pytest.raises(CompileError, match="declares no noise level"):
        sd.simulate(plain, [0, 1], method="unipc-3", progress=False)
    wrong = sd.ODESystem({x: -x + sp.sin(x)}, initial={x: 1}, observables={"noise_level": 1 + t})
    with pytest.raises(CompileError, match=r"noise_level has the slope 1 at t = 0.5; .* would have -0.5"):
        sd.simulate(wrong, [0, 1], method="unipc-3", progress=False)
    with pytest.raises(DeclarationError, match=r"term x\*\*2 beside nonlinear"):
        sd.ODESystem({x: -x + x**2 + sd.nonlinear(sp.sin(x))}).semilinear()
    with pytest.raises(DeclarationError, match=r"output time 0\.5 is not among the nodes"):
        sd.simulate(plain, [0, 0.5, 1], method=sd.methods.Ddim(nodes=[0, 0.4, 1]), progress=False)
    with pytest.raises(DeclarationError, match="against the output times"):
        sd.simulate(plain, [0, 1], method=sd.methods.Ddim(nodes=[1, 0.4, 0]), progress=False)
    with pytest.raises(DeclarationError, match="increase or decrease strictly"):
        sd.methods.Ddim(nodes=[0, 0, 1])
    with pytest.raises(DeclarationError, match="step has no effect on 'ddim'"):
        sd.simulate(plain, [0, 1], method="ddim", step=0.1, progress=False)
    with pytest.raises(DeclarationError, match=r"spacing is 'quadratik'.*quadratic"):
        sd.transport.nodes(plain, 5, span=(1, 0), spacing="quadratik")
    with pytest.raises(DeclarationError, match="is not linear in x alone"):
        sd.SDESystem({x: -(x**3)}, {x: 1}).marginal(sd.transport.Normal(0, 1))
    with pytest.raises(DeclarationError, match="reverse_time needs horizon"):
        sd.SDESystem({x: -x}, {x: 1}).reverse_time({x: -x})
    with pytest.raises(DeclarationError, match="the score lacks the state y"):
        sd.SDESystem({x: -x, y: -y}, {x: 1, y: 1}).probability_flow({x: -x})
    one, pair = sd.SDESystem({x: -x}, {x: 1}), sd.SDESystem({x: -x, y: -y}, {x: [1, 0], y: [0, 1]})
    with pytest.raises(DeclarationError, match="the score lacks the state y"):
        pair.probability_flow(one.marginal(sd.transport.Normal(0, 1)))
    with pytest.raises(DeclarationError, match="y is not a state of this system"):
        one.probability_flow(pair.marginal(sd.transport.GaussianMixture([0.5, 0.5], [[0, 0], [1, 2]], [1, 1])))


def test_where_coefficients_are_singular_the_error_says_so():
    flow = sd.transport.diffusion(x, 1 - t, t)
    between = flow.probability_flow(flow.marginal(sd.transport.Normal(1, 0.5)))
    with pytest.raises(CompileError, match=r"singular or nearly so between .*; move the first or last node"):
        sd.simulate(between, np.linspace(1, 0.01, 5), initial={x: 0.3}, method="ddim", progress=False)


def test_where_noise_ends_is_no_node_of_what_divides_by_it():
    flow, _, _ = line(5)
    for spacing in ("log-snr", "karras"):
        with pytest.raises(DeclarationError, match=f"no noise, or no data, at 0, where {spacing} nodes cannot"):
            sd.transport.nodes(flow, 4, span=(1, 0), spacing=spacing)
    for method in ("unipc-2", "dpm-solver++2m"):
        with pytest.raises(CompileError, match="move the first or last node"):
            sd.simulate(flow, np.linspace(1, 0, 6), initial={x: 0.3}, method=method, progress=False)


def test_runs_of_samplers_can_be_replayed(tmp_path):
    flow, _, _ = line(5)
    nodes = sd.transport.nodes(flow, 5, span=(FIRST, LAST))
    out = sd.simulate(flow, [FIRST, LAST], initial={x: 0.5}, method=sd.methods.DeisTab2(nodes=nodes), progress=False)
    out.to_netcdf(tmp_path / "run.nc")
    assert sd.replay(tmp_path / "run.nc").same


def test_b_is_the_schedule_of_the_beds():
    alpha, sigma = schedule(0.7)
    assert float(sp.exp(-sp.integrate(b, (t, 0, 0.7)) / 2)) == pytest.approx(alpha)
    assert alpha**2 + sigma**2 == pytest.approx(1)
