"""Recurrent layers."""

import math
import numbers
import warnings

from ..core.create import empty, zeros
from . import init
from .functional import recurrent
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

#: Rows of a weight per hidden feature.
GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
KINDS = {
    "LSTM": recurrent.LSTM,
    "GRU": recurrent.GRU,
    "RNN_TANH": recurrent.RNN_TANH,
    "RNN_RELU": recurrent.RNN_RELU,
}


def reset_recurrent(module):
    """Draw all parameters anew, evenly from ±1/√hidden_size, in the order in which they were made."""
    bound = 1.0 / math.sqrt(module.hidden_size) if module.hidden_size > 0 else 0
    for parameter in module.parameters():
        init.uniform_(parameter, -bound, bound)


def is_casting():
    """Whether an autocast block runs, which casts the input and the weights."""
    from ..core.autocast import SETTINGS

    return SETTINGS.get().active


class RNNBase(Module):
    """What :class:`RNN`, :class:`LSTM` and :class:`GRU` share: the parameters, the checks, and the way over a sequence.

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".

    The other arguments are those of :class:`LSTM`.
    """

    __constants__ = (
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    )

    def __init__(
        self,
        mode,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        proj_size=0,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        _check_dropout(dropout, num_layers)
        self._check_arguments()
        self._all_weights = []
        for layer in range(num_layers):
            for direction in range(2 if bidirectional else 1):
                self._add_weights(layer, direction, device=device, dtype=dtype)
        self.reset_parameters()

    def _check_arguments(self):
        for name in ("bias", "batch_first"):
            _check_type(name, getattr(self, name), bool)
        for name in ("input_size", "hidden_size"):
            _check_type(name, getattr(self, name), int)
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if self.mode not in GATES:
            raise ValueError("Unrecognized RNN mode: " + self.mode)

    def _add_weights(self, layer, direction, **where):
        """The parameters of one direction of a layer, as attributes."""
        wide, out = GATES[self.mode] * self.hidden_size, self.proj_size or self.hidden_size
        given = out * (2 if self.bidirectional else 1) if layer else self.input_size
        shapes = {"weight_ih": (wide, given), "weight_hh": (wide, out)}
        if self.bias:
            shapes |= {"bias_ih": (wide,), "bias_hh": (wide,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        end = f"_l{layer}" + ("_reverse" if direction else "")
        for name, shape in shapes.items():
            setattr(self, name + end, Parameter(empty(shape, **where)))
        self._all_weights.append([name + end for name in shapes])

    # --- parameters ---
    @property
    def _flat_weights_names(self):
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self):
        """All weights in order; what took the place of a parameter under its name counts."""
        return [getattr(self, name, None) for name in self._flat_weights_names]

    @property
    def all_weights(self):
        """The parameters, a list per layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self):
        """Nothing: the parameters need no common memory, which torch gives them on GPUs."""

    def reset_parameters(self):
        """Draw all parameters anew, evenly from ±1/√hidden_size."""
        reset_recurrent(self)

    # --- checks ---
    def check_input(self, input, batch_sizes):
        """Raise if the input has another dtype, number of dimensions or features than the layer takes."""
        dtype = getattr(self, self._all_weights[0][0]).dtype
        if input.dtype is not dtype and not is_casting():
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert input: input.to({dtype}), or "
                f"convert model: model.to({input.dtype})"
            )
        expected = 2 if batch_sizes is not None else 3
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def _state_size(self, input, batch_sizes, features):
        n = self._batch_size(input) if batch_sizes is None else int(batch_sizes[0])
        return self.num_layers * (2 if self.bidirectional else 1), n, features

    def _batch_size(self, input):
        return input.size(0 if self.batch_first else 1)

    def get_expected_hidden_size(self, input, batch_sizes):
        """The size of h: (layers · directions, N, proj_size or hidden_size)."""
        return self._state_size(input, batch_sizes, self.proj_size or self.hidden_size)

    def check_hidden_size(self, hx, expected_hidden_size, msg="Expected hidden size {}, got {}"):
        """Raise if a first state has another size than expected."""
        if hx.size() != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def check_forward_args(self, input, hidden, batch_sizes):
        """Raise if the input or the first state does not fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx, permutation):
        """A state with its sequences in another order; itself for None."""
        return hx if permutation is None else hx.index_select(1, permutation)

    # --- the way over a sequence ---
    def forward(self, input, hx=None):
        """The output of every time step, and the last state."""
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        rank = input.dim()
        if rank not in (2, 3):
            raise ValueError(self._rank_error(rank))
        axis = 0 if self.batch_first else 1
        if rank == 2:
            input = input.unsqueeze(axis)
        hx = self._first_states(input, None) if hx is None else self._given_states(hx, rank)
        self.check_forward_args(input, hx, None)
        output, hidden = self._run(recurrent.run_steps, input, hx, self.batch_first)
        if rank == 2:
            return output.squeeze(axis), self._each_state(hidden, lambda h: h.squeeze(1))
        return output, hidden

    def _forward_packed(self, input, hx):
        data, batch_sizes, sorted_indices, unsorted_indices = input
        hx = self._first_states(data, batch_sizes) if hx is None else self.permute_hidden(hx, sorted_indices)
        self.check_forward_args(data, hx, batch_sizes)
        output, hidden = self._run(
            lambda kind, data, *rest: recurrent.run_packed(kind, data, batch_sizes, *rest), data, hx
        )
        packed = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
        return packed, self.permute_hidden(hidden, unsorted_indices)

    def _run(self, function, input, hx, *last):
        settings = (self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        output, *states = function(KINDS[self.mode], input, self._states(hx), self._flat_weights, *settings, *last)
        return output, states[0] if len(states) == 1 else tuple(states)

    def _rank_error(self, rank):
        return f"{self.mode}: Expected input to be 2D or 3D, got {rank}D instead"

    @staticmethod
    def _each_state(hx, fn):
        return fn(hx)

    @staticmethod
    def _states(hx):
        return (hx,)

    def _first_states(self, input, batch_sizes):
        shape = self.get_expected_hidden_size(input, batch_sizes)
        return zeros(shape, dtype=input.dtype, device=input.device)

    def _given_states(self, hx, rank):
        if hx.dim() != rank:
            batched = "batched 3-D" if rank == 3 else "unbatched 2-D"
            raise RuntimeError(f"For {batched} input, hx should also be {rank}-D but got {hx.dim()}-D tensor")
        return hx.unsqueeze(1) if rank == 2 else hx

    def extra_repr(self):
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False}
        text = f"{self.input_size}, {self.hidden_size}"
        for name, value in {"proj_size": 0, **usual}.items():
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        return text


def _check_dropout(dropout, num_layers):
    if not isinstance(dropout, numbers.Number) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers greater than 1, "
            f"but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=3,
        )


