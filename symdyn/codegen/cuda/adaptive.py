"""Printer: tableau and model -> the device functions of an adaptive method, which `symdyn_kernels.devices.adaptive` calls.

The vectors of a step, of a number for each state, are rows of the array ``memory`` of the thread, whose numbers are constants.
Loops over them have constant lengths: the compiler unrolls them, and all of a small system stays in registers.  The formulas,
and the order of their operations, are those of `symdyn.codegen.emit_steps`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from symdyn.codegen.cuda.functions import device_function
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.elimination import without_tables
from symdyn.codegen.program import Made
from symdyn.methods.runge_kutta import ExplicitRungeKutta, Rosenbrock
from symdyn.system import System

__all__ = ["adaptive_device"]

#: Parameters up to which a thread keeps its own; more are read from the card's memory where they are used.
PARAMETERS = 24
#: Names of the vectors: the state, the next one, and the slope of the first, which an explicit method keeps from step to step.
Y, W, K = "Y", "W", "K"
SCALE = "(max(abs({Y}), abs({W})) * rtol + atol)"


def adaptive_device(system: System, method: ExplicitRungeKutta | Rosenbrock, made: Made) -> Device:
    """What the kernel of a system is made of."""
    n, parameters = len(system.states), len(system.parameters)
    printer: _Printer
    if isinstance(method, Rosenbrock):
        made = without_tables(made, system, system.part("drift"))
        printer = _Implicit(n, method, made.facts["factors"], made.facts["rates"])
    else:
        printer = _Explicit(n, method)
    p = "tuple" if parameters <= PARAMETERS else "table"
    forms = ("tuple", "memory", p)
    results = {"factor": "array", "margin": "value"}
    functions = [device_function(f, forms, results.get(f.name, "memory")) for f in made.programs]
    until = made.facts["start"] is not None
    if not until:
        functions.append("def margin(lane, y, p, memory):\n    return -1.0")
    own = "".join(f"parameters[{j}, i], " for j in range(parameters))
    bodies = {
        "load_parameters(parameters, i)": [f"return ({own})" if p == "tuple" else "return parameters, i"],
        **printer.functions(),
    }
    texts = ["\n".join([f"def {head}:", *(f"    {line}" for line in body)]) for head, body in bodies.items()]
    constants = [*printer.constants(), f"STOPS, UNTIL = {made.facts['jumps'] is not None}, {until}"]
    return Device("\n\n\n".join(["\n".join(constants), *functions, *texts]), "adaptive")


class _Printer(ABC):
    """Statements on vectors of `n` numbers; in expressions ``{name}`` is entry ``e`` of a vector.

    Attributes
    ----------
    stages, extra : int
        Evaluations of the right-hand side in a step, and further ones for its interpolant.
    limit : float
        Of the stability region, squared, or 0.
    degree : int
        Of the interpolant.
    factors, rates : int
        Numbers that the factors of a Jacobian take, and time derivatives that follow them.
    """

    stages: int
    extra = 0
    limit = 0.0
    degree: int
    factors = rates = 0

    def __init__(self, n: int) -> None:
        self.n = n
        self.rows = dict.fromkeys((Y, W, K))

    def spelled(self, expression: str) -> str:
        return expression.format(**{name: f"memory[{name}, e]" for name in self.rows})

    def each(self, target: str, expression: str) -> list[str]:
        """Compute a vector."""
        self.rows[target] = None
        return ["for e in range(N):", f"    memory[{target}, e] = {self.spelled(expression)}"]

    def total(self, target: str, expression: str) -> list[str]:
        """Sum the squares of an expression over the entries, from first to last."""
        return [
            f"{target} = 0.0",
            "for e in range(N):",
            f"    x = {self.spelled(expression)}",
            f"    {target} += x * x",
        ]

    def call(self, target: str, function: str, lane: str, y: str) -> list[str]:
        """Call the function of a program."""
        self.rows[target] = None
        return [f"{function}({lane}, {y}, p, memory, {target})"]

    @abstractmethod
    def step(self) -> list[str]:
        """Statements that make a step, from `Y` to `W`."""

    @abstractmethod
    def error(self) -> list[str]:
        """Statements that return the square of the norm of its error."""

    @abstractmethod
    def stiffness(self) -> list[str]:
        """Statements that return the square of the step size times the dominant eigenvalue, nearly."""

    @abstractmethod
    def dense(self) -> list[str]:
        """Statements that compute the coefficients of the interpolant, ``D1``, ``D2``, ..."""

    @abstractmethod
    def accept(self) -> list[str]:
        """Statements that make the next state the state."""

    def functions(self) -> dict[str, list[str]]:
        """The functions of the method, by what follows ``def``."""
        value = f"{{D{self.degree}}}"
        for j in range(self.degree - 1, 0, -1):
            value = f"({value}) * theta + {{D{j}}}" if "*" in value else f"{value} * theta + {{D{j}}}"
        named = {
            "step_norms(memory, rtol, atol)": [
                *self.total("size", "{Y} / (atol + rtol * abs({Y}))"),
                *self.total("speed", "{K} / (atol + rtol * abs({Y}))"),
                "return size, speed",
            ],
            "attempt(t, h, p, memory, factors)": self.step(),
            "error(h, memory, rtol, atol)": self.error(),
            "stiffness(memory)": self.stiffness(),
            "interpolate(t, h, p, memory)": self.dense(),
            "accept(memory)": self.accept(),
        }
        named["interpolant(e, theta, memory)"] = [f"return {self.spelled(f'{{Y}} + theta * ({value})')}"]
        return named

    def constants(self) -> list[str]:
        """Statements that define the constants of the method and the places of the vectors."""
        return [
            f"N, FACTORS = {self.n}, {max(1, self.factors + self.rates)}",
            f"STAGES, EXTRA = {self.stages}, {self.extra}",
            f"STIFFNESS = {self.limit!r}",
            f"{', '.join(self.rows)}, ROWS = range({len(self.rows) + 1})",
        ]


def _sum(coefficients: Sequence[float], names: Sequence[str]) -> str:
    """``{name0} * c0 + ...`` without zeros."""
    pairs = zip(names, coefficients, strict=False)
    return " + ".join(f"{{{name}}} * {float(c)!r}" for name, c in pairs if c != 0) or "0.0"


class _Explicit(_Printer):
    """Explicit Runge-Kutta methods."""

    def __init__(self, n: int, method: ExplicitRungeKutta) -> None:
        super().__init__(n)
        self.method, self.stages, self.extra = method, method.stages, len(method.extra)
        self.limit = method.stiffness_limit**2
        self.degree = max(map(len, method.dense))
        self.slopes = [K, *(f"S{j}" for j in range(1, self.stages + self.extra + 1))]
        self.last = f"S{self.stages}"

    def _stage(self, j: int, row: Sequence[float], argument: str) -> list[str]:
        lane = f"(real(t + h * {round(sum(row), 14)!r}),)"
        return [
            f"# stage {j + 1}",
            *self.each(argument, f"{{Y}} + h * ({_sum(row, self.slopes)})"),
            *self.call(self.slopes[j], "rhs", lane, argument),
        ]

    def step(self) -> list[str]:
        return [line for j, row in enumerate(self.method.a, start=1) for line in self._stage(j, row, W)]

    def error(self) -> list[str]:
        first, *second = (f"h * ({_sum(row, self.slopes)}) / {SCALE}" for row in self.method.error)
        if not second:
            return [*self.total("total", first), f"return total * {1.0 / self.n!r}"]
        return [
            *self.total("total", first),
            *self.total("other", second[0]),
            "# the norm of DOP853: err5^2 / sqrt((err5^2 + 0.01 err3^2) n), squared",
            f"return total * total / ((total + other * 0.01) * {float(self.n)!r} + TINY)",
        ]

    def stiffness(self) -> list[str]:
        s, a = self.method.stiff_stage, self.method.a
        argument = a[s - 1]
        difference = [b - (argument[j] if j < len(argument) else 0.0) for j, b in enumerate(a[-1])]
        return [
            "# h^2 |f(y1) - f(g)|^2 / |y1 - g|^2: the square of h times the dominant eigenvalue, nearly",
            *self.total("change", f"{{{self.last}}} - {{S{s}}}"),
            *self.total("distance", _sum(difference, self.slopes)),
            "return change / (distance + TINY)",
        ]

    def dense(self) -> list[str]:
        lines = [line for j, row in enumerate(self.method.extra, start=self.stages + 1) for line in self._stage(j, row, "V")]
        for power in range(self.degree):
            weights = [row[power] if power < len(row) else 0.0 for row in self.method.dense]
            lines += self.each(f"D{power + 1}", f"h * ({_sum(weights, self.slopes)})")
        return lines

    def accept(self) -> list[str]:
        return [*self.each(Y, "{W}"), *self.each(K, f"{{{self.last}}}")]


class _Implicit(_Printer):
    """Rosenbrock methods; the time derivatives of the right-hand side, if there are any, follow the factors."""

    def __init__(self, n: int, method: Rosenbrock, factors: int, rates: int) -> None:
        super().__init__(n)
        self.method, self.stages, self.factors, self.rates = method, method.stages, factors, rates
        self.degree = len(method.dense) + 1
        self.increments = [f"S{j}" for j in range(1, self.stages + 1)]
        self.last = self.increments[-1]

    def step(self) -> list[str]:
        method, u = self.method, self.increments
        lines = [f"factor((real(t), {1.0 / method.gamma!r} / h), Y, p, memory, factors)"]
        for i, stage in enumerate(u):
            lines.append(f"# stage {i + 1}")
            lines += self.each(W, f"{{Y}} + {_sum(method.a[i - 1], u)}" if i else "{Y}")
            lines += self.call("R", "rhs", f"(real(t + h * {float(method.alpha[i])!r}),)", W)
            if i:
                lines += self.each("R", f"{{R}} + ({_sum(method.c[i - 1], u)}) / h")
            if method.gammas[i] != 0 and self.rates:
                lines += self.each("R", f"{{R}} + h * factors[{self.factors} + e] * {float(method.gammas[i])!r}")
            lines += self.call(stage, "solve", "factors", "R")
        return [*lines, *self.each(W, f"{{W}} + {{{self.last}}}")]

    def error(self) -> list[str]:
        return [*self.total("total", f"{{{self.last}}} / {SCALE}"), f"return total * {1.0 / self.n!r}"]

    def stiffness(self) -> list[str]:
        return ["return 0.0"]

    def dense(self) -> list[str]:
        # multiplied out: d1 = y1 - y0 + k1, d2 = k2 - k1, ..., the last is -k of the last row
        last = len(self.method.dense)
        lines = [line for i, row in enumerate(self.method.dense, 1) for line in self.each(f"K{i}", _sum(row, self.increments))]
        coefficients = ["{W} - {Y} + {K1}", *(f"{{K{i + 1}}} - {{K{i}}}" for i in range(1, last)), f"-{{K{last}}}"]
        return [*lines, *(line for j, c in enumerate(coefficients, 1) for line in self.each(f"D{j}", c))]

    def accept(self) -> list[str]:
        return self.each(Y, "{W}")
