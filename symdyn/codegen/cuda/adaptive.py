"""Printer: tableau and model -> the device functions of an adaptive method, which `symdyn_kernels.devices.adaptive` calls.

The vectors of a step, of a number for each state, are rows of the array ``memory`` of the thread, whose numbers are constants.
Loops over them have constant lengths: the compiler unrolls them, and all of a small system stays in registers.
"""

from __future__ import annotations

from typing import Any

from symdyn.codegen.cuda.functions import device_function
from symdyn.codegen.cuda.happenings import event_functions
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.elimination import without_tables
from symdyn.codegen.program import Made
from symdyn.codegen.steps import StepFormulas
from symdyn.methods.runge_kutta import ExplicitRungeKutta, Rosenbrock
from symdyn.system import System

__all__ = ["adaptive_device"]

#: Parameters up to which a thread keeps its own; more are read from the card's memory where they are used.
PARAMETERS = 24
HEADS = {
    "step": "step(t, h, p, memory, factors)",
    "error": "error(h, memory, rtol, atol)",
    "stiffness": "stiffness(memory)",
    "dense": "dense(t, h, p, memory)",
}


def adaptive_device(system: System, method: ExplicitRungeKutta | Rosenbrock, made: Made) -> Device:
    """What the kernel of a system is made of."""
    parameters = len(system.parameters)
    if method.implicit:
        made = without_tables(made, system, system.part("drift"))
    card = _Card(method, len(system.states), made.facts)
    p = "tuple" if parameters <= PARAMETERS or system.inputs else "table"
    forms = ("tuple", "memory", p)
    results = {"factor": "array", "margin": "value", "triggers": "array", "effects": "array"}
    functions = [device_function(f, forms, results.get(f.name, "memory")) for f in made.programs]
    until, eventful = made.facts["start"] is not None, made.facts["events"] is not None
    if not until:
        functions.append("def margin(lane, y, p, memory):\n    return -1.0")
    own = "".join(f"parameters[{j}, i], " for j in range(parameters))
    bodies = {
        "load_parameters(parameters, i)": [f"return ({own})" if p == "tuple" else "return parameters, i"],
        **{HEADS[name]: body or ["return 0.0"] for name, body in card.functions().items()},
        "interpolant(e, theta, memory)": [f"return {card.interpolant()}"],
    }
    texts = ["\n".join([f"def {head}:", *(f"    {line}" for line in body)]) for head, body in bodies.items()]
    constants = [*card.constants(), f"STOPS, UNTIL = {made.facts['jumps'] is not None}, {until}"]
    if eventful:
        further, own_functions = event_functions(system, until, [f.name for f in made.programs])
        constants, functions = [*constants, *further], [*functions, *own_functions]
    return Device("\n\n\n".join(["\n".join(constants), *functions, *texts]), "adaptive_events" if eventful else "adaptive")


class _Card(StepFormulas):
    """Loops over rows of ``memory``; numbers of the trajectory are variables.

    The time derivatives of the right-hand side, if there are any, follow the factors of the Jacobian.
    """

    def __init__(self, method: ExplicitRungeKutta | Rosenbrock, n: int, facts: dict[str, Any]) -> None:
        super().__init__(method)
        self.n, self.factors, self.derivatives = n, facts["factors"], facts["rates"]
        self.entries = {name: f"memory[{name}, e]" for name in self.vectors}
        self.entries |= {"h": "h", "F": f"factors[{self.factors} + e]", "abs": "abs", "max": "max"}

    def each(self, **computed: str) -> list[str]:
        lines = (f"    {self.entries.get(x, x)} = {value.format_map(self.entries)}" for x, value in computed.items())
        return ["for e in range(N):", *lines]

    def total(self, name: str, expression: str) -> list[str]:
        return [f"{name} = 0.0", *self.each(x=expression), f"    {name} += x * x"]

    def result(self, expression: str) -> list[str]:
        return [f"return {expression.format(total='total', other='other', n=float(self.n), tiny='TINY')}"]

    def rates(self, node: float, state: str, target: str) -> list[str]:
        return [f"rhs((real(t + h * {node!r}),), {state}, p, memory, {target})"]

    def factor(self, shift: float) -> list[str]:
        return [f"factor((real(t), {shift!r} / h), Y, p, memory, factors)"]

    def solve(self, target: str) -> list[str]:
        return [f"solve(factors, K, p, memory, {target})"]

    def forced(self, lines: list[str]) -> list[str]:
        return lines if self.derivatives else []

    def interpolant(self) -> str:
        """The value of entry ``e`` of the interpolant at ``theta``."""
        value = ""
        for j, name in reversed([*enumerate(self.coefficients)]):
            value = f"{{{name}}} + {'theta' if j % 2 else '(1.0 - theta)'} * ({value})" if value else f"{{{name}}}"
        return f"{{Y}} + theta * ({value})".format_map(self.entries)

    def constants(self) -> list[str]:
        """Statements that define the constants of the method and the places of the vectors."""
        return [
            f"N, FACTORS = {self.n}, {max(1, self.factors + self.derivatives)}",
            f"STAGES, EXTRA = {self.method.stages}, {self.extra}",
            f"STIFFNESS = {self.stiffness!r}",
            f"{', '.join(self.vectors)}, ROWS = range({len(self.vectors) + 1})",
            f"LAST = {self.last}",
        ]
