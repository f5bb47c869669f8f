"""Printer: tableau -> source of one step on flat vectors, the part of an adaptive driver that differs between methods.

The text is joined with the hand-written loop in `symdyn_kernels.drivers.adaptive`, compiled once and kept.  All states
of all lanes are one flat array of `m` doubles; slot `s` starts at offset ``s*ms``.  Coefficients are literals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from symdyn.codegen.steps import StepFormulas
from symdyn.methods.runge_kutta import ExplicitRungeKutta, Rosenbrock

__all__ = ["COMMON", "FUNCTIONS", "emit_calls", "emit_entries", "emit_steps"]

SIGNATURE, FURTHER = "functions, sizes, memory, places, tolerances", ", delays, past"
#: What the arguments hold; a function has the lines of what it uses.
UNPACKED = [
    "    f, factor, solve, margin = functions",
    "    n, _, nlu, nft, W = sizes",
    "    WL, wm, m, ms, fb, ks, work, lanes, pb, lu = memory",
    "    yb, yt, k0, kl = places",
    "    rtol, atol = tolerances.rtol, tolerances.atol",
]
FLAT, LANES = "for e in range(0, m, 8):", "for l in range(0, WL, 8):"
NJIT = '@njit(error_model="numpy")'

HEADER = '''"""One step of {name}: {reference}.

