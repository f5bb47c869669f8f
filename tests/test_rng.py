"""Random streams: published sequences, laws, independence of streams, bits that do not depend on lanes."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from numba import njit
from scipy import stats
from symdyn_kernels import rng, simd
from symdyn_kernels.shared import streams

# xoshiro256++ from the state {1, 2, 3, 4}, as the authors' C code gives it
XOSHIRO = (
    41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205,
    9973669472204895162, 14011001112246962877, 12406186145184390807, 15849039046786891736, 10450023813501588000,
)  # fmt: skip
# splitmix64 from the seed 1234567
SPLITMIX = (6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821)
GOLDEN = 0x9E3779B97F4A7C15


@njit("void(int64, int64, int64, int64)")
def start(state, lanes, seed, first):
    for lane in range(lanes):
        rng.start_stream(state, lane, lanes, seed, first + lane)


@njit("void(int64, int64, int64, int64, int64)", error_model="numpy")
def fill(state, lanes, rows, out, kind):
    """Rows of raw words (0), uniforms (1) or normals (2)."""
    for lane in range(0, lanes, 8):
        for row in range(0, rows, 2):
            if kind == 2:
                a, b = rng.normal_pair(state, lane, lanes)
            else:
                a, b = rng.next_bits(state, lane, lanes), rng.next_bits(state, lane, lanes)
                if kind == 1:
                    a, b = rng.uniform(a), rng.uniform(b)
            simd.vst(out, row * lanes + lane, a)
            simd.vst(out, (row + 1) * lanes + lane, b)


@njit("void(int64, int64, int64, int64)", error_model="numpy")
def functions(u, sine, cosine, log):
    s, c = rng.sincos_turn(simd.vld(u, 0))
    simd.vst(sine, 0, s)
    simd.vst(cosine, 0, c)
    simd.vst(log, 0, simd.vlog(simd.vld(u, 0)))


@njit
def words(state, count):
    """The next words of one stream, whose state is an array."""
    s = (state[0], state[1], state[2], state[3])
    found = np.empty(count, np.uint64)
    for k in range(count):
        found[k], s = streams.next_word(s)
    return found


@njit
def scalars(seed, trajectory, count, normal):
    """Uniform numbers of one stream, or pairs of normals."""
    s, found = streams.open_stream(seed, trajectory), np.empty(count)
    for k in range(0, count, 2):
        if normal:
            found[k], found[k + 1], s = streams.next_normals(s)
        else:
            found[k], s = streams.next_uniform(s)
            found[k + 1], s = streams.next_uniform(s)
    return found


def draw(kind: int, rows: int, *, lanes: int, seed: int, first: int = 0) -> np.ndarray:
    """Array (rows, lanes) of draws from the streams of `lanes` trajectories."""
    state, out = np.zeros(4 * lanes, np.uint64), np.zeros((rows, lanes))
    start(state.ctypes.data, lanes, seed, first)
    fill(state.ctypes.data, lanes, rows, out.ctypes.data, kind)
    return out


def mix(z: int) -> int:
    """The finaliser of splitmix64 in Python's integers."""
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return z ^ z >> 31


def test_mix_gives_the_published_sequence_of_splitmix64():
    seeds = [np.uint64((1234567 + k * GOLDEN) % 2**64) for k in range(1, 6)]
    assert tuple(int(streams.mix(z)) for z in seeds) == SPLITMIX


def test_scalar_generator_gives_the_published_sequence():
    assert tuple(map(int, words(np.array([1, 2, 3, 4], np.uint64), len(XOSHIRO)))) == XOSHIRO


def test_every_lane_gives_the_published_sequence():
    state, out = np.repeat(np.array([1, 2, 3, 4], np.uint64), 16), np.zeros((10, 16))
    fill(state.ctypes.data, 16, 10, out.ctypes.data, 0)
    assert np.array_equal(out.view(np.uint64), np.repeat(np.array(XOSHIRO, np.uint64)[:, None], 16, axis=1))


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1, -1])
def test_streams_start_from_the_documented_hash(seed):
    for trajectory in (0, 1, 10**12):
        expected = [mix((mix((seed + (i + 1) * GOLDEN) % 2**64) + (trajectory + 1) * GOLDEN) % 2**64) for i in range(4)]
        assert [int(streams.stream_word(seed, trajectory, i)) for i in range(4)] == expected


