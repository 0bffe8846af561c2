"""The nodes of a graph as rows: what pictures and ledgers are made of."""

from typing import Any, NamedTuple

from ..engine import edge_of
from ..function import FunctionCtx
from ..graph import LEAF_TENSOR, PORT
from .failures import node_of, reachable
from .lines import line_of

__all__ = ["Leaf", "Row", "blocks_of", "bytes_text", "names_of", "table_of"]


class Leaf(NamedTuple):
    """A leaf in a picture: its name, and what it is."""

    name: str
    text: str
    tensor: Any


class Row(NamedTuple):
    """A node in a picture.

    Attributes:
        number: in the order of recording, from 1.
        name: of the node.
        text: dtype and shape of the result.
        inputs: a number for each node it takes from, a name for each leaf.
        saved: bytes that it keeps.
        module: path of the layer whose parameters it takes, "".
        line: where it was recorded, None.
    """

    number: int
    name: str
    text: str
    inputs: list
    saved: int
    module: str
    line: Any


def names_of(params):
    """Tensor id → name, of a module, a dict, or pairs; without names the leaves are numbered."""
    if params is None:
        return {}
    if hasattr(params, "named_parameters"):
        params = [*params.named_parameters(), *params.named_buffers()]
    pairs = params.items() if hasattr(params, "items") else params
    return {id(tensor): name for name, tensor in pairs}


def table_of(tensor, params=None):
    """(rows newest first, leaves) of the graph below a tensor.

    Raises:
        RuntimeError: the tensor has no graph.
    """
    root = node_of(edge_of(tensor))
    if root is None:
        raise RuntimeError("the tensor has no graph: it is a leaf, or does not require grad")
    nodes = sorted(reachable(root), key=lambda node: -node.order)
    numbers = {node: i for i, node in enumerate(nodes, 1)}
    names, leaves = names_of(params), {}
    rows = [row_of(node, numbers, names, leaves) for node in nodes]
    return rows[::-1], list(leaves.values())


def row_of(node, numbers, names, leaves):
    inputs, modules = [], []
    for edge in node.next:
        if edge is None:
            continue
        if edge._kind == LEAF_TENSOR:
            leaf = leaf_of(edge, names, leaves)
            inputs.append(leaf.name)
            modules.append(leaf.name.rpartition(".")[0])
        else:
            inputs.append(numbers[edge.node if edge._kind == PORT else edge])
    saved = sum(size_of(*block) for block in blocks_of(node))
    return Row(numbers[node], node.name(), text_of(node), inputs, saved, next(filter(None, modules), ""), line_of(node))


def leaf_of(tensor, names, leaves):
    if tensor not in leaves:
        name = names.get(id(tensor), f"leaf {len(leaves) + 1}")
        leaves[tensor] = Leaf(name, f"{tensor.dtype.name} {list(tensor._a.shape)}", tensor)
    return leaves[tensor]


def text_of(node):
    if node.outputs == 1:
        return array_text(node.xp, node.shape, node.dtype)
    parts = zip(node.shape, node.dtype, strict=True)
    return ", ".join(array_text(node.xp, shape, dtype) for shape, dtype in parts if shape is not None)


def array_text(xp, shape, dtype):
    return f"{xp.dtype_names[dtype]} {list(shape)}"


# --- what a node keeps ---
def blocks_of(node):
    """(namespace, array) for each array that a node keeps, with repetitions."""
    if isinstance(node, FunctionCtx):
        for kept in node.saved:
            tensor, array = getattr(kept, "tensor", None), getattr(kept, "array", None)
            if hasattr(tensor, "_a"):
                yield tensor._xp, tensor._a
            elif isinstance(array, node.xp.array_type):
                yield node.xp, array
        return
    for name in (*node.saved_arrays, *node.saved_values):
        kept = getattr(node, name, None)
        if isinstance(kept, node.xp.array_type):
            yield node.xp, kept


def size_of(xp, a):
    n = xp.to_dtype[a.dtype].itemsize
    for size in a.shape:
        n *= size
    return n


def bytes_text(n):
    """``1.5 kB`` for 1536."""
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n} B"
