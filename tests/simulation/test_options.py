"""Options of methods, of the layout and of the store; what has no effect is refused, naming who reads it."""

import pickle

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen.families import family_of
from symdyn.methods.options import MethodOptions

x = sp.Symbol("x")
ODE = sd.ODESystem({x: -x}, initial={x: 1})
SDE = sd.SDESystem({x: -x}, {x: 1}, initial={x: 1})
MAP = sd.DiscreteSystem({x: x / 2}, initial={x: 1})
NET = sd.ReactionNetwork.from_text("X -> 0, k; k = 1; X(0) = 50")
CHAIN = sd.BranchingSystem([x], [[0.5]], [[0]], initial={x: 3})
FIELD = sd.PDESystem.from_text("u' = laplacian(u)", domain=(0, 1), initial={"u": 1})
METHODS = sd.methods


@pytest.mark.parametrize("name", sd.METHODS)
def test_every_method_has_a_class_of_its_own(name):
    scheme = sd.METHODS[name]
    chosen = scheme.options()
    assert (type(chosen).method, type(chosen).__name__.lower()) == (name, name.replace("-", "").replace("+", "p"))
    assert getattr(METHODS, type(chosen).__name__) is type(chosen)
    assert set(chosen.given) <= family_of(scheme).reads(scheme)
    assert pickle.loads(pickle.dumps(chosen)) == chosen


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: METHODS.Tau(epsilon=0), "epsilon is 0; expected a positive number"),
        (lambda: METHODS.Tau(epsilon=None), "epsilon is None"),
        (lambda: METHODS.Tau(max_steps=1.5), "max_steps is 1.5; expected a whole number from 1"),
        (lambda: METHODS.Ssa(max_steps=0), "max_steps is 0"),
        (lambda: METHODS.Dop853(max_step=-1), "max_step is -1; expected a positive number"),
        (lambda: METHODS.Dop853(max_step=True), "max_step is True"),
        (lambda: METHODS.Dop853(controller=0.4), r"controller is 0.4; expected an object such as symdyn.methods.PID\(prop"),
        (lambda: METHODS.Dop853(controller="PID(gain=1)"), r"controller is 'PID\(gain=1\)'; expected an object such as"),
        (lambda: METHODS.Dop853(controller="PID(integral=x)"), "controller is 'PID.integral=x.'; expected an object such as"),
        (lambda: METHODS.Heun(brownian_step=np.inf), "brownian_step is inf"),
        (lambda: METHODS.Imex(max_steps=-1), "max_steps is -1"),
        (lambda: sd.Layout(lanes=7), r"lanes is 7; expected 'auto' or one of \(1, 8, 16, 32\)"),
        (lambda: sd.Layout(threads=0), "threads is 0; expected a whole number from 1"),
        (lambda: sd.Layout(chunk=True), "chunk is True"),
        (lambda: sd.Layout(inline="no"), "inline is 'no'; expected True or False"),
        (lambda: sd.Layout(precision=["float32"]), r"precision is \['float32'\]; expected one of \('float64', 'float32'\)"),
        (lambda: sd.Store("run", resume="no"), "resume is 'no'; expected True or False"),
    ],
)
def test_values_are_checked_when_the_object_is_made(make, message):
    with pytest.raises(sd.DeclarationError, match=message):
        make()


def test_a_name_and_an_object_choose_the_same_method():
    options = {"trajectories": 20, "seed": 1, "progress": False}
    named = sd.simulate(NET, [0, 1], method="tau", **options)
    assert named.identical(sd.simulate(NET, [0, 1], method=METHODS.Tau(), **options))
    assert (named.attrs["method"], named.attrs["epsilon"]) == ("tau", 0.03)
    coarse = sd.simulate(SDE, [0, 1], method=METHODS.Heun(brownian_step=0.25), step=0.5, seed=1, progress=False)
    fine = sd.simulate(SDE, [0, 1], method=METHODS.Heun(brownian_step=0.25), step=0.25, seed=1, progress=False)
    assert abs(float(coarse.x[-1] - fine.x[-1])) < 0.5  # one path; two would differ by about 1
    assert (int(coarse.steps), int(fine.steps)) == (2, 4)


def test_the_longest_step_and_the_limit_of_steps_have_their_effect():
    long, short = (sd.simulate(ODE, [0, 1], method=METHODS.Dop853(max_step=h), progress=False) for h in (None, 0.01))
    assert int(short.steps) >= 100 > int(long.steps)
    by_default = sd.simulate(ODE, [0, 1], method=METHODS.AdaptiveOptions(max_step=0.01), progress=False)
    assert (by_default.attrs["method"], by_default.attrs["max_step"]) == ("dop853", 0.01)
    assert by_default.steps == short.steps
    assert "stiff_trajectories" in by_default.attrs  # the choice of the method was left to the system
    with pytest.raises(sd.SimulationError, match="number of steps reached max_steps"):
        sd.simulate(NET, [0, 100], method=METHODS.Ssa(max_steps=3), progress=False)


def test_a_kernel_is_compiled_with_the_options_of_its_method():
    kernel = sd.compile(ODE, method=METHODS.Tsit5(max_step=0.01))
    times, none = [0.0, 1.0], np.zeros((1, 0))
    assert kernel([[1.0]], none, times).steps[0] >= 100
    assert kernel([[1.0]], none, times, max_step=1.0).steps[0] < 100  # the call has the last word
    copy = pickle.loads(pickle.dumps(kernel))
    assert copy.options == kernel.options
    assert copy([[1.0]], none, times).steps[0] >= 100


