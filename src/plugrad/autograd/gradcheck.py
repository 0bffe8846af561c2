"""The names of torch.autograd.gradcheck."""

from plugrad.core.gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
