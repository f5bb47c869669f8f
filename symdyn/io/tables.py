"""Tables of measurements from CSV files.

A table has a header line, a column of times, and commas between its columns (tabulators in a ``.tsv`` file); where the
header holds semicolons or tabulators and no comma, these, and then decimals may be written with a comma.  Lines that begin
with ``#`` and empty lines are passed over.  An empty cell, ``NA`` or ``NaN`` is a missing value.  Times may be dates.
"""

from __future__ import annotations

import csv
import math
import re
import warnings
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from symdyn.errors import DeclarationError, ParseError
from symdyn.io.models import read_text

__all__ = ["TABLES", "TIME_NAMES", "read_table", "read_times", "read_trajectories"]

#: Suffixes of files with tables.
TABLES = frozenset({".csv", ".tsv"})
#: What the first column may be called, in any case, to be the column of times.
TIME_NAMES = frozenset(
    {"time", "times", "t", "second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks"}
    | {"month", "months", "year", "years", "date", "generation", "generations", "step", "steps"}
)
#: The column that identifies trajectories; it may contain labels.
TRAJECTORY = "trajectory"
_MISSING = frozenset({"", "na", "nan"})
#: Dates that mean one thing only, and those that do not.
_DATE, _AMBIGUOUS = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?Z?)?"), re.compile(r"\d+[./-]\d+[./-]\d+.*")
_DAY = 86400.0


