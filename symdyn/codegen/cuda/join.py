"""The source of a kernel: header, generated functions, the hand-written templates that call them, and the entry.

Templates are the modules of `symdyn_kernels.devices`: plain Python functions.  Their text is joined, not imported, so that
``print(kernel)`` shows all that runs.  What they import from each other is joined before them; modules whose names begin with
an underscore stand for what is generated and are left out; other imports are kept.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import symdyn_kernels
from symdyn_kernels.arguments.parts import Control

from symdyn.codegen.cuda.unroll import unrolled
from symdyn.codegen.emit_numba import harmless

__all__ = ["PRECISIONS", "SIGNATURE", "Device", "arguments", "join_kernel", "join_module", "single_precision"]

#: Bits of the floating types, and what counts as nothing in them.
PRECISIONS = {"float64": ("64", "1e-300"), "float32": ("32", "real(1e-37)")}
#: Folders whose texts are joined: templates, what they share with the processor, and constants of the kernel's precision.
JOINED = ("devices", "shared", "constants")

HEADER = '''"""{title}

Generated; changes are lost.
"""

from symdyn.codegen.cuda.toolchain import ceil{bits} as ceil, floor{bits} as floor, real{bits} as real
from symdyn.codegen.cuda.toolchain import cuda, device, i64, math, real64, u64
{imports}
#: So little that it changes no sum, but keeps a quotient of zeros from being no number.
TINY = {tiny}


@device
def choose(condition, yes, no):
    """A choice without a branch: both are known."""
    return yes if condition else no
'''
#: Arguments of every kernel, with their types; a template takes those that it reads and writes.
SIGNATURE = (
    ("initial", "{real}[:, ::1]"),
    ("parameters", "{real}[:, ::1]"),
    ("times", "float64[::1]"),
    ("streams", "int64[::1]"),
    ("begin", "int64[::1]"),
    ("stops", "float64[:, :, ::1]"),
    ("rtol", "float64"),
    ("atol", "float64"),
    ("step_size", "float64"),
    *((f"control_{name}", "float64") for name in Control._fields),
    ("epsilon", "float64"),
    ("max_steps", "int64"),
    ("seed", "int64"),
    ("detect", "int64"),
    ("fine", "int64"),
    ("values", "{real}[:, :, ::1]"),
    ("counts", "int64[:, ::1]"),
    ("passage", "float64[::1]"),
    ("aside", "float64[:, ::1]"),
)
NAMES = ", ".join(name for name, _ in SIGNATURE)
ENTRY = f'''
def run({NAMES}):
    """The kernel: trajectory `i` for thread `i`."""
    i = cuda.grid(1)
    if i < initial.shape[1]:
        trajectory({{given}})
'''


@dataclass(frozen=True)
class Device:
    """What the kernel of a model on a card is made of.

    Attributes
    ----------
    functions : str
        Generated constants and functions, which the templates call.
    template : str
        The module of `symdyn_kernels.devices` that defines ``trajectory``.
    single : bool
        Whether the kernel makes sense in single precision.
    constants : dict
        Numbers and tuples of numbers for which the templates are unrolled (`symdyn.codegen.cuda.unroll`), by names or, as
        ``network.ptr``, by attributes.
    without : tuple of str
        Modules of `symdyn_kernels.devices` from which the template, as it is unrolled, calls nothing.
    doubles : str
        What the kernel does for which single precision is not enough, where it is not.
    """

    functions: str
    template: str
    single: bool = True
    constants: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    doubles: str = "counts molecules"

    @property
    def counts_events(self) -> bool:
        """Whether the kernel counts how often events happen."""
        return "aside" in _given(self.template)


def arguments(precision: str) -> str:
    """Types of the arguments of a kernel in numba's notation."""
    return ", ".join(kind.format(real=precision) for _, kind in SIGNATURE)


