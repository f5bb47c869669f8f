"""What the surrogates that are networks have in common; JAX is imported when one is trained, and not before."""

from __future__ import annotations

import importlib.util
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, ClassVar

from symdyn.discover.surrogates.registry import SurrogateFit
from symdyn.errors import RecoveryError

__all__ = ["Networks"]


class Networks(ABC):
    """A surrogate of networks; a frozen dataclass with its options as fields.

    Attributes
    ----------
    name : str
        In the registry.
    signs : mapping or None
        From the name of a term to +1 or -1 if its sign is known.
    """

    name: ClassVar[str]
    signs: Mapping[Any, int] | None

    def __post_init__(self) -> None:
        """Refuse options out of range: numbers are positive but for ``holdout``."""
        for each in fields(self):  # type: ignore[arg-type]
            value, said = getattr(self, each.name), f"the option {each.name} of the surrogate {self.name!r} is "
            if each.name == "holdout":
                if value is not None and not 0 <= value < 0.5:
                    raise RecoveryError(f"{said}{value!r}; expected 0 or more, below 0.5")
            elif value is not None and (isinstance(each.default, (int, float)) or each.name == "decay") and not value > 0:
                raise RecoveryError(f"{said}{value!r}; expected a positive number")
        for term, sign in (self.signs or {}).items():
            if sign not in (1, -1):
                raise RecoveryError(f"the sign of the term {term} is {sign!r}; expected +1 or -1")

    @staticmethod
    @abstractmethod
    def applies(system: Any, observations: Any) -> str | None:
        """None if the networks can learn from these data, else the reason."""

    @staticmethod
    @abstractmethod
    def _training() -> Callable[..., SurrogateFit]:
        """Imports the function that trains: ``train(system, observations, options, seed=..., progress=...)``."""

    def fit(
        self, system: Any, observations: Any, *, seed: int = 0, progress: Callable[[int, int], None] | None = None
    ) -> SurrogateFit:
        """Train on `observations`.

        Parameters
        ----------
        system : System
            With one or more unknown terms or parameters without values.
        observations : Observations or FieldData
        seed : int
            Of first weights and held-out points; the same seed gives the same result on the same machine.
        progress : callable, optional
            Called as ``progress(done, total)``.

        Returns
        -------
        SurrogateFit
            ``history["members"]`` has the losses of each network: those of training and of validation.  Of fields states
            have the shape (times, fields, positions).

        Raises
        ------
        RecoveryError
            If JAX is missing, `applies` gives a reason, or the equations are not finite near the data.
        """
        reason = self.applies(system, observations)
        if reason is not None:
            raise RecoveryError(reason)
        return self.trained(system, observations, seed=seed, progress=progress)

    def trained(
        self, system: Any, observations: Any, *, seed: int = 0, progress: Callable[[int, int], bool | None] | None = None
    ) -> SurrogateFit:
        """What `fit` does once it has asked `applies`; also of maps, by networks inside their equations.

        Parameters
        ----------
        system, observations, seed
            As of `fit`.
        progress : callable, optional
            If it returns False, training ends with the best so far.

        Returns
        -------
        SurrogateFit

        Raises
        ------
        RecoveryError
            If JAX is missing, or the equations are not finite near the data.
        """
        if importlib.util.find_spec("jax") is None:
            raise RecoveryError(f"the surrogate {self.name!r} needs jax; install it with: pip install jax")
        train = self._training()
        started = time.perf_counter()
        fit = train(system, observations, self, seed=seed, progress=progress)
        return replace(fit, history={**fit.history, "seconds": time.perf_counter() - started})
