"""Activation functions."""

import warnings

from ...core import dtypes, random
from ...core.create import from_host
from ...core.errors import scalar_name
from ...core.ops import activation as a
from ...core.ops import elementwise as e
from ...core.outputs import FOUND, SCALAR_TYPE, write_same
from ...core.queries import finfo
from ...core.shapes import dtype_of, need_tensors, one_axis, rank_of, shape_of
from ...core.views import store

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]


# --- rectifiers ---
def relu(input, inplace=False):
    """max(x, 0), elementwise; the derivative at 0 is 0.

    Args:
        input: any shape.
        inplace: write the result into ``input``.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.relu(plugrad.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    return store(input, e.relu(input)) if inplace else e.relu(input)


def relu_(input):
    """In-place form of :func:`relu`."""
    return relu(input, inplace=True)


def relu6(input, inplace=False):
    """min(max(x, 0), 6), elementwise.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.relu6(plugrad.tensor([-1.0, 2.0, 7.0]))
        tensor([0., 2., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """x where x > 0, negative_slope · x elsewhere.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.leaky_relu(plugrad.tensor([-1.0, 2.0]), 0.1)
        tensor([-0.1000,  2.0000])
    """
    if not inplace:
        return e.leaky_relu(input, negative_slope)
    # The sign of the result tells that of the argument only for a slope that is not negative.
    row = a.leaky_relu_in_place if negative_slope >= 0 else e.leaky_relu
    return store(input, row(input, negative_slope))


def leaky_relu_(input, negative_slope=0.01):
    """In-place form of :func:`leaky_relu`."""
    return leaky_relu(input, negative_slope, inplace=True)


def prelu(input, weight):
    """x where x > 0, weight · x elsewhere, with a learned weight, one for all or one per channel.

    Args:
        input: (N, C, *S) or any shape for a single weight.
        weight: (C,), (1,) or ().

    Raises:
        RuntimeError: the number of weights is neither 1 nor that of the channels, or the dtypes differ.

    Source: He et al., Delving Deep into Rectifiers, 2015.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.prelu(plugrad.tensor([-1.0, 2.0]), plugrad.tensor(0.5))
        tensor([-0.5000,  2.0000])
    """
    _check_prelu(input, weight)
    rank = input.dim()
    if rank != 1:
        weight = weight.reshape([] if rank == 0 else [1, -1] + [1] * (rank - 2))
    return a.prelu_kernel(input, weight)


def _check_prelu(input, weight):
    if rank_of(weight) > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.dim()}")
    if dtype_of(input) is not weight.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {scalar_name(input.dtype)} and {scalar_name(weight.dtype)}"
        )
    if weight.numel() == 1:
        return
    if input.dim() == 0:
        raise RuntimeError("Not allow zero-dim input tensor.")
    channels = input.size(1) if input.dim() > 1 else 1
    if weight.numel() != channels:
        raise RuntimeError(
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
            f"{weight.numel()} and channel size = {channels}."
        )


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """x where x > 0, r · x elsewhere, r drawn evenly from [lower, upper) in training and its mean otherwise.

    Raises:
        RuntimeError: lower > upper.

    Source: Xu et al., Empirical Evaluation of Rectified Activations, 2015.
    """
    return drawn_slopes(input, lower, upper, training, inplace)


def drawn_slopes(input, lower, upper, training, inplace, generator=None):
    """:func:`rrelu`, with a generator of one's own."""
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    need_tensors(input)
    xp = input._xp
    noise = xp.where(input._a > 0, xp.ones_like(input._a), xp.full(input._a.shape, (lower + upper) / 2, input._a.dtype))
    if training:
        host, falling = xp.to_host(noise), input._host() <= 0
        host[falling] = random.uniform((int(falling.sum()),), dtypes.float64, lower, upper, generator)
        noise = xp.from_host(host)
    return store(input, a.rrelu_in_place(input, noise)) if inplace else a.rrelu_with_noise(input, noise)


def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False, generator=None):
    """In-place form of :func:`rrelu`."""
    return drawn_slopes(input, lower, upper, training, True, generator)


# --- exponential units ---
def elu(input, alpha=1.0, inplace=False):
    """x where x > 0, alpha · (eˣ - 1) elsewhere.

    Source: Clevert et al., Fast and Accurate Deep Network Learning by Exponential Linear Units, 2015.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.elu(plugrad.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """
    if not inplace:
        return e.elu(input, alpha)
    return store(input, (a.elu_in_place if alpha >= 0 else e.elu)(input, alpha))


def elu_(input, alpha=1.0):
    """In-place form of :func:`elu`."""
    return elu(input, alpha, inplace=True)


