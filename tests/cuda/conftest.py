"""Running kernels on numba's CUDA simulator, which has to be chosen before numba is imported: in a process of its own."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
HEAD = "import sys\nimport numpy as np, sympy as sp, symdyn as sd\nresults = {}\n"
TAIL = "\nnp.savez(sys.argv[1], **results)\n"


@functools.cache
def run_simulated(script: str) -> tuple[dict[str, np.ndarray], str]:
    """What `script` put into its dictionary `results`, or why it failed; tests that give the same script share one run."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": path}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.npz"
        command = [sys.executable, "-W", "error::RuntimeWarning", "-c", HEAD + script + TAIL, str(file)]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            return {}, done.stderr[-4000:]
        with np.load(file) as found:
            return dict(found), ""


@pytest.fixture
def simulated() -> Callable[[str], dict[str, np.ndarray]]:
    """Runs a script on the simulator; ``np``, ``sp`` and ``sd`` are imported, and it fills the dictionary ``results``."""

    def run(script: str) -> dict[str, np.ndarray]:
        results, failure = run_simulated(script)
        assert not failure, failure
        return results

    return run
