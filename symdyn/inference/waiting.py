"""What waits in a fit because simulations fail at the bound to which a step would take it."""

from __future__ import annotations

import numpy as np

__all__ = ["Waiting"]


class Waiting:
    """Parameters that stay for now.

    Simulations may fail at a bound and nowhere near it, as powers of 0 do.  A parameter that a step would take there waits
    until another step succeeds, or until all else has come to rest; then it goes on by ever shorter steps, which may end before
    the bound, and waits no second time.

    Parameters
    ----------
    shape : (int, int)
        Candidates M and parameters P.

    Attributes
    ----------
    held : (M, P) bool
        What waits.

    Examples
    --------
    >>> import numpy as np
    >>> waiting, first, both = Waiting((1, 2)), np.array([[True, False]]), np.ones((1, 2), dtype=bool)
    >>> waiting.halt(np.array([0]), first, both), waiting.held
    (array([ True]), array([[ True, False]]))
    >>> waiting.release(np.array([0]), np.array([True]), np.array([False]))
    >>> waiting.halt(np.array([0]), first, both)
    array([False])
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.held = np.zeros(shape, dtype=bool)
        self._before = np.zeros(shape, dtype=bool)

    @property
    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """What waits, and what waited before, (M, P) bool each."""
        return self.held, self._before

    def restore(self, held: np.ndarray, before: np.ndarray) -> None:
        """Go on from such a state."""
        self.held, self._before = held, before

    def halt(self, now: np.ndarray, lost: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Let wait what a failed step would have taken to bounds.

        Parameters
        ----------
        now : (m,) int
            Candidates.
        lost, free : (m, P) bool
            What goes to a bound at which the simulation failed, and what moves at all.

        Returns
        -------
        (m,) bool
            Candidates that go on without, as something else moves.
        """
        first = lost & ~self._before[now]
        halted: np.ndarray = first.any(axis=1) & (free & ~first).any(axis=1)
        self.held[now] |= first & halted[:, None]
        return halted

    def release(self, now: np.ndarray, rested: np.ndarray, better: np.ndarray) -> None:
        """Let go on what waits.

        Parameters
        ----------
        now : (m,) int
            Candidates.
        rested, better : (m,) bool
            Where all else came to rest, after which nothing of this waits again, and where a step succeeded.
        """
        ended = now[rested]
        self._before[ended] |= self.held[ended]
        self.held[now[rested | better]] = False
