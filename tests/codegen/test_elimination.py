"""Elimination: orders without needless fill, the same solutions from programs and from tables, derivatives of functions."""

from __future__ import annotations

import ctypes
import itertools

import llvmlite.binding as llvm
import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen import elimination
from symdyn.codegen.differentiate import derivatives
from symdyn.codegen.drivers import link
from symdyn.codegen.elimination import eliminated, lowering
from symdyn.codegen.emit_llvm import modules
from symdyn.codegen.emit_tables import DRIVER
from symdyn.codegen.evaluate import evaluate
from symdyn.codegen.load import compile_ir, digest, load_object
from symdyn.codegen.lower import Lowering
from symdyn.codegen.ordering import markowitz
from symdyn.codegen.program import CALLS
from symdyn.errors import CompileError

LANE_FUNCTION = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)
UNROLLED, TABLES = 10**9, -1
x, y, a, t = sp.symbols("x y a t")


# ---- order -----------------------------------------------------------------------------------------


def tree(n: int, seed: int) -> list[tuple[int, int]]:
    """The symmetric pattern of a random tree with n nodes, whose numbers are shuffled."""
    rng = np.random.default_rng(seed)
    name = rng.permutation(n)
    edges = [(int(name[i]), int(name[rng.integers(i)])) for i in range(1, n)]
    return edges + [(j, i) for i, j in edges]


@pytest.mark.parametrize("seed", range(3))
def test_the_elimination_of_a_tree_has_no_fill(seed):
    """Leaves first is a perfect order, and the degree of a leaf is the least that there is (Parter, SIAM Review 3, 1961)."""
    n = 200
    structure = markowitz(n, tree(n, seed))
    assert sorted(structure.order) == list(range(n))
    assert sum(map(len, structure.lower)) == sum(map(len, structure.upper)) == n - 1


def test_a_full_matrix_costs_the_sum_of_squares():
    structure = markowitz(12, itertools.product(range(12), repeat=2))
    assert structure.updates == sum(k**2 for k in range(12))


@pytest.mark.parametrize("seed", range(3))
def test_factors_are_where_elimination_puts_them(seed):
    """The structure against the nonzeros of a factorisation of a random matrix in the same order."""
    n, rng = 40, np.random.default_rng(seed)
    matrix = rng.uniform(0.1, 1, (n, n)) * (rng.uniform(size=(n, n)) < 0.06) + n * np.eye(n)
    structure = markowitz(n, zip(*map(np.ndarray.tolist, np.nonzero(matrix)), strict=True))
    place = {p: k for k, p in enumerate(structure.order)}
    u = matrix[np.ix_(structure.order, structure.order)]
    for k in range(n):
        u[k + 1 :, k] /= u[k, k]
        u[k + 1 :, k + 1 :] -= np.outer(u[k + 1 :, k], u[k, k + 1 :])
    for p in structure.order:
        row = np.flatnonzero(u[place[p]]).tolist()
        assert [place[j] for j in structure.lower[p]] == [k for k in row if k < place[p]]
        assert [place[j] for j in structure.upper[p]] == [k for k in row if k > place[p]]


# ---- solutions -------------------------------------------------------------------------------------


