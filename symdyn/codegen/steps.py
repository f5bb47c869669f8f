"""The formulas of one step of a tableau, each stated once; back ends spell them for lanes of a processor and for a card.

Expressions are Python; in them ``{name}`` is an entry of a vector of a number for each state, the same one everywhere:

    Y, W        the state and the next one
    K           the slope at the state; of a Rosenbrock method the right-hand side of a stage
    S0, S1, ... the slopes or increments of the stages (an explicit method's first one is K)
    V           a state at which a further stage is evaluated for the interpolant
    D1, D2, ... the coefficients of the interpolant,
                y(t + theta h) = y + theta (d1 + (1 - theta) (d2 + theta (d3 + (1 - theta) (d4 + ...))))
    F           the time derivatives of the right-hand side
    M           of a Rosenbrock method for algebraic equations 1, and 0 for the unknowns of these

and ``{h}`` the step size, ``{abs}``, ``{max}``, ``{n}``, ``{tiny}`` functions and numbers as the back end spells them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from itertools import zip_longest

from symdyn.methods.runge_kutta import ExplicitRungeKutta, Rosenbrock

__all__ = ["StepFormulas"]

SCALE = "({max}({abs}({Y}), {abs}({W})) * rtol + atol)"


class StepFormulas(ABC):
    """Statements of a step; a back end spells `each`, `total`, `result` and the calls.

    Attributes
    ----------
    slots : list of str
        The vectors of the stages, then M.
    last : str
        The slope at the next state, or K.
    coefficients, vectors : list of str
        Those of the interpolant; all vectors.
    extra : int
        Evaluations of the right-hand side for the interpolant.
    stiffness : float
        Bound of the stability region, squared, or 0.
    """

    def __init__(self, method: ExplicitRungeKutta | Rosenbrock, *, algebraic: bool = False) -> None:
        self.method, self.algebraic, stages = method, algebraic, method.stages
        if isinstance(method, Rosenbrock):
            self.slots, self.last = [*(f"S{j}" for j in range(stages)), *["M"][: int(algebraic)]], "K"
            self.extra, self.stiffness, degree = 0, 0.0, len(method.dense) + 1
        else:
            self.extra, self.stiffness, degree = len(method.extra), method.stiffness_limit**2, max(map(len, method.dense))
            self.slots, self.last = ["K", *(f"S{j + 1}" for j in range(stages + self.extra))], f"S{stages}"
        self.coefficients = [f"D{j + 1}" for j in range(degree)]
        self.vectors = list(dict.fromkeys(("Y", "W", "K", *self.slots, *["V"][: self.extra], *self.coefficients)))

    @abstractmethod
    def each(self, **computed: str) -> list[str]:
        """Compute, for every entry, numbers (names in lower case) and then entries of vectors."""

    @abstractmethod
    def total(self, name: str, expression: str) -> list[str]:
        """Sum the squares of an expression over the entries, from first to last; the sum is ``{total}`` or ``{other}``."""

    @abstractmethod
    def result(self, expression: str) -> list[str]:
        """Return a number."""

    @abstractmethod
    def rates(self, node: float, state: str, target: str) -> list[str]:
        """Evaluate the right-hand side at the part `node` of the step."""

    @abstractmethod
    def factor(self, shift: float) -> list[str]:
        """Eliminate, for `solve`, in the Jacobian at the state with `shift` over the step size."""

    @abstractmethod
    def solve(self, target: str) -> list[str]:
        """Solve with the vector K on the right."""

    @abstractmethod
    def forced(self, lines: list[str]) -> list[str]:
        """Statements for right-hand sides that depend on time."""

    def functions(self) -> dict[str, list[str]]:
        """The statements of ``step`` (from Y to W), and those after it.

        They are ``error`` (returns the square of the norm of the estimated error), ``stiffness`` (returns the square of the
        step size times the dominant eigenvalue, nearly; none of implicit methods), and ``dense`` (computes D1, D2, ...).
        """
        method = self.method
        return self._rosenbrock(method) if isinstance(method, Rosenbrock) else self._explicit(method)

    def _explicit(self, method: ExplicitRungeKutta) -> dict[str, list[str]]:
        k, last = self.slots, self.last

        def stages(rows: Sequence[Sequence[float]], first: int, state: str) -> list[str]:
            lines = []
            for j, row in enumerate(rows, first):
                lines += [f"# stage {j + 1}", *self.each(**{state: f"{{Y}} + {{h}} * ({_sum(row, k)})"})]
                lines += self.rates(round(sum(row), 14), state, k[j])
            return lines

        estimates = [f"{{h}} * ({_sum(row, k)}) / {SCALE}" for row in method.error]
        error = [line for name, e in zip(("total", "other"), estimates, strict=False) for line in self.total(name, e)]
        norm = "{total} * (1.0 / {n})"
        if len(estimates) == 2:
            error.append("# the norm of DOP853: err5^2 / sqrt((err5^2 + 0.01 err3^2) n), squared")
            norm = "{total} * {total} / (({total} + {other} * 0.01) * {n} + {tiny})"
        s, weights = method.stiff_stage, _nested(method.dense)
        # the interpolant ends in y1 and has the slopes of both ends, so the first three coefficients follow from these
        parts = ["{W} - {Y}", "{h} * {K} - d1", f"d1 - {{h}} * {{{last}}} - d2"]
        parts += [f"{{h}} * ({_sum(row, k)})" for row in weights[3:]]
        return {
            "step": stages(method.a, 1, "W"),
            "error": [*error, *self.result(norm)],
            "stiffness": [
                "# h^2 |f(y1) - f(g)|^2 / |y1 - g|^2: the square of h times the dominant eigenvalue, nearly",
                *self.total("total", f"{{{last}}} - {{{k[s]}}}"),
                *self.total("other", _sum([b - a for b, a in zip_longest(method.a[-1], method.a[s - 1], fillvalue=0.0)], k)),
                *self.result("{total} / ({other} + {tiny})"),
            ],
            "dense": [*stages(method.extra, method.stages + 1, "V"), *self._coefficients(parts)],
        }

    def _rosenbrock(self, method: Rosenbrock) -> dict[str, list[str]]:
        u, step, mass = self.slots[: method.stages], self.factor(1.0 / method.gamma), "{M} * " if self.algebraic else ""
        for i, stage in enumerate(u):
            step += [f"# stage {i + 1}", *self.each(W=f"{{Y}} + {_sum(method.a[i - 1], u)}" if i else "{Y}")]
            step += self.rates(float(method.alpha[i]), "W", "K")
            if i:
                step += self.each(K=f"{{K}} + {mass}({_sum(method.c[i - 1], u)}) / {{h}}")
            if method.gammas[i] != 0:
                step += self.forced(self.each(K=f"{{K}} + {{h}} * {{F}} * {float(method.gammas[i])!r}"))
            step += self.solve(stage)
        # k1 + theta k2 + theta^2 k3 is k1 + theta ((k2 + k3) + (1 - theta) (-k3))
        first, second, *third = (_sum(row, u) for row in method.dense)
        parts = ["{W} - {Y}", first, second]
        if third:
            parts[2:] = [f"{second} + ({third[0]})", f"0.0 - ({third[0]})"]
        return {
            "step": [*step, *self.each(W=f"{{W}} + {{{u[-1]}}}")],
            "error": [*self.total("total", f"{{{u[-1]}}} / {SCALE}"), *self.result("{total} * (1.0 / {n})")],
            "stiffness": [],
            "dense": self._coefficients(parts),
        }

    def _coefficients(self, parts: Sequence[str]) -> list[str]:
        """Compute the coefficients of the interpolant, and only then store them."""
        numbers = {name.lower(): part for name, part in zip(self.coefficients, parts, strict=True)}
        return self.each(**numbers, **{name: name.lower() for name in self.coefficients})


def _sum(coefficients: Sequence[float], names: Sequence[str]) -> str:
    """``{name0} * c0 + {name1} * c1 ...`` without zeros."""
    return " + ".join(f"{{{name}}} * {float(c)!r}" for name, c in zip(names, coefficients, strict=False) if c != 0) or "0.0"


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
