"""Sequences of different lengths: padded, packed step by step, and one after the other.

Padded is (T, N, ·), or (N, T, ·) where a function says ``batch_first``. Packed is (rows, ·): the elements of the first step of
all sequences, then those of the second; ``sizes`` are the numbers of sequences that reach each step.
"""

from itertools import accumulate

__all__ = ["Packing"]


def parts_of(lengths):
    """Slices of so many rows each, one after the other."""
    return [slice(end - n, end) for end, n in zip(accumulate(lengths), lengths, strict=True)]


class Packing:
    """Mixed into :class:`plugrad.backends.Backend`."""

    def pack_rows(self, x, sizes):
        """(T, N, ·) → (rows, ·)."""
        return self.concat([self.getitem(x, (t, slice(0, n))) for t, n in enumerate(sizes)], 0)

    def pad_rows(self, x, sizes, length, value):
        """(rows, ·) → (length, N, ·), with ``value`` where sequences have ended."""
        n, rest = sizes[0], tuple(x.shape[1:])
        steps = [self._filled_up(self.getitem(x, (part,)), n, rest, value, False) for part in parts_of(sizes)]
        steps += [self.full((n, *rest), value, x.dtype) for _ in range(length - len(sizes))]
        return self.stack(steps, 0)

    def pad_sequences(self, x, lengths, length, value, batch_first, left):
        """Sequences one after the other, (rows, ·), padded to ``length`` on the left or the right."""
        rest = tuple(x.shape[1:])
        parts = [self._filled_up(self.getitem(x, (part,)), length, rest, value, left) for part in parts_of(lengths)]
        return self.stack(parts, 0 if batch_first else 1)

    def unpad_sequences(self, x, lengths, batch_first, left):
        """The transpose of :meth:`pad_sequences`."""
        length = x.shape[1 if batch_first else 0]
        spans = [slice(length - n, length) if left else slice(0, n) for n in lengths]
        keys = [(i, span) if batch_first else (span, i) for i, span in enumerate(spans)]
        return self.concat([self.getitem(x, key) for key in keys], 0)

    def _filled_up(self, x, length, rest, value, left):
        missing = length - x.shape[0]
        if not missing:
            return x
        filler = self.full((missing, *rest), value, x.dtype)
        return self.concat([filler, x] if left else [x, filler], 0)
