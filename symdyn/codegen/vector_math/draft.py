"""The notation of the elementary functions: values with operators, written down as lines of LLVM IR.

A function of values such as ``lambda x: x * x + 1.0`` becomes the body of a function of one, two or eight doubles.  No
line carries a flag that would let the compiler change a result, so a lane gets the same bits at every width.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from symdyn.codegen.vector_math.scalar import lane_name

__all__ = ["Draft", "Value", "copysign", "fma", "mad", "magnitude", "number", "select", "sqrt", "where_scalar"]

REAL, INTEGER, TRUTH = "double", "i64", "i1"


class Draft:
    """The body of one function under construction.

    Attributes
    ----------
    width : int
        Doubles that one value holds.
    lines : list of str
        So far.
    declarations : set of str
        Of the intrinsic functions that the lines call.
    library : set of str
        The functions of the scalar math library that they call.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.lines: list[str] = []
        self.declarations: set[str] = set()
        self.library: set[str] = set()
        self.block = "entry"

    def type(self, kind: str) -> str:
        """The type of a value: of a double, an integer or a truth in each lane."""
        return kind if self.width == 1 else f"<{self.width} x {kind}>"

    def argument(self, index: int) -> Value:
        return Value(self, f"%x{index}", REAL)

    def emit(self, kind: str, text: str) -> Value:
        """A new value, the result of an instruction."""
        name = f"%t{len(self.lines)}"
        self.lines.append(f"  {name} = {text}")
        return Value(self, name, kind)

    def label(self, name: str) -> None:
        """Begin a basic block."""
        self.lines.append(f"{name}:")
        self.block = name

    def constant(self, kind: str, value: float) -> Value:
        text = f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}" if kind == REAL else str(value)
        return Value(self, text if self.width == 1 else f"<{', '.join([f'{kind} {text}'] * self.width)}>", kind)

    def call(self, name: str, *operands: Value) -> Value:
        """The value of an intrinsic function of doubles."""
        t = self.type(REAL)
        callee = f"@llvm.{name}.{f'v{self.width}f64' if self.width > 1 else 'f64'}"
        self.declarations.add(f"declare {t} {callee}({', '.join([t] * len(operands))})")
        return self.emit(REAL, f"call {t} {callee}({', '.join(f'{t} {v.name}' for v in operands)})")


class Value:
    """One value in each lane: doubles, integers (`bits`) or truths (comparisons); Python numbers act as constants."""

    __slots__ = ("draft", "kind", "name")

    def __init__(self, draft: Draft, name: str, kind: str) -> None:
        self.draft, self.name, self.kind = draft, name, kind

    def lift(self, other: Value | float) -> Value:
        """`other` as a value of the kind of this one."""
        return other if isinstance(other, Value) else self.draft.constant(self.kind, other)

    def _binary(self, real: str, integer: str, other: Value | float, *, swap: bool = False) -> Value:
        a, b = (self.lift(other), self) if swap else (self, self.lift(other))
        op = real if self.kind == REAL else integer
        return self.draft.emit(self.kind, f"{op} {self.draft.type(self.kind)} {a.name}, {b.name}")

    def _compare(self, predicate: str, other: Value | float) -> Value:
        op = f"fcmp {predicate}" if self.kind == REAL else f"icmp s{predicate[1:]}"
        return self.draft.emit(TRUTH, f"{op} {self.draft.type(self.kind)} {self.name}, {self.lift(other).name}")

    def __add__(self, other: Value | float) -> Value:
        return self._binary("fadd", "add", other)

    __radd__ = __add__

    def __sub__(self, other: Value | float) -> Value:
        return self._binary("fsub", "sub", other)

    def __rsub__(self, other: float) -> Value:
        return self._binary("fsub", "sub", other, swap=True)

    def __mul__(self, other: Value | float) -> Value:
        return self._binary("fmul", "mul", other)

    __rmul__ = __mul__

    def __truediv__(self, other: Value | float) -> Value:
        return self._binary("fdiv", "", other)

    def __rtruediv__(self, other: float) -> Value:
        return self._binary("fdiv", "", other, swap=True)

    def __neg__(self) -> Value:
        return self.draft.emit(REAL, f"fneg {self.draft.type(REAL)} {self.name}")

    def __and__(self, other: Value | int) -> Value:
        return self._binary("", "and", other)

    def __or__(self, other: Value | int) -> Value:
        return self._binary("", "or", other)

    def __xor__(self, other: Value | int) -> Value:
        return self._binary("", "xor", other)

    def __lshift__(self, other: int) -> Value:
        return self._binary("", "shl", other)

    def __rshift__(self, other: int) -> Value:
        """Zeros move in from the left."""
        return self._binary("", "lshr", other)

    def __invert__(self) -> Value:
        return self ^ 1

    def __lt__(self, other: Value | float) -> Value:
        return self._compare("olt", other)

    def __gt__(self, other: Value | float) -> Value:
        return self._compare("ogt", other)

    def __ge__(self, other: Value | float) -> Value:
        return self._compare("oge", other)

    def equals(self, other: Value | float) -> Value:
        """The truth of an equality; ``==`` stays what it is for all objects."""
        op = "fcmp oeq" if self.kind == REAL else "icmp eq"
        return self.draft.emit(TRUTH, f"{op} {self.draft.type(self.kind)} {self.name}, {self.lift(other).name}")

    @property
    def bits(self) -> Value:
        """The bits of a double as an integer."""
        return self.draft.emit(INTEGER, f"bitcast {self.draft.type(REAL)} {self.name} to {self.draft.type(INTEGER)}")


