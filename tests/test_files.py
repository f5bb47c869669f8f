"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
import time
import zipfile

import numpy as np
import pytest

import symdyn as sd
from symdyn import files
from symdyn.files import ABANDONED, FileLock, clear, put, put_arrays, read_arrays
from symdyn.network_files import load_networks


def test_nothing_half_written_is_left(tmp_path):
    with pytest.raises(TypeError):
        put(tmp_path / "file", "text, not bytes")
    assert not list(tmp_path.iterdir())


def test_what_killed_processes_left_is_removed(tmp_path):
    old, young, other = (tmp_path / f".{name}.unfinished" for name in ("run[1]-0a", "run[1]-0b", "run2-0a"))
    for path in (old, young, other):
        (path / "inside").mkdir(parents=True)
    for path in (old, other):
        os.utime(path, (time.time() - 2 * ABANDONED,) * 2)
    clear(tmp_path / "run[1]")
    assert set(tmp_path.iterdir()) == {young, other}


@pytest.mark.skipif(files.fcntl is None, reason="files are not locked")
@pytest.mark.parametrize("where", ["flock", "ftruncate", "fstat", "write"])
def test_an_interrupt_while_a_file_is_taken_lets_it_go(tmp_path, monkeypatch, where):
    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files.fcntl if where == "flock" else os, where, interrupted)
        with pytest.raises(KeyboardInterrupt):
            FileLock(tmp_path / "record")
    FileLock(tmp_path / "record").release()


@pytest.mark.skipif(files.fcntl is None, reason="files are not locked")
def test_a_file_is_let_go_once(tmp_path, monkeypatch):
    """After an interrupt the number of the mark may be that of another open file."""
    lock, unlock = FileLock(tmp_path / "record"), files.fcntl.flock

    def interrupted(*args):
        unlock(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files.fcntl, "flock", interrupted)
        with pytest.raises(KeyboardInterrupt):
            lock.release()
    with (tmp_path / "other").open("w") as other:
        again = FileLock(tmp_path / "record")
        lock.release()
        other.write("text")
        with pytest.raises(BlockingIOError):
            FileLock(tmp_path / "record")
    again.release()
    FileLock(tmp_path / "record")  # dropped
    FileLock(tmp_path / "record").release()


def test_arrays_come_back_in_their_order(tmp_path):
    arrays = {"b": np.arange(3.0), "a": np.eye(2)}
    put_arrays(tmp_path / "folder" / "new.npz", arrays)
    found = read_arrays(tmp_path / "folder" / "new.npz")
    assert list(found) == ["b", "a"]
    assert all((found[k] == arrays[k]).all() for k in arrays)


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"'descr'", b"'descr\n", 1),
        lambda data: data.replace(b"(100,)", b"(200,)", 1),
        lambda data: b"PK\x03\x04" + data[4:100],
        lambda data: b"",
    ],
    ids=["cut off", "header", "shape", "no archive", "empty"],
)
def test_damaged_archives_end_in_one_error(tmp_path, harm):
    put_arrays(tmp_path / "a.npz", {"a": np.arange(100.0)})
    (tmp_path / "a.npz").write_bytes(harm((tmp_path / "a.npz").read_bytes()))
    with pytest.raises(ValueError, match=r"\w"):
        read_arrays(tmp_path / "a.npz")


def test_sizes_that_archives_claim_are_not_believed(tmp_path):
    put_arrays(tmp_path / "a.npz", {"a": np.arange(100.0)})
    data, size = bytearray((tmp_path / "a.npz").read_bytes()), 928
    for place in (at for at in range(len(data) - 4) if int.from_bytes(data[at : at + 4], "little") == size):
        data[place : place + 4] = (2**32 - 2).to_bytes(4, "little")
    (tmp_path / "a.npz").write_bytes(bytes(data))
    with pytest.raises(ValueError, match="a member is larger than the file"):
        read_arrays(tmp_path / "a.npz")


def test_places_outside_the_file_are_damage(tmp_path):
    put_arrays(tmp_path / "a.npz", {"a": np.arange(3.0)})
    data = bytearray((tmp_path / "a.npz").read_bytes())
    end = data.rindex(b"PK\x05\x06") + 16  # where the list of members begins; later, and the members are before the file
    data[end : end + 4] = (int.from_bytes(data[end : end + 4], "little") + 50).to_bytes(4, "little")
    (tmp_path / "a.npz").write_bytes(bytes(data))
    with pytest.raises(ValueError, match="OSError"):
        read_arrays(tmp_path / "a.npz")


def test_a_single_array_is_no_archive(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3.0))
    with pytest.raises(ValueError, match="BadZipFile: File is not a zip file"):
        read_arrays(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "array",
    [np.array(2.5), np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.array(["a", "bcd"]),
     np.empty((0, 3)), np.array([True, False]), np.array(["2024-01-01"], "M8[D]"), np.arange(3, dtype="u1")],
    ids=lambda a: f"{a.dtype}{a.shape}",
)  # fmt: skip
def test_every_kind_of_array_comes_back(tmp_path, array):
    put_arrays(tmp_path / "a.npz", {"a": array})
    found = read_arrays(tmp_path / "a.npz")["a"]
    np.testing.assert_array_equal(found, array)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)


def test_headers_are_not_compiled(tmp_path, monkeypatch):
    """numpy gives the header of an array to the parser of Python."""
    put_arrays(tmp_path / "a.npz", {"a": np.arange(3.0)})
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        data = archive.read("a.npy")
    monkeypatch.setattr("ast.literal_eval", lambda text: pytest.fail(f"{text} is parsed"))
    assert read_arrays(tmp_path / "a.npz")["a"].tolist() == [0.0, 1.0, 2.0]
    for found, put_in in ((b"(3,)", b"(a,)"), (b"'<f8'", b"'<f9'"), (b"'<f8'", b"'|O8'"), (b"(3,)", b"(9,)")):
        with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
            archive.writestr("a.npy", data.replace(found, put_in))
        with pytest.raises(ValueError, match=r"\w"):
            read_arrays(tmp_path / "b.npz")


SAVED = (sd.Fit, sd.Recovery, sd.Learned, sd.LearnedScore, sd.TrainedNetwork)


@pytest.mark.parametrize("load", [*(kind.load for kind in SAVED), load_networks, sd.replay], ids=lambda load: load.__qualname__)
def test_what_is_not_there_and_what_is_of_another_kind_are_told_apart(load, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing"):
        load(tmp_path / "nothing.nc")
    (tmp_path / "note.nc").write_text("hello")
    with pytest.raises(sd.DeclarationError, match=r"note\.nc"):
        load(tmp_path / "note.nc")


def test_a_folder_without_a_store_is_named(tmp_path):
    with pytest.raises(sd.DeclarationError, match="this folder is no store of a simulation"):
        sd.replay(tmp_path)
