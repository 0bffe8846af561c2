"""A model as a table: its layers, what they put out, their parameters, and the memory it takes."""

from typing import NamedTuple

from ...core.create import zeros
from ...core.modes import enable_grad
from ...core.random import get_rng_state, set_rng_state
from ...core.tensor import Tensor

__all__ = ["LayerSummary", "ModelSummary", "summary"]


class LayerSummary(NamedTuple):
    """One line of a :class:`ModelSummary`.

    Attributes:
        path: dotted name in the model, ``""`` for the model itself.
        kind: the class's name.
        depth: 0 for the model itself.
        number: which of its depth it is, from 1.
        output: shapes of what it put out, as text; ``"--"`` where it was not called.
        calls: how often it was called.
        params: elements of its own parameters that no line above has counted; below the lowest depth also its parts'.
        trainable: ``"yes"``, ``"no"``, ``"partly"``, or ``"--"`` without parameters, of all that is in it.
        again: whether a line above is of the same module; its parts are not listed once more.
    """

    path: str
    kind: str
    depth: int
    number: int
    output: str
    calls: int
    params: int
    trainable: str
    again: bool


class ModelSummary:
    """What :func:`summary` found; printed, it is a table.

    Attributes:
        layers: a :class:`LayerSummary` for each module down to the depth.
        total_params: number of elements of all parameters.
        trainable_params: of those that require grad.
        frozen_params: of the others.
        param_bytes: memory of the parameters.
        buffer_bytes: memory of the buffers.
        input_bytes: memory of the inputs; None without a run.
        output_bytes: memory of all outputs of layers that have no parts; None without a run.
        saved_bytes: memory that the graph of the run keeps for a backward, parameters not counted; None without a run.
    """

    def __init__(self, model, depth, run):
        self.layers = list(_layers(model, depth, run))
        parameters = list(model.parameters())
        self.total_params = sum(p.numel() for p in parameters)
        self.trainable_params = sum(p.numel() for p in parameters if p.requires_grad)
        self.frozen_params = self.total_params - self.trainable_params
        self.param_bytes = sum(map(_size, parameters))
        self.buffer_bytes = sum(map(_size, model.buffers()))
        self.input_bytes = run.input_bytes
        self.output_bytes = run.output_bytes
        self.saved_bytes = run.saved_bytes

    def __str__(self):
        rows = [("Layer (type:depth-idx)", "Output shape", "Param #", "Trainable")]
        rows += [(_title(layer), layer.output, _count(layer), layer.trainable) for layer in self.layers]
        if self.input_bytes is None:
            rows = [(title, params, trainable) for title, _, params, trainable in rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["   ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        rule = "=" * max(map(len, lines))
        return "\n".join([rule, lines[0], rule, *lines[1:], rule, *self._totals(), rule])

    __repr__ = __str__

    def _totals(self):
        from ...core.diagnostics.graph_table import bytes_text

        yield f"Total params: {self.total_params:,}"
        yield f"Trainable params: {self.trainable_params:,}"
        yield f"Non-trainable params: {self.frozen_params:,}"
        yield f"Params: {bytes_text(self.param_bytes)}, buffers: {bytes_text(self.buffer_bytes)}"
        if self.input_bytes is not None:
            yield (
                f"Input: {bytes_text(self.input_bytes)}, outputs of layers: {bytes_text(self.output_bytes)}, "
                f"kept for backward: {bytes_text(self.saved_bytes)}"
            )


def summary(model, input_size=None, input_data=None, *, depth=3, dtypes=None, device=None):
    """Return a table of a model's layers, with what they put out where the model is run.

    The run is in evaluation mode, with gradients recorded; the model's modes, gradients and statistics and the random
    numbers to come are left as they were. Its activations are reported twice: the outputs of all layers, and what a
    graph keeps of them and of what lies between.

    Args:
        model: the module.
        input_size: shape of the input, or a list of shapes for several; the model is run on zeros. Without it and
            ``input_data`` the model is not run.
        input_data: the input itself: a tensor, a list or tuple of arguments, or a dict of keyword arguments.
        depth: how many levels of modules are listed below the model.
        dtypes: dtype of each input of ``input_size``; default: that of the model's first parameter.
        device: of the inputs of ``input_size``; default: that of the model's first parameter.

    Returns:
        A :class:`ModelSummary`.

    Raises:
        ValueError: both ``input_size`` and ``input_data``, a size that is none, or not as many dtypes as sizes.
        Exception: what the model raises, with a note of the inputs' shapes.

    Example:
        >>> from plugrad import nn
        >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
        >>> _ = nn.freeze(model, "0")
        >>> nn.utils.summary(model, (4, 8))
        ===========================================================
        Layer (type:depth-idx)   Output shape   Param #   Trainable
        ===========================================================
        Sequential               [4, 2]         --        partly
        ├─Linear (0): 1-1        [4, 16]        144       no
        ├─ReLU (1): 1-2          [4, 16]        --        --
        ├─Linear (2): 1-3        [4, 2]         34        yes
        ===========================================================
        Total params: 178
        Trainable params: 34
        Non-trainable params: 144
        Params: 712 B, buffers: 0 B
        Input: 128 B, outputs of layers: 544 B, kept for backward: 256 B
        ===========================================================
    """
    run = Run()
    arguments, keywords = _inputs(model, input_size, input_data, dtypes, device)
    if arguments or keywords:
        run.start(model, arguments, keywords)
    return ModelSummary(model, depth, run)


# --- the inputs ---


def _inputs(model, input_size, input_data, dtypes, device):
    if input_size is not None and input_data is not None:
        raise ValueError("summary: give input_size or input_data, not both")
    if input_size is not None:
        return _zeros(model, input_size, dtypes, device), {}
    if dtypes is not None or device is not None:
        raise ValueError("summary: dtypes and device are of the inputs that input_size describes")
    if isinstance(input_data, dict):
        return (), input_data
    if isinstance(input_data, tuple | list):
        return tuple(input_data), {}
    return (() if input_data is None else (input_data,)), {}


def _zeros(model, input_size, dtypes, device):
    sizes = [input_size] if all(isinstance(n, int) for n in input_size) else list(input_size)
    if not all(isinstance(size, tuple | list) and all(isinstance(n, int) for n in size) for size in sizes):
        raise ValueError(f"summary: input_size must be a shape or a list of shapes, but is {input_size!r}")
    first = next(model.parameters(), None)
    if dtypes is None:
        dtypes = [first.dtype if first is not None else None] * len(sizes)
    if len(dtypes) != len(sizes):
        raise ValueError(f"summary: {len(sizes)} input sizes, but {len(dtypes)} dtypes")
    if device is None and first is not None:
        device = first.device
    return tuple(zeros(*size, dtype=dtype, device=device) for size, dtype in zip(sizes, dtypes, strict=True))


# --- the run ---


class Run:
    """One forward pass: what each module put out, and how much memory that took."""

    def __init__(self):
        self.outputs = {}  # id of a module → (text of its first output, number of calls)
        self.input_bytes = self.output_bytes = self.saved_bytes = None

    def start(self, model, arguments, keywords):
        modules = list(model.modules())
        modes = [module.training for module in modules]
        handles = [module.register_forward_hook(self.note) for module in modules]
        state = get_rng_state()
        self.input_bytes = sum(map(_size, _tensors([arguments, keywords])))
        self.output_bytes = 0
        try:
            for module in modules:
                module.training = False
            with enable_grad():
                self.saved_bytes = _saved(model(*arguments, **keywords))
        except Exception as error:
            error.add_note(f"in summary(), run on {_shapes([*arguments, *keywords.values()])}")
            raise
        finally:
            set_rng_state(state)
            for handle in handles:
                handle.remove()
            for module, mode in zip(modules, modes, strict=True):
                module.training = mode

    def note(self, module, arguments, output):
        text, calls = self.outputs.get(id(module), (_shapes(output), 0))
        self.outputs[id(module)] = text, calls + 1
        if not any(True for _ in module.children()):
            self.output_bytes += sum(map(_size, _tensors(output)))

    def of(self, module):
        """(text of its output, number of calls)."""
        return self.outputs.get(id(module), ("--", 0))


def _saved(output):
    from ...core.diagnostics.ledger import saved_memory

    recorded = [t.sum() for t in _tensors(output) if t.requires_grad]
    total = sum(recorded[1:], recorded[0]) if recorded else None  # one root for the graphs of all outputs
    return 0 if total is None else saved_memory(total).total


def _tensors(value):
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ()
    return [t for part in parts for t in _tensors(part)]


def _shapes(value):
    """The shapes of what a module put out: ``[2, 3]``, ``[[2, 3], [1, 3]]``, ``{scores: [2, 3]}``."""
    if isinstance(value, Tensor):
        return str(list(value.shape))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_shapes(part)}" for name, part in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_shapes, value)) + "]"
    return "--" if value is None else type(value).__name__


