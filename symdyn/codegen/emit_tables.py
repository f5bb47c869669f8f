"""Printer: tables of a sparse elimination -> LLVM IR of the lane functions ``factor`` and ``solve``.

They hand constant tables to the C functions of `symdyn_kernels.drivers.elimination`, which are compiled once and which
`symdyn.codegen.drivers.link` makes known to the module under the names used here.
"""

from __future__ import annotations

from collections.abc import Sequence

from symdyn.codegen.program import Elimination

__all__ = ["DRIVER", "FUNCTIONS", "emit_tables"]

#: What the module defines, and the driver whose functions it calls: their names begin with it.
FUNCTIONS = ("factor", "solve")
DRIVER = "elimination"
BLOCKS = "ptr %p0, ptr %p1, ptr %p2, ptr %p3"
#: Tables of both functions, and of the factorisation alone.
SHARED, MATRIX = ("order", "begin", "diagonal", "end", "columns"), ("entries", "entry_columns")


def emit_tables(tables: Elimination, lanes: int) -> list[str]:
    """Tables and functions for the module that has the program ``matrix`` too."""
    size = f"i64 {len(tables.order)}, i64 {lanes}"
    shared, matrix = (", ".join(f"ptr @{name}" for name in names) for names in (SHARED, MATRIX))
    pointers = [", ".join(["ptr"] * count) for count in (len(SHARED) + len(MATRIX), len(SHARED))]
    return [
        *(_table(name, getattr(tables, name)) for name in (*SHARED, *MATRIX)),
        f"declare void @{DRIVER}.factorise({pointers[0]}, i64, i64, ptr)",
        f"declare void @{DRIVER}.substitute({pointers[1]}, i64, i64, ptr, ptr, ptr)",
        f"""define void @factor({BLOCKS}) nounwind {{
  %m = getelementptr double, ptr %p3, i64 {tables.matrix * lanes}
  call void @matrix(ptr %p0, ptr %p1, ptr %p2, ptr %m)
  call void @{DRIVER}.factorise({shared}, {matrix}, {size}, ptr %p3)
  ret void
}}""",
        f"""define void @solve({BLOCKS}) nounwind {{
  call void @{DRIVER}.substitute({shared}, {size}, ptr %p0, ptr %p1, ptr %p3)
  ret void
}}""",
    ]


def _table(name: str, numbers: Sequence[int]) -> str:
    return f"@{name} = internal constant [{len(numbers)} x i32] [{', '.join([f'i32 {k}' for k in numbers])}]"
