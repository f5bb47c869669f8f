"""The errors a user meets.  Each names the object, what was got, what was expected and how to mend it."""

from __future__ import annotations

__all__ = ["CompileError", "DeclarationError", "ParseError", "RecoveryError", "SimulationError", "SymdynError"]


class SymdynError(Exception):
    """Base class of every error symdyn raises on purpose."""


class DeclarationError(SymdynError, ValueError):
    """A system was declared that does not hold together (a missing equation, a clashing name ...)."""


class ParseError(SymdynError, ValueError):
    """A model text could not be read; the message shows the line and points at the place.

    Parameters
    ----------
    message : str
        What was wrong and how to mend it.
    text : str
        The whole text that was being read.
    position : int
        Offset of the offending character in `text`.

    Attributes
    ----------
    line, column : int
        One-based place of the error.
    """

    def __init__(self, message: str, text: str = "", position: int = 0) -> None:
        position = min(max(position, 0), len(text))
        start = text.rfind("\n", 0, position) + 1
        end = text.find("\n", position)
        source = text[start : len(text) if end < 0 else end]
        self.line = text.count("\n", 0, start) + 1
        self.column = position - start + 1
        self.position = position
        self.reason = message
        window = max(0, self.column - 61)  # long lines are shown around the error only
        shown = "".join(c if c.isprintable() else "?" for c in source[window : window + 100])
        pointer = " " * (self.column - 1 - window) + "^"
        place = f"line {self.line}, column {self.column}: {message}"
        super().__init__(f"{place}\n    {shown}\n    {pointer}" if text else message)


class CompileError(SymdynError):
    """A kernel could not be generated for this system, method or target."""


class SimulationError(SymdynError, RuntimeError):
    """One or more trajectories failed.

    Attributes
    ----------
    dataset : xarray.Dataset or None
        Everything that was computed, NaN after each failure; nothing is lost.
    """

    def __init__(self, message: str, dataset=None) -> None:
        super().__init__(message)
        self.dataset = dataset


class RecoveryError(SymdynError, RuntimeError):
    """Equations could not be recovered from the data.

    Examples
    --------
    >>> import symdyn as sd
    >>> try:
    ...     sd.leslie.from_series([[1, 2]], [[1, 1], [1, 1]])
    ... except sd.RecoveryError as error:
    ...     print(error)
    the series has the shape (1, 2); expected times x stages, with two times or more
    """
