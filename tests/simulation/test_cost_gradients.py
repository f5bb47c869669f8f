"""Gradients by transposed steps: closed forms, published numbers, sensitivities and difference quotients."""

import math

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.lower import Lowering
from symdyn.codegen.reverse import adjoint_program, vector_jacobian
from symdyn.simulation.adjoints import AdjointKernel

x, y, z, a, b, k, t, w = sp.symbols("x y z a b k t w")
FINE = {"rtol": 1e-11, "atol": 1e-13}


@pytest.mark.parametrize("method", ["tsit5", "bs32"])
def test_van_der_pol(method: str) -> None:
    """d|y(10)|^2/d(mu, y1, y2) of a relaxation oscillation, by forward sensitivities of order 8 at 1e-13 in another program."""
    system = sd.ODESystem.from_text("x' = y\ny' = mu*(1 - x^2)*y - x; mu = 3; x(0) = 2; y(0) = 0")
    found = sd.gradient(system, "x^2 + y^2", [0, 10], by=["mu", "x", "y"], method=method, rtol=1e-10, atol=1e-12)
    assert found.array == pytest.approx([1.40188922, 4.04303752, 0.45502591], abs=1e-7)


def test_transposed_steps_are_the_derivative_of_the_steps() -> None:
    """With the steps that were taken, in complex arithmetic: a complex step of the Runge-Kutta map itself, to 1e-13."""
    system = sd.ODESystem({x: y, y: a * (1 - x**2) * y - x})
    kernel = AdjointKernel(system, "tsit5", {a})
    times = np.array([0.0, 1.0, 2.5, 4.0])
    run = kernel.forward(np.array([2.0, 0.0]), np.array([3.0]), times, rtol=1e-4, atol=1e-6, max_steps=1000)
    pulls = np.array([[0.0, 0.0], [1.0, -2.0], [0.5, 0.25], [1.0, 1.0]])
    first, along = kernel.backward(run, times, pulls)
    [record], scheme = run.records, sd.METHODS["tsit5"]

    def cost(start: np.ndarray, mu: complex) -> complex:
        state, total = np.array(start, dtype=complex), 0j
        for g in range(int(record.counts[0])):
            at, h, slopes = record.times[g], record.lengths[g], []
            point = state
            for row in ((), *scheme.a):
                point = state + h * sum((c * s for c, s in zip(row, slopes, strict=False)), np.zeros(2, complex))
                slopes.append(np.array([point[1], mu * (1 - point[0] ** 2) * point[1] - point[0]]))
            for q, time in enumerate(times):
                if at < time < at + h * (1 - 1e-14):
                    theta = (time - at) / h
                    weights = [sum(c * theta ** (d + 1) for d, c in enumerate(row)) for row in scheme.dense]
                    total += pulls[q] @ (state + h * sum(v * s for v, s in zip(weights, slopes, strict=True)))
                elif abs(time - (at + h)) < 1e-13:
                    total += pulls[q] @ point
            state = point
        return total

    steps = [cost([2 + 1e-30j, 0], 3).imag, cost([2, 1e-30j], 3).imag, cost([2, 0], 3 + 1e-30j).imag]
    assert [*first, *along] == pytest.approx(np.array(steps) / 1e-30, rel=1e-12)


def test_data_running_costs_and_parameters_of_the_cost() -> None:
    """x = 2 exp(-k t): sums over data with a gap, an integral, and a scale that stands in the cost alone."""
    system = sd.ODESystem({x: -k * x}, {k: 0.5}, initial={x: 2}, observables={"level": 3 * x})
    times, values = np.array([0.0, 0.5, 1.0, 3.0]), np.array([2.1, np.nan, 1.0, 0.5])
    found = sd.gradient(system, None, times, each=(x - w) ** 2, data={w: values}, by=["k", "x"], **FINE)
    model, have = 2 * np.exp(-0.5 * times), np.isfinite(values)
    residual = np.where(have, model - values, 0.0)
    assert found.value == pytest.approx((residual**2).sum(), rel=1e-9)
    assert found.array == pytest.approx([(2 * residual * -times * model).sum(), (2 * residual * model / 2).sum()], rel=1e-8)
    # integral of k x^2 over (0, 3) plus level at the end: 2 (1 - exp(-6k)) + 6 exp(-3k)
    found = sd.gradient(system, "level", [0, 3], running="k*x^2", **FINE)
    assert found.value == pytest.approx(2 * (1 - math.exp(-3)) + 6 * math.exp(-1.5), rel=1e-9)
    assert found.by["k"] == pytest.approx(12 * math.exp(-3) - 18 * math.exp(-1.5), rel=1e-8)


