"""Activation functions as layers."""

import warnings

from ..core.create import empty
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


def _options(module, *names):
    """``a=1, b=2, inplace=True`` for a layer's attributes; inplace only where it is on."""
    shown = [f"{name}={getattr(module, name)}" for name in names]
    if getattr(module, "inplace", False):
        shown.append("inplace=True")
    return ", ".join(shown)


# --- rectifiers ---
class ReLU(Module):
    """max(x, 0), elementwise.

    Args:
        inplace: write the result over the input.

    Example:
        >>> import plugrad
        >>> plugrad.nn.ReLU()(plugrad.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.relu(input, self.inplace)

    def extra_repr(self):
        return _options(self)


class Hardtanh(Module):
    """x held within [min_val, max_val].

    Args:
        min_val, max_val: the bounds.
        inplace: write the result over the input.
        min_value, max_value: deprecated names of the bounds.

    Raises:
        AssertionError: max_val is not above min_val.
    """

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None):
        super().__init__()
        self.min_val = self._renamed("min_value", min_value, "min_val", min_val)
        self.max_val = self._renamed("max_value", max_value, "max_val", max_val)
        self.inplace = inplace
        if self.max_val <= self.min_val:
            raise AssertionError(f"max_val ({self.max_val}) must be greater than min_val ({self.min_val})")

    @staticmethod
    def _renamed(old_name, old, new_name, new):
        if old is None:
            return new
        warnings.warn(
            f"keyword argument `{old_name}` is deprecated and renamed to `{new_name}`", FutureWarning, stacklevel=3
        )
        return old

    def forward(self, input):
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self):
        return _options(self, "min_val", "max_val")


class ReLU6(Hardtanh):
    """min(max(x, 0), 6), elementwise."""

    def __init__(self, inplace=False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self):
        return _options(self)


class LeakyReLU(Module):
    """x where x > 0, negative_slope · x elsewhere.

    Example:
        >>> import plugrad
        >>> plugrad.nn.LeakyReLU(0.1)(plugrad.tensor([-1.0, 2.0]))
        tensor([-0.1000,  2.0000])
    """

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input):
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self):
        return _options(self, "negative_slope")


class PReLU(Module):
    """x where x > 0, weight · x elsewhere, with a learned weight.

    Args:
        num_parameters: one weight for all, or one per channel.
        init: its initial value.

    Shapes:
        (N, C, *S) → (N, C, *S)

    Source: He et al., Delving Deep into Rectifiers, 2015.

    Example:
        >>> import plugrad
        >>> plugrad.nn.PReLU(init=0.5)(plugrad.tensor([-1.0, 2.0])).detach()
        tensor([-0.5000,  2.0000])
    """

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self):
        """Set the weight to its initial value."""
        init.constant_(self.weight, self.init)

    def forward(self, input):
        return F.prelu(input, self.weight)

    def extra_repr(self):
        return _options(self, "num_parameters")


class RReLU(Module):
    """x where x > 0, r · x elsewhere: r is drawn from [lower, upper) in training, and their mean otherwise.

    Source: Xu et al., Empirical Evaluation of Rectified Activations, 2015.
    """

    def __init__(self, lower=1.0 / 8, upper=1.0 / 3, inplace=False):
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input):
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self):
        return _options(self, "lower", "upper")


class Threshold(Module):
    """x where x > threshold, ``value`` elsewhere."""

    def __init__(self, threshold, value, inplace=False):
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input):
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self):
        return _options(self, "threshold", "value")


# --- exponential units ---
class ELU(Module):
    """x where x > 0, alpha · (eˣ - 1) elsewhere.

    Source: Clevert et al., Fast and Accurate Deep Network Learning by Exponential Linear Units, 2015.
    """

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input):
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self):
        return _options(self, "alpha")


class CELU(Module):
    """x where x > 0, alpha · (exp(x / alpha) - 1) elsewhere.

    Source: Barron, Continuously Differentiable Exponential Linear Units, 2017.
    """

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input):
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self):
        return _options(self, "alpha")


class SELU(Module):
    """1.0507 · elu(x, 1.6733): keeps mean 0 and variance 1 through many layers.

    Source: Klambauer et al., Self-Normalizing Neural Networks, 2017.
    """

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.selu(input, self.inplace)

    def extra_repr(self):
        return _options(self)


# --- smooth gates ---
class GELU(Module):
    """x · Φ(x), with Φ the distribution function of the normal distribution, or its tanh approximation.

    Args:
        approximate: "none" or "tanh".

    Source: Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.

    Example:
        >>> import plugrad
        >>> plugrad.nn.GELU()(plugrad.tensor([-1.0, 2.0]))
        tensor([-0.1587,  1.9545])
    """

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x · sigmoid(x), also called swish."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.silu(input, self.inplace)

    def extra_repr(self):
        return _options(self)


class Mish(Module):
    """x · tanh(softplus(x)).

    Source: Misra, Mish: A Self Regularized Non-Monotonic Neural Activation Function, 2019.
    """

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.mish(input, self.inplace)

    def extra_repr(self):
        return _options(self)


class GLU(Module):
    """a · sigmoid(b), where a and b are the two halves of x along ``dim``.

    Shapes:
        (*, 2 N, *) → (*, N, *)

    Source: Dauphin et al., Language Modeling with Gated Convolutional Networks, 2016.
    """

    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.glu(input, self.dim)

    def extra_repr(self):
        return _options(self, "dim")


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ), elementwise."""

    def forward(self, input):
        return F.sigmoid(input)


