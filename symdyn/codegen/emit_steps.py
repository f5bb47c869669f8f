"""Printer: tableau -> source of one step on flat vectors, the part of an adaptive driver that differs between methods.

The text is joined with the hand-written loop in `symdyn_kernels.drivers.adaptive`, compiled once and kept.  All states
of all lanes are one flat array of `m` doubles; slot `s` starts at offset ``s*ms``.  Coefficients are literals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from symdyn.methods.runge_kutta import ExplicitRungeKutta, Rosenbrock

__all__ = ["emit_steps"]

SIGNATURE = "(functions, sizes, memory, places, tolerances)"
#: What the arguments hold; a function has the lines of what it uses.
UNPACKED = [
    "    f, factor, solve, margin = functions",
    "    n, _, nlu, nft, W = sizes",
    "    WL, wm, m, ms, fb, ks, work, lanes, pb, lu = memory",
    "    yb, yt, k0, kl = places",
    "    rtol, atol = tolerances.rtol, tolerances.atol",
]
FLAT = "    for e in range(0, m, 8):"
NJIT = '@njit(error_model="numpy")'

HEADER = '''"""One step of {name}: {reference}.

Generated from the tableau in symdyn/methods; changes are lost.
"""

from __future__ import annotations

from numba import njit

from symdyn_kernels.lanes import ERR, H, T, TB, sum_states
from symdyn_kernels.simd import call, ld, splat, st, vabs, vld, vmax, vst

FIRST, LAST = {first}, {last}  # slots of f(y) and, where the method ends with it, of f(y_new)
SLOTS = {slots}
DEGREE = {degree}  # of the interpolant; its coefficients are in the slots after the others
STIFFNESS = {stiffness!r}
'''


def _sum(coefficients: Sequence[float], term: str) -> str:
    """``c0 * term0 + c1 * term1 ...`` without zeros; `term` holds ``{j}``."""
    parts = [f"{term.format(j=j)} * {float(c)!r}" for j, c in enumerate(coefficients) if c != 0]
    return " + ".join(parts) if parts else "splat(0.0)"


def emit_steps(method: ExplicitRungeKutta | Rosenbrock) -> str:
    """Source of ``step``, ``error``, ``stiffness`` and ``dense`` for one method."""
    if isinstance(method, Rosenbrock):
        slots, stiffness, body = method.stages, 0.0, _rosenbrock(method)
        degree = len(method.dense) + 1
    else:
        slots, stiffness = 1 + method.stages + len(method.extra), method.stiffness_limit**2
        body = _explicit(method)
        degree = max(map(len, method.dense))
    header = HEADER.format(
        name=method.name,
        reference=method.reference,
        first=-1 if method.implicit else 0,
        last=-1 if method.implicit else method.stages,
        slots=slots,
        degree=degree,
        stiffness=stiffness,
    )
    functions = [
        f"\n\n{NJIT}\ndef {name}{SIGNATURE}:\n" + "\n".join([*_unpacked(lines), *lines]) for name, lines in body.items()
    ]
    return "".join([header, *functions, "\n"])


def _unpacked(lines: Sequence[str]) -> list[str]:
    """The lines of `UNPACKED` that give names which some lines use."""
    used = set(re.findall(r"\w+", "\n".join(lines)))
    return [line for line in UNPACKED if used & set(re.findall(r"\w+", line.partition("=")[0]))]


# ---- explicit Runge-Kutta ----------------------------------------------------------------------


def _explicit(method: ExplicitRungeKutta) -> dict[str, list[str]]:
    last = method.stages

    def k(j: int) -> str:
        return "vld(fb, k0 + e)" if j == 0 else "vld(fb, kl + e)" if j == last else f"vld(fb, ks + {j} * ms + e)"

    def combination(row: Sequence[float]) -> str:
        return " + ".join(f"{k(j)} * {float(c)!r}" for j, c in enumerate(row) if c != 0)

    def stage(j: int, row: Sequence[float], target: str) -> list[str]:
        out = "kl" if j == last else f"ks + {j} * ms"
        return [
            f"    # stage {j + 1}",
            FLAT,
            f"        vst(fb, {target} + e, vld(fb, yb + e) + vld(lanes[H], e & wm) * ({combination(row)}))",
            "    for l in range(0, WL, 8):",
            f"        vst(lanes[TB], l, vld(lanes[T], l) + vld(lanes[H], l) * {round(sum(row), 14)!r})",
            f"    call(f, lanes[TB], fb + 8 * ({target}), pb, fb + 8 * ({out}))",
        ]

    step = [line for j, row in enumerate(method.a, start=1) for line in stage(j, row, "yt")]
    scale = "vmax(vabs(vld(fb, yb + e)), vabs(vld(fb, yt + e))) * rtol + atol"
    error = [FLAT, f"        x = vld(lanes[H], e & wm) * ({combination(method.error[0])}) / ({scale})"]
    error += ["        vst(fb, work + e, x * x)", "    sum_states(fb + 8 * work, lanes[ERR], n, W)"]
    if len(method.error) == 1:
        error += ["    for l in range(0, WL, 8):", "        vst(lanes[ERR], l, vld(lanes[ERR], l) * (1.0 / n))"]
    else:
        error += [
            FLAT,
            f"        x = vld(lanes[H], e & wm) * ({combination(method.error[1])}) / ({scale})",
            "        vst(fb, work + e, x * x)",
            "    sum_states(fb + 8 * work, lanes[TB], n, W)",
            "    for l in range(0, WL, 8):  # the norm of DOP853: err5^2 / sqrt((err5^2 + 0.01 err3^2) n), squared",
            "        x = vld(lanes[ERR], l)",
            "        vst(lanes[ERR], l, x * x / ((x + vld(lanes[TB], l) * 0.01) * float(n) + 1e-300))",
        ]
    s = method.stiff_stage
    argument = method.a[s - 1]
    difference = [b - (argument[j] if j < len(argument) else 0.0) for j, b in enumerate(method.a[-1])]
    stiffness = [
        "    # h^2 |f(y1) - f(g)|^2 / |y1 - g|^2: the square of h times the dominant eigenvalue, nearly",
        FLAT,
        f"        x = {k(last)} - {k(s)}",
        "        vst(fb, work + e, x * x)",
        "    sum_states(fb + 8 * work, lanes[ERR], n, W)",
        FLAT,
        f"        x = {combination(difference)}",
        "        vst(fb, work + e, x * x)",
        "    sum_states(fb + 8 * work, lanes[TB], n, W)",
        "    for l in range(0, WL, 8):",
        "        vst(lanes[ERR], l, vld(lanes[ERR], l) / (vld(lanes[TB], l) + 1e-300))",
    ]
    dense = [line for j, row in enumerate(method.extra, start=last + 1) for line in stage(j, row, "work")]
    count = 1 + last + len(method.extra)
    # the interpolant ends in y1 and has the slopes of both ends, so the first three coefficients follow from these
    dense += [
        "    # y(t + theta h) = y + theta (d1 + (1 - theta) (d2 + theta (d3 + (1 - theta) (d4 + ...))))",
        FLAT,
        "        h = vld(lanes[H], e & wm)",
        "        d1 = vld(fb, yt + e) - vld(fb, yb + e)",
        f"        d2 = h * {k(0)} - d1",
        f"        d3 = d1 - h * {k(last)} - d2",
    ]
    weights = _nested(method.dense)
    dense += [f"        d{j + 1} = h * ({combination(row)})" for j, row in enumerate(weights) if j >= 3]
    dense += [f"        vst(fb, ks + {count + j} * ms + e, d{j + 1})" for j in range(len(weights))]
    return {"step": step, "error": error, "stiffness": stiffness, "dense": dense}


def _nested(dense: Sequence[Sequence[float]]) -> list[list[float]]:
    """Weights of the stages in d1, d2, ... of the nested form, from those of the powers of theta.

    >>> _nested([[1.0, 0.0, -1.0]])  # theta - theta^3 = theta (0 + (1 - theta) (1 + theta))
    [[0.0], [1.0], [1.0]]
    """
    degree = max(map(len, dense))
    # column j: theta times theta, (1 - theta), theta, ... j factors in all, in powers of theta
    basis, column = [], [Fraction(0), Fraction(1)] + [Fraction(0)] * (degree - 1)
    for j in range(degree):
        basis.append(column)
        shifted = [Fraction(0), *column[:-1]]
        column = shifted if j % 2 else [a - b for a, b in zip(column, shifted, strict=True)]
    weights: list[list[float]] = [[] for _ in range(degree)]
    for row in dense:
        rest = [Fraction(0), *map(Fraction, row), *[Fraction(0)] * (degree - len(row))]
        found = [Fraction(0)] * degree
        for j in reversed(range(degree)):  # the power j + 1 is the highest of column j
            found[j] = rest[j + 1] / basis[j][j + 1]
            rest = [a - found[j] * b for a, b in zip(rest, basis[j], strict=True)]
        for j in range(degree):
            weights[j].append(float(found[j]))
    return weights


# ---- Rosenbrock --------------------------------------------------------------------------------


def _rosenbrock(method: Rosenbrock) -> dict[str, list[str]]:
    u = "vld(fb, ks + {j} * ms + e)"
    step = [
        "    for l in range(0, WL, 8):",
        "        vst(lanes[TB], l, vld(lanes[T], l))",
        f"        vst(lanes[TB], WL + l, splat({1.0 / method.gamma!r}) / vld(lanes[H], l))",
        "    if W == 1:  # the two rows of a single lane lie side by side",
        f"        st(lanes[TB], 1, {1.0 / method.gamma!r} / ld(lanes[H], 0))",
        "    call(factor, lanes[TB], fb + 8 * yb, pb, lu)",
    ]
    for i in range(method.stages):
        argument = f"vld(fb, yb + e) + {_sum(method.a[i - 1], u)}" if i else "vld(fb, yb + e)"
        step += [
            f"    # stage {i + 1}",
            FLAT,
            f"        vst(fb, yt + e, {argument})",
            "    for l in range(0, WL, 8):",
            f"        vst(lanes[TB], l, vld(lanes[T], l) + vld(lanes[H], l) * {float(method.alpha[i])!r})",
            "    call(f, lanes[TB], fb + 8 * yt, pb, fb + 8 * k0)",
        ]
        if i:
            step += [FLAT, f"        x = ({_sum(method.c[i - 1], u)}) / vld(lanes[H], e & wm)"]
            step += ["        vst(fb, k0 + e, vld(fb, k0 + e) + x)"]
        if method.gammas[i] != 0:
            step += [
                "    if nft > 0:",
                "        for e in range(0, m, 8):",
                f"            x = vld(lanes[H], e & wm) * vld(lu, nlu * W + e) * {float(method.gammas[i])!r}",
                "            vst(fb, k0 + e, vld(fb, k0 + e) + x)",
            ]
        step.append(f"    call(solve, lu, fb + 8 * k0, pb, fb + 8 * (ks + {i} * ms))")
    last = method.stages - 1
    step += [FLAT, f"        vst(fb, yt + e, vld(fb, yt + e) + {u.format(j=last)})"]
    scale = "vmax(vabs(vld(fb, yb + e)), vabs(vld(fb, yt + e))) * rtol + atol"
    error = [
        FLAT,
        f"        x = {u.format(j=last)} / ({scale})",
        "        vst(fb, work + e, x * x)",
        "    sum_states(fb + 8 * work, lanes[ERR], n, W)",
        "    for l in range(0, WL, 8):",
        "        vst(lanes[ERR], l, vld(lanes[ERR], l) * (1.0 / n))",
    ]
    # k1 + theta k2 + theta^2 k3 is k1 + theta ((k2 + k3) + (1 - theta) (-k3))
    dense = [FLAT] + [f"        k{i} = {_sum(row, u)}" for i, row in enumerate(method.dense, start=1)]
    coefficients = ["vld(fb, yt + e) - vld(fb, yb + e)", "k1", "k2"]
    assert len(method.dense) in (2, 3)
    if len(method.dense) == 3:
        coefficients[2:] = ["k2 + k3", "splat(0.0) - k3"]
    for power, c in enumerate(coefficients):
        dense.append(f"        vst(fb, ks + {method.stages + power} * ms + e, {c})")
    return {"step": step, "error": error, "stiffness": ["    pass"], "dense": dense}
