"""A watch for graphs that grow from step to step, as by ``total += loss``."""

import bisect
import functools
import gc
import itertools
import sys
import warnings
from collections import Counter

from ..graph import ORDERS, Node
from ..recording import Lines, is_own, want_lines
from .failures import node_of
from .lines import at_line

__all__ = ["GraphGrowthWarning", "watch_graph_growth"]


class GraphGrowthWarning(UserWarning):
    """More nodes stay alive after every step."""


def watch_graph_growth(steps, every=10):
    """Warn once when more and more nodes stay alive from step to step, and name the op that holds them.

    Nothing is noted while the ops run: after every tenth step the living nodes are counted, which takes some milliseconds.
    The warning comes when the count has grown three times in a row by at least one node a step. From the second time on
    lines are recorded, so that it can name one.

    Args:
        steps: an optimizer, whose ``step()`` counts; or a function that makes a step.
        every: how many steps lie between two counts.

    Returns:
        For an optimizer a handle: ``remove()``, or the end of a with block, ends the watch. For a function the watched
        function.

    Example:
        >>> import warnings
        >>> import plugrad
        >>> w = plugrad.ones(1, requires_grad=True)
        >>> optimizer = plugrad.optim.SGD([w], lr=0.1)
        >>> total = 0.0
        >>> with warnings.catch_warnings(record=True, action="always") as caught:
        ...     watch = plugrad.autograd.graph.watch_graph_growth(optimizer, every=2)
        ...     for _ in range(10):
        ...         loss = (w * 2).sum()
        ...         total = total + loss
        ...         loss.backward()
        ...         optimizer.step()
        >>> caught[0].category.__name__
        'GraphGrowthWarning'
    """
    watch = Growth(every)
    if hasattr(steps, "register_step_post_hook"):
        watch.handle = steps.register_step_post_hook(lambda *_: watch.after_step())
        return watch

    @functools.wraps(steps)
    def step(*args, **kwargs):
        result = steps(*args, **kwargs)
        watch.after_step()
        return result

    return step


class Growth:
    """Counts of living nodes."""

    handle = None

    def __init__(self, every):
        self.every = every
        self.ends = []  # creation numbers at the ends of the steps, as they count up
        self.counts = []
        self.done = self.notes_lines = False

    def remove(self):
        """End the watch."""
        if self.handle is not None:
            self.handle.remove()
        self.stop()

    def stop(self):
        self.done = True
        if self.notes_lines:
            self.notes_lines = False
            want_lines(False)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.remove()

    def after_step(self):
        if self.done:
            return
        self.ends.append(-next(ORDERS))
        if len(self.ends) % self.every:
            return
        # not isinstance: some libraries warn when a lazy object is asked for its class
        nodes = [thing for thing in gc.get_objects() if issubclass(type(thing), Node)]
        self.counts.append(len(nodes))
        growing = self.times_grown()
        if growing >= 3:
            self.stop_and_warn(nodes)
        elif growing == 2 and not Lines.wanted:
            self.notes_lines = True
            want_lines(True)

    def times_grown(self):
        """How often in a row the count has grown by a node a step or more."""
        grown = [b - a >= self.every for a, b in itertools.pairwise(self.counts)]
        return len(list(itertools.takewhile(bool, reversed(grown))))

    def stop_and_warn(self, nodes):
        self.stop()
        rate = (self.counts[-1] - self.counts[-4]) / (3 * self.every)
        text = f"the graph grows: after each step about {rate:.0f} more nodes stay alive. {self.culprit(nodes)}"
        warnings.warn(text, GraphGrowthWarning, stacklevel=users_level())

    def step_of(self, node):
        return bisect.bisect(self.ends, -node.order)

    def culprit(self, nodes):
        """A sentence on what joins the steps, or on what is kept of each."""
        joints, used = [], set()
        for node in nodes:
            for below in map(node_of, node.next):
                used.add(below)
                if below is not None and self.step_of(below) < self.step_of(node):
                    joints.append(node)
        if joints:
            return (
                f"{most_frequent(joints)} takes a result of an earlier step: "
                "accumulate loss.item() or loss.detach(), and cut off what is carried over by .detach()."
            )
        kept = [node for node in nodes if node not in used]
        return f"{most_frequent(kept)}: its results of every step are kept; keep loss.item() or loss.detach() instead."


def users_level():
    """The stacklevel, for the caller, of the innermost frame that is not plugrad's own."""
    level, frame = 1, sys._getframe(1)
    while is_own(frame.f_code.co_filename) and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    return level


def most_frequent(nodes):
    """The name, and the line where it is known, of what most of the nodes are."""
    newest = sorted(nodes, key=lambda node: node.order)[: max(1, len(nodes) // 4)]  # only these have lines
    (text, _), *_ = Counter(f"{node.name()}{at_line(node)}" for node in newest).most_common(1)
    return text
