"""Padding and packing of sequences, and recurrent layers on packed ones: program by program as torch."""

import itertools
import math

import numpy as np
import pytest

import plugrad
import plugrad_samples_packing as truth
from plugrad.nn.utils import rnn
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, on

PROGRAMS = {}
LENGTHS = (2, 5, 3)


def ramp(t, *shape, modulus=13, dtype=None):
    values = (t.arange(math.prod(shape), dtype=t.float64) * 5 % modulus - modulus // 2) / (modulus / 2)
    return values.reshape(shape).to(dtype or t.float32)


def sequences(t, lengths=LENGTHS, *rest, dtype=None):
    return [ramp(t, n, *rest, modulus=11 + i, dtype=dtype).requires_grad_() for i, n in enumerate(lengths)]


def backward(t, y):
    (y * ramp(t, *y.shape, modulus=7, dtype=y.dtype)).sum().backward()


def plain(packed):
    """What a PackedSequence says, without the history of its data."""
    return packed._replace(data=packed.data.detach()) if packed.data.requires_grad else packed


# --- padding ---
def padded(*rest, **options):
    def program(t):
        parts = sequences(t, LENGTHS, *rest)
        y = t.nn.utils.rnn.pad_sequence(parts, **options)
        backward(t, y)
        return y.detach(), y.grad_fn.name(), y.is_contiguous(), [p.grad for p in parts]

    return program


for name, options in {
    "plain": {},
    "batch-first": {"batch_first": True},
    "value": {"padding_value": 2.5},
    "left": {"padding_side": "left"},
    "left-batch-first": {"padding_side": "left", "batch_first": True, "padding_value": -1.0},
}.items():
    PROGRAMS[f"pad-{name}"] = padded(2, **options)
    PROGRAMS[f"pad-{name}-vectors"] = padded(**options)
PROGRAMS |= {
    "pad-ints": lambda t: t.nn.utils.rnn.pad_sequence([t.tensor([1, 2]), t.tensor([3])], padding_value=7),
    "pad-dtypes": lambda t: t.nn.utils.rnn.pad_sequence([t.tensor([1, 2]), t.tensor([3.5])]),
    "pad-bools": lambda t: t.nn.utils.rnn.pad_sequence([t.tensor([True]), t.tensor([True, False])], padding_value=1),
    "pad-broadcast": lambda t: t.nn.utils.rnn.pad_sequence([t.ones(2, 3), t.ones(3, 1)]),
    "pad-empty": lambda t: t.nn.utils.rnn.pad_sequence([t.ones(0, 2), t.ones(2, 2)]),
    "pad-generator": lambda t: t.nn.utils.rnn.pad_sequence(t.ones(n) for n in (1, 2)),
    "pad-tensor": lambda t: t.nn.utils.rnn.pad_sequence(t.arange(6.0).reshape(2, 3)),
    "unpad": lambda t: t.nn.utils.rnn.unpad_sequence(
        t.nn.utils.rnn.pad_sequence([p.detach() for p in sequences(t)]), t.tensor(LENGTHS)
    ),
    "unpad-batch-first": lambda t: t.nn.utils.rnn.unpad_sequence(
        ramp(t, 3, 4, 2), t.tensor([4, 1, 2]), batch_first=True
    ),
}


def unpad_turns(t):
    """torch exchanges the axes of what it is given in place."""
    x = ramp(t, 4, 3)
    parts = t.nn.utils.rnn.unpad_sequence(x, t.tensor([4, 1, 2]))
    return x, parts


def unpad_gradient(t):
    x = ramp(t, 3, 4).requires_grad_()
    parts = t.nn.utils.rnn.unpad_sequence(x, t.tensor([4, 1, 2]), batch_first=True)
    sum((p * p).sum() for p in parts).backward()
    return [p.grad_fn.name() for p in parts], x.grad


PROGRAMS |= {"unpad-turns": unpad_turns, "unpad-gradient": unpad_gradient}


# --- packing ---
def packed(lengths, *rest, **options):
    def program(t):
        shape = (len(lengths), 5) if options.get("batch_first") else (5, len(lengths))
        x = ramp(t, *shape, *rest).requires_grad_()
        p = t.nn.utils.rnn.pack_padded_sequence(x, lengths, **options)
        backward(t, p.data)
        return plain(p), p.data.grad_fn.name(), x.grad

    return program


PROGRAMS |= {
    "pack-plain": packed([5, 3, 1], 2),
    "pack-vectors": packed([5, 5, 2]),
    "pack-batch-first": packed([4, 3, 1], 2, batch_first=True),
    "pack-unsorted": packed([2, 5, 3], 2, enforce_sorted=False),
    "pack-unsorted-equal": packed([2, 3, 3, 2], enforce_sorted=False),
    "pack-unsorted-batch-first": packed([1, 4, 3], 2, 2, enforce_sorted=False, batch_first=True),
    "pack-tensor-of-lengths": lambda t: t.nn.utils.rnn.pack_padded_sequence(
        ramp(t, 3, 2), t.tensor([3, 1], device="cpu")
    ),
    "pack-float-lengths": lambda t: t.nn.utils.rnn.pack_padded_sequence(
        ramp(t, 3, 2), t.tensor([3.0, 1.0], device="cpu")
    ),
    "pack-ints": lambda t: t.nn.utils.rnn.pack_padded_sequence(t.arange(6).reshape(3, 2), [3, 1]),
    "pack-sequence": lambda t: plain(t.nn.utils.rnn.pack_sequence(sequences(t, (4, 2, 2), 2))),
    "pack-sequence-unsorted": lambda t: plain(
        t.nn.utils.rnn.pack_sequence(sequences(t, LENGTHS, 2), enforce_sorted=False)
    ),
    "unpack": lambda t: t.nn.utils.rnn.unpack_sequence(
        t.nn.utils.rnn.pack_sequence([p.detach() for p in sequences(t)], enforce_sorted=False)
    ),
    "invert": lambda t: (
        t.nn.utils.rnn.invert_permutation(None),
        t.nn.utils.rnn.invert_permutation(t.tensor([2, 0, 1])),
    ),
}


def padded_again(lengths=LENGTHS, **options):
    def program(t):
        parts = sequences(t, lengths, 2)
        p = t.nn.utils.rnn.pack_sequence(parts, enforce_sorted=False)
        y, found = t.nn.utils.rnn.pad_packed_sequence(p, **options)
        backward(t, y)
        return y.detach(), found, [part.grad for part in parts]

    return program


PROGRAMS |= {
    "pad-packed": padded_again(),
    "pad-packed-batch-first": padded_again(batch_first=True),
    "pad-packed-value": padded_again(padding_value=3.0),
    "pad-packed-total": padded_again(total_length=7, padding_value=-2.0),
    "pad-packed-sorted": lambda t: t.nn.utils.rnn.pad_packed_sequence(
        t.nn.utils.rnn.pack_sequence([t.arange(3), t.arange(2)]), batch_first=True
    ),
}


def node_of_padding(t):
    p = t.nn.utils.rnn.pack_sequence(sequences(t, (3, 1)))
    return t.nn.utils.rnn.pad_packed_sequence(p)[0].grad_fn.name()


PROGRAMS["pad-packed-node"] = node_of_padding


# --- PackedSequence ---
def conversions(t):
    p = t.nn.utils.rnn.pack_sequence([t.arange(3.0), t.arange(2.0)], enforce_sorted=False)
    same = [p.to("cpu") is p, p.cpu() is p, p.float() is p, p.to(t.float32) is p]
    names = ("double", "float", "half", "long", "int", "short", "char", "byte")
    return (
        same,
        [str(getattr(p, n)().data.dtype) for n in names],
        p.double(),
        p.is_cuda,
        p.is_pinned(),
        p.to(p.data.long()),
    )


PROGRAMS |= {
    "sequence-conversions": conversions,
    "sequence-repr": lambda t: repr(t.nn.utils.rnn.pack_sequence([t.arange(3), t.arange(2)])),
    "sequence-of-pair": lambda t: t.nn.utils.rnn.PackedSequence((t.ones(2), t.tensor([1, 1]))),
    "sequence-of-permutation": lambda t: t.nn.utils.rnn.PackedSequence(
        t.ones(3), t.tensor([3], device="cpu"), t.tensor([2, 0, 1])
    ),
    "sequence-is-a-tuple": lambda t: (
        [*t.nn.utils.rnn.PackedSequence._fields],
        isinstance(t.nn.utils.rnn.PackedSequence((t.ones(2), t.tensor([2]))), tuple),
    ),
    "error-sequence": lambda t: t.nn.utils.rnn.PackedSequence(t.ones(2)),
}


# --- layers ---
def flat(value):
    return [t for v in value for t in flat(v)] if isinstance(value, (tuple, list)) else [value]


def layer(name, lengths, state=False, enforce_sorted=False, **options):
    """Output, last states and gradients of a layer of 3 features and 4 hidden ones on packed sequences."""

    def program(t):
        m = getattr(t.nn, name)(3, 4, dtype=t.float64, **options)
        with t.no_grad():
            for i, parameter in enumerate(m.parameters()):
                parameter.copy_(ramp(t, *parameter.shape, modulus=11 + 2 * i, dtype=t.float64) * 0.7)
        parts = sequences(t, lengths, 3, dtype=t.float64)
        p = t.nn.utils.rnn.pack_sequence(parts, enforce_sorted=enforce_sorted)
        leaves, given = [*parts, *m.parameters()], ()
        if state:
            lead = (m.num_layers * (2 if m.bidirectional else 1), len(lengths))
            sizes = [m.proj_size or 4, 4][: 2 if name == "LSTM" else 1]
            first = [(ramp(t, *lead, n, modulus=9, dtype=t.float64) * 0.5).requires_grad_() for n in sizes]
            leaves += first
            given = (tuple(first) if name == "LSTM" else first[0],)
        t.manual_seed(7)
        output, hidden = m(p, *given)
        results = [output.data, *flat(hidden)]
        for i, y in enumerate(results):
            (y * ramp(t, *y.shape, modulus=7 + 2 * i, dtype=t.float64)).sum().backward(retain_graph=True)
        names = [output.data.grad_fn.name(), type(output).__name__]
        return plain(output), names, [y.detach() for y in results[1:]], [leaf.grad for leaf in leaves]

    return program


FORMS = {
    "plain": {"lengths": (4, 3, 1), "enforce_sorted": True},
    "unsorted": {"lengths": LENGTHS},
    "unsorted-state": {"lengths": LENGTHS, "state": True},
    "equal": {"lengths": (3, 3), "state": True},
    "one": {"lengths": (3,), "state": True},
    "both-directions": {"lengths": LENGTHS, "bidirectional": True, "state": True},
    "two-layers-both-directions": {"lengths": (4, 2), "bidirectional": True, "num_layers": 2, "bias": False},
    "dropout": {"lengths": LENGTHS, "num_layers": 2, "dropout": 0.5},
    "batch-first": {"lengths": LENGTHS, "batch_first": True},
}
for name, (form, options) in itertools.product(("RNN", "LSTM", "GRU"), FORMS.items()):
    PROGRAMS[f"{name}-{form}"] = layer(name, **options)
PROGRAMS["RNN-relu"] = layer("RNN", LENGTHS, nonlinearity="relu", bidirectional=True)
PROGRAMS["LSTM-projection"] = layer("LSTM", LENGTHS, proj_size=2, bidirectional=True, state=True)


def function(name, gates):
    def program(t):
        h = ramp(t, 1, 2, 4)
        weights = [ramp(t, gates * 4, 3), ramp(t, gates * 4, 4)]
        hx = (h, h) if name == "lstm" else h
        return getattr(t, name)(ramp(t, 5, 3), t.tensor([2, 2, 1]), hx, weights, False, 1, 0.0, False, False)

    return program


for name, gates in (("lstm", 4), ("gru", 3), ("rnn_tanh", 1), ("rnn_relu", 1)):
    PROGRAMS[f"function-{name}"] = function(name, gates)

# --- errors ---
UTILS = {
    "pack-unsorted": "pack_padded_sequence(t.ones(3, 2), [2, 3])",
    "pack-zero": "pack_padded_sequence(t.ones(3, 2), [3, 0])",
    "pack-negative": "pack_padded_sequence(t.ones(3, 2), [3, -1])",
    "pack-count": "pack_padded_sequence(t.ones(3, 2), [3, 2, 1])",
    "pack-no-lengths": "pack_padded_sequence(t.ones(3, 2), [])",
    "pack-matrix": "pack_padded_sequence(t.ones(3, 2), t.tensor([[3, 2]], device='cpu'))",
    "pack-vector": "pack_padded_sequence(t.ones(3), [3])",
    "pack-nothing": "pack_padded_sequence(t.ones(3, 0), [])",
    "pack-no-steps": "pack_padded_sequence(t.ones(0, 2), [1, 1])",
    "pack-sequence-unsorted": "pack_sequence([t.ones(2), t.ones(3)])",
    "pad-packed-total": "pad_packed_sequence(pack_sequence([t.ones(3)]), total_length=2)",
    "pad-side": "pad_sequence([t.ones(2)], padding_side='top')",
    "pad-nothing": "pad_sequence([])",
    "pad-number": "pad_sequence(3)",
    "pad-numbers": "pad_sequence([1, 2])",
    "pad-scalars": "pad_sequence([t.tensor(1.0)])",
    "pad-sizes": "pad_sequence([t.ones(2, 3), t.ones(3, 2)])",
    "unpad-count": "unpad_sequence(t.ones(2, 3), t.tensor([1]), batch_first=True)",
}
for name, text in UTILS.items():
    PROGRAMS[f"error-{name}"] = lambda t, text=text: eval(text, {**vars(t.nn.utils.rnn), "t": t})


def refused(name, x_features=3, state=None, **options):
    def program(t):
        m = getattr(t.nn, name)(3, 4, **options)
        p = t.nn.utils.rnn.pack_sequence([t.ones(3, x_features), t.ones(2, x_features)])
        return m(p, None if state is None else t.zeros(state))

    return program


for name in ("RNN", "GRU"):
    PROGRAMS[f"error-{name}-features"] = refused(name, 4)
    PROGRAMS[f"error-{name}-state"] = refused(name, state=(1, 3, 4))


#: Not every backend has half precision.
ONLY_NUMPY = {"sequence-conversions"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.cpu) if n in ONLY_NUMPY else n for n in PROGRAMS])
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 1e-5, absolute=1e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-7)
    assert not found, "\n".join(found)


