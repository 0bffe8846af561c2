"""Clipping gradients by their norm or by value."""

import types
import warnings

from ...core.create import tensor
from ...core.modes import no_grad
from ...core.ops.join import stack
from ...core.ops.reduction import norm
from ...core.tensor import Tensor

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _listed(tensors):
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters):
    return [p.grad for p in parameters if p.grad is not None]


@no_grad()
def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Return the norm of all tensors seen as one vector: (Σ|x|^p)^(1/p).

    Args:
        tensors: a tensor or an iterable of tensors.
        norm_type: p; ``float("inf")`` for the largest magnitude.
        error_if_nonfinite: raise when the norm is infinite or nan; needs to wait for the device.
        foreach: accepted; there is one implementation.

    Raises:
        RuntimeError: the norm is not finite and ``error_if_nonfinite``.

    Example:
        >>> import plugrad
        >>> plugrad.nn.utils.get_total_norm([plugrad.tensor([3.0]), plugrad.tensor([4.0])])
        tensor(5.)
    """
    tensors = _listed(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return tensor(0.0)
    device = tensors[0].device
    total = norm(stack([norm(t, norm_type).to(device) for t in tensors]), norm_type)
    if error_if_nonfinite and not total.isfinite():
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be clipped. "
            "To disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Scale the gradients in place by max_norm/total_norm, where that is less than one.

    Args:
        parameters: a tensor or an iterable of tensors; those without a gradient are passed over.
        max_norm: the norm allowed.
        total_norm: the norm the gradients have, as :func:`get_total_norm` returns it.
        foreach: accepted; there is one implementation.
    """
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for grad in _gradients(_listed(parameters)):
        grad.mul_(factor.to(grad.device))


@no_grad()
def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scale the gradients in place so that their norm, all seen as one vector, is at most ``max_norm``.

    Args:
        parameters: a tensor or an iterable of tensors; those without a gradient are passed over.
        max_norm: the norm allowed.
        norm_type: p of the norm; ``float("inf")`` for the largest magnitude.
        error_if_nonfinite: raise when the norm is infinite or nan.
        foreach: accepted; there is one implementation.

    Returns:
        The norm before.

    Raises:
        RuntimeError: the norm is not finite and ``error_if_nonfinite``.

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.Parameter(plugrad.zeros(2))
        >>> w.grad = plugrad.tensor([3.0, 4.0])
        >>> plugrad.nn.utils.clip_grad_norm_([w], 1.0), w.grad
        (tensor(5.), tensor([0.6000, 0.8000]))
    """
    is_generator = isinstance(parameters, types.GeneratorType)
    parameters = _listed(parameters)
    if is_generator and not parameters:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    total_norm = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total_norm)
    return total_norm


def clip_grad_norm(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """torch's old name of :func:`clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite)


@no_grad()
def clip_grad_value_(parameters, clip_value, foreach=None):
    """Clip every element of the gradients in place to [-clip_value, clip_value].

    Args:
        parameters: a tensor or an iterable of tensors; those without a gradient are passed over.
        clip_value: the magnitude allowed.
        foreach: accepted; there is one implementation.
    """
    clip_value = float(clip_value)
    for grad in _gradients(_listed(parameters)):
        grad.clamp_(min=-clip_value, max=clip_value)
