"""Pages that are made from the code, the examples, the notebooks and the results of benchmarks, before Sphinx reads them."""
