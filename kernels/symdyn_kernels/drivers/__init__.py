"""The loops of the methods, one file for each family; a driver is compiled once for all models."""
