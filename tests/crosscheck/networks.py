"""Networks with finitely many states: projection and exact simulation against the exponential of a matrix made here."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.linalg
import scipy.stats
from hypothesis import assume
from hypothesis import strategies as st

import symdyn as sd

__all__ = ["by_generator", "by_moments", "finite", "linear"]

#: Reactants, products and rate constants of each reaction, and the numbers of molecules at time 0.
Network = tuple[list[tuple[tuple[int, ...], tuple[int, ...], Fraction]], tuple[int, ...]]
#: Probability that a correct frequency is reported as wrong; there are some ten for each species of each network.
ALARM = 1e-12
TIME, RUNS = 0.5, 4000


def _text(network: Network) -> str:
    def side(counts: tuple[int, ...]) -> str:
        return " + ".join(f"{n} {s}" for n, s in zip(counts, "ABC", strict=False) if n) or "0"

    return "\n".join(f"{side(left)} -> {side(right)}, {rate}" for left, right, rate in network[0])


def _network(network: Network) -> sd.ReactionNetwork:
    return sd.ReactionNetwork.from_text(_text(network), initial=dict(zip("ABC", network[1], strict=False)))


@st.composite
def finite(draw: Any) -> Network:
    """Reactions of up to two molecules that never make more of them, so that there are finitely many states."""
    n = draw(st.integers(1, 3))
    reactions = []
    for _ in range(draw(st.integers(1, 4))):
        order = draw(st.integers(1, 2))
        sides = [[draw(st.integers(0, n - 1)) for _ in range(k)] for k in (order, draw(st.integers(0, order)))]
        left, right = (tuple(side.count(k) for k in range(n)) for side in sides)
        if left != right:
            reactions.append((left, right, Fraction(draw(st.integers(1, 20)), draw(st.integers(1, 8)))))
    used = {k for left, right, _ in reactions for k in range(n) if left[k] or right[k]}
    assume(used == set(range(n)))
    return reactions, tuple(draw(st.integers(0, 4)) for _ in range(n))


def _exact(network: Network) -> dict[tuple[int, ...], float]:
    """Probabilities of all states at `TIME` by the matrix exponential of the generator, with falling factorials."""
    reactions, start = network
    states, new = {start: 0}, [start]
    entries = []
    while new:
        state = new.pop()
        for left, right, rate in reactions:
            a = float(rate)
            for m, k in zip(state, left, strict=True):
                a *= float(np.prod([m - j for j in range(k)]))
            if a:
                target = tuple(m + r - k for m, k, r in zip(state, left, right, strict=True))
                if target not in states:
                    states[target] = len(states)
                    new.append(target)
                entries.append((states[target], states[state], a))
    generator = np.zeros((len(states), len(states)))
    for i, j, a in entries:
        generator[i, j] += a
        generator[j, j] -= a
    return dict(zip(states, scipy.linalg.expm(TIME * generator)[:, 0], strict=True))


def by_generator(network: Network) -> None:
    """Probabilities by projection to 1e-8, and frequencies in exact runs by binomial tests."""
    exact = _exact(network)
    net, names = _network(network), "ABC"[: len(network[1])]
    start = dict(zip(names, network[1], strict=True))
    what = f"{_text(network)} from {network[1]}"
    projected = net.master_equation().transient(TIME, start, tolerance=1e-9)
    total = 0.0
    for state, p in exact.items():
        try:
            found = float(projected.sel(dict(zip(names, state, strict=True))))
        except KeyError:
            found = 0.0
        total += found
        assert abs(found - p) < 1e-8, f"{what}: P{state} = {found:.10f} by projection, exactly {p:.10f}"
    assert abs(float(projected.sum()) - total) < 1e-8, f"{what}: projection has states that cannot be reached"
    runs = sd.simulate(net, [0, TIME], trajectories=RUNS, seed=1, progress=False, layout=sd.Layout(threads=1))
    counts = np.stack([runs[s].isel(time=-1).values for s in names], axis=1).astype(int)
    found = {tuple(map(int, state)): int(k) for state, k in zip(*np.unique(counts, axis=0, return_counts=True), strict=True)}
    assert set(found) <= set(exact), f"{what}: runs reach {set(found) - set(exact)}"
    for state, p in exact.items():
        k = found.get(state, 0)
        chance = 2 * min(
            scipy.stats.binom.cdf(k, RUNS, min(p + 1e-12, 1)), scipy.stats.binom.sf(k - 1, RUNS, max(p - 1e-12, 0))
        )
        assert chance > ALARM, f"{what}: {k} of {RUNS} runs end in {state}, whose probability is {p:.5f} (chance {chance:.0e})"


@st.composite
def linear(draw: Any) -> Network:
    """Births, deaths, conversions and branching of up to three species."""
    n = draw(st.integers(1, 3))
    nothing = (0,) * n
    unit = [tuple(int(j == k) for j in range(n)) for k in range(n)]
    sides = st.sampled_from(
        (nothing, *unit, *(tuple(map(sum, zip(a, b, strict=True))) for a, b in itertools.product(unit, unit)))
    )
    reaction = st.tuples(st.sampled_from((nothing, *unit)), sides, st.builds(Fraction, st.integers(1, 12), st.integers(2, 8)))
    reactions = draw(st.lists(reaction.filter(lambda r: r[0] != r[1]), min_size=1, max_size=5))
    assume({k for left, right, _ in reactions for k in range(n) if left[k] or right[k]} == set(range(n)))
    return reactions, tuple(draw(st.integers(0, 6)) for _ in range(n))


def by_moments(network: Network) -> None:
    """Means and covariances of a linear network: moment equations against an exponential, and runs against both.

    The first two moments obey linear equations, with the drift ``A m + b`` and the diffusion summed over reactions.
    """
    reactions, start = network
    n, names = len(start), "ABC"[: len(start)]
    jumps = np.array([np.subtract(right, left) for left, right, _ in reactions], float)
    slopes = np.array([[float(rate) * k for k in left] for left, _, rate in reactions])  # propensity a + c.n
    constants = np.array([0.0 if any(left) else float(rate) for left, _, rate in reactions])
    a, b = jumps.T @ slopes, jumps.T @ constants
    # unknowns: 1, m, the matrix of covariances
    eye = np.eye(n)
    whole = np.zeros((1 + n + n * n,) * 2)
    whole[1 : n + 1, 0], whole[1 : n + 1, 1 : n + 1] = b, a
    whole[n + 1 :, n + 1 :] = np.kron(a, eye) + np.kron(eye, a)
    outer = np.array([np.outer(j, j).ravel() for j in jumps])
    whole[n + 1 :, 0], whole[n + 1 :, 1 : n + 1] = outer.T @ constants, outer.T @ slopes
    exact = scipy.linalg.expm(TIME * whole) @ [1.0, *start, *np.zeros(n * n)]
    mean, covariance = exact[1 : n + 1], exact[n + 1 :].reshape(n, n)
    net, what = _network(network), f"{_text(network)} from {start}"
    closed = sd.simulate(net.moments(2), [0, TIME], rtol=1e-10, atol=1e-12, progress=False).isel(time=-1)
    for i, j in itertools.combinations_with_replacement(range(n), 2):
        name = f"E[{names[i]}^2]" if i == j else f"E[{names[i]}*{names[j]}]"
        name = name if name in closed else f"E[{names[j]}*{names[i]}]"
        wanted = covariance[i, j] + mean[i] * mean[j]
        assert abs(float(closed[name]) - wanted) < 1e-7 * (1 + abs(wanted)), f"{what}: {name} {float(closed[name])}, {wanted}"
    runs = sd.simulate(net, [0, TIME], trajectories=RUNS, seed=2, progress=False, layout=sd.Layout(threads=1)).isel(time=-1)
    for k, name in enumerate(names):
        assert abs(float(closed[f"E[{name}]"]) - mean[k]) < 1e-7 * (1 + mean[k]), f"{what}: E[{name}]"
        error = 8 * np.sqrt(max(covariance[k, k], 0.0) / RUNS) + 8 / RUNS
        found = float(runs[name].mean())
        assert abs(found - mean[k]) <= error, f"{what}: mean of {name} {found} in {RUNS} runs, exactly {mean[k]}"
