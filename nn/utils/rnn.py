"""Sequences of different lengths in one batch: padded, or packed for recurrent layers."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

from ...core import dtypes
from ...core.create import as_tensor, empty_like, tensor
from ...core.ops import packing as rows
from ...core.ops.join import cat
from ...core.sequences import arange
from ...core.tensor import Tensor
from ..module_conversion import parse_to

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


# --- packed ---
class PackedSequence_(NamedTuple):
    """The fields of :class:`PackedSequence`."""

    data: Any
    batch_sizes: Any
    sorted_indices: Any
    unsorted_indices: Any


class PackedSequence(PackedSequence_):
    """Sequences of different lengths, time step by time step: what recurrent layers take without computing on padding.

    Made by :func:`pack_padded_sequence` and :func:`pack_sequence`.

    Attributes:
        data: (rows, ·): the first elements of all sequences, the longest first, then the second ones, and so on.
        batch_sizes: how many sequences reach each step, an int64 tensor on the cpu.
        sorted_indices: which sequence of the batch stands where; None where they came sorted.
        unsorted_indices: the inverse of that.

    Example:
        >>> import plugrad
        >>> packed = plugrad.nn.utils.rnn.pack_sequence([plugrad.tensor([1, 2, 3]), plugrad.tensor([4, 5])])
        >>> packed.data, packed.batch_sizes
        (tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
    """

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. They should be "
                "instantiated by functions like pack_sequence and pack_padded_sequences in nn.utils.rnn. "
                "https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _indices(self, fn):
        return [None if i is None else fn(i) for i in (self.sorted_indices, self.unsorted_indices)]

    def to(self, *args, **kwargs):
        """The data in another dtype or on another device, and the indices there; itself where it is so already."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        non_blocking = parse_to(*args, **kwargs)[2]
        return type(self)(
            data, self.batch_sizes, *self._indices(lambda i: i.to(data.device, non_blocking=non_blocking))
        )

    def _on(self, kind, args, kwargs):
        """``to`` a kind of device, which the arguments may name more closely."""
        probe = tensor((), dtype=self.data.dtype, device=self.data.device).to(*args, **kwargs)
        return self.to(*args, **kwargs) if probe.device.type == kind else self.to(*args, **{**kwargs, "device": kind})

    def cuda(self, *args, **kwargs):
        """The data and the indices on a GPU."""
        return self._on("cuda", args, kwargs)

    def cpu(self, *args, **kwargs):
        """The data and the indices on the cpu."""
        return self._on("cpu", args, kwargs)

    def pin_memory(self):
        """Raise: there is no page-locked memory here.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "PackedSequence.pin_memory: no backend has page-locked memory; use to(device) as it is"
        )

    def double(self):
        """The data as float64."""
        return self.to(dtype=dtypes.float64)

    def float(self):
        """The data as float32."""
        return self.to(dtype=dtypes.float32)

    def half(self):
        """The data as float16."""
        return self.to(dtype=dtypes.float16)

    def long(self):
        """The data as int64."""
        return self.to(dtype=dtypes.int64)

    def int(self):
        """The data as int32."""
        return self.to(dtype=dtypes.int32)

    def short(self):
        """The data as int16."""
        return self.to(dtype=dtypes.int16)

    def char(self):
        """The data as int8."""
        return self.to(dtype=dtypes.int8)

    def byte(self):
        """The data as uint8."""
        return self.to(dtype=dtypes.uint8)

    @property
    def is_cuda(self):
        """Whether the data is on a GPU."""
        return self.data.is_cuda

    def is_pinned(self):
        """Whether the data is in page-locked memory, which no tensor is here."""
        return False


def invert_permutation(permutation):
    """The permutation that undoes another one; None for None.

    Example:
        >>> import plugrad
        >>> plugrad.nn.utils.rnn.invert_permutation(plugrad.tensor([2, 0, 1]))
        tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    places = arange(0, permutation.numel(), device=permutation.device)
    return empty_like(permutation).scatter_(0, permutation, places)


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Pack a padded batch of sequences.

    Args:
        input: (T, N, ·), or (N, T, ·) with ``batch_first``.
        lengths: of the N sequences: a list, or a tensor on the cpu.
        batch_first: the batch is the first axis.
        enforce_sorted: the sequences must come sorted, the longest first; False sorts them.

    Raises:
        RuntimeError: a length below 1 or beyond T, another number of lengths than N, or lengths that are not sorted.

    Example:
        >>> import plugrad
        >>> padded = plugrad.tensor([[1, 2, 3], [4, 5, 0]])
        >>> plugrad.nn.utils.rnn.pack_padded_sequence(padded, [3, 2], batch_first=True).data
        tensor([1, 4, 2, 5, 3])
    """
    if isinstance(lengths, Tensor):
        lengths = lengths.to(dtype=dtypes.int64)
    else:
        lengths = as_tensor(lengths, dtype=dtypes.int64, device="cpu")
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = lengths.sort(descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    if not input.numel():
        raise RuntimeError("Cannot pack empty tensors.")
    if lengths.dim() != 1 or lengths.device.type != "cpu":
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.dim()}D {lengths.device.type} Long tensor"
        )
    steps = input.transpose(0, 1) if batch_first else input
    if steps.dim() < 2:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")
    numbers = lengths.tolist()
    _check_lengths(numbers, *steps.shape[:2])
    sizes = _sizes_of(numbers)
    data = rows.pack_padded(steps, sizes)
    return PackedSequence(data, tensor(sizes, dtype=dtypes.int64, device="cpu"), sorted_indices, None)


def _check_lengths(lengths, steps, count):
    if len(lengths) != count:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} (batch_size={count})"
        )
    if lengths[-1] <= 0 or min(lengths) <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if any(a < b for a, b in pairwise(lengths)):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass `enforce_sorted=False` "
            "to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not need ONNX exportability."
        )
    if lengths[0] > steps:
        raise RuntimeError(f"a length of {lengths[0]} is beyond the {steps} time steps of the input")


def _sizes_of(lengths):
    """How many sequences reach each step; the lengths fall."""
    sizes, alive = [], len(lengths)
    for t in range(lengths[0]):
        while lengths[alive - 1] <= t:
            alive -= 1
        sizes.append(alive)
    return tuple(sizes)


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """Undo :func:`pack_padded_sequence`: the padded batch in its first order, and the lengths.

    Args:
        sequence: a PackedSequence.
        batch_first: (N, T, ·) instead of (T, N, ·).
        padding_value: of the elements beyond a sequence.
        total_length: the number of time steps T; the length of the longest sequence by default.

    Raises:
        ValueError: ``total_length`` is below the length of the longest sequence.

    Example:
        >>> import plugrad
        >>> packed = plugrad.nn.utils.rnn.pack_sequence([plugrad.tensor([1, 2, 3]), plugrad.tensor([4, 5])])
        >>> plugrad.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
        (tensor([[1, 2, 3],
                [4, 5, 0]]), tensor([3, 2]))
    """
    longest = sequence.batch_sizes.size(0)
    if total_length is not None and total_length < longest:
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {longest}"
        )
    sizes = tuple(sequence.batch_sizes.tolist())
    padded = rows.pad_packed(sequence.data, sizes, longest if total_length is None else total_length, padding_value)
    padded = padded.transpose(0, 1) if batch_first else padded
    numbers = [sum(n > i for n in sizes) for i in range(sizes[0])]
    lengths = tensor(numbers, dtype=dtypes.int64, device="cpu")
    unsorted_indices = sequence.unsorted_indices
    if unsorted_indices is None:
        return padded, lengths
    return padded.index_select(0 if batch_first else 1, unsorted_indices), lengths[unsorted_indices.cpu()]


def pack_sequence(sequences, enforce_sorted=True):
    """Pack a list of sequences (length, ·); see :func:`pack_padded_sequence`.

    Example:
        >>> import plugrad
        >>> plugrad.nn.utils.rnn.pack_sequence([plugrad.tensor([4]), plugrad.tensor([1, 2])], enforce_sorted=False).data
        tensor([1, 4, 2])
    """
    lengths = as_tensor([v.size(0) for v in sequences], device="cpu")
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The sequences of a PackedSequence as a list.

    Example:
        >>> import plugrad
        >>> rnn = plugrad.nn.utils.rnn
        >>> rnn.unpack_sequence(rnn.pack_sequence([plugrad.tensor([1, 2]), plugrad.tensor([3])]))
        [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


# --- padded ---
def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Sequences (length, ·) as one batch, padded to the length T of the longest one.

    Args:
        sequences: tensors; the sizes beyond the first must broadcast to those of the first tensor.
        batch_first: (N, T, ·) instead of (T, N, ·).
        padding_value: of the elements beyond a sequence.
        padding_side: "right" or "left": after or before the sequence.

    Raises:
        RuntimeError: no sequences, sizes that do not fit, or another side.

    Example:
        >>> import plugrad
        >>> plugrad.nn.utils.rnn.pad_sequence([plugrad.tensor([1, 2]), plugrad.tensor([3])], batch_first=True)
        tensor([[1, 2],
                [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    for i, sequence in enumerate(sequences):
        if not isinstance(sequence, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(sequence).__name__}")
    first = sequences[0]
    if not first.dim():
        raise RuntimeError("ArrayRef: invalid slice, N = 1; size = 0")
    lengths = tuple(s.size(0) for s in sequences)
    flat = cat([_like_first(s, first) for s in sequences])
    return rows.pad_sequences(flat, lengths, max(lengths), padding_value, bool(batch_first), padding_side == "left")


def _like_first(sequence, first):
    """A sequence in the dtype of the first one and with its sizes, but for the length."""
    if sequence.dtype is not first.dtype:
        sequence = sequence.to(first.dtype)
    shape, wanted = sequence.shape[1:], first.shape[1:]
    if shape == wanted:
        return sequence
    for i, (n, m) in enumerate(zip(reversed(wanted), reversed(shape), strict=False)):
        if m not in (1, n):
            raise RuntimeError(
                f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension {first.dim() - 1 - i}"
            )
    return sequence.expand(sequence.size(0), *wanted)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """A padded batch as a list of sequences, without the padding.

    Args:
        padded_sequences: (T, N, ·), or (N, T, ·) with ``batch_first``; without it its first two axes are exchanged in place,
            as torch does.
        lengths: of the N sequences.
        batch_first: the batch is the first axis.

    Example:
        >>> import plugrad
        >>> plugrad.nn.utils.rnn.unpad_sequence(plugrad.tensor([[1, 2], [3, 0]]), plugrad.tensor([2, 1]), batch_first=True)
        [tensor([1, 2]), tensor([3])]
    """
    if not batch_first:
        padded_sequences.transpose_(0, 1)
    longest = padded_sequences.shape[1]
    ruler = arange(0, longest, device=padded_sequences.device)
    found = zip(padded_sequences, lengths.tolist(), strict=True)
    return [sequence[ruler[: max(length, 0)]] for sequence, length in found]