class _Reader:
    """The cells of a file, and errors with positions in it."""

    def __init__(self, path: str | Path) -> None:
        self.path, self.text = path, read_text(path)
        kept = [line for line in self.text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        header = kept[0] if kept else ""
        usual = next((mark for mark in (",", ";", "\t") if mark in header), ",")
        self.separator = "\t" if Path(path).suffix.lower() == ".tsv" else usual
        self.points = any(re.search(r"\d\.\d", line) for line in kept[1:])

    def lines(self) -> list[tuple[int, list[str]]]:
        """Offset in the text and cells of each line that is not empty."""
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
        """An error at a cell; at the start of the line if quotes make the position of the cell uncertain."""
        line = self.text[offset:].split("\n", 1)[0]
        if '"' not in line:
            offset += sum(len(c) + 1 for c in line.split(self.separator)[:column])
        return ParseError(f"{self.path}: {message}", self.text, offset)


def read_table(path: str | Path, *, time: str | None = None, columns: Collection[str] | None = None) -> pd.DataFrame:
    """Read a table of numbers; its column of times is called ``time`` in the result, whatever its name in the file.

    Parameters
    ----------
    path : str or Path
    time : str, optional
        Name of the column of times.  Otherwise it is the column called ``time``, else the first column (after ``trajectory``),
        which must then bear one of `TIME_NAMES`.
    columns : collection of str, optional
        The columns to read, if they exist; all by default.  Other columns may contain anything, and are named in a
        warning.

    Returns
    -------
    pandas.DataFrame
        Columns of float64 in the order of the file, NaN where a value is missing; one called ``trajectory`` may contain labels.
        ``attrs["time"]`` is the name that the column of times has in the file.  Dates such as 2021-03-01 or
        2021-03-01 12:30 become days since the first of them, which ``attrs["origin"]`` keeps.

    Raises
    ------
    ParseError
        Naming the file, the line and the column: cells that are no numbers, lines that are too short or too long,
        columns without a name or with the same name, no column of times, missing times, dates that can be read in two ways,
        no data.
    OSError
        If the file cannot be read.
    """
    reader = _Reader(path)
    lines = reader.lines()
    if len(lines) < 2:
        raise reader.error("the table is empty; expected a header line, such as time,x,y, and lines of numbers", 0)
    (start, header), rows = lines[0], lines[1:]
    if all(_is_number(name) for name in header):
        raise reader.error(
            "the first line holds numbers; expected a header line with names of the columns, such as time,x,y", start
        )
    for i, name in enumerate(header):
        if not name:
            raise reader.error(f"column {i + 1} has no name; the first line must name every column", start, i)
        if name in header[:i]:
            raise reader.error(f"two columns are called {name!r}; rename one", start, i)
    for offset, cells in rows:
        if len(cells) != len(header):
            raise reader.error(f"this line has {len(cells)} cells, the header {len(header)}", offset)
    time_name = _time_column(reader, start, header, time)
    table = pd.DataFrame()
    wanted = [n for n in header if columns is None or n in columns or n in (time_name, TRAJECTORY)]
    for name in wanted:
        c = header.index(name)
        column = [(offset, cells[c]) for offset, cells in rows]
        if name == time_name:
            table["time"] = _times(reader, c, name, column, table)
        elif name == TRAJECTORY:
            table[name] = _labels(reader, c, name, column)
        else:
            table[name] = [_number(reader, offset, c, (name, cell)) for offset, cell in column]
    left = [n for n in header if n not in wanted]
    if left:
        warnings.warn(f"{path}: columns that are no state are ignored: {', '.join(left)}", stacklevel=2)
    table.attrs["time"] = time_name
    return table


def _times(reader: _Reader, c: int, name: str, column: list[tuple[int, str]], table: pd.DataFrame) -> np.ndarray:
    """The times of all lines; dates become days since the first, which is recorded in the attributes of the table."""
    for offset, cell in column:
        if cell.lower() in _MISSING:
            raise reader.error(f"the time is missing in column {name!r}", offset, c)
    if not _DATE.fullmatch(column[0][1]):
        for offset, cell in column[:1]:
            if _AMBIGUOUS.fullmatch(cell):
                raise reader.error(
                    f"the date {cell!r} can be read in more than one way; write 2021-03-31, or numbers", offset, c
                )
        return np.array([_number(reader, offset, c, (name, cell)) for offset, cell in column])
    dates = []
    for offset, cell in column:
        try:
            dates.append(datetime.fromisoformat(cell.removesuffix("Z")) if _DATE.fullmatch(cell) else None)
        except ValueError:
            dates.append(None)
        if dates[-1] is None:
            raise reader.error(f"column {name!r} has {cell!r} among its dates; expected one such as 2021-03-31", offset, c)
    known = [date for date in dates if date is not None]
    table.attrs["origin"] = min(known).isoformat(sep=" ").removesuffix(" 00:00:00")
    return np.array([(date - min(known)).total_seconds() / _DAY for date in known])


def _labels(reader: _Reader, c: int, name: str, column: list[tuple[int, str]]) -> list[float] | list[str | None]:
    """Numbers if all labels are, else texts."""
    if all(_is_number(cell) or cell.lower() in _MISSING for _, cell in column):
        return [_number(reader, offset, c, (name, cell)) for offset, cell in column]
    return [cell if cell.lower() not in _MISSING else None for _, cell in column]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


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
    first = next((name for name in header if name != TRAJECTORY), "")
    if first.lower() in TIME_NAMES:
        return first
    raise reader.error(
        f"which column holds the times? None is called 'time', and the name of the first, {first!r}, is no usual one such "
        f"as t, day or year; rename one or name it with time=... (--time on the command line); the columns: {names}",
        start,
    )


def _number(reader: _Reader, offset: int, column: int, cell: tuple[str, str]) -> float:
    name, text = cell
    if text.lower() in _MISSING:
        return math.nan
    decimal = text.replace(",", ".") if reader.separator != "," and re.fullmatch(r"[+-]?\d*,\d+([eE][+-]?\d+)?", text) else text
    if decimal != text and reader.points:
        raise reader.error(
            f"column {name!r} has {text!r}, but other numbers of the file have decimal points; use one of them", offset, column
        )
    try:
        value = float(decimal)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        message = f"column {name!r} has {text!r} where a finite number belongs (leave the cell empty if it is missing)"
        raise reader.error(message, offset, column)
    return value


def read_trajectories(
    path: str | Path, *, time: str | None = None, columns: Collection[str] | None = None
) -> list[pd.DataFrame]:
    """Read a table as one data frame for each value of its column ``trajectory``, or as a single one if there is none.

    Values of that column are numbers or labels.  Times may occur more than once, as those of cells that are not followed
    do; see `read_table`.
    """
    table = read_table(path, time=time, columns=columns)
    if TRAJECTORY not in table:
        return [table]
    if table[TRAJECTORY].isna().any():
        raise DeclarationError(f"{path}: the column 'trajectory' has missing values; number every line")
    parts = [part.drop(columns=TRAJECTORY).reset_index(drop=True) for _, part in table.groupby(TRAJECTORY, sort=True)]
    for part in parts:
        part.attrs = dict(table.attrs)
    return parts


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
