"""Initial values: every function overwrites a tensor, records nothing, and returns it.

The numbers are torch's for the same seed: drawn on the host from the default generator, or the one given.
"""

import contextlib
import functools
import math
import warnings
from contextvars import ContextVar

from ..core import dtypes, random
from ..core.create import eye as identity
from ..core.create import from_host
from ..core.device import space
from ..core.modes import no_grad

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

LINEAR = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


_draws = ContextVar("plugrad_init_draws", default=True)


@contextlib.contextmanager
def nothing_drawn():
    """A block in which uniform_ and normal_, by which layers begin, leave a tensor as it is."""
    token = _draws.set(False)
    try:
        yield
    finally:
        _draws.reset(token)


def calculate_gain(nonlinearity, param=None):
    """The factor by which a layer's weights grow so that its nonlinearity keeps the variance.

    Args:
        nonlinearity: "linear" and the convolutions 1, "sigmoid" 1, "tanh" 5/3, "relu" √2,
            "leaky_relu" √(2 / (1 + param²)), "selu" 3/4.
        param: the negative slope, 0.01 unless given.

    Raises:
        ValueError: an unknown name, or a slope that is no number.

    Example:
        >>> import plugrad
        >>> plugrad.nn.init.calculate_gain("leaky_relu", 1.0)
        1.0
    """
    if nonlinearity in LINEAR or nonlinearity == "sigmoid":
        return 1
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {slope} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    try:
        return {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}[nonlinearity]
    except KeyError:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}") from None


def _write(tensor, host):
    """Overwrite the tensor with a host array."""
    with no_grad():
        return tensor.copy_(from_host(host, tensor.device))


def _fans(tensor):
    """(inputs, outputs) of a weight (out, in, *kernel), each times the kernel's size."""
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    kernel = math.prod(tensor.shape[2:])
    return tensor.size(1) * kernel, tensor.size(0) * kernel


def _fan(tensor, mode):
    mode = mode.lower()
    modes = ["fan_in", "fan_out"]
    if mode not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return _fans(tensor)[modes.index(mode)]


# --- plain ---
def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Fill with numbers drawn evenly from [a, b).

    Example:
        >>> import plugrad
        >>> _ = plugrad.manual_seed(0)
        >>> plugrad.nn.init.uniform_(plugrad.empty(2))
        tensor([0.4963, 0.7682])
    """
    return _write(tensor, _drawn(tensor, random.uniform, a, b, generator)) if _draws.get() else tensor


def _drawn(tensor, draw, first, second, generator):
    """A host array of the tensor's shape, drawn in the order of its memory as torch does."""
    shape = tuple(tensor._a.shape)
    steps = tensor._xp.strides(tensor._a)
    order = sorted(range(len(shape)), key=lambda i: -steps[i])
    host = draw(tuple(shape[i] for i in order), tensor.dtype, first, second, generator)
    return host.transpose([order.index(i) for i in range(len(shape))])