# --- truth: element by element ---
@pytest.mark.device
@pytest.mark.parametrize("seed", range(10))
def test_random_packing(seed):
    rng = np.random.default_rng(seed)
    lengths = sorted((int(n) for n in rng.integers(1, 6, int(rng.integers(1, 5)))), reverse=True)
    x = rng.standard_normal((lengths[0], len(lengths), 2))
    sizes = [sum(n > t for n in lengths) for t in range(lengths[0])]
    packed = rnn.pack_padded_sequence(on(x), lengths)
    assert packed.batch_sizes.tolist() == sizes
    assert_close(packed.data, truth.pack(x, sizes), rtol=0)
    back, found = rnn.pad_packed_sequence(packed, padding_value=9.0)
    assert found.tolist() == lengths
    assert_close(back, truth.pad_packed(truth.pack(x, sizes), sizes, lengths[0], 9.0), rtol=0)


def test_there_is_no_page_locked_memory():
    with pytest.raises(NotImplementedError, match=r"PackedSequence\.pin_memory"):
        rnn.pack_sequence([plugrad.ones(2)]).pin_memory()


@pytest.mark.device
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_packed_sequences_are_computed_one_by_one(name):
    """A batch of packed sequences gives what each sequence gives alone, in both directions."""
    m = getattr(plugrad.nn, name)(3, 4, bidirectional=True, num_layers=2, dtype=plugrad.float64)
    parts = [on(np.random.default_rng(n).standard_normal((n, 3))) for n in (2, 5, 1, 3)]
    output, hidden = m(rnn.pack_sequence(parts, enforce_sorted=False))
    hidden = hidden if name == "LSTM" else (hidden,)
    for i, (part, y) in enumerate(zip(parts, rnn.unpack_sequence(output), strict=True)):
        alone, state = m(part)
        assert_close(y, alone, rtol=1e-12, atol=1e-13)
        for h, own in zip(hidden, state if name == "LSTM" else (state,), strict=True):
            assert_close(h[:, i], own, rtol=1e-12, atol=1e-13)


