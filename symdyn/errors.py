"""The errors a user meets.  Each names the object, what was got, what was expected and how to mend it."""

from __future__ import annotations

__all__ = ["CompileError", "DeclarationError", "ParseError", "RecoveryError", "SimulationError", "SymdynError"]


class SymdynError(Exception):
    """Base class of all errors that symdyn raises on purpose.

    Examples
    --------
    >>> import symdyn as sd
    >>> issubclass(sd.ParseError, sd.SymdynError), issubclass(sd.SimulationError, sd.SymdynError)
    (True, True)
    """


class DeclarationError(SymdynError, ValueError):
    """The declaration of a system, or an argument of a function, is inconsistent or out of range.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.ODESystem.from_text("x' = -k*x").with_parameters(q=1)
    Traceback (most recent call last):
        ...
    symdyn.errors.DeclarationError: 'q' is not a parameter of this system; its parameters: k.
    """


class ParseError(SymdynError, ValueError):
    r"""The text of a model could not be read; the message shows the line and points at the offending character.

    Parameters
    ----------
    message : str
        What was wrong and how to mend it.
    text : str
        The complete text that was read.
    position : int
        Offset of the offending character in `text`, in characters from 0.

    Attributes
    ----------
    line, column : int
        Place of the error, counted from 1.
    position : int
        As given, limited to the length of the text.
    reason : str
        The message without the place.

    Examples
    --------
    >>> import symdyn as sd
    >>> try:
    ...     sd.ODESystem.from_text("x' = -x\ny' = x +* y")
    ... except sd.ParseError as error:
    ...     error.line, error.column
    (2, 9)
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
    """A kernel could not be generated for this system, method or target.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.PDESystem.from_text("u' = f(u)", domain=(0, 1)).discretize(4).model()
    Traceback (most recent call last):
        ...
    symdyn.errors.CompileError: f(u) is an unknown term; give it an expression with with_terms, or recover it from data
    """


class MissingPackageError(SymdynError, ModuleNotFoundError):
    """An optional package is not installed; the message has the line that installs it.

    Examples
    --------
    >>> issubclass(MissingPackageError, ImportError)  # so a program can go on without what needs the package
    True
    """


class SimulationError(SymdynError, RuntimeError):
    """One or more trajectories failed.

    Parameters
    ----------
    message : str
        Which trajectories failed, and why.
    dataset : xarray.Dataset or None
        All results up to each failure, NaN after it.

    Examples
    --------
    >>> import symdyn as sd
    >>> blow_up = sd.ODESystem.from_text("x' = x**2; x(0) = 1")  # x = 1/(1 - t)
    >>> sd.simulate(blow_up, [0.0, 0.5, 2.0])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    symdyn.errors.SimulationError: the trajectory with x(0) = 1 failed: ... its last output is at t = 0.5. ...
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