def selu(input, inplace=False):
    """1.0507 · elu(x, 1.6733): keeps mean 0 and variance 1 through many layers.

    Source: Klambauer et al., Self-Normalizing Neural Networks, 2017.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.selu(plugrad.tensor([-1.0, 2.0]))
        tensor([-1.1113,  2.1014])
    """
    return store(input, a.selu_in_place(input)) if inplace else a.selu(input)


def selu_(input):
    """In-place form of :func:`selu`."""
    return selu(input, inplace=True)


def celu(input, alpha=1.0, inplace=False):
    """x where x > 0, alpha · (exp(x / alpha) - 1) elsewhere.

    Raises:
        RuntimeError: alpha is 0.

    Source: Barron, Continuously Differentiable Exponential Linear Units, 2017.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.celu(plugrad.tensor([-1.0, 2.0]), alpha=2.0)
        tensor([-0.7869,  2.0000])
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    if not inplace:
        return a.celu(input, alpha)
    return store(input, (a.celu_in_place if alpha > 0 else a.celu)(input, alpha))


def celu_(input, alpha=1.0):
    """In-place form of :func:`celu`."""
    return celu(input, alpha, inplace=True)


# --- smooth gates ---
def gelu(input, *, approximate="none", out=None):
    """x · Φ(x), with Φ the distribution function of the normal distribution.

    Args:
        approximate: "none", or "tanh" for ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).

    Raises:
        RuntimeError: another word for ``approximate``.

    Source: Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.gelu(plugrad.tensor([-1.0, 2.0]))
        tensor([-0.1587,  1.9545])
    """
    if approximate == "none":
        made = e.gelu(input)
    elif approximate == "tanh":
        made = e.gelu_tanh(input)
    else:
        raise RuntimeError("approximate argument must be either none or tanh.")
    return made if out is None else write_same(out, made, input, name="gelu", words=FOUND)


def silu(input, inplace=False):
    """x · sigmoid(x), also called swish.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.silu(plugrad.tensor([-1.0, 2.0]))
        tensor([-0.2689,  1.7616])
    """
    return store(input, e.silu(input)) if inplace else e.silu(input)


def mish(input, inplace=False):
    """x · tanh(softplus(x)).

    Source: Misra, Mish: A Self Regularized Non-Monotonic Neural Activation Function, 2019.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.mish(plugrad.tensor([-1.0, 2.0]))
        tensor([-0.3034,  1.9440])
    """
    return store(input, a.mish(input)) if inplace else a.mish(input)


def glu(input, dim=-1):
    """a · sigmoid(b), where a and b are the two halves of x along ``dim``.

    Shapes:
        (*, 2 N, *) → (*, N, *)

    Raises:
        RuntimeError: the size of ``dim`` is odd.

    Source: Dauphin et al., Language Modeling with Gated Convolutional Networks, 2016.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.glu(plugrad.tensor([1.0, 2.0, 0.0, 0.0]))
        tensor([0.5000, 1.0000])
    """
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    axis = one_axis(dim, input.dim())
    if input._a.shape[axis] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {axis} is size {input._a.shape[axis]}")
    _check_real("glu_cpu", input)
    return a.glu_(input, axis)


def sigmoid(input):
    """1 / (1 + e⁻ˣ), elementwise."""
    return input.sigmoid()


def tanh(input):
    """The hyperbolic tangent, elementwise."""
    return input.tanh()


def logsigmoid(input, *, out=None):
    """log(1 / (1 + e⁻ˣ)), without overflow.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.logsigmoid(plugrad.tensor([-100.0, 0.0]))
        tensor([-100.0000,   -0.6931])
    """
    made = e.log_sigmoid(input)
    if out is None:
        return made
    return write_same(out, made, input, name="log_sigmoid", called="log_sigmoid_forward", words=SCALAR_TYPE)


def softplus(input, beta=1, threshold=20, *, out=None):
    """log(1 + exp(beta · x)) / beta; x itself where beta · x > threshold.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.softplus(plugrad.tensor([0.0, 30.0]))
        tensor([ 0.6931, 30.0000])
    """
    made = e.softplus(input, float(beta), float(threshold))
    return made if out is None else write_same(out, made, input, name="softplus", words=FOUND)


def softsign(input):
    """x / (1 + |x|), elementwise."""
    return input / (input.abs() + 1)


# --- straight pieces ---
def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """x held within [min_val, max_val]; the derivative on the bounds is 0.

    Raises:
        ValueError: min_val > max_val.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.hardtanh(plugrad.tensor([-3.0, 0.5]))
        tensor([-1.0000,  0.5000])
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if dtype_of(input) is dtypes.bool_:
        raise RuntimeError("Bool inputs not supported for hardtanh")
    made = e.hardtanh(input, min_val, max_val)
    return store(input, made) if inplace else made