Generated from the tableau in symdyn/methods; changes are lost.
"""

from __future__ import annotations

from numba import njit

from symdyn_kernels.lanes import ERR, H, T, TB, sum_states
from symdyn_kernels.simd import call, ld, splat, st, vabs, vld, vmax, vst

FIRST, LAST = {first}, {last}  # slots of f(y) and, where the method ends with it, of f(y_new)
SLOTS = {slots}
DEGREE = {degree}  # of the interpolant; its coefficients are in the slots after the others
STIFFNESS = {stiffness!r}
EVENTS = False  # whether states change at events
ALGEBRAIC = {algebraic}  # whether algebraic equations determine some of them
DELAYS = {delays}  # whether right-hand sides look up states of the past
'''

#: What the constants of a method are called where a loop serves every method, and its arguments.
COMMON = {
    "FIRST": "functions.first",
    "LAST": "functions.last",
    "SLOTS": "functions.slots",
    "DEGREE": "functions.degree",
    "STIFFNESS": "functions.threshold",
    "AdaptiveArguments": "CommonArguments",
}
FUNCTIONS = ("step", "error", "stiffness", "dense")


def emit_steps(method: ExplicitRungeKutta | Rosenbrock, *, algebraic: bool = False, delays: bool = False) -> str:
    """Source of ``step``, ``error``, ``stiffness`` and ``dense`` for one method, and what its driver knows."""
    steps = _Lanes(method, algebraic=algebraic, delays=delays)
    header = HEADER.format(
        name=method.name,
        reference=method.reference,
        first=-1 if method.implicit else 0,
        last=-1 if method.implicit else method.stages,
        slots=len(steps.slots),
        degree=len(steps.coefficients),
        stiffness=steps.stiffness,
        algebraic=algebraic,
        delays=delays,
    )
    signature = f"({SIGNATURE}{FURTHER if delays else ''})"
    functions = [
        f"\n\n{NJIT}\ndef {name}{signature}:\n" + "\n".join([*_unpacked(lines), *_inside(lines or ["pass"])])
        for name, lines in steps.functions().items()
    ]
    return "".join([header, *functions, "\n"])


def emit_calls(*, events: bool, algebraic: bool, delays: bool) -> str:
    """Source of functions with the same names that call those of the method at hand, for a loop that serves every method."""
    tuple_, send, further = ("DelayedStepArguments", "send_delayed", FURTHER) if delays else ("StepArguments", "send", "")
    header = [
        "from __future__ import annotations\n",
        "from numba import njit\n",
        "from symdyn_kernels.options import INNER",
        f"from symdyn_kernels.steps import {tuple_}, lane_functions, {send}\n",
        f"EVENTS, ALGEBRAIC, DELAYS = {events}, {algebraic}, {delays}",
    ]
    arguments = SIGNATURE + further
    handed = arguments.replace("functions", "lane_functions(functions)")
    functions = [
        f"\n\n@njit(**INNER)\ndef {name}({arguments}):\n    {send}(functions.{name}, {tuple_}({handed}))" for name in FUNCTIONS
    ]
    return "\n".join([*header, *functions, ""])


def emit_entries(*, delays: bool) -> str:
    """Source of C functions for those of a method, which `emit_calls` calls."""
    receive = "receive_delayed" if delays else "receive"
    arguments = SIGNATURE + (FURTHER if delays else "")
    header = ["from numba import cfunc", *(["from symdyn_kernels.delays import recall"] if delays else [])]
    header.append(f"from symdyn_kernels.steps import {receive}")
    functions = [
        f'\n\n@cfunc("void(int64)", error_model="numpy", _nrt=False)\ndef call_{name}(place):\n'
        f"    {arguments} = {receive}(place)\n    {name}({arguments})"
        for name in FUNCTIONS
    ]
    return "\n".join([*header, *functions, ""])


def _unpacked(lines: Sequence[str]) -> list[str]:
    """The lines of `UNPACKED` that give names which some lines use."""
    used = set(re.findall(r"\w+", "\n".join(lines)))
    return [line for line in UNPACKED if used & set(re.findall(r"\w+", line.partition("=")[0]))]


def _inside(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


class _Lanes(StepFormulas):
    """Loops over flat vectors, eight entries at a time; numbers of a trajectory are in the lane arrays."""

    def __init__(self, method: ExplicitRungeKutta | Rosenbrock, *, algebraic: bool, delays: bool) -> None:
        super().__init__(method, algebraic=algebraic)
        self.delays = delays
        slots = {name: f"ks + {j} * ms" for j, name in enumerate([*self.slots, *self.coefficients])}
        self.places = {**slots, self.last: "kl", "Y": "yb", "W": "yt", "K": "k0", "V": "work"}
        self.entries = {name: f"vld(fb, {place} + e)" for name, place in self.places.items()}
        self.entries |= {"h": "vld(lanes[H], e & wm)", "F": "vld(lu, nlu * W + e)", "abs": "vabs", "max": "vmax"}

    def each(self, **computed: str) -> list[str]:
        entries = {name: "splat(0.0)" if value == "0.0" else value for name, value in computed.items()}
        values = {name: expression.format_map(self.entries) for name, expression in entries.items()}
        spelled = (f"vst(fb, {self.places[x]} + e, {v})" if x in self.places else f"{x} = {v}" for x, v in values.items())
        return [FLAT, *_inside([*spelled])]

    def total(self, name: str, expression: str) -> list[str]:
        array = {"total": "ERR", "other": "TB"}[name]
        return [*self.each(x=expression, V="x * x"), f"sum_states(fb + 8 * work, lanes[{array}], n, W)"]

    def result(self, expression: str) -> list[str]:
        value = expression.format(total="vld(lanes[ERR], l)", other="vld(lanes[TB], l)", n="n", tiny="1e-300")
        return [LANES, f"    vst(lanes[ERR], l, {value})"]

    def rates(self, node: float, state: str, target: str) -> list[str]:
        return [
            LANES,
            f"    vst(lanes[TB], l, vld(lanes[T], l) + vld(lanes[H], l) * {node!r})",
            *self.recalled(self.places[state]),
            f"call(f, lanes[TB], fb + 8 * ({self.places[state]}), pb, fb + 8 * ({self.places[target]}))",
        ]

    def recalled(self, state: str) -> list[str]:
        """Look up delayed values, if there are any."""
        return [f"recall(delays, past, lanes[TB], fb + 8 * ({state}), W, pb)"] if self.delays else []

    def factor(self, shift: float) -> list[str]:
        return [
            LANES,
            "    vst(lanes[TB], l, vld(lanes[T], l))",
            f"    vst(lanes[TB], WL + l, splat({shift!r}) / vld(lanes[H], l))",
            "if W == 1:  # the two rows of a single lane lie side by side",
            f"    st(lanes[TB], 1, {shift!r} / ld(lanes[H], 0))",
            *self.recalled("yb"),
            "call(factor, lanes[TB], fb + 8 * yb, pb, lu)",
        ]

    def solve(self, target: str) -> list[str]:
        return [f"call(solve, lu, fb + 8 * k0, pb, fb + 8 * ({self.places[target]}))"]

    def forced(self, lines: list[str]) -> list[str]:
        return ["if nft > 0:", *_inside(lines)]
