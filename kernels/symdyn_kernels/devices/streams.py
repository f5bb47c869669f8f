"""Random numbers of a thread: the streams of `symdyn_kernels.rng`, one trajectory at a time.

The state of a stream is a tuple of four words of 64 bits, which stays in registers; every function that draws returns
it last.  Words, uniform numbers, exponentials and normals come from the same formulas in the same order as in lanes on
the CPU.
"""

from __future__ import annotations

import numpy as np

from symdyn_kernels.devices._prelude import i64, math, real, u64
from symdyn_kernels.devices.formulas import logarithm, sine_and_cosine

#: The fraction of a double, the bits of sqrt(1/2), and those of 1 less those of sqrt(1/2), to 32 bits.
_FRACTION, _ROOT_HALF, _SHIFT = 0x000FFFFFFFFFFFFF, 0x3FE6A09E00000000, 0x3FF0000000000000 - 0x3FE6A09E00000000


# ---- words -------------------------------------------------------------------------------------


def mix(z):
    """The finaliser of splitmix64, a bijection of words."""
    z = u64((z ^ (z >> 30)) * u64(0xBF58476D1CE4E5B9))
    z = u64((z ^ (z >> 27)) * u64(0x94D049BB133111EB))
    return z ^ (z >> 31)


def stream_word(seed, stream, i):
    """Word `i` of the state with which a stream starts; all arguments are signed."""
    golden = u64(0x9E3779B97F4A7C15)
    base = mix(u64(u64(seed) + u64(u64(i + 1) * golden)))
    return mix(u64(base + u64(u64(u64(stream) + u64(1)) * golden)))


def open_stream(seed, stream):
    """The state with which a stream starts."""
    return (
        stream_word(seed, stream, 0),
        stream_word(seed, stream, 1),
        stream_word(seed, stream, 2),
        stream_word(seed, stream, 3),
    )


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


def next_uniform(s):
    """The next uniform number in (0, 1), ``(k + 1/2) 2^-52`` with k the upper 52 bits of a word."""
    word, s = next_word(s)
    return (real(i64(word >> 12)) + 0.5) * 2.220446049250313e-16, s


def log(x):
    """Natural logarithm of a positive normal number, as `symdyn_kernels.simd.vlog`."""
    shifted = i64(np.float64(x).view(np.int64)) + _SHIFT
    exponent = real((shifted >> 52) - 1023)
    f = real(np.int64((shifted & _FRACTION) + _ROOT_HALF).view(np.float64)) - 1.0
    return logarithm(f, exponent)


def next_exponential(s):
    """The next standard exponential."""
    u, s = next_uniform(s)
    return -log(u), s


def sincos_turn(u):
    """Sine and cosine of ``2 pi u`` for u in [0, 1], as `symdyn_kernels.rng.sincos_turn`."""
    quadrant = i64(u * 4.0 + 0.5)
    x = (u * 4.0 - real(quadrant)) * 1.5707963267948966
    sine, cosine = sine_and_cosine(x)
    # quadrants 0, 1, 2, 3 (4 is 0 again): (s, c), (c, -s), (-s, -c), (-c, s)
    first, second = (cosine, -sine) if quadrant & 1 else (sine, cosine)
    return (-first, -second) if quadrant & 2 else (first, second)


def next_normals(s):
    r"""The next two standard normals, :math:`\sqrt{-2\ln u}\,(\cos 2\pi v, \sin 2\pi v)`."""
    u, s = next_uniform(s)
    v, s = next_uniform(s)
    radius = math.sqrt(log(u) * -2.0)
    sine, cosine = sincos_turn(v)
    return radius * cosine, radius * sine, s
