"""A model inside the driver: the bits of the common driver, in fewer instructions."""

from __future__ import annotations

import numpy as np
import pytest

import symdyn as sd
from symdyn.codegen.drivers import driver_text, plain_text
from symdyn.codegen.families import family_of
from symdyn.codegen.functions import programs
from symdyn.codegen.inlining import MOST, _text
from symdyn.errors import CompileError
from symdyn.methods.registry import METHODS

ODE = sd.ODESystem.from_text("x' = a*x - x*y + exp(-t)\ny' = x*y - sin(y)", parameters={"a": 1.0})
SDE = sd.SDESystem.from_text("dx = -a*x*dt + b*dW1", parameters={"a": 1.0, "b": 0.5})
PULSE = sd.ODESystem.from_text("x' = heaviside(t - a) - heaviside(t - a - 0.5) - x", parameters={"a": 1.2})
NET = sd.ReactionNetwork.from_text("0 -> X, k; X -> 0, d; 2 X -> 0, c", parameters={"k": 20, "d": 1, "c": 0.05})
CASES = [
    pytest.param(ODE, "rodas4", {"x": 1, "y": 0.5}, {}, id="rodas4"),
    pytest.param(PULSE, "tsit5", {"x": 0}, {}, id="stops"),
    pytest.param(SDE, "euler-maruyama", {"x": 1}, {"step": 0.01}, id="euler-maruyama"),
    pytest.param(NET, "ssa", {"X": 5}, {}, id="ssa"),
]


@pytest.mark.parametrize(("system", "method", "initial", "options"), CASES)
def test_an_inlined_model_gives_the_same_bits(system, method, initial, options):
    arguments = dict(initial=initial, method=method, trajectories=40, seed=3, progress=False, **options)
    common = sd.simulate(system, np.linspace(0, 3, 7), layout=sd.Layout(lanes=8), **arguments)
    inlined = sd.simulate(system, np.linspace(0, 3, 7), layout=sd.Layout(lanes=8, inline=True), **arguments)
    assert inlined.identical(common)


@pytest.mark.parametrize("method", ["tsit5", "dop853", "rodas5p"])
def test_no_call_through_an_address_is_left_in_an_inlined_step(method):
    scheme = METHODS[method]
    made = programs(ODE, scheme)[1]
    text = _text(family_of(scheme).inlining(ODE, scheme, made, 8), made, 8)
    assert "call(f, " in driver_text(scheme)
    assert not any(f"call({name}, " in text for name in ("f", "factor", "solve"))
    assert "    n = 2\n    npar = 1\n" in text


def test_what_the_inlined_drivers_replace_is_there():
    assert "call(f, " in plain_text("stepping")
    assert "call(f, " in plain_text("jump")


@pytest.mark.parametrize(
    ("system", "options", "message"),
    [
        (ODE, {"target": "cuda"}, "inline has no effect on 'dop853' with target='cuda'"),
        (ODE, {"backend": "numba"}, "inline=True belongs to backend='llvm'"),
        (NET, {"method": "tau"}, "inline has no effect on 'tau'; it belongs to align, bs32, dop853, euler"),
        (
            sd.ODESystem.from_text("\n".join(f"x{i}' = -x{i}^3*x{(i + 1) % 200}" for i in range(200))),
            {"method": "tsit5"},
            f"inline=True is for models of up to {MOST} operations, and this one has [0-9]+ operations; leave it out",
        ),
    ],
)
def test_what_cannot_be_inlined_is_named(system, options, message):
    with pytest.raises((CompileError, sd.DeclarationError), match=message):
        sd.compile(system, inline=True, **options)
