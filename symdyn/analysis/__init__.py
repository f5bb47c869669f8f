"""Steady states, stability, continuation, bifurcations, blow-up and late times of systems; chaos and cycles of maps and flows.

Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.analysis.attractors import late_time
    from symdyn.analysis.basin_grids import basins
    from symdyn.analysis.bifurcations import folds, hopf_points
    from symdyn.analysis.branch_figures import plot_continuation
    from symdyn.analysis.characteristic import characteristic_roots, without_delays
    from symdyn.analysis.control import control_coefficients
    from symdyn.analysis.cycle_branches import continue_cycle
    from symdyn.analysis.cycles import limit_cycle
    from symdyn.analysis.equilibria import steady_states
    from symdyn.analysis.existence import blow_up
    from symdyn.analysis.figures import plot_bifurcations, plot_cycle
    from symdyn.analysis.following import continuation
    from symdyn.analysis.homotopy_search import homotopy_roots
    from symdyn.analysis.identifiability import StructuralIdentifiability
    from symdyn.analysis.linearisation import stability
    from symdyn.analysis.lyapunov import lyapunov_exponents
    from symdyn.analysis.map_attractors import bifurcation_diagram
    from symdyn.analysis.portrait_figures import plot_basins, plot_portrait, plot_section
    from symdyn.analysis.portraits import PhasePortrait, phase_portrait
    from symdyn.analysis.root_derivatives import root_slopes
    from symdyn.analysis.root_tracking import root_paths
    from symdyn.analysis.rotation import rotation_number
    from symdyn.analysis.sections import poincare_section
    from symdyn.analysis.solver_reports import solver_report
    from symdyn.analysis.spectrum_figures import plot_lyapunov, plot_roots
    from symdyn.analysis.tangents import tangent_map

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "attractors": ("late_time",),
        "bifurcations": ("folds", "hopf_points"),
        "branch_figures": ("plot_continuation",),
        "control": ("control_coefficients",),
        "cycle_branches": ("continue_cycle",),
        "characteristic": ("characteristic_roots", "without_delays"),
        "cycles": ("limit_cycle",),
        "equilibria": ("steady_states",),
        "existence": ("blow_up",),
        "homotopy_search": ("homotopy_roots",),
        "identifiability": ("StructuralIdentifiability",),
        "figures": ("plot_bifurcations", "plot_cycle"),
        "following": ("continuation",),
        "linearisation": ("stability",),
        "lyapunov": ("lyapunov_exponents",),
        "map_attractors": ("bifurcation_diagram",),
        "basin_grids": ("basins",),
        "portrait_figures": ("plot_basins", "plot_portrait", "plot_section"),
        "portraits": ("PhasePortrait", "phase_portrait"),
        "root_tracking": ("root_paths",),
        "root_derivatives": ("root_slopes",),
        "rotation": ("rotation_number",),
        "sections": ("poincare_section",),
        "solver_reports": ("solver_report",),
        "spectrum_figures": ("plot_lyapunov", "plot_roots"),
        "tangents": ("tangent_map",),
    },
)
