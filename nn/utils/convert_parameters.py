"""Parameters as one vector, and back."""

from ...core.ops.join import cat
from ...core.tensor import Tensor
from ..module_members import typename

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters):
    """Concatenate all parameters, flattened, into one vector.

    Args:
        parameters: an iterable of tensors on one device.

    Raises:
        TypeError: they are on different devices.

    Example:
        >>> import plugrad
        >>> plugrad.nn.utils.parameters_to_vector([plugrad.ones(1, 2), plugrad.zeros(1)])
        tensor([1., 1., 0.])
    """
    parameters = list(parameters)
    _check_one_device(parameters)
    return cat([p.view(-1) for p in parameters])


def vector_to_parameters(vec, parameters):
    """Let each parameter's data be its slice of the vector: the reverse of :func:`parameters_to_vector`.

    Args:
        vec: the vector; the parameters share its memory afterwards.
        parameters: an iterable of tensors on one device.

    Raises:
        TypeError: ``vec`` is not a tensor, or the parameters are on different devices.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    parameters = list(parameters)
    _check_one_device(parameters)
    start = 0
    for p in parameters:
        end = start + p.numel()
        p.data = vec[start:end].view_as(p).data
        start = end


def _check_one_device(parameters):
    if len({str(p.device) for p in parameters}) > 1:
        raise TypeError("Found two parameters on different devices, this is currently not supported.")
