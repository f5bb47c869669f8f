"""Stochastic methods and maps on the simulated card: trajectory by trajectory what the CPU gives, and what theory says."""

import numpy as np
import pytest
from symdyn_kernels.status import FRACTION, NEGATIVE, NOT_FINITE, SUCCESS, TOO_MANY_STEPS

pytest.importorskip("numba_cuda")

COMPARE = '''
x, z, a, b, c = sp.symbols("x z a b c")

def both(name, system, method, initial, times, parameters=None, until=None, **options):
    """The same trajectories by both targets."""
    rows = np.array(initial, float).reshape(-1, len(system.states))
    rows = np.tile(rows, (6, 1)) if len(rows) == 1 else rows
    values = [system.defaults[p] for p in system.parameters] if parameters is None else parameters
    given = np.broadcast_to(np.array(values, float), (len(rows), len(system.parameters))).copy()
    for target in ("cuda", "cpu"):
        run = sd.compile(system, method=method, target=target, until=until)(rows, given, times, seed=5, **options)
        for field in run._fields:
            results[f"{name}/{target}/{field}"] = getattr(run, field)

def samples(system, method, count, start, times, parameters, **options):
    """The only state at the last time."""
    given = np.tile([float(parameters[p]) for p in system.parameters], (count, 1))
    run = sd.compile(system, method=method, target="cuda")(np.full((count, 1), float(start)), given, times, **options)
    return run.values[:, -1, 0]

def network(text, **parameters):
    options = {"volume": "V"} if "V" in parameters else {}
    return sd.ReactionNetwork.from_text(text, parameters=parameters, **options)
'''

STEPPING = (
    COMPARE
    + """
linear = {x: -a * x + z, z: -b * z}
odd = sd.SDESystem(linear, {x: [c * x, 0, sp.Float(0.1)], z: [0, b * z, sp.Float(0.3)]})  # pairs of normals go across steps
scalar = sd.SDESystem(linear, {x: [c * x], z: [0]})
additive = sd.SDESystem(linear, {x: [c, sp.Float(0.2)], z: [0, b]})
many = sd.SDESystem(linear, {x: [c * x / (k + 1) for k in range(11)], z: [b] * 11})
values = {a: 0.5, b: 0.3, c: 0.2}
times = [0, 0.3, 1, 2]
for fine in (1, 3):
    for name, system, method in (
        ("odd", odd, "euler-maruyama"), ("milstein", scalar, "milstein"), ("heun", odd.stratonovich(), "heun"),
        ("sra1", additive, "sra1"), ("many", many, "euler-maruyama"),
    ):
        given = [values[p] for p in system.parameters]
        both(f"{name} {fine}", system, method, [1, 2], times, given, step=0.07, fine=fine)
for name, system, method, start, until in (
    ("noise stopped", odd, "euler-maruyama", [1, 2], (x > 1.6) | (z < 1)),
    ("noise stopped at first", scalar, "milstein", [[1, 2], [3, 2]], x > 2),
):
    both(name, system, method, start, times, [values[p] for p in system.parameters], until, step=0.07)
explosion = sd.SDESystem({x: x**3}, {x: [a]})
both("explosion", explosion, "euler-maruyama", [[0.1], [40], [1e5]], [0, 0.5, 1], [0.01], step=0.05)
names = sp.symbols("a0:30")
crowd = sd.SDESystem({x: -sum((1 + k) * names[k] for k in range(30)) * x}, {x: [names[7]]})
both("many parameters", crowd, "euler-maruyama", [2], times, [0.01 + k / 1000 for k in range(30)], step=0.1)
cat = sd.DiscreteSystem({x: sp.Mod(2 * x + z, 1024), z: sp.Mod(x + z, 1024)})
both("cat", cat, "iterate", [[3, 5], [900, 17], [512, 1]], range(12))
both("cat stopped", cat, "iterate", [[3, 5], [900, 17], [512, 1]], range(12), until=sp.Eq(z, 1) | (x > 800))
dW1, dW2 = sp.symbols("dW1 dW2")
both("random map", sd.DiscreteSystem({x: a * x * sp.exp(b * dW1), z: x / 2 + z * dW2}), "iterate", [1, 2], range(9), [0.9, 0.2])
years = sd.leslie.random_environment([[[0, 4.0], [0.2, 0.6]], [[0, 1.0], [0.3, 0.5]], [[0, 2.0], [0.1, 0.7]]])
both("random environment", years, "iterate", [10, 3], [0, 1, 7, 30])
birth = network("0 -> X, k; X -> 0, d", k=200.0, d=1.0)
both("langevin", birth, "langevin", [200], [0, 0.5, 1], step=0.1)
both("langevin stopped", birth, "langevin", [[200], [300], [100]], [0, 0.5, 1], step=0.1, until=birth.states[0] > 205)
both("langevin in time", network("0 -> X, 50*(1 + sin(t)); X -> 0, 1; X -> 2 X, 0.3"), "langevin", [20], [0, 0.5, 1], step=0.1)
ou = sd.SDESystem({x: -a * x}, {x: [c]})
results["ou"] = samples(ou, "euler-maruyama", 800, 2, [0, 1], {a: 0.5, c: 0.4}, step=0.1)
"""
)

