"""Files that are there as a whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from symdyn.files import put, put_arrays, read_arrays


def test_nothing_half_written_is_left(tmp_path):
    with pytest.raises(TypeError):
        put(tmp_path / "file", "text, not bytes")
    assert not list(tmp_path.iterdir())


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
        lambda data: b"PK\x03\x04" + data[4:100],
        lambda data: b"",
    ],
    ids=["cut off", "header", "no archive", "empty"],
)
def test_damaged_archives_end_in_one_error(tmp_path, harm):
    put_arrays(tmp_path / "a.npz", {"a": np.arange(100.0)})
    (tmp_path / "a.npz").write_bytes(harm((tmp_path / "a.npz").read_bytes()))
    with pytest.raises(ValueError, match=r"\w"):
        read_arrays(tmp_path / "a.npz")


def test_a_single_array_is_no_archive(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3.0))
    with pytest.raises(ValueError, match="a single array"):
        read_arrays(tmp_path / "a.npy")
