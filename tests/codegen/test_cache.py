"""The cache of compiled functions: private, shared by processes, never stale."""

import os
import pickle
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen import load

x, a = sp.symbols("x a")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMDYN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _models(cache):
    return sorted(p.name for p in (cache / "models").iterdir())


@pytest.mark.parametrize("backend", ["llvm", "numba"])
def test_a_known_model_is_loaded_and_not_generated_again(cache, backend, monkeypatch):
    system = sd.ODESystem({x: -a * x**3})
    first = sd.compile(system, method="tsit5", backend=backend)
    assert not first.cached
    files = _models(cache)
    if backend == "llvm":  # a known model must not even be lowered
        monkeypatch.setattr("symdyn.codegen.functions.programs", lambda *_: pytest.fail("lowered again"))
    second = sd.compile(sd.ODESystem({x: -a * x**3}), method="tsit5", backend=backend)
    assert second.cached
    assert second.path == first.path
    assert [f for f in _models(cache) if not f.startswith("__")] == [f for f in files if not f.startswith("__")]


def test_the_directory_is_private(cache):
    sd.compile(sd.ODESystem({x: -a * x}), method="tsit5")
    assert stat.S_IMODE(os.stat(cache).st_mode) == 0o700


def test_other_mathematics_or_sources_are_other_entries(cache, monkeypatch):
    paths = {sd.compile(sd.ODESystem({x: c * a * x}), method="tsit5").path for c in (1, 2)}
    assert len(paths) == 2
    monkeypatch.setattr(load, "host", lambda: ("other versions", "", ""))
    monkeypatch.setattr("symdyn.codegen.functions.host", load.host)
    paths.add(sd.compile(sd.ODESystem({x: a * x}), method="tsit5").path)
    monkeypatch.setattr("symdyn.codegen.functions.generator", lambda: "edited generator")
    paths.add(sd.compile(sd.ODESystem({x: a * x}), method="tsit5").path)
    assert len(paths) == 4


def test_code_of_sources_edited_meanwhile_is_not_kept_for_others(monkeypatch):
    """What runs is then not what is on disk: no other process may find it under the name of the new sources."""
    fresh = load.generator.__wrapped__()
    assert load.generator.__wrapped__() == fresh
    monkeypatch.setattr(load, "STARTED", 1.0)  # all sources are younger
    edited = load.generator.__wrapped__()
    assert edited != fresh
    monkeypatch.setattr(load.os, "getpid", lambda: -1)
    assert load.generator.__wrapped__() != edited


def test_a_driver_is_known_by_the_kernel_modules_it_links(tmp_path, monkeypatch):
    root = tmp_path / "symdyn_kernels"
    shutil.copytree(Path(load.symdyn_kernels.__file__).parent, root)
    monkeypatch.setattr(load.symdyn_kernels, "__file__", str(root / "__init__.py"))
    text = "from symdyn_kernels.rng import normal_pair\n"
    before = load.linked(text)
    (root / "drivers" / "adaptive.py").write_text("# edited")
    assert load.linked(text) == before
    (root / "simd.py").write_text("# edited: rng imports it")
    assert load.linked(text) != before


def test_a_lost_object_file_is_named(cache, monkeypatch):
    kernel = sd.compile(sd.ODESystem({x: -a * x**5}), method="tsit5")
    monkeypatch.setattr(load, "_ENGINES", {})  # what is loaded stays loaded: other code calls functions in it
    os.unlink(kernel.path)
    with pytest.raises(sd.CompileError, match="lost its object file"):
        sd.compile(sd.ODESystem({x: -a * x**5}), method="tsit5")


def test_nothing_half_written_is_left(cache, tmp_path):
    target = tmp_path / "file"
    with pytest.raises(TypeError):
        load.write_atomic(target, "text, not bytes")
    assert not list(tmp_path.glob(".file*"))
    assert not target.exists()


SCRIPT = """
import sympy as sp, symdyn as sd
x, a = sp.symbols("x a")
kernel = sd.compile(sd.ODESystem({x: -a * x**2}), method="tsit5", backend=%r)
print(kernel([[1.0]], [[1.0]], [0.0, 1.0], rtol=1e-10).values[0, 1, 0])
"""


@pytest.mark.parametrize("backend", ["llvm", "numba"])
def test_several_processes_may_compile_the_same_model_at_once(backend, tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "COVERAGE_PROCESS_START"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    # the drivers are warm; the model of this test is not known, for its name is new to the cache of the test run
    script = SCRIPT.replace("x a", f"x a_{tmp_path.name}") % backend
    runs = [
        subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    results = [run.communicate(timeout=300)[0] for run in runs]
    assert all(run.returncode == 0 for run in runs)
    assert [float(r) for r in results] == pytest.approx([0.5] * 3, rel=1e-8)  # x(1) = 1/(1 + 1)


def test_what_a_kernel_shows():
    kernel = sd.compile(sd.ODESystem({x: -a * x}), method="rodas4")
    assert "def rhs_at(t_t, y_x, p_a)" in kernel.source
    assert "def factor" in kernel.source
    assert str(kernel) == kernel.source
    compile(kernel.source, "kernel", "exec")  # it is valid Python
    assert "rodas4 of ODESystem(x)" in repr(kernel)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "gpu"}, "target is 'gpu'; known: cpu, cuda"),
        ({"precision": "float32"}, "belongs to target='cuda'"),
        ({"backend": "llmv"}, "Did you mean 'llvm'"),
        ({"lanes": 7}, "one of"),
        ({"method": "rk5"}, "unknown method 'rk5'"),
        ({"method": "iterate"}, "cannot be used here"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(sd.SymdynError, match=message):
        sd.compile(sd.ODESystem({x: -a * x}), **options)


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_a_kernel_travels_between_processes(target):
    pytest.importorskip("numba_cuda" if target == "cuda" else "numba")
    kernel = sd.compile(sd.ODESystem({x: -a * x}), method="tsit5", target=target)
    assert kernel.path
    copy = pickle.loads(pickle.dumps(kernel))
    assert (copy.path, copy.target, copy.source) == (kernel.path, target, kernel.source)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0, 2.0]], [[1.0]], [0, 1]), r"initial has the shape \(1, 2\); expected \(1, 1\)"),
        (([[1.0]], [[1.0, 2.0]], [0, 1]), r"parameters has the shape \(1, 2\); expected \(1, 1\)"),
        (([[1.0]], [[1.0]], [1, 0]), "times must be a sequence that increases"),
        (([[1.0]], [[1.0]], []), "times must be a sequence that increases"),
    ],
)
def test_arrays_of_other_shapes_do_not_reach_the_driver(arguments, message):
    with pytest.raises(sd.DeclarationError, match=message):
        sd.compile(sd.ODESystem({x: -a * x}))(*arguments)


def test_unknown_terms_cannot_be_compiled():
    with pytest.raises(sd.CompileError, match=r"unknown terms \(f\(x\)\)"):
        sd.compile(sd.ODESystem({x: sp.Function("f")(x)}))
