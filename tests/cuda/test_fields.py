"""Fields on a card: on numba's simulator what the processor gives, and kernels without spilled registers."""

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
both("square", square.discretize((6, 7)), "tsit5", rtol=1e-5)
both("until", square.discretize((6, 7)), "bs32", until="S > 0.5004", rtol=1e-5)
box = sd.PDESystem({u: sd.laplacian(u) / 10 - sd.dz(u**2) + z}, sd.Box(1, 1, 1), initial={u: z * sp.cos(2 * sp.pi * x)},
                   boundary={"front": sd.Dirichlet(x + t), "x": "periodic"})
both("box", box.discretize((3, 3, 6)), "euler", step=5e-4)
both("upwind", box.discretize((3, 3, 6), advection="upwind"), "rk4", times=(0, 1.25e-3), step=1.25e-3)
line = sd.PDESystem({u: sd.laplacian(u), S: -S}, (0, 1), odes=[S], initial={u: x**2, S: 1})
both("line", line.discretize(9, order=4), "euler", step=5e-4)
"""


def test_the_simulator_gives_what_the_processor_does(simulated):
    found = simulated(SCRIPT)
    names = {name.rsplit(" ", 1)[0] for name in found}
    assert {n.split()[0] for n in names} == {"square", "until", "box", "upwind", "line"}
    for name in names:
        # sums of rows have another order, which the error of a step feels in its last digits
        np.testing.assert_allclose(found[f"{name} cuda"], found[f"{name} cpu"], rtol=1e-11, atol=1e-13, err_msg=name)
    assert 0 < found["until first_passage cuda"] < 2.5e-3
    assert found["box u cuda"].shape == (3, 3, 3, 6)
    np.testing.assert_allclose(found["line S cuda"][-1], (1 - 5e-4) ** 5, rtol=1e-14)  # Euler's steps of S' = -S


def test_kernels_spill_no_registers():
    grid = sd.models.zoo.gray_scott(sd.Box(1, 1, 1)).discretize(16, order=4)
    kernel = sd.compile(grid, method="bs32", target="cuda")
    assert {"rates", "rates_step", "fill", "combine", "errors"} <= set(kernel.resources)
    for name, taken in kernel.resources.items():
        assert taken.spilled_bytes == taken.local_bytes == 0, name
        assert taken.registers <= 128, name
    assert ".visible .entry" in kernel.ptx


def test_what_has_no_form_for_cards_is_refused():
    u = sp.Symbol("u")
    pde = sd.PDESystem({u: sd.laplacian(u)}, (0, 1), boundary="periodic", initial={u: 1})
    with pytest.raises(CompileError, match="spectral derivatives need transforms there"):
        sd.compile(pde.discretize(8, scheme="spectral"), method="tsit5", target="cuda")
    with pytest.raises(CompileError, match="fields on a card have float64 only"):
        sd.compile(pde.discretize(8), method="bs32", target="cuda", precision="float32")
    with pytest.raises(CompileError, match="'etdrk4' needs transforms, which symdyn has on processors only"):
        sd.compile(pde.discretize(8), method="etdrk4", target="cuda")
    disc = sd.PDESystem({u: sd.laplacian(u)}, sd.Disk(1)).mesh(0.5)
    with pytest.raises(CompileError, match="ElementSystem is simulated on the processor"):
        sd.compile(disc, target="cuda")
