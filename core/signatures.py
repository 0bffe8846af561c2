"""The signature of an op, which has no code of its own until it is first called."""

import inspect

from .op_text import argument_names

__all__ = ["OpSignature"]


class OpSignature(inspect.Signature):
    """What ``inspect.signature(op)`` and ``help(op)`` show; it is made when it is asked for, so that importing an op costs
    1 µs more and not 15.
    """

    __slots__ = ("row", "with_out")
    _return_annotation = inspect.Signature.empty

    def __init__(self, row, with_out):
        self.row = row
        self.with_out = with_out

    @property
    def _parameters(self):
        names = argument_names(self.row)
        made = [parameter(name) for name in (*(names[t] for t in self.row.tensors), *self.row.statics)]
        if self.with_out:
            made.append(inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None))
        return {p.name: p for p in made}

    def replace(self, **changes):
        """A plain signature with changes, as of a bound method."""
        return inspect.Signature(list(self._parameters.values())).replace(**changes)


def parameter(name):
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
