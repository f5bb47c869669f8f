"""Options of samplers: the nodes between which they take their steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.methods.options import MethodOptions

__all__ = ["SamplerOptions"]


@dataclass(frozen=True, kw_only=True, repr=False)
class SamplerOptions(MethodOptions):
    """Options of samplers, which take one step from each node to the next.

    Parameters
    ----------
    nodes : sequence of float, optional
        Ends of the steps, in the order of integration and with all output times among them; by default the output times.

    Raises
    ------
    DeclarationError
        For nodes that are not finite or not in order, and values that an option cannot have.

    Examples
    --------
    >>> import symdyn as sd
    >>> logistic = sd.ODESystem.from_text("x' = x - x^2; x(0) = 0.1")
    >>> fine = sd.methods.DeisTab2(nodes=[0, 0.25, 0.5, 0.75, 1])
    >>> sd.simulate(logistic, [0, 1], method=fine, progress=False).x.values.round(2).tolist()  # exact: 0.232
    [0.1, 0.23]
    """

    nodes: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.nodes is None:
            return
        try:
            given = np.array(self.nodes, dtype=float)
        except (TypeError, ValueError):
            raise DeclarationError(f"nodes are {self.nodes!r}; expected a sequence of times") from None
        gaps = np.diff(given) if given.ndim == 1 else np.array([np.nan])
        if given.ndim != 1 or len(given) < 2 or not np.isfinite(given).all() or not ((gaps > 0).all() or (gaps < 0).all()):
            raise DeclarationError(
                f"nodes are {self.nodes!r}; expected at least two finite times that increase or decrease strictly"
            )
        object.__setattr__(self, "nodes", tuple(map(float, given)))

    @property
    def recorded(self) -> dict[str, Any]:
        found = super().recorded
        return found if self.nodes is None else {**found, "nodes": list(self.nodes)}

    def numbers(self, step: float) -> dict[str, Any]:
        return {name: value for name, value in self.given.items() if name != "nodes"}

    def placed(self, times: np.ndarray) -> dict[str, Any]:
        """The nodes as distances from the first time; the output times where none were given.

        Parameters
        ----------
        times : (T,) float64
            Output times, in the order of integration.

        Returns
        -------
        dict of str to tuple of float
            ``nodes``.

        Raises
        ------
        DeclarationError
            If an output time is not among the nodes, or nodes lie outside.

        Examples
        --------
        >>> SamplerOptions(nodes=(1.0, 0.5, 0.0)).placed(np.array([1.0, 0.0]))
        {'nodes': (0.0, 0.5, 1.0)}
        """
        length = abs(times[-1] - times[0])
        outputs = np.abs(times - times[0])
        if self.nodes is None or length == 0:
            return {"nodes": tuple(outputs.tolist())}
        sign = np.sign(times[-1] - times[0])
        offsets = (np.array(self.nodes) - times[0]) * sign
        if offsets[0] > offsets[-1]:
            raise DeclarationError(f"nodes run from {self.nodes[0]:g} to {self.nodes[-1]:g}, against the output times")
        close = 1e-12 * max(length, *np.abs(times[[0, -1]]))
        near = np.abs(offsets[:, None] - outputs)
        if (missing := near.min(axis=0) > close).any():
            raise DeclarationError(f"the output time {times[missing][0]:g} is not among the nodes; steps go from node to node")
        offsets = np.where(near.min(axis=1) <= close, outputs[near.argmin(axis=1)], offsets)
        if offsets[0] < 0 or offsets[-1] > length:
            raise DeclarationError(f"nodes lie outside the output times {times[0]:g} to {times[-1]:g}")
        return {"nodes": tuple(offsets.tolist())}
