"""Brownian paths that can be asked for anywhere: their law, and identities that hold path by path."""

import numpy as np
import pytest
from symdyn_kernels.shared.brownian import halves_with_third

import symdyn as sd
from symdyn.errors import CompileError, DeclarationError

COUNT = 100_000


@pytest.mark.parametrize(("a", "b"), [(0, 1), (0.3, 0.7), (0.123456, 0.1239), (0.5, 0.5 + 2**-9), (0.3, 0.3 + 1e-9), (3, 9e9)])
def test_increments_and_integrals_have_their_law(a, b):
    w, z = sd.BrownianPath(seed=11, noises=COUNT, span=(0, 1e10)).increment(a, b, levy=True)
    h = b - a
    w, z = w / np.sqrt(h), z / h**1.5
    # Var W = 1, Var Z = 1/3, Cov = 1/2, and products of normal numbers deviate by sqrt((v1 v2 + c^2)/N)
    assert abs(np.mean(w)) < 4.5 / np.sqrt(COUNT)
    assert abs(np.mean(w**2) - 1) < 4.5 * np.sqrt(2 / COUNT)
    assert abs(np.mean(z**2) - 1 / 3) < 4.5 / 3 * np.sqrt(2 / COUNT)
    assert abs(np.mean(w * z) - 1 / 2) < 4.5 * np.sqrt((1 / 3 + 1 / 4) / COUNT)
    assert abs(np.mean(w**4) - 3) < 4.5 * np.sqrt(96 / COUNT)  # normal: the eighth moment is 105