def _check_type(name, value, kind):
    if not isinstance(value, kind):
        raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")


def _refuse_projection(options):
    if "proj_size" in options:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """Layers of h ← tanh(W x + b + W h + b), or of relu in place of tanh.

    Args:
        input_size: features of an element of a sequence.
        hidden_size: features of the state h.
        num_layers: how many layers, each on the output of the one before.
        nonlinearity: "tanh" or "relu"; the fourth argument, or by name.
        bias, batch_first, dropout, bidirectional, device, dtype: as in :class:`LSTM`.

    Shapes:
        input and output as in :class:`LSTM`; hx and the last state: h alone.

    Raises:
        ValueError: another nonlinearity, or numbers that make no layer.

    Source: Elman, Finding Structure in Time, 1990.

    Example:
        >>> import plugrad
        >>> output, h = plugrad.nn.RNN(3, 4)(plugrad.ones(5, 2, 3))
        >>> output.shape, h.shape
        (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(self, *args, **kwargs):
        _refuse_projection(kwargs)
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{self.nonlinearity.upper()}", *args, **kwargs)

    def _rank_error(self, rank):
        return f"RNN: Expected input to be 2D or 3D, got {rank}D tensor instead"


class GRU(RNNBase):
    """Layers of gated recurrent units; see :func:`plugrad.gru`.

    The arguments are those of :class:`LSTM` without ``proj_size``; hx and the last state are h alone.

    Raises:
        ValueError: numbers that make no layer.

    Source: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014.

    Example:
        >>> import plugrad
        >>> output, h = plugrad.nn.GRU(3, 4, bidirectional=True)(plugrad.ones(5, 2, 3))
        >>> output.shape, h.shape
        (torch.Size([5, 2, 8]), torch.Size([2, 2, 4]))
    """

    def __init__(self, *args, **kwargs):
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)


class LSTM(RNNBase):
    """Layers of long short-term memory; see :func:`plugrad.lstm`.

    Args:
        input_size: features of an element of a sequence.
        hidden_size: features H of the state c.
        num_layers: how many layers, each on the output of the one before.
        bias: whether there are biases.
        batch_first: the batch is the first axis of input and output.
        dropout: probability of dropout on the output of every layer but the last.
        bidirectional: each layer also walks from the end to the beginning; its output follows that of the other direction.
        proj_size: features of the state h after a projection; 0: none, h has ``hidden_size``.
        device, dtype: of the parameters.

    Shapes:
        input (T, N, input_size), (N, T, input_size) with ``batch_first``, (T, input_size) unbatched, or a
        ``PackedSequence``; output the same with directions · P features; h and c of ``hx`` and of the
        last state (layers · directions, N, P) and (layers · directions, N, H), P is ``proj_size`` or H

    Raises:
        ValueError: numbers that make no layer, or an input of another dtype or number of dimensions.
        RuntimeError: sizes that do not fit.

    Source: Hochreiter and Schmidhuber, Long Short-Term Memory, 1997; projections: Sak et al., 2014.

    Example:
        >>> import plugrad
        >>> output, (h, c) = plugrad.nn.LSTM(3, 4, num_layers=2, proj_size=2)(plugrad.ones(5, 2, 3))
        >>> output.shape, h.shape, c.shape
        (torch.Size([5, 2, 2]), torch.Size([2, 2, 2]), torch.Size([2, 2, 4]))
    """

    def __init__(self, *args, **kwargs):
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input, batch_sizes):
        """The size of c: (layers · directions, N, hidden_size)."""
        return self._state_size(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input, hidden, batch_sizes):
        """Raise if the input or one of the first states does not fit."""
        self.check_input(input, batch_sizes)
        sizes = self.get_expected_hidden_size(input, batch_sizes), self.get_expected_cell_size(input, batch_sizes)
        for place, size in enumerate(sizes):
            self.check_hidden_size(hidden[place], size, f"Expected hidden[{place}] size {{}}, got {{}}")

    def permute_hidden(self, hx, permutation):
        """h and c with their sequences in another order; themselves for None."""
        return hx if permutation is None else tuple(h.index_select(1, permutation) for h in hx)

    @staticmethod
    def _each_state(hx, fn):
        return tuple(map(fn, hx))

    @staticmethod
    def _states(hx):
        return hx

    def _first_states(self, input, batch_sizes):
        sizes = self.get_expected_hidden_size(input, batch_sizes), self.get_expected_cell_size(input, batch_sizes)
        return tuple(zeros(size, dtype=input.dtype, device=input.device) for size in sizes)

    def _given_states(self, hx, rank):
        if hx[0].dim() != rank or hx[1].dim() != rank:
            batched = "batched 3-D" if rank == 3 else "unbatched 2-D"
            raise RuntimeError(
                f"For {batched} input, hx and cx should also be {rank}-D but got ({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )
        return (hx[0].unsqueeze(1), hx[1].unsqueeze(1)) if rank == 2 else hx
