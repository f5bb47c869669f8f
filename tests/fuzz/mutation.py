"""Mutations of inputs: bits, spans, pieces of syntax, repetitions and nests."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

__all__ = ["mutated"]

#: Longest input, in bytes.
LONGEST = 200_000
_EXTREMES = (b"0", b"-1", b"1e308", b"1e-320", b"1e999", b"2147483648", b"9223372036854775808", b"1e15", b"9" * 400)
_NUMBER = re.compile(rb"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def mutated(data: bytes, others: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random) -> bytes:
    """The input after one to eight mutations."""
    for _ in range(rng.choice((1, 1, 1, 1, 1, 2, 2, 5))):
        data = rng.choice(_KINDS)(data, others, tokens, rng)[:LONGEST]
    return data


def _span(data: bytes, rng: random.Random) -> tuple[int, int]:
    a = rng.randrange(len(data) + 1)
    return a, min(len(data), a + rng.choice((1, 2, 4, 8, 16, 64, 256)))


def _flip(data: bytes, others: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random) -> bytes:
    if not data:
        return data
    changed = bytearray(data)
    changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _insert(data: bytes, others: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random) -> bytes:
    a = rng.randrange(len(data) + 1)
    return data[:a] + rng.choice(tokens) + data[a:]


def _exchange(data: bytes, others: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random) -> bytes:
    a, b = _span(data, rng)
    return data[:a] + rng.choice(tokens) + data[b:]


def _remove(data: bytes, others: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random) -> bytes:
    a, b = _span(data, rng)
    return data[:a] + data[b:]


def _repeat(data: bytes, others: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random) -> bytes:
    a, b = _span(data, rng)
    return data[:b] + data[a:b] * rng.choice((1, 2, 10, 100, 1000)) + data[b:]


def _splice(data: bytes, others: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random) -> bytes:
    other = rng.choice(others)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _number(data: bytes, others: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    place = rng.choice(found)
    extreme = rng.choice(
        (b"0", b"-1", b"1e308", b"1e-320", b"1e999", b"2147483648", b"9223372036854775808", b"1e15", b"9" * 400)
    )
    return data[: place.start()] + extreme + data[place.end() :]


def _nest(data: bytes, others: Sequence[bytes], tokens: Sequence[bytes], rng: random.Random) -> bytes:
    a, b = _span(data, rng)
    opening, closing = rng.choice(((b"(", b")"), (b"sin(", b")"), (b"[", b"]"), (b"<p>", b"</p>"), (b"{", b"}"), (b"-", b"")))
    times = rng.choice((1, 3, 50, 200, 5000))
    return data[:a] + opening * times + data[a:b] + closing * times + data[b:]


_KINDS = (_flip, _flip, _insert, _insert, _exchange, _remove, _repeat, _splice, _number, _nest)
