"""Tensors from the random stream: drawn on the host, so that every backend gets the same numbers."""

from typing import NamedTuple

from .. import dtypes, random
from ..create import _give, _leaf, _size_of, _space, check_dtype, check_options, dtype_for, order_like
from ..memory_format import inverse
from ..naming import named
from ..random_batches import drawn, drawn_from, fresh
from ..shapes import broadcast_shapes, dtype_of, rank_of
from ..tensor import Tensor
from ..views import check_in_place, store, write_out
from . import shape as s
from .underived import constant, underived


def _make(draw, size, device, requires_grad, out=None):
    return _give(out, drawn(draw, size, _space(device), requires_grad))


def rand(*size, generator=None, out=None, dtype=None, device=None, requires_grad=False, **options):
    """Return numbers drawn evenly from [0, 1).

    Example:
        >>> import plugrad
        >>> _ = plugrad.manual_seed(0)
        >>> plugrad.rand(2)
        tensor([0.4963, 0.7682])
    """
    check_options("rand", **options)
    d = dtype_for(dtype, out)
    return _make(
        lambda shape: random.uniform(shape, d, 0.0, 1.0, generator), _size_of("rand", size), device, requires_grad, out
    )


def randn(*size, generator=None, out=None, dtype=None, device=None, requires_grad=False, **options):
    """Return numbers drawn from the standard normal distribution."""
    if "datatype" in options:
        from ..errors import invalid_combination

        raise invalid_combination("randn", size, options)
    check_options("randn", **options)
    d = dtype_for(dtype, out)
    return _make(
        lambda shape: random.normal(shape, d, 0.0, 1.0, generator), _size_of("randn", size), device, requires_grad, out
    )


def randint(
    low,
    high=None,
    size=None,
    *,
    generator=None,
    out=None,
    dtype=None,
    device=None,
    requires_grad=False,
    **options,
):
    """Return whole numbers drawn evenly from low ... high - 1; low may be left out (0)."""
    check_options("randint", **options)
    if size is None:
        low, high, size = 0, low, high
    d = dtype_for(dtype, out, dtypes.int64)
    return _make(
        lambda shape: random.randint(low, high, shape, d, generator),
        _size_of("randint", (size,)),
        device,
        requires_grad,
        out,
    )


def randperm(n, *, generator=None, out=None, dtype=None, device=None, requires_grad=False, **options):
    """Return 0 ... n - 1 in a random order."""
    check_options("randperm", **options)
    d = dtype_for(dtype, out, dtypes.int64)
    return _make(lambda shape: random.permutations(shape, d, generator), (n,), device, requires_grad, out)


def _like(name, draw, input, dtype, device, requires_grad, options):
    """Numbers of the shape and dtype of ``input``, drawn in the order of the result's memory.

    ``draw`` is a function of (shape, dtype, whether the result is in row-major order).
    """
    order = order_like(name, input, options)
    check_options(name, **options)
    shape, d = input._a.shape, dtype or input.dtype
    if order is not None:
        shape = tuple(shape[axis] for axis in order)
    made = drawn(lambda whole: draw(whole, d, order is None), shape, _space(device or input.device))
    if order is not None:
        made._a = made._xp.permute_dims(made._a, inverse(order))
    return _leaf(made._xp, made._a, requires_grad) if requires_grad else made


def rand_like(input, *, generator=None, dtype=None, device=None, requires_grad=False, **options):
    """As :func:`rand`, with the shape, dtype, device and order in memory of ``input``."""

    def draw(shape, d, contiguous):
        return random.uniform(shape, d, 0.0, 1.0, generator)

    return _like("rand_like", draw, input, dtype, device, requires_grad, options)


def randn_like(input, *, generator=None, dtype=None, device=None, requires_grad=False, **options):
    """As :func:`randn`, with the shape, dtype, device and order in memory of ``input``."""

    def draw(shape, d, contiguous):
        return random.normal(shape, d, 0.0, 1.0, generator, contiguous)

    return _like("randn_like", draw, input, dtype, device, requires_grad, options)


def randint_like(input, low, high=None, *, generator=None, dtype=None, device=None, requires_grad=False, **options):
    """As :func:`randint`, with the shape, dtype, device and order in memory of ``input``."""
    low, high = (0, low) if high is None else (low, high)

    def draw(shape, d, contiguous):
        return random.randint(low, high, shape, d, generator)

    return _like("randint_like", draw, input, dtype, device, requires_grad, options)


def bernoulli(input, p=None, *, generator=None, out=None):
    """Return ones with the probabilities in ``input`` (or p everywhere), zeros elsewhere."""
    d = dtype_of(input)
    if p is not None:
        made = drawn_from(lambda host: random.bernoulli(p, host.shape, d, generator), input)
        made = underived(made, (input,), "derivative for aten::bernoulli is not implemented")
    else:
        made = drawn_from(lambda host: random.bernoulli(host, None, d, generator), input)
        made = constant(made, (input,), "BernoulliBackward0")
    return made if out is None else write_out(out, made, input)


