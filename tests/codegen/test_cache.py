"""The cache of compiled functions: private, shared by processes, never stale."""

import errno
import os
import pickle
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sympy as sp

import symdyn as sd
from symdyn.codegen import cache as cache_module
from symdyn.codegen import load
from symdyn.codegen.drivers import adaptive_driver

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


def test_another_sympy_is_another_generator(monkeypatch):
    before = load.generator.__wrapped__()
    monkeypatch.setattr(sp, "__version__", "another")
    assert load.generator.__wrapped__() != before


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


def _flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0x10
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [os.unlink, _flip, lambda path: os.truncate(path, 100)], ids=["lost", "flipped", "cut off"])
@pytest.mark.parametrize("suffix", [".o", ".json"])
def test_a_damaged_model_is_compiled_again(cache, monkeypatch, harm, suffix):
    kernel = sd.compile(sd.ODESystem({x: -a * x**5}), method="tsit5")
    monkeypatch.setattr(load, "_ENGINES", {})  # what is loaded stays loaded: other code calls functions in it
    monkeypatch.setattr("symdyn.codegen.functions._LOADED", {})
    (path,) = (cache / "models").glob(f"*{suffix}")
    before = path.read_bytes()
    harm(path)
    assert not sd.compile(sd.ODESystem({x: -a * x**5}), method="tsit5").cached
    assert path.read_bytes() == before
    assert Path(kernel.path).exists()


TEXT = """
from numba import njit


@njit("float64(float64)", no_cpython_wrapper=True)
def twice(x):
    return 2 * x
"""


@pytest.fixture
def driver(cache, monkeypatch):
    """Loads the driver of a text anew, as another process does; tells whether it was compiled."""
    compiled = []
    monkeypatch.setattr(load, "_compiled", lambda *a, make=load._compiled: compiled.append(a) or make(*a))

    def imported():
        compiled.clear()
        monkeypatch.setattr(load, "_DRIVERS", {})
        monkeypatch.setattr(load, "_ENGINES", {})
        driver = load.import_driver("small", TEXT)
        assert driver.twice(3.0) == 6.0
        return bool(compiled)

    return imported


@pytest.fixture
def sealed_text(cache, monkeypatch):
    """Imports a text that numba itself keeps anew, as another process does; tells whether it was compiled."""
    text = TEXT.replace("no_cpython_wrapper", "cache")
    sealed = []
    monkeypatch.setattr(cache_module, "seal", lambda path, seal=cache_module.seal: (sealed.append(path), seal(path)))

    def imported():
        sealed.clear()
        module = load.import_text("small", text, "models")
        del sys.modules[module.__name__]
        assert module.twice(3.0) == 6.0
        return bool(sealed)

    return imported


class _Planted:
    def __reduce__(self):
        return os.mkdir, ("planted",)


@pytest.mark.parametrize(
    "harm",
    [_flip, lambda path: path.write_bytes(pickle.dumps("0.61") + pickle.dumps(_Planted())), os.unlink],
    ids=["flipped", "planted", "lost"],
)
@pytest.mark.parametrize("suffix", ["driver", "nbi", "nbc", "py", "seal"])
def test_code_is_loaded_as_it_was_kept_or_compiled_again(cache, driver, sealed_text, monkeypatch, tmp_path, suffix, harm):
    monkeypatch.chdir(tmp_path)
    imported = driver if suffix == "driver" else sealed_text
    assert imported()
    assert not imported()
    (path,) = (cache / ("drivers" if suffix == "driver" else "models")).rglob(f"small_*.{suffix}")
    harm(path)
    assert imported()
    assert not imported()
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775, 0o702])
@pytest.mark.parametrize("where", ["", "models", "drivers/__pycache__"])
def test_a_directory_others_can_write_to_is_refused(cache, mode, where):
    path = cache / where
    path.mkdir(parents=True)
    path.chmod(mode)
    with pytest.raises(sd.CompileError, match=rf"others can write to .*{path.name} \(mode {mode:04o}\); .*(chmod|cache clear)"):
        cache_module.folder(*where.split("/") if where else ["cuda"])