# --- what torch does not look at ---
def test_a_length_beyond_the_input_is_refused():
    with pytest.raises(RuntimeError, match="a length of 4 is beyond the 3 time steps"):
        rnn.pack_padded_sequence(plugrad.ones(3, 2), [4, 2])


@pytest.mark.parametrize("sizes", [[2, 2], [1, 2], [2, 1, 0], []])
def test_batch_sizes_that_do_not_fit_are_refused(sizes):
    """torch reads beyond the data, or not all of it."""
    h = plugrad.zeros(1, 2, 4)
    weights = [plugrad.ones(12, 3), plugrad.ones(12, 4)]
    sizes = plugrad.tensor(sizes, dtype=plugrad.int64, device="cpu")
    with pytest.raises(RuntimeError, match="batch_sizes must be positive, must not grow and must add up to the 3 rows"):
        plugrad.gru(plugrad.ones(3, 3), sizes, h, weights, False, 1, 0.0, False, False)


def test_batch_sizes_belong_on_the_cpu():
    batch_sizes = plugrad.tensor([1, 1])
    if batch_sizes.device.type == "cpu":
        pytest.skip("the default device is the cpu")
    with pytest.raises(ValueError, match="batch_sizes should always be on CPU"):
        rnn.PackedSequence(plugrad.ones(2), batch_sizes)
