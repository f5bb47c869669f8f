"""Where conditions of events turn true within a step, on a card: its parts are looked at, and the first change is located."""

from __future__ import annotations

from symdyn_kernels.constants.events import PARTS
from symdyn_kernels.devices._eventful import CONDITIONS, EVENTS, effects, forget, triggers
from symdyn_kernels.devices._model import ROWS, UNTIL, N, W, interpolant, margin
from symdyn_kernels.devices._prelude import math, real
from symdyn_kernels.devices.happenings import release, trigger
from symdyn_kernels.shared.roots import MOST_GUESSES, level_after, next_guess
from symdyn_kernels.status import NOT_FINITE, SUCCESS


def look(t, row, p, memory, found):
    """The margins at a time and the state in a row: of all events, then that of the condition that ends trajectories."""
    triggers((real(t),), row, p, memory, found)
    forget(found)
    if UNTIL:
        found[EVENTS] = margin((real(t),), row, p, memory)


def place(part, memory):
    """Put the state at a part of the step, or just beyond, into the last row."""
    for e in range(N):
        memory[ROWS, e] = memory[W, e] if part == 1.0 else interpolant(e, part, memory)


def highest(found, level, held):
    """The largest margin, above its level, of those conditions that are looked at within steps and do not count as true."""
    most = -math.inf
    for e in range(CONDITIONS):
        if held[e] == 0:
            most = max(most, found[e] - level[e])
    return most


def turn_beyond(found, level, held):
    """Let conditions count as they do just beyond a crossing; levels -1 and 1 mark what turns true and false there."""
    for e in range(EVENTS):
        if found[e] >= level[e] and held[e] == 0:
            held[e], level[e] = 1, -1.0
        elif found[e] < 0.0 and held[e] != 0 and level[e] >= 0.0:
            level[e] = 1.0


def settle(count, found, level, held, queue, acts, kept):
    """The levels of conditions after `turn_beyond`, with margins just before the crossing; returns how many events wait."""
    for e in range(EVENTS):
        if held[e] != 0 and level[e] > 0.0:
            count = release(e, count, held, queue, acts, kept)
        level[e] = level_after(found[e]) if level[e] > 0.0 else min(found[e], 0.0) if held[e] != 0 else 0.0
    return count


def turned(e, t, count, p, memory, new, held, queue, acts, kept):
    """The condition of an event turned true, at the state in row `W`; returns how many events wait."""
    effects((real(t),), W, p, memory, new)
    return trigger(e, t, count, new, held, queue, acts, kept)


def turn(t, length, count, p, memory, found, level, held, queue, acts, kept):
    """The parts of a step between which a condition turns true, 2 and 2 if none does; how many events wait, and a status."""
    before = 0.0
    for j in range(len(PARTS)):
        part = PARTS[j]
        place(real(part), memory)
        look(t + part * length, ROWS, p, memory, found)
        some = False
        for e in range(CONDITIONS):
            if found[e] != found[e]:
                return 2.0, 2.0, count, NOT_FINITE
            some = some or (found[e] >= level[e] and held[e] == 0)
        if some:
            return before, part, count, SUCCESS
        for e in range(CONDITIONS):
            if found[e] < 0.0:
                level[e] = 0.0
                if held[e] != 0:
                    count = release(e, count, held, queue, acts, kept)
        before = part
    return 2.0, 2.0, count, SUCCESS


def locate(a, b, t, length, p, memory, found, level, held):
    """The last part of a step before a condition turns true, and the first at which it is."""
    high = highest(found, level, held)
    place(real(a), memory)
    look(t + a * length, ROWS, p, memory, found)
    low, reach = highest(found, level, held), b - a
    if low >= 0.0:  # it became true where the right-hand side jumped
        return a, a
    for _ in range(MOST_GUESSES):
        guess = next_guess(a, b, low, high, reach)
        if not (a < guess and guess < b):
            guess = 0.5 * (a + b)
            if not (a < guess and guess < b):
                break
        place(real(guess), memory)
        look(t + guess * length, ROWS, p, memory, found)
        value = highest(found, level, held)
        if value >= 0.0:
            b, high = guess, value
        else:
            a, low = guess, value
        reach = 0.5 * reach
    return a, b
