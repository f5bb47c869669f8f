"""Networks in the text of a model, ``f := network(16, 16, weights_6b1f...)``: hidden layers, and which weights they have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from symdyn.errors import ParseError
from symdyn.text.lexer import Token

__all__ = ["WeightsText", "is_network", "read_network"]

_WEIGHTS = re.compile(r"weights_[0-9a-f]{32}")


@dataclass(frozen=True)
class WeightsText:
    """What a text says of a network.

    Attributes
    ----------
    name : str
    hidden : tuple of int
        Neurons of the hidden layers.
    weights : str
        Fingerprint of its weights, ``weights_`` and 32 hexadecimal digits.
    place : int
        In the text.
    """

    name: str
    hidden: tuple[int, ...]
    weights: str
    place: int


def is_network(tokens: Sequence[Token]) -> bool:
    """Whether a statement names the weights of a network."""
    words = [token.text for token in tokens]
    return words[1:4] == [":=", "network", "("] and any(w.startswith("weights_") for w in words)


def read_network(text: str, tokens: Sequence[Token]) -> WeightsText:
    """The statement of a network.

    Raises
    ------
    ParseError
        If it is not of the form ``f := network(16, 16, weights_...)``.

    Examples
    --------
    >>> from symdyn.text.lexer import split_statements, tokenize
    >>> text = "f := network(16, 8, weights_" + "0" * 32 + ")"
    >>> read_network(text, split_statements(text, tokenize(text))[0]).hidden
    (16, 8)
    """
    words = [token.text for token in tokens]
    inner, last = words[4:-2], words[-2]
    sizes, commas = inner[:-1:2], inner[1::2]
    good = tokens[0].kind == "name" and last == ")" and inner and set(commas) <= {","}
    good = good and len(inner) % 2 == 1 and all(w.isascii() and w.isdigit() and len(w) < 6 for w in sizes)
    if not good or not _WEIGHTS.fullmatch(inner[-1]):
        message = "the weights of a network are written f := network(16, 16, weights_...), with 32 hexadecimal digits"
        raise ParseError(message, text, tokens[0].start)
    return WeightsText(words[0], tuple(map(int, sizes)), inner[-1], tokens[0].start)
