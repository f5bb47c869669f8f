"""Spectral derivatives on a card: multipliers of waves, and products point by point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from symdyn_kernels.stencils import layout as at

from symdyn.codegen.cuda import toolchain
from symdyn.codegen.load import import_text
from symdyn.grids.card_arrays import CardArrays, CardWeights
from symdyn.grids.card_modes import CardModes
from symdyn.grids.card_text import card_text
from symdyn.grids.spectral_points import PointFunction
from symdyn.grids.spectral_rates import SpectralRates

__all__ = ["CardPart", "CardPoints", "CardSpectralRates"]


class CardPart(NamedTuple):
    """A part of an array on the card, from a place on."""

    array: Any
    at: int


class CardPoints:
    """The kernel of one pass over the points of a grid.

    Parameters
    ----------
    function : PointFunction
    title : str

    Attributes
    ----------
    source : str
    types : dict of str to str
        Types of the arguments of each kernel.
    """

    def __init__(self, function: PointFunction, title: str) -> None:
        self.function = function
        self.source, self.types = card_text(title, function.model.programs, points=True)

    @property
    def module(self) -> ModuleType:
        """The source, imported."""
        return import_text("cuda", self.source, "cuda")


class _Points:
    """Memory of a pass of one trajectory: what is read, then what is made, each without padding."""

    def __init__(self, card: CardPoints, arrays: CardArrays) -> None:
        self.card, self.function, model = card, card.function, card.function.model
        fields, makes, self.cells = len(model.pde.fields), model.results[0], model.cells
        self.memory = arrays.zeros((fields + makes) * self.cells)
        self.inputs = [CardPart(self.memory, k * self.cells) for k in range(self.function.count)]
        self.made = [CardPart(self.memory, (fields + k) * self.cells) for k in range(makes)]
        T, q = model.table, int(model.table[at.PASSES])
        (self.name,) = (one.program.name for one in model.programs)
        rows, _, cells, *coordinates, weights = map(int, T[q + 9 : q + 16])
        self._layout = 0, rows * cells, cells, rows, cells, *(max(0, x) for x in coordinates), weights
        arrays_of = (*T[T[at.INS] + T[q + 2] :][: T[q + 3]], *T[T[at.OUTS] + T[q + 4] :][: T[q + 5]])
        self._places = [int(a) * self.cells for a in arrays_of]
        self._known: tuple[bytes, tuple[Any, Any]] | None = None

    def __call__(self, t: float, values: Mapping[sp.Symbol, float]) -> list[CardPart]:
        p = self.function.parameters(values)
        if self._known is None or self._known[0] != p.tobytes():
            model = self.function.model
            some = np.zeros(max(1, int(model.table[at.NP])))
            some[: p.size] = p
            self._known = p.tobytes(), (toolchain.to_card(model.numbers(p)), toolchain.to_card(some))
        arguments = self.cells, self.memory, *self._known[1], float(t), 0.0, *self._layout, *self._places
        function, types = getattr(self.card.module, f"run_{self.name}"), self.card.types[self.name]
        toolchain.queue(function, types, self.cells, arguments)
        return self.made


class CardSpectralRates(SpectralRates):
    """As `SpectralRates`, with states and modes on a card.

    Parameters
    ----------
    model : SpectralModel
    p : (k,) array
        Values of the parameters.
    cards : sequence of CardPoints
        Of its passes.
    arrays : CardArrays
    """

    def __init__(self, model: Any, p: np.ndarray, cards: Sequence[CardPoints], arrays: CardArrays) -> None:
        self.arrays = arrays
        super().__init__(model, p)
        self.modes = CardModes(self.own, arrays)
        self.functions = [_Points(card, arrays) for card in cards]
        self._eigenvalues = arrays.kept(self.own.eigenvalues)
        self._z, self._rates = (arrays.zeros(self.own.eigenvalues.size, complex) for _ in range(2))
        self._part, self._works = arrays.zeros(self.own.modes, complex), dict[int, CardPart]()

    def rates(self, y: Any, t: float, out: Any) -> Any:
        self.modes.forward(y, self._z)
        self.beyond(self._z, t, self._rates, y)
        self.arrays.combine(self._rates, [self._z], [self._eigenvalues], self._rates)
        return self.modes.back(self._rates, out)

    # ---- arrays --------------------------------------------------------------------------------

    def kept(self, multiplier: np.ndarray | None) -> Any:
        return None if multiplier is None else self.arrays.kept(multiplier)

    def waves(self, z: Any, k: int) -> CardPart:
        return CardPart(z, 2 * k * self.own.modes)

    def points(self, y: Any, k: int) -> CardPart:
        return CardPart(y, k * self.cells)

    def numbers_of(self, z: Any) -> np.ndarray:
        first = 2 * self.fields * self.own.modes
        return self.arrays.host(z[first:])[::2] if self.own.scalars else np.empty(0)

    def put_numbers(self, z: Any, numbers: list[float]) -> None:
        if numbers:
            some = np.zeros(2 * len(numbers))
            some[::2] = numbers
            self.arrays.copy(some, z[2 * self.fields * self.own.modes :])

    def clear(self, z: Any) -> None:
        self.arrays.run("clear", z.size, z, 0)

    def copy(self, part: CardPart, out: CardPart) -> None:
        self.arrays.run("take", self.cells, *out, *part)

    def constant(self, waves: CardPart) -> float:
        return self.arrays.total(*waves, 1) / self.cells

    def mean(self, part: CardPart) -> float:
        return self.arrays.total(*part, self.cells) / self.cells

    def work(self, k: int) -> CardPart:
        return self._works.setdefault(k, CardPart(self.arrays.zeros(self.own.modes, complex), 0))

    def transformed(self, part: CardPart, out: CardPart) -> CardPart:
        if self.mask is None:
            self.modes.to_modes(*part, *out)
        else:
            self.modes.to_modes(*part, self._part, 0)
            self._weigh(out, CardPart(self._part, 0), self.mask, fresh=True)
        return out

    def at_points(self, waves: CardPart, multiplier: CardWeights | None, out: CardPart) -> None:
        if multiplier is not None:
            self._weigh(CardPart(self._part, 0), waves, multiplier, fresh=True)
            waves = CardPart(self._part, 0)
        self.modes.to_points(*waves, *out)

    def add(self, out: CardPart, waves: CardPart, multiplier: CardWeights | None) -> None:
        self._weigh(out, waves, multiplier, fresh=False)

    def _weigh(self, out: CardPart, waves: CardPart, multiplier: CardWeights | None, *, fresh: bool) -> None:
        count = self.own.modes
        if multiplier is None:
            self.arrays.run("add", 2 * count, *out, *waves, 1.0, int(fresh))
        elif multiplier.complex:
            self.arrays.run("add_waves", count, *out, *waves, multiplier.values, int(fresh))
        else:
            self.arrays.run("add_by", 2 * count, *out, *waves, multiplier.values, 2, int(fresh))
