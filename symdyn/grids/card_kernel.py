"""The kernel of fields on a grid for CUDA cards."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

import numpy as np

from symdyn.codegen.cuda import toolchain
from symdyn.codegen.cuda.toolchain import Resources
from symdyn.codegen.families.task import Options
from symdyn.codegen.kernel import compile
from symdyn.errors import CompileError
from symdyn.grids.card import CardGrid, CardSpace, card_steps
from symdyn.grids.card_arrays import CardArrays
from symdyn.grids.card_problems import card_problem
from symdyn.grids.card_spectral import CardPoints
from symdyn.grids.compiled import StencilLoop
from symdyn.grids.kernel import GridKernel
from symdyn.grids.problems import FieldProblem
from symdyn.grids.spectral import SpectralModel
from symdyn.grids.system import GridSystem
from symdyn.integration.problem import Problem
from symdyn.methods.options import MethodOptions
from symdyn.methods.runge_kutta import ExplicitRungeKutta

__all__ = ["GridCardKernel", "grid_card_kernel"]


def grid_card_kernel(system: GridSystem, method: str, options: MethodOptions, *, until: Any = None) -> GridCardKernel:
    """The kernel of fields on a grid for CUDA cards.

    Parameters
    ----------
    system : GridSystem
    method : str
        A name in ``symdyn.METHODS``.
    options : MethodOptions
    until : Boolean, optional
        A condition that ends a trajectory.

    Returns
    -------
    GridCardKernel

    Raises
    ------
    CompileError
        If the method does not apply.

    Examples
    --------
    >>> import symdyn as sd
    >>> grid = sd.PDESystem.from_text("u' = laplacian(u)", domain=(0, 1), boundary="periodic").discretize(16)
    >>> kernel = sd.compile(grid, method="tsit5", target="cuda")
    >>> [line.strip() for line in kernel.source.splitlines() if "def run_rates" in line][0][:35]
    'def run_rates(count, memory, F, par'
    """
    return GridCardKernel(system, method, options, until=until)


class GridCardKernel(GridKernel):
    """The kernel of fields on a grid for CUDA cards; `symdyn.compile` makes it.

    A step is some launches, with a thread for each cell; states stay on the card between output times, and what decides on
    steps is computed here.

    Attributes
    ----------
    ptx : str
        All kernels in the assembly language of virtual cards.
    resources : dict of str to Resources
        Registers and local memory of a thread of each of them on an H100 (sm_90).

    Examples
    --------
    >>> import symdyn as sd
    >>> grid = sd.PDESystem.from_text("u' = laplacian(u)", domain=(0, 1), boundary="periodic").discretize(16)
    >>> sd.compile(grid, method="bs32", target="cuda").target
    'cuda'
    """

    target, parallel = "cuda", False

    def __init__(self, system: GridSystem, method: str, options: MethodOptions, *, until: Any = None) -> None:
        super().__init__(system, method, options, until=until)
        self.arrays = None if self._stencils else CardArrays()
        title = f"{method} for\n\n{system}"
        points = self.model.functions if isinstance(self.model, SpectralModel) else None
        self.cards: list[Any] = [CardGrid(self.model, title)] if points is None else [CardPoints(f, title) for f in points]

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(compile, self.system, method=self.chosen, until=self.until, target="cuda"), ()

    @property
    def source(self) -> str:
        """All that runs on the card."""
        transforms = [] if self.arrays is None else [self.arrays.source]
        return "\n\n".join([*(card.source for card in self.cards), *transforms])

    @property
    def ptx(self) -> str:
        """PTX of all kernels for sm_90; made without a card."""
        return "\n".join(self._compiled.values())

    @property
    def resources(self) -> dict[str, Resources]:
        """What a thread of each kernel takes on sm_90, as the assembler says."""
        return {name: toolchain.machine_code(ptx)[1] for name, ptx in self._compiled.items()}

    @cached_property
    def _compiled(self) -> dict[str, str]:
        several, found = len(self.cards) > 1, {}
        for k, card in enumerate([*self.cards, *([] if self.arrays is None else [self.arrays])]):
            for name, types in card.types.items():
                label = f"{name}_{k}" if several and k < len(self.cards) else name
                found[label] = toolchain.compile_ptx(getattr(card.module, f"run_{name}"), types)
        return found

    def check(self, options: Options, *, here: bool) -> None:
        """Raise if there is no card `here`.

        Raises
        ------
        CompileError
            With what to install.
        """
        if here and toolchain.card() is None:
            raise CompileError(
                "no CUDA card is found here, so this kernel can be looked at (kernel.source, kernel.ptx, kernel.resources) but "
                f"not run; use target='cpu', or a machine with a card, NVIDIA's driver and {toolchain.INSTALL}"
            )

    def problem(self, p: np.ndarray) -> Problem:
        if self.arrays is None:
            return CardProblem(self.cards[0], p)
        return card_problem(super().problem(p), p, self.cards, self.arrays)


class CardProblem(FieldProblem):
    """All rates of fields on a grid, stepped on a card.

    Parameters
    ----------
    card : CardGrid
    p : (k,) array
        Values of the parameters.
    """

    def __init__(self, card: CardGrid, p: np.ndarray) -> None:
        super().__init__(card.model, p)
        self.card = card

    def compiled(self, scheme: Any) -> StencilLoop | None:
        assert isinstance(scheme, ExplicitRungeKutta)
        return StencilLoop(self.card.model, scheme, self.p, contextmanager(self._lent), card_steps())

    def _lent(self, blocks: int) -> Any:
        yield CardSpace(self.card, blocks, self.p)