def join_kernel(title: str, device: Device, precision: str) -> str:
    """The source of a kernel."""
    return join_module(
        f"{title}\n\nA thread runs a trajectory, which is the last index of every array.",
        device,
        precision,
        ENTRY.format(given=", ".join(_given(device.template))),
    )


def join_module(title: str, device: Device, precision: str, entry: str = "") -> str:
    """The source of a module of kernels: functions whose names begin with ``run``."""
    imports: dict[str, None] = {}
    left_out = {("devices", name) for name in device.without}
    templates = _templates("devices", device.template, device.constants, imports, left_out)
    body = "\n\n\n".join(text for text in (_decorated(device.functions), *templates, entry.strip()) if text)
    if precision == "float32":
        body = single_precision(body)
    bits, tiny = PRECISIONS[precision]
    header = HEADER.format(title=harmless(title, keep="\n"), bits=bits, tiny=tiny, imports="\n".join(imports))
    return f"{header}\n\n{body}\n"


def _path(folder: str, name: str) -> Path:
    """The file of a module that is joined."""
    return Path(symdyn_kernels.__file__).parent / folder / f"{name}.py"


def _text(folder: str, name: str) -> str:
    """The text of a module that is joined."""
    return _path(folder, name).read_text(encoding="utf-8")


def _given(template: str) -> list[str]:
    """The arguments that a template takes of those of its kernel, and the trajectory."""
    statements = ast.parse(_text("devices", template)).body
    found = next(s for s in statements if isinstance(s, ast.FunctionDef) and s.name == "trajectory")
    return [a.arg for a in found.args.args]


def _templates(
    folder: str, name: str, constants: Mapping[str, Any], imports: dict[str, None], joined: set[tuple[str, str]]
) -> list[str]:
    """Texts of a template and of those that it imports, each once and after what it needs."""
    if (folder, name) in joined:
        return []
    joined.add((folder, name))
    text = _text(folder, name)
    lines, found, begin = text.splitlines(), [], 0
    for statement in ast.parse(text).body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            module = statement.module or "" if isinstance(statement, ast.ImportFrom) else ""
            begin = statement.end_lineno or 0
            *_, inside, other = f".{module}".split(".")
            if inside == "shared" and other.startswith("_") and _path("devices", other[1:]).exists():
                inside, other = "devices", other[1:]  # for a card there is a template of the same name
            if inside in JOINED:
                found += [] if other.startswith("_") else _templates(inside, other, constants, imports, joined)
            elif module != "__future__":
                imports[ast.unparse(statement)] = None
        elif isinstance(statement, ast.Expr):
            begin = max(begin, statement.end_lineno or 0)  # the docstring
        elif isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            begin = statement.end_lineno or 0
    rest = "\n".join(line for line in lines[begin:] if not line.startswith("@shared")).strip("\n")
    return [*found, _decorated(unrolled(rest, constants) if constants else rest)]


def _decorated(text: str) -> str:
    """`text` with its functions marked as device functions, but for kernels."""
    lines = text.splitlines()
    return "\n".join(
        f"@device\n{line}" if line.startswith("def ") and not line.startswith("def run") else line for line in lines
    )


def single_precision(text: str) -> str:
    """`text` with every floating literal made single, except in ``real64(...)``: numba's literals are double otherwise.

    >>> single_precision("x * 0.5 + real64(1e-200) + 2")
    'x * real(0.5) + real64(1e-200) + 2'
    """
    lines = text.splitlines(keepends=True)
    marks: list[tuple[int, int, str]] = []
    before = ["", ""]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        floating = token.type == tokenize.NUMBER and any(c in token.string for c in ".eE") and "x" not in token.string.lower()
        if floating and before != ["real64", "("]:
            marks.append((token.start[0] - 1, token.start[1], token.string))
        before = [before[1], token.string]
    for line, column, literal in reversed(marks):
        old = lines[line]
        lines[line] = f"{old[:column]}real({literal}){old[column + len(literal) :]}"
    return "".join(lines)