@pytest.mark.parametrize(
    ("system", "options", "message"),
    [
        (NET, {"rtol": 1e-3}, "rtol has no effect on 'ssa'; it belongs to bs32, dop853, etdrk4, hybrid, imex"),
        (NET, {"method": METHODS.Tau(), "atol": 1e-3}, "atol has no effect on 'tau'"),
        (NET, {"step": 0.1}, "step has no effect on 'ssa'; it belongs to align, etdrk4, euler, euler-maruyama, heun, imex"),
        (NET, {"method": METHODS.LeapingOptions(epsilon=0.1)}, "epsilon has no effect on 'ssa'; it belongs to hybrid, tau"),
        (ODE, {"step": 0.1}, "step has no effect on 'dop853'"),
        (ODE, {"method": METHODS.Taylor(controller=METHODS.PID())}, "controller has no effect on 'taylor'; it belongs to bs32"),
        (ODE, {"method": METHODS.Rk4(max_steps=9)}, "max_steps has no effect on 'rk4'; it belongs to bs32"),
        (ODE, {"method": "euler", "rtol": 1e-3}, "rtol has no effect on 'euler'; it belongs to bs32"),
        (ODE, {"grid": 8}, "grid has no effect on this ODESystem; it belongs to a PDESystem without a grid"),
        (ODE, {"layout": sd.Layout(precision="float32")}, "precision has no effect on 'dop853'; it belongs to target='cuda'"),
        (ODE, {"target": "cuda", "layout": sd.Layout(lanes=8)}, "lanes has no effect on 'dop853' with target='cuda'"),
        (ODE, {"target": "cuda", "layout": sd.Layout(inline=True)}, "inline has no effect on 'dop853' with target='cuda'"),
        (ODE, {"method": METHODS.FixedStepOptions(brownian_step=0.1)}, "brownian_step has no effect on 'dop853'"),
        (SDE, {"rtol": 1e-3}, "rtol has no effect on 'euler-maruyama'"),
        (SDE, {"method": METHODS.AdaptiveOptions(max_steps=9)}, "max_steps has no effect on 'euler-maruyama'"),
        (
            NET,
            {"method": "tau", "layout": sd.Layout(inline=True)},
            "inline has no effect on 'tau'; it belongs to align, bs32, dop853",
        ),
        (MAP, {"step": 0.1}, "step has no effect on 'iterate'"),
        (MAP, {"method": METHODS.FixedStepOptions(brownian_step=1)}, "brownian_step has no effect on 'iterate'"),
        (CHAIN, {"rtol": 1e-3}, "rtol has no effect on 'branching'"),
        (FIELD, {"grid": 8, "step": 0.1}, "step has no effect on 'bs32' of fields; it belongs to align, etdrk4, euler"),
        (
            FIELD,
            {"grid": 8, "layout": sd.Layout(lanes=8)},
            "lanes has no effect on 'bs32' of fields; it belongs to systems without",
        ),
        (
            FIELD,
            {"grid": 8, "method": METHODS.Imex(), "rtol": 1, "step": 0.1},
            "rtol has no effect on 'imex' of fields in steps of one length",
        ),
        (FIELD.discretize(8), {"grid": 8}, "grid has no effect on this GridSystem"),
    ],
)
def test_an_option_without_effect_is_refused(system, options, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sd.simulate(system, [0, 1], progress=False, **options)


def test_an_option_that_a_method_has_and_nobody_reads_is_refused():
    """A class of a user's own, with a field that its family does not know."""
    from dataclasses import dataclass

    @dataclass(frozen=True, kw_only=True, repr=False)
    class Theta(METHODS.FixedStepOptions):
        method = "heun"
        theta: float | None = None

    assert repr(Theta(theta=0.5)) == "Theta(theta=0.5)"
    with pytest.raises(sd.DeclarationError, match="theta has no effect on 'heun'"):
        sd.simulate(SDE, [0, 1], method=Theta(theta=0.5), progress=False)
    assert sd.simulate(SDE, [0, 1], method=Theta(), seed=1, progress=False).attrs["method"] == "heun"


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (3, "method is 3; expected a name such as 'tau', or an object such as symdyn.methods.Tau"),
        (METHODS.Tau, r"Tau is a class, Tau\(\) an object of it"),
        (MethodOptions, r"MethodOptions is a class"),
        ("tua", "Did you mean 'tau'"),
        (METHODS.Tau(), "the method 'tau' cannot be used here: it takes systems of reactions; this"),
    ],
)
def test_what_is_no_method_for_the_system_is_refused(method, message):
    with pytest.raises(sd.SymdynError, match=message):
        sd.simulate(ODE, [0, 1], method=method, progress=False)


def test_unknown_keywords_are_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'max_steps'"):
        sd.simulate(ODE, [0, 1], max_steps=10)


def test_a_seed_is_accepted_everywhere_and_recorded():
    for system, t in ((ODE, [0, 1]), (MAP, [0, 1]), (NET, [0, 1])):
        assert sd.simulate(system, t, seed=7, progress=False).attrs["seed"] == 7
    assert sd.simulate(FIELD, [0, 1], grid=4, seed=7, progress=False).attrs["seed"] == 7
    assert "seed" not in sd.simulate(ODE, [0, 1], progress=False).attrs
