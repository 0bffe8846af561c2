"""Recurrent layers over several layers and directions, and single steps."""

from ...core import dtypes
from ...core.errors import scalar_name
from ...core.ops import recurrent as rows
from ...core.ops.join import cat, stack, unbind
from ...core.tensor import Tensor
from .dropout import dropout as drop

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "rnn_relu", "rnn_relu_cell", "rnn_tanh", "rnn_tanh_cell"]


# --- what a kind of layer is: its rows and the number of its gates ---
class Kind:
    """A kind of recurrent layer.

    Attributes:
        name: torch's name of the function.
        gates: rows of a weight per hidden feature.
        states: how many states go from step to step.
    """

    def __init__(self, name, gates, states, run):
        self.name = name
        self.gates = gates
        self.states = states
        self.run = run


def _run_lstm(x, states, weights, sizes, reverse):
    if sizes is not None:
        row = rows.lstm_packed
    else:
        row = rows.lstm_layer if x.dtype is dtypes.float32 and weights[4] is None else rows.lstm_stack
    return row(x, *states, *weights, sizes, reverse)[:3]


def _run_gru(x, states, weights, sizes, reverse):
    row = rows.gru_stack if sizes is None else rows.gru_packed
    return row(x, *states, *weights[:4], sizes, reverse)[:2]


def _run_rnn(relu):
    def run(x, states, weights, sizes, reverse):
        row = rows.rnn_stack if sizes is None else rows.rnn_packed
        return row(x, *states, *weights[:4], relu, sizes, reverse)[:2]

    return run


LSTM = Kind("lstm", 4, 2, _run_lstm)
GRU = Kind("gru", 3, 1, _run_gru)
RNN_TANH = Kind("rnn_tanh", 1, 1, _run_rnn(False))
RNN_RELU = Kind("rnn_relu", 1, 1, _run_rnn(True))


# --- all layers and directions ---
def run_layers(kind, input, sizes, states, params, has_biases, num_layers, dropout, train, bidirectional):
    """The output and the last states, each (layers · directions, N, ·).

    Args:
        input: (T, N, D), or (rows, D) with ``sizes``, the numbers of rows of the time steps.
        states: the first states, (layers · directions, N, ·) each.
        params: the weights, layer by layer and in each forwards before backwards.
    """
    if sizes is None and not input.shape[0]:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    projects = kind.states == 2 and states[0].shape[-1] != states[1].shape[-1]
    weights = _by_layer(params, has_biases, projects)
    directions = 2 if bidirectional else 1
    _check_counts(states, weights, num_layers, directions)
    firsts, lasts = list(zip(*map(unbind, states), strict=True)), []
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            place = layer * directions + direction
            first, own = firsts[place], weights[place]
            check_fit(kind, input, sizes, first, own)
            made = kind.run(input, first, own, sizes, direction == 1)
            outputs.append(made[0])
            lasts.append(made[1:])
        input = outputs[0] if directions == 1 else cat(outputs, -1)
        if dropout and train and layer < num_layers - 1:
            input = drop(input, dropout, True)
    return input, *(stack(last) for last in zip(*lasts, strict=True))


def _by_layer(params, has_biases, projects):
    """Per layer and direction (w_ih, w_hh, b_ih, b_hh, w_hr), None for those that are not there."""
    each = 2 + 2 * bool(has_biases) + projects
    if len(params) % each:
        raise RuntimeError("got an incorrect number of RNN parameters")
    found = []
    for i in range(0, len(params), each):
        own = list(params[i : i + each])
        last = own.pop() if projects else None
        found.append((*own, *([] if has_biases else [None, None]), last))
    return found


def _check_counts(states, weights, num_layers, directions):
    for given, what in ((states[0], "hidden states"), (weights, "weights")):
        if directions == 2 and len(given) % 2:
            raise RuntimeError("Odd number of params or hiddens given to a bidirectional RNN")
        if len(given) != num_layers * directions:
            raise RuntimeError(f"Expected more {what} in stacked_rnn")


def check_fit(kind, x, sizes, states, weights):
    """Raise torch's error for a layer whose sizes or dtypes do not fit."""
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    hidden, h = states[-1].shape[-1], states[0]
    n = sizes[0] if sizes is not None else x.shape[1]
    wide = kind.gates * hidden
    if (
        x.dtype is w_ih.dtype
        and x.dtype.kind >= dtypes.FLOAT
        and w_ih.shape == (wide, x.shape[-1])
        and w_hh.shape == (wide, h.shape[-1])
        and h.shape[0] == states[-1].shape[0] == n
        and (b_ih is None or b_ih.shape == b_hh.shape == (wide,))
        and (w_hr is None or w_hr.shape == (h.shape[-1], hidden))
    ):
        return
    raise _misfit(x, n, states, weights, wide)


