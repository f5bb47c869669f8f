"""The files of a problem: YAML that lists them, and tables with tabulators, as text."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from symdyn.errors import DeclarationError
from symdyn.io.plain_text import read_text
from symdyn.optional import require

__all__ = ["PetabFiles", "read_files", "with_nominal", "write_files"]

#: In which models may be written.
LANGUAGES = ("sbml", "pysb")
#: Longest YAML file in characters, and largest table in bytes.
MAX_YAML, MAX_TABLE = 1_000_000, 200_000_000
#: Columns that tables must have, by version.
NEEDED = {
    1: {
        "parameters": ("parameterId", "parameterScale", "estimate"),
        "conditions": ("conditionId",),
        "experiments": (),
        "observables": ("observableId", "observableFormula", "noiseFormula"),
        "measurements": ("observableId", "simulationConditionId", "measurement", "time"),
        "mapping": (),
    },
    2: {
        "parameters": ("parameterId", "estimate"),
        "conditions": ("conditionId", "targetId", "targetValue"),
        "experiments": ("experimentId", "time", "conditionId"),
        "observables": ("observableId", "observableFormula", "noiseFormula"),
        "measurements": ("observableId", "measurement", "time"),
        "mapping": ("petabEntityId", "modelEntityId"),
    },
}


@dataclass(frozen=True)
class PetabFiles:
    """What the files of a problem hold: its version, the model and its language, and tables of text, empty ones included.

    `texts` are all of them by their names in the folder, and `parameters` the names of the tables of parameters.
    """

    path: Path
    version: int
    model: Path
    language: str
    tables: dict[str, pd.DataFrame]
    texts: dict[str, str]
    parameters: list[str]


def read_files(path: str | Path) -> PetabFiles:
    """The files that a YAML file lists.

    Raises
    ------
    DeclarationError
        If a file is no such table, or the problem consists of what is not read.
    OSError
        If a file cannot be read.
    """
    path = Path(path)
    listed = _yaml(path)
    version = str(listed.get("format_version", "")).partition(".")[0]
    if version not in ("1", "2"):
        raise DeclarationError(f"{path}: format_version is {listed.get('format_version')!r}; versions 1 and 2 are read")
    files, model, language = _version_1(listed, path) if version == "1" else _version_2(listed, path)
    tables = {name: _table(path, found, NEEDED[int(version)][name]) for name, found in files.items()}
    used = [model, *(name for names in files.values() for name in names)]
    texts = {path.name: _without_figures(listed), **{name: read_text(_file(path, name)) for name in used}}
    return PetabFiles(path, int(version), _file(path, model), language, tables, texts, files["parameters"])


def write_files(texts: Mapping[str, str], folder: Path) -> None:
    """Write the files of a problem below a folder.

    Raises
    ------
    DeclarationError
        For names that lead out of it, and files that are there already.
    OSError
        If one cannot be written.
    """
    for name in texts:
        parts = Path(name).parts
        if not parts or Path(name).is_absolute() or ".." in parts or "\\" in name or ":" in name:
            raise DeclarationError(f"the problem names {name!r}, which does not lie in its folder; it is not written")
        if (folder / name).exists():
            raise DeclarationError(f"{folder / name} exists; nothing is written over it")
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def with_nominal(text: str, values: Mapping[str, float]) -> str:
    """A table of parameters with other nominal values."""
    rows = [r for r in csv.reader(text.splitlines(), delimiter="\t") if any(cell.strip() for cell in r)]
    header = [cell.strip() for cell in rows[0]]
    if "nominalValue" not in header:
        header.append("nominalValue")
    name, place = header.index("parameterId"), header.index("nominalValue")
    written = [header]
    for row in rows[1:]:
        cells = [cell.strip() for cell in row] + [""] * (len(header) - len(row))
        if cells[name] in values:
            cells[place] = repr(float(values[cells[name]]))
        written.append(cells)
    return "".join("\t".join(cells) + "\n" for cells in written)


def _without_figures(listed: dict[str, Any]) -> str:
    """The YAML file without the tables of figures, which are not read."""
    plain = {k: v for k, v in listed.items() if k != "visualization_files"}
    if isinstance(plain.get("problems"), list):
        plain["problems"] = [{k: v for k, v in p.items() if k != "visualization_files"} for p in plain["problems"]]
    text: str = require("yaml").safe_dump(plain, sort_keys=False)
    return text


def _yaml(path: Path) -> dict[str, Any]:
    yaml = require("yaml")
    text = read_text(path)
    if len(text) > MAX_YAML:
        raise DeclarationError(f"{path} has {len(text)} characters, more than {MAX_YAML}")
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DeclarationError(f"{path} is no YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(found, dict):
        raise DeclarationError(f"{path}: expected the YAML file of a PEtab problem, with format_version and names of files")
    return found


def _version_1(listed: dict[str, Any], path: Path) -> tuple[dict[str, list[str]], str, str]:
    problems = listed.get("problems")
    if not isinstance(problems, list) or len(problems) != 1 or not isinstance(problems[0], dict):
        count = len(problems) if isinstance(problems, list) else "no"
        raise DeclarationError(f"{path} has {count} problems; one is read")
    problem = problems[0]
    models = _names(problem, "sbml_files", path)
    if len(models) != 1:
        raise DeclarationError(f"{path} has {len(models)} models; one is read")
    return (
        {
            "parameters": _names(listed, "parameter_file", path),
            "conditions": _names(problem, "condition_files", path),
            "experiments": [],
            "observables": _names(problem, "observable_files", path),
            "measurements": _names(problem, "measurement_files", path),
            "mapping": [],
        },
        models[0],
        "sbml",
    )


def _version_2(listed: dict[str, Any], path: Path) -> tuple[dict[str, list[str]], str, str]:
    if extensions := listed.get("extensions"):
        raise DeclarationError(f"{path} needs extensions of PEtab, which are not read: {', '.join(map(str, extensions))}")
    models = listed.get("model_files")
    if not isinstance(models, dict) or len(models) != 1:
        raise DeclarationError(f"{path} has {len(models) if isinstance(models, dict) else 'no'} models; one is read")
    model = next(iter(models.values()))
    language = model.get("language") if isinstance(model, dict) else None
    if language not in LANGUAGES:
        raise DeclarationError(f"{path}: the model is written in {language!r}; expected {' or '.join(map(repr, LANGUAGES))}")
    kinds = ("parameter", "condition", "experiment", "observable", "measurement", "mapping")
    plural = {"mapping": "mapping"}
    return (
        {plural.get(k, f"{k}s"): _names(listed, f"{k}_files", path) for k in kinds},
        _text(model.get("location"), path),
        language,
    )


def _names(listed: dict[str, Any], key: str, path: Path) -> list[str]:
    """Names of files under a key, none if it is missing."""
    found = listed.get(key)
    return [_text(name, path) for name in (found if isinstance(found, list) else [] if found is None else [found])]


def _text(name: Any, path: Path) -> str:
    if not isinstance(name, str) or "://" in name:
        raise DeclarationError(f"{path}: {name!r} is no name of a file; files are read from the folder of the problem")
    return name


def _file(path: Path, name: str) -> Path:
    """A file that the problem names."""
    try:
        (path.parent / name).stat()
    except (OSError, ValueError) as error:
        raise DeclarationError(f"{path} names {name!r}, which is no file in its folder: {error}") from None
    return path.parent / name


def _table(path: Path, names: list[str], needed: tuple[str, ...]) -> pd.DataFrame:
    """One table from the files of a kind, cells as text without spaces around them, empty ones ''."""
    parts = []
    for name in names:
        file = _file(path, name)
        if (size := file.stat().st_size) > MAX_TABLE:
            raise DeclarationError(f"{file} has {size} bytes, more than {MAX_TABLE}")
        try:
            rows = [r for r in csv.reader(read_text(file).splitlines(), delimiter="\t") if any(cell.strip() for cell in r)]
        except csv.Error as error:
            raise DeclarationError(f"{file} is no table: {error}") from None
        if not rows:
            raise DeclarationError(f"{file} is empty; expected a line of column names")
        header = [cell.strip() for cell in rows[0]]
        if len(set(header)) < len(header):
            raise DeclarationError(f"{file}: a column occurs twice in {', '.join(header)}")
        for row in rows[1:]:
            if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
                raise DeclarationError(f"{file}: the line of {row[0]!r} has {len(row)} cells, the first line {len(header)}")
        filled = [[cell.strip() for cell in row[: len(header)]] + [""] * (len(header) - len(row)) for row in rows[1:]]
        if missing := [c for c in needed if c not in header]:
            raise DeclarationError(f"{file} has no column {missing[0]!r}; its columns: {', '.join(header)}")
        parts.append(pd.DataFrame(filled, columns=header, dtype=object))
    if not parts:
        return pd.DataFrame(columns=list(needed), dtype=object)
    return pd.concat(parts, ignore_index=True).fillna("")
