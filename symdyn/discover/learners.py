"""Which training a system and data ask for, and the data that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from symdyn.discover.driving_paths import DrivingPaths
from symdyn.discover.fields.data import read_fields
from symdyn.discover.surrogates.field_pinn import FieldPINN
from symdyn.discover.surrogates.neural_diffusion import NeuralDiffusion
from symdyn.discover.surrogates.neural_ode import NeuralODE
from symdyn.discover.surrogates.registry import nested
from symdyn.errors import RecoveryError
from symdyn.inference.data import Observations, observations
from symdyn.inference.increments import increments
from symdyn.inference.optimum import read_noise
from symdyn.system import System

__all__ = ["Learner", "learner"]

#: Parts of the systems that are learned.
KINDS = (["drift"], ["map"], ["fields"], ["drift", "diffusion"], ["drift", "inputs"])
#: Points of a window of a map, whose runs chaos parts soon.
MAP_WINDOW = 5
#: Which options have an effect on which kinds, and why not on the others.
READ = {
    "penalty": ({"drift"}, "maps, SDEs and fields, whose steps are given"),
    "window": ({"drift", "map"}, "SDEs and fields, which have no windows"),
    "noise": ({"drift", "map"}, "SDEs and fields: SDEs take data as exact, and the noise of fields is estimated"),
    "heldout": ({"drift", "map", "diffusion"}, "fields"),
    "inputs": ({"drift"}, "maps, SDEs and fields"),
    "starts": ({"drift", "map"}, "SDEs and fields, which fit none"),
}


@dataclass(frozen=True)
class Learner:
    """A training.

    Attributes
    ----------
    system : System
        With unknown terms in the place of networks.
    kind : {'drift', 'map', 'fields', 'diffusion'}
    trainer : NeuralODE, NeuralDiffusion or FieldPINN
    whole, seen : Observations or FieldData
        All data, and those that are learned from.
    courses : DrivingPaths or None
        The inputs along the trajectories.
    """

    system: System
    kind: str
    trainer: Any
    whole: Any
    seen: Any
    courses: DrivingPaths | None = None


def learner(system: Any, data: Any, given: Mapping[str, Any], heldout: float, **options: Any) -> Learner:
    """The training of a system.

    Parameters
    ----------
    system : System
    data : anything that is read
    given : mapping
        Options of all trainings.
    heldout : float
    **options
        `window`, `penalty`, `noise`, `inputs` and `starts`; None if not given.

    Raises
    ------
    RecoveryError
        For systems that are not learned, and options that have no effect.
    """
    if not isinstance(system, System):
        raise RecoveryError(f"learn takes a system with unknown terms, got {type(system).__name__}")
    kind = next((parts[-1] for parts in KINDS if system.unmet(parts) is None), None)
    kind = "drift" if kind == "inputs" else kind
    if kind is None:
        raise RecoveryError(
            f"learn takes an ODESystem, a DiscreteSystem, an SDESystem or a PDESystem; {system.unmet(['drift'])}"
        )
    hybrid: Any = system.without_networks()
    if not hybrid.unknowns:
        raise RecoveryError("the system has no unknown terms; put network('f', [x, y])(x, y) into its equations, or use fit")
    asked = {**options, "heldout": heldout or None}
    for name, (kinds, others) in READ.items():
        if asked[name] is not None and kind not in kinds:
            raise RecoveryError(f"{name} has no effect on the learning of {others}; leave it out")
    penalty, window, noise = options["penalty"], options["window"], options["noise"]
    if kind == "fields":
        whole: Any = read_fields(hybrid, data)
        trainer: Any = FieldPINN(**given)
        reason = trainer.applies(hybrid, whole)
        return _checked(Learner(hybrid, kind, trainer, whole, whole), reason)
    whole = observations(hybrid, data)
    if noise is not None:
        if not isinstance(noise, Mapping):
            raise RecoveryError(
                f"noise is {noise!r}; expected standard deviations by state, such as {{{hybrid.names[0]!r}: 0.1}}"
            )
        whole = replace(whole, noise=read_noise(hybrid.states, whole.noise, noise))
    courses = DrivingPaths(hybrid, options["inputs"], whole)
    seen = courses.with_knots(whole.split(heldout)[0] if heldout else whole)
    if kind == "diffusion":
        if heldout:
            _enough(whole.split(heldout)[1])
        trainer = NeuralDiffusion(**given)
        return _checked(Learner(hybrid, kind, trainer, whole, seen), trainer.applies(hybrid, seen))
    usual: dict[str, Any] = {"width": 16}
    if kind == "map":  # of chaos, a run from where a point is held out tells nothing
        usual |= {"window": MAP_WINDOW, "holdout": 0.0}
    chosen: dict[str, Any] = {}
    if penalty is not None:
        if hybrid.inputs:
            raise RecoveryError("penalty has no effect with inputs, at whose knots steps end; leave it out")
        chosen["penalty"] = dict(penalty) if isinstance(penalty, Mapping) else penalty
    if (starts := options["starts"]) is not None:
        if window is not None and starts != "fitted":
            raise RecoveryError(f"window has no effect with starts={starts!r}, of which every trajectory is one; leave it out")
        chosen["starts"] = starts
    if hybrid.inputs:
        chosen |= {"courses": courses, "substeps": 1}  # between two knots, and as many as that takes
    trainer = NeuralODE(**{**usual, **({} if window is None else {"window": window}), **chosen, **given})
    return _checked(Learner(hybrid, kind, trainer, whole, seen, courses), nested(hybrid))


def _enough(later: Observations) -> None:
    """Refuse points held out that no step ahead can be judged by, before the training."""
    try:
        increments(later)
    except RecoveryError as error:
        raise RecoveryError(f"of what heldout leaves out, {error}, or hold out a larger fraction") from None


def _checked(found: Learner, reason: str | None) -> Learner:
    if reason is not None:
        raise RecoveryError(reason)
    return found
