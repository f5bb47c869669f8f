r"""Methods that advance the distribution of a Markov jump process, :math:`\dot p = A p`."""

from __future__ import annotations

from dataclasses import dataclass

from symdyn.methods.options import MethodOptions
from symdyn.system import System

__all__ = ["GeneratorExponential"]


@dataclass(frozen=True)
class GeneratorExponential:
    """The exponential of a generator applied to a distribution, for `symdyn.projection`.

    Attributes
    ----------
    name, reference : str
    options : type
        Of the method, a subclass of `MethodOptions`.
    follows : bool
        Whether the set of states may change from step to step; otherwise the states that are needed are found before.
    """

    name: str
    reference: str
    options: type[MethodOptions]
    follows: bool

    def applies(self, system: System) -> str:
        """The reason why trajectories cannot be simulated.

        Parameters
        ----------
        system : System

        Returns
        -------
        str

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.METHODS["krylov"].applies(sd.ReactionNetwork.example())[:39]
        'it advances distributions, not trajecto'
        """
        return f"it advances distributions, not trajectories: net.master_equation().transient(t, method={self.name!r})"
