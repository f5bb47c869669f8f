"""Random numbers of one trajectory: one stream for each, the same for any number of lanes, threads or chunks.

The generator is xoshiro256++ (Blackman & Vigna, ACM Trans. Math. Softw. 47 (2021) 36).  Word ``i`` (0 to 3) of its
state at the start of the stream of `trajectory` is

    mix(mix(seed + (i + 1) G) + (trajectory + 1) G)  mod 2^64,

with `mix` the finaliser of splitmix64 (Steele, Lea & Flood, OOPSLA 2014) and ``G = 0x9e3779b97f4a7c15``.  Both are
bijections: within a seed no two trajectories share any word, and streams of different seeds share an entire state with
probability about 2^-256.  Overlap of two streams of ``L`` numbers within their common period of 2^256 - 1 has
probability about ``L 2^-255``.

The state of a stream is a tuple of four words of 64 bits, which stays in registers; every function that draws returns
it last.  `symdyn_kernels.rng` draws the same numbers in lanes.
"""

from __future__ import annotations

import numpy as np

from symdyn_kernels.shared._scalars import i64, math, real, shared, shared_inline, u64
from symdyn_kernels.shared.formulas import logarithm, sine_and_cosine

__all__ = [
    "log", "mix", "next_exponential", "next_normals", "next_uniform", "next_word", "open_stream", "sincos_turn", "stream_word",
]  # fmt: skip

#: The fraction of a double, the bits of sqrt(1/2), and those of 1 less those of sqrt(1/2), to 32 bits.
_FRACTION, _ROOT_HALF, _SHIFT = 0x000FFFFFFFFFFFFF, 0x3FE6A09E00000000, 0x3FF0000000000000 - 0x3FE6A09E00000000


# ---- words -------------------------------------------------------------------------------------


@shared
def mix(z):
    """The finaliser of splitmix64, a bijection of words."""
    z = u64((z ^ (z >> 30)) * u64(0xBF58476D1CE4E5B9))
    z = u64((z ^ (z >> 27)) * u64(0x94D049BB133111EB))
    return z ^ (z >> 31)


@shared
def stream_word(seed, stream, i):
    """Word `i` of the state with which a stream starts; all arguments are signed."""
    golden = u64(0x9E3779B97F4A7C15)
    base = mix(u64(u64(seed) + u64(u64(i + 1) * golden)))
    return mix(u64(base + u64(u64(u64(stream) + u64(1)) * golden)))


@shared
def open_stream(seed, stream):
    """The state with which a stream starts."""
    i = i64(0)  # a number of one type: `stream_word` compiles once
    return (
        stream_word(seed, stream, i),
        stream_word(seed, stream, i + 1),
        stream_word(seed, stream, i + 2),
        stream_word(seed, stream, i + 3),
    )


@shared_inline
def next_word(s):
    """The next 64 bits of xoshiro256++."""
    s0, s1, s2, s3 = s
    total = u64(s0 + s3)
    word = u64((u64(total << 23) | (total >> 41)) + s0)
    shifted = u64(s1 << 17)
    s2 = s2 ^ s0
    s3 = s3 ^ s1
    s1 = s1 ^ s2
    s0 = s0 ^ s3
    s2 = s2 ^ shifted
    s3 = u64(s3 << 45) | (s3 >> 19)
    return word, (s0, s1, s2, s3)


# ---- numbers -----------------------------------------------------------------------------------


@shared_inline
def next_uniform(s):
    """The next uniform number in (0, 1), ``(k + 1/2) 2^-52`` with k the upper 52 bits of a word."""
    word, s = next_word(s)
    return (real(i64(word >> 12)) + 0.5) * 2.220446049250313e-16, s


@shared
def log(x):
    """Natural logarithm of a positive normal number, as `symdyn_kernels.simd.vlog` computes it."""
    shifted = i64(np.float64(x).view(np.int64)) + _SHIFT
    exponent = real((shifted >> 52) - 1023)
    f = real(np.int64((shifted & _FRACTION) + _ROOT_HALF).view(np.float64)) - 1.0
    return logarithm(f, exponent)


@shared
def next_exponential(s):
    """The next standard exponential."""
    u, s = next_uniform(s)
    return -log(u), s


@shared
def sincos_turn(u):
    """Sine and cosine of ``2 pi u`` for u in [0, 1], as `symdyn_kernels.rng.sincos_turn`."""
    quadrant = i64(u * 4.0 + 0.5)
    x = (u * 4.0 - real(quadrant)) * 1.5707963267948966
    sine, cosine = sine_and_cosine(x)
    # quadrants 0, 1, 2, 3 (4 is 0 again): (s, c), (c, -s), (-s, -c), (-c, s)
    first, second = (cosine, -sine) if quadrant & 1 else (sine, cosine)
    return (-first, -second) if quadrant & 2 else (first, second)


@shared
def next_normals(s):
    r"""The next two standard normals, :math:`\sqrt{-2\ln u}\,(\cos 2\pi v, \sin 2\pi v)`."""
    u, s = next_uniform(s)
    v, s = next_uniform(s)
    radius = math.sqrt(log(u) * -2.0)
    sine, cosine = sincos_turn(v)
    return radius * cosine, radius * sine, s
