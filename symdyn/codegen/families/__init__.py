"""Families of methods, one file each; a new one is added to `FAMILIES` and nowhere else."""

from __future__ import annotations

from typing import Any

from symdyn.codegen.families.adaptive import ADAPTIVE
from symdyn.codegen.families.arrays import ARRAYS, DISTRIBUTIONS, LATTICES, MULTISTEP
from symdyn.codegen.families.base import Family
from symdyn.codegen.families.branching import BRANCHING
from symdyn.codegen.families.diffusion import DIFFUSION
from symdyn.codegen.families.hybrid import HYBRID
from symdyn.codegen.families.jump import JUMP
from symdyn.codegen.families.leaping import LEAPING
from symdyn.codegen.families.reversible import REVERSIBLE
from symdyn.codegen.families.sampler import NOISY_SAMPLERS, SAMPLERS
from symdyn.codegen.families.stepping import MAPS, STEPPING
from symdyn.codegen.families.taylor import TAYLOR
from symdyn.codegen.families.tree import TREES
from symdyn.errors import CompileError
from symdyn.registry import Registry

__all__ = ["FAMILIES", "family_of"]

#: What runs the methods of a type: `Family.schemes` are the types of entries of the registry of methods.
FAMILIES: Registry[Family] = Registry("family of methods")
for _family in (
    ADAPTIVE,
    TAYLOR,
    STEPPING,
    TREES,
    MAPS,
    REVERSIBLE,
    SAMPLERS,
    NOISY_SAMPLERS,
    JUMP,
    LEAPING,
    HYBRID,
    DIFFUSION,
    BRANCHING,
    ARRAYS,
    MULTISTEP,
    DISTRIBUTIONS,
    LATTICES,
):
    FAMILIES.register(type(_family).__name__.removesuffix("Family").lower(), _family)
#: Methods by their identity, with the state of the registry, and their families.
_FOUND: dict[int, tuple[Any, int, Family]] = {}


def family_of(scheme: Any) -> Family:
    """The family that runs a method, by the nearest of the types that its entry in the registry of methods is derived from."""
    known, changes, family = _FOUND.get(id(scheme), (None, 0, ADAPTIVE))
    if known is scheme and changes == FAMILIES.changes:
        return family
    for kind in type(scheme).__mro__:
        for family in FAMILIES.values():
            if kind in family.schemes and family.runs(scheme):
                _FOUND[id(scheme)] = scheme, FAMILIES.changes, family
                return family
    raise CompileError(f"no family of methods runs a {type(scheme).__name__}; register one in symdyn.extend.FAMILIES")
