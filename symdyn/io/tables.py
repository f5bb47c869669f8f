"""Tables of measurements from CSV files.

A table has a header line, commas between its columns (tabulators in a ``.tsv`` file), and a column of times.  Lines
that begin with ``#`` and empty lines are passed over.  An empty cell, ``NA`` or ``NaN`` is a missing value.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pandas as pd

from symdyn.errors import DeclarationError, ParseError
from symdyn.io.models import read_text

__all__ = ["TABLES", "TIME_NAMES", "read_table", "read_times", "read_trajectories"]

#: Endings of files that hold tables.
TABLES = frozenset({".csv", ".tsv"})
#: What the first column may be called, in any case, to be the column of times.
TIME_NAMES = frozenset(
    {"time", "times", "t", "second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks"}
    | {"month", "months", "year", "years", "date", "generation", "generations", "step", "steps"}
)
_MISSING = frozenset({"", "na", "nan"})


class _Reader:
    """The cells of a file, and errors that say where in it they are."""

    def __init__(self, path: str | Path) -> None:
        self.path, self.text = path, read_text(path)
        self.separator = "\t" if Path(path).suffix.lower() == ".tsv" else ","

    def lines(self) -> list[tuple[int, list[str]]]:
        """Offset in the text and cells of each line that holds some."""
        found, offset = [], 0
        for line in self.text.splitlines(keepends=True):
            if line.strip() and not line.lstrip().startswith("#"):
                try:
                    cells = next(csv.reader([line], delimiter=self.separator, strict=True))
                except csv.Error as error:
                    raise self.error(
                        f"this line cannot be read ({error}); a quoted cell must end on its line", offset
                    ) from None
                found.append((offset, [c.strip() for c in cells]))
            offset += len(line)
        return found

    def error(self, message: str, offset: int, column: int = 0) -> ParseError:
        """An error at a cell; at the beginning of the line if quotes make the place of the cell uncertain."""
        line = self.text[offset:].split("\n", 1)[0]
        if '"' not in line:
            offset += sum(len(c) + 1 for c in line.split(self.separator)[:column])
        return ParseError(f"{self.path}: {message}", self.text, offset)


def read_table(path: str | Path, *, time: str | None = None) -> pd.DataFrame:
    """Read a table of numbers; its column of times is called ``time`` in the result, whatever its name in the file.

    Parameters
    ----------
    path : str or Path
    time : str, optional
        Name of the column of times.  Otherwise it is the column called ``time``, else the first column, which must then
        bear one of `TIME_NAMES`.

    Returns
    -------
    pandas.DataFrame
        float64 columns in the order of the file, NaN where a value is missing; ``attrs["time"]`` is the name that the
        column of times has in the file.

    Raises
    ------
    ParseError
        Naming the file, the line and the column: cells that are no numbers, lines that are too short or too long,
        columns without a name or with the same name, no column of times, missing times, no data.
    OSError
        If the file cannot be read.
    """
    reader = _Reader(path)
    lines = reader.lines()
    if len(lines) < 2:
        raise reader.error("the table is empty; expected a header line, such as time,x,y, and lines of numbers", 0)
    (start, header), rows = lines[0], lines[1:]
    for i, name in enumerate(header):
        if not name:
            raise reader.error(f"column {i + 1} has no name; the first line must name every column", start, i)
        if name in header[:i]:
            raise reader.error(f"two columns are called {name!r}; rename one", start, i)
    time_name = _time_column(reader, start, header, time)
    values = np.empty((len(rows), len(header)))
    for r, (offset, cells) in enumerate(rows):
        if len(cells) != len(header):
            raise reader.error(f"this line has {len(cells)} cells, the header {len(header)}", offset)
        for c, (name, cell) in enumerate(zip(header, cells, strict=True)):
            values[r, c] = _number(reader, offset, c, (name, cell))
            if name == time_name and math.isnan(values[r, c]):
                raise reader.error(f"the time is missing in column {name!r}", offset, c)
    table = pd.DataFrame(values, columns=pd.Index(header)).rename(columns={time_name: "time"})
    table.attrs["time"] = time_name
    return table


def _time_column(reader: _Reader, start: int, header: list[str], asked: str | None) -> str:
    names = ", ".join(header)
    if asked is not None:
        if asked not in header:
            raise reader.error(f"there is no column {asked!r} of times; the columns: {names}", start)
        if asked != "time" and "time" in header:
            raise reader.error(f"{asked!r} was asked for as the column of times, but there is a column 'time' too", start)
        return asked
    if "time" in header:
        return "time"
    if header[0].lower() in TIME_NAMES:
        return header[0]
    raise reader.error(
        f"which column holds the times? None is called 'time', and the first is {header[0]!r}, which is none of "
        f"{', '.join(sorted(TIME_NAMES))}; rename one or name it with time=...; the columns: {names}",
        start,
    )


def _number(reader: _Reader, offset: int, column: int, cell: tuple[str, str]) -> float:
    name, text = cell
    if text.lower() in _MISSING:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        message = f"column {name!r} has {text!r} where a finite number belongs (leave the cell empty if it is missing)"
        raise reader.error(message, offset, column)
    return value


def read_trajectories(path: str | Path, *, time: str | None = None) -> list[pd.DataFrame]:
    """Read a table as one data frame for each value of its column ``trajectory``; as a single one if there is none."""
    table = read_table(path, time=time)
    if "trajectory" not in table:
        return [table]
    if table["trajectory"].isna().any():
        raise DeclarationError(f"{path}: the column 'trajectory' has missing values; number every line")
    return [part.drop(columns="trajectory").reset_index(drop=True) for _, part in table.groupby("trajectory", sort=True)]


def read_times(path: str | Path) -> np.ndarray:
    """Output times: the column of times of a ``.csv`` or ``.tsv`` table, else numbers between white space or commas."""
    if Path(path).suffix.lower() in TABLES:
        return read_table(path)["time"].to_numpy()
    lines = (line.partition("#")[0] for line in read_text(path).splitlines())
    words = [word for line in lines for word in line.replace(",", " ").split()]
    try:
        return np.array([float(word) for word in words])
    except ValueError as error:
        raise DeclarationError(f"{path}: {error}; expected numbers, one a line") from None
