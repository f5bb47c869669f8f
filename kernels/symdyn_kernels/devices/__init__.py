"""Device templates: what one thread of a CUDA kernel does, as plain Python functions of numbers and tuples.

`symdyn.codegen.cuda.join` joins their text with the functions that are generated for a model.  Modules that begin with an
underscore stand for generated code, so that linters and readers see complete programs.
"""
