"""Extensions that are loaded from a file."""

import importlib.util
import re
import sys
import textwrap

import pytest

from symdyn import extend


@pytest.fixture
def load(tmp_path):
    """Write a file, import it, and take back what it registered afterwards."""
    registries = [getattr(extend, n) for n in extend.__all__ if isinstance(getattr(extend, n), extend.Registry)]
    before = [set(r) for r in registries]
    loaded = []

    def write(name, text):
        text = textwrap.dedent(text)
        own = re.findall(r"^\s*(?:from|import) (symdyn[\w.]*)(?: import (.*))?", text, re.MULTILINE)
        assert {(m, n) for m, n in own} == {("symdyn", "extend")}, "an extension needs symdyn.extend alone"
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        loaded.append(name)
        spec.loader.exec_module(module)
        return module

    yield write
    for registry, known in zip(registries, before, strict=True):
        for name in set(registry) - known:
            del registry._entries[name]
    for name in loaded:
        del sys.modules[name]