def normal(
    mean,
    std=1.0,
    size=None,
    *,
    generator=None,
    out=None,
    dtype=None,
    device=None,
    requires_grad=False,
    **options,
):
    """Return normal numbers of given means and standard deviations: numbers with a size, or tensors.

    Args:
        mean: a number or a tensor.
        std: a number or a tensor; its shape and that of ``mean`` broadcast.
        size: the shape, where both are numbers.

    Raises:
        RuntimeError: a standard deviation is negative.

    Example:
        >>> import plugrad
        >>> plugrad.normal(plugrad.zeros(3, 1), plugrad.ones(4)).shape
        torch.Size([3, 4])
    """
    check_options("normal", **options)
    check_dtype("normal", dtype)
    if size is not None:
        d = dtype_for(dtype, out)
        shape = _size_of("normal", (size,))
        return _make(lambda shape: random.normal(shape, d, mean, std, generator), shape, device, requires_grad, out)
    if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        raise TypeError("normal() needs a size when mean and std are numbers")
    made = _normal_around(mean, std, generator)
    return made if out is None else write_out(out, made.to(out.dtype), mean, std)


def _normal_around(mean, std, generator):
    if isinstance(std, Tensor) and bool((std < 0).any()):
        raise RuntimeError("normal expects all elements of std >= 0.0")
    center, width = (t.detach() if isinstance(t, Tensor) else t for t in (mean, std))
    first = center if isinstance(center, Tensor) else width
    shape = broadcast_shapes(*(t.shape for t in (center, width) if isinstance(t, Tensor)))
    made = randn(shape, generator=generator, dtype=first.dtype, device=first.device) * width + center
    number = 3 if isinstance(mean, Tensor) and isinstance(std, Tensor) else 1 if isinstance(mean, Tensor) else 2
    return constant(made, (mean, std), f"NormalBackward{number}")


def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Return indices drawn by the weights in the last dimension.

    Raises:
        RuntimeError: weights of other than one or two dimensions, or more draws than there are categories.
    """
    if rank_of(input) not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    return _give(out, drawn_from(lambda host: multinomial_of(host, num_samples, replacement, generator), input))


def multinomial_of(host, num_samples, replacement, generator):
    """multinomial of weights with any number of leading axes."""
    rows = host if host.ndim < 3 else host.reshape(-1, host.shape[-1])
    found = random.multinomial(rows, num_samples, replacement, generator)
    return found if host.ndim < 3 else found.reshape(*host.shape[:-1], num_samples)


def _fill(name, draw):
    """An in-place method that overwrites the tensor with fresh numbers; the gradient ends there."""
    kind = name.title().replace("_", "") + "Backward"

    def method(self, *args, generator=None, **kwargs):
        check_in_place(self)
        made = fresh(self, lambda shape: draw(Plan(shape, self.dtype), *args, generator=generator, **kwargs))
        return store(self, named(s.overwrite(self, made), kind + number(name, args, kwargs)))

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"Overwrite the tensor with numbers drawn by ``{name.rstrip('_')}``; returns the tensor itself."
    return method


def number(name, args, kwargs):
    """By which number torch tells the node of an in-place method from those of others of its name."""
    if name == "bernoulli_":
        return "2"
    return str(2 - len(args) - len(kwargs)) if name == "random_" else "0"


class Plan(NamedTuple):
    """What is to be drawn."""

    shape: tuple
    dtype: dtypes.dtype


def _bernoulli(self, p=0.5, *, generator=None):
    return random.bernoulli(p._host() if isinstance(p, Tensor) else p, self.shape, self.dtype, generator)


def _random(self, *bounds, generator=None, **named):
    """``random_()``, ``random_(to)``, ``random_(from, to)``; to=None means as far as the dtype goes."""
    shape = self.shape
    if len(bounds) == 1 and not named:
        bounds = (0, *bounds)
    low, high = bounds + tuple(named.pop(n, None) for n in ("from", "to")[len(bounds) :])
    if named:
        raise TypeError(f"random_() got an unexpected keyword argument '{next(iter(named))}'")
    if high is None:
        return random.random(shape, self.dtype, low, generator)
    return random.randint(low or 0, high, shape, self.dtype, generator)


def _draw(function, *names):
    def draw(self, *args, generator=None, **kwargs):
        given = dict(zip(names, args, strict=False)) | {RENAMED.get(k, k): v for k, v in kwargs.items()}
        return function(shape=self.shape, dtype=self.dtype, generator=generator, **given)

    return draw


RENAMED = {"from": "low", "to": "high"}


IN_PLACE = {
    "uniform_": _draw(random.uniform, "low", "high"),
    "normal_": _draw(random.normal, "mean", "std"),
    "exponential_": _draw(random.exponential, "lambd"),
    "geometric_": _draw(random.geometric, "p"),
    "log_normal_": _draw(random.log_normal, "mean", "std"),
    "cauchy_": _draw(random.cauchy, "median", "sigma"),
    "bernoulli_": _bernoulli,
    "random_": _random,
}


def install():
    """Give Tensor its random methods."""
    for name, draw in IN_PLACE.items():
        setattr(Tensor, name, _fill(name, draw))
    Tensor.bernoulli = bernoulli
    Tensor.multinomial = multinomial
