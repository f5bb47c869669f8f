"""Systems to kernels: straight-line programs, their printers for LLVM, numba, JAX and CUDA, and the families of methods."""