def _size(t):
    return t.numel() * t.dtype.itemsize


# --- the lines ---


def _layers(model, depth, run):
    counted, numbers, seen = set(), {}, set()
    waiting = [("", model, 0)]
    while waiting:
        path, module, level = waiting.pop()
        is_again = id(module) in seen
        seen.add(id(module))
        numbers[level] = numbers.get(level, 0) + 1
        parts = [] if is_again or level == depth else list(_parts(module, path, level))
        own = module.parameters(recurse=not parts)
        fresh = {id(p): p.numel() for p in own if id(p) not in counted}
        counted |= set(fresh)
        output, calls = run.of(module)
        yield LayerSummary(
            path,
            type(module).__name__,
            level,
            numbers[level],
            output,
            calls,
            sum(fresh.values()),
            _trainable(module),
            is_again,
        )
        waiting += reversed(parts)


def _parts(module, path, level):
    for name, part in module._modules.items():
        if part is not None:
            yield (f"{path}.{name}" if path else name), part, level + 1


def _trainable(module):
    flags = {p.requires_grad for p in module.parameters()}
    return {(): "--", (True,): "yes", (False,): "no"}.get(tuple(flags), "partly")


def _title(layer):
    name = layer.path.rpartition(".")[2]
    branch = "│  " * (layer.depth - 1) + "├─" if layer.depth else ""
    kind = layer.kind if not layer.depth else f"{layer.kind} ({name}): {layer.depth}-{layer.number}"
    return branch + kind + (" (again)" if layer.again else f" ×{layer.calls}" if layer.calls > 1 else "")


def _count(layer):
    return f"{layer.params:,}" if layer.params else "--"
