"""Reductions, scans and sorting: the kernels; public forms with ``dim`` and ``keepdim`` are in core/ops/public."""

from ..compile import general, linear, nondifferentiable


def keep(xp, a, axes, keepdims, shape):
    """A reduced array in the shape it would have had with keepdims."""
    if keepdims:
        return a
    gone = range(len(shape)) if axes is None else axes
    return xp.reshape(a, tuple(1 if i in gone else n for i, n in enumerate(shape)))


sum_all = linear(
    "sum_all(x)", lambda xp, g, x_shape: xp.broadcast_to(g, x_shape), doc="sum of all elements", node="SumBackward0"
)
sum_ = linear(
    "sum_(x, *, axes, keepdims)",
    lambda xp, g, x_shape, axes, keepdims: xp.broadcast_to(keep(xp, g, axes, keepdims, x_shape), x_shape),
    doc="sum over dimensions",
    xp="sum",
    node="SumBackward1",
)
mean_all = linear(
    "mean_all(x)",
    lambda xp, g, x_shape: xp.broadcast_to(xp.divided(g, max(xp.count(x_shape, None), 1)), x_shape),
    doc="mean of all elements",
    node="MeanBackward0",
)
mean_ = linear(
    "mean_(x, *, axes, keepdims)",
    lambda xp, g, x_shape, axes, keepdims: xp.broadcast_to(
        keep(xp, xp.divided(g, max(xp.count(x_shape, axes), 1)), axes, keepdims, x_shape), x_shape
    ),
    doc="mean over dimensions",
    xp="mean",
    node="MeanBackward1",
)
prod_ = general(
    "prod_(x, *, axes, keepdims)",
    lambda xp, g, x, x_shape, axes, keepdims: keep(xp, g, axes, keepdims, x_shape) * xp.product_of_others(x, axes),
    doc="product over dimensions",
    xp="prod",
    node="ProdBackward0",
)
var_ = general(
    "var_(x, *, axes, correction, keepdims)",
    lambda xp, g, x, x_shape, axes, correction, keepdims: (
        keep(xp, g, axes, keepdims, x_shape)
        * ((x - xp.mean(x, axes, True)) * xp.ratio(2.0, xp.count(x_shape, axes) - correction))
    ),
    doc="variance over dimensions, divided by n - correction",
    xp="var",
    result="other",
    node="VarBackward0",
)
std_ = general(
    "std_(x, *, axes, correction, keepdims)",
    lambda xp, g, x, out, x_shape, axes, correction, keepdims: (
        keep(xp, xp.over_root(g, out), axes, keepdims, x_shape)
        * ((x - xp.mean(x, axes, True)) * xp.ratio(1.0, xp.count(x_shape, axes) - correction))
    ),
    doc="root of the variance over dimensions; derivative 0 where it is 0",
    xp="std",
    result="other",
    node="StdBackward0",
)
amax = general(
    "amax_(x, *, axes, keepdims)",
    lambda xp, g, x, out, x_shape, axes, keepdims: (
        keep(xp, g, axes, keepdims, x_shape) * xp.evenly(x == keep(xp, out, axes, keepdims, x_shape), axes, g.dtype)
    ),
    doc="maximum over dimensions; ties share the gradient",
    xp="max",
    node="AmaxBackward0",
)
amin = general(
    "amin_(x, *, axes, keepdims)",
    lambda xp, g, x, out, x_shape, axes, keepdims: (
        keep(xp, g, axes, keepdims, x_shape) * xp.evenly(x == keep(xp, out, axes, keepdims, x_shape), axes, g.dtype)
    ),
    doc="minimum over dimensions; ties share the gradient",
    xp="min",
    node="AminBackward0",
)
max_all = general(
    "max_all(x)",
    lambda xp, g, x, out: g * xp.evenly(x == out, None, g.dtype),
    doc="maximum of all elements; ties share the gradient",
    node="MaxBackward1",
)
min_all = general(
    "min_all(x)",
    lambda xp, g, x, out: g * xp.evenly(x == out, None, g.dtype),
    doc="minimum of all elements; ties share the gradient",
    node="MinBackward1",
)
max_dim = general(
    "max_dim(x, *, axis, keepdims) -> values, indices:no",
    lambda xp, g, indices, x_shape, axis, keepdims: xp.gather_backward(
        *xp.unreduced(g, indices, axis, keepdims), axis, x_shape
    ),
    doc="maximum and its index along a dimension",
    node="MaxBackward0",
)
min_dim = general(
    "min_dim(x, *, axis, keepdims) -> values, indices:no",
    lambda xp, g, indices, x_shape, axis, keepdims: xp.gather_backward(
        *xp.unreduced(g, indices, axis, keepdims), axis, x_shape
    ),
    doc="minimum and its index along a dimension",
    node="MinBackward0",
)
sort_ = general(
    "sort_(x, *, axis, descending) -> values, indices:no",
    lambda xp, g, indices, x_shape, axis: xp.gather_backward(g, indices, axis, x_shape),
    jvp=lambda xp, t_x, indices, axis: xp.take_along_axis(t_x, indices, axis),
    doc="sorted values and where they were",
    xp="sort_with_index",
    node="SortBackward0",
)
topk_ = general(
    "topk_(x, *, k, axis, largest) -> values, indices:no",
    lambda xp, g, indices, x_shape, axis: xp.gather_backward(g, indices, axis, x_shape),
    jvp=lambda xp, t_x, indices, axis: xp.take_along_axis(t_x, indices, axis),
    doc="the k largest or smallest along a dimension",
    xp="topk",
    node="TopkBackward0",
)
kth_ = general(
    "kth_(x, *, k, axis, keepdims) -> values, indices:no",
    lambda xp, g, indices, x_shape, axis, keepdims: xp.gather_backward(
        *xp.unreduced(g, indices, axis, keepdims), axis, x_shape
    ),
    doc="the k-th smallest and its index along a dimension",
    xp="kth",
    node="KthvalueBackward0",
)
cumsum_ = linear(
    "cumsum_(x, *, axis)",
    lambda xp, g, axis: xp.flip(xp.cumulative_sum(xp.flip(g, (axis,)), axis), (axis,)),
    doc="running sum along a dimension",
    xp="cumulative_sum",
    node="CumsumBackward0",
)
cumprod_ = general(
    "cumprod_(x, *, axis)",
    lambda xp, g, x, out, axis: xp.cumulative_prod_grad(g, x, out, axis),
    doc="running product along a dimension",
    xp="cumulative_prod",
    node="CumprodBackward0",
)
logsumexp_ = general(
    "logsumexp_(x, *, axes, keepdims)",
    lambda xp, g, x, out, x_shape, axes, keepdims: (
        keep(xp, g, axes, keepdims, x_shape) * xp.exp(x - keep(xp, out, axes, keepdims, x_shape))
    ),
    doc="log of the sum of eˣ over dimensions, without overflow",
    xp="logsumexp",
    node="LogsumexpBackward0",
)
softmax_ = general(
    "softmax_(x, *, axis)",
    lambda xp, g, out, axis: xp.softmax_grad(g, out, axis),
    jvp=lambda xp, t_x, out, axis: xp.softmax_grad(t_x, out, axis),  # its Jacobian is symmetric
    doc="eˣ divided by its sum along a dimension",
    xp="softmax",
    node="SoftmaxBackward0",
)
log_softmax_ = general(
    "log_softmax_(x, *, axis)",
    lambda xp, g, out, axis: xp.log_softmax_grad(g, out, axis),
    jvp=lambda xp, t_x, out, axis: t_x - xp.sum(xp.exp(out) * t_x, axis, True),
    doc="log of softmax along a dimension",
    xp="log_softmax",
    node="LogSoftmaxBackward0",
)
norm_ = general(
    "norm_(x, *, axes, keepdims)",
    lambda xp, g, x, out, x_shape, axes, keepdims: xp.norm_grad(
        keep(xp, g, axes, keepdims, x_shape), x, keep(xp, out, axes, keepdims, x_shape)
    ),
    doc="√Σx² over dimensions; derivative 0 where the norm is 0",
    xp="norm",
    result="other",
    node="LinalgVectorNormBackward0",
)
power_norm_ = general(
    "power_norm_(x, *, p, axes, keepdims)",
    lambda xp, g, x, out, x_shape, p, axes, keepdims: xp.power_norm_grad(
        keep(xp, g, axes, keepdims, x_shape), x, keep(xp, out, axes, keepdims, x_shape), p, axes
    ),
    doc="(Σ|x|ᵖ)^(1/p) over dimensions; derivative 0 where the norm is 0",
    xp="power_norm",
    result="other",
    node="LinalgVectorNormBackward0",
)
any_ = nondifferentiable("any_(x, *, axes, keepdims)", doc="whether an element is nonzero", xp="any", result="bool")
all_ = nondifferentiable("all_(x, *, axes, keepdims)", doc="whether no element is zero", xp="all", result="bool")
argmax_ = nondifferentiable("argmax_(x, *, axis, keepdims)", doc="index of the maximum", xp="argmax")
argmin_ = nondifferentiable("argmin_(x, *, axis, keepdims)", doc="index of the minimum", xp="argmin")
argsort_ = nondifferentiable("argsort_(x, *, axis, descending)", doc="the indices that sort", xp="argsort_order")