def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Fill with normal numbers of a mean and a standard deviation.

    Example:
        >>> import plugrad
        >>> _ = plugrad.manual_seed(0)
        >>> plugrad.nn.init.normal_(plugrad.empty(2))
        tensor([ 1.5410, -0.2934])
    """
    return _write(tensor, _drawn(tensor, random.normal, mean, std, generator)) if _draws.get() else tensor


def constant_(tensor, val):
    """Fill with one value."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor):
    """Fill with ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor):
    """Fill with zeros."""
    return constant_(tensor, 0.0)


def eye_(tensor):
    """Fill with the identity matrix.

    Raises:
        ValueError: not two dimensions.
    """
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    with no_grad():
        return tensor.copy_(identity(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


def dirac_(tensor, groups=1):
    """Fill the weight of a convolution so that it copies its input channels, as many as there are.

    Args:
        tensor: (out, in, *kernel) with one to three kernel dimensions.
        groups: each group of output channels copies the input channels anew.

    Raises:
        ValueError: another number of dimensions, or groups does not divide the output channels.

    Example:
        >>> import plugrad
        >>> plugrad.nn.init.dirac_(plugrad.empty(1, 1, 3))
        tensor([[[0., 1., 0.]]])
    """
    if tensor.dim() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    outputs, inputs, *kernel = tensor.shape
    if outputs % groups:
        raise ValueError("dim 0 must be divisible by groups")
    size = outputs // groups
    centre = tuple(n // 2 for n in kernel)
    with no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(size, inputs)):
                tensor[(group * size + channel, channel, *centre)] = 1
    return tensor


# --- by the sizes of the layer ---
def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Fill evenly from [-a, a), a = gain · √(6 / (fan_in + fan_out)).

    Raises:
        ValueError: fewer than two dimensions.

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
    """
    std = gain * math.sqrt(2.0 / float(sum(_fans(tensor))))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """Fill with normal numbers of standard deviation gain · √(2 / (fan_in + fan_out)).

    Raises:
        ValueError: fewer than two dimensions.

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / float(sum(_fans(tensor)))), generator)


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Fill evenly from [-bound, bound), bound = gain · √(3 / fan).

    Args:
        a: the negative slope of the leaky_relu that follows.
        mode: "fan_in" keeps the variance of the outputs, "fan_out" that of the gradients.
        nonlinearity: the activation that follows, see :func:`calculate_gain`.

    Raises:
        ValueError: an unknown mode or nonlinearity, or fewer than two dimensions.

    Source: He et al., Delving Deep into Rectifiers, 2015.
    """
    if _is_empty(tensor):
        return tensor
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Fill with normal numbers of standard deviation gain / √fan; the arguments are those of :func:`kaiming_uniform_`.

    Source: He et al., Delving Deep into Rectifiers, 2015.
    """
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _is_empty(tensor):
    if 0 not in tensor.shape:
        return False
    warnings.warn("Initializing zero-element tensors is a no-op", UserWarning, stacklevel=3)
    return True


def _kaiming_std(tensor, a, mode, nonlinearity):
    fan = _fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


# --- special shapes and distributions ---
def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Fill with normal numbers of a mean and a standard deviation that lie within [a, b].

    Numbers outside are drawn again; where they would be most, candidates are drawn evenly and accepted by their density.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.",
            UserWarning,
            stacklevel=2,
        )
    within = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    draw = _by_redrawing if within > 0.3 else _by_rejection
    return _write(tensor, draw(tensor, mean, std, a, b, generator))


def _normal_cdf(x):
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _by_redrawing(tensor, mean, std, a, b, generator):
    drawn = _drawn(tensor, random.normal, mean, std, generator)
    low, high = drawn.dtype.type(a), drawn.dtype.type(b)
    outside = (drawn < low) | (drawn > high)
    while outside.any():
        again = _drawn(tensor, random.normal, mean, std, generator)
        drawn[outside] = again[outside]
        outside = (drawn < low) | (drawn > high)
    return drawn


def _by_rejection(tensor, mean, std, a, b, generator):
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    drawn = _drawn(tensor, random.uniform, a, b, generator)
    pending = _rejected(drawn, tensor, mean, std, peak, generator)
    while pending.any():
        candidates = _drawn(tensor, random.uniform, a, b, generator)
        drawn[pending] = candidates[pending]
        pending &= _rejected(candidates, tensor, mean, std, peak, generator)
    return drawn


def _rejected(candidates, tensor, mean, std, peak, generator):
    """Where log(u) > log(density / density at the peak), step by step in the tensor's dtype as torch computes it."""
    host = from_host(candidates.copy(), "cpu")
    log_density = (host.sub_(mean).div_(std) ** 2).mul_(-0.5).sub_(peak)
    return (from_host(_drawn(tensor, random.uniform, 0.0, 1.0, generator), "cpu").log_() > log_density).numpy()


def orthogonal_(tensor, gain=1, generator=None):
    """Fill with a matrix whose rows or columns are orthonormal, times gain; dimensions after the first count as one.

    Raises:
        ValueError: fewer than two dimensions.

    Source: Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep linear neural networks, 2013.

    Example:
        >>> import plugrad
        >>> w = plugrad.nn.init.orthogonal_(plugrad.empty(2, 3))
        >>> plugrad.allclose(w @ w.T, plugrad.eye(2), atol=1e-6)
        True
    """
    if tensor.dim() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.size(0)
    flat = random.normal((rows, tensor.numel() // rows), tensor.dtype, 0.0, 1.0, generator)
    wide = rows < flat.shape[1]
    q, r = space("cpu").qr(flat.T if wide else flat)
    q = q * _signs(r)
    q = (q.T if wide else q).reshape(tuple(tensor.shape))
    with no_grad():
        return tensor.copy_(from_host(q.copy(), tensor.device)).mul_(gain)


def _signs(r):
    """The signs of the diagonal: with them the distribution is uniform."""
    diagonal = r.diagonal()
    return (diagonal > 0).astype(diagonal.dtype) - (diagonal < 0).astype(diagonal.dtype)


def sparse_(tensor, sparsity, std=0.01, generator=None):
    """Fill a matrix with normal numbers, then set a part of each column to zero.

    Args:
        sparsity: which part, rounded up to whole elements.
        std: standard deviation of the others.

    Raises:
        ValueError: not two dimensions.

    Source: Martens, Deep learning via Hessian-free optimization, 2010.
    """
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    drawn = _drawn(tensor, random.normal, 0, std, generator)
    for column in range(columns):
        # torch takes the default generator here whichever is given.
        drawn[random.randperm(rows, dtypes.int64)[: math.ceil(sparsity * rows)], column] = 0
    return _write(tensor, drawn)


# --- old names ---
def _deprecated(function):
    """The name without the underscore: the same function, with a warning."""
    new = function.__name__
    old = new[:-1]

    @functools.wraps(function)
    def renamed(*args, **kwargs):
        warnings.warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    renamed.__name__ = renamed.__qualname__ = old
    renamed.__doc__ = f"The deprecated name of :func:`{new}`."
    return renamed


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
