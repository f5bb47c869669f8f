"""Progress bars: in terminals and notebooks, silent in pipes."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

__all__ = ["bar", "drawn"]


def drawn(show: bool) -> bool:
    """Whether a bar is drawn: if it is to be shown, and somebody looks."""
    return show and ("ipykernel" in sys.modules or sys.stderr.isatty())


def bar(show: bool, **options: Any) -> Any:
    """A tqdm bar, drawn as a widget in a notebook that can, and not at all where nobody looks."""
    notebook = "ipykernel" in sys.modules
    if notebook and importlib.util.find_spec("ipywidgets") is not None:
        from tqdm.notebook import tqdm
    else:
        from tqdm import tqdm  # type: ignore[assignment]
    return tqdm(disable=not drawn(show), **options)
