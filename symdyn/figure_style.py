"""One look of all figures: colours that can be told apart with any kind of sight, and sizes for a column of text."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar

__all__ = ["BLACK", "BLUE", "COLOURS", "GREEN", "ORANGE", "PURPLE", "RC", "SKY", "VERMILION", "style", "styled"]

P = ParamSpec("P")
R = TypeVar("R")

#: Of Okabe and Ito, in the order of curves.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK = COLOURS

#: What matplotlib is told.
RC: Mapping[str, Any] = MappingProxyType(
    {
        "font.size": 9.0,
        "axes.titlesize": 10.0,
        "axes.labelsize": 9.0,
        "xtick.labelsize": 8.0,
        "ytick.labelsize": 8.0,
        "legend.fontsize": 8.0,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "lines.linewidth": 1.5,
        "figure.dpi": 110.0,
        "savefig.dpi": 200.0,
        "savefig.bbox": "tight",
        "image.cmap": "viridis",
        # text of vector files stays text
        "svg.fonttype": "none",
        "pdf.fonttype": 42,
    }
)


@contextmanager
def style() -> Iterator[None]:
    """Draw in the look of symdyn's own figures.

    Colours are those of Okabe and Ito, which people with any colour vision tell apart; letters of 8 to 10 points are legible
    in the column of a journal; text in SVG and PDF files stays text. Also a decorator: ``@sd.style()`` before a function that
    draws. The colours by name are in `symdyn.figure_style`.

    Returns
    -------
    context manager
        After it the settings of matplotlib are as before.

    References
    ----------
    Okabe and Ito, Color Universal Design (2008).

    Examples
    --------
    >>> import matplotlib.pyplot as plt, symdyn as sd
    >>> with sd.style():
    ...     figure, ax = plt.subplots()
    ...     (line,) = ax.plot([0, 1])
    >>> line.get_color(), ax.spines["top"].get_visible()
    ('#0072B2', False)
    >>> plt.close(figure)
    """
    import matplotlib as mpl
    from cycler import cycler

    chosen: Any = {**RC, "axes.prop_cycle": cycler(color=COLOURS)}
    with mpl.rc_context(chosen):
        yield


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """A function that draws, in the look of `style` where it makes the figure: where no ``ax`` and no ``axes`` are given.

    >>> @styled
    ... def draw(ax=None):
    ...     import matplotlib as mpl
    ...     return mpl.rcParams["legend.frameon"]
    >>> draw(), draw(ax="one of the caller's")
    (False, True)
    """
    signature = inspect.signature(draw)

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        given = signature.bind(*args, **kwargs).arguments
        if given.get("ax") is not None or given.get("axes") is not None:
            return draw(*args, **kwargs)
        with style():
            return draw(*args, **kwargs)

    return drawn