def test_lanes_and_scalars_are_the_same_generator():
    uniforms, normals = draw(1, 6, lanes=8, seed=5, first=40), draw(2, 6, lanes=8, seed=5, first=40)
    for lane in range(8):
        assert np.array_equal(scalars(5, 40 + lane, 6, False), uniforms[:, lane])
        assert np.allclose(scalars(5, 40 + lane, 6, True), normals[:, lane], rtol=1e-13, atol=1e-15)


def test_bits_do_not_depend_on_the_number_of_lanes():
    wide = draw(2, 10, lanes=32, seed=9, first=64)
    for lanes in (8, 16):
        for shift in range(0, 32, lanes):
            assert np.array_equal(draw(2, 10, lanes=lanes, seed=9, first=64 + shift), wide[:, shift : shift + lanes])


def test_uniforms_never_reach_the_ends():
    ends = np.array([0, 2**64 - 1] * 4, np.uint64)
    # from the state (s, 0, 0, 0) the first word is rotl(s, 23) + s: 0 for s = 0 and 2^64 - 2 for s = 2^64 - 1
    state, out = np.concatenate([ends, np.zeros(24, np.uint64)]), np.zeros((2, 8))
    fill(state.ctypes.data, 8, 2, out.ctypes.data, 1)
    assert list(out[0, :2]) == [2.0**-53, 1 - 2.0**-53]


def test_sine_cosine_and_logarithm_are_accurate_to_two_units_in_the_last_place():
    near = np.array([k / 8 + d for k in range(9) for d in (-1e-9, -(2.0**-53), 0.0, 2.0**-52, 1e-9)])
    u = np.concatenate([near[(near > 0) & (near <= 1)], np.random.default_rng(1).random(2000), 2.0 ** -np.arange(1, 54)])
    u = u[: u.size // 8 * 8]
    result = np.zeros((3, u.size))
    for k in range(0, u.size, 8):
        functions(u[k:].ctypes.data, *(r[k:].ctypes.data for r in result))
    with mpmath.workdps(40):
        exact = [[f(2 * mpmath.mpf(x)) for x in u.tolist()] for f in (mpmath.sinpi, mpmath.cospi)]
        exact.append([mpmath.log(x) for x in u.tolist()])
        for got, reference in zip(result.tolist(), exact, strict=True):
            for g, r in zip(got, reference, strict=True):
                assert abs(g - r) <= 2 * np.spacing(abs(float(r))) * (r != 0)


def test_normals_of_many_streams_have_the_normal_law():
    z = draw(2, 64, lanes=8192, seed=12).ravel()
    assert stats.kstest(z, "norm").pvalue > 1e-3
    # E z^k and Var z^k = E z^(2k) - (E z^k)^2 from E z^(2j) = (2j - 1)!!
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(z**power) - mean) < 4 * np.sqrt(variance / z.size)
    beyond = np.sum(np.abs(z) > 4)
    assert abs(beyond - z.size * 6.334e-5) < 4 * np.sqrt(z.size * 6.334e-5)


@pytest.mark.parametrize("row", [0, 1, 2, 3])
def test_the_first_draws_across_trajectories_and_across_seeds_are_normal(row):
    trajectories = draw(2, 4, lanes=65536, seed=0)[row]
    seeds = np.concatenate([draw(2, 4, lanes=8, seed=s)[row] for s in range(4000)])
    for z in (trajectories, seeds):
        assert stats.kstest(z, "norm").pvalue > 1e-3


def test_neighbouring_streams_are_uncorrelated():
    n, bound = 65536, 4.5 / np.sqrt(65536)
    z = draw(2, 8, lanes=n, seed=3)
    other = draw(2, 8, lanes=n, seed=4)
    for values in (z, z**2 - 1, np.abs(z) - np.sqrt(2 / np.pi)):
        scale = values.std()
        assert np.max(np.abs(np.mean(values[:, 1:] * values[:, :-1], axis=1))) < bound * scale**2
        assert np.max(np.abs(np.corrcoef(values) - np.eye(8))) < bound
    assert np.max(np.abs(np.corrcoef(z, other)[:8, 8:])) < bound
