"""The core: ops as rows, graph, engine, Tensor, and the host-side parts."""
