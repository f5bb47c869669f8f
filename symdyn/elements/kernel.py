"""The kernel of fields on elements."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from symdyn.codegen.kernel import compile
from symdyn.elements.problems import ElementProblem
from symdyn.elements.system import ElementSystem
from symdyn.errors import DeclarationError
from symdyn.integration.kernel import ArrayKernel
from symdyn.integration.problem import Problem
from symdyn.methods.exponential import ExponentialRungeKutta
from symdyn.methods.options import MethodOptions

__all__ = ["ElementKernel", "element_kernel"]


def element_kernel(system: ElementSystem, method: str, options: MethodOptions, *, until: Any = None) -> ElementKernel:
    """The kernel of fields on elements.

    Parameters
    ----------
    system : ElementSystem
    method : str
        A name in ``symdyn.METHODS``.
    options : MethodOptions
    until : None
        Conditions that end trajectories are not covered.

    Returns
    -------
    ElementKernel

    Raises
    ------
    CompileError
        If the method does not apply.
    DeclarationError
        For conditions that end trajectories, and exponential methods.

    Examples
    --------
    >>> import symdyn as sd
    >>> disc = sd.PDESystem.from_text("u' = laplacian(u)", domain=sd.Disk(1)).mesh(0.5)
    >>> element_kernel(disc, "imex", sd.methods.Imex()).size == disc.elements.size
    True
    """
    return ElementKernel(system, method, options, until=until)


class ElementKernel(ArrayKernel):
    """The kernel of fields on elements; `symdyn.compile` makes it.

    Parameters
    ----------
    system : ElementSystem
    method : str
    options : MethodOptions
    until : None

    Examples
    --------
    >>> import symdyn as sd
    >>> disc = sd.PDESystem.from_text("u' = laplacian(u)", domain=sd.Disk(1)).mesh(0.5)
    >>> sd.compile(disc).method
    'imex'
    """

    system: ElementSystem

    def __init__(self, system: ElementSystem, method: str, options: MethodOptions, *, until: Any = None) -> None:
        if until is not None:
            raise DeclarationError("until= is not covered for fields on finite elements; look for the time in the dataset")
        super().__init__(system, method, options, until=until)
        if isinstance(self._scheme, ExponentialRungeKutta):
            raise DeclarationError(
                f"{self.method} needs diagonal modes, which elements have not; take 'imex', 'imex3' or 'sbdf2'"
            )
        self._forms = system.forms

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(compile, self.system, method=self.chosen, until=self.until), ()

    @property
    def size(self) -> int:
        return int(self._forms.size)

    @property
    def source(self) -> str:
        """The equations, which are assembled from matrices."""
        return str(self.system)

    @property
    def compile_seconds(self) -> float:
        return 0.0

    def problem(self, p: np.ndarray) -> Problem:
        return ElementProblem(self._forms, p)
