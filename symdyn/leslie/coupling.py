"""Coupled populations: predation, competition, complex-valued models, patches joined by migration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.leslie._joining import joined_defaults, same_stages
from symdyn.models.matrix import MatrixModel
from symdyn.models.matrix_reading import read_block, read_matrix

__all__ = ["community", "competition", "complex_predator_prey", "patches", "predator_prey"]

#: Names of species if none are given.
NAMES = ("x", "y", "z", "u", "v", "w")


def predator_prey(A: Any, B: Any, C: Any, D: Any, *, names: Sequence[str] = ("x", "y"), **options: Any) -> MatrixModel:
    r"""Prey x and predators y, both by age or stage.

    .. math:: x_{n+1} = A x_n - B y_n, \qquad y_{n+1} = D x_n + C y_n

    It is linear, with the solution :math:`M^n z_0`.  Where M has a complex dominant pair it oscillates until the prey vanish,
    beyond which the model does not apply; ``model.clamp()`` sets to zero what would become negative.

    Parameters
    ----------
    A, C : matrices or numbers
        Vital rates of prey and of predators: fecundities in the first row, survivals below the diagonal.
    B : matrix, prey x predators
        Prey lost for each predator.
    D : matrix, predators x prey
        Predators gained for each prey.
    names : pair of str
        Of the species; stages are called ``x1, x2, ...``, a single one ``x``.
    **options :
        As for `MatrixModel`.

    Returns
    -------
    MatrixModel

    Raises
    ------
    DeclarationError
        If the shapes of the blocks do not fit, or names are not one for each species.

    References
    ----------
    After Gilman, Miller, Son, Waheed & Wang, arXiv:2412.19831; the formulation is our own.

    Examples
    --------
    >>> import symdyn as sd
    >>> model = sd.leslie.predator_prey(A=1.2, B=0.1, C=0.8, D=0.1)
    >>> print(model)
    x[t+1] = 1.2*x - 0.1*y
    y[t+1] = 0.1*x + 0.8*y
    >>> round(model.growth_factor, 9)  # (1.2 + 0.8)/2 + sqrt(0.4**2 - 4*0.01)/2
    1.173205081
    """
    own = [read_matrix(A, "A, the matrix of the prey,"), read_matrix(C, "C, the matrix of the predators,")]
    a, c = (m.shape[0] for m in own)
    lost = read_block(B, "B, the prey lost for each predator,", (a, c))
    gained = read_block(D, "D, the predators gained for each prey,", (c, a))
    effects = {(0, 1): -lost, (1, 0): gained}
    return _joined(own, effects, names, "predator-prey model after arXiv:2412.19831, our formulation", options)


def competition(
    A: Any, B: Any, C: Any = None, D: Any = None, *, names: Sequence[str] | None = None, **options: Any
) -> MatrixModel:  # fmt: skip
    r"""Linear competition between species, each by age or stage.

    .. math:: x_{n+1} = A x_n - B y_n, \qquad y_{n+1} = C y_n - D x_n

    or, for any number of species, :math:`x^i_{n+1} = A_i x^i_n - \sum_{j \ne i} B_{ij} x^j_n`.

    Parameters
    ----------
    A, C : matrices or numbers
        Vital rates of the two species.
    B, D : matrices
        Individuals of the first species lost for each of the second, and conversely.  For more species A is a sequence
        of matrices and B a nested sequence of matrices :math:`B_{ij}` (its diagonal is not read), or one number for all pairs
        of species of one stage; C and D are left out.
    names : sequence of str, optional
        Of the species; ``x, y, z, ...`` by default.
    **options :
        As for `MatrixModel`.

    Returns
    -------
    MatrixModel

    Raises
    ------
    DeclarationError
        If the shapes of the blocks do not fit, or names are not one for each species.

    References
    ----------
    After Gilman, Miller, Son, Waheed & Wang, arXiv:2412.19831; the formulation is our own.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.leslie.competition([1.2, 1.2, 1.2], 0.1))
    x[t+1] = 1.2*x - 0.1*y - 0.1*z
    y[t+1] = -0.1*x + 1.2*y - 0.1*z
    z[t+1] = -0.1*x - 0.1*y + 1.2*z
    """
    line = "competition model after arXiv:2412.19831, our formulation"
    if C is not None or D is not None:
        own = [read_matrix(A, "A, the matrix of the first species,"), read_matrix(C, "C, the matrix of the second species,")]
        a, c = (m.shape[0] for m in own)
        first = read_block(B, "B, the effect of the second species on the first,", (a, c))
        second = read_block(D, "D, the effect of the first species on the second,", (c, a))
        return _joined(own, {(0, 1): -first, (1, 0): -second}, names, line, options)
    if not isinstance(A, (list, tuple)):
        raise DeclarationError("competition takes A, B, C, D of two species, or a sequence of matrices A and their effects B")
    own = [read_matrix(m, f"the matrix of species {i + 1}") for i, m in enumerate(A)]
    sizes, k = [m.shape[0] for m in own], len(own)
    if isinstance(B, (list, tuple)) and (len(B) != k or any(not isinstance(row, (list, tuple)) or len(row) != k for row in B)):
        raise DeclarationError(f"the effects have no {k} rows of {k} entries, one for each pair of the {k} species")
    effects = {}
    for i in range(k):
        for j in range(k):
            if i != j:
                given = B[i][j] if isinstance(B, (list, tuple)) else B
                effects[i, j] = -read_block(given, f"the effect of species {j + 1} on species {i + 1}", (sizes[i], sizes[j]))
    return _joined(own, effects, names, line, options)


def complex_predator_prey(A: Any, B: Any, *, names: Sequence[str] = ("x", "y"), **options: Any) -> MatrixModel:
    r"""Predators and prey as one complex population :math:`\zeta = x + i y`.

    .. math:: \zeta_{n+1} = (A + i B)\, \zeta_n, \qquad x_{n+1} = A x_n - B y_n, \quad y_{n+1} = B x_n + A y_n

    The eigenvalues are those of A + iB and their conjugates.  Where A and B commute, :math:`\lambda = \lambda_A + i\lambda_B`.

    Parameters
    ----------
    A, B : matrices (n, n) or numbers
        Real part, the vital rates of both species; imaginary part, the exchange between them.  Dimensionless.
    names, **options :
        As for `predator_prey`.

    Returns
    -------
    MatrixModel

    Raises
    ------
    DeclarationError
        If the matrices differ in size.

    References
    ----------
    After Gilman, Miller, Son, Waheed & Wang, arXiv:2412.19831; the formulation is our own.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.complex_predator_prey(1, 1).eigenvalues.round(9).tolist()
    [(1+1j), (1-1j)]
    """
    real = read_matrix(A, "A, the real part,")
    imaginary = read_matrix(B, "B, the imaginary part,", real.shape[0])
    line = "complex-valued predator-prey model after arXiv:2412.19831, our formulation"
    return _joined([real, real], {(0, 1): -imaginary, (1, 0): imaginary}, names, line, options)


def community(
    matrices: Mapping[str, Any], effects: Mapping[tuple[str, str], Any], **options: Any
) -> MatrixModel:  # fmt: skip
    r"""Any number of populations with arbitrary linear effects on one another.

    .. math:: x^i_{n+1} = A_i x^i_n + \sum_{j \ne i} E_{ij} x^j_n

    Parameters
    ----------
    matrices : mapping of str to matrix
        Vital rates by name of the species.
    effects : mapping of (str, str) to matrix
        ``effects["fox", "hare"]``: foxes gained per hare; negative for losses.
    **options :
        As for `MatrixModel`.

    Returns
    -------
    MatrixModel

    Raises
    ------
    DeclarationError
        If an effect is not between two of the species, or has another shape.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.leslie.community({"fox": 0.8, "hare": 1.2}, {("fox", "hare"): 0.1, ("hare", "fox"): -0.1}))
    fox[t+1] = 0.8*fox + 0.1*hare
    hare[t+1] = -0.1*fox + 1.2*hare
    """
    names = list(matrices)
    own = [read_matrix(m, f"the matrix of {name}") for name, m in matrices.items()]
    found = {}
    for pair, value in effects.items():
        if not isinstance(pair, tuple) or len(pair) != 2 or any(p not in names for p in pair) or pair[0] == pair[1]:
            raise DeclarationError(
                f"an effect is of {pair!r}; expected a pair of different species of {', '.join(names)}, (on, of)"
            )
        i, j = map(names.index, pair)
        found[i, j] = read_block(value, f"the effect of {pair[1]} on {pair[0]}", (own[i].shape[0], own[j].shape[0]))
    return _joined(own, found, names, "community of coupled populations", options)


def patches(
    models: Sequence[Any] | Mapping[str, Any], dispersal: Any, **options: Any
) -> MatrixModel:  # fmt: skip
    r"""Patches joined by migration: demography in each, then dispersal by stage (the vec-permutation model).

    .. math:: n(t+1) = P^T\, \mathbb{M}\, P\, \mathbb{B}\, n(t)

    with the block-diagonal matrices B of the patches' vital rates and M of the stages' dispersal; P rearranges numbers by patch
    into numbers by stage.

    Parameters
    ----------
    models : sequence or mapping of MatrixModel or matrices
        One for each patch, all of the same stages; keys name the patches, ``p1, p2, ...`` by default.
    dispersal : matrix or sequence of matrices, patches x patches
        Share of those in patch j (column) who move to patch i (row): for all stages, or one matrix for each.
    **options :
        As for `MatrixModel`; parameters and their values are those of the models.

    Returns
    -------
    MatrixModel

    Raises
    ------
    DeclarationError
        If the stages differ, vital rates depend on numbers, or dispersal is no matrix of shares.

    References
    ----------
    Hunter & Caswell, Ecological Modelling 188 (2005) 15.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.leslie.patches([[[0, 2], [0.5, 0]], [[0, 1], [0.5, 0]]], [[[1, 0], [0, 1]], [[0.9, 0.2], [0.1, 0.8]]]))
    p1_n1[t+1] = 2*p1_n2
    p1_n2[t+1] = 0.45*p1_n1 + 0.1*p2_n1
    p2_n1[t+1] = p2_n2
    p2_n2[t+1] = 0.05*p1_n1 + 0.4*p2_n1
    """
    named = dict(models) if isinstance(models, Mapping) else {f"p{i}": m for i, m in enumerate(models, start=1)}
    local = dict(zip(named, same_stages(named.values(), "patches"), strict=True))
    first = next(iter(local.values()))
    crowded = [name for name, m in local.items() if m.density_dependent]
    if crowded:
        raise DeclarationError(
            f"the vital rates of {crowded[0]} depend on numbers; join the patches first and make the result density-dependent"
        )
    k, s = len(local), len(first.states)
    moves = _dispersal(dispersal, k, s)
    parts = {}
    for part in ("matrix", "fecundity"):
        joint = sp.zeros(k * s, k * s)
        for i in range(k):
            for j, m in enumerate(local.values()):
                for a in range(s):
                    for b in range(s):
                        joint[i * s + a, j * s + b] = moves[a][i, j] * getattr(m, part)[a, b]
        parts[part] = joint
    states = [f"{name}_{stage}" for name in local for stage in first.names]
    species = {name: states[i * s : (i + 1) * s] for i, name in enumerate(local)}
    arrivals = [m for model in local.values() for m in model.immigration]
    start: dict[str, Any] = {}
    for name, m in local.items():
        own = {s: sp.Symbol(f"{name}_{s}") for s in m.states}
        start |= {f"{name}_{s}": v.xreplace(own) if isinstance(v, sp.Expr) else v for s, v in m.initial.items()}
    known = {"immigration": arrivals, "initial": start, "clamped": any(m.clamped for m in local.values())}
    given = {"provenance": (f"{k} patches of {s} stages joined by migration",), **known, **options}
    parameters = {**joined_defaults(local.values()), **(given.pop("parameters", None) or {})}
    return MatrixModel(parts["matrix"], states, parameters, fecundity=parts["fecundity"], species=species, **given)


def _dispersal(value: Any, patches_: int, stages: int) -> list[sp.ImmutableDenseMatrix]:
    """A dispersal matrix for each stage."""
    rows = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(rows, (list, tuple)):
        raise DeclarationError(
            f"the dispersal is {value!r}; expected a matrix of {patches_} x {patches_}, or one for each stage"
        )
    several = bool(rows) and all(_is_matrix(m) for m in rows)
    given = rows if several else [value] * stages
    if len(given) != stages:
        raise DeclarationError(
            f"there are {len(given)} dispersal matrices for {stages} stages; expected one, or one for each stage"
        )
    found = [read_matrix(m, f"the dispersal of stage {a + 1}", patches_) for a, m in enumerate(given)]
    for a, m in enumerate(found):
        for j in range(patches_):
            total = sum(m[:, j])
            if total.is_number and (total > 1 + 1e-9 or any(e.is_number and e < 0 for e in m[:, j])):
                raise DeclarationError(
                    f"dispersal of stage {a + 1} from patch {j + 1} adds up to {total}; expected shares of at most 1 in total"
                )
    return found


def _is_matrix(value: Any) -> bool:
    nested = isinstance(value, (list, tuple)) and all(isinstance(r, (list, tuple)) for r in value)
    return hasattr(value, "tolist") or nested


def _joined(
    own: Sequence[sp.Matrix], effects: Mapping[tuple[int, int], sp.Matrix], names: Sequence[str] | None, line: str,
    options: dict[str, Any],
) -> MatrixModel:  # fmt: skip
    """One matrix of blocks, with reproduction in the blocks on the diagonal."""
    k = len(own)
    chosen = list(NAMES[:k] if names is None and k <= len(NAMES) else names or (f"s{i}_" for i in range(1, k + 1)))
    if len(chosen) != k or len(set(chosen)) != k:
        raise DeclarationError(f"there are {k} species, but the names {', '.join(map(str, chosen))}")
    stages = {
        n: [n] if m.shape[0] == 1 else [f"{n}{i}" for i in range(1, m.shape[0] + 1)] for n, m in zip(chosen, own, strict=True)
    }
    models = [MatrixModel(m) for m in own]
    starts = [sum(m.shape[0] for m in own[:i]) for i in range(k + 1)]
    joint, reproduction = sp.zeros(starts[-1], starts[-1]), sp.zeros(starts[-1], starts[-1])
    for i in range(k):
        at = slice(starts[i], starts[i + 1])
        joint[at, at], reproduction[at, at] = own[i], models[i].fecundity
        for j in range(k):
            if (i, j) in effects:
                joint[at, starts[j] : starts[j + 1]] = effects[i, j]
    if "states" in options:
        raise DeclarationError("stages of coupled species are named after them; pass names, one for each species, not states")
    given = {"provenance": (line,), "fecundity": reproduction, "species": stages, **options}
    coupled = MatrixModel(joint, [s for group in stages.values() for s in group], **given)
    return coupled.replace(split="fecundity" in options or all(m.split for m in models))
