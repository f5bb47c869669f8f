"""The gallery: of each example its text, its figure if there is one, and its code.

Figures are made by the examples themselves, ``python -m examples.NAME --out out``, and not while the site is built; those
that are kept are in ``examples/figures``.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def pages() -> dict[str, str | bytes]:
    """A page for each example, their figures, and the index with a picture of each, by file name."""
    made: dict[str, str | bytes] = {}
    index = ["# Gallery", "", "Each example is a script whose results the tests assert; its first lines say how to run it.", ""]
    names = []
    for path in sorted((ROOT / "examples").glob("*.py")):
        if path.stem == "__init__":
            continue
        names.append(path.stem)
        text = ast.get_docstring(ast.parse(path.read_text())) or path.stem
        title, _, rest = text.partition("\n")
        title = title.rstrip(".")
        figures = figures_of(path)
        made |= {figure.name: figure.read_bytes() for figure in figures}
        lines = [title, "=" * len(title), "", rest.strip("\n").replace("|", r"\|"), ""]
        for figure in figures:
            lines += [f".. image:: {figure.name}", f"   :alt: figure of the example {path.stem}", "   :width: 100%", ""]
        lines += [f"``examples/{path.name}``", ""]
        lines += [f".. literalinclude:: ../../../examples/{path.name}", "   :language: python", ""]
        made[f"{path.stem}.rst"] = "\n".join(lines)
        index += [f"## [{title}]({path.stem}.rst)", "", paragraph(rest), ""]
        if figures:
            index += [f"[![{title}]({figures[0].name})]({path.stem}.rst)", ""]
    index += ["```{toctree}", ":hidden:", "", *names, "```", ""]
    made["index.md"] = "\n".join(index)
    return made


def figures_of(path: Path) -> list[Path]:
    """Kept figures that are named like an example, or in its text."""
    text = path.read_text()
    return [f for f in sorted((ROOT / "examples" / "figures").glob("*.png")) if f.stem == path.stem or f'"{f.stem}' in text]


def paragraph(text: str) -> str:
    """The first paragraph that is prose, without marks of reStructuredText."""
    parts = [p for p in text.split("\n\n") if p.strip() and not p.startswith((" ", "-"))]
    words = " ".join(parts[0].split()).replace("``", "`").replace("*", r"\*") if parts else ""
    return words if words.endswith((".", "?")) else words[: words.rfind(". ") + 1]  # up to what a formula or a list follows
