"""Methods of public classes that are functions of modules in higher layers than the class.

``net.moments(2)`` is ``symdyn.derive.moments.moments(net, 2)``.  The module of a function is imported when the method is used
for the first time, so that ``import symdyn`` loads none of them; ``help(net.moments)`` shows the function itself.  Modules of
symdyn are named in strings in this table and in the lazy ``__init__.py`` of packages alone.

To add a verb: write the function with the system as its first argument, add a line here, and write the stub anew by
``python -m tests.house.attached_stub``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

from symdyn import attached
from symdyn.optional import named

__all__ = ["VERBS", "Attached", "AttachedMaker", "AttachedProperty"]


class Attached:
    """A method that is a function of a module which is imported when it is needed.

    Parameters
    ----------
    module : str
    function : str
        Of that module; its first argument is the object.
    """

    def __init__(self, module: str, function: str) -> None:
        self.module, self.name = module, function

    @property
    def function(self) -> Callable[..., Any]:
        """The function itself."""
        with named():
            found: Callable[..., Any] = getattr(importlib.import_module(self.module), self.name)
        return found

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self.function if instance is None else MethodType(self.function, instance)


class AttachedProperty(Attached):
    """The same without further arguments: an attribute that is computed whenever it is read."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else self.function(instance)

    def __set__(self, instance: Any, value: Any) -> None:
        raise AttributeError(f"{self.name} follows from the {type(instance).__name__} and cannot be set")

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return self.function.__doc__


