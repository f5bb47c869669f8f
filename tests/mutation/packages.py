"""The core, and the tests that are run for each part of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants

__all__ = ["PACKAGES", "ROOT", "Package"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Package:
    """Modules and their tests.

    Parameters
    ----------
    modules : tuple of str
        Files or folders, relative to the repository.
    tests : tuple of str
        Files or folders; the doctests of the modules are added.
    compiled : bool
        Whether numba compiles the modules: their tests cannot be traced, so that all of them are run.
    """

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    compiled: bool = False

    def files(self) -> list[Path]:
        """The modules."""
        found: list[Path] = []
        for name in self.modules:
            path = ROOT / name
            found += [path] if path.is_file() else [p for p in path.rglob("*.py") if p.name != "__init__.py"]
        return sorted(found)

    def mutants(self) -> list[Mutant]:
        """All mutants of the modules."""
        return [m for p in self.files() for m in mutants(str(p.relative_to(ROOT)), p.read_text(encoding="utf-8"))]


PACKAGES: dict[str, Package] = {
    "inference": Package(("symdyn/inference",), ("tests/inference",)),
    "derive": Package(("symdyn/derive",), ("tests/derive", "tests/conformance/test_closures.py")),
    "methods": Package(("symdyn/methods",), ("tests/orders", "tests/integration", "tests/conformance/test_methods.py")),
    "shared": Package(
        ("kernels/symdyn_kernels/shared",),
        ("tests/shared", "tests/test_variates.py", "tests/test_rng.py"),
        compiled=True,
    ),
    "codegen": Package(
        ("symdyn/codegen/lower.py", "symdyn/codegen/program.py", "symdyn/codegen/hoist.py", "symdyn/codegen/ordering.py"),
        (
            "tests/codegen/test_lower.py",
            "tests/codegen/test_ordering.py",
            "tests/codegen/test_elimination.py",
            "tests/codegen/test_printers.py",
            "tests/codegen/test_call_groups.py",
        ),
    ),
    "dag": Package(("symdyn/dag.py",), ("tests/test_dag.py", "tests/test_system.py", "tests/codegen/test_lower.py")),
    "parsing": Package(
        ("symdyn/parsing.py", "symdyn/text"),
        ("tests/test_parsing.py", "tests/test_hostile_text.py", "tests/codegen/test_functions_of_text.py", "tests/models"),
    ),
    "projection": Package(("symdyn/projection",), ("tests/projection",)),
    "leslie": Package(("symdyn/leslie",), ("tests/leslie",)),
    "analysis": Package(("symdyn/analysis",), ("tests/analysis",)),
    "grids": Package(("symdyn/grids/closures.py",), ("tests/grids/test_closures.py", "tests/grids/test_stencils.py")),
}
