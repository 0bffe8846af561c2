"""Linear layers, embeddings and padding by an array's own elements."""

import math

from ..compile import bilinear as bilinear_kind
from ..compile import general, linear
from ..dtypes import bool_ as BOOL
from ..errors import c_name, scalar_name

# --- linear ---


def linear_check(x, weight, bias):
    """The error that torch raises for arguments of ``linear`` that do not fit."""
    if x.dim() == 0 or weight.dim() == 0:
        return RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {x.dim()}D and {weight.dim()}D"
        )
    if weight.dim() > 2:
        return RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {weight.dim()}D")
    if weight.dim() == 1:
        return RuntimeError("mat2 must be a matrix, got 1-D tensor")
    if bias is None:
        error = linear_shape_error(x, weight, bias) or linear_dtype_error(x, weight, bias)
    else:
        error = linear_dtype_error(x, weight, bias) or linear_shape_error(x, weight, bias)
    if error is None and x.dtype is BOOL:
        error = NotImplementedError("\"addmm_impl_cpu_\" not implemented for 'Bool'")
    return error


def linear_dtype_error(x, weight, bias):
    if bias is None and x.dtype is not weight.dtype:
        return RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {c_name(x.dtype)} != {c_name(weight.dtype)}"
        )
    if x.dtype is not weight.dtype:
        return RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {scalar_name(x.dtype)} and {scalar_name(weight.dtype)}"
        )
    if bias is not None and bias.dtype is not weight.dtype:
        return RuntimeError(
            f"self and mat2 must have the same dtype, but got {scalar_name(bias.dtype)} and {scalar_name(weight.dtype)}"
        )
    return None


def linear_shape_error(x, weight, bias):
    rows, depth = math.prod(x.shape[:-1]), x.shape[-1]
    m, k = weight.shape
    if depth != k:
        return RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({rows}x{depth} and {k}x{m})")
    if bias is None:
        return None
    if bias.dim() > 2:
        return RuntimeError(
            f"expand(torch.{bias.dtype.type_name}{{{list(bias.shape)}}}, size=[{rows}, {m}]): the number of sizes provided (2) must "
            f"be greater or equal to the number of dimensions in the tensor ({bias.dim()})"
        )
    for i, (have, want) in enumerate(zip(reversed(bias.shape), (m, rows), strict=False)):
        if have not in (1, want):
            return RuntimeError(
                f"The expanded size of the tensor ({want}) must match the existing size ({have}) at non-singleton dimension {1 - i}.  "
                f"Target sizes: [{rows}, {m}].  Tensor sizes: {list(bias.shape)}"
            )
    return None


def linear_tangent(xp, x, weight, t_x, t_weight, t_bias, out):
    total = xp.linear(t_x, weight, None) if t_x is not None else xp.zeros_like(out)
    if t_weight is not None:
        total = total + xp.linear(x, t_weight, None)
    return total if t_bias is None else total + t_bias


def linear_row(name, node):
    return general(
        f"{name}(x, weight, bias?)",
        lambda xp, g, weight: xp.linear_input(g, weight),
        lambda xp, g, x: xp.linear_weight(g, x),
        lambda g: g,  # the walk sums over the rows
        jvp=linear_tangent,
        doc="x @ weightᵀ + bias",
        xp="linear",
        node=node,
        match=True,
        check=linear_check,
    )


# torch composes other ranks of a product of matrices and a view, whose names their nodes carry.
linear_of_matrix = linear_row("linear_of_matrix_", "AddmmBackward0")
linear_of_matrix_without_bias = linear_row("linear_of_matrix_without_bias_", "MmBackward0")
linear_of_vector_without_bias = linear_row("linear_of_vector_without_bias_", "SqueezeBackward4")
linear_of_batch = linear_row("linear_of_batch_", "ViewBackward0")
linear_of_batch_without_bias = linear_row("linear_of_batch_without_bias_", "UnsafeViewBackward0")

linear_input = bilinear_kind(
    "linear_input(y, weight)",
    lambda xp, g, weight: xp.linear(g, weight, None),
    lambda xp, g, y: xp.linear_weight(y, g),
    doc="y @ weight: the gradient of linear for x",
    node="MmBackward0",
)
linear_weight = bilinear_kind(
    "linear_weight(y, x)",
    lambda xp, g, x: xp.linear(x, g, None),
    lambda xp, g, y: xp.linear_input(y, g),
    doc="yᵀ @ x over all leading axes: the gradient of linear for the weight",
    node="MmBackward0",
)


# --- embedding ---
def embedding_check(x, index, padding_idx, by_count):
    return IndexError("index out of range in self")


embedding_ = linear(
    "embedding_(x, *, index, padding_idx, by_count)",
    lambda xp, g, x_shape, index, padding_idx, by_count: xp.embedding_backward(
        g, index, x_shape[0], padding_idx, by_count
    ),
    doc="the rows of x at an index",
    xp="embedding",
    node="EmbeddingBackward0",
    check=embedding_check,
)
embedding_backward = linear(
    "embedding_backward(x, *, index, rows, padding_idx, by_count)",
    lambda xp, g, index, padding_idx, by_count: xp.embedding_pick(g, index, padding_idx, by_count),
    doc="zeros with x added at the rows that an index tells",
    node="EmbeddingDenseBackwardBackward0",
)
embedding_pick = linear(
    "embedding_pick(x, *, index, padding_idx, by_count)",
    lambda xp, g, x_shape, index, padding_idx, by_count: xp.embedding_backward(
        g, index, x_shape[0], padding_idx, by_count
    ),
    doc="the transpose of embedding_backward",
    node="EmbeddingBackward0",
)


# --- padding ---
def pad_edges_row(name, node):
    return linear(
        f"{name}(x, *, widths, mode)",
        lambda xp, g, widths, mode: xp.pad_edges_input(g, widths, mode),
        doc="x surrounded by its own elements",
        xp="pad_edges",
        node=node,
    )


reflection_pad = [pad_edges_row(f"reflection_pad{n}d_", f"ReflectionPad{n}DBackward0") for n in (1, 2, 3)]
replication_pad = [pad_edges_row(f"replication_pad{n}d_", f"ReplicationPad{n}DBackward0") for n in (1, 2, 3)]
circular_pad = pad_edges_row("circular_pad_", "CopySlices")
pad_edges_input = linear(
    "pad_edges_input(x, *, widths, mode)",
    lambda xp, g, widths, mode: xp.pad_edges(g, widths, mode),
    doc="borders added to the elements that they were made of: the transpose of pad_edges",
    node="PadEdgesBackwardBackward0",
)