TREES = (
    COMPARE
    + """
linear = {x: -a * x + z, z: -b * z}
odd = sd.SDESystem(linear, {x: [c * x, 0, sp.Float(0.1)], z: [0, b * z, sp.Float(0.3)]})
additive = sd.SDESystem(linear, {x: [c, sp.Float(0.2)], z: [0, b]})
given, times = [0.5, 0.3, 0.2], [0, 0.3, 1, 2]
for lengths in ({"step": 0.07}, {"step": np.inf, "rtol": 1e-3, "atol": 1e-3}):
    for name, system, method in (("odd", odd, "euler-maruyama"), ("sra1", additive, "sra1"), ("shark", additive, "shark")):
        limits = {} if "rtol" not in lengths else {"max_step": 0.5}
        chosen = sd.METHODS[method].options(brownian="tree", **limits)
        values = [dict(zip((a, b, c), given))[p] for p in system.parameters]
        for until in (None, x > 1.6):
            both(f"{name} {len(lengths)} {until}", system, chosen, [1, 2], times, values, until, **lengths)
process = sd.SDESystem({s: -s for s in (x, z)}, {s: sp.sqrt(2) for s in (x, z)})
noised = process.marginal(sd.transport.GaussianMixture([1, 2], [[0, 1], [1, -1]], [0.2, 0.3]))
flow = process.probability_flow(noised, horizon=3)
for method in (sd.methods.Ancestral(), sd.methods.PredictorCorrector()):
    both(method.method, flow, method, [0.3, -0.5], [0, 1, 2, 2.8, 2.95])
pair = sd.SDESystem({x: z, z: x - x**3 - a * z}, {z: [c, sp.Float(0.1)]})
for lengths in ({"step": 0.07}, {"step": np.inf, "rtol": 1e-3, "atol": 1e-3}):
    both(f"quicsort {len(lengths)}", pair, sd.methods.Quicsort(brownian="tree"), [1, 0], times, [0.5, 0.2], **lengths)
for method in ("align", "ubu"):
    both(f"{method} with long steps", pair, method, [1, 0], times, [100.0, 0.2], step=0.07)
both("two integrals", additive, sd.methods.Sra1(brownian="tree", integrals=2), [1, 2], times, given, step=0.07)
both("quicsort in pieces", pair, "quicsort", [1, 0], times, [0.5, 0.2], step=0.07, fine=3)
explosion = sd.SDESystem({x: x**3}, {x: [a]})
few = sd.methods.Heun(brownian="tree", max_steps=5)
both("explosion", explosion, sd.methods.Heun(brownian="tree"), [[0.1], [40], [1e5]], [0, 0.5, 1], [0.01], step=0.05)
both("limited", explosion, few, [[0.1], [0.2]], [0, 0.5, 1], [0.01], step=0.05)
"""
)

