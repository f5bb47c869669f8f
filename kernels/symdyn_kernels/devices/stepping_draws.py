"""Random numbers of fixed steps on a card."""

from __future__ import annotations

from symdyn_kernels.devices._prelude import cuda, math, real
from symdyn_kernels.devices._step import DRAWS, INTEGRALS, NOISES
from symdyn_kernels.shared.streams import next_normals

_INV_SQRT_3 = 0.5773502691896258
#: Of dY over ``h^(5/2)``: the parts of the three normals, sqrt(1/36), sqrt(1/48) and sqrt(1/720).
_SIXTH, _ROOT_48TH, _ROOT_720TH = 0.16666666666666666, 0.14433756729740643, 0.03726779962499649
#: Normals of a step beyond which they are drawn in a loop: so many copies of it would take long to compile.
MANY = 8


def normals(s, spare, stored):
    """The normals of a piece of a step; if their number is odd, the second of the last pair is stored for the next piece."""
    z = [real(0)] * DRAWS
    if DRAWS > MANY:  # one loop, through memory of the thread
        drawn = cuda.local.array(DRAWS + 1, real)
        filled = 0
        if DRAWS % 2 == 1 and stored:
            drawn[0] = spare
            filled = 1
        while filled < DRAWS:
            drawn[filled], drawn[filled + 1], s = next_normals(s)
            filled = filled + 2
        stored = filled > DRAWS
        if stored:
            spare = drawn[DRAWS]
        for k in range(DRAWS):
            z[k] = drawn[k]
    elif DRAWS % 2 == 1 and stored:
        z[0] = spare
        for k in range(DRAWS // 2):
            z[2 * k + 1], z[2 * k + 2], s = next_normals(s)
        stored = False
    else:
        for k in range(DRAWS // 2):
            z[2 * k], z[2 * k + 1], s = next_normals(s)
        if DRAWS % 2 == 1:
            z[DRAWS - 1], spare, s = next_normals(s)
            stored = True
    return tuple(z[k] for k in range(DRAWS)), spare, stored, s


def increments(s, spare, stored, h, fine):
    """Brownian increments dW of a step in `fine` equal pieces, then, if the scheme reads them, dZ and dY."""
    piece = h / real(fine)
    root = math.sqrt(piece)
    w = tuple(real(0) for k in range(NOISES))
    integral = tuple(real(0) for k in range(NOISES * (INTEGRALS > 0)))
    second = tuple(real(0) for k in range(NOISES * (INTEGRALS > 1)))
    for _ in range(fine):
        z, spare, stored, s = normals(s, spare, stored)
        if INTEGRALS:
            each = 1 + INTEGRALS
            dz = tuple((z[each * k] + z[each * k + 1] * _INV_SQRT_3) * (0.5 * piece * root) for k in range(NOISES))
            if INTEGRALS == 2:
                dy = tuple(
                    (z[3 * k] * _SIXTH + z[3 * k + 1] * _ROOT_48TH + z[3 * k + 2] * _ROOT_720TH) * (piece * piece * root)
                    for k in range(NOISES)
                )
                second = tuple(dy[k] + (w[k] * (0.5 * piece) + integral[k]) * piece + second[k] for k in range(NOISES))
            integral = tuple(dz[k] + w[k] * piece + integral[k] for k in range(NOISES))
            w = tuple(z[each * k] * root + w[k] for k in range(NOISES))
        else:
            w = tuple(z[k] * root + w[k] for k in range(NOISES))
    return w + integral + second, spare, stored, s
