"""The explorer as a widget of notebooks."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from symdyn.explorer.views import Explorer
from symdyn.system import System

__all__ = ["ExplorerWidget", "explore"]

_PAGE = Path(__file__).parent / "page"


class ExplorerWidget(anywidget.AnyWidget):
    """The page of an explorer in a notebook.

    Parameters
    ----------
    explorer : Explorer

    Attributes
    ----------
    explorer : Explorer
    bookmarks : list of dict
        What was bookmarked in the page: the request, which `Explorer.frame` takes, and ``code``, the Python lines.

    Examples
    --------
    >>> import symdyn as sd
    >>> decay = sd.explorer.Explorer(sd.ODESystem.from_text("x' = -k*x; k = 1; x(0) = 1"))
    >>> ExplorerWidget(decay).bookmarks
    []
    """

    _esm = (_PAGE / "explorer.js").read_text(encoding="utf-8")
    _css = (_PAGE / "explorer.css").read_text(encoding="utf-8")
    description = traitlets.Dict().tag(sync=True)
    bookmarks: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(self, explorer: Explorer) -> None:
        super().__init__(description=explorer.description())
        self.explorer = explorer
        self._one, self._superseded = threading.Lock(), 0
        self.on_msg(self._asked)

    def _asked(self, _: Any, content: Any, __: Any) -> None:
        """Begin to answer one request of the page, in a thread: a later message may say that nobody waits for it any longer."""
        if not isinstance(content, dict):
            return
        number = content.get("superseded")
        if isinstance(number, int):
            self._superseded = max(self._superseded, number)
        elif "number" in content:
            threading.Thread(target=self._answer, args=(content["number"], content.get("request")), daemon=True).start()

    def _answer(self, number: Any, request: Any) -> None:
        with self._one:  # kernels are not for several threads at once
            frame = self.explorer.answer(request, lambda: isinstance(number, int) and number <= self._superseded)
        self.send({"number": number, "frame": frame})


def explore(system: System, **options: Any) -> ExplorerWidget:
    """Sliders for parameters and initial values in a notebook; trajectories, phase plane and distributions follow them.

    Parameters
    ----------
    system : System
        Of ODEs, SDEs, maps or reactions.
    **options
        Of `symdyn.explorer.Explorer`: ``parameters``, ``initial``, ``ranges``, ``stop``, ``points``, ``trajectories``,
        ``seed`` and ``units``.

    Returns
    -------
    ExplorerWidget
        Its ``bookmarks`` have the Python lines of what was bookmarked.

    Raises
    ------
    DeclarationError
        For other kinds of systems and values that are missing.
    MissingPackageError
        Without anywidget (extra ``explore``); ``symdyn explore model.txt`` in a shell needs no further package.

    Examples
    --------
    >>> import symdyn as sd
    >>> widget = sd.explore(sd.ODESystem.from_text("x' = -k*x; k = 1; x(0) = 1"), ranges={"k": (0, 5)})
    >>> [c["name"] for c in widget.description["controls"]]
    ['k', 'x', 't']
    """
    return ExplorerWidget(Explorer(system, **options))