def test_neighbours_are_independent():
    path = sd.BrownianPath(seed=2, noises=COUNT, span=(0, 1))
    pieces = [path.increment(a, b, levy=True) for a, b in ((0.2, 0.45), (0.45, 0.6), (0.6, 0.6001))]
    rows = np.array([x for piece in pieces for x in piece])
    found = np.corrcoef(rows)
    for i, j in ((i, j) for i in range(6) for j in range(6) if i // 2 != j // 2):
        assert abs(found[i, j]) < 4.5 / np.sqrt(COUNT)


def test_neighbouring_intervals_compose():
    path, rng = sd.BrownianPath(seed=5, noises=3, span=(-1, 12)), np.random.default_rng(0)
    a, b, c = np.sort(rng.uniform(-1, 12, (3, 200)), axis=0)
    (w1, z1), (w2, z2), (w, z) = (path.increment(*ends, levy=True) for ends in ((a, b), (b, c), (a, c)))
    assert np.allclose(w, w1 + w2, rtol=0, atol=2e-14)
    assert np.allclose(z, z1 + z2 + (c - b)[:, None] * w1, rtol=0, atol=1e-13)  # Chen's identity


@pytest.mark.parametrize(("a", "b"), [(0, 1), (0.3, 0.7), (0.123456, 0.1239), (0.5, 0.5 + 2**-9), (3, 9e9)])
def test_second_integrals_have_their_law(a, b):
    rows = sd.BrownianPath(seed=11, noises=COUNT, span=(0, 1e10), integrals=2).increment(a, b, levy=True)
    found = np.array(rows) / (b - a) ** np.array([[0.5], [1.5], [2.5]])
    exact = np.array([[1, 1 / 2, 1 / 6], [1 / 2, 1 / 3, 1 / 8], [1 / 6, 1 / 8, 1 / 20]])
    spread = np.sqrt((np.outer(np.diag(exact), np.diag(exact)) + exact**2) / COUNT)
    assert (np.abs(found @ found.T / COUNT - exact) < 4.5 * spread).all()
    third = found[2] - found[1] / 2 + found[0] / 12  # K, independent of W and H = Z - W/2 and of variance 1/720
    assert np.var(third) * 720 == pytest.approx(1, abs=4.5 * np.sqrt(2 / COUNT))
    for other in (found[0], found[1] - found[0] / 2):
        assert abs(np.corrcoef(third, other)[0, 1]) < 4.5 / np.sqrt(COUNT)
    assert abs(np.mean((third * 720**0.5) ** 4) - 3) < 4.5 * np.sqrt(96 / COUNT)


def test_the_halves_of_a_cell_have_the_law_that_follows_from_whole_and_legendre():
    """The rule by which cells are halved against the conditional law of normal numbers, entry by entry."""
    # rows of W, H and K in the basis of P0, P1 and P2 on an interval of the length 1: white noise against these is independent
    basis, half = np.diag([1, -1 / 2, 1 / 12]), np.array([1, 1 / 3, 1 / 5])
    # P0, P1 and P2 of the whole on its halves, by the polynomials of these: P1 = -+1/2 + P1'/2, P2 = -+3/4 P1' + P2'/4
    sides = [np.array([[1, 0, 0], [side / 2, 1 / 2, 0], [0, side * 3 / 4, 1 / 4]]) for side in (-1, 1)]
    whole = np.hstack([basis @ s for s in sides])  # W, H, K of the whole; of an interval of length 1, H and K have no factor
    noise = np.diag(np.tile(half / 2, 2))  # variances of white noise against the polynomials of halves of the length 1/2
    parts = np.kron(np.eye(2), basis)  # W, H, K of both halves
    joint, own, cross = whole @ noise @ whole.T, parts @ noise @ parts.T, parts @ noise @ whole.T
    assert np.allclose(joint, np.diag([1, 1 / 12, 1 / 720]), rtol=0, atol=1e-16)
    mean, rest = cross @ np.linalg.inv(joint), own - cross @ np.linalg.inv(joint) @ cross.T

    def rule(w=0.0, area=0.0, third=0.0, z=0.0, n=0.0, c=0.0):
        return np.array(halves_with_third(w, area, third, z, n, c, 1.0))

    found = np.array([rule(w=1.0), rule(area=1.0), rule(third=1.0)]).T
    assert np.allclose(found, mean, rtol=0, atol=1e-15)
    spread = np.array([rule(z=1.0), rule(n=1.0), rule(c=1.0)]).T
    assert np.allclose(spread @ spread.T, rest, rtol=0, atol=1e-15)


def test_neighbouring_intervals_with_second_integrals_compose_and_do_not_depend_on_order():
    path, rng = sd.BrownianPath(seed=5, noises=2, span=(-1, 12), integrals=2), np.random.default_rng(0)
    a, b, c = np.sort(rng.uniform(-1, 12, (3, 200)), axis=0)
    (w1, z1, y1), (w2, z2, y2), (w, z, y) = (path.increment(*ends, levy=True) for ends in ((a, b), (b, c), (a, c)))
    h = (c - b)[:, None]
    assert np.allclose(w, w1 + w2, rtol=0, atol=2e-14)
    assert np.allclose(z, z1 + z2 + h * w1, rtol=0, atol=1e-13)
    assert np.allclose(y, y1 + y2 + h * z1 + h**2 / 2 * w1, rtol=0, atol=1e-12)
    one_by_one = sd.BrownianPath(seed=5, noises=2, span=(-1, 12), integrals=2)
    for k in rng.permutation(200)[:50]:
        assert (one_by_one.increment(a[k], c[k], levy=True)[2] == y[k]).all()


def test_neighbours_with_second_integrals_are_independent():
    path = sd.BrownianPath(seed=2, noises=COUNT, span=(0, 1), integrals=2)
    rows = np.array([x for ends in ((0.25, 0.5), (0.5, 0.75), (0.75, 0.76)) for x in path.increment(*ends, levy=True)])
    found = np.corrcoef(rows)
    assert all(abs(found[i, j]) < 4.5 / np.sqrt(COUNT) for i in range(9) for j in range(9) if i // 3 != j // 3)


def test_short_intervals_lose_no_digits():
    # W over [a, a + e] from the path itself, and from values at its ends, which cancel
    path = sd.BrownianPath(seed=5, span=(0, 2000))
    a, e = 1234.567, 2.0**-40
    whole, halves = path.increment(a, a + e), path.increment(a, a + e / 2) + path.increment(a + e / 2, a + e)
    assert abs(whole - halves)[0] < 1e-15 * np.sqrt(e)
    assert abs(whole)[0] < 6 * np.sqrt(e)


def test_bits_do_not_depend_on_the_order_of_requests():
    rng = np.random.default_rng(0)
    ends = np.sort(rng.random((300, 2)), axis=1)
    all_at_once = sd.BrownianPath(seed=9, noises=2).increment(ends[:, 0], ends[:, 1])
    path = sd.BrownianPath(seed=9, noises=2)
    for k in rng.permutation(300):
        assert (path.increment(*ends[k]) == all_at_once[k]).all()
    assert (sd.BrownianPath(seed=9, noises=1, span=(0, 7)).increment(*ends[0]) == all_at_once[0, :1]).all()


def test_seeds_trajectories_and_noises_have_paths_of_their_own():
    chosen = [{"seed": s, "trajectory": k, "noises": 2} for s in (0, 1) for k in (0, 1)]
    ends = [x for options in chosen for x in sd.BrownianPath(**options)(1).tolist()]
    assert len(set(ends)) == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1, "noises": 0}, "noises is 0"),
        ({"seed": 1, "trajectory": 0.5}, "trajectory is 0.5"),
        ({"seed": 1, "integrals": 3}, "integrals is 3; expected 1 or 2"),
        ({"seed": 1, "integrals": 2.0}, "integrals is 2.0; expected a whole number"),
        ({"seed": 1, "integrals": True}, "integrals is True; expected a whole number"),
        ({"seed": 1, "span": (2, 2)}, "span is (2, 2); expected finite times that increase"),
        ({"seed": 1, "span": 3}, "span is 3; expected two times"),
        ({"seed": 1, "span": (0, 1e18)}, "span is (0, 1e+18), longer than 4.5036e+15"),
    ],
)
def test_paths_that_make_no_sense_are_refused(options, message):
    with pytest.raises(DeclarationError) as caught:
        sd.BrownianPath(**options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ((0.5, 0.2), "a is 0.5 and b 0.2; expected a <= b"),
        ((0.5, 1.5), "b has times outside of the span (0.0, 1.0); give the path a longer one"),
        ((np.nan, 1), "a is nan; expected finite times"),
        (("0", 1), "a is '0'; expected finite times"),
        (([0, 0.1], [0.2, 0.3, 0.4]), "a has the shape (2,) and b (3,)"),
        (([[0.1]], [[0.2]]), "expected numbers or sequences of numbers"),
    ],
)
def test_times_that_make_no_sense_are_refused(ends, message):
    with pytest.raises(DeclarationError) as caught:
        sd.BrownianPath(seed=1).increment(*ends)
    assert message in str(caught.value)


