"""Fields on grids: what the drivers of explicit and implicit steps share."""
