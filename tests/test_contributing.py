"""The recipes of CONTRIBUTING run, each in its turn in one fresh process, and what they register does what it says."""

import re
import subprocess
import sys
from pathlib import Path

from tests import blocks

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text()

CHECKS = '''
import numpy as np, sympy as sp, symdyn as sd
x, a, position = sp.symbols("x a x")
quiet = {"progress": False}

def error(method, **options):
    """Of x' = -x + sin(t), x(0) = 1, at t = 2."""
    t = sp.Symbol("t")
    system = sd.ODESystem({x: -x + sp.sin(t)}, initial={x: 1})
    data = sd.simulate(system, [0, 0.37, 2.0], method=method, atol=1e-14, **options, **quiet)
    exact = 1.5 * np.exp(-data.time) + (np.sin(data.time) - np.cos(data.time)) / 2
    return float(abs(data.x - exact).max())

data = sd.simulate(HamiltonianSystem.example(), [0, 1], method="leapfrog", step=0.01, **quiet)
assert abs(float(data.q[-1]) - np.cos(2)) < 1e-4  # q'' = -4 q

for method in ("bogacki-shampine", "rosenbrock-pair"):
    assert error(method, rtol=1e-8) < 1e-6, method

# strong order 1 of geometric Brownian motion, on the same paths; halved steps of another family give the bits of half the step
w, mu, sigma = sp.symbols("w mu sigma")
brownian = sd.SDESystem({x: mu * x, w: 0}, [[sigma * x], [1]], {mu: 0.5, sigma: 0.8}, initial={x: 1, w: 0})
errors = []
for h in (1 / 32, 1 / 128):
    method = extend.METHODS["platen"].options(brownian_step=1 / 128)
    last = sd.simulate(brownian, [0, 1], method=method, step=h, trajectories=2000, seed=3, **quiet).isel(time=-1)
    errors.append(float(abs(last.x - np.exp((0.5 - 0.32) + 0.8 * last.w)).mean()))
assert abs(np.log(errors[0] / errors[1]) / np.log(4) - 1) < 0.15, errors
one = {"trajectories": 3, "seed": 1, **quiet}
halved, half = (sd.simulate(brownian, [0, 1], method=m, step=h, **one) for m, h in (("halved-heun", 0.1), ("heun", 0.05)))
assert (halved.x == half.x).all()

decay = sd.ReactionNetwork.from_text("X -> 0, k; k = 1; X(0) = 100000")
data = sd.simulate(decay, [0, 1.0], method="fine-tau", trajectories=200, seed=1, **quiet)
assert data.attrs["epsilon"] == 0.003
assert abs(float(data.X[:, -1].mean()) / 1e5 * np.e - 1) < 1e-3

closed = sd.ReactionNetwork.from_text("0 -> X, k; 2 X -> 0, c").moments(2, "poissonian", central=True)
assert {str(moment): str(value) for moment, value in closed.relations.items()} == {"M[X^3]": "E[X]"}

threads = {"executor": Threads(), "layout": sd.Layout(chunk=1)}
decay = sd.ODESystem.from_text("x' = -a*x; x(0) = 1")
data = sd.simulate(decay, [0, 1], parameters={"a": [1, 2, 3]}, **threads, **quiet)
assert np.allclose(data.x[:, 1], np.exp(-data.a))

f, times = sp.Function("f"), np.linspace(0, 2, 41)
found = sd.recover(sd.ODESystem({x: f(x)}), {"t": times, "x": np.exp(-0.5 * times)}, surrogate="finite-difference",
                   regressor="proportional", selection=False, **quiet)
assert abs(float(found.terms[f(x)].coeff(x)) + 0.5) < 1e-3

u = sp.Symbol("u")
heat = sd.PDESystem({u: sd.laplacian(u)}, domain=(0, 1), boundary="outflow", initial={u: 1 + 2 * position})
grid = heat.discretize(20, order=8)
data = sd.simulate(grid, [0, 0.1], rtol=1e-8, **quiet)  # a straight line is at rest
assert abs(data.u[-1].values - (1 + 2 * data.x.values)).max() < 1e-6

# no flux through the wall of the half plane, and the field of the plane doubled there
greens = HalfPlaneGreens(HalfPlane())
source = np.array([[0.0, -1.0]])
wall, below = (greens.field(np.array([[0.3, y]]), source, 2.0) for y in (0.0, -1e-4))
assert abs((wall - below) / 1e-4).max() < 1e-3
plane = sd.cells.greens_function(sd.Plane()).field(np.array([[0.3, 0.0]]), source, 2.0)
assert np.allclose(wall, 2 * plane)
colony = sd.BulkCellSystem(
    domain=HalfPlane(), radius=0.05, centers=[(0, -1)], secreted="v", influx=0, efflux=0.2,
    kinetics=sd.ODESystem.from_text("v' = 1 - v"), parameters={"D": 1, "tau": 0.5},
)
assert abs(colony.steady_state().v.item() - 1 / (1 + 0.8 * np.pi)) < 1e-9  # without influx the bulk has no effect
'''


def test_the_recipes_run():
    recipes = blocks.python_blocks(TEXT)
    assert len(recipes) >= 13
    code = "\n".join([*recipes, CHECKS])
    run = subprocess.run([sys.executable, "-W", "error::RuntimeWarning", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_files_that_are_named_exist():
    named = re.findall(r"`((?:symdyn|tests|kernels|benchmarks)/[\w/.]+)`", TEXT)
    assert len(named) > 30
    for path in [*named, *re.findall(r"\]\(([^)]+)\)", TEXT)]:
        assert (ROOT / path).exists(), path
