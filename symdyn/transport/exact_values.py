r"""Value functions in closed form: polynomials in the states that solve :math:`L V + r = \beta V`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy as sp

from symdyn.derive.generators import generator
from symdyn.errors import DeclarationError
from symdyn.models.sde import SDESystem

__all__ = ["exact_value"]

#: Monomials of an attempt at most.
MOST = 28


def exact_value(
    system: SDESystem, reward: sp.Expr, discount: sp.Expr, horizon: sp.Expr | None, terminal: sp.Expr
) -> sp.Expr | None:
    r"""The polynomial solution of :math:`L V + r = \beta V`, with V(T) = h where there is a horizon, or None.

    Linear drifts with a noise that is constant, or linear in the states, keep the degree of polynomials: the equation is one of
    finitely many numbers, of a reward of degree 2 the equation of Lyapunov.

    Parameters
    ----------
    system : SDESystem
    reward, terminal : Expr
        Of the states; the latter 0 without a horizon.
    discount : Expr
    horizon : Expr or None

    Returns
    -------
    Expr or None
        None where polynomials of the degree of the reward do not solve it.

    Raises
    ------
    DeclarationError
        Where all are numbers, and rewards have no finite sum; of symbols the discount is taken to be large enough.

    Examples
    --------
    >>> import symdyn as sd
    >>> x, k, s, b = sp.symbols("x k s b", positive=True)
    >>> found = exact_value(sd.SDESystem({x: -k * x}, {x: s}), x**2, b, None, sp.S.Zero)
    >>> sp.simplify(found - x**2 / (b + 2 * k) - s**2 / (b * (b + 2 * k)))
    0
    """
    states, t = system.states, system.time
    if any(t in e.free_symbols for e in (reward, terminal, *system.part("drift"), *system.diffusion)):
        return None
    if not all(e.is_polynomial(*states) for e in (reward, terminal)):
        return None
    degree = max(sp.Poly(e, *states).total_degree() for e in (reward, terminal))
    powers = [p for e in (reward, terminal) for p in sp.Poly(e, *states).as_dict() if e != 0]
    images: dict[tuple[int, ...], sp.Expr] = {}
    while left := [p for p in dict.fromkeys(powers) if p not in images]:
        for p in left:  # the monomials that the generator makes of those of the reward
            image = sp.expand(generator(system, _monomial(states, p)) - discount * _monomial(states, p))
            if not image.is_polynomial(*states) or sp.Poly(image, *states).total_degree() > degree:
                return None
            images[p] = image
            powers += [q for q, c in sp.Poly(image, *states).as_dict().items() if c != 0]
        if len(images) > MOST:
            return None
    if not images:
        return sp.S.Zero
    powers = sorted(images, key=lambda p: (sum(p), p))
    matrix = sp.Matrix([_coefficients(images[p], states, powers) for p in powers]).T  # of L - beta on coefficients
    right, last = (sp.Matrix(_coefficients(e, states, powers)) for e in (reward, terminal))
    if horizon is None:
        _check_growth(matrix.xreplace({p: sp.Float(float(v)) for p, v in system.defaults.items()}))
        found = _solved(matrix, -right)
    else:
        found = _integrated(matrix, right, last, horizon - t)
    return None if found is None else sp.Add(*(c * _monomial(states, p) for c, p in zip(found, powers, strict=True)))


def _monomial(states: Sequence[sp.Symbol], powers: tuple[int, ...]) -> sp.Expr:
    return sp.Mul(*(x**k for x, k in zip(states, powers, strict=True)))


def _check_growth(matrix: sp.Matrix) -> None:
    """Refuse rewards whose discounted mean does not vanish: the polynomial would be no value."""
    if matrix.free_symbols:
        return
    rate = float(np.linalg.eigvals(np.array(matrix.tolist(), dtype=float)).real.max(initial=-1.0))
    if rate >= 0:
        raise DeclarationError(
            f"rewards have no finite sum: a discounted moment of the states grows at the rate {rate:.3g}; give a larger "
            "discount=, or horizon="
        )


def _coefficients(e: sp.Expr, states: Sequence[sp.Symbol], powers: Sequence[tuple[int, ...]]) -> list[sp.Expr]:
    known = sp.Poly(e, *states).as_dict()
    return [known.get(p, sp.S.Zero) for p in powers]


def _solved(matrix: sp.Matrix, right: sp.Matrix) -> list[sp.Expr] | None:
    unknown = [sp.Dummy() for _ in range(matrix.shape[0])]
    solutions = list(sp.linsolve((matrix, right), *unknown))
    if len(solutions) != 1 or any(e.free_symbols & set(unknown) for e in solutions[0]):
        return None
    return [sp.simplify(e) for e in solutions[0]]


def _integrated(matrix: sp.Matrix, right: sp.Matrix, last: sp.Matrix, left: sp.Expr) -> list[sp.Expr] | None:
    r""":math:`e^{K s} h + \int_0^s e^{K u} r\, \mathrm du` for a triangular K, from the highest degree on."""
    s, u = sp.Dummy("s", positive=True), sp.Dummy("u", positive=True)
    n = matrix.shape[0]
    if any(matrix[i, j] != 0 for i in range(n) for j in range(i)):
        return None  # several monomials of one degree mix
    found: list[sp.Expr] = [sp.S.Zero] * n
    for i in reversed(range(n)):
        rate = matrix[i, i]
        push = right[i] + sp.Add(*(matrix[i, j] * found[j] for j in range(i + 1, n)))
        inside = sp.expand(push.subs(s, u) * sp.exp(rate * (s - u)))
        found[i] = sp.expand(last[i] * sp.exp(rate * s) + sp.integrate(inside, (u, 0, s)))
    return [sp.simplify(e).subs(s, left) for e in found]
