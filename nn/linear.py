"""Linear layers and layers that only change the shape."""

import math

from ..core.create import empty
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["Bilinear", "Flatten", "Identity", "Linear", "Unflatten"]


def reset_linear(module):
    """Draw the weight and the bias of a linear map or convolution evenly from ±1/√fan_in, as torch does."""
    init.kaiming_uniform_(module.weight, a=math.sqrt(5))
    if module.bias is None:
        return
    fan_in = math.prod(module.weight.shape[1:])
    if fan_in:
        bound = 1 / math.sqrt(fan_in)
        init.uniform_(module.bias, -bound, bound)


class Linear(Module):
    """y = x @ weightᵀ + bias.

    Args:
        in_features: length of the vectors that come in.
        out_features: length of those that go out.
        bias: whether there is a bias.
        device, dtype: of the parameters.

    Shapes:
        x (*, in_features) → y (*, out_features); weight (out_features, in_features), bias (out_features)

    Example:
        >>> import plugrad
        >>> plugrad.nn.Linear(3, 2)(plugrad.ones(4, 3)).shape
        torch.Size([4, 2])
    """

    __constants__ = ("in_features", "out_features")

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in_features), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw weight and bias anew, evenly from ±1/√in_features."""
        reset_linear(self)

    def forward(self, input):
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """y_o = x1 · weight[o] · x2 + bias_o.

    Args:
        in1_features, in2_features: lengths of the two vectors that come in.
        out_features: length of those that go out.
        bias: whether there is a bias.
        device, dtype: of the parameters.

    Shapes:
        (*, in1_features), (*, in2_features) → (*, out_features); weight (out_features, in1_features, in2_features)

    Raises:
        ValueError: ``in1_features`` is not positive.

    Example:
        >>> import plugrad
        >>> plugrad.nn.Bilinear(3, 4, 2)(plugrad.ones(5, 3), plugrad.ones(5, 4)).shape
        torch.Size([5, 2])
    """

    __constants__ = ("in1_features", "in2_features", "out_features")

    def __init__(self, in1_features, in2_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got (in1_features={in1_features})")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw weight and bias anew, evenly from ±1/√in1_features."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1, input2):
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self):
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Identity(Module):
    """y = x, whatever the arguments.

    Example:
        >>> import plugrad
        >>> plugrad.nn.Identity(54, unused=True)(plugrad.ones(2))
        tensor([1., 1.])
    """

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input


class Flatten(Module):
    """One dimension in place of ``start_dim`` ... ``end_dim``; all but the batch unless told otherwise.

    Example:
        >>> import plugrad
        >>> plugrad.nn.Flatten()(plugrad.ones(2, 3, 4)).shape
        torch.Size([2, 12])
    """

    __constants__ = ("start_dim", "end_dim")

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input):
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Several dimensions in place of one.

    Args:
        dim: which one.
        unflattened_size: a tuple or list of sizes, one of which may be -1.

    Raises:
        TypeError: ``unflattened_size`` is no tuple or list of ints.

    Example:
        >>> import plugrad
        >>> plugrad.nn.Unflatten(1, (3, -1))(plugrad.ones(2, 12)).shape
        torch.Size([2, 3, 4])
    """

    __constants__ = ("dim", "unflattened_size")

    def __init__(self, dim, unflattened_size):
        super().__init__()
        if isinstance(dim, str):
            raise NotImplementedError(
                "Unflatten: dimensions with names are not supported; give the number of the dimension"
            )
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(
                f"unflattened_size must be a tuple of ints, but found type {type(unflattened_size).__name__}"
            )
        for place, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError(
                    f"unflattened_size must be tuple of ints, but found element of type {type(size).__name__} at pos {place}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input):
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self):
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
