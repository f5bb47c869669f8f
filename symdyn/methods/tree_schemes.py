"""Schemes for stochastic equations along the tree of a Brownian path, with steps of one length or chosen from the state."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from symdyn.methods.options import MethodOptions
from symdyn.methods.stochastic import StochasticScheme
from symdyn.system import System

__all__ = ["TreeScheme", "on_tree"]


@dataclass(frozen=True, kw_only=True)
class TreeScheme:
    """A scheme whose steps are cells of the tree of a Brownian path.

    Attributes
    ----------
    base : StochasticScheme
        What a step computes.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.methods.Sra1(brownian="tree").run_as(sd.METHODS["sra1"]).base.name
    'sra1'
    """

    base: StochasticScheme

    @property
    def name(self) -> str:
        """That of the scheme."""
        return self.base.name

    @property
    def reference(self) -> str:
        """That of the scheme."""
        return self.base.reference

    @property
    def options(self) -> type[MethodOptions]:
        """Of the scheme."""
        return self.base.options

    def applies(self, system: System) -> str | None:
        """None, or the reason why the scheme cannot integrate a system along a tree."""
        if system.events or system.inputs or system.delays:
            return "brownian='tree' is for models without events, inputs and delays"
        return self.base.applies(system)


@cache
def on_tree(scheme: StochasticScheme) -> TreeScheme:
    """The scheme along a tree, one object for each."""
    return TreeScheme(base=scheme)
