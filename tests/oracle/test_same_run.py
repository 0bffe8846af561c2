"""With the same seed the same run: initial values, masks and orders bit for bit, and training that follows torch's loss.

Every program takes the namespace and is run twice, with torch and with plugrad.
"""

import numpy as np
import pytest

import plugrad
from resnet18 import small_resnet

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

SEEDS = [0, 1234]


def numbers(tensor):
    return tensor.detach().cpu().numpy()


def both(program, *arguments):
    """What the program gives in plugrad and in torch, each from its own fresh stream of random numbers."""
    return program(plugrad, *arguments), program(torch, *arguments)


def assert_same_bits(ours, theirs):
    ours, theirs = numbers(ours), numbers(theirs)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    assert ours.tobytes() == theirs.tobytes(), f"{(ours != theirs).sum()} of {ours.size} elements differ"


def assert_follows(ours, theirs, tolerance):
    """Each loss within ``tolerance`` of torch's, relative to it."""
    assert len(ours) == len(theirs)
    differences = np.abs(np.array(ours) - np.array(theirs)) / np.abs(theirs)
    assert differences.max() <= tolerance, f"step {differences.argmax()} is off by {differences.max():.2e}"


# --- initial values ---

LAYERS = {
    "linear": lambda t: t.nn.Linear(7, 5),
    "linear-large": lambda t: t.nn.Linear(300, 200),
    "linear-no-bias": lambda t: t.nn.Linear(3, 4, bias=False),
    "linear-float64": lambda t: t.nn.Linear(7, 5, dtype=t.float64),
    "bilinear": lambda t: t.nn.Bilinear(3, 4, 5),
    "conv1d": lambda t: t.nn.Conv1d(4, 6, 5),
    "conv2d": lambda t: t.nn.Conv2d(3, 8, 3),
    "conv2d-groups": lambda t: t.nn.Conv2d(4, 8, (3, 5), groups=2),
    "conv3d": lambda t: t.nn.Conv3d(2, 3, 3),
    "conv-transpose2d": lambda t: t.nn.ConvTranspose2d(3, 8, 3),
    "embedding-small": lambda t: t.nn.Embedding(5, 3),
    "batch-norm": lambda t: t.nn.BatchNorm2d(4),
    "layer-norm": lambda t: t.nn.LayerNorm(4),
    "prelu": lambda t: t.nn.PReLU(),
    "lstm": lambda t: t.nn.LSTM(3, 4, num_layers=2),
    "gru": lambda t: t.nn.GRU(3, 4, bidirectional=True),
    "lstm-projection": lambda t: t.nn.LSTM(3, 5, 2, bias=False, bidirectional=True, proj_size=2),
    "rnn": lambda t: t.nn.RNN(30, 40, nonlinearity="relu"),
    "rnn-cell": lambda t: t.nn.RNNCell(3, 4),
    "lstm-cell": lambda t: t.nn.LSTMCell(3, 4),
    "gru-cell": lambda t: t.nn.GRUCell(3, 4, bias=False),
    "attention": lambda t: t.nn.MultiheadAttention(8, 2),
    "transformer-layer": lambda t: t.nn.TransformerDecoderLayer(8, 2, 16),
    "small-resnet": small_resnet,
}


def initial_values(t, make, seed):
    t.manual_seed(seed)
    first, second = make(t), make(t)
    return {**first.state_dict(prefix="first."), **second.state_dict(prefix="second."), "next draw": t.rand(3)}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", LAYERS)
def test_initial_values(name, seed):
    ours, theirs = both(initial_values, LAYERS[name], seed)
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        assert_same_bits(ours[key], value)


@pytest.mark.parametrize("seed", SEEDS)
def test_large_embedding(seed):
    """From 16 normal numbers on, torch draws with vector instructions whose logarithm is not the C library's."""
    ours, theirs = both(initial_values, lambda t: t.nn.Embedding(50, 20), seed)
    for key in ("first.weight", "second.weight"):
        np.testing.assert_allclose(numbers(ours[key]), numbers(theirs[key]), rtol=0, atol=1e-6)
    assert_same_bits(ours["next draw"], theirs["next draw"])


