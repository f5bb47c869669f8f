"""From noise to data: densities with exact scores, marginals of diffusions, and the nodes of samplers.

>>> import sympy as sp, symdyn as sd
>>> x, t = sp.symbols("x t")
>>> vp = sd.SDESystem({x: -(0.1 + 19.9*t)/2*x}, {x: sp.sqrt(0.1 + 19.9*t)})  # the schedule is a formula
>>> data = sd.transport.GaussianMixture([0.2, 0.5, 0.3], [-2, 0.3, 1.5], [0.3, 0.2, 0.5])
>>> flow = vp.probability_flow(vp.marginal(data))
>>> nodes = sd.transport.nodes(flow, 20, span=(1, 1e-3), spacing="quadratic")
>>> noise = vp.marginal(data).at(1).initial(1000, seed=1)
>>> out = sd.simulate(flow, [1, 1e-3], initial=noise, trajectories=1000, method=sd.methods.DeisTab3(nodes=nodes))
>>> abs(out.x[:, -1].mean() - (-0.4 + 0.15 + 0.45)).item() < 0.1
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.transport.bridge_marginals import BridgeMarginal
    from symdyn.transport.bridges import SchroedingerBridge, schroedinger_bridge
    from symdyn.transport.conditioning import guided
    from symdyn.transport.denoising_chains import denoised, denoising_chain
    from symdyn.transport.densities import GaussianMixture, Normal
    from symdyn.transport.editing import edited
    from symdyn.transport.flow_statistics import model_statistics
    from symdyn.transport.interpolants import Interpolant, interpolant
    from symdyn.transport.inversion import InvertedData, invert
    from symdyn.transport.marginals import Marginal
    from symdyn.transport.masking import masked_from_gaussian, masked_survival
    from symdyn.transport.paths_to_data import consistency
    from symdyn.transport.policy_values import PolicyValue, value
    from symdyn.transport.schedules import diffusion
    from symdyn.transport.snapshots import SnapshotFit, multi_marginal
    from symdyn.transport.spacings import nodes

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "bridge_marginals": ("BridgeMarginal",),
        "bridges": ("SchroedingerBridge", "schroedinger_bridge"),
        "conditioning": ("guided",),
        "denoising_chains": ("denoised", "denoising_chain"),
        "densities": ("GaussianMixture", "Normal"),
        "editing": ("edited",),
        "flow_statistics": ("model_statistics",),
        "interpolants": ("Interpolant", "interpolant"),
        "inversion": ("InvertedData", "invert"),
        "marginals": ("Marginal",),
        "masking": ("masked_from_gaussian", "masked_survival"),
        "paths_to_data": ("consistency",),
        "policy_values": ("PolicyValue", "value"),
        "schedules": ("diffusion",),
        "snapshots": ("SnapshotFit", "multi_marginal"),
        "spacings": ("nodes",),
    },
)
