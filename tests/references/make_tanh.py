"""Make the coefficients of `symdyn.codegen.vector_math.activation` again: ``python tests/references/make_tanh.py`` prints them.

``tanh x / x = P(x^2) / Q(x^2)`` with polynomials of degree 8 and Q(0) = 1 for x up to 18, by Lawson's algorithm: least squares
of relative errors whose weights grow where the errors are large (Ellacott & Williams, Mathematics of Computation 30 (1976) 35).
"""

from __future__ import annotations

from mpmath import matrix, mp, mpf, pi, qr_solve, sin, sqrt, tanh

mp.dps = 60
LIMIT, DEGREE, POINTS, ROUNDS = mpf(18), 8, 240, 30


def main() -> None:
    """Print the greatest relative error, P and Q."""
    nodes = [LIMIT * sin(pi * (2 * k + 1) / (4 * POINTS)) for k in range(POINTS)]
    squares, values = [(x / LIMIT) ** 2 for x in nodes], [tanh(x) / x for x in nodes]
    weights, bottoms = [mpf(1) / POINTS] * POINTS, [mpf(1)] * POINTS
    best = None
    for _ in range(ROUNDS):
        rows, right = matrix(POINTS, 2 * DEGREE + 1), matrix(POINTS, 1)
        for k, z in enumerate(squares):
            size = sqrt(weights[k]) / (values[k] * bottoms[k])
            for j in range(DEGREE + 1):
                rows[k, j] = size * z**j
                if j:
                    rows[k, DEGREE + j] = -size * values[k] * z**j
            right[k] = size * values[k]
        found = qr_solve(rows, right)[0]
        top, bottom = list(found[: DEGREE + 1]), [mpf(1), *found[DEGREE + 1 :]]
        bottoms = [sum(c * z**j for j, c in enumerate(bottom)) for z in squares]
        errors = [
            abs(sum(c * z**j for j, c in enumerate(top)) / q / v - 1) for z, q, v in zip(squares, bottoms, values, strict=True)
        ]
        if best is None or max(errors) < best[0]:
            best = (
                max(errors),
                [c / LIMIT ** (2 * j) for j, c in enumerate(top)],
                [c / LIMIT ** (2 * j) for j, c in enumerate(bottom)],
            )
        weights = [w * (e + max(errors) / 1000) for w, e in zip(weights, errors, strict=True)]
        weights = [w / sum(weights) for w in weights]
    assert best is not None
    print(float(best[0]), *([float(c) for c in side] for side in best[1:]), sep="\n")


if __name__ == "__main__":
    main()