def _misfit(x, n, states, weights, wide):
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    if x.dtype is not w_ih.dtype:
        names = f"{scalar_name(x.dtype)} and {scalar_name(w_ih.dtype)}"
        return RuntimeError(f"mat1 and mat2 must have the same dtype, but got {names}")
    if x.dtype.kind < dtypes.FLOAT:
        return RuntimeError(f"result type Float can't be cast to the desired output type {scalar_name(x.dtype)}")
    count = x.numel() // max(x.shape[-1], 1)
    for matrix, lead, size in ((w_ih, count, x.shape[-1]), (w_hh, n, states[0].shape[-1])):
        if matrix.shape[1] != size:
            return RuntimeError(
                f"mat1 and mat2 shapes cannot be multiplied ({lead}x{size} and {matrix.shape[1]}x{matrix.shape[0]})"
            )
    for state in states:
        if state.shape[0] != n:
            return RuntimeError(
                f"output with shape [{state.shape[0]}, {wide}] doesn't match the broadcast shape [{n}, {wide}]"
            )
    shapes = ", ".join(str(list(t.shape)) for t in (w_ih, w_hh, b_ih, b_hh, w_hr) if t is not None)
    return RuntimeError(
        f"got weights of shapes {shapes} for hidden states of {states[-1].shape[-1]} features: the first two must have {wide} rows, "
        f"and biases {wide} elements"
    )


