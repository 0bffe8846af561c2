"""What became of each tensor when a checkpoint was loaded into a model."""

from typing import NamedTuple

__all__ = ["LoadedTensor", "LoadingReport"]

LOADED, SKIPPED, RESET, MISSING, FILLED = "loaded", "skipped", "re-initialised", "missing", "filled in"


class LoadedTensor(NamedTuple):
    """One parameter or buffer of the model.

    Attributes:
        name: in the model.
        shape: in the model; None for what is no tensor.
        state: ``"loaded"``; ``"skipped"``: the checkpoint's does not fit, the model kept its own; ``"re-initialised"``:
            it does not fit, and the layer drew new initial values; ``"missing"``: the checkpoint has none;
            ``"filled in"``: it has none, and the layer set it itself.
        detail: where it comes from, or why it was not loaded.
        kind: ``"parameter"`` or ``"buffer"``.
        frozen: for a parameter, whether it is without gradient now.
    """

    name: str
    shape: tuple | None
    state: str
    detail: str
    kind: str
    frozen: bool

    def elements(self):
        """Number of elements."""
        count = 1
        for size in self.shape or ():
            count *= size
        return count


class LoadingReport:
    """What :func:`load_pretrained` did; printed, it is a table.

    Attributes:
        source: what was loaded, in words.
        tensors: a :class:`LoadedTensor` for each parameter and buffer of the model.
        unexpected: names in the checkpoint that nothing in the model has, as the checkpoint spells them.
        left_out: names in the checkpoint that ``rename`` leaves out.
        idle_prefixes: prefixes that were to be taken off, and that no name had.
    """

    def __init__(self, source, tensors, unexpected, left_out, idle_prefixes):
        self.source = source
        self.tensors = tensors
        self.unexpected = unexpected
        self.left_out = left_out
        self.idle_prefixes = idle_prefixes

    def names(self, state):
        """The names of the tensors in this state."""
        return [t.name for t in self.tensors if t.state == state]

    @property
    def loaded(self):
        """Names of what was loaded."""
        return self.names(LOADED)

    @property
    def skipped(self):
        """Names of what does not fit and was left as it was."""
        return self.names(SKIPPED)

    @property
    def reinitialised(self):
        """Names of what does not fit and got new initial values."""
        return self.names(RESET)

    @property
    def missing(self):
        """Names of what the checkpoint does not have."""
        return self.names(MISSING)

    @property
    def frozen(self):
        """Names of the parameters without gradient."""
        return [t.name for t in self.tensors if t.frozen]

    def __str__(self):
        rows = [("name", "shape", "state", "", "from, or why")]
        rows += [(t.name, _shape_text(t), t.state, "frozen" if t.frozen else "", t.detail) for t in self.tensors]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = ["  ".join((*map(str.ljust, row, widths), row[4])).rstrip() for row in rows]
        rule = "-" * max(map(len, lines))
        notes = [f"unexpected: {name}" for name in self.unexpected]
        notes += [f"left out: {name}" for name in self.left_out]
        notes += [f"no name begins with: {prefix}." for prefix in self.idle_prefixes]
        return "\n".join([lines[0], rule, *lines[1:], rule, *notes, self._counts()])

    def _counts(self):
        loaded = [t for t in self.tensors if t.state == LOADED]
        elements, of_all = (sum(t.elements() for t in tensors) for tensors in (loaded, self.tensors))
        states = (SKIPPED, RESET, MISSING, FILLED)
        others = [f"{len(self.names(state))} {state}" for state in states if self.names(state)]
        others += [f"{len(self.unexpected)} unexpected"] if self.unexpected else []
        others += [f"{len(self.left_out)} left out"] if self.left_out else []
        others += [f"{len(self.frozen)} frozen"] if self.frozen else []
        return ", ".join(
            [
                f"{self.source}: {len(loaded)} of {len(self.tensors)} tensors loaded ({elements:,} of {of_all:,} elements)",
                *others,
            ]
        )

    def __repr__(self):
        return f"<{type(self).__name__} {self._counts()}>"


def _shape_text(t):
    return "" if t.shape is None else str(list(t.shape))
