"""Edges of the graph as the user sees them: GradientEdge, in place of a tensor, as root or as input of a backward."""

from typing import Any, NamedTuple

from .graph import LEAF, LEAF_TENSOR, PORT, AccumulateGrad, Port
from .tensor import Size, Tensor, wrap


class GradientEdge(NamedTuple):
    """One output of a node: what gradients flow to.

    Attributes:
        node: the node, as ``grad_fn`` and ``next_functions`` give it.
        output_nr: which of its outputs.
        ownership_token: not used; torch's third field.
    """

    node: Any
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor):
    """Return the edge that a tensor's gradient flows to; it keeps the graph alive, not the tensor.

    Raises:
        RuntimeError: the tensor does not require grad.
    """
    fn = tensor._fn
    if fn is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    if fn is LEAF or fn._kind == LEAF_TENSOR:
        return GradientEdge(AccumulateGrad(tensor), 0)
    return GradientEdge(fn.node, fn.index) if fn._kind == PORT else GradientEdge(fn, 0)


class Blank:
    """Shape and dtype of a value that is not at hand."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape, dtype):
        self.shape = shape
        self.dtype = dtype


class InputMetadata:
    """What a node's ``_input_metadata`` says of the gradient of one of its outputs.

    Attributes:
        shape, dtype, device: as a tensor's.
        is_nested_tensor, is_cpp_nested_tensor: False: there are no nested tensors.
    """

    __slots__ = ("device", "dtype", "shape")
    is_nested_tensor = is_cpp_nested_tensor = False

    def __init__(self, shape, dtype, device):
        self.shape = shape
        self.dtype = dtype
        self.device = device


def input_metadata(node):
    """A list with an InputMetadata per output of a node."""
    if isinstance(node, AccumulateGrad):
        leaf = node.variable
        return [InputMetadata(leaf.shape, leaf.dtype, leaf.device)]
    shapes, dtypes = ((node.shape,), (node.dtype,)) if node.outputs == 1 else (node.shape, node.dtype)
    return [
        InputMetadata(Size(shape), node.xp.to_dtype[dtype], node.xp.device)
        for shape, dtype in zip(shapes, dtypes, strict=True)
        if shape is not None
    ]


def tensor_of(edge):
    """The tensor that stands for an edge: the leaf itself, or a tensor without values."""
    node = edge.node
    if isinstance(node, AccumulateGrad):
        return node.variable
    if node.outputs == 1:
        return wrap(Tensor, node.xp, Blank(node.shape, node.dtype), node)
    shape, dtype = node.shape[edge.output_nr], node.dtype[edge.output_nr]
    return wrap(Tensor, node.xp, Blank(shape, dtype), Port(node, edge.output_nr, shape, dtype))


__all__ = ["GradientEdge", "get_gradient_edge", "input_metadata", "tensor_of"]
