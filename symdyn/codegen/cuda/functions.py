"""Printer: straight-line program -> a device function, in scalars that stay in registers or on a thread's local array."""

from __future__ import annotations

import re
from collections.abc import Sequence

from symdyn.codegen.emit_dense_text import on_card
from symdyn.codegen.emit_numba import argument_names, harmless, statements
from symdyn.codegen.program import Program

__all__ = ["FORMS", "device_function"]

#: A choice: `symdyn.codegen.emit_numba.statements` gives each a name, so that a line has no other.
CHOICE = re.compile(r"^(v\d+) = \((.+) if (.+) else (.+)\)$")
#: How entry `i` of an argument block is read: from a tuple or array, a row of the array `memory`, a row of a table.
FORMS = {
    "tuple": "{block}[{i}]",
    "memory": "memory[{block}, {i}]",
    "table": "{block}[0][{i}, {block}[1]]",
    "past": "{block}[0][{i}]",
}
#: How result `j` is stored.
RESULTS = {"memory": "memory[out, {j}]", "array": "out[{j}]"}


def device_function(
    program: Program,
    forms: Sequence[str] = ("tuple", "tuple", "tuple"),
    result: str = "tuple",
    places: Sequence[int] | None = None,
) -> str:
    """Source of the device function of a program.

    Parameters
    ----------
    program : Program
    forms : sequence of {'tuple', 'memory', 'table', 'past'}
        What each argument block is: a tuple of scalars, or an array; the number of a row of the array `memory`; a pair of a
        table ``(entries, N)`` and the trajectory; a tuple that begins with an array of the entries.
    result : {'tuple', 'value', 'memory', 'array'}
        Return a tuple, or the only result, or store in row `out` of `memory`, or in the array `out`.
    places : sequence of int, optional
        Where each result is stored; by default one after the other.

    Returns
    -------
    str
        ``def name(lane, y, p):``, named like the blocks of the program; with the further arguments `memory`, if a form needs
        it, and `out`.

    Examples
    --------
    >>> import sympy as sp
    >>> from symdyn.codegen.lower import lower
    >>> x, a = sp.symbols("x a")
    >>> print(device_function(lower("rhs", [("lane", []), ("y", [x]), ("p", [a])], [a * x], ["dx/dt"])))
    def rhs(lane, y, p):
        y_x = y[0]
        p_a = p[0]
        return (
            real(y_x * p_a),  # dx/dt
        )
    """
    names = argument_names(program)
    lines, results = statements(program, names)
    blocks = [block for block, _ in program.blocks]
    used = {o.args for o in program.operations if o.op == "input"}
    loads = [
        f"{name} = {FORMS[forms[b]].format(block=blocks[b], i=i)}"
        for b, block in enumerate(names)
        for i, name in enumerate(block)
        if (b, i) in used
    ]
    if result == "tuple":
        ends = [f"    real({r}),  # {harmless(label)}" for r, label in zip(results, program.labels, strict=True)]
        ends = ["return (", *ends, ")"]
    elif result == "value":
        ends = [f"return real({results[0]})  # {harmless(program.labels[0])}"]
    else:
        labelled = enumerate(zip(results, program.labels, strict=True))
        at = range(len(results)) if places is None else places
        ends = [f"{RESULTS[result].format(j=at[j])} = {r}  # {harmless(label)}" for j, (r, label) in labelled] or ["return"]
    arguments = [*blocks, *(["memory"] if "memory" in (*forms, result) else []), *(["out"] if result in RESULTS else [])]
    body = "\n".join(f"    {on_card(line)}" for line in (*loads, *map(_without_branches, lines), *ends))
    return f"def {program.name}({', '.join(arguments)}):\n{body}".replace("math.floor(", "floor(").replace(
        "math.ceil(", "ceil("
    )


def _without_branches(line: str) -> str:
    """A statement whose choices are calls and whose logic has no short cuts: branches take a time that grows as their square.

    >>> _without_branches("v3 = (y_x if (y_x < 1.0) and (p_a > 0.0) else 2.0 * y_x)")
    'v3 = choose((y_x < 1.0) & (p_a > 0.0), y_x, 2.0 * y_x)'
    """
    return CHOICE.sub(r"\1 = choose(\3, \2, \4)", line).replace(") and (", ") & (").replace(") or (", ") | (")
