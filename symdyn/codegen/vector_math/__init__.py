"""Elementary functions of one, two or eight doubles as LLVM IR: the same bits at every width, within stated errors.

They are polynomials without branches, FDLIBM's or those that `tests/references/make_polynomials.py` makes, evaluated in a
fixed order in which nothing is fused but where it is said so.  A function is compiled once for a processor and kept in
the cache; the modules of models declare and call it.

The C library remains for the gamma function and its logarithm, one lane after another; for sine, cosine and tangent beyond
2**30; and for powers of negative, denormal, infinite or undefined bases.  Where a lane needs it, the others keep their bits.

The numba backend calls the C library for all elementary functions: its values differ from these by at most the errors of both.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from symdyn.codegen.program import CALLS
from symdyn.codegen.vector_math import error_function, exponential, inverse, logarithm, power, trigonometric
from symdyn.codegen.vector_math.draft import Draft, Value
from symdyn.codegen.vector_math.scalar import lane_by_lane, lane_name, library_declaration, library_name

__all__ = ["FUNCTIONS", "ULPS", "declaration", "function_name", "functions_in", "module_text"]

#: Functions with a form of their own.
FUNCTIONS: dict[str, Callable[..., Value]] = {
    name: getattr(module, name)
    for module in (error_function, exponential, inverse, logarithm, power, trigonometric)
    for name in module.__all__
    if name in CALLS
}
#: The largest error of each in units in the last place, measured over its entire range.
ULPS = {
    "exp": 0.9, "log": 0.9, "pow": 0.7, "sin": 0.8, "cos": 0.8, "tan": 1.1, "tanh": 0.8, "sinh": 1.3, "cosh": 1.4, "erf": 1.2,
    "asin": 1.2, "acos": 1.2, "atan": 2.0, "atan2": 2.0, "asinh": 1.4, "acosh": 1.9, "atanh": 1.1, "erfc": 5.0,
}  # fmt: skip


def function_name(op: str, width: int) -> str:
    """The symbol of a function of `width` doubles in object code; `functions_in` finds it there."""
    return f"symdyn.{op}.v{width}"


def functions_in(code: bytes) -> set[tuple[str, int]]:
    """Name and width of the functions that object code defines or calls."""
    return {(op.decode(), int(width)) for op, width in re.findall(rb"symdyn\.(\w+)\.v(\d)", code)}


def declaration(op: str, width: int) -> tuple[str, str]:
    """The name by which IR calls a function of `width` doubles, and the line that declares it.

    Parameters
    ----------
    op : str
        A name in `symdyn.codegen.program.CALLS`; what is not in `FUNCTIONS` goes to the scalar math library.
    width : {1, 2, 8}
    """
    if op not in FUNCTIONS and width == 1:
        return library_name(op), library_declaration(op)
    t, name = Draft(width).type("double"), f"@{function_name(op, width)}"
    return name, f"declare {t} {name}({', '.join([t] * CALLS[op])})"


def module_text(op: str, width: int, triple: str) -> str:
    """A module of IR that defines one function."""
    name = f"@{function_name(op, width)}"
    if op not in FUNCTIONS:
        return "\n".join([f'target triple = "{triple}"', library_declaration(op), lane_by_lane(op, width, name), ""])
    draft = Draft(width)
    arguments = [draft.argument(k) for k in range(CALLS[op])]
    result = FUNCTIONS[op](*arguments)
    t = draft.type("double")
    parts = [f'target triple = "{triple}"', *sorted(draft.declarations)]
    for library in sorted(draft.library):
        parts.append(library_declaration(library))
        if width > 1:
            parts.append(lane_by_lane(library, width, lane_name(library, width)))
    head = f"define {t} {name}({', '.join(f'{t} {a.name}' for a in arguments)}) nounwind {{"
    return "\n".join([*parts, head, "entry:", *draft.lines, f"  ret {t} {result.name}", "}", ""])
