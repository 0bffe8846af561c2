"""Transformers and their layers: program by program as torch, in training with dropout and in evaluation."""

import copy
import itertools
import pickle

import numpy as np
import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome

PROGRAMS = {}
INF = float("inf")


def ramp(t, *shape, modulus=13):
    """Small numbers as a leaf that requires grad."""
    numbers = (t.arange(int(np.prod(shape)), dtype=t.float32) * 5 % modulus - modulus // 2) / 8
    return numbers.reshape(shape).detach().requires_grad_()


def digest(t, x):
    """A tensor's shape, sum and a sum with other weights for each element; the whole would fill the golden file."""
    if x is None:
        return None
    flat = x.detach().reshape(-1).double()
    return list(x.shape), flat.sum().item(), (flat * (t.arange(flat.numel()) * 7 % 19 - 9.0) / 9.0).sum().item()


def joined(t, tensors):
    """A digest of many tensors of one dtype, one behind the other."""
    return digest(t, t.cat([x.detach().reshape(-1) for x in tensors]))


def run(t, m, xs, options):
    """What a module computes of leaves, and the gradients of all leaves and parameters."""
    given = {name: o(t) if callable(o) else o for name, o in options.items()}
    y = m(*xs, **given)
    (y * ramp(t, *y.shape, modulus=7).detach()).sum().backward()
    gradients = joined(t, [p.grad for p in m.parameters()])
    return y.detach(), y.grad_fn.name(), [digest(t, x.grad) for x in xs], gradients, t.rand(1)


def computed(text, *shapes, training=True, **options):
    """A module's initial values for one seed and what it computes; ``text`` is what stands after ``t.nn.``."""

    def program(t):
        t.manual_seed(7)
        m = eval("t.nn." + text, {"t": t}).train(training)
        xs = [ramp(t, *s, modulus=11 + 2 * i) for i, s in enumerate(shapes)]
        state = m.state_dict()
        return len(state), joined(t, state.values()), run(t, m, xs, options)

    return program


def shown(text):
    """The printed form of a module, and the names of its parameters."""

    def program(t):
        m = eval("t.nn." + text, {"t": t})
        return repr(m), list(m.state_dict())

    return program


def causal(n):
    return lambda t: t.nn.Transformer.generate_square_subsequent_mask(n)


def padding(*shape):
    """True at the last place of the last sample."""
    return lambda t: t.arange(int(np.prod(shape))).reshape(shape) == int(np.prod(shape)) - 1


def later(n):
    return lambda t: t.ones(n, n).triu(1).bool()


S, T, N, E = 4, 3, 2, 4
FORMS = {
    "plain": "",
    "gelu": ", activation='gelu'",
    "norm-first": ", norm_first=True",
    "batch-first": ", batch_first=True",
    "no-bias": ", bias=False, norm_first=True, layer_norm_eps=1e-3",
    "tanh": ", activation=t.tanh",
    "module": ", activation=t.nn.Sigmoid()",
}
for (form, text), training in itertools.product(FORMS.items(), (True, False)):
    source, target = ((N, S, E), (N, T, E)) if form == "batch-first" else ((S, N, E), (T, N, E))
    mode = "training" if training else "evaluation"
    one, both = {"training": training}, {"training": training, "tgt_mask": causal(T)}
    PROGRAMS |= {
        f"encoder-layer-{form}-{mode}": computed(f"TransformerEncoderLayer(4, 2, 6, 0.3{text})", source, **one),
        f"decoder-layer-{form}-{mode}": computed(f"TransformerDecoderLayer(4, 2, 6, 0.3{text})", target, source, **one),
        f"encoder-{form}-{mode}": computed(
            f"TransformerEncoder(t.nn.TransformerEncoderLayer(4, 2, 6, 0.3{text}), 2, t.nn.LayerNorm(4))", source, **one
        ),
        f"decoder-{form}-{mode}": computed(
            f"TransformerDecoder(t.nn.TransformerDecoderLayer(4, 2, 6, 0.3{text}), 2)", target, source, **one
        ),
        f"transformer-{form}-{mode}": computed(f"Transformer(4, 2, 1, 2, 6, 0.3{text})", source, target, **both),
    }

ENCODER = "TransformerEncoderLayer(4, 2, 6, 0.3)"
DECODER = "TransformerDecoderLayer(4, 2, 6, 0.3)"
STACK = f"TransformerEncoder(t.nn.{ENCODER}, 2)"
BATCHED = "TransformerEncoder(t.nn.TransformerEncoderLayer(4, 2, 6, 0.3, batch_first=True), 2)"
PROGRAMS |= {
    "encoder-layer-unbatched": computed(ENCODER, (S, E)),
    "encoder-layer-mask": computed(ENCODER, (S, N, E), src_mask=causal(S)),
    "encoder-layer-mask-bools": computed(ENCODER, (S, N, E), src_mask=later(S), src_key_padding_mask=padding(N, S)),
    "encoder-layer-mask-of-heads": computed(ENCODER, (S, N, E), src_mask=lambda t: ramp(t, 2 * N, S, S).detach()),
    "encoder-layer-padding": computed(ENCODER, (S, N, E), src_key_padding_mask=padding(N, S)),
    "encoder-layer-causal": computed(ENCODER, (S, N, E), src_mask=causal(S), is_causal=True),
    "encoder-layer-two-kinds": computed(ENCODER, (S, N, E), src_mask=causal(S), src_key_padding_mask=padding(N, S)),
    "encoder-layer-double": computed("TransformerEncoderLayer(4, 2, 6, 0.0, dtype=t.float64).float()", (S, N, E)),
    "decoder-layer-unbatched": computed(DECODER, (T, E), (S, E)),
    "decoder-layer-masks": computed(
        DECODER, (T, N, E), (S, N, E), tgt_mask=causal(T), memory_mask=lambda t: ramp(t, T, S).detach(), tgt_is_causal=True
    ),
    "decoder-layer-padding": computed(
        DECODER, (T, N, E), (S, N, E), tgt_mask=later(T), tgt_key_padding_mask=padding(N, T),
        memory_key_padding_mask=padding(N, S),
    ),
    "encoder-mask": computed(STACK, (S, N, E), mask=causal(S)),
    "encoder-mask-told": computed(STACK, (S, N, E), mask=causal(S), is_causal=True),
    "encoder-mask-other": computed(STACK, (S, N, E), mask=lambda t: ramp(t, S, S).detach()),
    "encoder-mask-bools": computed(STACK, (S, N, E), mask=later(S), src_key_padding_mask=padding(N, S)),
    "encoder-two-kinds": computed(STACK, (S, N, E), mask=causal(S), src_key_padding_mask=padding(N, S)),
    "encoder-padding": computed(BATCHED, (N, S, E), src_key_padding_mask=padding(N, S)),
    "encoder-padding-evaluation": computed(BATCHED, (N, S, E), src_key_padding_mask=padding(N, S), training=False),
    "decoder-masks": computed(
        f"TransformerDecoder(t.nn.{DECODER}, 2, t.nn.LayerNorm(4))", (T, N, E), (S, N, E), tgt_mask=causal(T),
        memory_key_padding_mask=padding(N, S),
    ),
    "transformer-unbatched": computed("Transformer(4, 2, 1, 1, 6)", (S, E), (T, E)),
    "transformer-masks": computed(
        "Transformer(4, 2, 1, 1, 6, batch_first=True)", (N, S, E), (N, T, E), src_mask=causal(S), tgt_mask=causal(T),
        memory_mask=lambda t: ramp(t, T, S).detach(), src_is_causal=True, tgt_is_causal=True,
    ),
    "transformer-padding": computed(
        "Transformer(4, 2, 1, 1, 6)", (S, N, E), (T, N, E), src_key_padding_mask=padding(N, S),
        tgt_key_padding_mask=padding(N, T), memory_key_padding_mask=padding(N, S),
    ),
    "transformer-own-parts": computed(
        "Transformer(4, 2, custom_encoder=t.nn.TransformerEncoder(t.nn.TransformerEncoderLayer(4, 2, 6), 1, "
        "enable_nested_tensor=False), custom_decoder=t.nn.TransformerDecoder(t.nn.TransformerDecoderLayer(4, 2, 6), 1))",
        (S, N, E), (T, N, E),
    ),
    "shown-encoder-layer": shown("TransformerEncoderLayer(4, 2, 6, activation=t.nn.GELU())"),
    "shown-decoder-layer": shown(DECODER),
    "shown-encoder": shown(BATCHED),
    "shown-transformer": shown("Transformer(4, 2, 1, 1, 6)"),
    "mask": lambda t: (
        t.nn.Transformer.generate_square_subsequent_mask(3),
        t.nn.Transformer.generate_square_subsequent_mask(2, dtype=t.float64),
        t.nn.Transformer(4, 2, 0, 0, 6).generate_square_subsequent_mask(0),
    ),
}  # fmt: skip


def without_gradients(t):
    """torch has a kernel of its own for this."""
    t.manual_seed(7)
    m = eval("t.nn." + BATCHED, {"t": t}).eval()
    with t.no_grad():
        return m(ramp(t, N, S, E)), m(ramp(t, N, S, E), mask=causal(S)(t))


def told(t):
    """What the layers are told of a mask."""

    class Layer(t.nn.TransformerEncoderLayer):
        def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
            heard.append((is_causal, src_mask is None))
            return src

    heard = []
    m = t.nn.TransformerEncoder(Layer(4, 2, 6), 1)
    x = t.ones(S, N, E)
    for mask in (None, causal(S)(t), later(S)(t), t.zeros(S, S), causal(S + 1)(t)):
        for is_causal in (None, True, False):
            m(x, mask, is_causal=is_causal)
    return heard


def copied_activation(t):
    """A copy of a decoder layer forgets an activation that is a module, until it gets another one."""
    t.manual_seed(7)
    m = t.nn.TransformerDecoderLayer(4, 2, 6, 0.0, t.nn.Sigmoid())
    x = ramp(t, T, N, E).detach()
    twin = pickle.loads(pickle.dumps(m))
    found = [layer(x, x).detach() for layer in (m, copy.deepcopy(m), twin)]
    twin.activation = t.nn.Tanh()
    return [*found, twin(x, x).detach()]


PROGRAMS |= {"without-gradients": without_gradients, "copied-activation": copied_activation, "told": told}

WARNINGS = {
    "norm-first": "4, 2, batch_first=True, norm_first=True",
    "batch-first": "4, 2",
    "bias": "4, 2, batch_first=True, bias=False",
    "activation": "4, 2, batch_first=True, activation=t.tanh",
    "heads": "3, 1, batch_first=True",
    "none": "4, 2, batch_first=True",
}


def nested(layer, **options):
    def program(t):
        made = eval("t.nn.TransformerEncoderLayer(" + layer + ")", {"t": t}) if layer else t.nn.Identity()
        m = t.nn.TransformerEncoder(made, 1, **options)
        return m.use_nested_tensor, m.enable_nested_tensor, m.mask_check, m.num_layers

    return program


PROGRAMS |= {f"nested-{name}": nested(layer) for name, layer in WARNINGS.items()}
PROGRAMS |= {
    "nested-other": nested(None),
    "nested-off": nested("4, 2", enable_nested_tensor=False, mask_check=False),
    "error-activation": lambda t: t.nn.TransformerEncoderLayer(4, 2, activation="elu"),
    "error-activation-decoder": lambda t: t.nn.TransformerDecoderLayer(4, 2, activation="elu"),
    "error-heads": lambda t: t.nn.TransformerEncoderLayer(4, 3),
    "error-batch": computed("Transformer(4, 2, 1, 1, 6)", (S, N, E), (T, 3, E)),
    "error-batch-first": computed("Transformer(4, 2, 1, 1, 6, batch_first=True)", (N, S, E), (3, T, E)),
    "error-width": computed("Transformer(4, 2, 1, 1, 6)", (S, N, E), (T, N, 3)),
    "error-mask": computed(ENCODER, (S, N, E), src_mask=lambda t: t.zeros(S, S, dtype=t.int64)),
    "error-mask-shape": computed(ENCODER, (S, N, E), src_mask=causal(S + 1)),
    "error-causal": computed(ENCODER, (S, N, E), is_causal=True),
    "error-padding": computed(STACK, (S, N, E), src_key_padding_mask=padding(N, S + 1)),
}


#: Devices do not look at masks: that would wait for them.
ONLY_NUMPY = {"told"}

#: With batch_first the result of an attention is a transposed view, and dropout draws in the order of the memory.
OF_MEMORY_ORDER = {n for n in PROGRAMS if n.endswith("batch-first-training")} | {"encoder-padding", "transformer-masks"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.cpu) if n in ONLY_NUMPY else n for n in PROGRAMS])
def test_same_as_torch(name):
    if name in OF_MEMORY_ORDER and plugrad.ones(2, 3).t().is_contiguous():
        pytest.skip("a library without strides has no order of its own")
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 2e-5, absolute=4e-5)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 2e-5, absolute=4e-5)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:.*nested tensors:UserWarning")
def test_padded_rows_are_all_that_differs_from_nested_tensors():
    torch = pytest.importorskip("torch")
    found = []
    for t in (torch, plugrad):
        t.manual_seed(7)
        m = eval("t.nn." + BATCHED, {"t": t}).eval()
        with t.no_grad():
            found.append(np.array(m(ramp(t, N, S, E), src_key_padding_mask=padding(N, S)(t)).tolist()))
    theirs, ours = found
    assert not theirs[-1, -1].any()
    assert ours[-1, -1].any()
    theirs[-1, -1] = ours[-1, -1]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_transformer_takes_the_state_of_another():
    m, other = (plugrad.nn.Transformer(4, 2, 1, 1, 6, batch_first=True).eval() for _ in range(2))
    src, tgt = ramp(plugrad, N, S, E), ramp(plugrad, N, T, E)
    assert not plugrad.equal(m(src, tgt), other(src, tgt))
    other.load_state_dict(m.state_dict())
    assert plugrad.equal(m(src, tgt), other(src, tgt))
