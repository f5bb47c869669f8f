"""Random numbers in lanes: those of `symdyn_kernels.shared.streams`, for several trajectories at a time.

The states of W lanes are stored as four blocks of W words.  Normals come in pairs from the transform of Box and
Muller (Ann. Math. Stat. 29 (1958) 610), whose logarithm, sine and cosine are polynomials without branches.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from symdyn_kernels.shared.formulas import sine_and_cosine
from symdyn_kernels.shared.streams import stream_word
from symdyn_kernels.simd import V8, WIDTH, sel, vfloor, vlog, vsqrt

_DOUBLE, _INT64 = ir.DoubleType(), ir.IntType(64)
_VECTOR, _VECTOR_INT = ir.VectorType(_DOUBLE, WIDTH), ir.VectorType(_INT64, WIDTH)
_ONE = 0x3FF0000000000000  # the bits of 1.0
_BELOW_ONE = 1.0 - 2.0**-53


# ---- streams -----------------------------------------------------------------------------------


@intrinsic
def _store_word(context, address, index, word):
    """Store a uint64 at ``address + 8*index``."""

    def generate(c, b, signature, a):
        b.store(a[2], b.gep(b.inttoptr(a[0], _INT64.as_pointer()), [a[1]]), align=8)
        return c.get_dummy_value()

    return types.void(types.int64, types.int64, types.uint64), generate


@njit(error_model="numpy")
def start_stream(state, lane, lanes, seed, trajectory):
    """Put the stream of a trajectory into a lane of the state at an address."""
    for i in range(4):
        _store_word(state, i * lanes + lane, stream_word(seed, trajectory, i))


# ---- eight lanes at a time ---------------------------------------------------------------------


def _words(k: int):
    return ir.Constant(_VECTOR_INT, [k] * WIDTH)


def _rotated(b, x, k: int):
    return b.or_(b.shl(x, _words(k)), b.lshr(x, _words(64 - k)))


def advanced(b, s0, s1, s2, s3):
    """The next words of a vector of streams, and the states after them."""
    result = b.add(_rotated(b, b.add(s0, s3), 23), s0)
    shifted = b.shl(s1, _words(17))
    s2, s3 = b.xor(s2, s0), b.xor(s3, s1)
    s1, s0 = b.xor(s1, s2), b.xor(s0, s3)
    return b.bitcast(result, _VECTOR), (s0, s1, b.xor(s2, shifted), _rotated(b, s3, 45))


def _pointers(b, state, lane, lanes):
    base = b.inttoptr(state, _INT64.as_pointer())
    places = [b.gep(base, [b.add(b.mul(lanes, ir.Constant(_INT64, i)), lane)]) for i in range(4)]
    return [b.bitcast(p, _VECTOR_INT.as_pointer()) for p in places]


@intrinsic
def next_bits(context, state, lane, lanes):
    """The next 64 bits of the lanes from `lane` on, as the bits of a vector of doubles; advances the state."""

    def generate(c, b, signature, a):
        pointers = _pointers(b, *a)
        result, words = advanced(b, *(b.load(p, align=8) for p in pointers))
        for value, p in zip(words, pointers, strict=True):
            b.store(value, p, align=8)
        return result

    return V8(types.int64, types.int64, types.int64), generate


@intrinsic
def next_two_bits(context, state, lane, lanes):
    """What `next_bits` gives twice; the state stays in registers in between, for to store and load it again takes longer."""

    def generate(c, b, signature, a):
        pointers = _pointers(b, *a)
        first, words = advanced(b, *(b.load(p, align=8) for p in pointers))
        second, words = advanced(b, *words)
        for value, p in zip(words, pointers, strict=True):
            b.store(value, p, align=8)
        return c.make_tuple(b, signature.return_type, [first, second])

    return types.UniTuple(V8, 2)(types.int64, types.int64, types.int64), generate


@intrinsic
def uniform(context, bits):
    """``(k + 1/2) 2^-52`` with k the upper 52 bits: equidistant in (0, 1), never 0 or 1."""

    def generate(c, b, signature, a):
        upper = b.lshr(b.bitcast(a[0], _VECTOR_INT), _words(12))
        from_one = b.bitcast(b.or_(upper, _words(_ONE)), _VECTOR)
        return b.fsub(from_one, ir.Constant(_VECTOR, [_BELOW_ONE] * WIDTH))

    return V8(V8), generate


@njit(error_model="numpy")
def sincos_turn(u):
    """Sine and cosine of ``2 pi u`` for u in [0, 1], below 2 ulp, by quadrants."""
    k = vfloor(u * 4.0 + 0.5)
    x = (u * 4.0 - k) * 1.5707963267948966  # the difference is exact, x in [-pi/4, pi/4]
    sine, cosine = sine_and_cosine(x)
    # quadrants 0, 1, 2, 3 (4 is 0 again): (s, c), (c, -s), (-s, -c), (-c, s)
    k_half = vfloor(k * 0.5)
    odd = k - k_half * 2.0
    sign_sine = 1.0 - (k_half - vfloor(k_half * 0.5) * 2.0) * 2.0
    sign_cosine = sign_sine * (1.0 - odd * 2.0)
    return sel(odd, cosine, sine) * sign_sine, sel(odd, sine, cosine) * sign_cosine


@njit(error_model="numpy")
def normal_pair(state, lane, lanes):
    r"""Two standard normals for each of eight lanes, :math:`\sqrt{-2\ln u}\,(\cos 2\pi v, \sin 2\pi v)`."""
    first, second = next_two_bits(state, lane, lanes)
    return normals_of(first, second)


@njit(error_model="numpy")
def normals_of(first, second):
    """The two normals that the bits of two words make, in each of eight lanes."""
    radius = vsqrt(vlog(uniform(first)) * -2.0)
    sine, cosine = sincos_turn(uniform(second))
    return radius * cosine, radius * sine
