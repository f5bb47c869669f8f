"""Arguments of the drivers: one named tuple for each, composed of the common parts in `parts`."""