# ---- simulations along the tree ----------------------------------------------------------------

#: SRA1 is exact for these: w = W(t), z = the integral of the first path.
WALK = sd.SDESystem.from_text("dw = dW1; dv = dW2; dz = w*dt; w(0) = 0; v(0) = 0; z(0) = 0")
TREE = sd.methods.Sra1(brownian="tree")


@pytest.mark.parametrize("lanes", [1, 8, 16])
def test_simulations_follow_the_path_with_second_integrals(lanes):
    """Without force and friction QUICSORT is exact; SRA1 follows the same path if its tree serves as many integrals."""
    free = sd.SDESystem.from_text("dq = p*dt; dp = dW; dr = s*dt; ds = dW; q(0) = 0; p(0) = 0; r(0) = 0; s(0) = 0")
    times = [0, 0.3, 1, np.sqrt(2), 2]
    for method in (sd.methods.Quicsort(brownian="tree"), sd.methods.Sra1(brownian="tree", integrals=2)):
        data = sd.simulate(
            free, times, method=method, step=0.3, trajectories=11, seed=4, progress=False, layout=sd.Layout(lanes=lanes)
        )
        for k in (0, 10):
            path = sd.BrownianPath(seed=4, trajectory=k, span=(0, 2), integrals=2)
            w, z, _ = path.increment(0, times, levy=True)
            assert np.allclose(data.p[k], w[:, 0], rtol=0, atol=1e-14)
            assert np.allclose(data.q[k], z[:, 0], rtol=0, atol=1e-14)
            assert np.allclose(data.r[k], z[:, 0], rtol=0, atol=1e-14)


def test_a_tree_that_serves_fewer_integrals_than_a_scheme_reads_is_refused():
    free = sd.SDESystem.from_text("dq = p*dt; dp = dW; q(0) = 0; p(0) = 0")
    with pytest.raises(DeclarationError, match="integrals is 1, but 'quicsort' reads 2 of a path"):
        sd.simulate(free, [0, 1], method=sd.methods.Quicsort(brownian="tree", integrals=1), step=0.1, progress=False)


