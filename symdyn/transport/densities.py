r"""Densities as formulas: mixtures of normal distributions, with logarithms and scores that do not underflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp
import xarray as xr

from symdyn.declaration import expression
from symdyn.errors import DeclarationError
from symdyn.methods.options import check_whole
from symdyn.text.mixtures import logsumexp

__all__ = ["GaussianMixture", "Normal", "as_points"]


def as_points(x: Any, d: int) -> np.ndarray:
    """Points (n, d) of an array (n, d), one point (d,), or in one dimension an array of any shape.

    >>> as_points([1.0, 2.0], 2).shape, as_points([1.0, 2.0], 1).shape
    ((1, 2), (2, 1))
    """
    try:
        points = np.asarray(x, float)
    except (TypeError, ValueError):
        raise DeclarationError(f"x is {x!r}; expected points (n, {d})") from None
    if d > 1 and points.shape[-1:] != (d,):
        raise DeclarationError(f"x has the shape {points.shape}; expected points (n, {d})")
    return points.reshape(-1, d)


class GaussianMixture:
    r"""A mixture of normal distributions, :math:`p(x) = \sum_k w_k\, \mathcal N(x; m_k, C_k)`.

    Parameters
    ----------
    weights : (K,) sequence
        Positive; they are divided by their sum.
    means : (K,) or (K, d) sequence
        In the units of the states.
    stds : (K,) or (K, d) sequence, optional
        Standard deviations, of all states or of each.
    covariances : (K, d, d) sequence, optional
        In their place.
    states : sequence of Symbol, optional
        What the d numbers are called, for `initial`.

    Attributes
    ----------
    weights : tuple of Expr
    means : tuple of tuple of Expr
    stds : tuple of tuple of Expr or None
    covariances : (K, d, d) float64 or None
    states : tuple of Symbol

    Raises
    ------
    DeclarationError
        If shapes do not fit, and for weights or widths that are not positive.

    Examples
    --------
    >>> import sympy as sp, symdyn as sd
    >>> bed = sd.transport.GaussianMixture([0.2, 0.5, 0.3], [-2, 0.3, 1.5], [0.3, 0.2, 0.5])
    >>> round(float(bed.cdf(0.3)), 6)
    0.452459
    """

    def __init__(
        self, weights: Sequence[Any], means: Any, stds: Any = None, covariances: Any = None, *, states: Sequence[sp.Symbol] = ()
    ) -> None:
        rows = [list(m) if np.ndim(m) else [m] for m in means]
        k, d = len(rows), len(rows[0]) if rows else 0
        if not k or any(len(r) != d for r in rows) or len(weights) != k:
            raise DeclarationError(
                f"{len(weights)} weights and {k} means do not fit; expected as many, and means of one length"
            )
        if (stds is None) == (covariances is None):
            raise DeclarationError("a GaussianMixture takes stds= or covariances=, one of them")
        w = [expression(_plain(v)) for v in weights]
        if any(v.is_number and not v.is_positive for v in w):
            raise DeclarationError(f"the weights are {[str(v) for v in w]}; expected positive ones")
        total = sp.Add(*w)
        self.weights = tuple(v / total for v in w)
        self.means = tuple(tuple(expression(_plain(v)) for v in r) for r in rows)
        self.stds: tuple[tuple[sp.Expr, ...], ...] | None = None
        self.covariances: np.ndarray | None = None
        if stds is not None:
            widths = [list(s) if np.ndim(s) else [s] * d for s in stds]
            if len(widths) != k or any(len(s) != d for s in widths):
                raise DeclarationError(f"stds have the shape {np.shape(stds)}; expected ({k},) or ({k}, {d})")
            self.stds = tuple(tuple(expression(_plain(v)) for v in s) for s in widths)
            if any(v.is_number and not v.is_positive for s in self.stds for v in s):
                raise DeclarationError("standard deviations must be positive")
        else:
            self.covariances = np.array(covariances, dtype=float)
            fits = self.covariances.shape == (k, d, d) and np.allclose(self.covariances, self.covariances.swapaxes(1, 2))
            if not fits or np.linalg.eigvalsh(self.covariances).min() <= 0:
                raise DeclarationError(f"covariances must be {k} symmetric positive matrices of {d} rows")
        if any(v.is_number and not v.is_finite for r in (self.weights, *self.means, *(self.stds or ())) for v in r):
            raise DeclarationError("weights, means and standard deviations must be finite")
        self.states = tuple(states)

    @property
    def dimension(self) -> int:
        """The number of states d.

        Returns
        -------
        int

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.transport.GaussianMixture([1, 1], [[0, 1], [1, 0]], [1, 1]).dimension
        2
        """
        return len(self.means[0])

    def log_density(self, states: Sequence[sp.Symbol]) -> sp.Expr:
        r""":math:`\log p(x)` as an expression, a ``logsumexp`` that neither overflows nor underflows.

        Parameters
        ----------
        states : sequence of Symbol

        Returns
        -------
        Expr

        Raises
        ------
        DeclarationError
            If the number of states is not the dimension.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> x = sp.Symbol("x")
        >>> sd.transport.Normal(0, 1).log_density([x])
        -x**2/2 - log(2*pi)/2
        """
        if len(states) != self.dimension:
            raise DeclarationError(f"{len(states)} states were given for a mixture in {self.dimension} dimensions")
        terms = []
        for w, squares in zip(self.weights, self.squares(states), strict=True):
            log_norm = sp.Add(*(sp.log(2 * sp.pi * v) for _, v in squares))
            terms.append(sp.log(w) - log_norm / 2 - sp.Add(*(z**2 / v for z, v in squares)) / 2)
        return logsumexp(*terms)

    def squares(
        self, states: Sequence[sp.Symbol], alpha: Sequence[Any] = (), shift: Sequence[Any] = (), variance: Sequence[Any] = ()
    ) -> list[list[tuple[sp.Expr, sp.Expr]]]:
        r"""Of each component independent deviations and their variances, of :math:`\alpha x_0 + c + \sigma \epsilon`.

        Parameters
        ----------
        states : sequence of Symbol
        alpha, shift, variance : sequence of Expr, optional
            Of each state; 1, 0 and 0 by default.

        Returns
        -------
        list of list of (Expr, Expr)
            :math:`z_j` and :math:`v_j`, so that :math:`\log \mathcal N = -\tfrac12 \sum_j (z_j^2/v_j + \log 2\pi v_j)`.

        Raises
        ------
        DeclarationError
            If full covariances meet rates or noise that differ between states.

        Examples
        --------
        >>> import sympy as sp, symdyn as sd
        >>> x, a, s = sp.symbols("x a s")
        >>> sd.transport.Normal(2, 3).squares([x], [a], [0], [s**2])
        [[(-2*a + x, 9*a**2 + s**2)]]
        """
        d = self.dimension
        alpha, shift, variance = alpha or [sp.S.One] * d, shift or [sp.S.Zero] * d, variance or [sp.S.Zero] * d
        found = []
        for k, m in enumerate(self.means):
            z = [x - a * mi - c for x, a, mi, c in zip(states, alpha, m, shift, strict=True)]
            if self.stds is not None:
                found.append([(zi, a**2 * s**2 + v) for zi, a, s, v in zip(z, alpha, self.stds[k], variance, strict=True)])
                continue
            assert self.covariances is not None
            if len(set(alpha)) > 1 or len(set(variance)) > 1:
                raise DeclarationError("covariances= need the same rate and noise for every state; give stds=, or one schedule")
            values, vectors = np.linalg.eigh(self.covariances[k])
            turned = [sp.Add(*(sp.Float(u) * zi for u, zi in zip(column, z, strict=True))) for column in vectors.T]
            found.append([(zi, alpha[0] ** 2 * sp.Float(e) + variance[0]) for zi, e in zip(turned, values, strict=True)])
        return found

    def sample(self, count: int, seed: int) -> np.ndarray:
        """Independent points.

        Parameters
        ----------
        count : int
        seed : int

        Returns
        -------
        (count, d) float64

        Raises
        ------
        DeclarationError
            If the count or the seed is no whole number, or the mixture has symbols in place of numbers.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.transport.Normal([0, 1], 0.1).sample(3, seed=1).shape
        (3, 2)
        """
        check_whole(count=count)
        check_whole(0, seed=seed)
        rng = np.random.default_rng(seed)
        w, m = self._numbers()
        k = rng.choice(len(w), count, p=w)
        z = rng.normal(size=(count, self.dimension))
        if self.stds is not None:
            return m[k] + z * np.array(self.stds, dtype=float)[k]
        assert self.covariances is not None
        return m[k] + np.einsum("nij,nj->ni", np.linalg.cholesky(self.covariances)[k], z)

    def initial(self, count: int, seed: int) -> dict[str, xr.DataArray]:
        """Independent points as initial values, one for each trajectory.

        Parameters
        ----------
        count : int
            The number of trajectories.
        seed : int

        Returns
        -------
        dict of str to DataArray
            By state, over the dimension ``trajectory``.

        Raises
        ------
        DeclarationError
            If the mixture does not know its states.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.transport.GaussianMixture([1], [0], [1], states=sp.symbols("x,")).initial(5, seed=1)["x"].sizes["trajectory"]
        5
        """
        if not self.states:
            raise DeclarationError("this mixture does not know its states; give states=, or take system.marginal(...).at(t)")
        points = self.sample(count, seed)
        return {s.name: xr.DataArray(points[:, i].copy(), dims="trajectory") for i, s in enumerate(self.states)}

    def pdf(self, x: Any) -> np.ndarray:
        """The density at points.

        Parameters
        ----------
        x : (n, d) array, or (n,) in one dimension

        Returns
        -------
        (n,) float64

        Raises
        ------
        DeclarationError
            If x is no array of points (n, d), or the mixture has symbols in place of numbers.

        Examples
        --------
        >>> import symdyn as sd
        >>> float(sd.transport.Normal(0, 1).pdf([0.0]).round(6)[0])
        0.398942
        """
        return np.exp(self.log_pdf(x))

    def log_pdf(self, x: Any) -> np.ndarray:
        """The logarithm of the density at points.

        Parameters
        ----------
        x : (n, d) array, or (n,) in one dimension

        Returns
        -------
        (n,) float64

        Raises
        ------
        DeclarationError
            If x is no array of points (n, d), or the mixture has symbols in place of numbers.

        Examples
        --------
        >>> import symdyn as sd
        >>> float(sd.transport.Normal(0, 1).log_pdf([100.0]).round(3)[0])
        -5000.919
        """
        points = as_points(x, self.dimension)
        w, m = self._numbers()
        if self.stds is not None:
            s = np.array(self.stds, dtype=float)
            z = (points[:, None] - m) / s
            logs = np.log(w) - 0.5 * (z**2).sum(-1) - np.log(s).sum(-1) - 0.5 * self.dimension * np.log(2 * np.pi)
        else:
            assert self.covariances is not None
            values, vectors = np.linalg.eigh(self.covariances)
            z = np.einsum("kij,nki->nkj", vectors, points[:, None] - m) / np.sqrt(values)
            logs = np.log(w) - 0.5 * ((z**2).sum(-1) + np.log(values).sum(-1) + self.dimension * np.log(2 * np.pi))
        top = logs.max(axis=1)
        return top + np.log(np.exp(logs - top[:, None]).sum(axis=1))

    def cdf(self, x: Any) -> np.ndarray:
        """The distribution function, in one dimension.

        Parameters
        ----------
        x : float or array

        Returns
        -------
        array of float64

        Raises
        ------
        DeclarationError
            If the mixture has more than one dimension, or symbols in place of numbers.

        Examples
        --------
        >>> import symdyn as sd
        >>> float(sd.transport.Normal(0, 1).cdf(0.0))
        0.5
        """
        from scipy.special import ndtr

        w, m, s = self._line()
        return (w * ndtr((np.asarray(x, float)[..., None] - m) / s)).sum(-1)

    def quantile(self, q: Any) -> np.ndarray:
        r"""The inverse of `cdf`, by bisection to the last digits.

        In one dimension the probability flow maps quantiles to quantiles, :math:`x_0 = F_0^{-1}(F_T(x_T))`.

        Parameters
        ----------
        q : float or array
            In (0, 1).

        Returns
        -------
        array of float64

        Raises
        ------
        DeclarationError
            For numbers outside, and in more than one dimension.

        Examples
        --------
        >>> import symdyn as sd
        >>> float(sd.transport.Normal(0, 1).quantile(0.975).round(6))
        1.959964
        """
        _, m, s = self._line()
        q = np.asarray(q, float)
        if not ((q > 0) & (q < 1)).all():
            raise DeclarationError(f"q has {q[~((q > 0) & (q < 1))][0]:g}; quantiles are those of numbers between 0 and 1")
        low, high = np.full(q.shape, (m - 40 * s).min()), np.full(q.shape, (m + 40 * s).max())
        for _ in range(200):
            middle = 0.5 * (low + high)
            below = self.cdf(middle) < q
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return 0.5 * (low + high)

    def _numbers(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights and means."""
        try:
            return np.array(self.weights, dtype=float), np.array(self.means, dtype=float)
        except TypeError:
            raise DeclarationError("this mixture has symbols for parameters; numbers need numbers") from None

    def _line(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self.dimension != 1:
            raise DeclarationError(f"distribution functions are of one dimension; this mixture has {self.dimension}")
        w, m = self._numbers()
        s = np.array(self.stds, dtype=float)[:, 0] if self.stds is not None else np.sqrt(self.covariances[:, 0, 0])  # type: ignore[index]
        return w, m[:, 0], s

    def __repr__(self) -> str:
        return f"GaussianMixture({len(self.weights)} components in {self.dimension} dimensions)"


def Normal(mean: Any, std: Any = None, covariance: Any = None) -> GaussianMixture:
    r"""The normal distribution :math:`\mathcal N(m, C)`, as a mixture of one component.

    Parameters
    ----------
    mean : number, Expr or (d,) sequence
    std : number, Expr or (d,) sequence, optional
    covariance : (d, d) sequence, optional
        In its place.

    Returns
    -------
    GaussianMixture

    Raises
    ------
    DeclarationError
        As `GaussianMixture`.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.transport.Normal([0, 0], 1)
    GaussianMixture(1 components in 2 dimensions)
    """
    return GaussianMixture([1], [mean], None if std is None else [std], None if covariance is None else [covariance])


def _plain(value: Any) -> Any:
    """A number of numpy as one of Python."""
    return value.item() if isinstance(value, np.generic) else value