def test_exponents_of_a_state_that_begins_at_zero() -> None:
    """y' = x^n with x = t: y(2) = 2^(n + 1)/(n + 1), whose derivative by n is finite although log(x) is not."""
    x, y, n = sp.symbols("x y n")
    power = sd.ODESystem({x: 1, y: x**n}, {n: 1.5}, initial={x: 0, y: 0})
    found = sd.gradient(power, y, [0, 2], **FINE)
    exact = 2**2.5 / 2.5
    assert found.value == pytest.approx(exact, rel=1e-8)
    assert found.by["n"] == pytest.approx(exact * (math.log(2) - 1 / 2.5), rel=1e-8)


def test_initial_values_that_are_expressions() -> None:
    """x(0) = a k, x = a k exp(-k): the derivative goes through the initial value."""
    system = sd.ODESystem({x: -k * x}, {k: 0.5, a: 3}, initial={x: a * k})
    found = sd.gradient(system, x, [0, 1], **FINE)
    assert found.by["a"] == pytest.approx(0.5 * math.exp(-0.5), rel=1e-9)
    assert found.by["k"] == pytest.approx(3 * 0.5 * math.exp(-0.5), rel=1e-9)


def test_doses() -> None:
    """Doses a at 0, 2, 4: A(5) = a sum exp(-k (5 - t_j)); outputs at a dose are after it, as simulated."""
    system = sd.ODESystem({x: -k * x}, {k: 0.3, a: 10}, initial={x: 1}, events=sd.dose(x, a, every=2, times=3))
    found = sd.gradient(system, x, [0, 5], by=["k", "a", "x"], **FINE)
    since = np.array([5.0, 3.0, 1.0])
    decay = np.exp(-0.3 * since)
    assert found.value == pytest.approx(10 * decay.sum() + decay[0], rel=1e-9)
    assert found.array == pytest.approx([-(10 * since * decay).sum() - 5 * decay[0], decay.sum(), decay[0]], rel=1e-8)
    times = [0.0, 1.0, 2.0, 4.0]
    each = sd.gradient(system, None, times, each=x, by=["a"], **FINE)
    assert each.value == pytest.approx(float(sd.simulate(system, times, rtol=1e-11, atol=1e-13).x.sum()), rel=1e-9)


@pytest.mark.parametrize(
    ("every", "times", "numbers"),
    [
        (0.7, [2.1, 2.5, 3.0], [3, 4]),
        (0.1, [0.0, 0.3], range(4)),
        (1.1, [0.0, 3.3], range(4)),
        (0.1, [0.0, 0.6, 0.7], range(8)),
    ],
)
def test_doses_whose_times_are_rounded(every: float, times: list[float], numbers: list[int]) -> None:
    """0.7 * 3 < 2.1 and 0.1 * 3 > 0.3: doses at the first and at the last time count, as in runs."""
    doses = sd.ODESystem({x: -k * x}, {k: 0.3}, initial={x: 1}).with_events(sd.dose(x, 2.0, every=every, times=None))
    since, ages = times[-1] - times[0], times[-1] - every * np.array(numbers)
    found = sd.gradient(doses, "x", times)
    assert found.value == pytest.approx(np.exp(-0.3 * since) + 2 * np.exp(-0.3 * ages).sum(), rel=1e-7)
    assert found.array[0] == pytest.approx(-since * np.exp(-0.3 * since) - 2 * (ages * np.exp(-0.3 * ages)).sum(), rel=1e-6)