class Solver:
    """``factor`` and ``solve`` of a system, compiled for a number of lanes."""

    def __init__(self, system: sd.ODESystem, lanes: int) -> None:
        link(DRIVER)
        build = lowering(system)
        self.lanes, self.made = lanes, eliminated(system, build, [build.value(e) for e in system.drift])
        self.functions, self.owners = {}, []
        for module in modules(self.made, lanes, llvm.get_process_triple()):
            self.owners.append(load_object(digest("test", module.text), compile_ir(module.text, quick=module.quick)))
            self.functions |= {name: LANE_FUNCTION(self.owners[-1].address(name)) for name in module.names}

    def call(self, name: str, rows: int, *blocks: np.ndarray) -> np.ndarray:
        """Results (rows, points) for blocks (entries, points), so many lanes at a time."""
        parts = []
        for begin in range(0, blocks[0].shape[1], self.lanes):
            inside = [np.ascontiguousarray(b[:, begin : begin + self.lanes]) for b in blocks]
            out = np.full((rows + 8, self.lanes), np.nan)  # a single lane stores in whole vectors
            self.functions[name](*(b.ctypes.data for b in inside), out.ctypes.data)
            parts.append(out[:rows])
        return np.concatenate(parts, axis=1)

    def factors(self, lane: np.ndarray, states: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        facts = self.made.facts
        return self.call("factor", facts["factors"] + facts["rates"], lane, states, parameters)

    def solution(self, factors: np.ndarray, right: np.ndarray) -> np.ndarray:
        return self.call("solve", len(right), factors, right, right)


def linear(entries: np.ndarray) -> sd.ODESystem:
    """x' = A x + c t."""
    states, c = sp.symbols(f"z0:{len(entries)}"), sp.Symbol("c")
    rows = [sp.Add(c * t, *(sp.Float(v) * s for v, s in zip(row, states, strict=True) if v)) for row in entries]
    return sd.ODESystem(dict(zip(states, rows, strict=True)))


@pytest.mark.parametrize(("n", "density"), [(1, 1.0), (3, 1.0), (8, 0.3), (20, 0.15), (60, 0.06)])
@pytest.mark.parametrize("form", [UNROLLED, TABLES])
def test_solutions_of_random_sparse_systems(n, density, form, monkeypatch):
    monkeypatch.setattr(elimination, "UNROLLED", form)
    rng = np.random.default_rng(n)
    entries = rng.uniform(-1, 1, (n, n)) * (rng.uniform(size=(n, n)) < density)
    shift = rng.uniform(2 + n * density, 9 + n * density, 32)
    lane, parameters, right = np.stack([np.zeros(32), shift]), np.full((1, 32), 3.0), rng.normal(size=(n, 32))
    found = []
    for lanes in (1, 8, 32):
        solver = Solver(linear(entries), lanes)
        assert (solver.made.elimination is None) == (form == UNROLLED)
        factors = solver.factors(lane, np.zeros((n, 32)), parameters)
        assert np.all(factors[solver.made.facts["factors"] :] == 3.0)  # df/dt follows the factors
        found.append(solver.solution(factors, right))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
    for k in range(32):
        expected = np.linalg.solve(shift[k] * np.eye(n) - entries, right[:, k])
        assert found[0][:, k] == pytest.approx(expected, rel=1e-11, abs=1e-13)


def test_tables_and_programs_give_the_same_bits(monkeypatch):
    rng = np.random.default_rng(5)
    entries = rng.uniform(-1, 1, (30, 30)) * (rng.uniform(size=(30, 30)) < 0.1)
    blocks = np.stack([np.zeros(8), rng.uniform(4, 9, 8)]), np.zeros((30, 8)), np.ones((1, 8))
    right, found = rng.normal(size=(30, 8)), []
    for form in (UNROLLED, TABLES):
        monkeypatch.setattr(elimination, "UNROLLED", form)
        solver = Solver(linear(entries), 8)
        found.append(solver.solution(solver.factors(*blocks), right))
    assert np.array_equal(*found)


@pytest.mark.parametrize("form", [UNROLLED, TABLES])
@pytest.mark.parametrize("lanes", [1, 8])
def test_a_pivot_that_is_zero_or_infinite_gives_no_number(form, lanes, monkeypatch):
    monkeypatch.setattr(elimination, "UNROLLED", form)
    solver = Solver(sd.ODESystem({x: a * x + y, y: x * y}), lanes)
    points = np.ones((2, 8))
    for slope in (2.0, -np.inf):  # the shift is 2: its difference from the slope is a pivot
        factors = solver.factors(np.stack([np.zeros(8), np.full(8, 2.0)]), points, np.full((1, 8), slope))
        assert np.isnan(solver.solution(factors, points)).any(axis=0).all()


@pytest.mark.parametrize("form", [UNROLLED, TABLES])
def test_small_pivots_are_left_behind_by_a_shorter_step(form, monkeypatch):
    """Growth at the rate 1e3: the step passes shifts at which 1e3 - shift is small, and the solution is exact all the same."""
    monkeypatch.setattr(elimination, "UNROLLED", form)
    system = sd.ODESystem({x: a * x + y, y: -y}, parameters={a: 1e3 + (form == TABLES)})
    rate = system.defaults[a]
    times = np.linspace(0, 0.02, 41)
    data = sd.simulate(system, times, initial={x: 1, y: 1}, method="rodas5p", rtol=1e-9, atol=1e-12)
    exact = (1 + 1 / (rate + 1)) * np.exp(rate * times) - np.exp(-times) / (rate + 1)
    assert data.x.values.ravel() == pytest.approx(exact, rel=1e-6)


# ---- derivatives -----------------------------------------------------------------------------------

#: Where each function is smooth: two functions of x and y with values inside.
UNIT, ANY = (x * y / 2, x - y), (3 * x - y, x * y - 1)
SMOOTH = {
    sp.sqrt: ANY[:1], sp.Abs: ANY, sp.exp: ANY, sp.log: ANY[:1], sp.sin: ANY, sp.cos: ANY, sp.tan: UNIT, sp.asin: UNIT,
    sp.acos: UNIT, sp.atan: ANY, sp.sinh: ANY, sp.cosh: ANY, sp.tanh: ANY, sp.asinh: ANY, sp.acosh: (2 + x * y,),
    sp.atanh: UNIT, sp.erf: ANY, sp.erfc: ANY, sp.floor: ANY, sp.ceiling: ANY,
}  # fmt: skip
EXPRESSIONS = [
    *(f(inner) for f, inners in SMOOTH.items() for inner in inners),
    x**3 * y - y**2 * x, x / y, a / (x + y), x / (a + x * y), (x + y) ** a, a ** (x * y), x**y, x ** sp.Rational(5, 2), x**-3,
    sp.atan2(x, y), sp.atan2(a, x * y), sp.Max(x * y, a * x, y), sp.Min(x, y**2), sp.Mod(3 * x, y),
    sp.Piecewise((x * y, x < y), (x**2, x < 2 * y), (a, True)), sp.Heaviside(x - y) * x, sp.sign(x - y) * y,
    x * y + (x * y) ** 2 + sp.exp(-x * y) * (x * y), sp.Add(*(k * x * y**k for k in range(1, 9))), x - x * t + sp.cos(t * y),
]  # fmt: skip


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_derivatives_are_those_of_differences(expression):
    build = Lowering([("lane", [t]), ("y", [x, y]), ("p", [a])])
    inputs = [build.value(s) for s in (x, y, t)]
    value = build.value(expression)
    [row] = derivatives(build, [value], inputs)
    zero = build.constant(0)
    program = build.program("f", [value, *(row.get(k, zero) for k in inputs)], [""] * 4)
    rng = np.random.default_rng(1)
    point = np.concatenate([rng.uniform(0.7, 0.9, (1, 40)), rng.uniform(0.3, 0.6, (3, 40))])  # x, then y, t, a

    def f(moved: np.ndarray) -> np.ndarray:
        return np.array([np.broadcast_to(v, 40) for v in evaluate(program, [moved[2]], moved[:2], [moved[3]])])

    found, h = f(point), 1e-5
    for k in range(3):
        step = np.zeros((4, 1))
        step[k] = h
        slope = (8 * (f(point + step)[0] - f(point - step)[0]) - (f(point + 2 * step)[0] - f(point - 2 * step)[0])) / (12 * h)
        assert found[1 + k] == pytest.approx(slope, rel=1e-7, abs=1e-8)


def test_every_function_that_can_be_lowered_has_a_derivative_or_is_named():
    build = Lowering([("lane", []), ("y", [x, y]), ("p", [])])
    inputs = [build.value(x), build.value(y)]
    for name, count in CALLS.items():
        value = build.op(name, *inputs[:count])
        if name in ("gamma", "lgamma"):
            with pytest.raises(CompileError, match=f"needs the derivative of {name}, for which there is no code"):
                derivatives(build, [value], inputs)
        else:
            derivatives(build, [value], inputs)


def test_a_long_sum_is_differentiated_in_linear_time():
    """Each of n terms is touched a bounded number of times: as many derivatives, of which sums share one row."""
    states = sp.symbols("z0:4000")
    build = Lowering([("lane", []), ("y", states), ("p", [])])
    numbers = [build.value(s) for s in states]
    value = build.value(sp.Add(*(s**2 for s in states)))
    before = len(build.operations)
    [row] = derivatives(build, [value], numbers)
    assert len(row) == 4000
    assert len(build.operations) - before <= 4002
