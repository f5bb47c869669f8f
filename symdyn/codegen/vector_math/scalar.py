"""Functions of vectors that call the scalar math library for one element after another."""

from __future__ import annotations

from symdyn.codegen.program import CALLS

__all__ = ["lane_by_lane", "lane_name", "library_declaration", "library_name"]

LIBRARY_NAMES = {"gamma": "tgamma"}


def library_name(op: str) -> str:
    """The function of C's math library."""
    return f"@{LIBRARY_NAMES.get(op, op)}"


def lane_name(op: str, width: int) -> str:
    """The function of vectors that calls it, within the module that defines it; the library's own for one lane."""
    return library_name(op) if width == 1 else f"@lanes.{op}.v{width}"


def library_declaration(op: str) -> str:
    """The declaration of a function of the C library in LLVM IR."""
    return f"declare double {library_name(op)}({', '.join(['double'] * CALLS[op])})"


def lane_by_lane(op: str, width: int, name: str) -> str:
    """The definition of the function `name` of vectors."""
    t, arity = f"<{width} x double>", range(CALLS[op])
    arguments = ", ".join(f"double %e{a}" for a in arity)
    head = f"define {t} {name}({', '.join(f'{t} %x{a}' for a in arity)}) nounwind {{"
    body = [
        "entry:",
        *(f"  %m{a} = alloca {t}" for a in arity),
        *(f"  store {t} %x{a}, ptr %m{a}" for a in arity),
        "  br label %loop",
        "loop:",
        "  %i = phi i64 [ 0, %entry ], [ %next, %loop ]",
        *(f"  %p{a} = getelementptr double, ptr %m{a}, i64 %i" for a in arity),
        *(f"  %e{a} = load double, ptr %p{a}" for a in arity),
        f"  %c = call double {library_name(op)}({arguments})",
        "  store double %c, ptr %p0",
        "  %next = add i64 %i, 1",
        f"  %more = icmp ult i64 %next, {width}",
        "  br i1 %more, label %loop, label %done",
        "done:",
        f"  %r = load {t}, ptr %m0",
    ]
    return "\n".join([head, *body, f"  ret {t} %r", "}"])
