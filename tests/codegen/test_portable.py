"""Drivers made in advance: they compute as the text says, and are taken only where they fit."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import lzma
import os
from functools import partial
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from symdyn.cli import ExitCode, app
from symdyn.codegen import forecast, load, portable
from symdyn.io import warming

#: The sum of 0, 1, ..., n - 1 by way of an array, which has to be allocated.
TEXT = """
import numpy as np
from numba import njit

SIZE = 3


@njit("float64(int64)", no_cpython_wrapper=True)
def total(n):
    x = np.zeros(n)
    for k in range(n):
        x[k] = k
    return x.sum()
"""


@pytest.fixture
def total(tmp_path, monkeypatch):
    """Loads the driver with an empty cache; tells its result for 101, and whether numba compiled it."""
    monkeypatch.setattr(portable, "FOLDER", tmp_path / "portable")
    by_numba, rounds = [], iter(range(99))
    monkeypatch.setattr(load, "_by_numba", lambda *a, make=load._by_numba: by_numba.append(a) or make(*a))

    def loaded(text=TEXT):
        monkeypatch.setenv("SYMDYN_CACHE_DIR", str(tmp_path / f"cache{next(rounds)}"))
        for name in ("_DRIVERS", "_ENGINES"):
            monkeypatch.setattr(load, name, {})
        by_numba.clear()
        driver = load.import_driver("summing", text)
        assert driver.SIZE == 3
        return driver.total(101), bool(by_numba)

    monkeypatch.setenv(portable.WRITTEN, str(portable.FOLDER))
    assert loaded() == (5050.0, True)  # 100 * 101 / 2
    monkeypatch.delenv(portable.WRITTEN)
    return loaded


def test_what_was_made_in_advance_computes_without_numba(total):
    assert total() == (5050.0, False)


def test_another_text_is_compiled(total):
    assert total(TEXT.replace("x[k] = k", "x[k] = 2 * k")) == (10100.0, True)


def _edit(change):
    (path,) = portable.FOLDER.glob("*.bitcode")
    line, _, data = path.read_bytes().partition(b"\n")
    noted = json.loads(line)
    data = change(noted, data) or data
    path.write_bytes(json.dumps(noted).encode() + b"\n" + data)


@pytest.mark.parametrize("noted", [{"triple": "riscv64-unknown-linux-gnu"}, {"llvm": 99}, {"format": 0}], ids=str)
def test_what_was_made_for_others_is_left_alone(total, noted, caplog):
    _edit(lambda known, _: known.update(noted))
    assert total() == (5050.0, True)
    assert "damaged" not in caplog.text


@pytest.mark.parametrize(
    "harm",
    [
        lambda noted, data: data[:-9] + b"\0" + data[-8:],
        lambda noted, data: data[: len(data) // 2],
        lambda noted, data: noted.update(checksum=""),
        lambda noted, data: noted["functions"]["total"].__setitem__(3, 7),
        lambda noted, data: noted.pop("functions") and None,
    ],
    ids=["flipped", "cut", "checksum", "size", "lacking"],
)
def test_a_damaged_one_is_compiled_from_its_text(total, harm, caplog):
    _edit(harm)
    assert total() == (5050.0, True)
    assert "is damaged" in caplog.text


def test_what_llvm_cannot_read_is_compiled_from_its_text(total, caplog):
    """A whole file whose code is none, as that of an LLVM which changed its form."""

    def garble(noted, data):
        code = lzma.compress(b"BC" + bytes(len(lzma.decompress(data)) - 2))
        noted["checksum"] = hashlib.sha256(code).hexdigest()
        return code

    _edit(garble)
    assert total() == (5050.0, True)
    assert "LLVM refuses the driver of summing made in advance" in caplog.text


@pytest.fixture
def warm(monkeypatch):
    """``symdyn cache warm --portable`` for the driver alone, in this process."""

    def executor(processes, mp_context, initializer):
        initializer()
        return contextlib.nullcontext(SimpleNamespace(map=map))

    for name in ("SYMDYN_CACHE_DIR", portable.WRITTEN, "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # the command sets them
    monkeypatch.setattr(warming, "ProcessPoolExecutor", executor)
    monkeypatch.setattr(warming, "drivers", lambda: {"summing": [partial(load.import_driver, "summing", TEXT)]})
    for name in ("_DRIVERS", "_ENGINES"):
        monkeypatch.setattr(load, name, {})
    return lambda: CliRunner().invoke(app, ["cache", "warm", "--portable", "summing"])


def test_the_command_puts_a_driver_in_the_place_of_older_forms(total, warm, monkeypatch):
    (path,) = portable.FOLDER.glob("*.bitcode")
    path.rename(path.with_name("summing_0123456789abcdef0123.bitcode"))
    (portable.FOLDER / "summing_twice_0123456789abcdef0123.bitcode").write_bytes(b"")
    done = warm()
    assert done.exit_code == 0, done.output
    assert f"{portable.FOLDER}: 2 drivers made in advance" in done.stdout.replace("\n", "")
    assert {p.name for p in portable.FOLDER.iterdir()} == {path.name, "summing_twice_0123456789abcdef0123.bitcode"}
    monkeypatch.delenv(portable.WRITTEN)
    assert total() == (5050.0, False)


def test_the_command_compiles_nothing_where_it_may_not_write(tmp_path, warm, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(portable, "FOLDER", tmp_path / "file" / "portable")
    monkeypatch.setattr(warming, "ProcessPoolExecutor", lambda *a, **k: pytest.fail("it began to compile"))
    done = warm()
    assert done.exit_code == ExitCode.INPUT
    assert "Not a directory" in done.stderr


def test_the_forecast_is_drawn_where_somebody_looks(monkeypatch, caplog):
    drawn = []

    class Bar:
        n, total = 0.0, 0.0
        refresh = lambda self: drawn.append(self.n)  # noqa: E731
        close = lambda self: drawn.append("closed")  # noqa: E731

    monkeypatch.setattr(forecast, "TICK", 0.001)
    monkeypatch.setattr(forecast, "bar", lambda show, **options: Bar())
    caplog.set_level(logging.INFO, "symdyn")
    with forecast.waiting("jump"):
        assert drawn == []  # nobody looks
    monkeypatch.setattr(forecast, "drawn", lambda show: show)
    with forecast.waiting("jump"):
        while len(drawn) < 3:
            pass
    assert drawn[-1] == "closed"
    assert drawn[0] <= drawn[1] <= forecast.forecast("jump")
