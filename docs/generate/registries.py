"""Explanations of what is registered: methods, closures, laws of noise, surrogates, regressors, kinds, conditions, differences.

Texts are those of the modules in which the entries are, so that they say what the code does.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import symdyn as sd
from docs.generate.reference import described, heading
from symdyn import extend
from symdyn.inference.noise_laws import LAWS


def module_text(thing: Any) -> list[str]:
    """The docstring of the module of a class or function; nothing of one that was made elsewhere than in a file."""
    module = inspect.getmodule(thing)
    return [] if module is None else (inspect.getdoc(module) or "").splitlines()


def one_line(thing: Any) -> str:
    """The first sentence of a docstring."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def fields(pairs: dict[str, Any]) -> list[str]:
    """A list of properties, without those that are empty."""
    return [*(f":{name}: {value}" for name, value in pairs.items() if value not in (None, "", ())), ""]


def methods() -> list[str]:
    """The page of methods, with a table of the kinds of systems to which each applies."""
    lines = [
        *heading("Numerical methods"),
        "Names for ``method=``; ``symdyn.METHODS`` lists them, and a class of options goes with each. A method says of a",
        "system why it does not apply, and `symdyn.simulate` passes that on.",
        "",
    ]
    kinds = dict(extend.KINDS)
    examples = {name: cls.example() for name, cls in kinds.items()}
    taken = {name: [k for k, s in examples.items() if entry.applies(s) is None] for name, entry in sd.METHODS.items()}
    lines += [*heading("Which method for which example of a kind", "-"), ".. list-table::", "   :header-rows: 1", ""]
    lines += ["   * - method", "     - the example of these kinds"]
    for name, names in taken.items():
        of = ", ".join(kinds[k].__name__ for k in names) or "none of them"
        lines += [f"   * - :ref:`{name} <method-{name}>`", f"     - {of}"]
    lines += ["", "A kind is missing where its example lacks what the method needs, such as additive noise.", ""]
    for name, entry in sd.METHODS.items():
        order = entry.order if isinstance(getattr(entry, "order", None), int | float) else None
        if order is None and hasattr(entry, "strong_order"):
            order = f"strong {entry.strong_order:g}, weak {entry.weak_order:g}"
        options = getattr(entry, "options", None)
        lines += [f".. _method-{name}:", "", *heading(name, "-"), *(module_text(options) if options else []), ""]
        lines += fields({"Order": order, "Reference": entry.reference,
                         "Options": f"`methods.{options.__name__}`" if options else None})  # fmt: skip
    lines += [*heading("Families", "-"), "Methods of a family share a formula and a loop.", ""]
    families: dict[type, list[str]] = {}
    for name, entry in sd.METHODS.items():
        families.setdefault(type(entry), []).append(name)
    for family, names in families.items():
        text = re.split(r"\n(?:Parameters|Attributes|Raises|References|Examples)\n-", inspect.getdoc(family) or "")[0]
        lines += [*heading(", ".join(names), "~"), *text.splitlines(), ""]
    return lines


def closures() -> list[str]:
    """The page of closures: definition, formula, what it needs, source."""
    lines = [
        *heading("Moment closures"),
        "Equations of the moments of order m contain moments of higher order as soon as a rate is not linear. A closure",
        "writes these by moments of order m and below. It is an assumption about the distribution, and it can be wrong:",
        "equations may have several stable states where the distribution of the master equation is unique, negative",
        "variances, or no bounded solution. `studies.closure_validity` says where, for a network and a range of volumes;",
        ":doc:`/howto/trust_a_closure` shows how.",
        "",
    ]
    for name, closure in extend.CLOSURES.items():
        lines += [f".. _closure-{name}:", "", *heading(name, "-"), *module_text(closure.express), ""]
        needs = []
        if closure.positive_means:
            needs.append("means stay positive, also at the beginning")
        if closure.least_order > 1:
            needs.append(f"order {closure.least_order} or more")
        if closure.needs_binary:
            needs.append("species declared binary (0 or 1)")
        lines += fields({"Definition": closure.definition, "Needs": "; ".join(needs), "Reference": closure.reference,
                         "Other names": ", ".join(f"``{a}``" for a in closure.aliases)})  # fmt: skip
    return lines


def noise() -> list[str]:
    """The page of laws of noise."""
    lines = [
        *heading("Laws of measurement noise"),
        "A measurement y has a distribution about what a simulation expects. ``noise=`` of `symdyn.fit` takes a name of",
        "the table, or a tuple of the name and its parameters; those that are not given are fitted. The likelihood is the",
        "product of the densities over all measurements, and the score and the expected information come from forward",
        "sensitivities.",
        "",
    ]
    for name, law in LAWS.items():
        data = "whole numbers from 0" if law.counts else "positive numbers" if law.positive else "numbers"
        lines += [*heading(name, "-"), *described(law if inspect.isclass(law) else type(law)).splitlines(), ""]
        lines += fields({"Parameters": ", ".join(law.parameters) or "none", "Data": data})
    return lines


def learners() -> list[str]:
    """The page of surrogates and regressors."""
    lines = [
        *heading("Surrogates and regressors"),
        "`symdyn.recover` has three stages. A surrogate learns the course of states and unknown terms from the data; a",
        "regressor proposes formulas for the learned terms; and terms are selected by simulation of the system that has",
        "them, which decides. A stage is left out by None.",
        "",
    ]
    for title, registry in (("Surrogates", extend.SURROGATES), ("Surrogates of fields", extend.FIELD_SURROGATES),
                            ("Regressors", extend.REGRESSORS)):  # fmt: skip
        lines += heading(title, "-")
        for name, cls in registry.items():
            lines += [*heading(name, "~"), *module_text(cls), "", one_line(cls), ""]
    return lines


def kinds() -> list[str]:
    """The page of kinds of systems and what they are on grids and at walls."""
    lines = [
        *heading("Kinds of systems"),
        "Every declaration is a `symdyn.System` with some of the parts below. Methods, derivations and analyses ask for",
        "parts, not for classes, so that a derived or recovered system can be used like a declared one.",
        "",
        ".. list-table::",
        "   :header-rows: 1",
        "",
        "   * - kind",
        "     - parts of its example",
        "     - what it is",
    ]
    for cls in extend.KINDS.values():
        parts = ", ".join(cls.example().parts)
        known = hasattr(sd, cls.__name__)
        lines += [f"   * - `{'' if known else 'models.'}{cls.__name__}`", f"     - {parts}", f"     - {one_line(cls)}"]
    lines += ["", *heading("Boundary conditions of fields", "-")]
    lines += [
        f"Names for ``boundary=``: ``periodic`` and {', '.join(f'``{name}``' for name in extend.CONDITIONS)}. With values:",
        "",
    ]
    for condition in (sd.Dirichlet, sd.Neumann, sd.Robin):
        lines += [f"`{condition.__name__}`", f"    {one_line(condition)}", ""]
    return lines


def pages() -> dict[str, str]:
    """The pages by file name."""
    return {f"{page.__name__}.rst": "\n".join([*page(), ""]) for page in (methods, closures, noise, learners, kinds)}
