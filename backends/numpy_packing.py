"""numpy's padding of sequences: written into one array."""

import numpy as np

from .packing import parts_of

__all__ = ["NumpyPacking"]


class NumpyPacking:
    """Mixed into the numpy backend."""

    def pack_rows(self, x, sizes):
        out = np.empty((sum(sizes), *x.shape[2:]), x.dtype)
        for t, part in enumerate(parts_of(sizes)):
            out[part] = x[t, : part.stop - part.start]
        return out

    def pad_rows(self, x, sizes, length, value):
        out = np.full((length, sizes[0], *x.shape[1:]), value, x.dtype)
        for t, part in enumerate(parts_of(sizes)):
            out[t, : part.stop - part.start] = x[part]
        return out

    def pad_sequences(self, x, lengths, length, value, batch_first, left):
        lead = (len(lengths), length) if batch_first else (length, len(lengths))
        out = np.full((*lead, *x.shape[1:]), value, x.dtype)
        by_sequence = out if batch_first else out.swapaxes(0, 1)
        for i, (part, n) in enumerate(zip(parts_of(lengths), lengths, strict=True)):
            by_sequence[i, length - n if left else 0 : length if left else n] = x[part]
        return out
