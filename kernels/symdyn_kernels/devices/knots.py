"""What happens at a known time on a card, beside events: the right-hand side jumps, or input j has a knot, ``KNOT - j``."""

JUMP, KNOT = -1, -2