@pytest.mark.parametrize("lengths", [{"step": 0.03}, {"rtol": 1e-3, "atol": 1e-4}])
def test_bits_of_paths_with_second_integrals_depend_on_seed_and_trajectory_alone(lengths):
    system = sd.SDESystem.from_text("dq = p*dt; dp = (q - q^3 - 2*p)*dt + dW; q(0) = 1; p(0) = 0")

    def values(times, **layout):
        data = sd.simulate(
            system, times, trajectories=21, seed=6, method=sd.methods.Quicsort(brownian="tree"), layout=sd.Layout(**layout),
            progress=False, **lengths,
        )  # fmt: skip
        return data.q.sel(time=[0.7, 1.3]).values

    reference = values([0, 0.7, 1.3], lanes=8, threads=1)
    for lanes in (1, 16):
        assert (values([0, 0.7, 1.3], lanes=lanes, threads=2, chunk=7) == reference).all()
    assert (values([0, 0.1, 0.7, 1, 1.3], lanes=8) == reference).all()


@pytest.mark.parametrize("step", [1 / 64, 0.3, 10])
def test_simulations_follow_the_path_whatever_their_steps(step):
    times = [0, 0.3, 1, np.sqrt(2), 2]
    data = sd.simulate(WALK, times, method=TREE, step=step, trajectories=11, seed=4, progress=False)
    for k in (0, 10):
        path = sd.BrownianPath(seed=4, trajectory=k, noises=2, span=(0, 2))
        w, z = path.increment(0, times, levy=True)
        assert np.allclose(np.stack([data.w[k], data.v[k]], axis=1), w, rtol=0, atol=1e-14)
        assert np.allclose(data.z[k], z[:, 0], rtol=0, atol=1e-14)


def test_steps_from_the_state_follow_the_path():
    """Lanes whose steps differ, and output times within steps; w is the path, and Milstein's step adds increments exactly."""
    growth = sd.SDESystem.from_text("dx = 3*x*dt + x*dW; dw = dW; x(0) = 1; w(0) = 0")
    times, count = [-1, -0.7, 0, np.sqrt(2) - 1, 1], 19
    data = sd.simulate(
        growth,
        times,
        method=sd.methods.Milstein(brownian="tree"),
        rtol=1e-2,
        atol=0.1,
        trajectories=count,
        seed=4,
        progress=False,
    )
    assert len(set(data.steps.values)) > count / 2
    for k in range(count):
        path = sd.BrownianPath(seed=4, trajectory=k, span=(-1, 1))
        assert np.allclose(data.w[k], path(times)[:, 0], rtol=0, atol=1e-13)


def test_points_of_a_sweep_have_paths_of_their_own():
    walk = sd.SDESystem.from_text("dw = s*dW; w(0) = 0")
    data = sd.simulate(walk, [0, 1], method=TREE, step=1, parameters={"s": [1, 2, 3]}, trajectories=2, seed=4, progress=False)
    for p in range(3):
        for k in range(2):
            path = sd.BrownianPath(seed=4, trajectory=p * 2**32 + k)
            assert abs(float(data.w.values[p, k, -1]) - (p + 1) * path(1)[0]) < 1e-14


def test_time_begins_at_the_first_output():
    late = sd.simulate(WALK, [5, 5.75], method=TREE, step=0.1, seed=4, progress=False)
    assert np.allclose(late.w[-1], sd.BrownianPath(seed=4, span=(5, 6))(5.75)[0], rtol=0, atol=1e-14)


WELL = sd.SDESystem.from_text("dx = (x - x^3 + y)*dt + 0.5*dW1; dy = -y*dt + 0.3*dW2; x(0) = 1; y(0) = 0")


@pytest.mark.parametrize("lengths", [{"step": 0.03}, {"rtol": 1e-3, "atol": 1e-4}])
def test_output_times_change_no_bits(lengths):
    options = {"method": sd.methods.Sra1(brownian="tree", max_step=0.1) if "rtol" in lengths else TREE, "trajectories": 9}
    options |= {"seed": 3, "progress": False, **lengths}
    few = sd.simulate(WELL, [0, 0.7, 1.9], **options)
    many = sd.simulate(WELL, np.unique([*np.linspace(0, 2.5, 57), 0.7, 1.9]), **options)
    assert (few.x.values == many.x.sel(time=few.time).values).all()


