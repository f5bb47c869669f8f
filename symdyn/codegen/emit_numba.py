"""Printer: straight-line program -> numba source: what ``print(kernel)`` shows and the portable path on the CPU.

Each program becomes a scalar function of plain numbers that returns a tuple, readable and free of array indexing
(which made compile times grow faster than the model), and a lane function that loads, calls and stores.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections import Counter
from itertools import chain

from symdyn.codegen.contraction import contractions
from symdyn.codegen.convolved import ConvolvedProgram, sum_statements
from symdyn.codegen.emit_dense_text import dense_call, dense_definitions, on_processor
from symdyn.codegen.program import COMPARISONS, DENSE, Program

__all__ = ["argument_names", "emit_numba", "harmless", "mangle", "module_source", "statements"]

INFIX = {"add": ("+", 1), "sub": ("-", 1), "mul": ("*", 2), "div": ("/", 2)}
COMPARE = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
EXTREMES = {"fmin": "<", "fmax": ">"}
NAMED = re.compile(r"v\d+")
ATOM = 9
LONGEST = 88  # characters of an expression before it gets a name of its own

HEADER = '''"""{title}

Generated; changes are lost.  Blocks hold W lanes: entry i of lane l is at [i*W + l].
"""

import math

from numba import cfunc, njit
{imports}
W = {lanes}
LANE_FUNCTION = "void(CPointer(float64), CPointer(float64), CPointer(float64), CPointer(float64))"
OPTIONS = dict(error_model="numpy", fastmath={{"contract"}}, cache=True)
'''


def mangle(prefix: str, name: str, taken: set[str]) -> str:
    """A Python identifier for a symbol: prefixed, ASCII, not yet taken.

    >>> mangle("p", "lambda", set()), mangle("y", "x'", set()), mangle("p", "β", set())
    ('p_lambda', 'y_x_', 'p_GREEK_SMALL_LETTER_BETA')
    """
    spelled = "".join(c if c.isascii() else unicodedata.name(c, f"u{ord(c):x}").replace(" ", "_") for c in name)
    identifier = f"{prefix}_" + re.sub(r"\W", "_", spelled)
    k = 1
    while identifier in taken or keyword.iskeyword(identifier):
        k += 1
        identifier = f"{prefix}_{re.sub(r'[^0-9A-Za-z_]', '_', spelled)}_{k}"
    taken.add(identifier)
    return identifier


def argument_names(program: Program) -> list[list[str]]:
    """An identifier for each entry of each argument block."""
    taken: set[str] = set()
    return [[mangle(p, n, taken) for n in names] for p, (_, names) in zip(("t", "y", "p"), program.blocks, strict=True)]


def harmless(text: str, keep: str = "") -> str:
    """`text` without characters that could end a comment or a docstring: symbols may have any name."""
    return "".join(c if (c.isprintable() and c not in '"\\') or c in keep else "?" for c in text)


def _constant(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "math.nan" if math.isnan(value) else "math.inf" if value > 0 else "-math.inf"


def _parenthesised(text: str, precedence: int, needed: int) -> str:
    return f"({text})" if precedence < needed else text


def statements(program: Program, arguments: list[list[str]], *, fused: bool = False) -> tuple[list[str], list[str]]:
    """Assignments, and the expressions of the outputs, in the names of the arguments.

    With `fused`, sums with a product that the program has several times call `fma`: a compiler makes one value of these, and
    then fuses none of them.
    """
    uses = program.uses()
    again = {o for o, count in Counter(o for o in program.operations if o.op == "mul").items() if fused and count > 1}
    contracted = contractions(program) if again else {}
    lines: list[str] = []
    texts: list[tuple[str, int]] = []
    for k, (op, args, value) in enumerate(program.operations):
        if op == "input":
            texts.append((arguments[args[0]][args[1]], ATOM))
            continue
        if op == "const":
            texts.append((_constant(value), 1 if value < 0 else ATOM))
            continue
        x = [texts[a] for a in args]
        if op in DENSE:
            lines += dense_call(op, program.tables[int(value)], f"v{k}", (text for text, _ in x))
            texts.append((f"v{k}", ATOM))
            continue
        if op == "part":
            texts.append((f"{x[0][0]}[{int(value)}]", ATOM))
            continue
        if k in contracted and program.operations[args[contracted[k]]] in again:
            q = contracted[k]
            one, other = (texts[i] for i in program.operations[args[q]].args)
            first = f"-{_parenthesised(*one, 3)}" if op == "sub" and q == 1 else one[0]
            last = f"-{_parenthesised(*x[0 if q else 1], 3)}" if op == "sub" and q == 0 else x[0 if q else 1][0]
            text, level = f"fma({first}, {other[0]}, {last})", ATOM
        elif op in INFIX:
            sign, level = INFIX[op]
            right = level + 1 if op in ("sub", "div") else level + (op == "add" or op == "mul")
            text = f"{_parenthesised(*x[0], level)} {sign} {_parenthesised(*x[1], right)}"
        elif op == "neg":
            text, level = f"-{_parenthesised(*x[0], 3)}", 1
        elif op in COMPARE:
            text, level = f"{_parenthesised(*x[0], 1)} {COMPARE[op]} {_parenthesised(*x[1], 1)}", 0
        elif op in ("and", "or"):
            text, level = f"({x[0][0]}) {op} ({x[1][0]})", 0
        elif op == "not":
            text, level = f"not ({x[0][0]})", 0
        elif op in EXTREMES:  # not a number if one is not
            for i in args:
                if program.operations[i].op not in ("input", "const") and not NAMED.fullmatch(texts[i][0]):
                    lines.append(f"v{i} = {texts[i][0]}")
                    texts[i] = f"v{i}", ATOM
            a, b = (texts[i][0] for i in sorted(args, key=lambda i: program.operations[i].op != "const"))
            if any(program.operations[i].op == "const" for i in args):  # numba's own is a choice without branches, and keeps b
                text, level = f"{op[1:]}({b}, {a})", ATOM
            else:
                text, level = f"({a} if ({a} {EXTREMES[op]} {b}) or ({a} != {a}) else {b})", ATOM
        elif op == "select":
            text, level = f"({x[1][0]} if {x[0][0]} else {x[2][0]})", ATOM
        else:
            call = "abs" if op == "fabs" else f"math.{op}"
            text, level = f"{call}({', '.join(v for v, _ in x)})", ATOM
        # numba cannot build a long tuple from values with branches in them, so choices get names
        if uses[k] > 1 or op == "select" or op in EXTREMES or (len(text) > LONGEST and op not in COMPARISONS):
            lines.append(f"v{k} = {text}")
            text, level = f"v{k}", ATOM
        texts.append((text, level))
    return lines, [texts[k][0] for k in program.outputs]


def emit_numba(program: Program) -> str:
    """Source of the scalar function and the lane function of one program."""
    arguments = argument_names(program)
    lines, results = statements(program, arguments, fused=True)
    flat = [a for block in arguments for a in block]
    blocks = ("lane", "y", "p")
    loads = [[f"{a} = {blocks[b]}[{i} * W + l]" for i, a in enumerate(names)] for b, names in enumerate(arguments)]
    if isinstance(program, ConvolvedProgram):
        loads[0][program.read :] = sum_statements(program, arguments[0])
    out = [f"out_{i}" for i in range(len(results))]
    scalar = [f"def {program.name}_at({', '.join(flat)}):", *(f"    {on_processor(line)}" for line in lines), "    return ("]
    scalar += [f"        {r},  # {harmless(label)}" for r, label in zip(results, program.labels, strict=True)] + ["    )"]
    unpack = [f"{o} = result[{i}]" for i, o in enumerate(out)]
    stores = [f"out[{i} * W + l] = {o}" for i, o in enumerate(out)]
    call = f"result = {program.name}_at({', '.join(flat)})"
    lanes = [f"def {program.name}(lane, y, p, out):", "    for l in range(W):"]
    lanes += [f"        {s}" for s in (*chain(*loads), call, *unpack, *stores)]
    return "\n".join(["@njit(**OPTIONS)", *scalar, "", "", "@cfunc(LANE_FUNCTION, **OPTIONS)", *lanes, ""])


def module_source(title: str, programs: tuple[Program, ...], lanes: int) -> str:
    """A module with the functions of all programs."""
    dense = ["@njit(**OPTIONS)\n" * text.startswith("def ") + on_processor(text) for text in dense_definitions(programs)]
    functions = "\n\n".join([*dense, *(emit_numba(p) for p in programs)])
    imports = "from symdyn_kernels.fused import fma\n" if "fma(" in functions else ""
    # numba makes integers of math.floor and math.ceil, of what is not a number too
    if "math.floor(" in functions or "math.ceil(" in functions:
        functions = functions.replace("math.floor(", "np.floor(").replace("math.ceil(", "np.ceil(")
        imports = f"import numpy as np\n{imports}"
    header = HEADER.format(title=harmless(title, keep="\n"), lanes=lanes, imports=imports)
    return f"{header}\n\n{functions}"
