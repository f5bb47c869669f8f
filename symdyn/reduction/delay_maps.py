"""Linear maps from the last values of series to the next: companion matrices and Hankel-DMD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.errors import DeclarationError
from symdyn.methods.options import check_whole
from symdyn.models.discrete import DiscreteSystem
from symdyn.parsing import ModelText
from symdyn.reduction.dense import dense
from symdyn.simulation.run import simulate

__all__ = ["DelayMap", "delay_map"]


class DelayMap(DiscreteSystem):
    r"""The map :math:`x_{t+1} = \bar x + \sum_k W_k (x_{t-k} - \bar x)`; `DelayCoordinates.dmd` makes one.

    States ``x_1`` (the last value, without the mean), ``x_2`` (the one before) ...; the observable ``x`` is the last value.

    Parameters
    ----------
    names, weights, center, last, step, end
        Computed by `DelayCoordinates.dmd`.

    Attributes
    ----------
    weights : (d, q d) float64
        W; of each series the newest value comes first.
    center : (d,) float64
    step : float
        Time of a step.
    end : float
        Time of the last value, from which a forecast begins.

    Examples
    --------
    >>> import symdyn as sd
    >>> t = np.linspace(0, 20, 401)
    >>> step = sd.reduction.delays(np.cos(t), delays=4, modes=2, step=0.05).dmd(rank=2)
    >>> isinstance(step, sd.DiscreteSystem), len(step.states)
    (True, 4)
    """

    weights: np.ndarray
    center: np.ndarray
    step: float
    end: float
    text_options: ClassVar[tuple[str, ...] | None] = None

    def __init__(
        self, names: Sequence[str], weights: np.ndarray, center: np.ndarray, last: np.ndarray, *, step: float, end: float
    ) -> None:
        count = weights.shape[1] // len(names)
        states = [[sp.Symbol(f"{name}_{k + 1}") for k in range(count)] for name in names]
        rows: dict[sp.Symbol, sp.Expr] = {}
        for row, new in zip(states, dense(weights, [s for listed in states for s in listed]), strict=True):
            rows |= dict(zip(row, [new, *row[:-1]], strict=True))
        observables = {name: row[0] + float(c) for name, row, c in zip(names, states, center, strict=True)}
        initial = {s: float(x) for row, values in zip(states, last.T, strict=True) for s, x in zip(row, values, strict=True)}
        super().__init__(rows, observables=observables, initial=initial)
        self.__dict__.update(weights=weights, center=center, step=step, end=end)

    @classmethod
    def from_model(cls, model: ModelText, options: dict[str, Any]) -> Self:
        raise DeclarationError("a DelayMap has no text; symdyn.reduction.delays(...).dmd() makes it")

    @classmethod
    def example(cls) -> Self:
        raise NotImplementedError("a DelayMap is made from a series")

    @property
    def eigenvalues(self) -> np.ndarray:
        r"""Eigenvalues of the map, largest first; :math:`\log(\lambda) / h` are those of a flow."""
        series, count = len(self.weights), self.weights.shape[1] // len(self.weights)
        matrix = np.zeros((series * count, series * count))
        for d in range(series):
            matrix[d * count] = self.weights[d]
            matrix[d * count + 1 : (d + 1) * count, d * count : (d + 1) * count - 1] = np.eye(count - 1)
        found = np.linalg.eigvals(matrix)
        return found[np.argsort(-np.abs(found))]

    def forecast(self, steps: int, after: Any = None) -> xr.Dataset:
        """The next values.

        Parameters
        ----------
        steps : int
            How many.
        after : (q, d) or (q,) array, optional
            The last values, oldest first; those of the data unless given.

        Returns
        -------
        Dataset
            Each series over ``time``; without `after` in the time of the data.

        Raises
        ------
        DeclarationError
            For another number of values.

        Examples
        --------
        >>> import symdyn as sd
        >>> t = np.linspace(0, 20, 401)
        >>> step = sd.reduction.delays(np.cos(t), delays=4, modes=2, step=0.05).dmd(rank=2)
        >>> bool(abs(step.forecast(2, after=np.cos([1, 1.05, 1.1, 1.15])).x.values[1] - np.cos(1.25)) < 1e-9)
        True
        """
        check_whole(1, steps=steps)
        names, count = list(self.observables), self.weights.shape[1] // len(self.weights)
        initial = None
        if after is not None:
            values = np.asarray(after, float).reshape(len(np.atleast_1d(after)), -1)
            if values.shape != (count, len(names)):
                raise DeclarationError(f"after has the shape {np.shape(after)}; expected ({count}, {len(names)}), oldest first")
            initial = dict(zip(self.states, (values[::-1] - self.center).T.ravel().tolist(), strict=True))
        data = simulate(self, np.arange(steps + 1), initial=initial, progress=False)
        begin = self.end if after is None else 0.0
        times = begin + self.step * np.arange(1, steps + 1)
        return xr.Dataset({str(n): ("time", data[str(n)].values[1:]) for n in names}, {"time": times})


def delay_map(
    series: np.ndarray, times: np.ndarray, names: Sequence[str], count: int, rank: int | None, center: bool
) -> DelayMap:
    """The map of `count` delays that fits series (T, d) best, of a rank.

    >>> t = np.arange(50.0)
    >>> made = delay_map(np.cos(t)[:, None], t, ["x"], 2, None, False)
    >>> bool(np.allclose(made.weights, [[2 * np.cos(1), -1]]))
    True
    """
    middle = series.mean(axis=0) if center else np.zeros(series.shape[1])
    apart = series - middle
    windows = [np.lib.stride_tricks.sliding_window_view(c, count)[:-1, ::-1] for c in apart.T]
    known, new = np.concatenate(windows, axis=1), apart[count:]
    orthogonal, triangle = np.linalg.qr(known)
    left, singular, right = np.linalg.svd(triangle)
    kept = int((singular > singular[0] * len(known) * np.finfo(float).eps).sum())
    kept = min(kept, rank) if rank is not None else kept
    weights = ((new.T @ orthogonal) @ left[:, :kept] / singular[:kept]) @ right[:kept]
    last = apart[-count:][::-1]
    return DelayMap(names, weights, middle, last, step=float(times[1] - times[0]), end=float(times[-1]))