def test_an_initial_value_on_which_others_depend() -> None:
    """y(0) = 3 x(0): dy(1)/dx(0) = 3/e, as sensitivities say; of what depends on y(0) alone x(0) changes nothing."""
    system = sd.ODESystem({x: -k * x, y: -y}, {k: 0.3}, initial={x: 2, y: 3 * x})
    assert sd.gradient(system, "y", [0, 1], by=["x", "y"], initial={x: 5}).array == pytest.approx([3 / math.e, 1 / math.e])
    assert sd.sensitivities(system, [0, 1], by="x").dy_dx[-1] == pytest.approx(3 / math.e, rel=1e-5)
    assert sd.gradient(system, "y", [0, 1], by=x, initial={y: 4}).array == pytest.approx([0])


def test_the_steps_of_all_segments_together_are_limited() -> None:
    doses = sd.ODESystem({x: -k * x}, {k: 0.3}, initial={x: 1}).with_events(sd.dose(x, 2.0, every=0.01, times=90))
    with pytest.raises(sd.SimulationError, match=r"t = 0\.3: the number of steps reached max_steps"):
        sd.gradient(doses, "x", [0, 1], max_steps=30)


def test_events_that_mix_states_and_a_dose_at_the_last_time() -> None:
    event = sd.dose(x, b * y + x**2, start=1, every=1, times=2)
    system = sd.ODESystem({x: -k * x, y: k * x - y}, {k: 0.7, b: 0.4}, initial={x: 1, y: 0.5}, events=event)
    by, times, h = ["k", "b", "x", "y"], [0, 0.5, 1.5, 2.0], 1e-5
    found = sd.gradient(system, None, times, each=x * y, by=by, **FINE)

    def cost(**moved: float) -> float:
        parameters = {"k": 0.7, "b": 0.4} | {q: v for q, v in moved.items() if q in "kb"}
        initial = {"x": 1, "y": 0.5} | {q: v for q, v in moved.items() if q in "xy"}
        return sd.gradient(system, None, times, each=x * y, parameters=parameters, initial=initial, **FINE).value

    at = {"k": 0.7, "b": 0.4, "x": 1, "y": 0.5}
    quotients = [(cost(**{q: at[q] + h}) - cost(**{q: at[q] - h})) / (2 * h) for q in by]
    assert found.array == pytest.approx(quotients, rel=1e-7)
    run = sd.simulate(system, times, rtol=1e-11, atol=1e-13)
    assert found.value == pytest.approx(float((run.x * run.y).sum()), rel=1e-8)


@pytest.mark.parametrize("kind", ["hold", "linear", "cubic"])
def test_inputs_over_time(kind: str) -> None:
    """As the sensitivity s' = -k s - x, which is a state of another system with the same input."""
    u = sd.Path("u", [0, 1, 2.5, 4], [0, 3, 1, 2], kind=kind)
    driven = sd.ODESystem({x: u - k * x}, {k: 0.8}, initial={x: 1})
    extended = sd.ODESystem({x: u - k * x, y: -k * y - x}, {k: 0.8}, initial={x: 1, y: 0})
    run = sd.simulate(extended, [0, 3.7], rtol=1e-11, atol=1e-13)
    found = sd.gradient(driven, x, [0, 3.7], **FINE)
    assert (found.value, found.by["k"]) == pytest.approx((float(run.x[-1]), float(run.y[-1])), rel=1e-8)


def test_jumps_at_known_times_and_time_itself() -> None:
    """x' = k for t > 1, else 0, times t: x(3) = k (9 - 1)/2."""
    system = sd.ODESystem.from_text("x' = k*t*heaviside(t - 1); k = 2; x(0) = 0")
    found = sd.gradient(system, "x", [0, 3], **FINE)
    assert (found.value, found.by["k"]) == pytest.approx((8.0, 4.0), rel=1e-10)


