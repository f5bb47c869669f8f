"""Fields on a card: memory there, the schedule of a model as launches, and the loop of explicit steps in this process.

The loop is the text of `symdyn_kernels.drivers.stencil_steps`, not compiled, whose functions of states are launches: steps of a
field take a few launches each, and the states stay on the card.
"""

from __future__ import annotations

import re
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from symdyn_kernels.shared import control
from symdyn_kernels.stencils import layout as at

from symdyn.codegen.cuda import toolchain
from symdyn.codegen.drivers import plain_text
from symdyn.codegen.load import import_text
from symdyn.grids.card_text import card_text
from symdyn.grids.model import GridModel

__all__ = ["CardGrid", "CardSpace", "card_steps"]

#: What the loop imports of what is compiled for processors, and its decorators.
COMPILED = re.compile(
    r"^from (?:numba|symdyn_kernels\.(?:arguments|options|shared|stencils\.(?:rates|states|sweeps|team))[\w.]*) import "
    r"(?:\([^)]*\)|[^\n]*)\n|^@njit\(.*\)\n",
    re.MULTILINE,
)


@cache
def card_steps() -> ModuleType:
    """The functions of the loop in Python, for states on a card: their argument `work` is a `CardSpace`."""
    made = import_text("card_steps", COMPILED.sub("", plain_text("stencil_steps")), "cuda")
    own = {
        "rates": lambda T, F, y, dst, work, *how: work.rates(y // 8, dst // 8, *how),
        "load": lambda T, P, source, y, work: work.load(source, y // 8),
        "unload": lambda T, y, target, fields, scalars, work: work.unload(y // 8, target),
        "combine": lambda target, y, k, M, *rest: rest[-1].combine(target // 8, y // 8, k // 8, M, *rest[:-1]),
        "copied": lambda target, begin, M, work: work.run("copy", M, target // 8, target // 8 + begin),
        "scaled": lambda T, x, y, z, rtol, atol, work: work.scaled(x // 8, y // 8, z // 8, rtol, atol),
        "sound": lambda T, y, work: work.sound(y // 8),
        "at_once": lambda T, work, count: 0,
        "agreed": lambda work, value: value,
        "leads": lambda work: True,
        **{name: getattr(control, name).py_func for name in ("after_acceptance", "after_rejection", "first_step")},
    }
    made.__dict__.update(own)
    return made


class CardGrid:
    """The kernels of a model on a grid.

    Parameters
    ----------
    model : GridModel
    title : str

    Attributes
    ----------
    source : str
    types : dict of str to str
        Types of the arguments of each kernel.
    """

    def __init__(self, model: GridModel, title: str) -> None:
        self.model = model
        self.source, self.types = card_text(title, model.programs)

    @property
    def module(self) -> ModuleType:
        """The source, imported."""
        return import_text("cuda", self.source, "cuda")


class CardSpace:
    """Memory of one trajectory on a card; see `symdyn.grids.workspace.Workspace`.

    Parameters
    ----------
    grid : CardGrid
    blocks : int
        How many padded states.
    p : (k,) array
        Values of the parameters.
    """

    #: Address of the padded states: they are numbers of `memory`.
    states = 0

    def __init__(self, grid: CardGrid, blocks: int, p: np.ndarray) -> None:
        model = grid.model
        self.grid, self.T, self.works = grid, model.table, [self]
        self._shared = blocks * model.block
        self.memory = toolchain.to_card(np.zeros(self._shared + model.shared))
        self._factors = model.numbers(p)
        self._table, self._numbers = toolchain.to_card(model.table), toolchain.to_card(self._factors)
        self._parameters = np.zeros(max(1, int(self.T[at.NP])))
        self._parameters[: p.size] = p
        names = [one.program.name for one in model.programs]
        self._walls = [name for name in names if name.startswith("wall_")]
        self._names = [name for name in names if name not in self._walls]
        self._rows = int(self.T[at.N0] * self.T[at.N1])
        self._scalars = int(self.T[at.NF] * self.T[at.SIZE])
        self._send()

    def _send(self) -> None:
        self._par = toolchain.to_card(self._parameters)

    def run(self, function: Any, *arguments: Any) -> Any:
        """Call a function of the loop, or launch a general kernel in so many threads."""
        if not isinstance(function, str):
            return function(*arguments[0][0])
        given = {"fill": (self.memory, self._table, self._numbers), "close": (self.memory, self._table, self._numbers),
                 **dict.fromkeys(("sums", "errors", "load", "unload"), (self.memory, self._table))}  # fmt: skip
        count, *rest = arguments
        self._launch(function, int(count), *given.get(function, (self.memory,)), *rest)
        return None

    def _launch(self, name: str, count: int, *arguments: Any) -> None:
        values = tuple(
            x if hasattr(x, "shape") and x.shape else x.item() if isinstance(x, np.generic) else x for x in arguments
        )
        toolchain.queue(getattr(self.grid.module, f"run_{name}"), self.grid.types[name], count, (count, *values))

    def target(self, array: np.ndarray) -> np.ndarray:
        """What stands for the address of an array."""
        return array

    # ---- states --------------------------------------------------------------------------------

    def load(self, source: Any, y: int) -> None:
        """Put a plain state (size,), here or on the card, at y."""
        plain = toolchain.to_card(source) if isinstance(source, np.ndarray) else source
        self.run("load", plain.size, y, int(self.T[at.NF]), plain)

    def unload(self, y: int, target: Any, fields: int | None = None) -> None:
        """Put the state at y, or another number of fields, into a plain array (size,), here or on the card."""
        there = not isinstance(target, np.ndarray)
        plain = target if there else toolchain.empty_on_card((target.size,), np.dtype(float))
        self.run("unload", target.size, y, int(self.T[at.NF]) if fields is None else fields, plain)
        if not there:
            target[...] = plain.copy_to_host()

    def _fetched(self, begin: int, count: int) -> np.ndarray:
        return self.memory[begin : begin + count].copy_to_host() if count else np.empty(0)

    def combine(self, target: int, y: int, k: int, M: int, weights: np.ndarray, begin: int, count: int, h: float) -> None:
        """As `symdyn_kernels.stencils.states.combine`."""
        some = toolchain.to_card(np.array(weights[begin : begin + count]))
        self.run("combine", M, target, y, k, M, some, count, float(h))

    def _total(self, name: str, *arguments: Any) -> float:
        """The sum of what a kernel finds for rows, in their order."""
        partial = self._shared + int(self.T[at.PARTIAL])
        self.run(name, self._rows, *arguments, partial)
        return float(np.add.accumulate(self._fetched(partial, self._rows))[-1])

    def scaled(self, x: int, y: int, z: int, rtol: float, atol: float) -> float:
        """As `symdyn_kernels.stencils.states.scaled`."""
        T, last = self.T, int(self.T[at.NS])
        e, a, b = (self._fetched(place + self._scalars, last) for place in (x, y, z))
        worst = [*(np.abs(e) / (np.maximum(np.abs(a), np.abs(b)) * rtol + atol))]
        for k in range(int(T[at.NF])):
            places = (place + k * int(T[at.SIZE]) for place in (x, y, z))
            worst.append(np.sqrt(self._total("errors", *places, float(rtol), float(atol)) / (self._rows * int(T[at.N2]))))
        return float(np.max(worst))

    def sound(self, y: int) -> bool:
        """Whether all states are finite."""
        found = [self._total("sums", y + k * int(self.T[at.SIZE])) for k in range(int(self.T[at.NF]))]
        return bool(np.isfinite([*found, *self._fetched(y + self._scalars, int(self.T[at.NS]))]).all())

    # ---- rates ---------------------------------------------------------------------------------

    def _place(self, a: int, y: int, dst: int) -> int:
        """Where an array begins."""
        T = self.T
        if a < T[at.NF]:
            return int(y + a * T[at.SIZE])
        if a < T[at.NF] + T[at.NR]:
            return int(dst + (a - T[at.NF]) * T[at.SIZE])
        return int(self._shared + T[at.AUX] + (a - T[at.NF] - T[at.NR]) * T[at.SIZE])

    def rates(self, y: int, dst: int, t: float, scale: float, fused: int, first: int) -> None:
        """As `symdyn_kernels.stencils.rates.all_rates`."""
        T, scalars = self.T, int(self.T[at.NS])
        if scalars:
            self._parameters[T[at.NPAR] : T[at.NPAR] + scalars] = self._fetched(y + self._scalars, scalars)
            self._send()
        for kind, row in T[T[at.SCHEDULE] : T[at.SCHEDULE] + 2 * T[at.EVENTS]].reshape(-1, 2):
            if kind == at.PASS:
                self._pass(int(row), y, dst, t, scale, fused)
            elif kind == at.WALL and (first or not T[at.STATIC]):
                self._wall(int(row), t)
            elif kind == at.FILL:
                q = int(T[at.FILLS] + at.FILL_ROW * row)
                lines, width = self._lines(int(T[q + 1]))
                self.run("fill", lines * width, q, self._place(T[q], y, dst), self._shared + at.VALUES, width)
            elif kind == at.CLOSE:
                q = int(T[at.CLOSURES] + at.CLOSE_ROW * row)
                lines, width = self._lines(int(T[q + 2]))
                places = self._place(T[q], y, dst), self._place(T[q + 1], y, dst)
                self.run("close", lines * width, q, *places, self._shared + at.VALUES, width)
            elif kind == at.SUM:
                q = T[at.SUMS] + at.SUM_ROW * row
                factor = float(self._factors[T[q + 2]])
                self._parameters[T[q + 1]] = self._total("sums", self._place(T[q], y, dst)) * factor
                self._send()
            elif kind == at.ODE:
                self._ode(y, dst, t, scale, fused)

    def _lines(self, axis: int) -> tuple[int, int]:
        """How many lines are across the walls of an axis, and how many cells they are wide."""
        T = self.T
        count = T[at.N0] * T[at.N1] if axis == 2 else T[at.N0] if axis == 1 else T[at.N1] + 2 * T[at.G1]
        return int(count), 1 if axis == 2 else int(T[at.S])

    def _pass(self, row: int, y: int, dst: int, t: float, scale: float, fused: int) -> None:
        T = self.T
        q = int(T[at.PASSES] + at.PASS_ROW * row)
        name = f"{self._names[row]}_step" if fused and T[q + 1] else self._names[row]
        ins = T[T[at.INS] + T[q + 2] :][: T[q + 3]]
        outs = T[T[at.OUTS] + T[q + 4] :][: T[q + 5]]
        i0, planes, j0, rows, col0, cells, fixed, across, along, weights = map(int, T[q + 6 : q + 16])
        begin = int((T[at.G0] + i0) * T[at.S0] + (T[at.G1] + j0) * T[at.S] + at.PAD + col0)
        numbers = (*(max(0, x) for x in (fixed, across, along)), weights)
        places = [self._place(a, y, dst) for a in (*ins, *outs)]
        layout = begin, int(T[at.S0]), int(T[at.S]), rows, cells
        self._launch(name, planes * rows * cells, *self._known, float(t), float(scale), *layout, *numbers, *places)

    @property
    def _known(self) -> tuple[Any, ...]:
        return self.memory, self._numbers, self._par

    def _wall(self, row: int, t: float) -> None:
        T = self.T
        q = int(T[at.WALLS] + at.WALL_ROW * row)
        count, slot, fixed, across, along, rows, cells, stride = map(int, T[q + 1 : q + 9])
        begin = self._shared + at.VALUES
        places = [begin + (slot + k) * int(T[at.LENGTH]) for k in range(count)]
        self._launch(
            self._walls[row],
            rows * cells,
            *self._known,
            float(t),
            0.0,
            0,
            0,
            stride,
            rows,
            cells,
            fixed,
            across,
            along,
            0,
            *places,
        )

    def _ode(self, y: int, dst: int, t: float, scale: float, fused: int) -> None:
        count, target = int(self.T[at.NSR]), dst + int(self.T[at.NR] * self.T[at.SIZE])
        name = "scalars_step" if fused else "scalars"
        places = [target + k for k in range(count)]
        # what they are added to has the place of the bytes between planes, of which there is one
        self._launch(name, 1, *self._known, float(t), float(scale), 0, y + self._scalars, 0, 1, 1, 0, 0, 0, 0, *places)
