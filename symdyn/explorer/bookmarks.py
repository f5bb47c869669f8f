"""The Python lines that compute what an explorer shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from symdyn.models.text import text_kinds, text_of
from symdyn.system import System

__all__ = ["python_lines"]


def python_lines(
    system: System, times: str, values: Mapping[str, Mapping[str, float]], *, trajectories: int | None = None,
    seed: int | None = None, failed: bool = False,
) -> str:  # fmt: skip
    """A program whose ``data`` are the numbers of a frame; a system without a text is left to the reader.

    >>> import symdyn as sd
    >>> decay = sd.ODESystem.from_text("x' = -k*x; k = 1")
    >>> print(python_lines(decay, "range(3)", {"parameter": {"k": 2.0}, "initial": {"x": 1.0}}))
    import numpy as np
    import symdyn as sd
    <BLANKLINE>
    system = sd.ODESystem.from_text(\"\"\"
    x' = -k*x
    k = 1.0
    \"\"\")
    data = sd.simulate(
        system,
        range(3),
        parameters={'k': 2.0},
        initial={'x': 1.0},
    )
    """
    named = {"parameters": dict(values["parameter"]), "initial": dict(values["initial"])}
    given = [f"{name}={pairs!r}" for name, pairs in named.items() if pairs]
    given += [f"{name}={value}" for name, value in (("trajectories", trajectories), ("seed", seed)) if value is not None]
    given += ["on_failure='nan'"] if failed else []
    arguments = "".join(f"    {line},\n" for line in ("system", times, *given))
    return f"import numpy as np\nimport symdyn as sd\n\n{_declared(system)}\ndata = sd.simulate(\n{arguments})"


def _declared(system: System) -> str:
    text = text_of(system)
    if text is None or type(system) not in text_kinds().values():
        return f"# system: the {type(system).__name__} that was explored, which has no text"
    options = {name: getattr(system, name) for name in system.text_options or ()}
    options |= {"time": system.time.name} if system.time.name != "t" else {}
    shown = "".join(f", {name}={_literal(value)}" for name, value in options.items())
    plain = f'"""\n{text.rstrip()}\n"""' if '"""' not in text and "\\" not in text else repr(text)
    return f"system = sd.{type(system).__name__}.from_text({plain}{shown})"


def _literal(value: Any) -> str:
    """Symbols by their names, numbers as they are."""
    if isinstance(value, sp.Basic):
        return repr(int(value)) if value.is_Integer else repr(float(value)) if value.is_Float else repr(str(value))
    return repr(value)
