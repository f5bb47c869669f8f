"""The state of an installation, and the cache of compiled code, from the shell."""

from __future__ import annotations

import contextlib
import json
import os
from types import SimpleNamespace

import numpy as np

import symdyn as sd
import symdyn.discover.recover
import symdyn.simulation.run
from symdyn.cli import ExitCode
from symdyn.codegen.families import FAMILIES, family_of
from symdyn.optional import OPTIONAL
from tests.cli.commands import python, run


def test_info_names_versions_targets_and_extras():
    facts = json.loads(run("info", "--json").stdout)
    assert facts["symdyn"] == sd.__version__
    assert facts["versions"]["numpy"] == np.__version__
    assert facts["targets"]["cpu"]["lanes"] == [1, 8, 16, 32]
    assert facts["targets"]["cuda"]["available"] or "no card is found" in facts["targets"]["cuda"]["reason"]
    assert {name: found["extra"] for name, found in facts["optional"].items()} == dict(OPTIONAL.values())
    text = run("info").stdout
    for name, found in facts["optional"].items():
        line = next(line for line in text.splitlines() if line.startswith(name + " "))
        assert ("missing; the extra" in line) is not found["present"]
    assert facts["cache"]["directory"] in text


def test_doctor_runs_every_kind_of_system_and_names_what_fails(monkeypatch):
    from symdyn import doctor

    done = run("doctor")
    lines = {line[9:31].strip(): line for line in done.stdout.splitlines()}
    for name in doctor.CHECKS:
        assert lines[name].startswith(("ok ", "skipped ")), lines[name]
    assert (done.exit_code, lines["CUDA"][:7]) == (0, "skipped")
    assert sd.__version__ in done.stdout
    monkeypatch.setattr(doctor, "CHECKS", {"small": lambda: doctor._near(1.01, 1, 0.001), "map": doctor._iteration})
    done = run("doctor", "--json")
    assert done.exit_code == ExitCode.FAILURE
    assert "1 of 2 checks failed: small" in done.stderr
    assert json.loads(done.stdout)["checks"][0]["message"] == "ArithmeticError: 1.01, in theory 1"


def test_cache_is_cleared_of_compiled_code_only(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMDYN_CACHE_DIR", str(tmp_path))
    for name in ("drivers/a.driver", "drivers/__pycache__/a.nbc", "models/b.o", "models/b.json", "mine.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    facts = json.loads(run("cache", "info", "--json").stdout)
    assert facts == {"directory": str(tmp_path), "drivers": 1, "models": 1, "bytes": 20}
    done = run("cache", "clear")
    assert done.exit_code == 0
    assert "0 drivers, 0 models" in done.stdout
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_cache_warm_asks_for_every_driver_once(monkeypatch):
    asked = []

    def note(*words, **parts):
        asked.append((*words, *(name for name, present in parts.items() if present)))

    monkeypatch.setattr("symdyn.io.warming.plain_driver", note)
    for family in ("adaptive", "jump", "leaping", "stepping", "taylor"):
        monkeypatch.setattr(f"symdyn.codegen.families.{family}.plain_driver", note)
    monkeypatch.setattr("symdyn.codegen.families.adaptive.common_driver", lambda **parts: note("loop", **parts))
    monkeypatch.setattr("symdyn.codegen.families.adaptive.method_functions", note)
    for family in FAMILIES.values():
        monkeypatch.setattr(type(family), "driver", lambda self, name: note(name))
    monkeypatch.setattr("symdyn.io.warming.projection_driver", lambda: note("projection"))
    monkeypatch.setattr("symdyn.io.warming.candidates_driver", lambda: note("candidates"))
    done = run("cache", "warm")
    assert (done.exit_code, done.stderr) == (0, "")
    adaptive = [name for name, scheme in sd.METHODS.items() if family_of(scheme) is FAMILIES["adaptive"]]
    parts = [(), ("algebraic",), ("delays",), ("algebraic", "delays")]
    loops = {("loop", *some) for some in ((*e, *p) for e in ((), ("events",)) for p in parts) if some}
    steps = {(name, *some) for name in adaptive for some in parts}
    single = (
        "elimination", "jump_large", "stencil", "stencil_steps", "adjoint", "adjoint_stiff", "reversible", "projection",
        "candidates", "stepping_tree", "brownian",
    )  # fmt: skip
    eventful = {("stepping_events",), ("jump_large", "QUEUED"), ("leaping", "EVENTS"), ("taylor", "EVENTS")}
    assert len(loops) == 7
    assert set(asked) == {
        *((name,) for name in sd.METHODS),
        *loops,
        *steps,
        *((name,) for name in single),
        *eventful,
        ("stepping_events", "DELAYS"),
        ("consistent",),
    }
    assert len(asked) == len(set(asked)) + len(adaptive)  # the drivers and the steps of these have one name here
    asked.clear()
    run("cache", "warm", "tsit5", "events")
    assert set(asked) == {("tsit5",), ("loop", "events"), *((name,) for name in adaptive), *eventful}
    asked.clear()
    monkeypatch.setattr(
        "symdyn.io.warming.ProcessPoolExecutor", lambda *a, **k: contextlib.nullcontext(SimpleNamespace(map=map))
    )
    run("cache", "warm", "tsit5", "--processes", "2")
    assert asked == [("tsit5",)]
    asked.clear()
    shown = run("cache", "warm", "--list").stdout
    assert not asked
    assert "events: models with events, doses or inputs" in shown
    assert ", tsit5" in shown
    wrong = run("cache", "warm", "event")
    assert wrong.exit_code == 2
    assert "'event' is not known. Did you mean 'events'? --list shows the names" in " ".join(
        wrong.stderr.replace("│", " ").split()
    )


def test_version():
    assert run("--version").stdout == f"{sd.__version__}\n"


def test_help_needs_nothing_heavy():
    program = (
        "import sys, symdyn.cli; "
        "print([m for m in ('numba', 'xarray', 'pandas', 'scipy', 'jax', 'matplotlib') if m in sys.modules])"
    )
    done = python("-c", program, check=True)
    assert done.stdout == "[]\n"
