"""Exact stochastic simulators behind one interface: ``make(case)`` gives ``run(count)``, the states at the outputs (N, T, n).

Each import is inside its maker: a peer that is not installed raises ImportError there, and its row says so.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.networks import OUTPUTS, Case

__all__ = ["PEERS", "Run"]

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


def make_roadrunner(case: Case) -> Run:
    import libsbml
    import roadrunner

    document = libsbml.SBMLDocument(3, 1)
    model = document.createModel()
    box = model.createCompartment()
    box.setId("box")
    box.setConstant(True)
    box.setSize(1.0)
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
        for name in set(case.network.names) - set(reactants):
            if name in text:
                reaction.createModifier().setSpecies(name)
        reaction.createKineticLaw().setMath(libsbml.parseL3Formula(text))
    runner = roadrunner.RoadRunner(libsbml.writeSBMLToString(document))
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


PEERS: dict[str, Callable[[Case], Run]] = {
    "GillesPy2 (C++)": make_gillespy2,
    "rebop": make_rebop,
    "bioscrape": make_bioscrape,
    "libRoadRunner": make_roadrunner,
}