JUMP = (
    COMPARE
    + """
cases = {
    "schloegl": (network("2 X <-> 3 X, k1, k2; 0 <-> X, k3, k4", k1=60, k2=1, k3=4600, k4=1000, V=4), [80], [0, 5e-4, 1e-3]),
    "bursts": (network("0 -> geometric(b) X, k; 0 -> poisson(c) Y, k", b=3.0, c=2.0, k=2.0), [0, 0], [0, 1, 4]),
    "gene": (network("H => G, 1 - G; G => H, 0.001*G*P^2; G -> G + geometric(b) P, 9; P -> 0, 1", b=7), [0, 1, 1], [0, 1, 2]),
    "thinning": (network("X -> Y, piecewise(2 + sin(t), t <= tau, 2); 0 -> X, 4; Y -> 0, 1", tau=2), [3, 1], [0, 1, 4]),
    "reset": (network("0 -> X, 5; Y(0) = 0; when X > 3, X = 0, Y = Y + 1"), [0, 0], [0, 1, 4]),
    "at a time": (network("X -> 2 X, l; X -> 0, m; when t >= 1, X = 20", l=0.5, m=0.6), [20], [0, 0.5, 1, 2]),
    "both": (network("0 -> X, 5*(1 + sin(t)); X -> 0, 1; when t >= 1, X = floor(X/2)"), [7], [0, 0.5, 2]),
    "extinct": (network("X => 0, k; 2 Y => Z, k", k=1.0), [3, 5, 0], [0, 1, 20]),
    "negative": (network("X => 0, X - 3.5; 0 -> X, 1"), [9], [0, 0.2, 5]),
    "fraction": (network("0 -> X, 1e-9; X(0) = 7; when t >= 1, X = X/2"), [7], [0, 0.5, 2]),
}
for name, (net, start, times) in cases.items():
    both(name, net, "ssa", start, times)
    both(f"{name} stopped", net, "ssa", start, times, until=net.states[0] > start[0] + 2)
    both(f"{name} limited", net, "ssa", start, times, max_steps=5)
chain = "; ".join(f"X{i} -> X{i + 1}, d" for i in range(140))
others = "0 -> X0, k; 2 X0 -> X5, k/V; X3 + X5 -> 3 X1, 0.01; X4 -> 0, 0.7; X140 -> 0, d*k"
large = network(f"{others}; {chain}", d=1.1, k=10.0, V=20.0)
both("large", large, "ssa", [3] * 141, [0, 0.1, 0.3])
both("large stopped", large, "ssa", [3] * 141, [0, 0.1, 0.3], until=large.states[0] > sp.Symbol("k") / 2)
both("large limited", large, "ssa", [3] * 141, [0, 0.1, 0.3], max_steps=9)
both("large extinct", network(chain, d=1.0), "ssa", [1] + [0] * 140, [0, 3, 1000])
places = "; ".join(f"H + S{i} -> C{i}, k*{i + 1}; C{i} -> H + S{i}, d; G + 2 C{i} -> G + C{i} + S{i} + H, d" for i in range(40))
hubs = network(f"{places}; 0 -> H, 9; H + G -> G, d; S0 + S1 -> C1, k", k=0.4, d=1.3)
start = [{"H": 9, "G": 4}.get(s.name, 3) for s in hubs.states]
both("large hubs", hubs, "ssa", start, [0, 0.2, 0.4])
both("large hubs stopped", hubs, "ssa", start, [0, 0.2, 0.4], until=hubs.states[0] > 12)
text = "; ".join(f"0 -> X, a{i}; X -> 0, b{i}" for i in range(15))
names = {f"{kind}{i}": 1 + i / 8 for kind in "ab" for i in range(15)}
both("many parameters", network(text, **names), "ssa", [3], [0, 1, 2])
both("many parameters, bursts", network(text + "; 0 -> poisson(a3) X, 1", **names), "ssa", [3], [0, 1, 2])
decay = network("X -> 0, d", d=1.0)
rates = [[1.0], [-1.0], [np.inf], [2.0], [0.5]]
both("rates", decay, "ssa", [[9], [9], [9], [2], [9]], [0, 1, 2], rates, until=decay.states[0] < 4)
both("one time", decay, "ssa", [9], [0])
birth = network("0 -> X, k; X -> 0, d", k=4.0, d=1.0)
results["poisson"] = samples(birth, "ssa", 800, 0, [0, 0.5], birth.defaults)
"""
)

