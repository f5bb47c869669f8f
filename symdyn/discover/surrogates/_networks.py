"""What the surrogates that are networks have in common; JAX is imported when one is trained, and not before."""

from __future__ import annotations

import importlib.util
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, ClassVar

from symdyn.discover.surrogates.registry import SurrogateFit, with_options
from symdyn.errors import RecoveryError

__all__ = ["Networks", "check_options"]

#: Distributions that bring what a training needs.
PACKAGES = ("jax", "optax")


class Networks(ABC):
    """A surrogate of networks.

    Attributes
    ----------
    name : str
        In the registry.
    usual : frozen dataclass
        The options.

    Parameters
    ----------
    options : frozen dataclass, optional
    **changes
        Single options instead.
    """

    name: ClassVar[str]
    usual: ClassVar[Callable[[], Any]]

    def __init__(self, options: Any = None, **changes: Any) -> None:
        self.options = with_options(options or type(self).usual(), changes, self.name)

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
            If JAX or optax is missing, `applies` gives a reason, or the equations are not finite near the data.
        """
        reason = self.applies(system, observations)
        if reason is not None:
            raise RecoveryError(reason)
        for package in PACKAGES:
            if importlib.util.find_spec(package) is None:
                needed = " ".join(PACKAGES)
                raise RecoveryError(f"the surrogate {self.name!r} needs {package}; install it with: pip install {needed}")
        train = self._training()
        started = time.perf_counter()
        fit = train(system, observations, self.options, seed=seed, progress=progress)
        return replace(fit, history={**fit.history, "seconds": time.perf_counter() - started})


def check_options(options: Any, surrogate: str) -> None:
    """Refuse options out of range: numbers are positive but for ``holdout`` and ``causal``.

    Raises
    ------
    RecoveryError
    """
    for each in fields(options):
        value, said = getattr(options, each.name), f"the option {each.name} of the surrogate {surrogate!r} is "
        if each.name == "holdout":
            if not 0 <= value < 0.5:
                raise RecoveryError(f"{said}{value!r}; expected 0 or more, below 0.5")
        elif each.name == "causal":
            if not value >= 0:
                raise RecoveryError(f"{said}{value!r}; expected 0 or more")
        elif isinstance(each.default, (int, float)) and not value > 0:
            raise RecoveryError(f"{said}{value!r}; expected a positive number")
    for term, sign in (options.signs or {}).items():
        if sign not in (1, -1):
            raise RecoveryError(f"the sign of the term {term} is {sign!r}; expected +1 or -1")
