"""Simulation experiments in SED-ML as plain data, and a refusal by name of what is not carried out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, ParseError, fromstring

import numpy as np

from symdyn.errors import DeclarationError
from symdyn.io._xml import bounded
from symdyn.io.archives.content_math import infix
from symdyn.io.archives.description import (
    DataGenerator,
    Description,
    PlotOutput,
    RepeatedTask,
    ReportOutput,
    SedModel,
    TimeCourse,
)

__all__ = ["ATTRIBUTES", "MOST_REPEATED", "read_sedml"]

#: Algorithms, by the ontology KiSAO, for which the adaptive methods stand: deterministic integration of ODEs.
ALGORITHMS = frozenset(
    {
        "KISAO:0000019", "KISAO:0000030", "KISAO:0000032", "KISAO:0000086", "KISAO:0000087", "KISAO:0000088", "KISAO:0000304",
        "KISAO:0000433", "KISAO:0000436", "KISAO:0000560", "KISAO:0000694",
    }
)  # fmt: skip
#: Algorithms that look for a steady state, for which the one stands that is reached from the initial values.
STEADY_ALGORITHMS = frozenset(
    {"KISAO:0000282", "KISAO:0000407", "KISAO:0000408", "KISAO:0000409", "KISAO:0000568", "KISAO:0000569", "KISAO:0000696"}
)
#: Parameters of algorithms that are read: relative and absolute tolerances.
TOLERANCES = {"KISAO:0000209": "rtol", "KISAO:0000211": "atol"}
_TARGET = re.compile(
    r"/\w+:sbml/\w+:model/\w+:listOf(?:Species|Parameters|Compartments|Reactions)"
    r"/\w+:(?:species|parameter|compartment|reaction)\[@id=(['\"])(\w+)\1\](?:/@(\w+))?"
)
_TIME = "urn:sedml:symbol:time"
#: Attributes of quantities that are changed, and the kinds that have them.
ATTRIBUTES = {
    "value": "parameter", "size": "compartment", "initialConcentration": "species", "initialAmount": "species",
}  # fmt: skip
#: What elements may have besides what every element has: other attributes and children change what is asked for.
_KNOWN = {
    "model": ("language source", "listOfChanges"),
    "changeAttribute": ("target newValue", ""),
    "uniformTimeCourse": ("initialTime outputStartTime outputEndTime numberOfPoints numberOfSteps", "algorithm"),
    "steadyState": ("", "algorithm"),
    "algorithm": ("kisaoID", "listOfAlgorithmParameters"),
    "algorithmParameter": ("kisaoID value", ""),
    "task": ("modelReference simulationReference", ""),
    "repeatedTask": ("range resetModel", "listOfRanges listOfChanges listOfSubTasks"),
    "subTask": ("task order", "listOfChanges"),
    "uniformRange": ("start end type numberOfPoints numberOfSteps", ""),
    "vectorRange": ("", "value"),
    "functionalRange": ("range", "listOfVariables listOfParameters math"),
    "setValue": ("target modelReference range", "listOfVariables listOfParameters math"),
    "dataGenerator": ("", "listOfVariables listOfParameters math"),
    "variable": ("target symbol taskReference modelReference", ""),
    "parameter": ("value", ""),
    "report": ("", "listOfDataSets"),
    "dataSet": ("label dataReference", ""),
    "plot2D": ("legend height width style", "listOfCurves xAxis yAxis"),
    "curve": ("xDataReference yDataReference logX logY order type style", ""),
    "xAxis": ("type", ""),
    "yAxis": ("type", ""),
}
_COMMON = {"id", "name", "metaid", "sboTerm"}
#: Most steps of a time course or a range, and points of all repeats of a task.
MOST_POINTS, MOST_REPEATED = 1_000_000, 20_000_000


def read_sedml(text: str, name: str) -> Description:
    """The contents of a file.

    Raises
    ------
    DeclarationError
        If it is no SED-ML, or asks for what is not carried out.
    """
    bounded(text)
    try:
        root = fromstring(text)
    except ParseError as error:  # prefixes of names, which nothing else looks at
        raise DeclarationError(str(error)) from None
    if _kind(root) != "sedML":
        raise DeclarationError(f"the file begins with {_kind(root)!r}; expected sedML")
    _refuse_unknown(root)
    found = Description(name)
    for m in _inside(root, "listOfModels"):
        found.models[_name(m)] = _model(m)
    for s in _inside(root, "listOfSimulations"):
        found.simulations[_name(s)] = _simulation(s)
    for t in _inside(root, "listOfTasks"):
        if _kind(t) == "task":
            found.tasks[_name(t)] = t.get("modelReference", ""), t.get("simulationReference", "")
        elif _kind(t) == "repeatedTask":
            found.repeated[_name(t)] = _repeated(t)
        else:
            raise DeclarationError(f"the task {_name(t)} is a {_kind(t)}, which is not carried out")
    for g in _inside(root, "listOfDataGenerators"):
        found.generators[_name(g)] = _generator(g)
    for o in _inside(root, "listOfOutputs"):
        _output(o, found)
    return found


def _refuse_unknown(e: Element) -> None:
    """Refuse attributes and elements that change what is asked for, and are not read."""
    kind, where = _kind(e), f"the {_kind(e)} {_name(e)}".strip()
    if kind in _KNOWN:
        attributes, children = (set(words.split()) for words in _KNOWN[kind])
        if more := [a for a in e.attrib if "}" not in a and a not in attributes | _COMMON]:
            raise DeclarationError(f"{where} has the attribute {more[0]} = {e.get(more[0])!r}, which is not carried out")
        if more := [_kind(c) for c in e if _kind(c) not in children | {"notes", "annotation"}]:
            raise DeclarationError(f"{where} has a {more[0]}, which is not carried out")
    for child in e:
        if _kind(child) not in ("notes", "annotation", "math"):
            _refuse_unknown(child)


def _kind(e: Element) -> str:
    return e.tag.rpartition("}")[2]


def _name(e: Element) -> str:
    return e.get("id", "")


def _inside(e: Element, listed: str) -> list[Element]:
    """The elements of a list, without notes."""
    return [x for found in e if _kind(found) == listed for x in found if _kind(x) not in ("notes", "annotation")]


def _math(e: Element, where: str) -> str:
    found = next((x for x in e if _kind(x) == "math"), None)
    if found is None:
        raise DeclarationError(f"{where} has no formula")
    return infix(found, where)


def _float(e: Element, key: str, where: str, default: str = "") -> float:
    try:
        value = float(e.get(key, default))
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise DeclarationError(f"{where} has {key} {e.get(key)!r}; expected a number")
    return value


def _count(e: Element, where: str) -> int:
    """How many steps there are between points, which one version calls numberOfPoints and another numberOfSteps."""
    text = e.get("numberOfSteps") or e.get("numberOfPoints") or ""
    if not text.isdecimal() or not 0 < int(text) <= MOST_POINTS:
        raise DeclarationError(f"{where} has {text!r} steps; expected a whole number up to {MOST_POINTS}")
    return int(text)


def _target(target: str, where: str, attributes: Iterable[str] = ()) -> tuple[str, str]:
    """Identifier and attribute of an XPath to a quantity of the model."""
    match = _TARGET.fullmatch(target)
    if match is None or (match[3] or "") not in ("", *attributes):
        raise DeclarationError(
            f"{where} has the target {target!r}; expected a species, parameter, compartment or reaction of the model by its id"
        )
    return match[2], match[3] or ""


def _model(m: Element) -> SedModel:
    where = f"the model {_name(m)}"
    if "sbml" not in m.get("language", ""):
        raise DeclarationError(f"{where} is in the language {m.get('language')!r}; expected SBML")
    changes = []
    for c in _inside(m, "listOfChanges"):
        if _kind(c) != "changeAttribute":
            raise DeclarationError(f"{where} has a change {_kind(c)}, which is not carried out; changeAttribute is")
        identifier, attribute = _target(c.get("target", ""), where, ATTRIBUTES)
        if not attribute:
            raise DeclarationError(
                f"{where} changes {c.get('target')!r}; expected one of the attributes {', '.join(ATTRIBUTES)}"
            )
        changes.append((identifier, attribute, _float(c, "newValue", where)))
    return SedModel(m.get("source", ""), tuple(changes))


def _simulation(s: Element) -> TimeCourse:
    where = f"the simulation {_name(s)}"
    steady = _kind(s) == "steadyState"
    if _kind(s) != "uniformTimeCourse" and not steady:
        raise DeclarationError(f"{where} is a {_kind(s)}, which is not carried out; uniformTimeCourse and steadyState are")
    options = {}
    for algorithm in (x for x in s if _kind(x) == "algorithm"):
        if algorithm.get("kisaoID") not in (STEADY_ALGORITHMS if steady else ALGORITHMS):
            expected = "looks for a steady state" if steady else "integrates ODEs"
            raise DeclarationError(f"{where} has the algorithm {algorithm.get('kisaoID')}; expected one that {expected}")
        for p in _inside(algorithm, "listOfAlgorithmParameters"):
            if p.get("kisaoID") not in TOLERANCES:
                known = ", ".join(TOLERANCES)
                raise DeclarationError(
                    f"{where} sets {p.get('kisaoID')}, which has no counterpart; tolerances are read, {known}"
                )
            options[TOLERANCES[p.get("kisaoID", "")]] = _float(p, "value", where)
    if steady:
        return TimeCourse(0.0, 0.0, np.inf, 0, **options)
    initial, start, end = (_float(s, k, where) for k in ("initialTime", "outputStartTime", "outputEndTime"))
    if not initial <= start < end:
        raise DeclarationError(f"{where} goes from {initial:g} by {start:g} to {end:g}; expected times that increase")
    return TimeCourse(initial, start, end, _count(s, where), **options)


def _repeated(t: Element) -> RepeatedTask:
    where = f"the repeated task {_name(t)}"
    inner = _inside(t, "listOfSubTasks")
    if len(inner) != 1 or t.get("resetModel") != "true":
        raise DeclarationError(
            f"{where} has {len(inner)} subtasks and resetModel {t.get('resetModel')!r}; one is carried out, with 'true'"
        )
    if _inside(inner[0], "listOfChanges"):
        raise DeclarationError(f"{where} has changes in its subtask, which are not carried out; those of the task are")
    ranges: dict[str, np.ndarray] = {}
    functions: dict[str, tuple[str, dict[str, float]]] = {}
    for r in _inside(t, "listOfRanges"):
        if _kind(r) == "uniformRange":
            ranges[_name(r)] = _uniform(r, where)
        elif _kind(r) == "vectorRange":
            try:
                ranges[_name(r)] = np.array([float(v.text or "") for v in r if _kind(v) == "value"])
            except ValueError:
                raise DeclarationError(f"{where}: the range {_name(r)} has a value that is no number") from None
        elif _kind(r) == "functionalRange":
            functions[_name(r)] = _math(r, where), _constants(r, where)
        else:
            raise DeclarationError(f"{where} has a {_kind(r)}, which is not carried out")
    main = ranges.get(t.get("range", ""))
    if main is None or not len(main) or any(len(v) < len(main) for v in ranges.values()):
        raise DeclarationError(
            f"{where} repeats along {t.get('range')!r}; expected a range of numbers, not longer than the others"
        )
    settings, models = [], set()
    for c in _inside(t, "listOfChanges"):
        identifier, attribute = _target(c.get("target", ""), where, ATTRIBUTES)
        settings.append((identifier, attribute, _math(c, where), _constants(c, where)))
        models.add(c.get("modelReference", ""))
    shortened = {k: v[: len(main)] for k, v in ranges.items()}
    return RepeatedTask(inner[0].get("task", ""), shortened, functions, tuple(settings), frozenset(models))


def _uniform(r: Element, where: str) -> np.ndarray:
    """The values of a uniform range."""
    ends, kind = (_float(r, "start", where), _float(r, "end", where)), r.get("type", "linear")
    if kind not in ("linear", "log", "log10"):
        raise DeclarationError(f"{where} has a range of the type {kind!r}; expected 'linear' or 'log'")
    if kind != "linear" and min(ends) <= 0:
        raise DeclarationError(f"{where} has a logarithmic range from {ends[0]:g} to {ends[1]:g}; expected positive ends")
    return (np.linspace if kind == "linear" else np.geomspace)(*ends, _count(r, where) + 1)


def _constants(e: Element, where: str) -> dict[str, float]:
    """The parameters of a formula of a repeated task, which has no variables of models."""
    if _inside(e, "listOfVariables"):
        raise DeclarationError(
            f"{where} sets a value by variables of a model, which is not carried out; ranges and parameters are"
        )
    return {_name(p): _float(p, "value", where) for p in _inside(e, "listOfParameters")}


def _generator(g: Element) -> DataGenerator:
    where = f"the data generator {_name(g)}"
    variables: dict[str, tuple[str | None, str]] = {}
    for v in _inside(g, "listOfVariables"):
        symbol = v.get("symbol")
        if symbol and symbol.lower() != _TIME:
            raise DeclarationError(f"{where} has the symbol {symbol!r}; expected {_TIME!r} or a target")
        variables[_name(v)] = None if symbol else _target(v.get("target", ""), where)[0], v.get("taskReference", "")
    constants = {_name(p): _float(p, "value", where) for p in _inside(g, "listOfParameters")}
    if (tasks := len({task for _, task in variables.values()})) != 1:
        raise DeclarationError(f"{where} has variables of {tasks} tasks; expected those of one")
    return DataGenerator(_math(g, where), variables, constants, g.get("name") or _name(g))


def _output(o: Element, found: Description) -> None:
    if _kind(o) == "report":
        sets = _inside(o, "listOfDataSets")
        labels = ["repeat", *(d.get("label") or _name(d) for d in sets)]  # of a repeated task a column is called so
        names = [_name(d) if labels.count(label) > 1 else label for label, d in zip(labels[1:], sets, strict=True)]
        if len(set(names)) < len(names):
            raise DeclarationError(f"the report {_name(o)} has two columns of one label and identifier: {', '.join(names)}")
        found.reports[_name(o)] = ReportOutput(tuple((n, d.get("dataReference", "")) for n, d in zip(names, sets, strict=True)))
    elif _kind(o) == "plot2D":
        where = f"the plot {_name(o)}"
        axes = {_kind(x): x.get("type", "linear") for x in o if _kind(x) in ("xAxis", "yAxis")}
        for kind in axes.values():
            if kind not in ("linear", "log10"):
                raise DeclarationError(f"{where} has an axis of the type {kind!r}; expected 'linear' or 'log10'")
        for c in _inside(o, "listOfCurves"):
            if _kind(c) != "curve" or c.get("type", "points") != "points":
                raise DeclarationError(f"{where} has a {c.get('type') or _kind(c)}, which is not drawn; curves of points are")
        log_x, log_y = (axes.get(axis) == "log10" for axis in ("xAxis", "yAxis"))
        curves = tuple(
            (
                c.get("xDataReference", ""), c.get("yDataReference", ""), log_x or c.get("logX") == "true",
                log_y or c.get("logY") == "true", c.get("name", ""),
            )
            for c in _inside(o, "listOfCurves")
        )  # fmt: skip
        found.plots[_name(o)] = PlotOutput(o.get("name", ""), curves)
    else:
        raise DeclarationError(f"the output {_name(o)} is a {_kind(o)}, which is not made; report and plot2D are")
