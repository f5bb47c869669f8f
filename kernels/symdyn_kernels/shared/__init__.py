"""Functions of which one text runs everywhere: numba compiles it for the processor, and kernels for cards contain it.

Each is marked ``@shared``.  `symdyn.codegen.cuda.join` joins the text of these modules as it does that of
`symdyn_kernels.devices`; what they import from modules that begin with an underscore, a card takes from the header of its
kernel.
"""