class AttachedMaker(Attached):
    """A function that makes an object of the class: ``Recovery.load(folder)``."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self.function


def _methods(module: str, *names: str, **renamed: str) -> dict[str, Attached]:
    """Methods that are functions of `module`: by their own names, or ``method="function"``."""
    return {name: Attached(module, function) for name, function in {**dict(zip(names, names, strict=True)), **renamed}.items()}


def _properties(module: str, *names: str) -> dict[str, Attached]:
    return {name: AttachedProperty(module, name) for name in names}


#: For each base the methods that it is given.
VERBS: Mapping[type, Mapping[str, Attached]] = {
    attached.FlowVerbs: {
        **_methods("symdyn.derive.moments", "moments", "cumulants"),
        **_methods("symdyn.io.sbml", "to_sbml"),
        **_methods("symdyn.io.antimony", "to_antimony"),
        **_methods("symdyn.derive.index_reduction", "index_reduced"),
        **_methods("symdyn.derive.jacobians", "jacobian"),
        **_methods("symdyn.models.text", "to_text"),
        **_methods("symdyn.derive.log_density", "with_log_density"),
        **_methods("symdyn.derive.semilinear", "semilinear"),
        **_methods("symdyn.derive.time_steps", "discretize"),
        **_methods("symdyn.models.eventful", "with_events"),
    },
    attached.MapVerbs: {
        **_methods("symdyn.io.sbml", "to_sbml"),  # refuses it, as SBML and Antimony have no such systems
        **_methods("symdyn.io.antimony", "to_antimony"),
        **_methods("symdyn.derive.backward_error", "modified_equation"),
        **_methods("symdyn.derive.jacobians", "jacobian"),
        **_methods("symdyn.models.text", "to_text"),
    },
    attached.DiffusionVerbs: {
        **_methods("symdyn.io.sbml", "to_sbml"),  # refuses it, as SBML and Antimony have no such systems
        **_methods("symdyn.io.antimony", "to_antimony"),
        **_methods("symdyn.derive.stability", "exponent_at_zero"),
        **_methods("symdyn.derive.moments", "moments", "cumulants"),
        **_methods("symdyn.derive.time_reversal", "probability_flow", "reverse_time"),
        **_methods("symdyn.transport.conditioning", "h_transform"),
        **_methods("symdyn.transport.marginals", "marginal"),
        **_methods("symdyn.models.text", "to_text"),
        **_methods("symdyn.models.eventful", "with_events"),
    },
    attached.NetworkVerbs: {
        **_methods("symdyn.models.eventful", "with_events"),
        **_methods("symdyn.derive.rate_equations", "rate_equations"),
        **_methods("symdyn.derive.langevin", "langevin"),
        **_methods("symdyn.derive.system_size", "linear_noise", "system_size"),
        **_methods("symdyn.derive.moments", "moments", "cumulants"),
        **_methods("symdyn.projection.equation", "master_equation"),
        **_methods("symdyn.networks.composition", "renamed", "with_reactions", __add__="compose"),
        **_methods("symdyn.networks.conservation", "conservation_laws", "eliminate"),
        **_methods("symdyn.networks.complexes", "structure"),
        **_properties("symdyn.networks.complexes", "deficiency"),
        **_methods("symdyn.networks.graph", "draw"),
        **_methods("symdyn.networks.display", _repr_html_="network_html"),
        **_methods("symdyn.io.sbml", "to_sbml"),
        **_methods("symdyn.models.text", "to_text"),
        **_methods("symdyn.io.antimony", "to_antimony"),
    },
    attached.MatrixVerbs: {
        **_properties(
            "symdyn.leslie.spectrum",
            "eigenvalues", "growth_factor", "stable_structure", "reproductive_values", "damping_ratio",
        ),
        **_properties("symdyn.leslie.perturbation", "sensitivities", "elasticities"),
        **_methods("symdyn.leslie.perturbation", "second_derivatives", "vital_rates"),
        **_properties("symdyn.leslie.cohorts", "net_reproductive_rate"),
        **_properties("symdyn.leslie.traits", "generation_time"),
        **_methods("symdyn.leslie.tables", "life_table"),
        **_methods("symdyn.leslie.traits", "life_history"),
        **_properties(
            "symdyn.leslie.transients",
            "reactivity", "first_step_attenuation", "maximal_amplification", "maximal_attenuation", "inertia_bounds",
        ),
        **_properties("symdyn.leslie.kreiss", "kreiss_bounds"),
        **_methods("symdyn.leslie.transients", "inertia"),
        **_properties("symdyn.leslie.structure", "irreducible", "primitive", "ergodic", "period"),
        **_methods("symdyn.leslie.coupled", "growth_factor_approximation"),
        **_methods("symdyn.leslie.standing", "last_standing"),
        **_methods("symdyn.leslie.extinction", "demographic"),
        **_methods("symdyn.leslie.overview", "summary"),
        **_methods("symdyn.leslie.drawing", "draw"),
    },
    attached.FieldVerbs: {
        **_methods("symdyn.io.sbml", "to_sbml"),  # refuses it, as SBML and Antimony have no such systems
        **_methods("symdyn.io.antimony", "to_antimony"),
        **_methods("symdyn.grids.system", "discretize"),
        **_methods("symdyn.elements.system", "mesh"),
        **_methods("symdyn.elements.frames", frame="field_frame"),
        **_methods("symdyn.grids.rest", at_rest="field_rest"),
    },
    attached.GridVerbs: {
        **_methods("symdyn.grids.frames", frame="grid_frame"),
        **_methods("symdyn.grids.kernel", kernel="grid_kernel"),
        **_methods("symdyn.grids.card_kernel", card_kernel="grid_card_kernel"),
        **_methods("symdyn.grids.rest", at_rest="grid_rest"),
    },
    attached.ElementVerbs: {
        **_methods("symdyn.elements.frames", frame="element_frame"),
        **_methods("symdyn.elements.kernel", kernel="element_kernel"),
        **_methods("symdyn.elements.rest", at_rest="element_rest"),
    },
    attached.AutomatonVerbs: {
        **_methods("symdyn.automata.closures", "mean_field", "pairs"),
        **_methods("symdyn.automata.kernel", frame="automaton_frame", kernel="automaton_kernel"),
        **_methods("symdyn.automata.card_kernel", card_kernel="automaton_card_kernel"),
        **_methods("symdyn.automata.operators", "step_operator"),
        **_methods("symdyn.automata.hamiltonians", "hamiltonian"),
        **_methods("symdyn.automata.waves", "wave_function"),
    },
    attached.MasterVerbs: {
        **_methods("symdyn.projection.transient", "transient"),
        **_methods("symdyn.projection.equilibrium", "stationary", moments="moments_of"),
        **_methods("symdyn.projection.sensitivities", "transient_sensitivity", "stationary_sensitivity"),
    },
    attached.FitVerbs: {
        **_methods("symdyn.inference.profiles", "profile"),
        **_methods("symdyn.inference.resampling", "bootstrap"),
        **_methods("symdyn.inference.foretelling", predict="predict_fit"),
        **_methods("symdyn.inference.smoothing", smooth="smooth_fit"),
        **_methods("symdyn.inference.validity", "validity"),
        **_methods("symdyn.inference.cross_validation", "cross_validate"),
        **_methods("symdyn.inference.sampling", sample="sample_fit"),
        **_methods("symdyn.inference.leaving_out", loo="loo_of"),
        **_methods("symdyn.inference.designs", design="design_of"),
        "identifiability": AttachedProperty("symdyn.inference.structure", "identifiability_of"),
        **_methods("symdyn.inference.fit_figures", plot="draw_data", plot_optima="draw_optima"),
        **_methods("symdyn.inference.uncertainty_figures", plot_residuals="draw_residuals", plot_profiles="draw_profiles"),
        **_methods("symdyn.inference.uncertainty_figures", plot_correlations="draw_correlations"),
        **_methods("symdyn.inference.uncertainty_figures", plot_parameters="draw_parameters"),
        "correlations": AttachedProperty("symdyn.inference.uncertainty_figures", "correlations_of"),
        **_methods("symdyn.io.fits", save="write_fit"),
        "load": AttachedMaker("symdyn.io.fits", "read_fit"),
    },
    attached.LearnedVerbs: _methods("symdyn.discover.figures", plot="draw_learned"),
    attached.RecoveryVerbs: {
        **_methods("symdyn.discover.figures", plot="draw_fit", plot_front="draw_front"),
        **_methods("symdyn.discover.predictions", "predict", "score"),
        **_methods("symdyn.discover.optima", "optima"),
        **_methods("symdyn.io.report", save="write_recovery"),
        "load": AttachedMaker("symdyn.io.recoveries", "read_recovery"),
    },
    attached.DiffusionRecoveryVerbs: _methods("symdyn.discover.diffusions.figures", plot="draw"),
    attached.FieldRecoveryVerbs: {
        **_methods("symdyn.discover.fields.figures", plot="draw"),
        **_methods("symdyn.discover.fields.scores", "score"),
    },
    attached.PropensityRecoveryVerbs: _methods("symdyn.discover.propensities.figures", plot="draw"),
    attached.ColonyVerbs: {
        **_methods("symdyn.cells.values", "values"),
        **_properties("symdyn.cells.greens", "greens"),
        **_methods("symdyn.cells.exchange", "exchange"),
        **_methods("symdyn.cells.asymptotic", "steady_state", "bulk_field", "eigenvalues", "modes", "unstable_count"),
        **_methods("symdyn.cells.hopf", "hopf_curve", "hopf_curves"),
        **_methods("symdyn.cells.limits", "well_mixed"),
        **_methods("symdyn.cells.waves", "at_wave", "wave_growth"),
        **_methods("symdyn.cells.modal", "large_diffusion"),
        **_methods("symdyn.cells.reduction", "reduce"),
        **_methods("symdyn.cells.full", "full"),
        **_methods("symdyn.cells.figures", "draw", "plot_bulk", "plot_mode", animate="animate_colony"),
    },
    attached.FullVerbs: {
        **_methods("symdyn.cells.frames", frame="cells_frame"),
        **_methods("symdyn.cells.kernel", kernel="cells_kernel"),
    },
    attached.ModeVerbs: {
        **_methods("symdyn.reduction.assimilation", "assimilate"),
        **_methods("symdyn.reduction.saving", save="save_reduced"),
        "load": AttachedMaker("symdyn.reduction.saving", "load_reduced"),
    },
    attached.ReducedVerbs: _methods("symdyn.cells.diagonal", "diagonal"),
}  # fmt: skip

for _base, _verbs in VERBS.items():
    for _name, _verb in _verbs.items():
        setattr(_base, _name, _verb)
