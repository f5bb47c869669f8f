"""One Brownian path, which can be asked for anywhere: the path that a simulation along a tree follows."""

from __future__ import annotations

from typing import Any

import numpy as np
from symdyn_kernels.arguments.tree import PathArguments
from symdyn_kernels.constants.brownian import ROOT

from symdyn.codegen.drivers import plain_driver
from symdyn.errors import DeclarationError
from symdyn.methods.options import check_whole

__all__ = ["BrownianPath"]

#: Longest span: an increment is a sum over cells at the root.
LONGEST = 2.0 ** (ROOT + 20)


class BrownianPath:
    r"""Independent Wiener processes from a seed, as a tree of increments and space-time Lévy areas.

    The increments over any interval are a function of seed, trajectory and interval alone: of no order of requests, and of no
    steps.  ``simulate(..., seed=seed, method=symdyn.methods.Sra1(brownian="tree"))`` follows these paths, trajectory by
    trajectory, where the first output is at the start of the span.

    .. math:: W_{ab} = W_b - W_a, \qquad Z_{ab} = \int_a^b (W_s - W_a)\,ds, \qquad
        \operatorname{Var} W_{ab} = h, \quad \operatorname{Var} Z_{ab} = \tfrac{h^3}{3}, \quad
        \operatorname{Cov}(W_{ab}, Z_{ab}) = \tfrac{h^2}{2}, \quad h = b - a

    Schemes of order 3, as ``'quicsort'``, read a second integral, :math:`Y_{ab} = \int_a^b Z_{as}\,ds` of the variance
    :math:`h^5/20`; the paths whose tree serves two integrals are others than those that serve one.

    Parameters
    ----------
    seed : int
    trajectory : int
        The number of the trajectory in an ensemble, from 0; where parameters or initial values are swept, every point has paths
        of its own, and trajectory k of point p is ``p*2**32 + k``.
    noises : int
        How many Wiener processes.
    span : (start, end)
        Times between which the path can be asked for.  Cells are laid from the start on, so it belongs to the path; the end
        does not.
    integrals : {1, 2}
        How many integrals the tree serves.

    Raises
    ------
    DeclarationError
        For numbers that are not whole, a span that does not increase, and one of more than a million cells at the root.

    References
    ----------
    J. Foster, T. Lyons & H. Oberhauser, SIAM J. Numer. Anal. 58 (2020) 1500; A. Jelinčič, J. Foster & P. Kidger,
    arXiv:2405.06464, theorems 3.5 and 3.7.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> path = sd.BrownianPath(seed=1, trajectory=7, noises=2, span=(0, 2))
    >>> whole, first, rest = (path.increment(a, b) for a, b in [(0.3, 0.7), (0.3, 0.5), (0.5, 0.7)])
    >>> np.allclose(whole, first + rest, rtol=0, atol=1e-14)
    True
    """

    def __init__(
        self, *, seed: int, trajectory: int = 0, noises: int = 1, span: tuple[float, float] = (0.0, 1.0), integrals: int = 1
    ) -> None:
        check_whole(0, seed=seed, trajectory=trajectory)
        check_whole(noises=noises, integrals=integrals)
        if integrals not in (1, 2):
            raise DeclarationError(f"integrals is {integrals!r}; expected 1 or 2")
        try:
            start, end = (float(x) for x in span)
        except (TypeError, ValueError):
            raise DeclarationError(f"span is {span!r}; expected two times, (start, end)") from None
        if not (np.isfinite([start, end]).all() and start < end):
            raise DeclarationError(f"span is ({start:g}, {end:g}); expected finite times that increase")
        if end - start > LONGEST:
            raise DeclarationError(
                f"span is ({start:g}, {end:g}), longer than {LONGEST:g}, up to which a path can be followed; choose another "
                "unit of time"
            )
        self.seed, self.trajectory, self.noises, self.span = int(seed), int(trajectory), int(noises), (start, end)
        self.integrals = int(integrals)

    def __repr__(self) -> str:
        third = ", integrals=2" if self.integrals > 1 else ""
        return f"BrownianPath(seed={self.seed}, trajectory={self.trajectory}, noises={self.noises}, span={self.span}{third})"

    def increment(self, a: Any, b: Any, *, levy: bool = False) -> Any:
        """The increment of the path from a to b, and its integrals.

        Parameters
        ----------
        a, b : float or (q,) float64
            Ends of intervals, ``a <= b``, in the unit of time.
        levy : bool
            Whether the integrals are returned too.

        Returns
        -------
        (m,) or (q, m) float64
            ``W(b) - W(a)`` for each of m noises; with `levy` a tuple of such arrays, the second with ``int_a^b (W(s) - W(a))
            ds``, the third, of paths with two integrals, with the integral of this one.

        Raises
        ------
        DeclarationError
            For times that are no numbers, outside of the span, or in the wrong order.

        Examples
        --------
        >>> import symdyn as sd
        >>> path = sd.BrownianPath(seed=1, span=(0, 2))
        >>> w, z = path.increment([0.1, 0.5], [0.4, 0.5], levy=True)
        >>> w.shape, z[1].tolist()
        ((2, 1), [0.0])
        """
        first, last = (self._times(name, t) for name, t in (("a", a), ("b", b)))
        try:
            first, last = np.broadcast_arrays(first, last)
        except ValueError:
            raise DeclarationError(f"a has the shape {first.shape} and b {last.shape}; expected the same") from None
        if first.ndim > 1:
            raise DeclarationError(f"a and b have the shape {first.shape}; expected numbers or sequences of numbers")
        if (wrong := np.flatnonzero(np.ravel(first > last))).size:
            at = int(wrong[0])
            raise DeclarationError(f"a is {np.ravel(first)[at]:g} and b {np.ravel(last)[at]:g}; expected a <= b")
        begin, end = (np.ascontiguousarray(np.atleast_1d(t) - self.span[0]) for t in (first, last))
        found = np.empty((3, begin.size, self.noises))
        plain_driver("brownian").chunk(PathArguments(self.seed, self.trajectory, begin, end, self.integrals, found))
        rows = tuple(found[:, 0] if first.ndim == 0 else found)
        return rows[: 1 + self.integrals] if levy else rows[0]

    def __call__(self, t: Any) -> Any:
        """The value of the path, 0 at the start of the span.

        Parameters
        ----------
        t : float or (q,) float64
            In the unit of time.

        Returns
        -------
        (m,) or (q, m) float64

        Raises
        ------
        DeclarationError
            For times outside of the span.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> path = sd.BrownianPath(seed=1, span=(0, 2))
        >>> path(0).tolist(), path(np.linspace(0, 2, 5)).shape
        ([0.0], (5, 1))
        """
        return self.increment(self.span[0], t)

    def _times(self, name: str, given: Any) -> np.ndarray:
        """Times as numbers within the span."""
        times = np.asarray(given)
        if times.dtype.kind not in "iuf" or not np.isfinite(times).all():
            raise DeclarationError(f"{name} is {given!r}; expected finite times")
        times = times.astype(float)
        if (times < self.span[0]).any() or (times > self.span[1]).any():
            raise DeclarationError(f"{name} has times outside of the span {self.span}; give the path a longer one")
        return times
