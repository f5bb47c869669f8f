"""Sources of the documentation site; `make docs` builds it in `build/docs`."""
