"""Writing a figure that changes to a file, frame by frame."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symdyn.errors import DeclarationError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["chosen_frames", "film_path", "write_film"]

FORMATS = (".gif", ".mp4")


def film_path(path: str | os.PathLike[str]) -> Path:
    """Where a film goes, checked before anything is drawn.

    Raises
    ------
    DeclarationError
        If the folder is missing, the format is not known, or ffmpeg is needed and missing.
    """
    from matplotlib.animation import FFMpegWriter

    found = Path(path)
    if found.suffix.lower() not in FORMATS:
        raise DeclarationError(f"a film is written to a .gif or .mp4 file, got {str(path)!r}")
    if not found.parent.is_dir():
        raise DeclarationError(f"the folder {str(found.parent)!r} of the film {found.name!r} does not exist; make it first")
    if found.suffix.lower() == ".mp4" and not FFMpegWriter.isAvailable():
        raise DeclarationError(
            f"{found.name!r} needs the program ffmpeg, which was not found; install it, or write a .gif file"
        )
    return found


def chosen_frames(times: np.ndarray, frames: int | None) -> list[int]:
    """Indices of at most so many times, evenly spaced, the first and the last among them."""
    if frames is None or frames >= len(times):
        return list(range(len(times)))
    if isinstance(frames, bool) or not isinstance(frames, (int, np.integer)) or frames < 2:
        raise DeclarationError(f"frames is {frames!r}; expected how many frames the film has, a whole number from 2")
    wanted = np.linspace(times[0], times[-1], int(frames))
    return sorted({int(np.abs(times - w).argmin()) for w in wanted})


def write_film(
    figure: Figure, show: Callable[[int], Any], frames: Sequence[int], path: Path, *, fps: float = 20, dpi: float = 100
) -> Path:
    """Write a film; the same input gives the same gif.

    Parameters
    ----------
    figure : Figure
        Its layout is settled once, before the first frame.
    show : callable
        Changes the figure to what frame k shows.
    frames : sequence of int
    path : Path
        From `film_path`.
    fps, dpi : float
        Frames in a second (a .gif has whole hundredths of a second between its frames); dots per inch.
    """
    from matplotlib.animation import FFMpegWriter, PillowWriter
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for name, value in (("fps", fps), ("dpi", dpi)):
        real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        if not (real and 0 < value < np.inf):
            raise DeclarationError(f"{name} is {value!r}; expected a positive number")
    FigureCanvasAgg(figure)
    show(frames[0])
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    kind: Any = PillowWriter if path.suffix.lower() == ".gif" else FFMpegWriter
    writer = kind(fps=fps)
    with writer.saving(figure, str(path), dpi):
        for k in frames:
            show(k)
            writer.grab_frame()
    return path
