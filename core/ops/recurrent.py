"""Recurrent layers: one layer walked in one direction is one node, with a gradient of its own.

torch composes them of small ops (LSTM in single precision excepted) and its nodes carry the names of those, so there are
several rows of one function: for time steps, for packed sequences, and for a single step.
"""

from ..compile import general


# --- LSTM ---
def lstm_row(name, node):
    return general(
        f"{name}(x, h, c, w_ih, w_hh, b_ih?, b_hh?, w_hr?, *, sizes, reverse) -> y, h_n, c_n, kept:no, before:no",
        vjp=lambda xp, g_y, g_h_n, g_c_n, x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, kept, before, sizes, reverse, needs: (
            xp.lstm_grad(
                g_y, g_h_n, g_c_n, x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, kept, before, sizes, reverse, needs
            )
        ),
        doc="long short-term memory over time: c ← f · c + i · g, h ← o · tanh c",
        xp="lstm",
        node=node,
        match=True,
    )  # fmt: skip


lstm_layer = lstm_row("lstm_layer_", "MkldnnRnnLayerBackward0")
lstm_stack = lstm_row("lstm_stack_", "StackBackward0")
lstm_packed = lstm_row("lstm_packed_", "CatBackward0")
lstm_cell = lstm_row("lstm_cell_", "MulBackward0")


# --- GRU ---
def gru_row(name, node):
    return general(
        f"{name}(x, h, w_ih, w_hh, b_ih?, b_hh?, *, sizes, reverse) -> y, h_n, kept:no, before:no",
        vjp=lambda xp, g_y, g_h_n, x, h, w_ih, w_hh, b_ih, b_hh, kept, before, sizes, reverse, needs: xp.gru_grad(
            g_y, g_h_n, x, h, w_ih, w_hh, b_ih, b_hh, kept, before, sizes, reverse, needs
        ),
        doc="gated recurrent units over time: h ← (1 - z) · n + z · h",
        xp="gru",
        node=node,
        match=True,
    )


gru_stack = gru_row("gru_stack_", "StackBackward0")
gru_packed = gru_row("gru_packed_", "CatBackward0")
gru_cell = gru_row("gru_cell_", "AddBackward0")


# --- RNN ---
def rnn_row(name, node):
    return general(
        f"{name}(x, h, w_ih, w_hh, b_ih?, b_hh?, *, relu, sizes, reverse) -> y, h_n, kept:no, before:no",
        vjp=lambda xp, g_y, g_h_n, x, h, w_ih, w_hh, b_ih, b_hh, kept, before, relu, sizes, reverse, needs: xp.rnn_grad(
            g_y, g_h_n, x, h, w_ih, w_hh, b_ih, b_hh, kept, before, relu, sizes, reverse, needs
        ),
        doc="h ← tanh(W x + b + W h + b) over time, or relu of that",
        xp="rnn",
        node=node,
        match=True,
    )


rnn_stack = rnn_row("rnn_stack_", "StackBackward0")
rnn_packed = rnn_row("rnn_packed_", "CatBackward0")
rnn_tanh_cell = rnn_row("rnn_tanh_cell_", "TanhBackward0")
rnn_relu_cell = rnn_row("rnn_relu_cell_", "ReluBackward0")