INITIALIZERS = {
    "uniform": lambda t, w: t.nn.init.uniform_(w, -2.0, 3.0),
    "xavier-uniform": lambda t, w: t.nn.init.xavier_uniform_(w, gain=1.5),
    "kaiming-uniform": lambda t, w: t.nn.init.kaiming_uniform_(w, nonlinearity="relu"),
    "normal": lambda t, w: t.nn.init.normal_(w, 1.0, 0.1),
    "trunc-normal": lambda t, w: t.nn.init.trunc_normal_(w),
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializer(name):
    def program(t):
        t.manual_seed(3)
        return INITIALIZERS[name](t, t.empty(3, 5))

    ours, theirs = both(program)
    if name == "trunc-normal":
        np.testing.assert_allclose(numbers(ours), numbers(theirs), rtol=0, atol=1e-6)
    else:
        assert_same_bits(ours, theirs)


# --- masks ---


def dropped(t, make, shape, seed):
    """Two outputs of a dropout layer on ones, and the gradient of the second."""
    t.manual_seed(seed)
    layer = make(t)
    first = layer(t.ones(shape))
    x = t.ones(shape, requires_grad=True)
    second = layer(x)
    second.sum().backward()
    return first, second, x.grad, t.rand(2)


DROPOUTS = {
    "half": (lambda t: t.nn.Dropout(), (4, 7)),
    "a-fifth": (lambda t: t.nn.Dropout(0.2), (64, 33)),
    "most": (lambda t: t.nn.Dropout(0.9), (3,)),
    "all": (lambda t: t.nn.Dropout(1.0), (5,)),
    "none": (lambda t: t.nn.Dropout(0.0), (5,)),
    "in-place": (lambda t: t.nn.Sequential(t.nn.Identity(), t.nn.Dropout(0.3)), (10, 10)),
    "channels": (lambda t: t.nn.Dropout2d(0.4), (3, 8, 4, 4)),
    "alpha": (lambda t: t.nn.AlphaDropout(0.3), (6, 5)),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout_mask(name, seed):
    make, shape = DROPOUTS[name]
    for ours, theirs in zip(*both(dropped, make, shape, seed), strict=True):
        assert_same_bits(ours, theirs)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.99, 1.0])
def test_bernoulli(p):
    def program(t):
        t.manual_seed(5)
        return t.empty(1000).bernoulli_(p), t.bernoulli(t.full((37,), p)), t.rand(2)

    for ours, theirs in zip(*both(program), strict=True):
        assert_same_bits(ours, theirs)


# --- orders ---


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", [0, 1, 2, 10, 1000, 40_000])
def test_randperm(n, seed):
    def program(t):
        t.manual_seed(seed)
        return t.randperm(n), t.randperm(n), t.rand(2)

    for ours, theirs in zip(*both(program), strict=True):
        assert_same_bits(ours, theirs)


def test_randperm_with_its_own_generator():
    def program(t):
        generator = t.Generator().manual_seed(7)
        return t.randperm(20, generator=generator)

    assert_same_bits(*both(program))


def loader_order(t):
    """The order of two epochs of a shuffling loader, and what the stream gives after them."""
    t.manual_seed(11)
    data = t.utils.data.TensorDataset(t.arange(23), t.rand(23, 2))
    loader = t.utils.data.DataLoader(data, batch_size=4, shuffle=True)
    order = [[int(i) for i in indices] for _ in range(2) for indices, _ in loader]
    return order, t.rand(2)


def test_loader_shuffles_in_torchs_order():
    (ours, our_draw), (theirs, their_draw) = both(loader_order)
    assert ours == theirs
    assert len(theirs) == 12
    assert_same_bits(our_draw, their_draw)


def test_random_split():
    def program(t):
        t.manual_seed(2)
        return [list(part) for part in t.utils.data.random_split(range(30), [20, 10])]

    ours, theirs = both(program)
    assert ours == theirs


# --- training ---


def train(t, model, x, target, lr, steps=20):
    """SGD with momentum on one batch; the losses before each step."""
    optimizer = t.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
    loss_of = t.nn.CrossEntropyLoss()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def train_mlp(t):
    nn = t.nn
    t.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 32), nn.Tanh(), nn.Dropout(), nn.Linear(32, 5)
    )
    return train(t, model, t.rand(32, 20) - 0.5, t.randint(0, 5, (32,)), lr=0.05)


