"""Make the polynomials of `symdyn.codegen.vector_math` again: ``python tests/references/make_polynomials.py`` prints them.

Minimax approximations by the exchange of Remez (Cheney, Introduction to Approximation Theory, 1966, chapter 3) in fifty digits;
the coefficients are then rounded to doubles.  FDLIBM's polynomials (log, sin, cos) are not made here.
"""

from __future__ import annotations

from collections.abc import Callable

from mpmath import asin, atan, cos, cosh, erf, erfc, exp, log, lu_solve, matrix, mp, mpf, pi, sinh, sqrt

Function = Callable[[mpf], mpf]


def points(low: mpf, high: mpf, count: int) -> list[mpf]:
    """Extrema of a Chebyshev polynomial, moved off the ends, where the functions below are 0/0."""
    middle, half = (low + high) / 2, (high - low) / 2 * (1 - mpf(10) ** -12)
    return [middle - half * cos(pi * k / count) for k in range(count + 1)]


def remez(function: Function, weight: Function, terms: int, low: mpf, high: mpf) -> list[mpf]:
    """Coefficients c that make the largest ``|sum c[k] x**k - function(x)| * weight(x)`` smallest."""
    nodes = points(low, high, terms)
    grid = points(low, high, 24 * terms)
    for _ in range(12):
        system = matrix(terms + 1, terms + 1)
        for i, x in enumerate(nodes):
            system[i, :] = matrix([[*(x**k for k in range(terms)), (-1) ** i / weight(x)]])
        solution = lu_solve(system, matrix([function(x) for x in nodes]))
        errors = [(sum(solution[k] * x**k for k in range(terms)) - function(x)) * weight(x) for x in grid]
        runs = [[0]]  # of one sign; the new nodes are the extrema of each
        for k in range(1, len(grid)):
            if (errors[k] > 0) != (errors[k - 1] > 0):
                runs.append([])
            runs[-1].append(k)
        extrema = [max(run, key=lambda k: abs(errors[k])) for run in runs]
        while len(extrema) > terms + 1:
            extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
        if len(extrema) <= terms:
            break  # the error is at the level of the digits
        nodes = [grid[k] for k in extrema]
        if max(abs(errors[k]) for k in extrema) < abs(solution[terms]) * mpf("1.01"):
            break
    return list(solution[:terms])


def of_root(function: Function, order: int) -> Function:
    """The remainder of an odd function: ``(f(s)/s - 1) / s**order`` at ``s**2``."""
    return lambda z: (function(sqrt(z)) / sqrt(z) - 1) / z ** (mpf(order) / 2)


def tail(t: mpf) -> mpf:
    """``erfc(a) exp(a^2) (a + 4)`` with ``t = (a - 4)/(a + 4)``."""
    a = 4 * (1 + t) / (1 - t)
    return erfc(a) * exp(a * a) * (a + 4)


def main() -> None:
    mp.dps = 50
    z = (log(2) / 2 * mpf("1.0005")) ** 2
    ends = (mpf("0.5") - 4) / mpf("4.5"), mpf("23.5") / mpf("31.5")
    made = {
        "SINH": (of_root(sinh, 2), lambda x: x, 5, mpf(0), z),
        "COSH": (lambda x: (cosh(sqrt(x)) - 1 - x / 2) / x**2, lambda x: x**2, 5, mpf(0), z),
        "ATANH": (
            lambda w: (log((1 + sqrt(w)) / (1 - sqrt(w))) / sqrt(w) - 2 - 2 * w / 3) / w**2,
            lambda w: w**2,
            6,
            mpf(0),
            mpf("0.01025"),
        ),
        "ASIN": (of_root(asin, 2), lambda x: x, 13, mpf(0), mpf("0.25")),
        "ATAN": (of_root(atan, 2), lambda x: x, 20, mpf(0), mpf(1)),
        "ERF": (of_root(erf, 0), lambda x: mpf(1), 13, mpf(0), mpf(1)),
        "TAIL": (tail, lambda t: 1 / tail(t), 21, *ends),
    }
    for name, arguments in made.items():
        print(f"{name} = ({', '.join(repr(float(c)) for c in remez(*arguments))})")


if __name__ == "__main__":
    main()
