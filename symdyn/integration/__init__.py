"""One loop through time for problems whose single state is large: fields on grids, spectral schemes, cells in a bulk."""
