"""Proper orthogonal decomposition: bases of snapshots in the inner product of a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import sympy as sp

from symdyn.errors import DeclarationError
from symdyn.reduction.dense import dense

__all__ = ["Basis", "pod_basis"]


@dataclass(frozen=True)
class Basis:
    r"""Modes: :math:`u \approx \bar u + V z` with :math:`z = V^\top D (u - \bar u)` and :math:`V^\top D V = 1`.

    Attributes
    ----------
    modes : (n, r) float64
        V.
    center : (n,) float64
        The mean of the snapshots, or 0.
    weights : (n,) float64
        The diagonal of D, the quadrature weights of the grid.
    singular : mapping from str to (k,) float64
        Singular values of the snapshots of each block, largest first.
    kept : mapping from str to int
        Modes of each block.
    count : int
        Number of snapshots.
    """

    modes: np.ndarray
    center: np.ndarray
    weights: np.ndarray
    singular: Mapping[str, np.ndarray]
    kept: Mapping[str, int]
    count: int

    @property
    def spread(self) -> np.ndarray:
        """Root mean square of each coordinate in the snapshots, (r,)."""
        return np.concatenate([s[: self.kept[k]] for k, s in self.singular.items()]) / np.sqrt(self.count)

    @property
    def size(self) -> int:
        """Number of modes, r."""
        return self.modes.shape[1]

    @property
    def left_out(self) -> float:
        """Root mean square of what the modes leave out of the snapshots, relative to these."""
        total = sum(float(s @ s) for s in self.singular.values())
        lost = sum(float(s[self.kept[k] :] @ s[self.kept[k] :]) for k, s in self.singular.items())
        return float(np.sqrt(lost / total)) if total else 0.0

    def project(self, states: np.ndarray) -> np.ndarray:
        """Coordinates (..., r) of states (..., n)."""
        return ((states - self.center) * self.weights) @ self.modes

    def lift(self, z: np.ndarray) -> np.ndarray:
        """States (..., n) from coordinates (..., r)."""
        return self.center + z @ self.modes.T

    def written(self, rows: np.ndarray, z: Sequence[sp.Expr]) -> list[sp.Expr]:
        """Some numbers of the state as expressions of the coordinates."""
        return dense(self.modes[rows], z, self.center[rows])


def pod_basis(
    snapshots: np.ndarray, weights: np.ndarray, blocks: Mapping[str, np.ndarray], modes: Any, *, center: bool
) -> Basis:
    """The modes of snapshots (n, S), block by block.

    Raises
    ------
    DeclarationError
        For numbers of modes that are no whole numbers or more than the snapshots determine.
    """
    counts = _counts(modes, list(blocks))
    middle = snapshots.mean(axis=1) if center else np.zeros(len(snapshots))
    scaled = (snapshots - middle[:, None]) * np.sqrt(weights)[:, None]
    columns, singular, kept = [], {}, {}
    for name, places in blocks.items():
        vectors, values, _ = np.linalg.svd(scaled[places], full_matrices=False)
        rank = int((values > values[:1] * np.finfo(float).eps).sum())
        count = min(counts[name], len(places)) if len(places) == 1 else counts[name]
        if count > rank and len(places) > 1:
            raise DeclarationError(
                f"{count} modes of {name or 'the states'}, but the runs determine {rank}; take at most {rank}"
            )
        part = np.zeros((len(snapshots), count))
        part[places] = vectors[:, :count] / np.sqrt(weights[places])[:, None]
        largest = np.abs(part).argmax(axis=0)
        columns.append(part * np.sign(part[largest, np.arange(count)]))  # the sign of a mode is free
        singular[name], kept[name] = values, count
    return Basis(np.concatenate(columns, axis=1), middle, weights, singular, kept, snapshots.shape[1])


def _counts(modes: Any, names: Sequence[str]) -> dict[str, int]:
    given = {str(k): v for k, v in modes.items()} if isinstance(modes, Mapping) else dict.fromkeys(names, modes)
    wrong = [k for k in given if k not in names] or [n for n in names if n not in given]
    if wrong:
        raise DeclarationError(f"modes are given by block; {wrong[0]!r} is not among {', '.join(names)}")
    for name, count in given.items():
        if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
            raise DeclarationError(f"modes is {count!r}{f' for {name}' if name else ''}; expected a whole number from 1")
    return {k: int(v) for k, v in given.items()}
