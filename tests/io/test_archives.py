"""COMBINE archives: experiments against closed forms; what is refused, and archives that would do harm."""

from __future__ import annotations

import re
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import symdyn as sd
from symdyn.errors import DeclarationError

pytest.importorskip("libsbml")

EXAMPLE = Path(__file__).parents[2] / "examples" / "data" / "conversion.omex"
STEADY = '<steadyState id="course"><algorithm kisaoID="KISAO:0000282"/></steadyState>'
MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'
MODEL = "/sbml:sbml/sbml:model/sbml:listOf"
K1 = f"{MODEL}Parameters/sbml:parameter[@id='k1']"


def texts() -> dict[str, str]:
    with zipfile.ZipFile(EXAMPLE) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def changed(path: Path, old: str, new: str) -> Path:
    """The example with a part of its experiment replaced."""
    found = texts()
    assert old in found["experiment.sedml"]
    found["experiment.sedml"] = found["experiment.sedml"].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in found.items():
            archive.writestr(name, text)
    return path


def written(path: Path, experiment: str) -> Path:
    """The example with another experiment."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.xml", texts()["model.xml"])
        archive.writestr("experiment.sedml", experiment)
    return path


def exact(t, k1, k2=0.6, a0=1.0, b0=0.0):
    total, rate = a0 + b0, k1 + k2
    return total * k2 / rate + (a0 - total * k2 / rate) * np.exp(-rate * t)


def test_reports_and_plots_are_those_of_the_solution():
    archive = sd.read_archive(EXAMPLE)
    table = archive.reports["table"]
    assert table.A.to_numpy() == pytest.approx(exact(table.time.to_numpy(), 0.8), rel=1e-7)
    axes = archive.plots["figure"].axes[0]
    assert axes.get_title() == "Shares"
    for line, k1 in zip(axes.get_lines(), (0.2, 0.4, 0.6, 0.8, 1.0), strict=True):
        assert line.get_ydata() == pytest.approx(100 * exact(line.get_xdata(), k1), rel=1e-7)


def test_amounts_and_later_output_and_repeats_in_tables(tmp_path):
    path = changed(tmp_path / "a.omex", 'newValue="0.8"', 'newValue="0.5"')
    text = texts()["experiment.sedml"]
    more = f'<changeAttribute target="{MODEL}Species/sbml:species[@id=\'B\']/@initialAmount" newValue="6"/>'
    more += f'<changeAttribute target="{MODEL}Compartments/sbml:compartment[@id=\'cell\']/@size" newValue="2"/></listOfChanges>'
    text = text.replace("</listOfChanges>", more, 1).replace('outputStartTime="0"', 'outputStartTime="1"')
    text = text.replace('dataReference="t1"', 'dataReference="t2"').replace('dataReference="a1"', 'dataReference="share"')
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/model.xml", texts()["model.xml"])
    with zipfile.ZipFile(tmp_path / "b.omex", "w") as archive:
        archive.writestr("model.xml", texts()["model.xml"])
        archive.writestr("experiment.sedml", text)
    table = sd.read_archive(tmp_path / "b.omex").reports["table"]
    assert table["repeat"].tolist() == np.repeat(range(5), 51).tolist()
    last = table[table["repeat"] == 4]
    assert last.time.iloc[0] == 1
    assert last.A.to_numpy() == pytest.approx(100 * exact(last.time.to_numpy(), 1.0, b0=3.0) / 4, rel=1e-7)  # 6/2
    assert sd.read_archive(path).reports["table"].A.iloc[-1] == pytest.approx(exact(5, 0.5), rel=1e-7)


def test_columns_of_one_label_are_called_by_their_identifiers(tmp_path):
    table = sd.read_archive(changed(tmp_path / "a.omex", 'label="A"', 'label="time"')).reports["table"]
    assert table.columns.tolist() == ["d1", "d2"]
    assert table.d2.to_numpy() == pytest.approx(exact(table.d1.to_numpy(), 0.8), rel=1e-7)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("KISAO:0000019", "KISAO:0000029", "has the algorithm KISAO:0000029; expected one that integrates ODEs"),
        ("KISAO:0000019", "KISAO:0000696", "has the algorithm KISAO:0000696; expected one that integrates ODEs"),
        ("uniformTimeCourse", "oneStep", "is a oneStep, which is not carried out"),
        ("uniformTimeCourse", "steadyState", "steadyState course has the attribute initialTime = '0'"),
        ("plot2D", "plot3D", "is a plot3D, which is not made"),
        ("changeAttribute", "removeXML", "has a change removeXML, which is not carried out"),
        ("uniformRange", "dataRange", "has a dataRange, which is not carried out"),
        ('type="linear"', 'type="cubic"', "has a range of the type 'cubic'; expected 'linear' or 'log'"),
        ('range="rates" resetModel', 'range="speeds" resetModel', "repeats along 'speeds'; expected a range of numbers"),
        ('range="rates" resetModel', 'concatenate="true" range="rates" resetModel', "the attribute concatenate = 'true'"),
        ('id="a" target', 'dimensionTerm="KISAO:0000825" id="a" target', "the variable a has the attribute dimensionTerm"),
        ("<divide/>", '<csymbol definitionURL="urn:sedml:function:max"/>', "the function 'urn:sedml:function:max' over time"),
        ("<ci>rates</ci>", "<ci>rates) + (1</ci>", "has the identifier 'rates) + (1'"),
        ("<ci>rates</ci>", "<ci>speeds</ci>", "nothing is called 'speeds'"),
        (
            "<ci>rates</ci>",
            "<piecewise><piece><cn>1</cn><apply><lt/><ci>rates</ci><cn>1</cn></apply></piece></piecewise>",
            "has a piecewise without otherwise",
        ),
        ('<curve id="c1"', '<curve id="c1" type="bar"', "has a bar, which is not drawn; curves of points are"),
        ("<listOfCurves>", '<xAxis type="log2"/><listOfCurves>', "has an axis of the type 'log2'"),
        ('resetModel="true"', 'resetModel="false"', "resetModel 'false'"),
        ("[@id='A']", "[@name='A']", "expected a species, parameter, compartment or reaction of the model by its id"),
        ("[@id='A']", "[@id='Z']", "shows 'Z', which the model does not have"),
        ('source="model.xml"', 'source="../model.xml"', "names the model '../model.xml', which is no file of the archive"),
        ('source="model.xml"', 'source="#model"', "is a change of itself"),
        ("<algorithm ", "<a:algorithm ", "unbound prefix"),
        ("<divide/>", "<curl/>", "has the function curl of 2 arguments"),
        ("<ci>rates</ci>", "<apply><root/><degree/><ci>rates</ci></apply>", "has the element degree without a value"),
        ("<ci>rates</ci>", "<cn>1+rates</cn>", "has the number '1+rates'"),
        ('<?xml version="1.0" encoding="UTF-8"?>', '<!DOCTYPE x [<!ENTITY a "b">]>', "a document type is declared"),
        ('numberOfPoints="50"', 'numberOfPoints="1e9"', "has '1e9' steps"),
        ('numberOfPoints="4"', 'numberOfPoints="1000000"', "has 50000050 points, more than 20000000"),
        (
            'start="0.2" end="1" numberOfPoints="4" type="linear"',
            'start="0" end="1" numberOfPoints="4" type="log"',
            "positive ends",
        ),
        (
            'modelReference="model" range',
            'modelReference="mold" range',
            "sets values of 'mold', which is not the model of its task",
        ),
        (
            "Parameters/sbml:parameter[@id='k1']/@value",
            "Parameters/sbml:parameter[@id='A']/@value",
            "A of the model model is a species",
        ),
        (
            'task="single"/></l',
            'task="single"><listOfChanges><setValue/></listOfChanges></subTask></l',
            "changes in its subtask",
        ),
    ],
)
def test_what_is_not_carried_out_is_named(tmp_path, old, new, message):
    path = changed(tmp_path / "a.omex", old, new)
    with pytest.raises(DeclarationError, match=re.escape(message)):
        _ = sd.read_archive(path).reports


def test_ranges_that_are_functions_and_axes(tmp_path):
    """k1 = (rates/2)*w + z, by a range that is a function, and constants."""
    text = texts()["experiment.sedml"]
    half = "<apply><times/><ci>rates</ci><ci>w</ci></apply>"
    inner = f'<listOfParameters><parameter id="w" value="0.5"/></listOfParameters><math {MATH}>{half}</math>'
    text = text.replace(
        "</listOfRanges>", f'<functionalRange id="halves" range="rates">{inner}</functionalRange></listOfRanges>'
    )
    old = f"<math {MATH}><ci>rates</ci></math>"
    text = re.sub(r">\s+<", "><", text)
    assert old in text
    new = f"<math {MATH}><apply><plus/><ci>halves</ci><ci>z</ci></apply></math>"
    text = text.replace(old, f'<listOfParameters><parameter id="z" value="0.3"/></listOfParameters>{new}')
    text = text.replace("<listOfCurves>", '<yAxis type="log10"/><listOfCurves>')
    (axes,) = sd.read_archive(written(tmp_path / "a.omex", text)).plots["figure"].axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    for line, k1 in zip(axes.get_lines(), (0.4, 0.5, 0.6, 0.7, 0.8), strict=True):
        assert line.get_ydata() == pytest.approx(100 * exact(line.get_xdata(), k1), rel=1e-7)


def test_steady_states_are_those_that_are_reached(tmp_path):
    """A comes to the share k2/(k1 + k2) of all."""
    text = texts()["experiment.sedml"]
    text, count = re.subn(r"(?s)<uniformTimeCourse.*</uniformTimeCourse>", STEADY, text)
    assert count == 1
    text = text.replace('symbol="urn:sedml:symbol:time"', f'target="{K1}"')
    write = partial(written, tmp_path / "a.omex")
    archive = sd.read_archive(write(text))
    assert archive.reports["table"].to_dict("list") == {"time": [0.8], "A": [pytest.approx(0.6 / 1.4, rel=1e-7)]}
    (line,) = archive.plots["figure"].axes[0].get_lines()
    k1 = np.array([0.2, 0.4, 0.6, 0.8, 1.0])
    assert line.get_xdata() == pytest.approx(k1)
    assert line.get_ydata() == pytest.approx(60 / (k1 + 0.6), rel=1e-7)
    for other in ("KISAO:0000019", "KISAO:0000437"):  # of CVODE, and of flux balance
        with pytest.raises(DeclarationError, match=f"has the algorithm {other}; expected one that looks for a steady"):
            sd.read_archive(write(text.replace("KISAO:0000282", other)))
    assert sd.read_archive(write(text.replace("KISAO:0000282", "KISAO:0000696"))).reports["table"].shape == (1, 2)
    timed = text.replace(f'<variable id="v" target="{K1}"', '<variable id="v" symbol="urn:sedml:symbol:time"')
    with pytest.raises(DeclarationError, match="shows the time of a steady state"):
        _ = sd.read_archive(write(timed)).reports


def test_archives_that_would_do_harm_are_refused(tmp_path):
    for name in ("../model.xml", "/etc/model.xml", "a/../../model.xml", "C:\\model.xml"):
        with zipfile.ZipFile(tmp_path / "a.omex", "w") as archive:
            archive.writestr(name, "<sbml/>")
        with pytest.raises(DeclarationError, match="lies outside the archive"):
            sd.read_archive(tmp_path / "a.omex")
    with zipfile.ZipFile(tmp_path / "b.omex", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.xml", "<" * 3_000_000)
    with pytest.raises(DeclarationError, match=r"b.omex: .* more than characters=1000000; raise characters="):
        sd.read_archive(tmp_path / "b.omex", characters=1_000_000)
    with pytest.raises(DeclarationError, match="0 files of SED-ML"):
        sd.read_archive(tmp_path / "b.omex", characters=4_000_000)
    with zipfile.ZipFile(tmp_path / "c.omex", "w") as archive:
        for k in range(1001):
            archive.writestr(f"{k}.txt", "")
    with pytest.raises(DeclarationError, match="has 1001 files, more than files=1000; raise files="):
        sd.read_archive(tmp_path / "c.omex")
    with pytest.raises(DeclarationError, match="0 files of SED-ML"):
        sd.read_archive(tmp_path / "c.omex", files=1001)
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "e.omex", "w", method) as archive:
            archive.writestr("model.xml", texts()["model.xml"])
        damaged = bytearray((tmp_path / "e.omex").read_bytes())
        damaged[100:140] = bytes(b ^ 0x5A for b in damaged[100:140])
        (tmp_path / "e.omex").write_bytes(damaged)
        with pytest.raises(DeclarationError, match="no zip file that can be read"):
            sd.read_archive(tmp_path / "e.omex")
    (tmp_path / "d.omex").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(DeclarationError, match="no zip file"):
        sd.read_archive(tmp_path / "d.omex")


def test_what_a_repeated_task_sets_is_of_the_model_elsewhere(tmp_path):
    """A plain task of the same model has the value of the file; a third party's archive failed there."""
    found = texts()
    k1 = float(re.search(r'<parameter[^>]*id="k1"[^>]*value="([^"]+)"', found["model.xml"])[1])
    found["experiment.sedml"], count = re.subn(r"<changeAttribute[^>]*'k1'[^>]*/>", "", found["experiment.sedml"], count=1)
    assert count == 1
    path = tmp_path / "a.omex"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in found.items():
            archive.writestr(name, text)
    read = sd.read_archive(path)
    table = read.reports["table"]
    assert table.A.to_numpy() == pytest.approx(exact(table.time.to_numpy(), k1), rel=1e-7)
    assert len(read.plots["figure"].axes[0].get_lines()) == 5
