"""The explorer as a widget of notebooks."""

from __future__ import annotations

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
        self.on_msg(self._asked)

    def _asked(self, _: Any, content: Any, __: Any) -> None:
        """Answer one request of the page; it sends the next one after that."""
        if isinstance(content, dict) and "number" in content:
            self.send({"number": content["number"], "frame": self.explorer.answer(content.get("request"))})


def explore(system: System, **options: Any) -> ExplorerWidget:
    """Sliders for parameters and initial values in a notebook; trajectories, phase plane and distributions follow them.

    Parameters
    ----------
    system : System
        Of ODEs, SDEs, maps or reactions.
    **options
        Of `symdyn.explorer.Explorer`: ``parameters``, ``initial``, ``ranges``, ``stop``, ``points``, ``trajectories`` and
        ``seed``.

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