# --- torch's two forms of arguments ---
OF_STEPS = ("input", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")
OF_PACKED = ("data", "batch_sizes", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional")


def _read(kind, args, kwargs):
    """The arguments by name, in one of the two forms."""
    packed = "batch_sizes" in kwargs or (len(args) > 2 and isinstance(args[1], Tensor) and not _are_tensors(args[2]))
    packed = packed or (kind.states == 2 and len(args) > 2 and isinstance(args[1], Tensor))
    names = OF_PACKED if packed else OF_STEPS
    given = dict(zip(names, args, strict=False))
    given.update(kwargs)
    hx = given.get("hx")
    fits = isinstance(hx, Tensor) if kind.states == 1 else _are_tensors(hx)
    if len(args) > 9 or set(given) != set(names) or not fits or not _are_tensors(given["params"]):
        raise _invalid(kind, args, kwargs)
    if kind.states == 2 and len(hx) != 2:
        raise RuntimeError(f"{kind.name} expects two hidden states")
    return given, packed


def _are_tensors(value):
    return isinstance(value, (tuple, list)) and all(isinstance(v, Tensor) for v in value)


def _invalid(kind, args, kwargs):
    came = ", ".join([type(a).__name__ for a in args] + [f"{k}={type(v).__name__}" for k, v in kwargs.items()])
    hx = "Tensor hx" if kind.states == 1 else "tuple of Tensors hx"
    rest = (
        f"{hx}, tuple of Tensors params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional"
    )
    return TypeError(
        f"{kind.name}() received an invalid combination of arguments - got ({came}), but expected one of:\n"
        f" * (Tensor data, Tensor batch_sizes, {rest})\n * (Tensor input, {rest}, bool batch_first)\n"
    )


def _apply(kind, args, kwargs):
    given, packed = _read(kind, args, kwargs)
    states = given["hx"] if kind.states == 2 else (given["hx"],)
    settings = [given[n] for n in ("params", "has_biases", "num_layers", "dropout", "train", "bidirectional")]
    if packed:
        return run_packed(kind, given["data"], given["batch_sizes"], states, *settings)
    return run_steps(kind, given["input"], states, *settings, given["batch_first"])


def run_steps(kind, input, states, *settings):
    """:func:`run_layers` of a padded batch; the last setting says whether the batch is its first axis."""
    *settings, batch_first = settings
    if not batch_first:
        return run_layers(kind, input, None, states, *settings)
    output, *lasts = run_layers(kind, input.transpose(0, 1), None, states, *settings)
    # torch turns the output of the layers that it composes in place; the node's name tells.
    return output.transpose(0, 1) if kind is LSTM else output.transpose_(0, 1), *lasts


def run_packed(kind, data, batch_sizes, states, *settings):
    """:func:`run_layers` of what a PackedSequence holds."""
    sizes = tuple(batch_sizes.tolist())
    if not sizes or list(sizes) != sorted(sizes, reverse=True) or sizes[-1] < 1 or sum(sizes) != data.shape[0]:
        raise RuntimeError(
            f"batch_sizes must be positive, must not grow and must add up to the {data.shape[0]} rows of data, but got {list(sizes)}"
        )
    return run_layers(kind, data, sizes, states, *settings)


def lstm(*args, **kwargs):
    """Layers of long short-term memory: c ← s(f) · c + s(i) · tanh(g), h ← s(o) · tanh(c), with i, f, g, o = W x + b + W h + b and
    the sigmoid s.

    Called with ``(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)``, or for what a
    PackedSequence holds with ``(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)``.

    Args:
        input: (T, N, D), or (N, T, D) with ``batch_first``.
        data, batch_sizes: (rows, D), and how many rows each time step has.
        hx: the first h and c.
        params: per layer and direction w_ih, w_hh, and as there are b_ih, b_hh and w_hr.
        has_biases: whether there are biases.
        num_layers: how many layers.
        dropout: probability of dropout between the layers.
        train: whether there is dropout at all.
        bidirectional: whether each layer also walks from the end to the beginning.
        batch_first: the batch is the first axis of the input and the output.

    Shapes:
        input (T, N, D), h (layers · directions, N, P), c (layers · directions, N, H) → output (T, N, directions · P), h, c

    Raises:
        RuntimeError: sizes, dtypes or numbers of weights do not fit.

    Source: Hochreiter and Schmidhuber, Long Short-Term Memory, 1997; projections: Sak et al., 2014.

    Example:
        >>> import plugrad
        >>> state = plugrad.zeros(1, 2, 4)
        >>> weights = [plugrad.ones(16, 3), plugrad.ones(16, 4)]
        >>> output, h, c = plugrad.lstm(plugrad.ones(5, 2, 3), (state, state), weights, False, 1, 0.0, False, False, False)
        >>> output.shape, h.shape
        (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """
    return _apply(LSTM, args, kwargs)


def gru(*args, **kwargs):
    """Layers of gated recurrent units: h ← (1 - z) · n + z · h with n = tanh(W x + b + r · (W h + b)) and r and z the sigmoids of
    W x + b + W h + b.

    The arguments are those of :func:`lstm`, but ``hx`` is one tensor, and there is no w_hr. Returns the output and the last h.

    Source: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014.

    Example:
        >>> import plugrad
        >>> weights = [plugrad.ones(12, 3), plugrad.ones(12, 4)]
        >>> output, h = plugrad.gru(
        ...     plugrad.ones(5, 2, 3), plugrad.zeros(1, 2, 4), weights, False, 1, 0.0, False, False, False
        ... )
        >>> output.shape, h.shape
        (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """
    return _apply(GRU, args, kwargs)


def rnn_tanh(*args, **kwargs):
    """Layers of h ← tanh(W x + b + W h + b); the arguments are those of :func:`gru`.

    Source: Elman, Finding Structure in Time, 1990.

    Example:
        >>> import plugrad
        >>> weights = [plugrad.ones(1, 1), plugrad.ones(1, 1)]
        >>> plugrad.rnn_tanh(plugrad.ones(1, 1, 1), plugrad.zeros(1, 1, 1), weights, False, 1, 0.0, False, False, False)[0]
        tensor([[[0.7616]]])
    """
    return _apply(RNN_TANH, args, kwargs)


def rnn_relu(*args, **kwargs):
    """Layers of h ← max(W x + b + W h + b, 0); the arguments are those of :func:`gru`.

    Example:
        >>> import plugrad
        >>> weights = [plugrad.ones(1, 1), plugrad.ones(1, 1)]
        >>> plugrad.rnn_relu(plugrad.ones(2, 1, 1), plugrad.zeros(1, 1, 1), weights, False, 1, 0.0, False, False, False)[0]
        tensor([[[1.]],
        <BLANKLINE>
                [[2.]]])
    """
    return _apply(RNN_RELU, args, kwargs)


# --- single steps ---
def _check_step(kind, input, states, weights):
    """Raise torch's error for a step whose sizes do not fit."""
    w_ih, w_hh, *_ = weights
    if input.dim() < 2:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [-{input.dim()}, {input.dim() - 1}], but got 1)"
        )
    if input.shape[1] != w_ih.shape[1]:
        raise RuntimeError(f"input has inconsistent input_size: got {input.shape[1]} expected {w_ih.shape[1]}")
    for place, state in enumerate(states):
        if state.shape[0] != input.shape[0]:
            raise RuntimeError(
                f"Input batch size {input.shape[0]} doesn't match hidden{place} batch size {state.shape[0]}"
            )
        if state.shape[1] != w_hh.shape[1]:
            raise RuntimeError(
                f"hidden{place} has inconsistent hidden_size: got {state.shape[1]}, expected {w_hh.shape[1]}"
            )
    check_fit(kind, input, (input.shape[0],), states, (*weights, None))


