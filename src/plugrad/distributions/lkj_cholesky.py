"""The names of torch.distributions.lkj_cholesky."""

from plugrad.core.distributions import LKJCholesky

__all__ = ["LKJCholesky"]
