r"""Propagators and clocks of a semilinear equation, evaluated numerically along the nodes of a method."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from symdyn.errors import CompileError

__all__ = ["NodeClock"]

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(20)
#: Panels into which a step is divided at most, and a part of it; the relative change at which quadrature ends, and that which
#: is accepted with the most panels.
MOST_PANELS, MOST_INNER, CONVERGED, ACCEPTED = 256, 64, 2e-14, 1e-9
Curve = Callable[[np.ndarray], np.ndarray]


class NodeClock:
    r"""Numbers of :math:`\dot x = a(t) x + c(t) + g(t) N(x, t)` between nodes.

    Parameters
    ----------
    nodes : (n + 1,) sequence of float
        Times of the steps, increasing or decreasing.
    linear, affine, scale : callable
        a, c and g at an array of times.
    level : callable, optional
        The noise level :math:`\sigma`.
    primitive : callable, optional
        A primitive of a, which saves time; it is used where its differences between the nodes agree with quadrature.

    Attributes
    ----------
    nodes : (n + 1,) float64

    Examples
    --------
    >>> clock = NodeClock([0.0, 1.0, 2.0], lambda t: -t, lambda t: 0 * t, lambda t: 1 + 0 * t)
    >>> round(clock.psi(2.0, 1.0), 6)  # exp(-3/2)
    0.22313
    """

    def __init__(
        self, nodes: Sequence[float] | np.ndarray, linear: Curve, affine: Curve, scale: Curve, level: Curve | None = None,
        primitive: Curve | None = None,
    ) -> None:  # fmt: skip
        self.nodes = np.asarray(nodes, float)
        self._a, self._c, self._g, self._level = linear, affine, scale, level
        gaps = [self._quadrature(lambda t: self._a(t)[None], u, v)[0] for u, v in zip(self.nodes, self.nodes[1:], strict=False)]
        self._log_psi = np.concatenate([[0.0], np.cumsum(gaps)])
        self._primitive: Curve | None = None
        if primitive is not None:
            with np.errstate(all="ignore"):
                found = primitive(self.nodes)
            if np.isfinite(found).all() and np.allclose(found - found[0], self._log_psi, rtol=1e-11, atol=1e-13):
                self._primitive = lambda t: primitive(t) - found[0]
        self._means = self._shifts()

    @property
    def steps(self) -> list[tuple[float, float]]:
        """Beginning and end of each step.

        Returns
        -------
        list of (float, float)

        Examples
        --------
        >>> NodeClock([0.0, 1.0, 2.0], lambda t: -t, lambda t: 0 * t, lambda t: 1 + 0 * t).steps
        [(0.0, 1.0), (1.0, 2.0)]
        """
        return [(float(t), float(u)) for t, u in zip(self.nodes, self.nodes[1:], strict=False)]

    # ---- the propagator ------------------------------------------------------------------------

    def _growth(self, t: np.ndarray) -> np.ndarray:
        """The integral of a from the first node to each of some times."""
        if self._primitive is not None:
            return self._primitive(t)
        ahead = np.sign(self.nodes[-1] - self.nodes[0])
        nearest = np.clip(np.searchsorted(ahead * self.nodes, ahead * t, side="right") - 1, 0, len(self.nodes) - 1)
        begin = self.nodes[nearest]
        found = self._log_psi[nearest]
        away = begin != t
        if away.any():
            found = found.copy()
            found[away] += self._many(self._a, begin[away], t[away])
        return found

    def psi(self, t: float, s: float) -> float:
        r""":math:`\Psi(t, s) = \exp \int_s^t a`.

        Parameters
        ----------
        t, s : float

        Returns
        -------
        float

        Examples
        --------
        >>> round(NodeClock([0.0, 1.0], lambda t: -1 + 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t).psi(1.0, 0.0), 6)
        0.367879
        """
        grown = self._growth(np.array([t, s]))
        return float(np.exp(grown[0] - grown[1]))

    def mean(self, t: float) -> float:
        r"""The solution of :math:`\dot m = a m + c` that is 0 at the first node.

        Parameters
        ----------
        t : float

        Returns
        -------
        float

        Examples
        --------
        >>> clock = NodeClock([0.0, 1.0], lambda t: -1 + 0 * t, lambda t: 1 + 0 * t, lambda t: 1 + 0 * t)
        >>> round(clock.mean(1.0), 6)
        0.632121
        """
        if self._means is None:
            return 0.0
        place = int(np.argmin(np.abs(self.nodes - t)))
        s = float(self.nodes[place])
        return float(self.psi(t, s) * self._means[place] + self._driven(self._c, s, t))

    def _shifts(self) -> np.ndarray | None:
        """Those at the nodes; None where all are 0."""
        found = [0.0]
        for t, u in self.steps:
            found.append(self.psi(u, t) * found[-1] + self._driven(self._c, t, u))
        return np.array(found) if np.any(found) else None

    def _driven(self, source: Curve, t: float, u: float) -> float:
        """The integral of Psi(u, s) times a source, from t to u."""
        end = self._growth(np.array([u]))[0]
        return float(self._quadrature(lambda s: (np.exp(end - self._growth(s)) * source(s))[None], t, u)[0])

    # ---- clocks --------------------------------------------------------------------------------

    def sigma(self, t: float) -> float:
        r"""The noise level :math:`\sigma(t)`.

        Parameters
        ----------
        t : float

        Returns
        -------
        float

        Raises
        ------
        CompileError
            If the system declares none.

        Examples
        --------
        >>> NodeClock([1.0, 2.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t, lambda t: t).sigma(1.5)
        1.5
        """
        return float(self._levels(np.array([t]))[0])

    def _levels(self, t: np.ndarray) -> np.ndarray:
        if self._level is None:
            raise CompileError("there is no noise level; declare it as the observable noise_level, a solution of s' = a*s + g")
        return np.broadcast_to(self._level(t), t.shape)

    def log_snr(self, t: float) -> float:
        r""":math:`\lambda = \log(\Psi(t, t_0) / \sigma(t))`, the logarithmic signal-to-noise ratio but for a constant.

        Parameters
        ----------
        t : float

        Returns
        -------
        float

        Examples
        --------
        >>> clock = NodeClock([1.0, 2.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t, lambda t: t)
        >>> round(clock.log_snr(2.0), 6)
        -0.693147
        """
        return float(self._lambda(np.array([t]))[0])

    def _lambda(self, t: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):  # infinite where there is no noise
            return self._growth(t) - np.log(np.abs(self._levels(t)))

    def _rho(self, t: np.ndarray) -> np.ndarray:
        return self._levels(t) * np.exp(-self._growth(t))

    def between(self, t: float, u: float, fraction: float) -> float:
        r"""The time at which :math:`\lambda` has gone a fraction of its way from t to u.

        Parameters
        ----------
        t, u : float
        fraction : float

        Returns
        -------
        float

        Examples
        --------
        >>> clock = NodeClock([1.0, 4.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t, lambda t: t)
        >>> round(clock.between(1.0, 4.0, 0.5), 12)  # the geometric mean
        2.0
        """
        begin, end = self.log_snr(t), self.log_snr(u)
        wanted, low, high = begin + fraction * (end - begin), t, u
        middle = 0.5 * (low + high)
        for _ in range(100):
            miss = self.log_snr(middle) - wanted
            if (miss > 0) == (end > begin):
                high = middle
            else:
                low = middle
            here = np.array([middle])
            step = middle + miss * self.sigma(middle) / float(np.broadcast_to(self._g(here), here.shape)[0] or np.nan)
            previous, middle = middle, step if min(low, high) < step < max(low, high) else 0.5 * (low + high)
            if abs(middle - previous) <= 1e-15 * max(abs(t), abs(u)):
                break
        return float(middle)

    def curves(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        r""":math:`\log \Psi(t, t_0)`, g and :math:`\sigma` at many times.

        Parameters
        ----------
        t : (m,) float64
            Between the first and the last node.

        Returns
        -------
        growth, scale, level : (m,) float64
            The last is None where no level is declared.

        Examples
        --------
        >>> clock = NodeClock([1.0, 2.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t, lambda t: t)
        >>> [c.tolist() for c in clock.curves(np.array([1.0, 1.5]))]
        [[0.0, 0.0], [1.0, 1.0], [1.0, 1.5]]
        """
        scale = np.broadcast_to(np.asarray(self._g(t), float), t.shape)
        return self._growth(t), scale, None if self._level is None else self._levels(t)

    # ---- weights -------------------------------------------------------------------------------

    def weight(self, t: float, u: float) -> float:
        r""":math:`\int_t^u \Psi(u, s)\, g(s)\, \mathrm ds`, by which a constant N moves the state.

        Parameters
        ----------
        t, u : float

        Returns
        -------
        float

        Examples
        --------
        >>> clock = NodeClock([0.0, 1.0], lambda t: -1 + 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)
        >>> round(clock.weight(0.0, 1.0), 6)
        0.632121
        """
        return self._driven(self._g, t, u)

    def weights(self, t: float, u: float, points: Sequence[float], clock: str = "time", data: bool = False) -> list[float]:
        r"""Integrals over a step of the polynomials through N, or through the prediction of data, at earlier times.

        .. math:: \int_t^u \Psi(u, s)\, g(s)\, \ell_j(\theta(s))\, \mathrm ds \qquad\text{or}\qquad
                  \sigma_u \int_t^u e^{\lambda}\, \ell_j(\theta)\, \mathrm d\lambda

        Parameters
        ----------
        t, u : float
            Beginning and end of the step.
        points : sequence of float
            Times of the values, the present first.
        clock : {'time', 'rho', 'log-snr'}
            The variable :math:`\theta` of the polynomials: t, :math:`\rho = \sigma/\Psi` or :math:`\lambda`.
        data : bool
            Whether data are predicted.

        Returns
        -------
        list of float

        Examples
        --------
        Adams and Bashforth's weights of order 2, where there is no linear part:

        >>> clock = NodeClock([0.0, 1.0, 2.0], lambda t: 0 * t, lambda t: 0 * t, lambda t: 1 + 0 * t)
        >>> [round(w, 12) for w in clock.weights(1.0, 2.0, [1.0, 0.0])]
        [1.5, -0.5]
        """
        theta = {"time": lambda s: s, "rho": self._rho, "log-snr": self._lambda}[clock]
        nodes = theta(np.asarray(points, float))
        if clock == "rho":
            nodes, scale = nodes / nodes[0], nodes[0]
        end = self._growth(np.array([u]))[0]
        final = self._levels(np.array([u]))[0] if data else 0.0

        def integrand(s: np.ndarray) -> np.ndarray:
            v = theta(s) / scale if clock == "rho" else theta(s)
            grown = self._growth(s)
            by_data = -final * self._g(s) / self._levels(s) ** 2 * np.exp(grown) if data else None
            kernel = np.exp(end - grown) * self._g(s) if by_data is None else by_data
            return np.stack([kernel * _lagrange(nodes, j, v) for j in range(len(nodes))])

        found = self._quadrature(integrand, t, u)
        return [float(w) for w in found]

    # ---- quadrature ----------------------------------------------------------------------------

    @staticmethod
    def _quadrature(f: Curve, t: float, u: float) -> np.ndarray:
        """Integrals of the rows of f from t to u, with panels that are halved until nothing changes."""
        before, panels = None, 1
        while True:
            values, weights = _panels(f, np.array([t]), np.array([u]), panels)
            found, size = values[:, 0] @ weights * (u - t), np.abs(values[:, 0]) @ weights * abs(u - t)
            change = np.inf if before is None else np.abs(found - before).max()
            if change <= CONVERGED * size.max() or not np.isfinite(size).all():
                return found
            if panels >= MOST_PANELS:
                if change > ACCEPTED * size.max():
                    raise CompileError(
                        f"the linear part, or the factor of the nonlinear one, is singular or nearly so between {t:g} and "
                        f"{u:g}; move the first or last node"
                    )
                return found
            before, panels = found, 2 * panels

    def _many(self, f: Curve, t: np.ndarray, u: np.ndarray) -> np.ndarray:
        """The integrals of f from each t to each u, within steps, over which those of `_quadrature` converged."""
        before, panels = None, 1
        while True:
            values, weights = _panels(lambda s: f(s)[None], t, u, panels)
            found, size = values[0] @ weights * (u - t), np.abs(values[0]) @ weights * np.abs(u - t)
            if panels >= MOST_INNER or (before is not None and (np.abs(found - before) <= CONVERGED * size).all()):
                return found
            before, panels = found, 2 * panels


def _panels(f: Curve, t: np.ndarray, u: np.ndarray, panels: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of the rows of f at the points of so many panels between each t and u, and the weights in parts of u - t."""
    edges = np.linspace(0.0, 1.0, panels + 1)
    inner = ((edges[:-1] + edges[1:])[:, None] + np.diff(edges)[:, None] * _POINTS).ravel() / 2
    points = t[:, None] + (u - t)[:, None] * inner
    values = np.asarray(f(points.ravel()), float)
    values = np.broadcast_to(values, (len(values), points.size)).reshape(len(values), *points.shape)
    return values, np.tile(_WEIGHTS, panels) / (2 * panels)


def _lagrange(nodes: np.ndarray, j: int, v: np.ndarray) -> np.ndarray:
    """The polynomial that is 1 at node j and 0 at the others."""
    found = np.ones_like(v)
    for i, node in enumerate(nodes):
        if i != j:
            found = found * (v - node) / (nodes[j] - node)
    return found