@pytest.mark.parametrize("lengths", [{"step": 0.03}, {"rtol": 1e-3, "atol": 1e-4}])
def test_bits_depend_on_seed_and_trajectory_alone(lengths):
    times = np.linspace(0, 1, 4)

    def values(trajectories=45, seed=6, **layout):
        data = sd.simulate(
            WELL,
            times,
            trajectories=trajectories,
            seed=seed,
            method=TREE,
            layout=sd.Layout(**layout),
            progress=False,
            **lengths,
        )
        return np.stack([data.x.values, data.y.values])

    reference = values(lanes=8, threads=1)
    for lanes in (1, 16, 32):
        assert np.array_equal(values(lanes=lanes, threads=2), reference)
    for size in (7, 16):
        assert np.array_equal(values(chunk=size, threads=2), reference)
    assert np.array_equal(values(trajectories=100)[:, :45], reference)
    assert not np.any(values(seed=7)[:, :, 1:] == reference[:, :, 1:])


def test_failures_are_told_and_leave_the_others_alone():
    away = sd.SDESystem.from_text("dx = x^2*dt + 0.05*dW; x(0) = 0.5")
    data = sd.simulate(away, [0, 1, 10], trajectories=9, method=TREE, step=0.01, seed=1, on_failure="nan", progress=False)
    assert np.isfinite(data.x[:, 1]).all()
    assert np.isnan(data.x[:, 2]).sum() == (data.status != 0).sum() > 0
    limited = sd.simulate(
        WELL, [0, 1], method=sd.methods.Sra1(brownian="tree", max_steps=10), step=0.01, seed=1, on_failure="nan",
        trajectories=3, progress=False,
    )  # fmt: skip
    assert "max_steps" in str(limited.status.attrs) or (limited.status == 2).all()
    assert (limited.steps == 10).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "sra1", "rtol": 1e-3}, DeclarationError, "brownian='tree'"),
        ({"method": TREE, "rtol": 1e-3, "step": 0.1}, DeclarationError, "rtol has no effect"),
        ({"method": TREE, "step": 1e-40}, DeclarationError, "steps of the length 1e-40"),
        ({"method": sd.methods.Sra1(brownian="tree", max_step=0.1), "step": 0.2}, DeclarationError, "max_step has no effect"),
        ({"method": sd.methods.Sra1(brownian="tree", max_step=0.1)}, DeclarationError, "max_step has no effect"),
    ],
)
def test_options_without_effect_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        sd.simulate(WELL, [0, 1], seed=1, progress=False, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"brownian": "forest"}, "brownian is 'forest'; expected one of 'stream', 'tree'"),
        ({"brownian": "tree", "integrals": 0}, "integrals is 0; expected a whole number"),
        ({"brownian": "tree", "integrals": 3}, "integrals is 3; expected 1 or 2"),
        ({"brownian": "tree", "integrals": 2.0}, "integrals is 2.0; expected a whole number"),
        ({"brownian": "tree", "integrals": True}, "integrals is True; expected a whole number"),
        ({"integrals": 2}, "integrals has no effect on increments from a stream"),
        ({"brownian": "tree", "brownian_step": 0.1}, "brownian_step has no effect on brownian='tree'"),
        ({"max_step": 0.1}, "max_step has no effect on increments from a stream"),
        ({"brownian": "tree", "max_step": -1}, "max_step is -1"),
    ],
)
def test_sources_that_make_no_sense_are_refused(options, message):
    with pytest.raises(DeclarationError, match=message):
        sd.methods.Sra1(**options)


def test_events_and_other_methods_are_refused():
    reset = sd.SDESystem.from_text("dx = -x*dt + 0.1*dW; x(0) = 1; when x < 0.5, x = 1")
    with pytest.raises(CompileError, match="for models without events, inputs and delays"):
        sd.simulate(reset, [0, 1], method=sd.methods.Heun(brownian="tree"), progress=False)


def test_conditions_that_end_trajectories_are_evaluated_along_the_tree():
    # exit from (-1, 1) of a Wiener process that begins at 0: the mean time is 1
    free = sd.SDESystem.from_text("dx = dW; x(0) = 0")
    data = sd.simulate(
        free, [0, 30], until="abs(x) >= 1", method=sd.methods.Heun(brownian="tree"), step=1 / 64, trajectories=4000, seed=2,
        progress=False,
    )  # fmt: skip
    found = data.first_passage.values
    assert np.isfinite(found).all()
    assert abs(found.mean() - 1) < 4.5 * np.sqrt(2 / 3 / 4000) + 0.01  # Var = 2/3
