"""Activation functions beyond those in elementwise.py: one row each.

The rows in the last part write their result over the argument: their rules need the result only.
"""

from ..compile import elementwise, general

selu = elementwise(
    "selu(x)",
    lambda xp, g, x: xp.selu_grad(g, x),
    doc="1.0507 · elu(x, 1.6733)",
    node="EluBackward0",
)
celu = elementwise(
    "celu(x, *, alpha)",
    lambda xp, g, x, alpha: xp.where(x > 0, g, g * xp.exp_below(x * (1.0 / alpha))),
    doc="x where x > 0, α(exp(x/α) - 1) elsewhere",
)
mish = elementwise("mish(x)", lambda xp, g, x: xp.mish_grad(g, x), doc="x · tanh(log(1 + eˣ))")
hardsigmoid = elementwise(
    "hardsigmoid(x)",
    lambda xp, g, x: g * xp.strictly_inside(x, -3.0, 3.0) * (1.0 / 6.0),
    doc="(x + 3) / 6 within [0, 1]",
)
hardswish = elementwise(
    "hardswish(x)", lambda xp, g, x: g * xp.hardswish_slope(x), doc="x · ((x + 3) / 6 within [0, 1])"
)
threshold_ = elementwise(
    "threshold_(x, *, threshold, value)",
    lambda xp, g, x, threshold: xp.where(x <= threshold, xp.zeros_like(g), g),
    doc="x where x > threshold, value elsewhere",
    xp="threshold",
    node="ThresholdBackward0",
)
softshrink = elementwise(
    "softshrink(x, *, bound)", lambda xp, g, x, bound: g * xp.beyond(x, bound), doc="x moved toward 0 by the bound"
)
hardshrink = elementwise(
    "hardshrink(x, *, bound)", lambda xp, g, x, bound: g * xp.beyond(x, bound), doc="x beyond ±bound, 0 between"
)
prelu_kernel = elementwise(
    "prelu_kernel(x, y)",
    lambda xp, g, x, y: xp.where(x > 0, g, g * y),
    lambda xp, g, x: xp.where(x > 0, xp.zeros_like(g), g * x),
    doc="x where x > 0, y · x elsewhere",
    xp="prelu",
)
rrelu_with_noise = elementwise(
    "rrelu_with_noise(x, *, noise)",
    lambda xp, g, noise: xp.rrelu(g, noise),
    doc="x · noise: 1 where x > 0, a slope of its own for every other element",
    xp="rrelu",
)
glu_ = general(
    "glu_(x, *, axis)",
    lambda xp, g, x, axis: xp.glu_grad(g, x, axis),
    doc="a · sigmoid(b) for the halves a, b of x along a dimension",
    xp="glu",
    node="GluBackward0",
)

# --- in place ---
leaky_relu_in_place = elementwise(
    "leaky_relu_in_place(x, *, slope)",
    lambda xp, g, out, slope: xp.where(out > 0, g, g * slope),
    doc="leaky_relu, derived from its result",
    xp="leaky_relu",
    node="LeakyReluBackward1",
)
elu_in_place = elementwise(
    "elu_in_place(x, *, alpha)",
    lambda xp, g, out, alpha: xp.where(out > 0, g, g * (out + alpha)),
    doc="elu, derived from its result",
    xp="elu",
    node="EluBackward1",
)
selu_in_place = elementwise(
    "selu_in_place(x)",
    lambda xp, g, out: xp.selu_grad_by_result(g, out),
    doc="selu, derived from its result",
    xp="selu",
    node="EluBackward1",
)
celu_in_place = elementwise(
    "celu_in_place(x, *, alpha)",
    lambda xp, g, out, alpha: xp.where(out > 0, g, g * (out * (1.0 / alpha) + 1.0)),
    doc="celu, derived from its result",
    xp="celu",
    node="CeluBackward1",
)
threshold_in_place = elementwise(
    "threshold_in_place(x, *, threshold, value)",
    lambda xp, g, out, threshold: xp.where(out <= threshold, xp.zeros_like(g), g),
    doc="threshold, derived from its result",
    xp="threshold",
    node="ThresholdBackward1",
)