def number(bits: Value) -> Value:
    """The double of which these are the bits."""
    d = bits.draft
    return d.emit(REAL, f"bitcast {d.type(INTEGER)} {bits.name} to {d.type(REAL)}")


def fma(a: Value | float, b: Value | float, c: Value | float) -> Value:
    """``a*b + c``, rounded once; slow where the processor has no such instruction, so for error terms alone."""
    one = next(v for v in (a, b, c) if isinstance(v, Value))
    return one.draft.call("fma", *(one.lift(v) for v in (a, b, c)))


def mad(a: Value | float, b: Value | float, c: Value | float) -> Value:
    """``a*b + c``, rounded once where the processor does so in one instruction, else twice."""
    one = next(v for v in (a, b, c) if isinstance(v, Value))
    return one.draft.call("fmuladd", *(one.lift(v) for v in (a, b, c)))


def sqrt(x: Value) -> Value:
    """The square root, an instruction of the processor."""
    return x.draft.call("sqrt", x)


def magnitude(x: Value) -> Value:
    """Absolute value."""
    return x.draft.call("fabs", x)


def copysign(x: Value, sign: Value) -> Value:
    """`x` with the sign of another value."""
    return x.draft.call("copysign", x, sign)


def select(condition: Value, yes: Value | float, no: Value | float) -> Value:
    """One of two values, lane by lane."""
    d = condition.draft
    one = next((v for v in (yes, no) if isinstance(v, Value)), d.constant(REAL, 0.0))
    a, b, t = one.lift(yes), one.lift(no), d.type(one.kind)
    return d.emit(one.kind, f"select {d.type(TRUTH)} {condition.name}, {t} {a.name}, {t} {b.name}")


def where_scalar(condition: Value, op: str, arguments: Sequence[Value], otherwise: Value) -> Value:
    """`otherwise`, but the value of a scalar library function in the lanes where `condition` holds: none, as a rule.

    The library is called only if it is needed in some lane; the other lanes keep their values.
    """
    d = condition.draft
    any_lane, real = condition.name, d.type(REAL)
    if d.width > 1:
        name = f"@llvm.vector.reduce.or.v{d.width}i1"
        d.declarations.add(f"declare i1 {name}({d.type(TRUTH)})")
        any_lane = d.emit(TRUTH, f"call i1 {name}({d.type(TRUTH)} {condition.name})").name
    d.library.add(op)
    before = d.block
    d.lines.append(f"  br i1 {any_lane}, label %rare, label %common")
    d.label("rare")
    scalar = d.emit(REAL, f"call {real} {lane_name(op, d.width)}({', '.join(f'{real} {a.name}' for a in arguments)})")
    mixed = select(condition, scalar, otherwise)
    d.lines.append("  br label %common")
    d.label("common")
    return d.emit(REAL, f"phi {real} [ {otherwise.name}, %{before} ], [ {mixed.name}, %rare ]")
