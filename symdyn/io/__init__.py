"""Files: models and tables in, datasets and reports out.

Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdyn.lazy import lazy

if TYPE_CHECKING:
    from symdyn.io.antimony import read_antimony, to_antimony
    from symdyn.io.archives.archive import read_archive
    from symdyn.io.datasets import read_dataset, write_dataset
    from symdyn.io.models import read_model
    from symdyn.io.petab.problem import read_petab
    from symdyn.io.replaying import replay
    from symdyn.io.report import write_recovery
    from symdyn.io.sbml import read_sbml, to_sbml
    from symdyn.io.tables import read_table, read_times

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "antimony": (
            "read_antimony",
            "to_antimony",
        ),
        "archives.archive": ("read_archive",),
        "datasets": (
            "read_dataset",
            "write_dataset",
        ),
        "models": ("read_model",),
        "petab.problem": ("read_petab",),
        "replaying": ("replay",),
        "report": ("write_recovery",),
        "sbml": (
            "read_sbml",
            "to_sbml",
        ),
        "tables": (
            "read_table",
            "read_times",
        ),
    },
)
