"""Exact stochastic simulators behind one interface: ``make(case)`` gives ``run(count)``, the states at the outputs (N, T, n).

Where it takes a peer long to hand over values, ``run.timed`` does the same work and leaves them where they are.
Each import is inside its maker: a peer that is not installed raises ImportError there, and its row says so.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.copasi import import_copasi, time_course
from benchmarks.harness import Unfit
from benchmarks.networks import OUTPUTS, Case

__all__ = ["PEERS", "Run", "make_bngsim"]

Run = Callable[[int], np.ndarray]


def make_gillespy2(case: Case) -> Run:
    """The compiled direct method of GillesPy2, a C++ program that is built once and started for each run."""
    import gillespy2

    model = gillespy2.Model(name="model")
    names = case.network.names
    model.add_species([gillespy2.Species(s.name, initial_value=int(v)) for s, v in case.network.initial.items()])
    for k, (reactants, products, text, _) in enumerate(case.reactions()):
        model.add_reaction(gillespy2.Reaction(name=f"r{k}", reactants=reactants, products=products, propensity_function=text))
    model.timespan(gillespy2.TimeSpan.linspace(t=case.end, num_points=OUTPUTS))
    # its build starts the python behind this one, which must find SCons
    with patch.dict(os.environ, {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}):
        solver = gillespy2.SSACSolver(model=model)

    def run(count: int) -> np.ndarray:
        found = solver.run(number_of_trajectories=count, seed=1)
        return np.array([[trajectory[s] for s in names] for trajectory in found]).transpose(0, 2, 1)

    return run


def make_rebop(case: Case) -> Run:
    import rebop

    system = rebop.Gillespie()
    for reactants, products, text, constant in case.reactions():
        sides = [[s for s, k in side.items() for _ in range(k)] for side in (reactants, products)]
        system.add_reaction(text if constant is None else constant, *sides)
    initial = {s.name: int(v) for s, v in case.network.initial.items()}

    def run(count: int) -> np.ndarray:
        runs = [system.run(initial, case.end, OUTPUTS - 1, rng=k) for k in range(count)]
        return np.array([[r[s].values for s in case.network.names] for r in runs]).transpose(0, 2, 1)

    return run


def make_bioscrape(case: Case) -> Run:
    from bioscrape.simulator import ModelCSimInterface, SSASimulator
    from bioscrape.types import Model

    reactions = []
    for reactants, products, text, constant in case.reactions():
        sides = [[s for s, k in side.items() for _ in range(k)] for side in (reactants, products)]
        kind = ("general", {"rate": text}) if constant is None or len(sides[0]) > 1 else ("massaction", {"k": constant})
        reactions.append((*sides, *kind))
    initial = {s.name: int(v) for s, v in case.network.initial.items()}
    model = Model(species=list(case.network.names), reactions=reactions, initial_condition_dict=initial)
    interface, simulator, times = ModelCSimInterface(model), SSASimulator(), case.times
    interface.py_set_initial_time(0.0)
    order = [model.get_species_index(s) for s in case.network.names]

    def run(count: int) -> np.ndarray:
        return np.array([simulator.py_simulate(interface, times).py_get_result() for _ in range(count)])[..., order]

    return run


def sbml(case: Case) -> str:
    """The network as SBML, numbers of molecules in a compartment of size 1."""
    import libsbml

    document = libsbml.SBMLDocument(3, 1)
    model = document.createModel()
    model.setSubstanceUnits("item")
    model.setExtentUnits("item")
    model.setTimeUnits("second")
    model.setVolumeUnits("litre")
    box = model.createCompartment()
    box.setId("box")
    box.setConstant(True)
    box.setSize(1.0)
    box.setSpatialDimensions(3)
    for s, value in case.network.initial.items():
        species = model.createSpecies()
        species.setId(s.name)
        species.setCompartment("box")
        species.setInitialAmount(value)
        species.setHasOnlySubstanceUnits(True)
        species.setBoundaryCondition(False)
        species.setConstant(False)
    for k, (reactants, products, text, _) in enumerate(case.reactions()):
        reaction = model.createReaction()
        reaction.setId(f"r{k}")
        reaction.setReversible(False)
        reaction.setFast(False)
        for side, create in ((reactants, reaction.createReactant), (products, reaction.createProduct)):
            for name, number in side.items():
                reference = create()
                reference.setSpecies(name)
                reference.setStoichiometry(number)
                reference.setConstant(True)
        for name in set(re.findall(r"\w+", text)) & set(case.network.names) - set(reactants):
            reaction.createModifier().setSpecies(name)
        reaction.createKineticLaw().setMath(libsbml.parseL3Formula(text))
    return libsbml.writeSBMLToString(document)


def make_roadrunner(case: Case) -> Run:
    import roadrunner

    runner = roadrunner.RoadRunner(sbml(case))
    runner.setIntegrator("gillespie")
    runner.integrator.setValue("variable_step_size", False)
    runner.integrator.setValue("seed", 1)
    runner.timeCourseSelections = ["time", *case.network.names]

    def run(count: int) -> np.ndarray:
        found = []
        for _ in range(count):
            runner.reset()
            found.append(np.array(runner.simulate(0, case.end, OUTPUTS))[:, 1:])
        return np.array(found)

    return run


def make_copasi(case: Case) -> Run:
    """Its direct method; the time of reading results is not counted."""
    import_copasi()
    import basico

    model = basico.load_model_from_string(sbml(case))
    settings = {"Use Random Seed": True, "Random Seed": 1}
    course = time_course(model, "directMethod", settings, case.times)

    def run(count: int, read: bool = True) -> np.ndarray:
        found = []
        for k in range(count):
            course.task.getMethod().getParameter("Random Seed").setUIntValue(k)
            course.run()
            if read:
                found.append(course.read(case.network.names))
        return np.array(found)

    run.timed = partial(run, read=False)  # type: ignore[attr-defined]
    return run


def make_bngsim(case: Case) -> Run:
    """The sparse direct method of bngsim, of mass action by reactants that differ, from a file of BioNetGen."""
    import bngsim

    place = {name: k for k, name in enumerate(case.network.names, 1)}
    rates: dict[float, int] = {}
    reactions = []
    for k, (reactants, products, text, constant) in enumerate(case.reactions(), 1):
        if constant is None or any(count > 1 for count in reactants.values()):
            raise Unfit(f"not written for {text}")
        sides = [[str(place[s]) for s, count in side.items() for _ in range(count)] or ["0"] for side in (reactants, products)]
        rate = rates.setdefault(constant, len(rates) + 1)
        reactions.append(f"{k} {','.join(sides[0])} {','.join(sides[1])} k{rate}")
    blocks = {
        "parameters": [f"{k} k{k} {value!r}" for value, k in rates.items()],
        "species": [f"{place[s.name]} {s.name}() {int(v)}" for s, v in case.network.initial.items()],
        "reactions": reactions,
    }
    lines = [line for name, own in blocks.items() for line in (f"begin {name}", *own, f"end {name}")]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.net"
        file.write_text("\n".join([*lines, ""]))
        simulator = bngsim.Simulator(bngsim.Model.from_net(file), method="ssa")

    def run(count: int) -> np.ndarray:
        found = simulator.run_replicates(count, (0.0, case.end), OUTPUTS, seed=1, num_processors=1)
        return np.array([np.asarray(r.species) for r in found])

    return run


PEERS: dict[str, Callable[[Case], Run]] = {
    "GillesPy2 (C++)": make_gillespy2,
    "rebop": make_rebop,
    "bioscrape": make_bioscrape,
    "libRoadRunner": make_roadrunner,
    "COPASI": make_copasi,
}
