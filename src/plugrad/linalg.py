"""The names of torch.linalg that plugrad has."""

from plugrad.core.ops.linalg import diagonal, matmul, matrix_norm, multi_dot, norm, vecdot, vector_norm

__all__ = ["diagonal", "matmul", "matrix_norm", "multi_dot", "norm", "vecdot", "vector_norm"]
