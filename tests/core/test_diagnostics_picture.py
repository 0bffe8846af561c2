"""Pictures of a graph, and the ledger of what it keeps."""

import re
import sys
import types

import pytest

import plugrad as torch
from plugrad.autograd import Function
from plugrad.autograd.graph import draw, record_lines, saved_memory

pytestmark = pytest.mark.device
HERE = re.compile(r"\S*test_diagnostics_picture\.py:\d+")


def parameters():
    return {
        "w": torch.ones(2, 3, requires_grad=True),
        "b": torch.ones(3, requires_grad=True),
    }


def loss_of(p):
    hidden = (p["w"] + p["b"]).tanh()
    return (hidden * hidden.exp()).sum()


def rows(text):
    """Each line's cells."""
    return [re.split(r"  +", line) for line in HERE.sub("HERE", text).split("\n")]


# --- pictures ---
def test_text():
    p = parameters()
    assert rows(draw(loss_of(p), params=p)) == [
        ["5", "SumBackward0", "float32 []", "saves 0 B", "from 4"],
        ["4", "MulBackward0", "float32 [2, 3]", "saves 48 B", "from 2, 3"],
        ["3", "ExpBackward0", "float32 [2, 3]", "saves 24 B", "from 2"],
        ["2", "TanhBackward0", "float32 [2, 3]", "saves 24 B", "from 1"],
        ["1", "AddBackward0", "float32 [2, 3]", "saves 0 B", "from w, b"],
        ["w", "leaf", "float32 [2, 3]"],
        ["b", "leaf", "float32 [3]"],
    ]


def test_columns_stand_below_each_other():
    p = parameters()
    lines = draw(loss_of(p), params=p).split("\n")
    assert len({line.index("float32") for line in lines}) == 1
    assert len({line.index("saves") for line in lines[:5]}) == 1


def test_names_of_leaves():
    p = parameters()
    unnamed = rows(draw(loss_of(p)))
    assert [row[0] for row in unnamed[-2:]] == ["leaf 1", "leaf 2"]
    assert draw(loss_of(p), params=p) == draw(loss_of(p), params=list(p.items()))


def test_modules_and_lines():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Sequential(torch.nn.Linear(2, 1)))
    with record_lines():
        out = model(torch.ones(1, 2))
    found = rows(draw(out, params=model))
    assert found[0][-1] == "in 1.0, HERE, in test_modules_and_lines: out = model(torch.ones(1, 2))"
    assert found[1][-1] == "in 0, HERE, in test_modules_and_lines: out = model(torch.ones(1, 2))"
    assert rows(draw(out, params=model, lines=False))[0][-1] == "in 1.0"
    assert [row[0] for row in found[2:]] == ["0.weight", "0.bias", "1.0.weight", "1.0.bias"]


def test_several_outputs():
    x = torch.ones(4, requires_grad=True)
    values, _ = x.sort()
    assert rows(draw(values.sum()))[1][2] == "float32 [4], int64 [4]"


def test_dot():
    w = torch.ones(2, requires_grad=True)
    assert draw((w * w).sum(), "dot", {'a "w"': w}).split("\n") == [
        "digraph {",
        "  node [shape=box, fontname=monospace]",
        '  leaf0 [label="a \\"w\\"\\nfloat32 [2]", style=filled, fillcolor=lightblue]',
        '  n2 [label="SumBackward0\\nfloat32 []"]',
        '  n1 [label="MulBackward0\\nfloat32 [2]\\nsaves 16 B"]',
        "  n1 -> n2",
        "  leaf0 -> n1",
        "  leaf0 -> n1",
        "}",
    ]


def test_mermaid():
    w = torch.ones(2, requires_grad=True)
    assert draw((w * w).sum(), "mermaid", {"<w>": w}).split("\n") == [
        "graph TD",
        '  leaf0(["&lt;w><br/>float32 [2]"])',
        '  n2["SumBackward0<br/>float32 []"]',
        '  n1["MulBackward0<br/>float32 [2]<br/>saves 16 B"]',
        "  n1 --> n2",
        "  leaf0 --> n1",
        "  leaf0 --> n1",
    ]


