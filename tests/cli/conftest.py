"""A working folder with a model."""

from __future__ import annotations

import pytest

from tests.cli.commands import DECAY


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a model, as the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "decay.txt").write_text(DECAY)
    return tmp_path
