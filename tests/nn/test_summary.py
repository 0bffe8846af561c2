"""summary: lines, shapes, counts and bytes of models of all kinds, which it leaves as they were."""

import pytest

import plugrad
from plugrad import nn
from plugrad.nn.utils import summary


class Pair(nn.Module):
    """Puts out what recurrent layers do: a tensor and a tuple of states."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def forward(self, x, scale=None):
        y = self.linear(x)
        y = y if scale is None else y * scale
        return y, (y[:1], None)


class Tree(nn.Module):
    def __init__(self):
        super().__init__()
        self.pair = Pair()
        self.gain = nn.Parameter(plugrad.ones(4))
        self.unused = nn.Dropout(0.5)

    def forward(self, x):
        y, (first, _) = self.pair(x)
        y, _ = self.pair(x, scale=self.gain)
        return {"all": y, "first": [first, 3]}


def line(model, path, *arguments, **keywords):
    (found,) = [layer for layer in summary(model, *arguments, **keywords).layers if layer.path == path]
    return found


def test_shapes_of_tuples_dicts_and_others():
    table = summary(Tree(), (2, 3))
    assert [(layer.path, layer.kind, layer.output, layer.calls) for layer in table.layers] == [
        ("", "Tree", "{all: [2, 4], first: [[1, 4], int]}", 1),
        ("pair", "Pair", "[[2, 4], [[1, 4], --]]", 2),
        ("pair.linear", "Linear", "[2, 4]", 2),
        ("unused", "Dropout", "--", 0),
    ]
    assert "│  ├─Linear (linear): 2-1 ×2" in str(table)
    assert repr(table) == str(table)


def test_counts_and_bytes():
    table = summary(Tree(), (2, 3))
    assert [layer.params for layer in table.layers] == [4, 0, 16, 0]
    assert (table.total_params, table.trainable_params, table.frozen_params) == (20, 20, 0)
    assert (table.param_bytes, table.buffer_bytes, table.input_bytes) == (80, 0, 24)
    assert table.output_bytes == 2 * 2 * 4 * 4  # the linear layer, called twice
    norm = summary(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))
    assert (norm.param_bytes, norm.buffer_bytes) == (60, 2 * 3 * 4 + 8)
    assert (norm.input_bytes, norm.output_bytes, norm.saved_bytes) == (None, None, None)
    assert "Output shape" not in str(norm)
    assert "kept for backward" not in str(norm)


def test_what_is_kept_for_backward():
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2))
    whole = summary(model, (4, 8)).saved_bytes
    assert whole >= 4 * 16 * 4  # what tanh put out
    assert summary(model, (40, 8)).saved_bytes == 10 * whole
    nn.freeze(model)
    assert summary(model, (4, 8)).saved_bytes == 0


def test_frozen_parts_are_shown():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU())
    nn.freeze(model, "0", "1.bias")
    assert [layer.trainable for layer in summary(model).layers] == ["partly", "no", "partly", "--"]
    table = summary(model)
    assert (table.trainable_params, table.frozen_params) == (4, 8)
    assert "Non-trainable params: 8" in str(table)


def test_depth():
    model = nn.Sequential(nn.Sequential(nn.Sequential(nn.Sequential(nn.Linear(2, 2)))))
    assert [layer.depth for layer in summary(model).layers] == [0, 1, 2, 3]
    assert [(layer.depth, layer.params) for layer in summary(model, depth=1).layers] == [(0, 0), (1, 6)]
    assert summary(model, depth=9).layers[-1].kind == "Linear"
    assert [layer.params for layer in summary(model, depth=0).layers] == [6]


def test_modules_and_parameters_that_are_shared_count_once():
    shared = nn.Linear(2, 2)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(2, 2))
    model[3].weight = shared.weight
    table = summary(model, (1, 2))
    assert [layer.params for layer in table.layers] == [0, 6, 0, 0, 2]
    assert [layer.again for layer in table.layers] == [False, False, False, True, False]
    assert table.total_params == 8
    assert "Linear (2): 1-3 (again)" in str(table)
    assert sum(layer.params for layer in table.layers) == table.total_params


def test_inputs_of_all_kinds():
    x = plugrad.ones(2, 3)
    for arguments, keywords in (
        (((2, 3),), {}),
        (([2, 3],), {}),
        (([(2, 3)],), {}),
        ((), {"input_data": x}),
        ((None, x), {}),
        ((None, [x]), {}),
        ((None, {"x": x}), {}),
    ):
        assert line(Pair(), "", *arguments, **keywords).output == "[[2, 4], [[1, 4], --]]"
    assert line(Pair(), "", [(2, 3), (2, 1)]).output == "[[2, 4], [[1, 4], --]]"
    assert line(Pair(), "", None, {"x": x, "scale": plugrad.ones(5, 1, 1)}).output.startswith("[[5, 2, 4]")
    table = summary(nn.Embedding(5, 3), (2, 4), dtypes=[plugrad.int64])
    assert (table.layers[0].output, table.input_bytes) == ("[2, 4, 3]", 64)
    assert line(nn.Linear(3, 2, dtype=plugrad.float64), "", (1, 3)).output == "[1, 2]"
    assert line(nn.ReLU(), "", (7,)).output == "[7]"


def test_inputs_that_are_wrong():
    x = plugrad.ones(2, 3)
    for arguments, keywords, text in (
        (((2, 3), x), {}, "input_size or input_data, not both"),
        (((2, "3"),), {}, "must be a shape or a list of shapes"),
        (([(2, 3), 4],), {}, "must be a shape or a list of shapes"),
        (((2, 3),), {"dtypes": []}, "1 input sizes, but 0 dtypes"),
        ((None, x), {"dtypes": [plugrad.int64]}, "dtypes and device are of the inputs that input_size describes"),
    ):
        with pytest.raises(ValueError, match=text):
            summary(Pair(), *arguments, **keywords)


def test_errors_of_the_model_come_with_the_shapes():
    model = Tree().train()
    with pytest.raises(RuntimeError) as caught:
        summary(model, (2, 5))
    assert caught.value.__notes__[-1] == "in summary(), run on [[2, 5]]"
    assert model.training
    assert not model._forward_hooks


class Noisy(nn.Module):
    def forward(self, x):
        return x + plugrad.rand(x.shape)


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2), Noisy())
    nn.freeze(model, "1")
    model.train()
    model[2].eval()
    modes = [module.training for module in model.modules()]
    before = {name: t.tolist() for name, t in model.state_dict().items()}
    plugrad.manual_seed(3)
    with plugrad.no_grad():
        table = summary(model, (5, 3))
    assert table.saved_bytes > 0  # also where gradients are off
    drawn = plugrad.rand(3).tolist()
    plugrad.manual_seed(3)
    assert plugrad.rand(3).tolist() == drawn
    assert [module.training for module in model.modules()] == modes
    assert {name: t.tolist() for name, t in model.state_dict().items()} == before
    assert all(p.grad is None for p in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("name", ["LSTM", "GRU", "MultiheadAttention", "TransformerEncoderLayer"])
def test_layers_with_many_parts(name):
    if not hasattr(nn, name):
        pytest.skip(f"there is no nn.{name} yet")
    made, data, output = {
        "LSTM": (lambda: nn.LSTM(3, 4), [plugrad.ones(5, 2, 3)], "[[5, 2, 4], [[1, 2, 4], [1, 2, 4]]]"),
        "GRU": (lambda: nn.GRU(3, 4), [plugrad.ones(5, 2, 3)], "[[5, 2, 4], [1, 2, 4]]"),
        "MultiheadAttention": (
            lambda: nn.MultiheadAttention(4, 2),
            [plugrad.ones(5, 2, 4)] * 3,
            "[[5, 2, 4], [2, 5, 5]]",
        ),
        "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(4, 2, 8), [plugrad.ones(5, 2, 4)], "[5, 2, 4]"),
    }[name]
    model = made()
    table = summary(model, None, data)
    assert table.layers[0].output == output
    assert sum(layer.params for layer in table.layers) == sum(p.numel() for p in model.parameters())
