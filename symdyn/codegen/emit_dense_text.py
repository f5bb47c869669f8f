"""Printer: dense layers -> functions of Python text that apply a table in loops, for numba on the processor and on cards."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from symdyn.codegen.program import DENSE, Program
from symdyn.dense import DenseLayers

__all__ = ["dense_call", "dense_definitions", "on_card", "on_processor"]

#: An array of a function's own, as `dense_call` and `dense_definitions` write it.
ROOM = re.compile(r"\broom\((\d+)\)")
VALUES = {
    "identity": "z",
    "softmax": "z",  # a loop over all outputs of the layer follows
    "tanh": "math.tanh(z)",
    "softplus": "max(z, 0.0) + 2.0 * math.atanh(math.exp(-abs(z)) / (2.0 + math.exp(-abs(z))))",
}
SLOPES = {
    "identity": "1.0", "softmax": "1.0",
    "tanh": "1.0 - math.tanh(z) * math.tanh(z)", "softplus": "0.5 * (1.0 + math.tanh(0.5 * z))",
}  # fmt: skip


def dense_call(op: str, layers: DenseLayers, target: str, arguments: Iterable[str]) -> list[str]:
    """Statements after which the array `target` has the outputs of layers, or their partial derivatives row by row."""
    size = layers.outputs * (layers.inputs if op == "slopes" else 1)
    return [f"{target} = room({size})", f"{_name(op, layers)}({', '.join([*arguments, target])})"]


def dense_definitions(programs: Iterable[Program]) -> list[str]:
    """The functions that programs call, and their tables."""
    found: dict[str, None] = {}
    for program in programs:
        for op, _, number in program.operations:
            if op in DENSE:
                layers = program.tables[int(number)]
                found |= dict.fromkeys([_table(layers), _function(op, layers)])
    return ["import numpy as np", *found] if found else []


def on_processor(text: str) -> str:
    """`text` with the arrays of numpy."""
    return ROOM.sub(r"np.empty(\1)", text)


def on_card(text: str) -> str:
    """`text` with arrays in the memory of a thread.

    >>> on_card("v3 = room(2)")
    'v3 = cuda.local.array(2, real)'
    """
    return ROOM.sub(r"cuda.local.array(\1, real)", text)


def _name(op: str, layers: DenseLayers) -> str:
    return f"{op}_{layers.digest[:16]}"


def _table(layers: DenseLayers) -> str:
    """Weights, then biases of each layer, as the digits of their bytes, which no precision rounds."""
    numbers = np.concatenate([part.ravel() for w, b, _ in layers.layers for part in (w, b)])
    return f'{_name("table", layers).upper()} = np.frombuffer(bytes.fromhex("{numbers.tobytes().hex()}"))'


def _function(op: str, layers: DenseLayers) -> str:
    n, table = layers.inputs, _name("table", layers).upper()
    arguments = [f"x{j}" for j in range(n)]
    lines = [f"z0 = room({n})", *(f"z0[{j}] = {x}" for j, x in enumerate(arguments))]
    slopes = op == "slopes"
    if slopes:
        lines += [f"t0 = room({n * n})", f"for j in range({n * n}):", f"    t0[j] = 1.0 if j % {n + 1} == 0 else 0.0"]
    first = 0
    for k, (weights, _, function) in enumerate(layers.layers, 1):
        m, size = weights.shape
        last = k == len(layers.layers)
        lines += [] if last and not slopes else [f"z{k} = room({m})"]
        lines += [] if last or not slopes else [f"t{k} = room({m * n})"]
        values, tangents = f"z{k}" if slopes or not last else "out", "out" if last else f"t{k}"
        lines += [
            f"for i in range({m}):",
            f"    z = {table}[{first + m * size} + i]",
            f"    for j in range({size}):",
            f"        z += {table}[{first} + {size} * i + j] * z{k - 1}[j]",
            f"    {values}[i] = {VALUES[function]}",
        ]
        if slopes:
            lines += [
                f"    slope = {SLOPES[function]}",
                f"    for k in range({n}):",
                "        total = 0.0",
                f"        for j in range({size}):",
                f"            total += {table}[{first} + {size} * i + j] * t{k - 1}[{n} * j + k]",
                f"        {tangents}[{n} * i + k] = slope * total",
            ]
        if function == "softmax":
            lines += _shares(values, m) + (_turned(values, tangents, m, n) if slopes else [])
        first += m * (size + 1)
    return "\n".join([f"def {_name(op, layers)}({', '.join([*arguments, 'out'])}):", *(f"    {line}" for line in lines)])


def _shares(z: str, m: int) -> list[str]:
    """In place, the largest is subtracted first."""
    return [
        f"top = {z}[0]",
        f"for i in range(1, {m}):",
        f"    top = max(top, {z}[i])",
        "total = 0.0",
        f"for i in range({m}):",
        f"    {z}[i] = math.exp({z}[i] - top)",
        f"    total += {z}[i]",
        f"for i in range({m}):",
        f"    {z}[i] = {z}[i] / total",
    ]


def _turned(z: str, tangents: str, m: int, n: int) -> list[str]:
    """Tangents of shares, from those of their logarithms, in place."""
    return [
        f"for k in range({n}):",
        "    total = 0.0",
        f"    for i in range({m}):",
        f"        total += {z}[i] * {tangents}[{n} * i + k]",
        f"    for i in range({m}):",
        f"        {tangents}[{n} * i + k] = {z}[i] * ({tangents}[{n} * i + k] - total)",
    ]
