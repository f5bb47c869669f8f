"""Formulas for numbers and for vectors of eight lanes."""

from __future__ import annotations

from symdyn_kernels.shared._scalars import math, shared

__all__ = ["inverse_poisson", "logarithm", "sine_and_cosine"]


@shared
def logarithm(f, exponent):
    """Natural logarithm of ``(1 + f) 2^exponent`` for 1 + f in [sqrt(1/2), sqrt(2)), below 1 ulp (FDLIBM's e_log.c)."""
    s = f / (f + 2.0)
    z = s * s
    w = z * z
    t1 = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    t2 = z * (
        6.666666666666735130e-01
        + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    )
    h = f * f * 0.5
    return s * (h + t1 + t2) - h + f + exponent * 0.6931471805599453


@shared
def sine_and_cosine(x):
    """Sine and cosine for x in [-pi/4, pi/4], below 2 ulp (FDLIBM's k_sin.c and k_cos.c)."""
    z = x * x
    r = 8.33333333332248946124e-03 + z * (
        -1.98412698298579493134e-04
        + z * (2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10))
    )
    sine = x + z * x * (-1.66666666666666324348e-01 + z * r)
    r = 4.16666666666666019037e-02 + z * (
        -1.38888888888741095749e-03
        + z
        * (
            2.48015872894767294178e-05
            + z * (-2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11))
        )
    )
    half = z * 0.5
    w = 1.0 - half
    return sine, w + ((1.0 - w - half) + z * z * r)


@shared
def inverse_poisson(u, mean):
    """A Poisson number by inversion: the least k with P(0) + ... + P(k) >= u; for means below about 700."""
    k, term = 0.0, math.exp(-mean)
    total = term
    while total < u and term > 0.0:
        k += 1.0
        term *= mean / k
        total += term
    return k
