"""Blocks on this process, a local cluster or a Dask scheduler: events, memory, faults, resumption."""
