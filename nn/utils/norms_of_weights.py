"""The norms that weight_norm and spectral_norm divide by."""

from ..conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d

__all__ = ["as_matrix", "default_dim", "norm_except_dim", "rescaled"]


def norm_except_dim(v, dim):
    """The Euclidean norm over all dimensions but one, which stay with size 1; over all of them for -1."""
    if dim == -1:
        return v.norm()
    axes = [i for i in range(v.dim()) if i != dim]
    return v.norm(2, axes, keepdim=True) if axes else v.abs()


def rescaled(v, g, dim):
    """g · v / |v|."""
    return v * (g / norm_except_dim(v, dim))


def as_matrix(weight, dim):
    """A weight with one dimension in front and all others as one."""
    if dim != 0:
        weight = weight.permute(dim, *(i for i in range(weight.dim()) if i != dim))
    return weight.reshape(weight.size(0), -1)


def default_dim(module):
    """The dimension of a layer's outputs in its weight."""
    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