def train_resnet(t):
    t.manual_seed(0)
    model = small_resnet(t)
    return train(t, model, t.rand(8, 3, 16, 16), t.randint(0, 10, (8,)), lr=0.02)


def test_mlp_with_dropout_follows_torch():
    ours, theirs = both(train_mlp)
    assert_follows(ours, theirs, 1e-5)


def test_small_resnet_follows_torch():
    ours, theirs = both(train_resnet)
    assert_follows(ours, theirs, 1e-3)
    assert theirs[-1] < 0.5 * theirs[0]


def train_lstm(t, packed):
    """30 steps of a classifier of sequences: two layers in both directions, dropout between them, Adam and clipping."""
    nn = t.nn
    t.manual_seed(1)
    embedding, lstm, head = nn.Embedding(7, 2), nn.LSTM(2, 12, 2, dropout=0.3, bidirectional=True), nn.Linear(24, 3)
    parameters = [p for m in (embedding, lstm, head) for p in m.parameters()]
    optimizer = t.optim.Adam(parameters, lr=0.01)
    words, target = t.randint(0, 7, (9, 8)), t.randint(0, 3, (8,))
    lengths = t.tensor([9, 4, 7, 1, 9, 2, 5, 3])
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        x = embedding(words)
        if packed:
            x = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        _, (h, _) = lstm(x)
        loss = nn.functional.cross_entropy(head(t.cat([h[-2], h[-1]], 1)), target)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
def test_lstm_follows_torch(packed):
    ours, theirs = both(train_lstm, packed)
    assert_follows(ours, theirs, 1e-4)
    assert theirs[-1] < 0.7 * theirs[0]


def train_gpt(t):
    """30 steps of a decoder of two layers that predicts the next symbol: causal masks, dropout, AdamW, a warming-up schedule."""
    nn = t.nn
    t.manual_seed(2)
    symbols, width, length = 3, 4, 10  # below 16 normal numbers the initial values are torch's bit for bit
    embedding, place, head = nn.Embedding(symbols, width), nn.Embedding(length, 1), nn.Linear(width, symbols)
    layer = nn.TransformerEncoderLayer(width, 2, 16, 0.1, "gelu", batch_first=True, norm_first=True)
    body = nn.TransformerEncoder(layer, 2, nn.LayerNorm(width), enable_nested_tensor=False)
    parameters = [p for m in (embedding, place, body, head) for p in m.parameters()]
    optimizer = t.optim.AdamW(parameters, lr=0.02)
    schedule = t.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 5))
    text = t.randint(0, symbols, (6, length + 1))
    mask = nn.Transformer.generate_square_subsequent_mask(length)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        x = embedding(text[:, :-1]) + place(t.arange(length))
        scores = head(body(x, mask=mask, is_causal=True))
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), text[:, 1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def test_gpt_follows_torch():
    ours, theirs = both(train_gpt)
    assert_follows(ours, theirs, 1e-4)
    assert theirs[-1] < 0.95 * theirs[0]


def train_cnn(t):
    """30 steps of a small convolutional net with batch norm, pooling and dropout."""
    nn = t.nn
    t.manual_seed(3)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.GELU(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(32, 4),
    )  # fmt: skip
    return train(t, model, t.rand(8, 1, 12, 12), t.randint(0, 4, (8,)), lr=0.05, steps=30)


def test_cnn_follows_torch():
    ours, theirs = both(train_cnn)
    assert_follows(ours, theirs, 1e-4)


def train_with_shuffled_batches(t):
    """Three epochs through a shuffling loader with Adam: every random number of a usual training program."""
    nn = t.nn
    t.manual_seed(42)
    data = t.utils.data.TensorDataset(t.rand(40, 6), t.randint(0, 3, (40,)))
    loader = t.utils.data.DataLoader(data, batch_size=8, shuffle=True)
    model = nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 3))
    optimizer = t.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(3):
        for x, target in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def test_shuffled_training_follows_torch():
    ours, theirs = both(train_with_shuffled_batches)
    assert_follows(ours, theirs, 1e-5)
