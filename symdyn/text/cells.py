"""Rules of automata in text, ``s[i] = p*(s[i-1] + s[i+1])/2``: cells become names, such as that of the cell ``s[-1]``."""

from __future__ import annotations

from collections.abc import Sequence

from symdyn.errors import ParseError
from symdyn.text.lexer import Token

__all__ = ["is_rule", "named_cells", "rule_sides"]


def is_rule(tokens: Sequence[Token]) -> bool:
    """Whether a statement begins with ``s[i] =``."""
    kinds = [token.kind for token in tokens[:4:2]]
    return kinds == ["name", "name"] and [token.text for token in (*tokens[1:5:2], *tokens[4:5])] == ["[", "]", "="]


def rule_sides(text: str, tokens: Sequence[Token]) -> tuple[str, list[Token]]:
    """The name of the cells of a rule, and its right side with names of cells.

    Raises
    ------
    ParseError
        For a right side that is missing, and cells that are not at a whole number of sites.

    Examples
    --------
    >>> from symdyn.text.lexer import split_statements, tokenize
    >>> text = "s[i] = s[i-1]*s[i]"
    >>> [token.text for token in rule_sides(text, split_statements(text, tokenize(text))[0])[1]]
    ['s[-1]', '*', 's[0]', '']
    """
    if tokens[5].kind == "end":
        raise ParseError("the rule has no right side; write the probability that the cell is 1 next", text, tokens[5].start)
    return tokens[0].text, named_cells(text, tokens[5:], tokens[2].text)


def named_cells(text: str, tokens: Sequence[Token], index: str) -> list[Token]:
    """Tokens in which ``s[i-1]`` is one name.

    Raises
    ------
    ParseError
        For what is between brackets and no cell.
    """
    found: list[Token] = []
    k = 0
    while k < len(tokens):
        token = tokens[k]
        if token.kind != "name" or k + 1 >= len(tokens) or tokens[k + 1].text != "[":
            found.append(token)
            k += 1
            continue
        end = next((j for j in range(k + 2, min(k + 6, len(tokens))) if tokens[j].text == "]"), None)
        words = [] if end is None else [t.text for t in tokens[k + 2 : end]]
        distance = "0" if words == [index] else "".join(words[1:]) if len(words) == 3 and words[0] == index else ""
        if end is None or not distance.lstrip("+-").isdigit() or len(distance) > 4:
            s = f"{token.text}[{index}"
            raise ParseError(f"expected a cell, such as {s}], {s}-1] or {s}+2]", text, token.start)
        found.append(Token("name", f"{token.text}[{int(distance)}]", token.start, tokens[end].end))
        k = end + 1
    return found
