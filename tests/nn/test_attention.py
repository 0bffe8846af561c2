"""Scaled dot-product attention, multi-head attention and its layer: program by program as torch."""

import itertools

import numpy as np
import pytest

import plugrad
from plugrad.autograd import forward_ad, gradcheck, gradgradcheck
from plugrad.backends.attention import Attention
from plugrad_outcome import differences, golden, outcome
from plugrad_testing import assert_close, on

F = plugrad.nn.functional
PROGRAMS = {}
INF = float("inf")


def ramp(t, *shape, modulus=13):
    """Small numbers as a leaf that requires grad."""
    count = int(np.prod(shape))
    numbers = (t.arange(count, dtype=t.float32) * 5 % modulus - modulus // 2) / 8
    return numbers.reshape(shape).detach().requires_grad_()


def digest(t, x):
    """A tensor's shape, dtype, sum and a sum with other weights for each element; the whole would fill the golden file."""
    if x is None:
        return None
    flat = x.detach().reshape(-1).double()
    return (
        list(x.shape),
        str(x.dtype),
        flat.sum().item(),
        (flat * (t.arange(flat.numel()) * 7 % 19 - 9.0) / 9.0).sum().item(),
    )


def with_gradients(t, y, *leaves):
    (y * ramp(t, *y.shape, modulus=7).detach()).sum().backward()
    return y.detach(), y.grad_fn.name(), [digest(t, leaf.grad) for leaf in leaves]


# --- scaled_dot_product_attention ---
def attended(query, key, value=None, mask=None, **options):
    """The attention of leaves of these shapes; ``mask`` is a function of torch."""

    def program(t):
        t.manual_seed(2)
        q, k, v = (ramp(t, *s, modulus=m) for s, m in ((query, 13), (key, 11), (value or key, 17)))
        made = None if mask is None else mask(t)
        leaves = [q, k, v] + ([made] if made is not None and made.requires_grad else [])
        y = t.nn.functional.scaled_dot_product_attention(q, k, v, made, **options)
        return with_gradients(t, y, *leaves), t.rand(1)

    return program


def bools(*shape):
    """A mask that leaves nothing of its second row."""

    def mask(t):
        made = (t.arange(int(np.prod(shape))) % 3 != 1).reshape(shape)
        made[..., 1, :] = False
        return made

    return mask


SHAPES = {
    "2d": ((3, 4), (5, 4)),
    "2d-depth": ((3, 4), (5, 4), (5, 6)),
    "3d": ((2, 3, 4), (2, 5, 4)),
    "4d": ((2, 2, 3, 4), (2, 2, 5, 4)),
    "4d-depth": ((2, 2, 3, 4), (2, 2, 5, 4), (2, 2, 5, 3)),
    "4d-one-head": ((2, 2, 3, 4), (2, 1, 5, 4)),
    "5d": ((2, 1, 2, 3, 4), (2, 1, 2, 5, 4)),
    "mixed": ((2, 2, 3, 4), (2, 5, 4)),
}
MODES = {
    "plain": {},
    "causal": {"is_causal": True},
    "scale": {"scale": -0.5},
    "bools": {"mask": bools(3, 5)},
    "numbers": {"mask": lambda t: ramp(t, 3, 5, modulus=7)},
    "numbers-alone": {"mask": lambda t: ramp(t, 3, 5, modulus=7).detach()},
    "dropout": {"dropout_p": 0.4},
    "dropout-bools": {"dropout_p": 0.4, "mask": bools(3, 5)},
    "dropout-numbers": {"dropout_p": 0.25, "mask": lambda t: ramp(t, 3, 5, modulus=7)},
    "dropout-causal": {"dropout_p": 0.4, "is_causal": True, "scale": 0.3},
    "dropout-all": {"dropout_p": 1.0},
}
for (shape, shapes), (mode, options) in itertools.product(SHAPES.items(), MODES.items()):
    if shape in ("2d", "4d") or mode in ("plain", "bools", "dropout"):
        PROGRAMS[f"attention-{shape}-{mode}"] = attended(*shapes, **options)
PROGRAMS |= {
    "attention-mask-4d": attended((2, 2, 3, 4), (2, 2, 5, 4), mask=bools(2, 1, 3, 5)),
    "attention-mask-3d": attended((2, 2, 3, 4), (2, 2, 5, 4), mask=bools(2, 3, 5)),
    "attention-mask-columns": attended((2, 3, 4), (2, 5, 4), mask=lambda t: t.arange(5) < 3),
    "attention-heads": attended((2, 4, 3, 4), (2, 2, 5, 4), enable_gqa=True),
    "attention-heads-3d": attended((4, 3, 4), (2, 5, 4), enable_gqa=True, is_causal=True),
    "attention-heads-same": attended((2, 2, 3, 4), (2, 2, 5, 4), enable_gqa=True),
    "attention-heads-dropout": attended((2, 4, 3, 4), (2, 2, 5, 4), enable_gqa=True, dropout_p=0.5),
    "attention-no-width": attended((3, 0), (5, 0), (5, 2)),
}


def without_gradient(**sizes):
    def program(t):
        shapes = {"query": (3, 4), "key": (5, 4), "value": (5, 4)} | sizes
        return t.nn.functional.scaled_dot_product_attention(*(ramp(t, *s).detach() for s in shapes.values()))

    return program


PROGRAMS["attention-no-columns"] = without_gradient(key=(0, 4), value=(0, 4))
PROGRAMS["attention-no-rows"] = without_gradient(query=(0, 4))


def half(t):
    q, k, v = (ramp(t, 1, 2, 3, 4, modulus=m).detach().half() for m in (13, 11, 17))
    return t.nn.functional.scaled_dot_product_attention(q, k, v).float(), k.dtype


PROGRAMS["attention-half"] = half


def refused(query=(3, 4), key=(5, 4), value=None, mask=None, dtype="float32", **options):
    def program(t):
        q, k, v = (t.ones(*s, dtype=getattr(t, dtype)) for s in (query, key, value or key))
        return t.nn.functional.scaled_dot_product_attention(q, k, v, mask(t) if mask else None, **options)

    return program


ERRORS = {
    "inner": refused((3, 4), (5, 3)),
    "inner-4d": refused((2, 2, 3, 4), (2, 2, 5, 3)),
    "columns": refused((3, 4), (5, 4), (6, 4)),
    "batch": refused((2, 2, 3, 4), (3, 2, 5, 4)),
    "heads": refused((2, 4, 3, 4), (2, 2, 5, 4)),
    "heads-divide": refused((2, 4, 3, 4), (2, 3, 5, 4), enable_gqa=True),
    "heads-missing": refused(enable_gqa=True),
    "1d": refused((4,), (5, 4)),
    "int": refused(dtype="int64"),
    "bool": refused(dtype="bool"),
    "complex": refused(dtype="complex64"),
    "mask-dtype": refused(mask=lambda t: t.zeros(3, 5, dtype=t.float64)),
    "mask-int": refused(mask=lambda t: t.zeros(3, 5, dtype=t.int64)),
    "mask-shape": refused(mask=lambda t: t.zeros(2, 5)),
    "mask-larger": refused(mask=lambda t: t.zeros(2, 3, 5)),
    "mask-and-causal": refused(mask=lambda t: t.zeros(3, 5), is_causal=True),
    "dropout": refused(dropout_p=1.5),
    "dropout-mask-shape": refused(mask=lambda t: t.zeros(2, 5), dropout_p=0.5),
    "dtypes": lambda t: t.nn.functional.scaled_dot_product_attention(t.ones(3, 4), t.ones(5, 4), t.ones(5, 4).double()),
    "no-tensor": lambda t: t.nn.functional.scaled_dot_product_attention([1.0], t.ones(5, 4), t.ones(5, 4)),
    "no-key": lambda t: t.nn.functional.scaled_dot_product_attention(t.ones(5, 4), None, t.ones(5, 4)),
    "no-mask": lambda t: t.nn.functional.scaled_dot_product_attention(t.ones(5, 4), t.ones(5, 4), t.ones(5, 4), 3.0),
    "scale-by-position": lambda t: t.nn.functional.scaled_dot_product_attention(
        *[t.ones(5, 4)] * 3, None, 0.0, False, 1.0
    ),
}
PROGRAMS |= {f"attention-error-{name}": program for name, program in ERRORS.items()}


# --- multi_head_attention_forward ---
E, H = 4, 2


def zeros(*shape, dtype="bool"):
    return lambda t: t.zeros(*shape, dtype=getattr(t, dtype))


def numbers(*shape):
    return lambda t: ramp(t, *shape)


def causal(n):
    return lambda t: t.triu(t.full((n, n), -INF), 1)


def projected(query=(3, 2, E), key=(5, 2, E), value=None, **options):
    """The function on leaves of these shapes; an option that is a function is called with torch."""

    def program(t):
        t.manual_seed(4)
        given = {
            "embed_dim_to_check": E, "num_heads": H, "in_proj_weight": numbers(3 * E, E), "in_proj_bias": numbers(3 * E),
            "bias_k": None, "bias_v": None, "add_zero_attn": False, "dropout_p": 0.0, "out_proj_weight": numbers(E, E),
            "out_proj_bias": numbers(E),
        }  # fmt: skip
        given = {name: o(t) if callable(o) else o for name, o in (given | options).items()}
        q = ramp(t, *query)
        k = q if key is None else ramp(t, *key, modulus=11)
        v = k if value is None else ramp(t, *value, modulus=17)
        out, weights = t.nn.functional.multi_head_attention_forward(q, k, v, **given)
        leaves = [q, *([] if k is q else [k]), *([] if v is k else [v])]
        leaves += [o for o in given.values() if hasattr(o, "requires_grad") and o.requires_grad]
        total = (out * ramp(t, *out.shape, modulus=7).detach()).sum()
        if weights is not None:
            total = total + (weights * ramp(t, *weights.shape, modulus=5).detach()).sum()
        total.backward()
        shown = None if weights is None else (digest(t, weights), weights.grad_fn.name())
        return out.detach(), out.grad_fn.name(), shown, [digest(t, leaf.grad) for leaf in leaves], t.rand(1)

    return program


APART = {"use_separate_proj_weight": True} | {f"{n}_proj_weight": numbers(E, E) for n in "qkv"}
WIDE = APART | {"k_proj_weight": numbers(E, 3), "v_proj_weight": numbers(E, 6)}
BIASES = {"bias_k": numbers(1, 1, E), "bias_v": numbers(1, 1, E)}
STATIC = {"static_k": numbers(2 * H, 6, 2), "static_v": numbers(2 * H, 6, 2)}
MASKS = {"attn_mask": zeros(3, 5), "key_padding_mask": lambda t: t.arange(10).reshape(2, 5) % 5 == 4}
CALLS = {
    "plain": {},
    "self": {"key": None},
    "unbatched": {"query": (3, E), "key": (5, E)},
    "unbatched-self": {"query": (3, E), "key": None},
    "three": {"value": (5, 2, E)},
    "masks": MASKS,
    "mask-3d": {"attn_mask": numbers(2 * H, 3, 5)},
    "mask-numbers": {"attn_mask": numbers(3, 5)},
    "mask-unbatched": {
        "query": (3, E), "key": (5, E), "attn_mask": numbers(H, 3, 5), "key_padding_mask": lambda t: t.arange(5) > 3,
    },
    "masks-of-two-kinds": MASKS | {"attn_mask": numbers(3, 5)},
    "causal": {"key": None, "attn_mask": causal(3), "is_causal": True},
    "causal-padding": {
        "key": None, "attn_mask": causal(3), "is_causal": True, "key_padding_mask": lambda t: t.arange(6).reshape(2, 3) == 5,
    },
    "no-biases": {"in_proj_bias": None, "out_proj_bias": None},
    "three-without-bias": {"value": (5, 2, E), "in_proj_bias": None},
    "apart": APART,
    "apart-widths": WIDE | {"key": (5, 2, 3), "value": (5, 2, 6)},
    "apart-without-bias": APART | {"in_proj_bias": None},
    "more-keys": BIASES | MASKS,
    "zeros": {"add_zero_attn": True} | MASKS,
    "more-keys-and-zeros": BIASES | {"add_zero_attn": True} | MASKS,
    "static": STATIC,
    "dropout": {"dropout_p": 0.5},
    "dropout-masks": MASKS | {"dropout_p": 0.5},
    "evaluation": {"dropout_p": 0.5, "training": False},
    "narrow": {"out_proj_weight": numbers(3, E), "out_proj_bias": numbers(3)},
}  # fmt: skip
for name, options in CALLS.items():
    PROGRAMS[f"heads-{name}"] = projected(**options)
    PROGRAMS[f"heads-{name}-no-weights"] = projected(**options, need_weights=False)
    PROGRAMS[f"heads-{name}-each"] = projected(**options, average_attn_weights=False)

REFUSED = {
    "rank": {"query": (3, 2, 1, E)},
    "key-rank": {"key": (5, E)},
    "unbatched-key-rank": {"query": (3, E)},
    "padding-rank": {"key_padding_mask": zeros(5)},
    "unbatched-padding-rank": {"query": (3, E), "key": (5, E), "key_padding_mask": zeros(1, 5)},
    "mask-rank": {"attn_mask": zeros(1, 1, 3, 5)},
    "unbatched-mask-rank": {"query": (3, E), "key": (5, E), "attn_mask": zeros(5)},
    "unbatched-mask": {"query": (3, E), "key": (5, E), "attn_mask": zeros(3, 3, 5)},
    "padding-batch": {"key_padding_mask": zeros(3, 5)},
    "padding-length": {"key_padding_mask": zeros(2, 4)},
    "mask-2d": {"attn_mask": zeros(3, 4)},
    "mask-3d": {"attn_mask": zeros(3, 3, 5)},
    "mask-int": {"attn_mask": zeros(3, 5, dtype="int64")},
    "padding-int": {"key_padding_mask": zeros(2, 5, dtype="int64")},
    "causal": {"is_causal": True},
    "width": {"embed_dim_to_check": 6},
    "heads": {"num_heads": 3},
    "value": {"value": (4, 2, E)},
    "value-apart": APART | {"value": (4, 2, E)},
    "no-weight": {"in_proj_weight": None},
    **{f"no-weight-{n}": APART | {f"{n}_proj_weight": None} for n in "qkv"},
    **{f"weight-{n}": APART | {f"{n}_proj_weight": numbers(E, 3)} for n in "qkv"},
    "bias-apart": APART | {"in_proj_bias": numbers(9)},
    "bias-k": {"bias_k": numbers(1, 1, E)},
    "bias-v": {"bias_v": numbers(1, 1, E)},
    "bias-static-k": BIASES | {"static_k": numbers(4, 6, 2)},
    "bias-static-v": BIASES | {"static_v": numbers(4, 6, 2)},
    "static-k-heads": {"static_k": numbers(3, 6, 2)},
    "static-k-width": {"static_k": numbers(4, 6, 3)},
    "static-v-heads": {"static_v": numbers(3, 6, 2)},
    "static-v-width": {"static_v": numbers(4, 6, 3)},
    "weight": {"in_proj_weight": numbers(12, 5)},
    "weight-rows": {"in_proj_weight": numbers(11, 4)},
    "weight-rows-self": {"key": None, "in_proj_weight": numbers(11, 4), "in_proj_bias": numbers(11)},
    "batches": {"key": (5, 3, E)},
    "out": {"out_proj_weight": numbers(3, 3), "out_proj_bias": numbers(3)},
    "dropout": {"dropout_p": 2.0},
    "dropout-no-weights": {"dropout_p": 2.0, "need_weights": False},
}
PROGRAMS |= {f"heads-error-{name}": projected(**options) for name, options in REFUSED.items()}


# --- the layer ---
def layer(text, *shapes, training=True, **options):
    """A layer's printed form, its initial values for one seed, what it computes, and the gradients."""

    def program(t):
        t.manual_seed(5)
        m = eval("t.nn.MultiheadAttention" + text, {"t": t}).train(training)
        given = {name: o(t) if callable(o) else o for name, o in options.items()}
        xs = [ramp(t, *s, modulus=11 + 2 * i) for i, s in enumerate(shapes)]
        query, key, value = xs if len(xs) == 3 else xs * 3
        out, weights = m(query, key, value, **given)
        total = (out * ramp(t, *out.shape, modulus=7).detach()).sum()
        total.backward()
        gradients = [(n, digest(t, p.grad)) for n, p in m.named_parameters()]
        found = out.detach(), out.grad_fn.name(), digest(t, weights)
        state = [(n, digest(t, p)) for n, p in m.state_dict().items()]
        return repr(m), state, found, [digest(t, x.grad) for x in xs], gradients, t.rand(2)

    return program


LAYERS = {
    "self": ("(4, 2)", (3, 2, 4)),
    "self-batch-first": ("(4, 2, batch_first=True)", (2, 3, 4)),
    "unbatched": ("(4, 2, batch_first=True)", (3, 4)),
    "other": ("(4, 1)", (3, 2, 4), (5, 2, 4), (5, 2, 4)),
    "other-batch-first": ("(4, 2, batch_first=True)", (2, 3, 4), (2, 5, 4), (2, 5, 4)),
    "dropout": ("(4, 2, 0.5)", (3, 2, 4)),
    "no-bias": ("(4, 2, bias=False)", (3, 2, 4)),
    "more-keys": ("(4, 2, add_bias_kv=True, add_zero_attn=True)", (3, 2, 4)),
    "widths": ("(4, 2, kdim=3, vdim=5)", (3, 2, 4), (5, 2, 3), (5, 2, 5)),
    "width-of-values": ("(4, 2, vdim=5, bias=False, add_bias_kv=True)", (3, 2, 4), (5, 2, 4), (5, 2, 5)),
    "double": ("(4, 2, dtype=t.float64)", (3, 2, 4)),
}
for name, (text, *shapes) in LAYERS.items():
    if name != "double":
        PROGRAMS[f"layer-{name}"] = layer(text, *shapes)
        PROGRAMS[f"layer-{name}-no-weights"] = layer(text, *shapes, need_weights=False)
        PROGRAMS[f"layer-{name}-evaluation"] = layer(text, *shapes, training=False)
PROGRAMS |= {
    "layer-masks": layer(
        "(4, 2, 0.3, batch_first=True)", (2, 3, 4), attn_mask=lambda t: t.ones(3, 3).triu(1).bool(), need_weights=False,
        key_padding_mask=lambda t: t.arange(6).reshape(2, 3) == 5,
    ),
    "layer-mask-of-heads": layer("(4, 2)", (3, 2, 4), attn_mask=numbers(4, 3, 3), average_attn_weights=False),
    "layer-causal": layer("(4, 2)", (3, 2, 4), attn_mask=causal(3), is_causal=True, need_weights=False),
    "layer-masks-of-two-kinds": layer("(4, 2)", (3, 2, 4), attn_mask=causal(3), key_padding_mask=zeros(2, 3)),
    "layer-double": lambda t: (t.manual_seed(1), t.nn.MultiheadAttention(4, 2, dtype=t.float64).in_proj_weight.detach())[1],
    "layer-merged-masks": lambda t: [
        t.nn.MultiheadAttention(4, 2).merge_masks(a, p, t.zeros(2, 3, 4))
        for a, p in itertools.product((None, t.ones(3, 3), t.ones(4, 3, 3)), (None, t.ones(2, 3)))
    ],
    "layer-error-width": lambda t: t.nn.MultiheadAttention(0, 2),
    "layer-error-heads": lambda t: t.nn.MultiheadAttention(4, 0),
    "layer-error-divide": lambda t: t.nn.MultiheadAttention(4, 3),
    "layer-error-causal": layer("(4, 2)", (3, 2, 4), is_causal=True),
    "layer-error-mask": layer("(4, 2)", (3, 2, 4), attn_mask=zeros(3, 3, dtype="int64")),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.cpu) if n.endswith("half") else n for n in PROGRAMS]
)
def test_same_as_torch(name):
    rel = 4e-3 if name == "attention-half" else 1e-5
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], rel, absolute=5e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-5, absolute=5e-6)
    assert not found, "\n".join(found)


