"""Problems that tests of PEtab write: a model of two species that decay, and tables in place of those of a default."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["CONVERSION", "MODEL", "written"]

CONVERSION = Path(__file__).parents[2] / "examples" / "data" / "petab_conversion"
#: A species that decays, dosed and diluted by conditions: as concentration, as amount, and a constant that depends on another.
MODEL = """<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"><model id="m">
<listOfCompartments><compartment id="V" spatialDimensions="3" size="2" constant="false"/></listOfCompartments>
<listOfSpecies>
<species id="C" compartment="V" initialConcentration="3"
 hasOnlySubstanceUnits="false" boundaryCondition="false" constant="false"/>
<species id="N" compartment="V" initialAmount="5" hasOnlySubstanceUnits="true" boundaryCondition="false" constant="false"/>
</listOfSpecies>
<listOfParameters><parameter id="k" value="0.5" constant="true"/><parameter id="twice" constant="true"/>
<parameter id="f" constant="false"/></listOfParameters>
<listOfInitialAssignments><initialAssignment symbol="twice">
<math xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><cn>2</cn><ci>k</ci></apply></math></initialAssignment>
</listOfInitialAssignments>
<listOfRules><assignmentRule variable="f"><math xmlns="http://www.w3.org/1998/Math/MathML">
<apply><plus/><ci>C</ci><ci>N</ci></apply></math></assignmentRule></listOfRules>
<listOfReactions><reaction id="r" reversible="false" fast="false"><listOfReactants>
<speciesReference species="C" stoichiometry="1" constant="true"/></listOfReactants><kineticLaw>
<math xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><ci>V</ci><ci>k</ci><ci>C</ci></apply></math></kineticLaw></reaction>
<reaction id="q" reversible="false" fast="false"><listOfReactants>
<speciesReference species="N" stoichiometry="1" constant="true"/></listOfReactants><kineticLaw>
<math xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><ci>twice</ci><ci>N</ci></apply></math></kineticLaw></reaction>
</listOfReactions></model></sbml>"""
OBSERVABLES = "observableId\tobservableFormula\tnoiseFormula\nc\tC\t1\nn\tN\t1\ng\tf + s\t1\n"
PARAMETERS = "parameterId\tlowerBound\tupperBound\tnominalValue\testimate\ns\t-1\t9\t0.25\ttrue\n"


def written(folder: Path, version: int = 2, **tables: str) -> Path:
    """A problem with a model, and tables with columns separated by blanks in place of those of the default."""
    (folder / "model.xml").write_text(MODEL)
    files = {"parameter": PARAMETERS, "observable": OBSERVABLES}
    files |= {kind: re.sub(r" +", "\t", text.strip()) + "\n" for kind, text in tables.items()}
    for kind, text in files.items():
        (folder / f"{kind}.tsv").write_text(text)
    if version == 2:
        listed = "".join(f"{k}_files: [{k}.tsv]\n" for k in files)
        text = f"format_version: 2.0.0\nmodel_files: {{m: {{language: sbml, location: model.xml}}}}\n{listed}"
    else:
        listed = "".join(f"    {k}_files: [{k}.tsv]\n" for k in files if k != "parameter")
        text = f"format_version: 1\nparameter_file: parameter.tsv\nproblems:\n  - sbml_files: [model.xml]\n{listed}"
    (folder / "problem.yaml").write_text(text)
    return folder / "problem.yaml"
