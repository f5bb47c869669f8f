"""Printer: shares of all outputs of a layer -> loops in LLVM IR, for `symdyn.codegen.emit_dense`.

Functions take the `DenseFunction` that is written, f.  Largest entry and sums go from output to output, not eight at a time, so
that a lane has the same bits in all forms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdyn.codegen.vector_math.exponential import exp

__all__ = ["shares", "turned"]

VECTOR = "<8 x double>"


def shares(f: Any, tag: str, room: str, count: int) -> None:
    r""":math:`e^{z_i} / \sum_j e^{z_j}` in place, after the largest was subtracted."""
    first = f.load(f"%{tag}.z0", room, "0", f.element)

    def larger(at: str, top: str) -> str:
        z = f.load(f"%{tag}.top.z", room, at, f.element)
        more = f.emit(f"%{tag}.top.more", f"fcmp ogt {f.element} {z}, {top}")
        kind = "<8 x i1>" if f.lanes else "i1"
        return f.emit(f"%{tag}.top.new", f"select {kind} {more}, {f.element} {z}, {f.element} {top}")

    top = _sum(f, f"{tag}.top", count, first, larger)
    top = top if f.lanes else f.splat(f"%{tag}.tops", top)

    def power(at: str) -> None:
        z = f.load(f"%{tag}.exp.z", room, at, VECTOR)
        (value,) = f.inlined(f"{tag}.e", lambda x: [exp(x[0] - x[1])], z, top)
        f.store(f"%{tag}.exp.y", room, at, value)

    _each(f, f"{tag}.exp", count, power)

    def added(at: str, total: str) -> str:
        z = f.load(f"%{tag}.sum.z", room, at, f.element)
        return f.emit(f"%{tag}.sum.new", f"fadd {f.element} {total}, {z}")

    total = _sum(f, f"{tag}.sum", count, _zero(f), added)
    total = total if f.lanes else f.splat(f"%{tag}.sums", total)

    def divided(at: str) -> None:
        z = f.load(f"%{tag}.div.z", room, at, VECTOR)
        f.store(f"%{tag}.div.y", room, at, f.emit(f"%{tag}.div.q", f"fdiv {VECTOR} {z}, {total}"))

    _each(f, f"{tag}.div", count, divided)


def turned(f: Any, tag: str, shared: str, tangents: str, count: int) -> None:
    r"""Tangents :math:`s_i\,(t_i - \sum_j s_j t_j)` of shares s, in place of those of their logarithms."""

    def added(at: str, total: str) -> str:
        s, t = (f.load(f"%{tag}.mean.{n}", room, at, f.element) for n, room in (("s", shared), ("t", tangents)))
        part = f.emit(f"%{tag}.mean.p", f"fmul {f.element} {s}, {t}")
        return f.emit(f"%{tag}.mean.new", f"fadd {f.element} {total}, {part}")

    mean = _sum(f, f"{tag}.mean", count, _zero(f), added)
    mean = mean if f.lanes else f.splat(f"%{tag}.means", mean)

    def moved(at: str) -> None:
        s, t = (f.load(f"%{tag}.turn.{n}", room, at, VECTOR) for n, room in (("s", shared), ("t", tangents)))
        away = f.emit(f"%{tag}.turn.d", f"fsub {VECTOR} {t}, {mean}")
        f.store(f"%{tag}.turn.y", tangents, at, f.emit(f"%{tag}.turn.p", f"fmul {VECTOR} {s}, {away}"))

    _each(f, f"{tag}.turn", count, moved)


def _zero(f: Any) -> str:
    return "zeroinitializer" if f.lanes else "0.0"


def _sum(f: Any, tag: str, count: int, start: str, body: Callable[[str, str], str]) -> str:
    """A loop over outputs that carries one value."""
    before = f.label
    f.lines.append(f"  br label %{tag}")
    f.begin(tag)
    f.emit(f"%{tag}.j", f"phi i64 [ 0, %{before} ], [ %{tag}.next, %{tag} ]")
    f.emit(f"%{tag}.so", f"phi {f.element} [ {start}, %{before} ], [ %{tag}.new, %{tag} ]")
    result = body(f"%{tag}.j", f"%{tag}.so")
    _end(f, tag, 1, count)
    return result


def _each(f: Any, tag: str, count: int, body: Callable[[str], None]) -> None:
    """A loop over vectors: outputs of eight lanes, or eight outputs."""
    before = f.label
    f.lines.append(f"  br label %{tag}")
    f.begin(tag)
    f.emit(f"%{tag}.j", f"phi i64 [ 0, %{before} ], [ %{tag}.next, %{tag} ]")
    body(f"%{tag}.j")
    _end(f, tag, 1 if f.lanes else 8, count)


def _end(f: Any, tag: str, step: int, count: int) -> None:
    f.emit(f"%{tag}.next", f"add i64 %{tag}.j, {step}")
    f.emit(f"%{tag}.on", f"icmp ult i64 %{tag}.next, {count}")
    f.lines.append(f"  br i1 %{tag}.on, label %{tag}, label %{tag}.end")
    f.begin(f"{tag}.end")
