"""Control of adaptive steps, and when stiffness is looked for."""

from __future__ import annotations

#: Part of the step that the error allows; factors by which a step shrinks and grows at most.
SAFETY, SHRINK, GROW = 0.9, 0.2, 5.0
# stiffness is looked for in steps 300 to 340 of every thousand: long enough for 15 hits, too short to cost anything
PERIOD, WINDOW_START, WINDOW_END, HITS = 1000, 300, 340, 15
