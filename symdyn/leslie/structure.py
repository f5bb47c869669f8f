"""Structure of the life-cycle graph: irreducible, primitive and ergodic matrices, loops and blocks."""

from __future__ import annotations

from graphlib import TopologicalSorter
from math import gcd

import numpy as np
import pandas as pd
import sympy as sp
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from symdyn.leslie._values import matrix_of, numeric
from symdyn.leslie.spectrum import EQUAL, spectrum
from symdyn.models.matrix import MatrixModel

__all__ = ["blocks", "classes_of", "ergodic", "irreducible", "loops", "period", "primitive"]


def irreducible(model: MatrixModel) -> bool:
    """Whether every stage contributes, over time, to every other: the life-cycle graph is strongly connected.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    bool
        Signs of entries have no effect.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_matrix([[0, 2], [1, 1]]).irreducible, sd.leslie.from_matrix([[1, 2], [0, 1]]).irreducible
    (True, False)
    """
    return len(classes_of(_arrows(matrix_of(model)))) == 1


def primitive(model: MatrixModel) -> bool:
    """Whether the matrix is irreducible with loops of no common divisor, so that some power of it is positive.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    bool
        Signs of entries have no effect.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_matrix([[0, 2], [1, 1]]).primitive, sd.leslie.from_matrix([[0, 2], [1, 0]]).primitive
    (True, False)
    """
    return irreducible(model) and period(model) == 1


def period(model: MatrixModel) -> int:
    """The greatest common divisor of the lengths of all loops, the index of imprimitivity.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    int
        Steps; 0 without loops.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_matrix([[0, 2], [1, 0]]).period
    2
    """
    return loops(_arrows(matrix_of(model)))


def ergodic(model: MatrixModel) -> bool:
    r"""Whether asymptotic growth is independent of the initial structure.

    Without negative entries: every stage contributes, over time, to a block that grows by :math:`\lambda`; the left
    eigenvector is then positive.  With negative entries: the reproductive values are positive.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    bool
        True if the growth factor does not depend on the initial structure.

    References
    ----------
    Stott, Townley, Carslake & Hodgson, Methods in Ecology and Evolution 1 (2010) 242.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.leslie.from_matrix([[0, 2], [1, 1]]).ergodic, sd.leslie.from_matrix([[2, 0], [0, 1]]).ergodic
    (True, False)
    """
    matrix = numeric(matrix_of(model))
    if (matrix < 0).any():
        values = spectrum(model).reproductive_values
        return not np.iscomplexobj(values) and all(complex(v).imag == 0 and complex(v).real > 0 for v in values)
    arrows = matrix != 0
    classes = classes_of(arrows)
    radii = [_radius(matrix, c) for c in classes]
    graph = csr_array(arrows)  # against the arrows, from the dominant blocks to all stages that contribute to them
    fed: set[int] = set()
    for c, radius in zip(classes, radii, strict=True):
        if radius >= (1 - EQUAL) * max(radii) and radius > 0:
            fed |= set(breadth_first_order(graph, c[0], return_predecessors=False).tolist())
    return len(fed) == len(matrix)


def blocks(model: MatrixModel) -> pd.DataFrame:
    """The irreducible blocks of the normal form: sets of stages that contribute to each other.

    Parameters
    ----------
    model : MatrixModel

    Returns
    -------
    pandas.DataFrame
        One row a block, in topological order of the contributions: ``stages``; ``growth_factor``, the spectral
        radius of the block alone; ``period``, the common divisor of its loops, 0 without any; ``dominant``, whether the
        population grows as this block does.

    Raises
    ------
    DeclarationError
        If entries without a value remain where the formula is too long, or vital rates hold random numbers, depend on
        time or are not finite.

    References
    ----------
    Caswell, Matrix Population Models, 2nd ed. (2001), sec. 4.5; Gantmacher, The Theory of Matrices II, ch. XIII, sec. 4.

    Examples
    --------
    >>> import symdyn as sd
    >>> model = sd.leslie.from_matrix([[0.5, 2, 0], [0.5, 0.5, 0], [0, 0.2, 0.9]], ["young", "adult", "old"])
    >>> sd.leslie.blocks(model)
                stages  growth_factor  period  dominant
    0  (young, adult)            1.5       1      True
    1          (old,)            0.9       1     False
    """
    matrix = numeric(matrix_of(model))
    classes = classes_of(matrix != 0)
    radii = np.array([_radius(matrix, c) for c in classes])
    return pd.DataFrame(
        {
            "stages": [tuple(model.names[i] for i in c) for c in classes],
            "growth_factor": radii,
            "period": [loops((matrix != 0)[np.ix_(c, c)]) for c in classes],
            "dominant": radii >= (1 - EQUAL) * radii.max(),
        }
    )


def classes_of(arrows: np.ndarray) -> list[list[int]]:
    """Strongly connected components of the graph j -> i where ``arrows[i, j]``, in an order that arrows follow."""
    _, label = connected_components(csr_array(arrows.T), connection="strong")
    first: dict[int, list[int]] = {}
    for i, c in enumerate(label.tolist()):
        first.setdefault(c, []).append(i)
    before: dict[int, set[int]] = {c: set() for c in first}
    for i, j in np.argwhere(arrows):
        if label[i] != label[j]:
            before[label[i]].add(label[j])
    return [first[c] for c in TopologicalSorter(before).static_order()]


def loops(arrows: np.ndarray) -> int:
    """The greatest common divisor of the lengths of all loops of a graph, from the levels of a search in each component."""
    found = 0
    for members in classes_of(arrows):
        inside = arrows[np.ix_(members, members)]
        order, parent = breadth_first_order(csr_array(inside.T), 0)
        level = np.zeros(len(members), dtype=int)
        for i in order[1:]:
            level[i] = level[parent[i]] + 1
        for i, j in np.argwhere(inside):
            found = gcd(found, int(level[j] + 1 - level[i]))
    return found


def _arrows(matrix: sp.MatrixBase) -> np.ndarray:
    n = matrix.shape[0]
    return np.array([matrix[i, j] != 0 for i in range(n) for j in range(n)]).reshape(n, n)


def _radius(matrix: np.ndarray, members: list[int]) -> float:
    return float(np.abs(np.linalg.eigvals(matrix[np.ix_(members, members)])).max())
