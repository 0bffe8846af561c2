"""Distances and similarities of vectors."""

from ...core import dtypes
from ...core.errors import scalar_name
from ...core.naming import named
from ...core.ops.distance import pdist
from ...core.ops.norm import distance_norm_
from ...core.shapes import need_tensors, rank_of
from ...core.slow import result_type
from .loss import in_one_shape

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1 · x2 / (max(|x1|, eps) · max(|x2|, eps)) along a dimension.

    Args:
        x1, x2: of shapes that broadcast.
        eps: least length, applied without a gradient.

    Raises:
        RuntimeError: both are integers, or the shapes do not broadcast.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.cosine_similarity(plugrad.tensor([[3.0, 4.0]]), plugrad.tensor([[1.0, 0.0]]))
        tensor([0.6000])
    """
    need_tensors(x1, x2)
    common = result_type((x1, x2))
    if common.kind != dtypes.FLOAT:
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {scalar_name(common)}")
    x1, x2 = x1.to(common), x2.to(common)
    if x1._a.shape != x2._a.shape:
        x1, x2 = in_one_shape(x1, x2)
    return (_unit(x1, dim, eps) * _unit(x2, dim, eps)).sum(dim)


def _unit(x, dim, eps):
    length = x.norm(2, dim, keepdim=True)
    return x / (length + (length.clamp_min(eps) - length).detach())


def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """The p-norm of x1 - x2 + eps over the last dimension.

    Args:
        eps: keeps the derivative finite where x1 = x2.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.pairwise_distance(plugrad.zeros(1, 2), plugrad.tensor([[3.0, 4.0]]))
        tensor([5.0000])
    """
    need_tensors(x1, x2)
    difference = x1 - x2 + eps
    if p == 2.0 and rank_of(difference):
        return distance_norm_(difference, (difference.dim() - 1,), keepdim)
    return named(difference.norm(p, -1, keepdim), "NormBackward1")
