"""A driver and a model as one: the text of the driver with the model's functions inside and its sizes as constants.

numba compiles it for each model, which takes seconds; loops over states and lanes are then unrolled, and the functions
are visible to the optimiser.  Contractions are explicit (`symdyn.codegen.contraction`), so that results have the same
bits as those of the common driver.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from symdyn.codegen.emit_llvm import module_text
from symdyn.codegen.load import digest, import_driver
from symdyn.codegen.machine_code import Driver
from symdyn.codegen.program import Made
from symdyn.errors import CompileError

__all__ = ["Inlining", "inlined_driver"]

#: Operations of a model above which it is not inlined: every stage of a method has a copy of them.
MOST = 500


@dataclass(frozen=True)
class Inlining:
    """A driver into which a model can be inlined.

    Attributes
    ----------
    text : str
        Source of the driver.
    entry : str
        Its function that runs trajectories.
    constants : mapping of str to int
        Names that this function gives to sizes which a model decides: where it unpacks them they become constants.
    functions : mapping of str to str
        From the names of addresses in the driver to those of the model's programs.
    """

    text: str
    entry: str
    constants: Mapping[str, int]
    functions: Mapping[str, str]


def inlined_driver(name: str, inlining: Inlining, made: Made, lanes: int) -> Driver:
    """The compiled driver of one model and number of lanes.

    Raises
    ------
    CompileError
        If the model is too large.
    """
    size = sum(len(p.operations) for p in made.programs)
    if any(p.tables for p in made.programs):
        raise CompileError("inline=True is for models without networks and other dense layers; leave it out")
    if made.ir or made.elimination is not None or size > MOST:
        what = f"this one has {size} operations" if made.programs else "this one is not written as one event"
        raise CompileError(f"inline=True is for models of up to {MOST} operations, and {what}; leave it out")
    return import_driver(f"inlined_{name}", _text(inlining, made, lanes))


def _text(inlining: Inlining, made: Made, lanes: int) -> str:
    text = inlining.text
    programs = {p.name: p for p in made.programs}
    model, parts = digest(made.programs), []
    for address, called in inlining.functions.items():
        name = f"{called}_{model}"  # no two models may share a name in the memory of a process
        ir = module_text([replace(programs[called], name=name)], lanes, "").replace('target triple = ""\n', "")
        ir = ir.replace(" nounwind ", " nounwind alwaysinline ", 1)
        parts.append(f"{address}_of_model = lane_function(r'''\n{ir}''', {name!r})\n")
        text = re.sub(rf"\bcall\({address}, ", f"{address}_of_model(", text)
    text = re.sub(r'^@njit\(error_model="numpy"\)$', '@njit(error_model="numpy", forceinline=True)', text, flags=re.MULTILINE)
    statements = ast.parse(text).body
    first = next(s for s in statements if isinstance(s, ast.FunctionDef))
    entry = next(s for s in statements if isinstance(s, ast.FunctionDef) and s.name == inlining.entry)
    lines = text.splitlines(keepends=True)
    lines.insert(_bound(entry, inlining.constants), "".join(f"    {k} = {v}\n" for k, v in inlining.constants.items()))
    begin = first.decorator_list[0].lineno - 1
    lines.insert(begin, "\n".join(["from symdyn_kernels.inlined import lane_function  # noqa: E402\n", *parts, "\n"]))
    return "".join(lines)


def _bound(entry: ast.FunctionDef, names: Iterable[str]) -> int:
    """The line after which a function has all of some names: they are unpacked by one assignment."""
    for statement in entry.body:
        if isinstance(statement, ast.Assign):
            stored = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            if stored >= set(names):
                return statement.end_lineno or 0
    raise CompileError(f"{entry.name} does not unpack {', '.join(names)} in one assignment, so no model can be inlined")