# --- derivatives, the composition ---
def drawn(*shape, seed=0):
    return on(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


@pytest.mark.device
@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"dropout_p": 0.5}], ids=str)
def test_derivatives_of_order_1_and_2(options):
    q, k, v = drawn(2, 3, 2), drawn(2, 4, 2, seed=1), drawn(2, 4, 3, seed=2)

    def attention(q, k, v):
        plugrad.manual_seed(0)
        return F.scaled_dot_product_attention(q, k, v, **options)

    assert gradcheck(attention, (q, k, v), check_forward_ad=True)
    assert gradgradcheck(attention, (q, k, v))


@pytest.mark.device
def test_the_mask_of_numbers_has_a_gradient():
    q, k, v, mask = drawn(3, 2), drawn(4, 2, seed=1), drawn(4, 3, seed=2), drawn(3, 4, seed=3)
    assert gradcheck(F.scaled_dot_product_attention, (q, k, v, mask), check_forward_ad=True)
    assert gradgradcheck(F.scaled_dot_product_attention, (q, k, v, mask))


def test_a_row_without_columns_gives_zeros_and_no_nan_in_any_derivative():
    mask = plugrad.tensor([[True, True], [False, False]])
    q, k, v = drawn(2, 3), drawn(2, 3, seed=1), drawn(2, 3, seed=2)
    y = F.scaled_dot_product_attention(q, k, v, mask)
    assert y[1].tolist() == [0.0, 0.0, 0.0]
    gradients = plugrad.autograd.grad((y * y).sum(), (q, k, v), create_graph=True)
    second = plugrad.autograd.grad(sum((g * g).sum() for g in gradients), (q, k, v))
    assert all(bool(g.isfinite().all()) for g in (*gradients, *second))
    with forward_ad.dual_level():
        dual = F.scaled_dot_product_attention(forward_ad.make_dual(q.detach(), k.detach()), k, v, mask)
        assert bool(forward_ad.unpack_dual(dual).tangent.isfinite().all())


