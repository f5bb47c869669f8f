"""Formulas as MathML, which browsers set by themselves: pages need no scripts from elsewhere."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

logger = getLogger(__name__)


def mathml(tex: str, block: bool) -> str:
    """A formula as MathML; what cannot be read is a warning, which ends the build."""
    if block and r"\\" in tex and r"\begin" not in tex:
        tex = rf"\begin{{align*}}{tex}\end{{align*}}"
    tex = re.sub(r"\{(aligned|align|split)\}", "{align*}", tex)  # the one of these that the converter knows
    tex = re.sub(r"\\arg\b", r"\\operatorname{arg}", tex)
    try:
        return convert(tex, display="block" if block else "inline")
    except Exception as error:  # of several classes that have no common base
        logger.warning("%s in the formula %s", type(error).__name__, tex, type="mathml")
        return "<math></math>"


def inline(translator: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(mathml(node.astext(), block=False))
    raise nodes.SkipNode


def block(translator: Any, node: nodes.math_block) -> None:
    """Write a formula of its own line."""
    translator.body.append(f'<div class="math">{mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
