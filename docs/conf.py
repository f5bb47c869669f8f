"""Configuration of Sphinx: pages of this folder, and those that are made from the code before they are read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import roles
from sphinx import addnodes

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "kernels")]

from docs.generate import gallery, notebooks, put, reference, registries, results  # noqa: E402
from symdyn import __version__  # noqa: E402

project, author = "symdyn", "the symdyn developers"
release = version = __version__
extensions = ["myst_nb", "docs.generate.mathml"]
html_theme, html_math_renderer = "furo", "mathml"
html_title = f"symdyn {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
exclude_patterns = ["generate/**", "**/__pycache__/**", "generated/notebooks/examples/**"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
nb_execution_mode = "force" if os.environ.get("EXECUTE") else "off"
nb_execution_timeout = 600
nb_ipywidgets_js = {}  # they would be fetched from elsewhere; widgets show as text
nb_mime_priority_overrides = [("html", "image/gif", 5)]
nitpicky = True
default_role = "code-or-link"
html_copy_source = False

GENERATED = ROOT / "docs" / "generated"
for part in (reference, registries, notebooks, gallery, results):
    put(GENERATED / part.__name__.rpartition(".")[2], part.pages())
if nb_execution_mode == "force":  # notebooks run as in the root of the repository
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
    (GENERATED / "notebooks" / "examples").symlink_to(ROOT / "examples")
TARGETS = reference.targets()


def code_or_link(name, rawtext, text, lineno, inliner, options=None, content=()):
    """A name of the library in single backticks is a link to its description, anything else is code."""
    bare = text.removesuffix("()")
    full = next((t for t in (bare, f"symdyn.{bare}") if t in TARGETS), None)
    if full is None:
        return [nodes.literal(text, text)], []
    inner = nodes.literal(text, text)
    return [addnodes.pending_xref("", inner, refdomain="py", reftype="obj", reftarget=full, refexplicit=True)], []


roles.register_local_role("code-or-link", code_or_link)
