"""Arguments of the drivers: one named tuple for each, made of parts that many have in common (`parts`)."""
