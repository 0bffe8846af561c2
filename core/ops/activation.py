"""Activation functions beyond those in elementwise.py: one row each.

The rows in the last part write their result over the argument: their rules need the result only.
"""

from .. import dtypes
from ..compile import elementwise, general
from ..errors import scalar_name
from . import elementwise as e


def real_only(kernel):
    """The check of an op that torch has for real floating point numbers only; its text names torch's kernel."""

    def check(x, *others):
        if x.dtype.kind != dtypes.FLOAT:
            return NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(x.dtype)}'")
        return None

    return check


for function, kernel in (
    (e.elu, "elu_cpu"),
    (e.gelu, "GeluKernelImpl"),
    (e.gelu_tanh, "GeluKernelImpl"),
    (e.leaky_relu, "leaky_relu_cpu"),
    (e.log_sigmoid, "log_sigmoid_cpu"),
    (e.silu, "silu_cpu"),
    (e.softplus, "softplus_cpu"),
):
    function.row.check = real_only(kernel)

selu = elementwise(
    "selu(x)",
    lambda xp, g, x: xp.selu_grad(g, x),
    doc="1.0507 · elu(x, 1.6733)",
    node="EluBackward0",
    check=real_only("elu_cpu"),
)
celu = elementwise(
    "celu(x, *, alpha)",
    lambda xp, g, x, alpha: xp.where(x > 0, g, g * xp.exp_below(x * (1.0 / alpha))),
    doc="x where x > 0, a(exp(x/a) - 1) elsewhere, a = alpha",
    check=real_only("elu_cpu"),
)
mish = elementwise(
    "mish(x)", lambda xp, g, x: xp.mish_grad(g, x), doc="x · tanh(log(1 + eˣ))", check=real_only("mish_cpu")
)
hardsigmoid = elementwise(
    "hardsigmoid(x)",
    lambda xp, g, x: g * xp.strictly_inside(x, -3.0, 3.0) * (1.0 / 6.0),
    doc="(x + 3) / 6 within [0, 1]",
    check=real_only("hardsigmoid_cpu"),
)
hardswish = elementwise(
    "hardswish(x)",
    lambda xp, g, x: g * xp.hardswish_slope(x),
    doc="x · ((x + 3) / 6 within [0, 1])",
    check=real_only("hardswish_cpu"),
)
threshold_ = elementwise(
    "threshold_(x, *, threshold, value)",
    lambda xp, g, x, threshold: xp.where(x <= threshold, xp.zeros_like(g), g),
    doc="x where x > threshold, value elsewhere",
    xp="threshold",
    node="ThresholdBackward0",
)
softshrink = elementwise(
    "softshrink(x, *, bound)",
    lambda xp, g, x, bound: g * xp.beyond(x, bound),
    doc="x moved toward 0 by the bound",
    check=real_only("softshrink_check"),
)
hardshrink = elementwise(
    "hardshrink(x, *, bound)",
    lambda xp, g, x, bound: g * xp.beyond(x, bound),
    doc="x beyond ±bound, 0 between",
    check=real_only("hardshrink_cpu"),
)
prelu_kernel = elementwise(
    "prelu_kernel(x, y)",
    lambda xp, g, x, y: xp.where(x > 0, g, g * y),
    lambda xp, g, x: xp.where(x > 0, xp.zeros_like(g), g * x),
    doc="x where x > 0, y · x elsewhere",
    xp="prelu",
    check=real_only("prelu_cpu"),
)
rrelu_with_noise = elementwise(
    "rrelu_with_noise(x, *, noise)",
    lambda xp, g, noise: xp.rrelu(g, noise),
    doc="x · noise: 1 where x > 0, a slope of its own for every other element",
    xp="rrelu",
    check=real_only("rrelu_with_noise_out_cpu"),
)
glu_ = general(
    "glu_(x, *, axis)",
    lambda xp, g, x, axis: xp.glu_grad(g, x, axis),
    doc="a · sigmoid(b) for the halves a, b of x along a dimension",
    xp="glu",
    node="GluBackward0",
    check=real_only("glu_cpu"),
)

# --- in place ---
rrelu_in_place = elementwise(
    "rrelu_in_place(x, *, noise)",
    lambda xp, g, noise: xp.rrelu(g, noise),
    doc="rrelu, under the name that torch gives its in-place form",
    xp="rrelu",
    node="RreluWithNoiseBackward1",
    check=real_only("rrelu_with_noise_out_cpu"),
)
leaky_relu_in_place = elementwise(
    "leaky_relu_in_place(x, *, slope)",
    lambda xp, g, out, slope: xp.where(out > 0, g, g * slope),
    doc="leaky_relu, derived from its result",
    xp="leaky_relu",
    node="LeakyReluBackward1",
    check=real_only("leaky_relu_cpu"),
)
elu_in_place = elementwise(
    "elu_in_place(x, *, alpha)",
    lambda xp, g, out, alpha: xp.where(out > 0, g, g * (out + alpha)),
    doc="elu, derived from its result",
    xp="elu",
    node="EluBackward1",
    check=real_only("elu_cpu"),
)
selu_in_place = elementwise(
    "selu_in_place(x)",
    lambda xp, g, out: xp.selu_grad_by_result(g, out),
    doc="selu, derived from its result",
    xp="selu",
    node="EluBackward1",
    check=real_only("elu_cpu"),
)
celu_in_place = elementwise(
    "celu_in_place(x, *, alpha)",
    lambda xp, g, out, alpha: xp.where(out > 0, g, g * (out * (1.0 / alpha) + 1.0)),
    doc="celu, derived from its result",
    xp="celu",
    node="CeluBackward1",
    check=real_only("elu_cpu"),
)
threshold_in_place = elementwise(
    "threshold_in_place(x, *, threshold, value)",
    lambda xp, g, out, threshold: xp.where(out <= threshold, xp.zeros_like(g), g),
    doc="threshold, derived from its result",
    xp="threshold",
    node="ThresholdBackward1",
)
