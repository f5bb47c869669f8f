"""Printer: tableau and model -> the device functions of an adaptive method, which `symdyn_kernels.devices.adaptive` calls.

The vectors of a step, of a number for each state, are rows of the array ``memory`` of the thread, whose numbers are constants.
Loops over them have constant lengths: the compiler unrolls them, and all of a small system stays in registers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from symdyn.codegen.constraint_program import constraint_tables
from symdyn.codegen.cuda.functions import device_function
from symdyn.codegen.cuda.happenings import event_functions
from symdyn.codegen.cuda.join import Device
from symdyn.codegen.delay_program import Lagged
from symdyn.codegen.elimination import without_tables
from symdyn.codegen.program import Made, Program
from symdyn.codegen.steps import StepFormulas
from symdyn.methods.runge_kutta import ExplicitRungeKutta, Rosenbrock
from symdyn.system import System

__all__ = ["MOST_STEPS", "adaptive_device"]

#: Parameters up to which a thread keeps its own; more are read from the card's memory where they are used.
PARAMETERS = 24
#: Steps of the past that a thread keeps: so many bytes of them, and no more than this.
PAST_BYTES, MOST_STEPS = 1 << 16, 1024
#: How functions store their results; others do so in the memory.
RESULTS = dict.fromkeys(("factor", "triggers", "effects", "times", "history", "constraints"), "array") | {"margin": "value"}
#: A step that may look up its own solution.
REPEATED = [
    "for _ in range(MOST_REPEATS):", "    one_step(t, h, p, memory, factors)", "    dense(t, h, p, memory)",
    "    if settled(t, h, p, memory):", "        break",
]  # fmt: skip
HEADS = {
    "step": "step(t, h, p, memory, factors)",
    "error": "error(h, memory, rtol, atol)",
    "stiffness": "stiffness(memory)",
    "dense": "dense(t, h, p, memory)",
}


def adaptive_device(
    system: System, method: ExplicitRungeKutta | Rosenbrock, made: Made, lagged: Lagged | None = None
) -> Device:  # fmt: skip
    """What the kernel of a system is made of; with delays it is `lagged` with parameters in the place of delayed values."""
    parameters = len(system.parameters)
    if method.implicit:
        made = without_tables(made, system if lagged is None else lagged.system, system.part("drift"))
    card = _Card(method, len(system.states), made.facts, algebraic=bool(system.algebraic))
    p = "tuple" if parameters <= PARAMETERS or system.inputs else "table"
    forms = ("tuple", "memory", p if lagged is None else "past")
    programs = [f for f in made.programs if f.name != "begun"]  # here functions look up the past before the first time, too
    functions = [device_function(f, forms, RESULTS.get(f.name, "memory")) for f in programs]
    if lagged is not None:
        functions = [_looking_up(text) for text in functions]
    until, eventful = made.facts["start"] is not None, made.facts["events"] is not None
    if not until:
        functions.append("def margin(lane, y, p, memory):\n    return -1.0")
    own = "".join(f"parameters[{j}, i], " for j in range(parameters))
    step = {HEADS[name]: body or ["return 0.0"] for name, body in card.functions().items()}
    if lagged is not None and made.facts["delays"]["varying"]:
        step = {"one_" * (head == HEADS["step"]) + head: body for head, body in step.items()}
        step[HEADS["step"]] = REPEATED
    bodies = {
        "load_parameters(parameters, i)": [f"return ({own})" if p == "tuple" else "return parameters, i"],
        **step,
        "interpolant(e, theta, memory)": [f"return {card.interpolant()}"],
    }
    texts = ["\n".join([f"def {head}:", *(f"    {line}" for line in body)]) for head, body in bodies.items()]
    constants = [*card.constants(), f"STOPS, UNTIL = {made.facts['jumps'] is not None}, {until}"]
    if not eventful and lagged is None and not system.algebraic:
        return Device("\n\n\n".join(["\n".join(constants), *functions, *texts]), "adaptive")
    delayed = 0 if lagged is None else len(made.facts["delays"]["kept"])
    further, own_functions = event_functions(system, until, [f.name for f in programs], delayed)
    constants, functions = [*constants, *further], [*functions, *own_functions]
    if lagged is not None:
        constants += _delay_constants(system, made.facts["delays"], len(card.coefficients), method.order)
        program = Program.from_json(made.facts["delays"]["constant"])
        none = "def delays(lane, y, p, memory, out):\n    return"
        functions.append(device_function(replace(program, name="delays"), forms, "array") if program.outputs else none)
        lines = [f"if j == {j}:\n        return memory[{name}, STATES[c]]" for j, name in enumerate(card.coefficients)]
        texts.append("\n".join(["def coefficient(c, j, memory):", *(f"    {line}" for line in lines), "    return 0.0"]))
    text = "\n\n\n".join(["\n".join(constants), *functions, *texts])
    if system.algebraic:
        text += "\n\n\n" + _constraint_constants(system, made.facts["constraints"])
    varying = lagged is not None and bool(made.facts["delays"]["varying"])
    without = (*["past"][: lagged is None], *["breaks"][: not varying], *["consistency"][: not system.algebraic])
    flags = {"DELAYED": lagged is not None, "VARYING": varying, "ALGEBRAIC": bool(system.algebraic)}
    return Device(text, "adaptive_events", single=lagged is None, constants=flags, without=without)


def _looking_up(text: str) -> str:
    """A function that looks up delayed values first: at stages those of rates of change, else all."""
    name = text[len("def ") : text.index("(")]
    how = {"rhs": "recall", "factor": "recall", "margin": "revisit", "triggers": "revisit", "effects": "revisit",
           "constraints": "revisit"}.get(name)  # fmt: skip
    return text if how is None else text.replace("):\n", f"):\n    {how}(lane[0], y, p, memory)\n", 1)


def _delay_constants(system: System, facts: dict[str, Any], degree: int, order: int) -> list[str]:
    """Statements that define the constants of `symdyn_kernels.devices._delayed`."""
    wide = 8 * (4 + len(facts["states"]) * (degree + 1))
    listed = {"BEGINS": "begins", "STATES": "states", "PLACES": "kept", "SLOPES": "slopes"}
    constants = [f"{name} = {tuple(facts[key])!r}" for name, key in listed.items()]
    constant = len(Program.from_json(facts["constant"]).outputs)
    return [
        *constants,
        f"OBSERVABLES, OBSERVED = {len(facts['observed'])}, {(*facts['observed'], 0)!r}",
        f"RATED, FIRST_VALUE, DEGREE = {facts['rated']}, {len(system.parameters)}, {degree}",
        f"CONSTANT_DELAYS, BOUNDING, ORDER = {constant}, {facts['bounding']}, {facts['order']}",
        f"STEPS_KEPT = {max(16, min(MOST_STEPS, PAST_BYTES // wide))}",
    ]


def _constraint_constants(system: System, places: dict[str, Any]) -> str:
    """The constants of `symdyn_kernels.devices._constrained`, and the function that sets row M."""
    tables = constraint_tables(system, places, 0)
    a, d, m, e = tables.unknowns.size, tables.others.size, tables.constraints, tables.rows.size
    listed = {
        "UNKNOWNS": tables.unknowns, "OTHERS": tables.others, "FREE": tables.free, "ENTRY_ROWS": tables.rows,
        "ENTRY_COLUMNS": tables.columns,
    }  # fmt: skip
    size = max(a, m, 1)
    constants = [
        f"UNKNOWN, OTHER, CONSTRAINTS, ENTRIES = {a}, {d}, {m}, {e}",
        *(f"{name} = {(*found.tolist(), 0)!r}" for name, found in listed.items()),
        f"SOME_FREE = {bool(tables.free.any())}",
        f"FOUND, SYSTEM, JACOBIAN, EACH = {a + m + e}, {(size, size + 1)}, {(max(m, 1), max(d, 1))}, {max(a, d, m)}",
    ]
    masses = [f"    memory[M, {k}] = {float(s not in system.algebraic)}" for k, s in enumerate(system.states)]
    return "\n\n\n".join(["\n".join(constants), "\n".join(["def set_masses(memory):", *masses])])


class _Card(StepFormulas):
    """Loops over rows of ``memory``; numbers of the trajectory are variables.

    The time derivatives of the right-hand side, if there are any, follow the factors of the Jacobian.
    """

    def __init__(self, method: ExplicitRungeKutta | Rosenbrock, n: int, facts: dict[str, Any], *, algebraic: bool) -> None:
        super().__init__(method, algebraic=algebraic)
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
