"""Numbers drawn by rejection, as functions of their parameters: gamma, Dirichlet, Poisson, binomial."""

from .. import random_rejection
from ..compile import general, nondifferentiable
from ..errors import scalar_name
from ..random_batches import drawn_from
from ..shapes import dtype_of
from ..slow import is_tensor
from .reshaping import broadcast_tensors
from .underived import no_forward_mode, underived


def _once(made, inputs, kernel):
    """A gradient that has none itself: torch says so when it is asked for."""
    if not is_tensor(made):
        return made
    message = f"the derivative for '{kernel}' is not implemented."
    name = "".join(p.capitalize() for p in kernel.split("_")) + "Backward0"
    return underived(made, inputs, message, name, NotImplementedError)


def _refused(made, inputs, name):
    """Numbers whose derivative torch refuses when it is asked for."""
    return underived(made, inputs, f"derivative for aten::{name} is not implemented", "NotImplemented", RuntimeError)


def _gamma_pull(xp, g, x, out):
    return g * _once(xp.standard_gamma_grad(x, out), (x, out), "_standard_gamma_grad")


standard_gamma_ = general(
    "standard_gamma_(x, y)",
    _gamma_pull,
    None,
    jvp=no_forward_mode("_standard_gamma"),
    doc="gamma numbers y drawn with concentrations x; the gradient is that of y at a fixed place in the distribution",
    xp="second",
    node="StandardGammaBackward0",
)
_standard_gamma_grad = nondifferentiable(
    "_standard_gamma_grad(x, y)",
    xp="standard_gamma_grad",
    doc="how a gamma number y moves with its concentration x",
    result="float",
)
_dirichlet_grad = nondifferentiable(
    "_dirichlet_grad(x, y, z)",
    doc="how a beta number x moves with its concentration y, over 1 - x; z the total",
    result="float",
    xp="dirichlet_grad",
)
poisson_ = general(
    "poisson_(x, y)",
    lambda xp, g: xp.zeros_like(g),
    None,
    jvp=lambda xp, t_x: xp.zeros_like(t_x),
    doc="Poisson numbers y drawn with rates x; the gradient is 0",
    xp="second",
    node="PoissonBackward0",
)


def _dirichlet_pull(xp, g, x, out):
    """The gradient of all concentrations: a larger one moves its own number and all others the opposite way."""
    last = (len(x.shape) - 1,)
    total = xp.broadcast_to(xp.sum(x, last, True), x.shape)
    slope = _once(xp.dirichlet_grad(out, x, total), (x, out), "_dirichlet_grad")
    return slope * (g - xp.sum(out * g, last, True))


dirichlet_ = general(
    "dirichlet_(x, y)",
    _dirichlet_pull,
    None,
    jvp=no_forward_mode("_Dirichlet"),
    doc="points y of the simplex drawn with concentrations x; the gradient keeps the place in the distribution",
    xp="second",
    node="_DirichletBackward",
)


def poisson(input, generator=None):
    """Draw from the Poisson distributions of the rates in ``input``; torch's numbers for the same seed.

    Raises:
        RuntimeError: a rate is negative.
        NotImplementedError: ``input`` is not floating-point.

    Example:
        >>> import plugrad
        >>> _ = plugrad.manual_seed(0)
        >>> plugrad.poisson(plugrad.tensor([0.0, 1.0, 20.0]))
        tensor([ 0.,  2., 28.])
    """
    return poisson_(input, drawn_from(lambda host: random_rejection.poisson(host, generator), input))


def binomial(count, prob, generator=None):
    """Draw numbers of successes in ``count`` trials of probability ``prob``; torch's numbers for the same seed.

    Args:
        count, prob: tensors of one floating-point dtype, broadcast with one another.

    Raises:
        ValueError: ``count`` is not floating-point.
        RuntimeError: ``prob`` has another dtype, or the shapes do not fit.

    Example:
        >>> import plugrad
        >>> _ = plugrad.manual_seed(0)
        >>> plugrad.binomial(plugrad.tensor([10.0, 100.0]), plugrad.tensor([0.5, 0.9]))
        tensor([ 7., 89.])
    """
    if not dtype_of(count).is_floating_point:
        raise ValueError(f"binomial only supports floating-point dtypes for count, got: {scalar_name(count.dtype)}")
    if dtype_of(prob) is not count.dtype:
        raise RuntimeError(f"Found dtype {scalar_name(prob.dtype)} but expected {scalar_name(count.dtype)}")
    count, prob = broadcast_tensors(count, prob)
    from .join import stack

    both = stack([count.detach(), prob.detach()], -1)
    made = drawn_from(lambda host: random_rejection.binomial(host[..., 0], host[..., 1], generator), both)
    return _refused(made, (count, prob), "binomial")


def _standard_gamma(input, generator=None):
    """Draw from the gamma distributions of concentration ``input`` and rate 1; torch's numbers for the same seed.

    The gradient is that of the number at a fixed place in the distribution (implicit reparameterization).

    Example:
        >>> import plugrad
        >>> _ = plugrad.manual_seed(0)
        >>> from plugrad.core.ops.rejection import _standard_gamma
        >>> _standard_gamma(plugrad.tensor([1.0, 5.0]))
        tensor([2.8824, 4.0611])

    Source: M. Figurnov, S. Mohamed and A. Mnih, Implicit reparameterization gradients (2018).
    """
    return standard_gamma_(input, drawn_from(lambda host: random_rejection.standard_gamma(host, generator), input))


def _points(input, generator):
    return drawn_from(lambda host: random_rejection.dirichlet(host, generator), input)


def _sample_dirichlet(input, generator=None):
    """Draw points of the simplex by the concentrations in the last dimension; torch's numbers for the same seed."""
    return _refused(_points(input, generator), (input,), "_sample_dirichlet")


def reparameterized_dirichlet(input, generator=None):
    """As :func:`_sample_dirichlet`, with the gradient that keeps the place in the distribution."""
    return dirichlet_(input, _points(input, generator))