@pytest.mark.cpu
@pytest.mark.parametrize("shape", [(2, 3), (300, 400)], ids=str)
def test_numpy_is_as_the_composition(shape):
    rows, columns = shape
    rng = np.random.default_rng(0)
    xp = plugrad.ones(1)._xp
    q, k, v = (
        rng.standard_normal((2, rows, 4)),
        rng.standard_normal((2, columns, 4)),
        rng.standard_normal((2, columns, 3)),
    )
    keep = rng.random((rows, columns)) < 0.7
    keep[0] = False
    g = rng.standard_normal((2, rows, 3))
    for mask, causal in ((None, False), (None, True), (keep, False), (np.where(keep, 0.5, -INF), False)):
        mine, base = (f(q, k, v, mask, 0.3, causal) for f in (xp.attention, lambda *a: Attention.attention(xp, *a)))
        for a, b in zip(mine, base, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
        for needs in itertools.product((True, False), repeat=4):
            rest = (g, q, k, v, mask, *base, 0.3, causal, needs)
            for a, b in zip(xp.attention_grad(*rest), Attention.attention_grad(xp, *rest), strict=True):
                assert (a is None) == (b is None)
                if a is not None:
                    np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.device
def test_self_attention_projects_once():
    """The same tensor thrice gives what three equal ones give."""
    plugrad.manual_seed(0)
    m = plugrad.nn.MultiheadAttention(4, 2, dtype=plugrad.float64)
    x = np.random.default_rng(0).standard_normal((3, 2, 4))
    one = on(x)
    m = m.to(one.device)
    for query, key, value in ((one, on(x), on(x)), (one, one, on(x)), (on(x), one, one)):
        assert_close(m(query, key, value)[0].detach(), m(one, one, one)[0].detach(), rtol=1e-12, atol=1e-13)