def test_svg_is_made_by_graphviz(monkeypatch):
    class Source:
        def __init__(self, text):
            self.text = text

        def pipe(self, format):
            return f"<{format}>{self.text}".encode()

    monkeypatch.setitem(sys.modules, "graphviz", types.SimpleNamespace(Source=Source))
    w = torch.ones(2, requires_grad=True)
    loss = (w * w).sum()
    assert draw(loss, "svg") == "<svg>" + draw(loss, "dot")


def test_svg_without_graphviz(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError) as caught:
        draw(torch.ones(1, requires_grad=True).exp(), "svg")
    assert str(caught.value) == (
        'draw: format="svg" needs graphviz; install it with pip install "plugrad[graphviz]", and its program dot from your system'
    )


def test_wrong_arguments():
    with pytest.raises(ValueError, match="draw: format is one of 'text', 'dot', 'mermaid', 'svg', not 'png'"):
        draw(torch.ones(1, requires_grad=True).exp(), "png")
    with pytest.raises(RuntimeError, match="the tensor has no graph: it is a leaf, or does not require grad"):
        draw(torch.ones(1))


def test_a_long_chain_is_no_recursion():
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(3000):
        y = y * 1.0
    assert len(draw(y).split("\n")) == 3001


def test_a_freed_graph_saves_nothing():
    p = parameters()
    loss = loss_of(p)
    loss.backward()
    assert {row[3] for row in rows(draw(loss))[:5]} == {"saves 0 B"}
    assert saved_memory(loss).total == 0


# --- the ledger ---
def test_a_block_is_counted_once():
    x = torch.ones(100, requires_grad=True)
    y = x.exp()
    memory = saved_memory((y * y.sin()).sum())  # y is kept by exp, sin and mul; its sine by mul
    assert memory.total == 800
    assert memory.by_op == {"ExpBackward0": 400, "MulBackward0": 400}
    assert memory.of_leaves == 0


def test_leaves_are_counted_apart():
    x, w = torch.ones(3, 4), torch.ones(4, 5, requires_grad=True)
    memory = saved_memory(((x * 2) @ w.exp()).sum())
    assert memory.total == 3 * 4 * 4 + 4 * 5 * 4
    memory = saved_memory((w * w).sum())
    assert (memory.total, memory.of_leaves) == (0, 80)


def test_by_line():
    x = torch.ones(1000, requires_grad=True)
    with record_lines():
        y = x.exp()
        z = y.tanh().exp()
    memory = saved_memory(z.sum())
    assert {line.text: n for line, n in memory.by_line.items()} == {"y = x.exp()": 4000, "z = y.tanh().exp()": 8000}
    assert next(iter(memory.by_line)).text == "z = y.tanh().exp()"
    assert HERE.sub("HERE", str(memory)).split("\n") == [
        "saved for backward: 11.7 kB in 3 blocks, and 0 B of leaves",
        "  7.8 kB  ExpBackward0",
        "  3.9 kB  TanhBackward0",
        "  7.8 kB  HERE, in test_by_line: z = y.tanh().exp()",
        "  3.9 kB  HERE, in test_by_line: y = x.exp()",
    ]


@pytest.mark.cpu
def test_views_of_one_block():
    x = torch.ones(10, 10, requires_grad=True)
    y = x * 1
    memory = saved_memory(y[2:4].square().sum() + y[3:6].square().sum())
    assert memory.total == 4 * 10 * 4  # rows 2 to 5


def test_what_functions_keep():
    class Keep(Function):
        @staticmethod
        def forward(ctx, x):
            out = x * 1
            ctx.save_for_backward(x, out)
            return out

        @staticmethod
        def backward(ctx, g):
            return g

    x = torch.ones(10, requires_grad=True)
    memory = saved_memory(Keep.apply(x).sum())
    assert (memory.by_op, memory.of_leaves) == ({"KeepBackward": 40}, 40)


def test_no_graph():
    assert saved_memory(torch.ones(3)).total == 0