def network(n: int) -> sd.ODESystem:
    """Rates of n neurons with n (n + 1) parameters."""
    rng = np.random.default_rng(1)
    states = sp.symbols(f"r0:{n}")
    weights = [[sp.Symbol(f"W{i}_{j}") for j in range(n)] for i in range(n)]
    biases = sp.symbols(f"b0:{n}")
    squashed = [sp.tanh(s) for s in states]
    drift = {s: -s + sp.Add(biases[i], *(weights[i][j] * squashed[j] for j in range(n))) for i, s in enumerate(states)}
    values = {q: float(v) for q, v in zip([q for row in weights for q in row], rng.normal(0, 1.5 / n**0.5, n * n), strict=True)}
    values |= {q: float(v) for q, v in zip(biases, rng.normal(0, 0.3, n), strict=True)}
    return sd.ODESystem(drift, values, initial={s: float(v) for s, v in zip(states, rng.normal(size=n), strict=True)})


def test_a_thousand_parameters() -> None:
    """Against central differences along random directions in all 992 parameters."""
    system, rng = network(31), np.random.default_rng(2)
    cost = sum(s**2 for s in system.states)
    found = sd.gradient(system, cost, [0, 4], rtol=1e-10, atol=1e-12)
    assert len(found.by) == 992
    for _ in range(2):
        direction, h = rng.normal(size=992), 1e-5
        ends = []
        for sign in (1, -1):
            moved = {p: system.defaults[p] + sign * h * d for p, d in zip(system.parameters, direction, strict=True)}
            run = sd.simulate(system, [0, 4], parameters=moved, rtol=1e-11, atol=1e-13, progress=False)
            ends.append(sum(float(run[s.name][-1]) ** 2 for s in system.states))
        assert float(found.array @ direction) == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6)


def test_networks_as_terms() -> None:
    """Through a dense layer whose weights are numbers, against central differences of another method."""
    rng = np.random.default_rng(3)
    layers = [(rng.normal(size=(5, 2)), rng.normal(size=5), "tanh"), (rng.normal(size=(1, 5)), None, "identity")]
    declared = sd.ODESystem.from_text("x' = a*x - f(x, y); y' = f(x, y) - y; a = 0.3; x(0) = 1; y(0) = 0.5")
    system = declared.with_terms({"f": sd.TrainedNetwork(sd.DenseLayers("f", layers), ())})
    found, h = sd.gradient(system, x * y, [0, 2], by=["a", "x"], **FINE), 1e-5

    def cost(a: float = 0.3, x: float = 1.0) -> float:
        run = sd.simulate(system, [0, 2], parameters={"a": a}, initial={"x": x}, rtol=1e-11, atol=1e-13, progress=False)
        return float(run.x[-1] * run.y[-1])

    quotients = [(cost(a=0.3 + h) - cost(a=0.3 - h)) / (2 * h), (cost(x=1 + h) - cost(x=1 - h)) / (2 * h)]
    assert found.array == pytest.approx(quotients, rel=1e-7)


FUNCTIONS = (
    x + y - x * y, x**2 * x - y / x, sp.exp(x) * sp.log(y), sp.sin(x) * sp.cos(y) + sp.tan(x), sp.sqrt(x * y), x**y, x**1.7,
    sp.Max(x, y) * sp.Min(x, 2 * y), sp.Piecewise((x**2, x < y), (y, True)), sp.atan2(x, y) + sp.asinh(x) + sp.tanh(x * y),
    sp.Abs(x - y) + sp.erf(x), sp.acosh(1 + x) + sp.acos(x / 3) + sp.atan(y), 1 / (1 + (y / x) ** 4), y - x,
)  # fmt: skip


@pytest.mark.parametrize("f", FUNCTIONS, ids=str)
def test_reverse_sweeps_of_functions(f: sp.Expr) -> None:
    program = adjoint_program("pull", [f, x * f], t, [x, y], sp.symbols("u v"), [a])
    at = {x: 0.6, y: 1.3}
    found = [float(v) for v in evaluate(program, [0.0], [*at.values(), 2.0, -0.5], [1.0])]
    real = {s: sp.Symbol(s.name, real=True) for s in (x, y)}
    total, values = (2 * f - 0.5 * x * f).xreplace(real), {real[s]: v for s, v in at.items()}
    slopes = [float(sp.diff(total, s).subs(values).evalf()) for s in values]
    assert found == pytest.approx([*slopes, 0.0], rel=1e-12)


