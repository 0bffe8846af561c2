"""Cells: single steps of recurrent layers."""

from ..core.create import empty, zeros
from .functional import recurrent
from .module import Module
from .parameter import Parameter
from .rnn import reset_recurrent

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """What the cells share: parameters and checks.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        bias: whether there are biases.
        num_chunks: rows of a weight per hidden feature.
        device, dtype: of the parameters.
    """

    __constants__: tuple[str, ...] = ("input_size", "hidden_size", "bias")

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        wide = num_chunks * hidden_size
        self.weight_ih = Parameter(empty((wide, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(empty((wide, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(wide, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw all parameters anew, evenly from ±1/√hidden_size."""
        reset_recurrent(self)

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = self.__dict__.get("nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"

    def _check_rank(self, what, value):
        if value.dim() not in (1, 2):
            raise ValueError(f"{self._get_name()}: Expected {what} to be 1D or 2D, got {value.dim()}D instead")

    def _zeros(self, input):
        return zeros((input.size(0), self.hidden_size), dtype=input.dtype, device=input.device)

    def _weights(self):
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _step(self, function, input, hx):
        """A step from one state to one, batched or not."""
        self._check_rank("input", input)
        if hx is not None:
            self._check_rank("hidden", hx)
        if input.dim() == 2:
            return function(input, self._zeros(input) if hx is None else hx, *self._weights())
        input = input.unsqueeze(0)
        return function(input, self._zeros(input) if hx is None else hx.unsqueeze(0), *self._weights()).squeeze(0)


class RNNCell(RNNCellBase):
    """One step of :class:`~plugrad.nn.RNN`: tanh(W x + b + W h + b), or relu of that.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
        device, dtype: of the parameters.

    Shapes:
        input (N, input_size) or (input_size), h (N, hidden_size) or (hidden_size) → h

    Raises:
        ValueError: other numbers of dimensions.
        RuntimeError: sizes that do not fit, or another nonlinearity.

    Example:
        >>> import plugrad
        >>> plugrad.nn.RNNCell(3, 4)(plugrad.ones(2, 3)).shape
        torch.Size([2, 4])
    """

    __constants__ = ("input_size", "hidden_size", "bias", "nonlinearity")

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, num_chunks=1, device=device, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        return self._step(self._function, input, hx)

    def _function(self, *args):
        if self.nonlinearity == "tanh":
            return recurrent.rnn_tanh_cell(*args)
        if self.nonlinearity == "relu":
            return recurrent.rnn_relu_cell(*args)
        raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")


class LSTMCell(RNNCellBase):
    """One step of :class:`~plugrad.nn.LSTM`.

    Args:
        input_size: features of the input.
        hidden_size: features of h and c.
        bias: whether there are biases.
        device, dtype: of the parameters.

    Shapes:
        input (N, input_size) or (input_size), h and c (N, hidden_size) or (hidden_size) → h, c

    Raises:
        ValueError: other numbers of dimensions.
        RuntimeError: sizes that do not fit.

    Example:
        >>> import plugrad
        >>> h, c = plugrad.nn.LSTMCell(3, 4)(plugrad.ones(2, 3))
        >>> h.shape
        torch.Size([2, 4])
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, num_chunks=4, device=device, dtype=dtype)

    def forward(self, input, hx=None):
        self._check_rank("input", input)
        for place, state in enumerate(hx or ()):
            self._check_rank(f"hx[{place}]", state)
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
        if hx is None:
            hx = (self._zeros(input),) * 2
        elif not batched:
            hx = (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        made = recurrent.lstm_cell(input, hx, *self._weights())
        return made if batched else tuple(state.squeeze(0) for state in made)


class GRUCell(RNNCellBase):
    """One step of :class:`~plugrad.nn.GRU`; arguments and shapes are those of :class:`LSTMCell`, with h alone.

    Example:
        >>> import plugrad
        >>> plugrad.nn.GRUCell(3, 4)(plugrad.ones(3)).shape
        torch.Size([4])
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, num_chunks=3, device=device, dtype=dtype)

    def forward(self, input, hx=None):
        return self._step(recurrent.gru_cell, input, hx)
