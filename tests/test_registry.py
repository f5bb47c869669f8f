"""Registries that packages fill: in several threads at once, and with names that these packages have too."""

import threading

import pytest

from symdyn.errors import SymdynError
from symdyn.identity import remembered

BEGIN = "from symdyn.registry import Registry\n\nSHAPES = Registry('shape')\nSHAPES.filled_by(__name__)\n"
SLOW = "import time\n\nfrom {0} import SHAPES\n\ntime.sleep(0.2)\nSHAPES.register('{1}', {2}, 'round')\n"


@pytest.fixture
def shapes(tmp_path, monkeypatch, request):
    """A registry of a package with one module, which takes a while to import."""
    name = f"shapes_{abs(hash(request.node.name))}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text(BEGIN)
    (folder / "figures.py").write_text(SLOW.format(name, "disk", "complex"))
    monkeypatch.syspath_prepend(str(tmp_path))
    return __import__(name).SHAPES


def test_all_threads_wait_for_the_entries(shapes):
    found, both = [], threading.Barrier(4, timeout=60)

    def look(name):
        both.wait()
        found.append(shapes[name] if name != "all" else list(shapes))

    threads = [threading.Thread(target=look, args=(name,)) for name in ("disk", "round", "disk", "all")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, found)) == [*[str(complex)] * 3, "['disk']"]
    assert shapes.changes == 0  # what was found before the package was imported stays right
    shapes.register("disk", complex)
    assert shapes.changes == 1


@pytest.mark.parametrize("name", ["disk", "round"])
def test_names_of_the_package_are_taken_before_it_is_imported(shapes, name):
    with pytest.raises(SymdynError, match=f"'{name}' is registered twice"):
        shapes.register(name, float)
    assert shapes[name] is complex


def test_a_package_that_is_not_there_is_missed_each_time(shapes):
    shapes.filled_by("symdyn_has_no_such_package")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError):
            list(shapes)


def test_what_is_forgotten_may_ask_again():
    done = threading.Event()

    class Asking:
        def __del__(self):
            length("again")

    @remembered(1)
    def length(value):
        return len(str(value))

    def run():
        length(Asking())
        length("next")
        done.set()

    threading.Thread(target=run, daemon=True).start()
    assert done.wait(20)
