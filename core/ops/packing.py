"""Padding and packing of sequences of different lengths."""

from ..compile import general, linear

pack_padded = linear(
    "pack_padded_(x, *, sizes)",
    lambda xp, g, x_shape, sizes: xp.pad_rows(g, sizes, x_shape[0], 0),
    doc="(T, N, ·) as the elements of each step of the sequences that reach it",
    xp="pack_rows",
    node="PackPaddedSequenceBackward0",
)
# torch writes step by step into a padded tensor; its node carries the name of that.
pad_packed = general(
    "pad_packed_(x, *, sizes, length, value)",
    lambda xp, g, sizes: xp.pack_rows(g, sizes),
    jvp=lambda xp, t_x, sizes, length: xp.pad_rows(t_x, sizes, length, 0),
    doc="packed elements as (length, N, ·), padded with a value",
    xp="pad_rows",
    node="CopySlices",
)
pad_sequences = general(
    "pad_sequences_(x, *, lengths, length, value, batch_first, left)",
    lambda xp, g, lengths, batch_first, left: xp.unpad_sequences(g, lengths, batch_first, left),
    jvp=lambda xp, t_x, lengths, length, batch_first, left: xp.pad_sequences(
        t_x, lengths, length, 0, batch_first, left
    ),
    doc="sequences that lie one after the other as (length, N, ·) or (N, length, ·), padded with a value",
    xp="pad_sequences",
    node="CopySlices",
)
unpad_sequences = linear(
    "unpad_sequences(x, *, lengths, batch_first, left)",
    lambda xp, g, x_shape, lengths, batch_first, left: xp.pad_sequences(
        g, lengths, x_shape[1 if batch_first else 0], 0, batch_first, left
    ),
    doc="padded sequences one after the other, without the padding",
    node="CatBackward0",
)
