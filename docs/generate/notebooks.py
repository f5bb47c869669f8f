"""The notebooks of the repository as pages, with links that lead to pages or to files of the repository."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
INDEX = """# Notebooks

Outputs are those of the last run that was kept; the tests run every notebook from its first cell to its last, and
`make docs EXECUTE=1` renders them anew.

```{toctree}
:maxdepth: 1
"""


def pages() -> dict[str, str]:
    """The notebooks with an index, by file name."""
    made = {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = json.loads(path.read_text())
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown":
                cell["source"] = moved("".join(cell["source"]))
        made[path.name] = json.dumps(notebook)
    order = ["first_steps", *sorted({Path(name).stem for name in made} - {"first_steps"})]
    return {**made, "index.md": "\n".join([INDEX, *order, "```", ""])}


def moved(text: str) -> str:
    """Links to files of the repository become names of files, links to other notebooks stay."""
    return re.sub(r"\[([^\]]*)\]\((?!https?:|#)([^)]+)\)", _link, text)


def _link(found: re.Match[str]) -> str:
    words, target = found.groups()
    name = Path(target)
    if name.suffix == ".ipynb":
        return f"[{words}]({name.name})"
    if name.suffix == ".py" and (ROOT / "examples" / name.name).exists():
        return f"[{words}](../gallery/{name.stem}.rst)"
    return f"`{words}`" if "`" not in words else words