LEAPING = (
    COMPARE
    + """
decay = network("X -> 0, k; 0 -> X, g", k=1.0, g=1e4)
both("tau", decay, "tau", [20000], [0, 0.5, 1])
both("tau stopped", decay, "tau", [[20000], [14000], [15010]], [0, 0.5, 1], until=decay.states[0] < 15000)
both("tau limited", decay, "tau", [20000], [0, 0.5, 2], max_steps=10)
bursts = "0 -> geometric(b) X, k; 0 -> poisson(c) Y, k; X -> 0, 1; Y -> 0, 1; X + Y -> Z, 1e-4; Z -> 0, 1"
both("bursts", network(bursts, b=30.0, c=20.0, k=100.0), "tau", [3000, 2000, 0], [0, 0.5])
both("wrong bursts", network("0 -> poisson(b) X, 1", b=-2.0), "tau", [0], [0, 0.5])
both("critical", network("A -> B, 1; B -> 0, 1; A + B -> 2 A, 1e-3"), "tau", [2000, 15], [0, 1])
both("refused", network("A => 0, 50; B -> C, 1; C -> B, 1"), "tau", [[100, 5000, 5000]] * 12, [0, 4])
both("negative", network("X => 0, X - 350.5; 0 -> X, 1"), "tau", [500], [0, 0.2, 5])
both("in time", network("0 -> X, 5000*(1 + sin(t)); X -> 0, 1"), "tau", [5000], [0, 0.2])
slow = network("0 -> X, 5*(1 + sin(t)); X -> 0, 1")
both("exact in time", slow, "tau", [5], [0, 0.5, 1])
both("stopped in time", slow, "tau", [5], [0, 0.5, 1], until=sp.And(slow.states[0] > 7, slow.time > 0.5))
chain = "; ".join(f"X{i} -> X{i + 1}, 1.01" for i in range(9))
many = f"0 -> poisson(b) X0, k; {chain}; X9 -> geometric(b) X0, 1; X9 -> 0, 1"
both("many", network(many, b=3.0, k=1000.0), "tau", [1000] * 10, [0, 0.5])
pair = network("A <-> B, k1, k2; B -> C, k3", k1=1000.0, k2=1000.0, k3=1.0)
both("implicit", pair, "tau-implicit", [10000, 10000, 0], [0, 1, 2])
both("implicit stopped", pair, "tau-implicit", [1000, 1000, 0], [0, 0.05, 0.1], until=pair.states[2] > 50)
bursting = network("A <-> B, k, k; B -> poisson(m) C, 1", k=1000.0, m=2.5)
both("implicit bursts", bursting, "tau-implicit", [10000, 10000, 0], [0, 1, 2])
text = "; ".join(f"0 -> X, a{i}; X -> 0, b{i}" for i in range(15))
names = {f"{kind}{i}": 1 + i / 8 for kind in "ab" for i in range(15)}
both("many parameters", network(text, **names), "tau", [3000], [0, 0.1])
pure = network("X -> 0, d", d=1.0)
results["binomial"] = samples(pure, "tau", 400, 20000, [0, 1], pure.defaults)
"""
)


def pairs(results):
    """Names of cases."""
    return sorted({name.split("/")[0] for name in results if "/" in name})


def of(results, name, target):
    """Results of a case by field."""
    return {key.split("/")[2]: value for key, value in results.items() if key.startswith(f"{name}/{target}/")}


def same(results, name, *, rtol):
    """Whether a case has the same counts by both targets, the same values up to rtol, and passage times up to rounding."""
    card, cpu = of(results, name, "cuda"), of(results, name, "cpu")
    for field in ("status", "steps", "rejected", "evaluations", "details"):
        assert np.array_equal(card[field], cpu[field]), (name, field)
    assert np.array_equal(np.isnan(card["values"]), np.isnan(cpu["values"])), name
    np.testing.assert_allclose(card["values"], cpu["values"], rtol=rtol, atol=0, err_msg=name)
    np.testing.assert_allclose(card["passage"], cpu["passage"], rtol=1e-13, err_msg=name)


def within(samples, mean, variance, errors=4.5):
    """Whether mean and variance are within so many standard errors, of normal samples."""
    n = len(samples)
    assert abs(samples.mean() - mean) < errors * np.sqrt(variance / n)
    assert abs(samples.var() - variance) < errors * variance * np.sqrt(3 / n)


