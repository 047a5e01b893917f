"""Kernels on Arrow UTF-8 buffers: numpy, numba and pyarrow only, no Spark."""