def test_reverse_sweeps_from_values_in_the_middle() -> None:
    """A value inside of the program is an input as any other: d(sin(q) q)/dq with q = x y."""
    build = Lowering([("lane", []), ("y", [x, y]), ("p", [])])
    q = build.value(x * y)
    found = vector_jacobian(build, [build.value(sp.sin(x * y) * x * y)], [build.constant(1)], [q])
    program = build.program("f", [found[q]], ["d/dq"])
    assert float(evaluate(program, [], [2.0, 0.7], [])[0]) == pytest.approx(math.cos(1.4) * 1.4 + math.sin(1.4), rel=1e-14)


def test_reverse_sweeps_cost_a_few_times_the_function() -> None:
    """At most five times the operations, for 992 parameters (Griewank & Walther: four, sums not shared)."""
    system = network(31)
    weights = [sp.Dummy() for _ in system.states]
    pull = adjoint_program("pull", system.drift, system.time, system.states, weights, system.parameters)
    build = Lowering([("lane", [system.time]), ("y", system.states), ("p", system.parameters)])
    rhs = build.program("rhs", [build.value(e) for e in system.drift], [""] * 31)
    count = [sum(o.op not in ("input", "const") for o in p.operations) for p in (pull, rhs)]
    assert count[0] < 5 * count[1]


DECAY = sd.ODESystem.from_text("x' = -k*x; k = 0.5; x(0) = 1")
LATE = sd.ODESystem({x: -k * sp.Function("x")(t - 1)}, {k: 0.6}, history={x: 1})
FLOOR = sd.ODESystem.from_text("x' = -k*x; k = 0.5; c = 2; x(0) = 1\nwhen x < exp(-1), x = c*x")
LATE_DOSE = sd.ODESystem.from_text("x' = -k*x; k = 0.5; c = 1; x(0) = 1\nat c, x = x + 1")
SWITCH = sd.ODESystem({x: sp.Piecewise((-k, x > a), (-2 * k, True))}, {a: 0.5, k: 0.1}, initial={x: 1})
STEP = sd.ODESystem.from_text("x' = b*heaviside(t - c); b = 3; c = 1; x(0) = 1")
IMPLICIT = sd.ODESystem.from_text("x' = -k*y; 0 = y - x^2; k = 0.5; x(0) = 2")


def test_what_has_no_adjoint_is_integrated_forward() -> None:
    """Costs through a delay, an event of the state, a dose whose time moves and an algebraic equation, by their solutions."""
    tight = {"rtol": 1e-11, "atol": 1e-13}
    late = sd.gradient(LATE, "x*k", [0, 2], **tight)  # x(2) = 1 - 2 k + k^2/2
    assert late.how == "forward"
    assert (late.value, late.by["k"]) == (pytest.approx(0.6 * -0.02, rel=1e-9), pytest.approx(1 - 2.4 + 1.5 * 0.36, rel=1e-9))
    floor = sd.gradient(FLOOR, None, [0, 3], each="x", running="x", by=["k", "c", "x"], **tight)
    # until t1 = (1 + log x0)/k x falls to exp(-1), whence it goes on from c exp(-1)
    last = 2 * np.exp(-1.5)
    assert floor.value == pytest.approx(1 + last + (1 - np.exp(-1)) / 0.5 + (2 * np.exp(-1) - last) / 0.5, rel=1e-9)
    by_k = -3 * last - (1 + np.exp(-1)) / 0.25 + 3 * last / 0.5 + last / 0.25
    assert floor.array == pytest.approx([by_k, last / 2 + (np.exp(-1) - last / 2) / 0.5, 1 + last + (1 - last) / 0.5], rel=1e-8)
    dose = sd.gradient(LATE_DOSE, "x", [0, 2], by=["c", "k"], **tight)  # exp(-2 k) + exp(-k (2 - c))
    assert dose.array == pytest.approx([0.5 * np.exp(-0.5), -2 * np.exp(-1) - np.exp(-0.5)], rel=1e-8)
    assert sd.gradient(LATE_DOSE, "x", [0, 2], by=["k"]).how == "adjoint"
    switch = sd.gradient(SWITCH, "x", [0, 6], by=["a", "k", "x"], **tight)  # x = a - 2 k (t - t1) after t1 = (x0 - a)/k
    assert (switch.how, switch.value) == ("forward", pytest.approx(0.3, rel=1e-9))
    assert switch.array == pytest.approx([-1, -12, 2], rel=1e-8)
    step = sd.gradient(STEP, "x", [0, 3], **tight)  # 1 + b (t - c)
    assert (step.how, step.by) == ("forward", pytest.approx({"b": 2.0, "c": -3.0}, rel=1e-8))
    assert sd.gradient(STEP, "x", [0, 3], by=["b"]).how == "adjoint"
    implicit = sd.gradient(IMPLICIT, "y", [0, 2], by=["k"], **tight)  # x = 2/(1 + 2 k t), y = x^2
    assert implicit.by["k"] == pytest.approx(-2 * 4 * 4 / 3**3, rel=1e-8)