def test_so_is_one_on_the_way_to_it_or_a_link_to_such_a_one(cache, tmp_path, monkeypatch):
    parent = tmp_path / "open"
    parent.mkdir()
    parent.chmod(0o777)
    (parent / "cache").mkdir(mode=0o700)
    cache.symlink_to(parent / "cache")
    for path in (cache, parent / "cache", tmp_path / "open" / ".." / "open" / "cache"):
        monkeypatch.setenv("SYMDYN_CACHE_DIR", str(path))
        with pytest.raises(sd.CompileError, match=r"others can write to .*open \(mode 0777\); run 'chmod go-w .*open'"):
            cache_module.cache_directory()
    parent.chmod(0o1777)  # where nobody can rename what is another's, as in /tmp
    assert cache_module.cache_directory() == parent / ".." / "open" / "cache"


def test_and_one_of_another_user(cache, monkeypatch):
    cache.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: os.stat(cache).st_uid + 1)
    with pytest.raises(sd.CompileError, match=r"belongs to another user .*; set SYMDYN_CACHE_DIR to a directory of your own"):
        cache_module.cache_directory()


def _full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("full", ["symdyn.files.os.replace", "numba.core.caching.IndexDataCacheFile.save"])
def test_a_full_disk_costs_time_and_no_results(tmp_path, monkeypatch, caplog, full):
    adaptive_driver("tsit5")  # takes ten seconds to compile
    cache = tmp_path / "cache"
    monkeypatch.setenv("SYMDYN_CACHE_DIR", str(cache))
    monkeypatch.setattr(full, _full)
    monkeypatch.setattr(cache_module, "_NOTED", set())
    if full.startswith("numba"):  # which keeps what is compiled from the text of a model on request
        assert load.import_text("small", f"{TEXT}# {full}".replace("no_cpython_wrapper", "cache"), "models").twice(3.0) == 6.0
    else:
        assert load.import_driver("small", f"{TEXT}# {full}").twice(3.0) == 6.0
    kernel = sd.compile(sd.ODESystem({x: -a * x**7}), method="tsit5")
    assert kernel([[1.0]], [[1.0]], [0.0, 1.0], rtol=1e-10).values[0, 1, 0] == pytest.approx(7 ** (-1 / 6), rel=1e-8)
    (note,) = [r.message for r in caplog.records if "not kept" in r.message]
    assert "No space left on device; make room (symdyn cache clear) or set SYMDYN_CACHE_DIR" in note
    assert not list(cache.rglob("*.seal"))


def test_old_entries_and_what_killed_runs_left_are_removed(cache):
    models = cache_module.folder("models")
    ages = {"new.o": 0, "used.o": 2, "old.o": 5, ".old.o1f": 2, ".new.o2f": 0}  # hours
    for name, age in ages.items():
        (models / name).write_bytes(bytes(1000))
        os.utime(models / name, (time.time() - 3600 * age,) * 2)
    cache_module.sweep(cache, 4000)
    assert sorted(p.name for p in models.iterdir()) == [".new.o2f", "new.o", "used.o"]
    (models / ".another").write_bytes(b"")
    os.utime(models / ".another", (0, 0))
    cache_module.sweep(cache)  # once a day
    assert (models / ".another").exists()


COMPILE = f"""
import logging
from symdyn.codegen import cache as cache_module
from symdyn.codegen import load
from symdyn.codegen.drivers import adaptive_driver
logging.basicConfig(level=logging.INFO, format="%(message)s")
assert load.import_driver("small", {TEXT!r}).twice(3.0) == 6.0
"""


def test_one_process_compiles_a_driver_and_the_others_wait(cache):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, "-c", COMPILE]
    runs = [subprocess.Popen(run, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=300)[1] for process in runs]
    assert all(process.returncode == 0 for process in runs)
    assert sum("compiled the driver of small" in text for text in said) == 1


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
