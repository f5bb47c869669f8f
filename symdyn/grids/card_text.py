"""The source of kernels for cards of a model on a grid: a thread for each cell, and for what else there is many of."""

from __future__ import annotations

from collections.abc import Sequence

from symdyn.codegen.cuda.functions import device_function
from symdyn.codegen.cuda.join import Device, join_module
from symdyn.codegen.emit_passes import PassProgram, WeightedSum

__all__ = ["card_text", "kernel_arguments", "waves_text"]

#: Kernels of the template `symdyn_kernels.devices.stencils`, and what they take besides the number of the thread.
GENERAL = {
    "fill": "memory T F q a gamma width",
    "close": "memory T F q source target gamma width",
    "sums": "memory T a partial",
    "errors": "memory T x y z rtol atol partial",
    "combine": "memory target y k M weights terms h",
    "copy": "memory target source",
    "load": "memory T y fields plain",
    "unload": "memory T y fields plain",
}
#: Kernels of the template `symdyn_kernels.devices.waves`.
WAVES = {
    "add": "out out_at row row_at weight fresh",
    "add_by": "out out_at row row_at weights per fresh",
    "add_waves": "out out_at row row_at weights fresh",
    "clear": "out out_at",
    "take": "out out_at row row_at",
    "pair": "out out_at row row_at",
    "real_part": "out out_at row row_at",
    "total": "row row_at length threads results",
    "squares": "error before after at length threads rtol atol results",
    "wave": "out row roots n inner done radix scale",
    "half": "out row n some inner",
    "whole": "out row n some inner",
    "product": "out row matrix n inner",
    "product_waves": "out row matrix n inner",
}
#: Arguments of passes before places of arrays.
PASS = "memory F par now step begin plane stride rows cells fixed across along weights_at"
ARRAYS = ("memory", "F", "par", "weights", "plain", "out", "row", "roots", "matrix", "error", "before", "after", "results")
REALS = ("now", "step", "rtol", "atol", "h", "weight", "scale")


def kernel_arguments(names: Sequence[str]) -> str:
    """Types of arguments in numba's notation, after the number of threads.

    >>> kernel_arguments(["memory", "T", "q", "h"])
    'int64, float64[::1], int64[::1], int64, float64'
    """
    kinds = (
        "float64[::1]" if n in ARRAYS else "int64[::1]" if n == "T" else "float64" if n in REALS else "int64" for n in names
    )
    return ", ".join(["int64", *kinds])


def waves_text() -> tuple[str, dict[str, str]]:
    """The source of the kernels for transforms and sums, and of each the types of its arguments."""
    types = {name: kernel_arguments(given.split()) for name, given in WAVES.items()}
    entries = [_entry(name, given.split(), f"{name}(index, {', '.join(given.split())})") for name, given in WAVES.items()]
    title = "Transforms along axes, and sums of arrays"
    return join_module(title, Device("", "waves"), "float64", "\n\n\n".join(entries)), types


def card_text(title: str, programs: Sequence[PassProgram], *, points: bool = False) -> tuple[str, dict[str, str]]:
    """The source of all kernels, and of each the types of its arguments.

    Parameters
    ----------
    title : str
    programs : sequence of PassProgram
    points : bool
        Whether nothing but the passes is asked for.

    Returns
    -------
    text : str
    types : dict of str to str
    """
    functions, entries = [], []
    general = {} if points else GENERAL
    types = {name: kernel_arguments(given.split()) for name, given in general.items()}
    for name, given in general.items():
        entries.append(_entry(name, given.split(), f"{name}(index, {', '.join(given.split())})"))
    for one in programs:
        functions.append(device_function(one.program))
        for step in (False, True)[: 1 + (not points and (one.fields is not None or not one.inputs))]:
            name = f"{one.program.name}{'_step' if step else ''}"
            places = [*(f"a{k}" for k in range(one.arrays)), *(f"o{k}" for k in range(len(one.program.outputs)))]
            types[name] = kernel_arguments([*PASS.split(), *places])
            entries.append(_entry(name, [*PASS.split(), *places], *_pass(one, step)))
    return join_module(title, Device("\n\n\n".join(functions), "stencils"), "float64", "\n\n\n".join(entries)), types


def _entry(name: str, given: Sequence[str], *lines: str) -> str:
    body = "\n".join(f"        {line}" for line in lines)
    return f"""def run_{name}(count, {", ".join(given)}):
    index = cuda.grid(1)
    if index < count:
{body}"""


def _pass(one: PassProgram, step: bool) -> list[str]:
    """What a thread does for its cell."""
    fixed, across, along = one.axes
    places = {fixed: "F[fixed + i]", across: "F[across + j]", along: "F[along + k]"}
    used = {o.args[1] - 1 for o in one.program.operations if o.op == "input" and o.args[0] == 0}
    lines = [
        "k = index % cells",
        "j = index // cells % rows",
        "i = index // cells // rows",
        "at = begin + i * plane + j * stride + k",
        f"lane = (now, {', '.join(places[axis] if axis in used else '0.0' for axis in range(3))})",
        f"y = ({', '.join([*map(_sum, one.inputs), '0.0'])},)",
        f"found = {one.program.name}(lane, y, par)",
    ]
    for k in range(len(one.program.outputs)):
        before = f"memory[a{one.fields[k]} + at]" if one.fields is not None else f"memory[plane + {k}]"
        value = f"{before} + step * found[{k}]" if step else f"found[{k}]"
        lines.append(f"memory[o{k} + at] = {value}")
    return lines


def _sum(one: WeightedSum) -> str:
    """A weighted sum over neighbours."""
    terms = []
    for weight, entries in one.groups:
        parts = ""
        for (a, b, c), sign in entries:
            moved = "".join(
                f" {'+' if n > 0 else '-'} {abs(n)}{by}" for n, by in ((a, " * plane"), (b, " * stride"), (c, "")) if n
            )
            parts += f"{' + ' if sign > 0 else ' - '}memory[a{one.array} + at{moved}]"
        parts = parts.removeprefix(" + ").strip()
        terms.append(parts if weight < 0 else f"F[weights_at + {weight}] * ({parts})")
    return " + ".join(terms)