def _both(b_ih, b_hh):
    """The biases, where only one is given with the other as zeros."""
    if (b_ih is None) is (b_hh is None):
        return b_ih, b_hh
    return (b_ih, b_ih.new_zeros(b_ih.shape)) if b_hh is None else (b_hh.new_zeros(b_hh.shape), b_hh)


def _check_tensors(name, **tensors):
    for place, (argument, value) in enumerate(tensors.items(), 1):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{name}(): argument '{argument}' (position {place}) must be Tensor, not {type(value).__name__}"
            )


def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of :func:`lstm`. Returns h and c.

    Args:
        input: (N, D).
        hx: h and c, (N, H) each.
        w_ih, w_hh: (4 · H, D) and (4 · H, H).
        b_ih, b_hh: (4 · H) or None.

    Raises:
        RuntimeError: sizes or dtypes do not fit.

    Example:
        >>> import plugrad
        >>> state = plugrad.zeros(2, 4)
        >>> h, c = plugrad.lstm_cell(plugrad.ones(2, 3), (state, state), plugrad.ones(16, 3), plugrad.ones(16, 4))
        >>> h.shape
        torch.Size([2, 4])
    """
    if not _are_tensors(hx):
        raise TypeError(f"lstm_cell(): argument 'hx' (position 2) must be tuple of Tensors, not {type(hx).__name__}")
    if len(hx) != 2:
        raise RuntimeError("lstm_cell expects two hidden states")
    _check_tensors("lstm_cell", input=input)
    biases = _both(b_ih, b_hh)
    _check_step(LSTM, input, hx, (w_ih, w_hh, *biases))
    made = rows.lstm_cell(input, *hx, w_ih, w_hh, *biases, None, (input.shape[0],), False)
    return made[1:3]


def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of :func:`gru`: h for an input (N, D) and hx (N, H).

    Example:
        >>> import plugrad
        >>> plugrad.gru_cell(plugrad.ones(2, 3), plugrad.zeros(2, 4), plugrad.ones(12, 3), plugrad.ones(12, 4)).shape
        torch.Size([2, 4])
    """
    _check_tensors("gru_cell", input=input, hx=hx)
    biases = _both(b_ih, b_hh)
    _check_step(GRU, input, (hx,), (w_ih, w_hh, *biases))
    return rows.gru_cell(input, hx, w_ih, w_hh, *biases, (input.shape[0],), False)[1]


def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of :func:`rnn_tanh`: h for an input (N, D) and hx (N, H).

    Example:
        >>> import plugrad
        >>> plugrad.rnn_tanh_cell(plugrad.ones(1, 1), plugrad.zeros(1, 1), plugrad.ones(1, 1), plugrad.ones(1, 1))
        tensor([[0.7616]])
    """
    _check_tensors("rnn_tanh_cell", input=input, hx=hx)
    biases = _both(b_ih, b_hh)
    _check_step(RNN_TANH, input, (hx,), (w_ih, w_hh, *biases))
    return rows.rnn_tanh_cell(input, hx, w_ih, w_hh, *biases, False, (input.shape[0],), False)[1]


def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of :func:`rnn_relu`: h for an input (N, D) and hx (N, H).

    Example:
        >>> import plugrad
        >>> plugrad.rnn_relu_cell(plugrad.ones(1, 1), plugrad.ones(1, 1), plugrad.ones(1, 1), plugrad.ones(1, 1))
        tensor([[2.]])
    """
    _check_tensors("rnn_relu_cell", input=input, hx=hx)
    biases = _both(b_ih, b_hh)
    _check_step(RNN_RELU, input, (hx,), (w_ih, w_hh, *biases))
    return rows.rnn_relu_cell(input, hx, w_ih, w_hh, *biases, True, (input.shape[0],), False)[1]