def hardtanh_(input, min_val=-1.0, max_val=1.0):
    """In-place form of :func:`hardtanh`."""
    return hardtanh(input, min_val, max_val, inplace=True)


def hardsigmoid(input, inplace=False):
    """(x + 3) / 6 held within [0, 1]."""
    return store(input, a.hardsigmoid(input)) if inplace else a.hardsigmoid(input)


def hardswish(input, inplace=False):
    """x · hardsigmoid(x).

    Source: Howard et al., Searching for MobileNetV3, 2019.
    """
    return store(input, a.hardswish(input)) if inplace else a.hardswish(input)


def threshold(input, threshold, value, inplace=False):
    """x where x > threshold, ``value`` elsewhere.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.threshold(plugrad.tensor([0.1, 0.7]), 0.5, 9.0)
        tensor([9.0000, 0.7000])
    """
    if dtype_of(input) is dtypes.bool_:
        raise NotImplementedError("\"threshold_cpu\" not implemented for 'Bool'")
    if input.dtype.kind == dtypes.INT:
        threshold, value = int(threshold), int(value)
    if not inplace:
        return a.threshold_(input, threshold, value)
    # The result tells what was replaced only while the value is not above the threshold.
    row = a.threshold_in_place if value <= threshold else a.threshold_
    return store(input, row(input, threshold, value))


def threshold_(input, threshold, value):
    """In-place form of :func:`threshold`."""
    return _threshold(input, threshold, value, inplace=True)


_threshold = threshold


def hardshrink(input, lambd=0.5, *, out=None):
    """x where |x| > lambd, 0 elsewhere."""
    _check_real("hardshrink_cpu", input)
    made = a.hardshrink(input, lambd)
    return made if out is None else write_same(out, made, input, name="hardshrink", words=FOUND)


def _check_real(kernel, input):
    if not dtype_of(input).is_floating_point:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(input.dtype)}'")


def softshrink(input, lambd=0.5, *, out=None):
    """x moved toward 0 by lambd, 0 where |x| <= lambd.

    Raises:
        RuntimeError: lambd is negative.
    """
    _check_real("softshrink_check", input)
    if lambd < 0:
        raise RuntimeError(
            f"lambda must be in range [0, {finfo(input.dtype).max:g}] for input dtype {scalar_name(input.dtype)}, "
            f"but found {lambd:g}"
        )
    made = a.softshrink(input, lambd)
    return made if out is None else write_same(out, made, input, name="softshrink", words=FOUND)


def tanhshrink(input):
    """x - tanh(x), elementwise."""
    return input - input.tanh()


# --- over a dimension ---
def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """eˣ / Σ eˣ along a dimension.

    Args:
        dim: the dimension; leaving it out is deprecated.
        dtype: convert to this first.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.softmax(plugrad.tensor([0.0, 0.0]), dim=0)
        tensor([0.5000, 0.5000])
    """
    if dim is None:
        dim = _implicit_dim("softmax", input, _stacklevel)
    return input.softmax(dim) if dtype is None else input.softmax(dim, dtype=dtype)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """softmax(-x) along a dimension."""
    if dim is None:
        dim = _implicit_dim("softmin", input, _stacklevel)
    return (-input).softmax(dim) if dtype is None else (-input).softmax(dim, dtype=dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """x - log Σ eˣ along a dimension: log(softmax(x)) without overflow.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.log_softmax(plugrad.tensor([0.0, 0.0]), dim=0)
        tensor([-0.6931, -0.6931])
    """
    if dim is None:
        dim = _implicit_dim("log_softmax", input, _stacklevel)
    return input.log_softmax(dim) if dtype is None else input.log_softmax(dim, dtype=dtype)


def _implicit_dim(name, input, stacklevel):
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        UserWarning,
        stacklevel=stacklevel,
    )
    return 0 if input.dim() in (0, 1, 3) else 1


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """A sample of a category as a differentiable vector: softmax((logits + Gumbel noise) / tau).

    Args:
        tau: temperature; the lower, the nearer to one-hot.
        hard: return a one-hot vector, with the gradient of the soft one.
        eps: deprecated, without effect.

    Source: Jang et al., Categorical Reparameterization with Gumbel-Softmax, 2016.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", UserWarning, stacklevel=2)
    waiting = from_host(random.exponential(tuple(shape_of(logits)), logits.dtype), logits.device)
    soft = ((logits + -waiting.log()) / tau).softmax(dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True).indices
    chosen = logits.detach().new_zeros(logits.shape).scatter_(dim, index, 1.0)
    return chosen - soft.detach() + soft
