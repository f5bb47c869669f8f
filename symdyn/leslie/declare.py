"""Declarations of matrix models: from a matrix, a life table, rates by stage, rates by age and stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.models.matrix import MatrixModel
from symdyn.models.matrix_reading import entry, read_matrix, read_vector

__all__ = ["age_by_stage", "from_life_table", "from_matrix", "lefkovitch"]


def from_matrix(
    A: Any, states: Sequence[Any] | None = None, parameters: Mapping[Any, float] | None = None, **options: Any
) -> MatrixModel:
    """A matrix model from its projection matrix.

    Parameters
    ----------
    A : Matrix, array or nested sequence, n x n
        Numbers or expressions, dimensionless; entry (i, j) is the contribution of an individual of stage j to stage i per step.
    states, parameters, **options :
        As for `MatrixModel`: ``fecundity``, ``immigration``, ``initial`` ...

    Returns
    -------
    MatrixModel

    Raises
    ------
    DeclarationError
        If the matrix is not square, or states and parameters do not fit it.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> s0, s1, f2, f3 = sp.symbols("s0 s1 f2 f3")
    >>> goose = sd.leslie.from_matrix(
    ...     [[0, 0, f2 * s1, f3 * s1], [s0, 0, 0, 0], [0, s1, 0, 0], [0, 0, s1, s1]],
    ...     parameters={s0: 0.1357, s1: 0.8926, f2: 0.6388, f3: 0.8943})
    >>> round(goose.growth_factor, 6)
    0.988753
    """
    return MatrixModel(A, states, parameters, **{"provenance": ("from a projection matrix",), **options})


def from_life_table(
    fecundity: Sequence[Any], survival: Sequence[Any], states: Sequence[Any] | None = None,
    parameters: Mapping[Any, float] | None = None, **options: Any,
) -> MatrixModel:  # fmt: skip
    r"""A Leslie model from fecundities and survivals by age.

    .. math:: A = \begin{pmatrix} f_1 & f_2 & \cdots & f_n \\ s_1 & 0 & & \\ & \ddots & \ddots & \\ & & s_{n-1} & s_n
        \end{pmatrix}

    Parameters
    ----------
    fecundity : sequence of n
        Mean offspring per step, counted in the first age class, of an individual of each age class.
    survival : sequence of n - 1 or n
        Probabilities to reach the next age class; the n-th, if there is one, to stay in the last.
    states, parameters, **options :
        As for `MatrixModel`.

    Returns
    -------
    MatrixModel

    Raises
    ------
    DeclarationError
        If the lengths do not fit, or a survival is no probability.

    References
    ----------
    Leslie, Biometrika 33 (1945) 183.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.leslie.from_life_table([0, 4, 3], [0.5, 0.25]))
    n1[t+1] = 4*n2 + 3*n3
    n2[t+1] = 0.5*n1
    n3[t+1] = 0.25*n2
    """
    births = read_vector(fecundity, "the fecundity")
    lives = read_vector(survival, "the survival")
    n = len(births)
    if len(lives) not in (n - 1, n) or n == 0:
        raise DeclarationError(
            f"there are {n} fecundities and {len(lives)} survivals; expected {n - 1} survivals, from one age class to the "
            f"next, or {n} if individuals can stay in the last"
        )
    _check_probabilities(lives, "survival")
    _check_means(births)
    matrix = sp.zeros(n, n)
    for j, f in enumerate(births):
        matrix[0, j] = f
    for j, s in enumerate(lives):
        matrix[min(j + 1, n - 1), j] += s
    reproduction = sp.Matrix(n, n, lambda i, j: births[j] if i == 0 else 0)
    given = {"provenance": ("Leslie model from a life table",), "fecundity": reproduction, **options}
    return MatrixModel(matrix, states, parameters, **given)


def lefkovitch(
    survival: Sequence[Any], fecundity: Sequence[Any], *, growth: Sequence[Any] | None = None,
    durations: Sequence[Any] | None = None, **options: Any,
) -> MatrixModel:  # fmt: skip
    r"""A stage-classified model in which individuals stay in a stage or grow into the next.

    .. math:: P_i = s_i (1 - g_i), \qquad G_i = s_i g_i, \qquad
        g_i = \frac{(1 - s_i)\, s_i^{d_i - 1}}{1 - s_i^{d_i}}

    Parameters
    ----------
    survival, fecundity : sequences of n
        Probability to survive a step, and mean offspring per step in the first stage, of an individual of each stage.
    growth : sequence of n - 1, optional
        Probabilities :math:`g_i` that a survivor grows.
    durations : sequence of n or n - 1, optional
        Durations :math:`d_i` of the stages in steps, from which the probabilities follow as above (Crouse, Crowder & Caswell,
        Ecology 68 (1987) 1412, eqs. 4 and 5); that of the last stage has no effect.
    **options :
        As for `MatrixModel`.

    Returns
    -------
    MatrixModel

    Raises
    ------
    DeclarationError
        If lengths do not fit, entries are no probabilities, or not exactly one of `growth` and `durations` is given.

    References
    ----------
    Lefkovitch, Biometrics 21 (1965) 1.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.leslie.lefkovitch([0.5, 0.8], [0, 2], growth=[0.4]))
    n1[t+1] = 0.3*n1 + 2*n2
    n2[t+1] = 0.2*n1 + 0.8*n2
    >>> model = sd.leslie.lefkovitch([0.6747, 0.7857, 0.6758], [0, 0, 80], durations=[1, 7])  # loggerhead turtles
    >>> print(model.matrix.evalf(3))
    Matrix([[0, 0, 80.0], [0.675, 0.737, 0], [0, 0.0486, 0.676]])
    """
    lives, births = read_vector(survival, "the survival"), read_vector(fecundity, "the fecundity", len(list(survival)))
    n = len(lives)
    if (growth is None) == (durations is None):
        raise DeclarationError("give either growth, the probabilities to grow into the next stage, or durations of the stages")
    _check_probabilities(lives, "survival")
    _check_means(births)
    if growth is not None:
        grows = read_vector(growth, "the growth", n - 1)
        _check_probabilities(grows, "growth")
    else:
        steps = read_vector(durations, "the durations")
        if len(steps) not in (n - 1, n):
            raise DeclarationError(f"there are {n} stages and {len(steps)} durations; expected {n - 1} or {n}")
        grows = [_growing(s, d) for s, d in zip(lives, steps, strict=False)][: n - 1]
    transitions = sp.zeros(n, n)
    for j, (s, g) in enumerate(zip(lives, [*grows, sp.S.Zero], strict=True)):
        transitions[j, j] = entry(s * (1 - g))
        if j + 1 < n:
            transitions[j + 1, j] = s * g
    reproduction = sp.Matrix(n, n, lambda i, j: births[j] if i == 0 else 0)
    given = {"provenance": ("Lefkovitch model from rates by stage",), "fecundity": reproduction, **options}
    return MatrixModel(transitions + reproduction, **given)


def age_by_stage(
    survival: Sequence[Any], fecundity: Sequence[Any], *, stages: Sequence[str] = (), **options: Any
) -> MatrixModel:
    r"""A model of individuals classified by age and stage.

    .. math:: n_0(t+1) = \sum_a F_a n_a(t), \qquad n_{a+1}(t+1) = U_a n_a(t)

    with a vector :math:`n_a` of stages at each age a; states are called ``<stage>_<age>``.

    Parameters
    ----------
    survival : sequence of k - 1 or k matrices, s x s
        :math:`U_a`, survival and change of stage from each age to the next; a k-th within the last age class.
    fecundity : sequence of k matrices, s x s
        :math:`F_a`, mean offspring by stage (row) of each stage (column).
    stages : sequence of str, optional
        Names of the stages; ``n1, n2, ...`` by default.
    **options :
        As for `MatrixModel`.

    Returns
    -------
    MatrixModel
        Of s stages at each of k ages.

    Raises
    ------
    DeclarationError
        If the matrices differ in size, or there are not as many as ages.

    References
    ----------
    Caswell, de Vries, Hartemink, Roth & van Daalen, Ecological Monographs 88 (2018) 560, sec. 2.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.leslie.age_by_stage([[[0.5, 0], [0.1, 0.4]]], [[[0, 0], [0, 0]], [[1, 2], [0, 1]]], stages=["small", "big"]))
    small_0[t+1] = 2*big_1 + small_1
    big_0[t+1] = big_1
    small_1[t+1] = 0.5*small_0
    big_1[t+1] = 0.4*big_0 + 0.1*small_0
    """
    births = [read_matrix(f, f"the fecundity at age {a}") for a, f in enumerate(fecundity)]
    if not births:
        raise DeclarationError("there is no age; give a fecundity matrix for each")
    s = births[0].shape[0]
    births = [read_matrix(f, f"the fecundity at age {a}", s) for a, f in enumerate(births)]
    lives = [read_matrix(u, f"the survival at age {a}", s) for a, u in enumerate(survival)]
    ages = len(births)
    if len(lives) not in (ages - 1, ages):
        raise DeclarationError(
            f"there are {ages} fecundity matrices and {len(lives)} of survival; expected {ages - 1} or {ages}"
        )
    names = list(stages) or [f"n{i}" for i in range(1, s + 1)]
    if len(names) != s:
        raise DeclarationError(f"the matrices have {s} stages, but {len(names)} are named: {', '.join(names)}")
    transitions, reproduction = sp.zeros(ages * s, ages * s), sp.zeros(ages * s, ages * s)
    for a, f in enumerate(births):
        reproduction[:s, a * s : (a + 1) * s] = f
    for a, u in enumerate(lives):
        row = min(a + 1, ages - 1)
        transitions[row * s : (row + 1) * s, a * s : (a + 1) * s] += u
    if "states" in options:
        raise DeclarationError("states are called <stage>_<age>; pass stages, the names of the stages, not states")
    states = [f"{name}_{a}" for a in range(ages) for name in names]
    given = {"provenance": (f"{ages} ages by {s} stages",), "fecundity": reproduction, **options}
    return MatrixModel(transitions + reproduction, states, **given)


def _growing(survival: sp.Expr, duration: sp.Expr) -> sp.Expr:
    """Probability of a survivor to leave a stage that takes `duration` steps; its limit at certain survival."""
    if duration.is_number and not duration >= 1:
        raise DeclarationError(f"a stage has the duration {duration}; expected 1 step or more")
    if duration == int(duration) if duration.is_number else False:  # as a sum it has a value where survival is certain
        steps = int(duration)
        return survival ** (steps - 1) / sp.Add(*(survival**k for k in range(steps)))
    if survival == 1:
        return 1 / duration
    return (1 - survival) * survival ** (duration - 1) / (1 - survival**duration)


def _check_means(values: Sequence[sp.Expr]) -> None:
    for i, f in enumerate(values):
        if f.is_number and not f >= 0:
            raise DeclarationError(f"fecundity {i + 1} is {f}; expected a mean number of offspring, 0 or more")


def _check_probabilities(values: Sequence[sp.Expr], what: str) -> None:
    for i, p in enumerate(values):
        if p.is_number and not 0 <= p <= 1:
            raise DeclarationError(f"{what} {i + 1} is {p}; expected a probability, between 0 and 1")
