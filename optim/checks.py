"""What the optimizers' constructors check of their options, in torch's words."""

from ..core.tensor import Tensor

__all__ = ["check_betas", "check_implementation", "check_lr", "check_not_negative", "check_scalar"]


def check_scalar(name, value):
    """Raise when a tensor given as an option has more than one element."""
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ValueError(f"Tensor {name} must be 1-element")


def check_lr(lr):
    """Raise unless ``lr`` is one number that is not negative."""
    check_scalar("lr", lr)
    if not 0.0 <= lr:
        raise ValueError(f"Invalid learning rate: {lr}")


def check_not_negative(**options):
    """Raise at the first option that is negative."""
    for name, value in options.items():
        if not 0.0 <= value:
            raise ValueError(f"Invalid {name} value: {value}")


def check_betas(betas):
    """Raise unless both betas are in [0, 1)."""
    for i in (0, 1):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")


def check_implementation(name, foreach=None, fused=None, differentiable=False, capturable=False):
    """Refuse the options that would mean something else here.

    ``foreach`` and ``fused`` choose between implementations of the same formula in torch; here there is one.
    """
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    for option, value in (("differentiable", differentiable), ("capturable", capturable)):
        if value:
            raise NotImplementedError(f"{name}: {option}=True is not supported; the step is never recorded")
