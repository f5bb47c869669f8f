"""Options of schemes for stochastic equations: the Brownian path that a run follows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from symdyn.errors import DeclarationError
from symdyn.methods.options import FixedStepOptions, check_positive, check_whole
from symdyn.methods.tree_schemes import on_tree

__all__ = ["StochasticOptions"]

#: Where Brownian increments come from.
SOURCES = ("stream", "tree")


@dataclass(frozen=True, kw_only=True, repr=False)
class StochasticOptions(FixedStepOptions):
    """Options of schemes for stochastic equations, which follow one Brownian path for each seed and trajectory.

    From a stream, the default, increments are drawn one after another, so the path depends on the steps, unless they are
    composed of pieces of one length, ``brownian_step``.  The tree has one path for all steps: cells whose lengths are powers
    of 2 in the unit of time, and times between them, see `symdyn.BrownianPath`.  Steps are its cells, at most as long as
    ``step``; with ``rtol`` or ``atol`` in place of ``step`` each is the longest cell with a leading error, as
    `symdyn.derive.local_error` derives it, of at most ``atol + rtol*|x|`` in root mean square over paths and states.  No step
    is rejected, so single paths can step across where a drift is singular: compare two tolerances, which follow one path.

    Parameters
    ----------
    brownian_step : float, optional
        Each step's Brownian increment is composed of pieces of this length, in the unit of time; by default of one piece.
    brownian : {'stream', 'tree'}, optional
        Where increments come from, by default 'stream'; 'tree' is one path for any steps, see `StochasticOptions`.
    max_step : float, optional
        Longest step where tolerances decide, in the unit of time; by default a sixteenth of the time from the first to the
        last output.
    max_steps : int, optional
        Steps along a tree that are allowed to each trajectory; a million by default.
    integrals : {1, 2}, optional
        Integrals of the path that the tree serves, by default as many as the scheme reads, and at least 1.  Paths of trees that
        serve two are others: to compare another scheme with ``'quicsort'`` on one path, give 2.

    Raises
    ------
    DeclarationError
        For other sources, numbers that are not positive, a ``brownian_step`` of which ``step`` is no integer multiple, and
        for ``brownian_step``, ``max_step`` and ``max_steps`` beside a source on which they have no effect.

    Examples
    --------
    >>> StochasticOptions(brownian="tree").given
    {'brownian': 'tree'}
    >>> StochasticOptions(brownian="tree", brownian_step=0.1)
    Traceback (most recent call last):
    ...
    symdyn.errors.DeclarationError: brownian_step has no effect on brownian='tree', which has one path for all steps
    """

    brownian: str | None = None
    max_step: float | None = None
    max_steps: int | None = None
    integrals: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(max_step=self.max_step)
        check_whole(max_steps=self.max_steps)
        if self.brownian is not None and self.brownian not in SOURCES:
            raise DeclarationError(f"brownian is {self.brownian!r}; expected one of {', '.join(map(repr, SOURCES))}")
        if self.brownian == "tree" and self.brownian_step is not None:
            raise DeclarationError("brownian_step has no effect on brownian='tree', which has one path for all steps")
        check_whole(integrals=self.integrals)
        if self.integrals not in (None, 1, 2):
            raise DeclarationError(f"integrals is {self.integrals!r}; expected 1 or 2")
        for name in ("max_step", "max_steps", "integrals"):
            if self.brownian != "tree" and getattr(self, name) is not None:
                raise DeclarationError(f"{name} has no effect on increments from a stream; it belongs to brownian='tree'")

    def numbers(self, step: float) -> dict[str, Any]:
        """The options of the driver.

        Parameters
        ----------
        step : float
            Length of the steps, in the unit of time; infinite where tolerances decide.

        Returns
        -------
        dict of str to number
            ``fine``, if ``brownian_step`` was given; of a tree ``max_step``, ``max_steps`` and ``integrals``, if they were.

        Raises
        ------
        DeclarationError
            If ``step`` is no integer multiple of ``brownian_step``, and for ``max_step`` beside steps of one length.

        Examples
        --------
        >>> StochasticOptions(brownian="tree", max_step=0.1).numbers(step=math.inf)
        {'max_step': 0.1}
        """
        if self.brownian != "tree":
            return super().numbers(step)
        if self.max_step is not None and math.isfinite(step):
            raise DeclarationError("max_step has no effect on steps of one length; give rtol or atol in place of step")
        return {name: value for name in ("max_step", "max_steps", "integrals") if (value := getattr(self, name)) is not None}

    def run_as(self, scheme: Any) -> Any:
        """The scheme, or the scheme along a tree.

        Parameters
        ----------
        scheme : StochasticScheme

        Returns
        -------
        StochasticScheme or TreeScheme

        Raises
        ------
        DeclarationError
            If the scheme reads more integrals of a path than its tree is to serve.

        Examples
        --------
        >>> import symdyn as sd
        >>> type(sd.methods.Heun(brownian="tree").run_as(sd.METHODS["heun"])).__name__
        'TreeScheme'
        """
        if self.integrals is not None and self.integrals < scheme.integrals:
            raise DeclarationError(
                f"integrals is {self.integrals}, but {scheme.name!r} reads {scheme.integrals} of a path; leave integrals out"
            )
        return on_tree(scheme) if self.brownian == "tree" else scheme
