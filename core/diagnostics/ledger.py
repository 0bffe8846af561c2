"""What a graph keeps for its backward, in bytes: by op and by line, each memory block counted once."""

from ..engine import edge_of
from .failures import node_of, reachable
from .graph_table import blocks_of, bytes_text
from .lines import line_of

__all__ = ["SavedMemory", "saved_memory"]


class Block:
    """A memory block, as far as the graph keeps it: the part between its first and last kept element."""

    def __init__(self, node):
        self.node = node
        self.low = self.high = None

    def take(self, xp, a):
        itemsize = xp.to_dtype[a.dtype].itemsize
        low = xp.offset(a) * itemsize
        span = sum((n - 1) * abs(step) for n, step in zip(a.shape, xp.strides(a), strict=True)) + 1
        high = low + (0 if 0 in a.shape else span * itemsize)
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)

    @property
    def size(self):
        return self.high - self.low


def block_key(xp, a):
    """What is equal for arrays on one block; a library without addresses has a block per array."""
    return id(xp), xp.data_ptr(a) - xp.offset(a) * xp.to_dtype[a.dtype].itemsize


class SavedMemory:
    """What a graph keeps; printed, it is a table.

    Attributes:
        total: bytes that only the graph keeps alive, as far as it knows: without those of leaves.
        of_leaves: bytes of leaves, as weights, that nodes keep too.
        by_op: node name → bytes, the largest first.
        by_line: :class:`Line` → bytes, of the nodes whose lines were recorded.
    """

    def __init__(self, blocks, leaf_keys):
        own = {key: block for key, block in blocks.items() if key not in leaf_keys}
        self.blocks = len(own)
        self.total = sum(block.size for block in own.values())
        self.of_leaves = sum(block.size for key, block in blocks.items() if key in leaf_keys)
        self.by_op = summed((block.node.name(), block.size) for block in own.values())
        self.by_line = summed(
            (line_of(block.node), block.size) for block in own.values() if line_of(block.node) is not None
        )

    def __str__(self):
        head = f"saved for backward: {bytes_text(self.total)} in {self.blocks} blocks, and {bytes_text(self.of_leaves)} of leaves"
        parts = [*self.by_op.items(), *((str(line), n) for line, n in self.by_line.items())]
        width = max((len(bytes_text(n)) for _, n in parts), default=0)
        return "\n".join([head, *(f"  {bytes_text(n).rjust(width)}  {name}" for name, n in parts)])

    __repr__ = __str__


def summed(pairs):
    sums = {}
    for name, n in pairs:
        sums[name] = sums.get(name, 0) + n
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def saved_memory(tensor):
    """Return what the graph below a tensor keeps for its backward, as a :class:`SavedMemory`.

    A block that several nodes keep is counted once, for the node that was recorded first.

    Args:
        tensor: the loss, or any other result.

    Example:
        >>> import plugrad
        >>> w = plugrad.ones(1000, requires_grad=True)
        >>> print(plugrad.autograd.graph.saved_memory((w.exp() * w).sum()))
        saved for backward: 3.9 kB in 1 blocks, and 3.9 kB of leaves
          3.9 kB  ExpBackward0
    """
    root = node_of(edge_of(tensor))
    nodes = sorted(reachable(root), key=lambda node: -node.order) if root is not None else []
    blocks, leaf_keys = {}, set()
    for node in nodes:
        leaf_keys |= {block_key(e._xp, e._a) for e in node.next if e is not None and node_of(e) is None}
        for xp, a in blocks_of(node):
            blocks.setdefault(block_key(xp, a), Block(node)).take(xp, a)
    return SavedMemory(blocks, leaf_keys)