class LogSigmoid(Module):
    """log(1 / (1 + e⁻ˣ)), without overflow."""

    def forward(self, input):
        return F.logsigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent, elementwise."""

    def forward(self, input):
        return F.tanh(input)


class Tanhshrink(Module):
    """x - tanh(x), elementwise."""

    def forward(self, input):
        return F.tanhshrink(input)


class Softsign(Module):
    """x / (1 + |x|), elementwise."""

    def forward(self, input):
        return F.softsign(input)


class Softplus(Module):
    """log(1 + exp(beta · x)) / beta; x itself where beta · x > threshold."""

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input):
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self):
        return _options(self, "beta", "threshold")


# --- straight pieces ---
class Hardsigmoid(Module):
    """(x + 3) / 6 held within [0, 1]."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.hardsigmoid(input, self.inplace)


class Hardswish(Module):
    """x · hardsigmoid(x).

    Source: Howard et al., Searching for MobileNetV3, 2019.
    """

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.hardswish(input, self.inplace)


class Hardshrink(Module):
    """x where |x| > lambd, 0 elsewhere."""

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd

    def forward(self, input):
        return F.hardshrink(input, self.lambd)

    def extra_repr(self):
        return str(self.lambd)


class Softshrink(Module):
    """x moved toward 0 by lambd, 0 where |x| <= lambd."""

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd

    def forward(self, input):
        return F.softshrink(input, self.lambd)

    def extra_repr(self):
        return str(self.lambd)


# --- over a dimension ---
class Softmax(Module):
    """eˣ / Σ eˣ along a dimension.

    Example:
        >>> import plugrad
        >>> plugrad.nn.Softmax(dim=0)(plugrad.tensor([0.0, 0.0]))
        tensor([0.5000, 0.5000])
    """

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self):
        return _options(self, "dim")


class Softmin(Module):
    """softmax(-x) along a dimension."""

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.softmin(input, self.dim, _stacklevel=5)

    def extra_repr(self):
        return _options(self, "dim")


class LogSoftmax(Module):
    """log(softmax(x)) along a dimension, without overflow."""

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.log_softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self):
        return _options(self, "dim")


class Softmax2d(Module):
    """Softmax over the channels at each place of an image, (N, C, H, W) or (C, H, W)."""

    def forward(self, input):
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3, _stacklevel=5)