def test_paths_of_fixed_step_methods_are_those_of_the_cpu(simulated):
    results = simulated(STEPPING)
    for name in pairs(results):
        same(results, name, rtol=0 if name == "cat" else 1e-12)
    assert of(results, "odd 1", "cuda")["steps"].tolist() == [5 + 10 + 15] * 6
    assert of(results, "explosion", "cuda")["status"].tolist() == [SUCCESS, NOT_FINITE, NOT_FINITE]
    stopped = of(results, "langevin stopped", "cuda")["passage"]
    assert stopped[1] == 0  # it held in the beginning
    assert of(results, "noise stopped at first", "cuda")["passage"][1] == 0
    assert np.isfinite(of(results, "noise stopped", "cuda")["passage"]).any()
    # (3, 5), (11, 8), (30, 19), (79, 49), (207, 128), (542, 335), (395, 877), (643, 248), (510, 891), (887, 377)
    assert of(results, "cat stopped", "cuda")["passage"].tolist() == [9, 0, 0]


def test_steps_along_brownian_trees_are_those_of_the_cpu(simulated):
    results = simulated(TREES)
    for name in pairs(results):
        same(results, name, rtol=1e-11)
    assert of(results, "odd 1 None", "cuda")["steps"].tolist() == [32] * 6
    assert len(np.unique(of(results, "ancestral", "cuda")["values"][:, -1])) == 12
    assert of(results, "explosion", "cuda")["status"].tolist() == [SUCCESS, NOT_FINITE, NOT_FINITE]
    assert of(results, "limited", "cuda")["status"].tolist() == [TOO_MANY_STEPS] * 2
    assert np.isfinite(of(results, "shark 3 x > 1.6", "cuda")["passage"]).any()


def test_a_map_of_integers_is_followed_exactly(simulated):
    values = of(simulated(STEPPING), "cat", "cuda")["values"]
    x, z = 3, 5
    for step in range(12):
        assert values[0, step].tolist() == [x, z]
        x, z = (2 * x + z) % 1024, (x + z) % 1024


def test_ornstein_uhlenbeck_has_the_moments_of_the_scheme(simulated):
    """Euler's chain x -> (1 - a h) x + c dW: mean 2 (1 - a h)^n, variance c^2 h (1 - (1 - a h)^2n) / (1 - (1 - a h)^2)."""
    q = 1 - 0.5 * 0.1
    within(simulated(STEPPING)["ou"], 2 * q**10, 0.4**2 * 0.1 * (1 - q**20) / (1 - q**2))


def test_events_are_those_of_the_cpu(simulated):
    results = simulated(JUMP)
    for name in pairs(results):
        same(results, name, rtol=0)
    assert NEGATIVE in of(results, "negative", "cuda")["status"]
    assert (of(results, "fraction", "cuda")["status"] == FRACTION).all()
    assert (of(results, "schloegl limited", "cuda")["status"] == TOO_MANY_STEPS).all()
    assert of(results, "rates", "cuda")["status"].tolist() == [SUCCESS, NEGATIVE, NOT_FINITE, SUCCESS, SUCCESS]
    assert of(results, "rates", "cuda")["passage"][3] == 0
    assert of(results, "thinning", "cuda")["rejected"].all()
    assert np.isfinite(of(results, "schloegl stopped", "cuda")["passage"]).any()
    assert (of(results, "one time", "cuda")["values"] == 9).all()
    assert (of(results, "large extinct", "cuda")["values"][:, -1, -1] == 1).all()
    assert np.isfinite(of(results, "large stopped", "cuda")["passage"]).any()
    assert (of(results, "large hubs", "cuda")["steps"] > 300).all()


def test_birth_and_death_is_poisson(simulated):
    mean = 4 * (1 - np.exp(-0.5))
    within(simulated(JUMP)["poisson"], mean, mean)


def test_leaps_are_those_of_the_cpu(simulated):
    results = simulated(LEAPING)
    for name in pairs(results):
        same(results, name, rtol=0)
    assert of(results, "refused", "cuda")["rejected"].any()
    assert of(results, "implicit", "cuda")["details"][:, 2].all()
    assert of(results, "implicit bursts", "cuda")["details"][:, 2].any()
    assert (of(results, "wrong bursts", "cuda")["status"] == NEGATIVE).all()
    assert of(results, "bursts", "cuda")["details"].all()  # leaps as well as exact events
    assert of(results, "tau stopped", "cuda")["passage"][1] == 0


def test_leaps_of_decay_have_the_moments_of_the_binomial(simulated):
    """What is left of n independent molecules; the leaps are of weak order 2, and far shorter than a lifetime."""
    p = np.exp(-1)
    within(simulated(LEAPING)["binomial"], 20000 * p, 20000 * p * (1 - p), errors=5)