REFUSED = [
    (lambda: sd.gradient(DECAY, None, [0, 1]), "there is no cost"),
    (lambda: sd.gradient(DECAY, "z", [0, 1]), "cost contains z"),
    (lambda: sd.gradient(DECAY, "x", [0]), "expected two finite ones or more"),
    (lambda: sd.gradient(DECAY, "x", [0, 1], method="dop853"), "'bs32', 'tsit5'"),
    (lambda: sd.gradient(DECAY, "x", [0, 1], by=["q"]), "q"),
    (lambda: sd.gradient(DECAY, "x", [0, 1], by=[]), "by is empty"),
    (lambda: sd.gradient(DECAY, "x", [0, 1], data={"d": [1, 2]}), "data have no effect"),
    (lambda: sd.gradient(DECAY, None, [0, 1], each="(x - d)^2", data={"d": [1]}), "have the shape"),
    (lambda: sd.gradient(DECAY, None, [0, 1], each="x*k", data={"k": [1, 2]}), "has the name of a variable"),
    (lambda: sd.gradient(sd.ODESystem.from_text("x' = -k*x; x(0) = 1"), "x", [0, 1]), "the parameter k has no value"),
    (lambda: sd.gradient(sd.ODESystem.from_text("x' = -k*x; k = 1"), "x", [0, 1]), "no initial value of x"),
    (lambda: sd.gradient(sd.DiscreteSystem.from_text("x[n+1] = a*x[n]; a = 1"), "x", [0, 1]), "transposes steps"),
    (lambda: sd.gradient(LATE, "x", [0, 1], method="tsit5"), "transposes no steps of 'tsit5' here.*delays.*leave method out"),
    (lambda: sd.gradient(FLOOR, "x", [0, 1], method="rodas5p"), "no known time.*leave method out"),
    (lambda: sd.gradient(LATE_DOSE, "x", [0, 2], method="tsit5"), "depend on c.*leave method out"),
    (lambda: sd.gradient(IMPLICIT, None, [0, 2], running="y"), "running cost of a system with algebraic equations"),
    (lambda: sd.gradient(SWITCH, "x", [0, 6], method="rodas5p"), "rates of change jump at times that move; leave method out"),
    (lambda: sd.gradient("x' = -x", "x", [0, 1]), "needs an ODESystem, got str"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_is_not_known_is_refused(call, message: str) -> None:
    with pytest.raises(sd.DeclarationError, match=message):
        call()


def test_a_trajectory_that_fails_says_so() -> None:
    with pytest.raises(sd.SimulationError, match="failed at t = 1: "):
        sd.gradient(sd.ODESystem.from_text("x' = k*x^2; k = 1; x(0) = 1"), "x", [0, 2])
    with pytest.raises(sd.SimulationError, match="max_steps"):
        sd.gradient(DECAY, "x", [0, 100], max_steps=3)


def test_numbers_that_are_none_are_refused() -> None:
    system = sd.ODESystem({x: -k * x}, {k: 0.3}, initial={x: 1})
    with pytest.raises(sd.DeclarationError, match="the initial value of x is nan; expected a finite number"):
        sd.gradient(system, "x", [0, 1], initial={x: math.nan})
    with pytest.raises(sd.DeclarationError, match="the data a have infinite values"):
        sd.gradient(system, None, [0, 1], each=(x - a) ** 2, data={a: [1, math.inf]})
