"""Notes on errors of a backward: which op of the forward pass, and which line.

The message of the error stays torch's; what is added are notes (PEP 678), which Python prints below it.
"""

from ..errors import FREED_TEXT, IN_PLACE_TEXT
from ..graph import CLOCK, FREED, LEAF_TENSOR, PORT
from .lines import HINT, at_line, line_of, line_of_place

__all__ = ["note_backward", "note_in_place"]


def node_of(edge):
    """The node of an edge, None for a leaf."""
    if edge is None or edge._kind == LEAF_TENSOR:
        return None
    return edge.node if edge._kind == PORT else edge


# --- a saved array was written to ---
def note_in_place(error, node, version, leaf=None):
    """Say which op saved what was overwritten, and what wrote.

    Args:
        node: saved it.
        version: of the memory.
        leaf: the leaf that was saved, when it is one.
    """
    error.add_note(f"saved by {node.name()}{at_line(node)}")
    error.add_note(f"changed by {writer_text(version, leaf)}")
    if line_of(node) is None:
        error.add_note(HINT)
    return error


def writer_text(version, leaf):
    known = version.writer is not None and version.written == version.count
    text = version.writer if known else "a write that is not recorded"
    if version.place is not None:
        return f"{text} at {line_of_place(*version.place)}"
    if known:
        return text
    if leaf is not None and leaf.requires_grad:
        return f"{text}: an optimizer's step between forward and backward, or a write under no_grad"
    return f"{text}: it was made under no_grad, or by an optimizer"


# --- any error of a backward ---
def note_backward(error, traceback):
    """Say in which node's backward an error arose; called as the error leaves a walk."""
    from ..engine import start
    from ..walk import Walk
    from .steps import steps_of

    walks = (Walk.run_arrays.__code__, Walk.run_general.__code__, steps_of.__code__)
    node = found_in(traceback, walks, "node")
    text = str(error)
    if node is None or text.startswith(IN_PLACE_TEXT):
        return
    if text == FREED_TEXT and node.clock == FREED:
        note_freed(error, node, found_in(traceback, (start.__code__, steps_of.__code__), "pairs"))
    else:
        error.add_note(f"in the backward of {node.name()}{recorded_at(node)}")
    if line_of(node) is None:
        error.add_note(HINT)


def recorded_at(node):
    line = line_of(node)
    return "" if line is None else f", recorded at {line}"


def found_in(traceback, codes, name):
    """A local variable of the first frame in a traceback that runs one of the codes."""
    while traceback is not None:
        if traceback.tb_frame.f_code in codes:
            return traceback.tb_frame.f_locals.get(name)
        traceback = traceback.tb_next
    return None


# --- a second backward ---
def note_freed(error, node, pairs):
    """Say how a graph that was freed came to be used again."""
    roots = [node_of(tensor._fn) for tensor, _ in pairs or ()]
    carried = carried_edge([root for root in roots if root is not None and is_newer(root)], node)
    if carried is not None:
        consumer, before = carried
        error.add_note(
            f"carried over from before the last backward(): the result of {before.name()}{shape_text(before)}{recorded_at(before)}"
        )
        error.add_note(f"used again by {consumer.name()}{recorded_at(consumer)}")
        error.add_note(
            "From step to step, cut it off with .detach(); within a step, add the losses up and call backward() once."
        )
    elif any(n.releases and n.order < node.order for root in roots if root is not None for n in reachable(root)):
        # The walk came through newer nodes that had not been freed before it.
        error.add_note(
            f"freed by the backward() of another result: {node.name()}{recorded_at(node)}, which both depend on"
        )
        error.add_note("Add the results up and call backward() once, or give the first one retain_graph=True.")
    else:
        error.add_note(f"freed by an earlier backward() of the same result: {node.name()}{recorded_at(node)}")


def shape_text(node):
    return f" {list(node.shape)}" if node.outputs == 1 else ""


def is_newer(node):
    """Whether a node was recorded after the last backward that freed a graph; creation numbers count down."""
    return node.order < CLOCK.freed


def reachable(root):
    seen, waiting = {root}, [root]
    while waiting:
        node = waiting.pop()
        yield node
        for below in map(node_of, node.next):
            if below is not None and below not in seen:
                seen.add(below)
                waiting.append(below)


def carried_edge(roots, freed):
    """(node recorded since the last backward, older node that it uses and that leads to the freed one), or None."""
    for root in roots:
        for node in reachable(root):
            if not is_newer(node):
                continue
            for below in map(node_of, node.next):
                if below is not None and not is_newer(below) and any(n is freed for n in reachable(below)):
                    return node, below
    return None
