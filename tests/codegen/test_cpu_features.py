"""Machine code for processors other than this one: wide vectors where there are any, and code for the plainest."""

from __future__ import annotations

import re

import llvmlite.binding as llvm
import numba
import pytest
import sympy as sp
from symdyn_kernels.simd import sel, vfloor, vld, vlog, vsqrt, vst

import symdyn as sd
from symdyn.codegen import vector_math
from symdyn.codegen.emit_llvm import module_text
from symdyn.codegen.functions import programs
from symdyn.codegen.program import CALLS
from symdyn.methods.registry import METHODS

LINUX = "x86_64-unknown-linux-gnu"
#: The widest register of doubles of each processor.
WIDEST = {"skylake-avx512": "zmm", "znver4": "zmm", "znver5": "zmm", "haswell": "ymm", "znver3": "ymm", "x86-64": "xmm"}
WIDE = [cpu for cpu, register in WIDEST.items() if register == "zmm"]
#: Vectors of eight doubles between memory and a register, on the stack.
SPILL = re.compile(r"zmm\d+, -?\d*\(%r[sb]p|-?\d*\(%r[sb]p\), %zmm")


def assembly(text: str, cpu: str, triple: str = LINUX) -> str:
    """Instructions of a module of IR for a processor."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        target = llvm.Target.from_triple(triple)
    except RuntimeError as error:
        pytest.skip(f"this llvmlite has no target for {triple}: {error}")
    module = llvm.parse_assembly(text)
    module.verify()
    return target.create_target_machine(cpu=cpu, opt=2, reloc="pic").emit_assembly(module)


def neuron() -> sd.ODESystem:
    """Hodgkin & Huxley (J. Physiol. 117 (1952) 500), whose rates are exponentials, with a Hill function as leak."""
    v, m, h, n, current, power = sp.symbols("v m h n current power")
    opening = [(v + 40) / 10 / (1 - sp.exp(-(v + 40) / 10)), 7 * sp.exp(-(v + 65) / 20) / 100, (v + 55) / 100]
    closing = [4 * sp.exp(-(v + 65) / 18), 1 / (1 + sp.exp(-(v + 35) / 10)), sp.exp(-(v + 65) / 80) / 8]
    gates = {g: a * (1 - g) - b * g for g, a, b in zip((m, h, n), opening, closing, strict=True)}
    leak = (v + 54) ** 2 / (1 + (v + 54) ** power)
    return sd.ODESystem({v: current - 120 * m**3 * h * (v - 50) - 36 * n**4 * (v + 77) - leak, **gates})


@pytest.mark.parametrize(("cpu", "register"), WIDEST.items())
def test_a_model_is_compiled_for_the_widest_registers(cpu, register):
    text = module_text(tuple(programs(neuron(), METHODS["rodas5p"])[0]), 16, LINUX)
    code = assembly(text, cpu)
    for instruction in ("mulpd", "divpd", "addpd"):
        assert re.search(rf"{instruction}\s.*%{register}", code), instruction
    assert code.count("%ymm") == 0 or register == "ymm"
    assert code.count("%zmm") == 0 or register == "zmm"


@pytest.mark.parametrize("cpu", WIDE)
@pytest.mark.parametrize("op", vector_math.FUNCTIONS)
def test_an_elementary_function_of_eight_numbers_stays_in_registers(cpu, op):
    """But for its arguments, where the C library may have to be called."""
    code = assembly(vector_math.module_text(op, 8, LINUX), cpu)
    assert re.search(r"vfmadd\d*pd\s.*%zmm", code)
    assert "%ymm" not in code
    rare = op in ("sin", "cos", "tan", "pow")
    assert len(SPILL.findall(code)) <= 8 * rare


@pytest.mark.parametrize("cpu", ["haswell", "x86-64"])
@pytest.mark.parametrize("width", [1, 2, 8])
def test_every_function_compiles_for_older_processors(cpu, width):
    for op in set(CALLS) - {"sqrt", "fabs", "floor", "ceil", "fmin", "fmax"}:
        if op in vector_math.FUNCTIONS or width > 1:
            code = assembly(vector_math.module_text(op, width, LINUX), cpu)
            assert f"{vector_math.function_name(op, width)}:" in code
            assert "%zmm" not in code


def test_every_function_compiles_for_arm():
    triple = "aarch64-unknown-linux-gnu"
    for op in vector_math.FUNCTIONS:
        assert re.search(r"fml[as]\s+v\d+\.2d", assembly(vector_math.module_text(op, 8, triple), "", triple)), op
    text = module_text(tuple(programs(neuron(), METHODS["tsit5"])[0]), 8, triple)
    assert "fdiv\tv" in assembly(text, "", triple)


@pytest.mark.parametrize("cpu", WIDE)
def test_the_vectors_of_a_driver_fill_the_registers(cpu):
    """What numba makes of the vector type, compiled anew for a processor with registers of eight doubles."""

    @numba.njit(error_model="numpy")
    def norm(address):
        x, y = vld(address, 0), vld(address, 8)
        z = vsqrt(x * x + y * y)
        vst(address, 0, sel(vfloor(z), vlog(z), z / 2.0))

    norm.compile((numba.int64,))
    ir = norm.inspect_llvm()[norm.signatures[0]]
    code = assembly(ir, cpu)
    for instruction in ("vsqrtpd", "vdivpd", "vmulpd", "vrndscalepd"):
        assert re.search(rf"{instruction}\s.*%zmm", code), instruction
    assert not SPILL.findall(code)
