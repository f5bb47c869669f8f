"""How often a function turns around zero on the way around a region: its zeros less its poles inside."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from symdyn.cells._regions import SearchRectangle
from symdyn.errors import SymdynError

__all__ = ["Winding", "winding_number"]

Phased = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

#: Largest difference of log f between neighbouring points from the prediction of its slopes, and largest change.
BEND, FAR = 0.35, 2.0
#: Part of a step over which slopes are taken.
SHORT = 1e-5
#: Fewest steps on each side, and longest step relative to the distance from known poles.
START, NEAR = 8, 0.5
#: How often the way between two points may be halved, and the shortest step of a side of length 1.
DEPTH, SHORTEST = 44, 1e-9


class Winding:
    r"""The winding number of f around rectangles, :math:`\frac1{2\pi}[\arg f]_{\partial} = N - P`.

    Each side is halved until log f goes from each point to the next as its slopes at both predict, so that no full turn is
    overlooked between them.  As zeros and poles side by side hide each other from afar, steps are short from the start where
    known ones are near.  What was found along a side is kept.

    Parameters
    ----------
    function : callable
        From points (k,) to f there as its phase, complex of modulus 1, (k,), and log|f|, (k,), as `numpy.linalg.slogdet`.
    poles : (p,) complex array, optional
        Known zeros and poles.
    """

    def __init__(self, function: Phased, poles: np.ndarray | None = None) -> None:
        self.function = function
        self.poles = np.empty(0, complex) if poles is None else poles
        self._known: dict[tuple[complex, complex], float] = {}

    def around(self, region: SearchRectangle) -> int:
        """Zeros less poles in the region.

        Raises
        ------
        SymdynError
            If a zero or a pole lies on the boundary.
        """
        corners = region.corners.tolist()
        return round(sum(self._turns(list(pairwise([*corners, corners[0]])))) / (2 * np.pi))

    def around_symmetric(self, region: SearchRectangle) -> int:
        """The same of a region that mirrors itself and of f that does, too, by the boundary of its upper half."""
        a, b = region.low, region.high
        path = [complex(b.real, 0), b, complex(a.real, b.imag), complex(a.real, 0)]
        return round(sum(self._turns(list(pairwise(path)))) / np.pi)

    def _turns(self, sides: list[tuple[complex, complex]]) -> list[float]:
        """Turn of arg f along each side."""
        new = [s for s in sides if s not in self._known and s[::-1] not in self._known]
        if new:
            self._known.update(zip(new, self._measured(new), strict=True))
        return [self._known[s] if s in self._known else -self._known[s[::-1]] for s in sides]

    def _measured(self, sides: list[tuple[complex, complex]]) -> np.ndarray:
        paths = [self._points(*s) for s in sides]
        owner = np.repeat(np.arange(len(sides)), [len(p) - 1 for p in paths])
        first = np.arange(len(owner)) + owner  # each side has one point more than steps
        points = np.concatenate(paths)
        sampled = self._look(points, np.concatenate([np.diff(p, append=2 * p[-1] - p[-2]) for p in paths]))
        a, b, fa, fb = points[first], points[first + 1], sampled[:, first], sampled[:, first + 1]
        turns = np.zeros(len(sides))
        for _ in range(DEPTH):
            with np.errstate(all="ignore"):
                predicted = (b - a) * (fa[1] + fb[1]) / 2
                off = fb[0] - fa[0] - predicted
                off -= 2j * np.pi * np.round(off.imag / (2 * np.pi))
                rough = ~((np.abs(off) <= BEND) & (np.abs(predicted) <= FAR))
                np.add.at(turns, owner[~rough], (predicted + off).imag[~rough])
            if not rough.any():
                return turns
            a, b, fa, fb, owner = a[rough], b[rough], fa[:, rough], fb[:, rough], owner[rough]
            middle = (a + b) / 2
            fm = self._look(middle, (b - a) / 2)
            a, b = np.concatenate([a, middle]), np.concatenate([middle, b])
            fa, fb = np.concatenate([fa, fm], axis=1), np.concatenate([fm, fb], axis=1)
            owner = np.concatenate([owner, owner])
        raise SymdynError(f"an eigenvalue or a pole lies on the boundary, near {a[0]:.6g}; move the region a little")

    def _look(self, points: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """log f, up to multiples of 2 pi i, and its slope, (2, k)."""
        k = len(points)
        phase, size = self.function(np.concatenate([points, points + SHORT * steps]))
        with np.errstate(all="ignore"):
            change = size[k:] - size[:k] + 1j * np.angle(phase[k:] / phase[:k])
            return np.stack([size[:k] + 1j * np.angle(phase[:k]), change / (SHORT * steps)])

    def _points(self, start: complex, end: complex) -> np.ndarray:
        """Points from start to end: equidistant, and denser near known zeros or poles."""
        local = (self.poles - start) / (end - start)
        local = local[(np.abs(local.imag) < 1 / START / NEAR) & (local.real > -1) & (local.real < 2)]
        if not local.size:
            return start + np.linspace(0, 1, START + 1) * (end - start)
        share = [0.0]
        while share[-1] < 1:
            distance = float(np.abs(local - share[-1]).min())
            share.append(share[-1] + min(1 / START, max(NEAR * distance, SHORTEST)))
        share[-1] = 1.0
        return start + np.array(share) * (end - start)


def winding_number(function: Phased, region: SearchRectangle, poles: np.ndarray | None = None) -> int:
    """The winding number around one region, see `Winding`.

    Examples
    --------
    >>> def f(z):
    ...     w = (z - 0.5) * (z - 2) / (z - 0.3)**2
    ...     return w / abs(w), np.log(abs(w))
    >>> winding_number(f, SearchRectangle(-1 - 1j, 1 + 1j))
    -1
    """
    return Winding(function, poles).around(region)
