"""The compilers of CUDA: one module brings them in, they work without a card, and what they say about a kernel is read."""

from __future__ import annotations

import ast
import re
import runpy
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import symdyn as sd

pytest.importorskip("numba_cuda")

from symdyn.codegen.cuda import toolchain
from symdyn.codegen.cuda.join import single_precision
from symdyn.errors import MissingPackageError

ROOT = Path(__file__).parents[2]
TOOLCHAIN = ROOT / "symdyn" / "codegen" / "cuda" / "toolchain.py"
#: Modules that are imported when a kernel for a card is asked for: they, and they alone, may import the toolchain.
LATE = {TOOLCHAIN.with_name(f"{name}.py") for name in ("kernel", "launch", "reductions", "toolchain")}
LATE |= {ROOT / "symdyn" / "automata" / "card_kernel.py"}
LATE |= {
    ROOT / "symdyn" / "grids" / f"{name}.py"
    for name in ("card", "card_arrays", "card_kernel", "card_modes", "card_problems", "card_spectral")
}
LORENZ = "x' = s*(y - x)\ny' = x*(r - z) - y\nz' = x*y - b*z"


def lorenz() -> sd.ODESystem:
    return sd.ODESystem.from_text(LORENZ, parameters={"s": 10.0, "r": 28.0, "b": 8 / 3})


def imports(path: Path) -> set[str]:
    """Full names that a module imports when it is imported itself, but not those of annotations."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{a.name}" for a in node.names}
    return found


def test_one_module_imports_numba_cuda_and_nobody_imports_it_early():
    modules = [p for folder in ("symdyn", "kernels", "examples") for p in (ROOT / folder).rglob("*.py")]
    users = {p for p in modules if re.search(r"(from|import) numba(\.cuda| import cuda)", p.read_text())}
    assert users == {TOOLCHAIN}
    late = {".".join(p.relative_to(ROOT).with_suffix("").parts) for p in LATE}
    early = {p for p in modules if any(re.sub(r"\.\w+$", "", name) in late or name in late for name in imports(p))}
    assert early <= LATE


def test_missing_package_meets_one_error_with_the_install_line(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(MissingPackageError, match=r'numba-cuda .*pip install "symdyn-modeling\[cuda\]"'):
        runpy.run_path(str(TOOLCHAIN))


@pytest.mark.parametrize("failure", [OSError("libnvvm.so: cannot open"), ImportError("no nvJitLink"), RuntimeError("libnvvm")])
def test_missing_compilers_meet_one_error_with_the_install_line(monkeypatch, failure):
    def fail(*_, **__):
        raise failure

    monkeypatch.setattr(toolchain.cuda, "compile_ptx", fail)
    with pytest.raises(sd.CompileError, match=re.escape(f"({failure}): {toolchain.INSTALL}")):
        toolchain.compile_ptx(test_missing_package_meets_one_error_with_the_install_line, "float64")


def test_a_numpy_that_the_package_does_not_know_is_named(monkeypatch):
    def fail(*_, **__):
        raise AttributeError("module 'numpy' has no attribute 'row_stack'")

    monkeypatch.setattr(toolchain.cuda, "compile_ptx", fail)
    with pytest.raises(sd.CompileError, match=rf"not work with numpy {re.escape(np.__version__)} .*row_stack.*constraints"):
        toolchain.compile_ptx(lorenz, "float64")


def test_another_version_of_the_package_is_named(monkeypatch):
    from numba.cuda import dispatcher

    monkeypatch.delattr(dispatcher, "get_current_device")
    with pytest.raises(sd.CompileError, match=f"numba-cuda {re.escape(toolchain.VERSION)} compiles in a way that"):
        toolchain.compile_ptx(lorenz, "float64")


def test_what_the_assembler_says_is_read_for_the_kernel_alone():
    log = """ptxas info    : 272 bytes gmem
ptxas info    : Function properties for __internal_trig_reduction_slowpathd
ptxas         .     40 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Compiling entry function '_Z3run' for 'sm_90'
ptxas info    : Function properties for _Z3run
ptxas         .     352 bytes stack frame, 424 bytes spill stores, 500 bytes spill loads
ptxas info    : Used 255 registers, used 0 barriers, 352 bytes cumulative stack size
"""
    assert toolchain._resources(log) == toolchain.Resources(registers=255, local_bytes=352, spilled_bytes=424)
    with pytest.raises(sd.CompileError, match="cannot read: 'nothing'"):
        toolchain._resources("nothing")


@pytest.mark.parametrize("method", ["tsit5", "dop853", "rodas4", "rodas5p"])
def test_lorenz_stays_in_registers(method):
    """A thread of sm_90 has 255 registers; what it does not keep there would go through memory at every step."""
    kernel = sd.compile(lorenz(), method=method, target="cuda")
    assert ".target sm_90" in kernel.ptx
    assert kernel.resources.local_bytes == kernel.resources.spilled_bytes == 0
    assert 32 < kernel.resources.registers <= 255


def test_single_precision_computes_in_single_precision():
    """Time alone is double: fewer operations than the thirty-odd of one stage would be."""
    kernel = sd.compile(lorenz(), method="tsit5", target="cuda", precision="float32")
    arithmetic = re.findall(r"\b(?:add|sub|mul|fma\.rn|div\.rn)\.(?:rn\.)?(f32|f64)\b", kernel.ptx)
    assert arithmetic.count("f64") < 10 < 200 < arithmetic.count("f32")
    assert kernel.resources.spilled_bytes == 0


def test_literals_of_single_precision():
    assert single_precision("a = 1e-3 + 2 * .5 - x1e5  # 0.5\n") == "a = real(1e-3) + 2 * real(.5) - x1e5  # 0.5\n"
    assert single_precision("real64(1.5) + s[0x1F] + 'a 0.5'") == "real64(1.5) + s[0x1F] + 'a 0.5'"


def test_words_of_64_bits_and_ieee_functions_of_the_simulator():
    ieee = toolchain._Ieee()
    with np.errstate(all="ignore"):
        assert ieee.log(np.float64(0)) == -np.inf
        assert np.isnan(ieee.sqrt(np.float64(-1)))
    assert np.isnan(ieee.gamma(-1.0))  # math.gamma would raise
    assert ieee.atan2(1.0, 1.0) == np.pi / 4
    assert ieee.asin(1.0) == np.pi / 2
    assert ieee.pow(2.0, 3.0) == 8.0
