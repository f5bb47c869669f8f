"""Fields on a card: on numba's simulator what the processor gives, transforms included, and no spilled registers."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdyn as sd
from symdyn.errors import CompileError

SCRIPT = """
u, v, S, x, y, z, t = sp.symbols("u v S x y z t")

def both(name, grid, method, times=(0, 1e-3, 2.5e-3), **options):
    for target in ("cpu", "cuda"):
        data = sd.simulate(grid, list(times), method=method, target=target, progress=False, **options)
        for f in data.data_vars:
            results[f"{name} {f} {target}"] = data[f].values

walls = {u: {"left": sd.Dirichlet(sp.sin(t) * y), "top": sd.Robin(1, 1, S)}, v: {"y": sd.Neumann(x)}}
square = sd.PDESystem(
    {u: sd.laplacian(u) / 10 - sd.dx(u) * sd.mean(u) + S, v: sd.div(v * sd.grad(v)) - v}, sd.Rectangle(1, 2),
    odes={S: sd.mean(u * v) - S}, boundary=walls, initial={u: x * y, v: 1 + x, S: 0.5}, observables={"m": sd.integral(v)})
both("square", square.discretize((6, 7)), "bs32", rtol=1e-4)
box = sd.PDESystem({u: sd.laplacian(u) / 10 - sd.dz(u**2) + z}, sd.Box(1, 1, 1), initial={u: z * sp.cos(2 * sp.pi * x)},
                   boundary={"front": sd.Dirichlet(x + t), "x": "periodic"})
both("box", box.discretize((3, 3, 6)), "euler", step=5e-4)
both("upwind", box.discretize((3, 3, 6), advection="upwind"), "rk4", times=(0, 1.25e-3), step=1.25e-3)
line = sd.PDESystem({u: sd.laplacian(u), S: -S}, (0, 1), odes=[S], initial={u: x**2, S: 1})
both("line", line.discretize(9, order=4), "euler", step=5e-4)
both("until", line.discretize(9, order=4), "bs32", until="S < 0.9985", rtol=1e-5)
"""

MODES = """
u, v, S, x, y, z, t = sp.symbols("u v S x y z t")

def both(name, grid, method, **options):
    for target in ("cpu", "cuda"):
        data = sd.simulate(grid, [0, 1e-3], method=method, target=target, progress=False, **options)
        for f in data.data_vars:
            results[f"{name} {f} {target}"] = data[f].values

fourth, wave = sd.laplacian(sd.laplacian(u)), sp.cos(2 * sp.pi * x)
ring = sd.PDESystem({u: sd.laplacian(u) / 10 - u * sd.dx(u) - fourth / 1000 + sd.dx(sd.laplacian(u)) / 100 + S * wave,
    S: sd.mean(u**2) - S * t}, (0, 1), odes=[S], boundary="periodic", initial={u: sp.sin(2 * sp.pi * x), S: 0.5})
both("ring", ring.discretize(6, scheme="spectral"), "etdrk4", rtol=1e-5)
both("until", ring.discretize(5, scheme="spectral"), "sbdf2", step=1e-3, until="S > 0.5001")
both("explicit", ring.discretize(5, scheme="spectral", dealias=False), "bs32", rtol=1e-5)
along, across = sp.sin(2 * sp.pi * x) * sp.cos(sp.pi * y), 1 + sp.sin(sp.pi * y) / 2
mixing = {u: sd.dx(u * v) * v + sd.dx(sd.dy(u)) / 50 + sd.laplacian(u), v: sd.div(u * sd.grad(v)) - sd.laplacian(u) / 10 - v}
torus = sd.PDESystem(mixing, sd.Rectangle(1, 2), boundary="periodic", initial={u: along, v: across})
both("torus", torus.discretize((3, 4), scheme="spectral"), "imex3", step=1e-3)
mixed = sd.PDESystem({u: sd.laplacian(u) / 10 - u**3, v: sd.laplacian(v) + sd.dx(u)}, sd.Rectangle(1, 2),
    boundary={u: {"x": "periodic", "top": sd.Robin(1, 2, sp.sin(t) * x)}, v: {"x": "periodic"}},
    initial={u: y * sp.sin(2 * sp.pi * x), v: 0})
both("mixed", mixed.discretize((4, 4)), "etdrk4", step=1e-3)
line = sd.PDESystem({u: sd.laplacian(u) - u**2}, (0, 1), boundary={u: {"left": sd.Dirichlet(1)}}, initial={u: x})
both("line", line.discretize(7), "imex", step=1e-3)
"""


def test_the_simulator_gives_what_the_processor_does(simulated):
    found = simulated(SCRIPT)
    names = {name.rsplit(" ", 1)[0] for name in found}
    assert {n.split()[0] for n in names} == {"square", "until", "box", "upwind", "line"}
    for name in names:
        # sums of rows have another order, which the error of a step feels in its last digits
        np.testing.assert_allclose(found[f"{name} cuda"], found[f"{name} cpu"], rtol=1e-11, atol=1e-13, err_msg=name)
    np.testing.assert_allclose(found["until first_passage cuda"], -np.log(0.9985), rtol=1e-6)
    assert found["box u cuda"].shape == (3, 3, 3, 6)
    np.testing.assert_allclose(found["line S cuda"][-1], (1 - 5e-4) ** 5, rtol=1e-14)  # Euler's steps of S' = -S


def test_transforms_and_solutions_in_modes_are_those_of_the_processor(simulated):
    found = simulated(MODES)
    names = {name.rsplit(" ", 1)[0] for name in found}
    assert {n.split()[0] for n in names} == {"ring", "until", "explicit", "torus", "mixed", "line"}
    for name in names:
        np.testing.assert_allclose(found[f"{name} cuda"], found[f"{name} cpu"], rtol=1e-11, atol=1e-13, err_msg=name)
    assert 0 < found["until first_passage cuda"] < 1e-3
    assert found["ring steps cuda"] > 0


@pytest.mark.parametrize(
    ("options", "method", "names"),
    [
        ({"order": 4}, "bs32", {"rates", "rates_step", "fill", "combine", "errors"}),
        ({"scheme": "spectral"}, "etdrk4", {"rates", "wave", "half", "whole", "add_waves", "squares"}),
    ],
)
def test_kernels_spill_no_registers(options, method, names):
    grid = sd.models.zoo.gray_scott(sd.Box(1, 1, 1)).discretize(16, **options)
    kernel = sd.compile(grid, method=method, target="cuda")
    assert names <= set(kernel.resources)
    for name, taken in kernel.resources.items():
        assert taken.spilled_bytes == taken.local_bytes == 0, name
        assert taken.registers <= 128, name
    assert ".visible .entry" in kernel.ptx


def test_what_has_no_form_for_cards_is_refused():
    u = sp.Symbol("u")
    pde = sd.PDESystem({u: sd.laplacian(u)}, (0, 1), boundary="periodic", initial={u: 1})
    with pytest.raises(CompileError, match="fields on a card have float64 only"):
        sd.compile(pde.discretize(8), method="bs32", target="cuda", precision="float32")
    disc = sd.PDESystem({u: sd.laplacian(u)}, sd.Disk(1)).mesh(0.5)
    with pytest.raises(CompileError, match="ElementSystem is simulated on the processor"):
        sd.compile(disc, target="cuda")
