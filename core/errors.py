"""Error texts: torch's words first, then what was expected, what came, and the way out."""

import re
import sys

FREED_TEXT = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). "
    "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if "
    "you need to backward through the graph a second time or if you need to access saved tensors after calling backward."
)


IN_PLACE_TEXT = "one of the variables needed for gradient computation has been modified by an inplace operation: "


def freed_graph():
    return RuntimeError(FREED_TEXT)


def changed_in_place(node, name, version):
    from .diagnostics.failures import note_in_place

    a = getattr(node, name)
    d = node.xp.to_dtype[a.dtype]
    kind = node.xp.device_type
    prefix = "torch." if kind == "cpu" else f"torch.{kind}."
    outputs = node.row.outputs
    if name in outputs and not node.row.differentiable[outputs.index(name)]:
        origin = ""
    elif name in outputs:
        origin = f"output {node.row.outputs.index(name)} of {bare_name(node)}"
    else:
        edge = node.next[node.row.tensors.index(name)]
        maker = maker_of(edge, version)
        origin = f"output {getattr(edge, 'index', 0)} of {maker}" if maker else ""
    where = f", which is {origin}," if origin else ""
    error = RuntimeError(
        f"{IN_PLACE_TEXT}[{prefix}{d.type_name} {list(a.shape)}]{where} is at version {version.count}; expected version "
        f"{version.expected_by(node.clock)} instead. {anomaly_hint()}"
    )
    return note_in_place(error, node, version, leaf_of(node, name))


def changed_index(node, version, dtype, shape):
    from .diagnostics.failures import note_in_place

    kind = node.xp.device_type
    name = (
        f"{kind.upper()}BoolType"
        if dtype.name == "bool"
        else f"torch.{'' if kind == 'cpu' else kind + '.'}{dtype.type_name}"
    )
    error = RuntimeError(
        f"{IN_PLACE_TEXT}[{name} {list(shape)}] is at version {version.count}; expected version {version.expected_by(node.clock)} "
        f"instead. {anomaly_hint()}"
    )
    return note_in_place(error, node, version, None)


def maker_of(edge, version):
    """The node behind a saved argument by now: a view of what was written to has a new history."""
    node = getattr(edge, "node", edge)
    if getattr(node, "row", None) is not None and (node.row.kind == "view" or node.row.name == "as_view"):
        return "AsStrided"
    return bare(version.owner or "") or edge_name(edge)


def leaf_of(node, name):
    """The leaf that a node saved under a name, None when it is no leaf that requires grad."""
    edge = node.next[node.row.tensors.index(name)] if name in node.row.tensors else None
    return edge if edge is not None and edge._kind == 2 else None


def anomaly_hint():
    from .recording import Anomaly

    if Anomaly.enabled:
        return (
            "Hint: the backtrace further above shows the operation that failed to compute its gradient. The variable in question was "
            "changed in there or anywhere later. Good luck!"
        )
    return (
        "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
        "torch.autograd.set_detect_anomaly(True, check_nan=False)."
    )


def edge_name(edge):
    if edge is None or edge._kind == 2:
        return ""
    node = edge.node if edge._kind == 1 else edge
    return bare_name(node)


def bare_name(node):
    """The op's name as the error texts have it: ``Exp`` for ExpBackward0."""
    return bare(node.name())


def bare(name):
    return re.sub(r"Backward\d*$", "", name)


def non_leaf_grad_warning():
    return (
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated during "
        "autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use .retain_grad() on the "
        "non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the leaf Tensor instead. See "
        "github.com/pytorch/pytorch/pull/30531 for more information."
    )


def requires_grad_of_dtype(text, tensor):
    return RuntimeError(text)


DETACH_HINT = " If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."


def flag_of_non_leaf(hint=DETACH_HINT):
    return RuntimeError("you can only change requires_grad flags of leaf variables." + hint)


def inference_in_place():
    return RuntimeError(
        "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal tensor "
        "before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
    )


def inference_saved():
    return RuntimeError(
        "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation "
        "tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use "
        "`torch.no_grad()` instead of `torch.inference_mode()`."
    )


def leaf_in_place():
    return RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")


def leaf_view_in_place():
    return RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")


#: Why an in-place op on a view is refused, by how the view was made.
REFUSALS = {
    "no_grad": (
        "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and "
        "the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want "
        "the inplace to be tracked)."
    ),
    "inference": (
        "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and "
        "the inplace either both inside the inference_mode block (if you don't want the inplace to be tracked) or both outside (if you "
        "want the inplace to be tracked)."
    ),
    "several": (
        "This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified "
        "inplace. You should replace the inplace operation by an out-of-place one."
    ),
    "function": (
        "This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to handle "
        "view+inplace would override the custom backward associated with the custom Function, leading to incorrect gradients. This "
        "behavior is forbidden. You can fix this by cloning the output of the custom Function."
    ),
}


#: The mode that a view was made in, and the other one, in which it is written to.
MODES = {"no_grad": ("no_grad mode", " with grad mode enabled"), "inference": ("inference mode", " in normal mode")}


def view_in_place(view, through_base=False):
    """The error of an in-place op on a view that must not be changed, or whose base was."""
    made = view._x.made
    what = (
        "its base or another view of its base has been modified inplace"
        if through_base
        else "is being modified inplace"
    )
    mode, now = MODES.get(made, ("", ""))
    node = view.grad_fn
    if node is None:
        mode, now = MODES.get(made, MODES["no_grad"])
        return RuntimeError(f"A view was created in {mode} and {what}{now}. {REFUSALS[made]}")
    kind = f" of a view which was created in {mode}" if mode else ""
    return RuntimeError(
        f"Output {view.output_nr} of {bare_name(node)} is a view{kind} and {what}{now}. {REFUSALS[made]}"
    )


def repeated_memory():
    return RuntimeError(
        "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the "
        "tensor before performing the operation."
    )


def overlapping_memory():
    return RuntimeError(
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. "
        "Please clone() the tensor before performing the operation."
    )


def unknown_device(text, kind, known):
    return RuntimeError(
        "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, hpu, "
        f"mtia, privateuseone device type at start of device string: {kind}\n(backends here serve: {', '.join(sorted(known))})"
    )


def not_a_tensor(row, position, value):
    from .op_text import PUBLIC

    name = PUBLIC[position] if position < len(PUBLIC) else row.tensors[position]
    return TypeError(
        f"{row.name.rstrip('_')}(): argument '{name}' (position {position + 1}) must be Tensor, not {type(value).__name__}"
    )


#: Where the functions live that programs call, and what torch puts before their names.
_FACES = ("plugrad.core.ops.", "plugrad.nn.functional", "plugrad.core.create", "plugrad.core.random")
_PREFIXES = {"linalg": "linalg_", "fft": "fft_", "fft_many": "fft_", "fft_shift": "fft_"}


def no_tensor(value, function="op"):
    """torch's TypeError for an argument that is no tensor: which one of which function is read off the calls that run."""
    name, position = "input", 1
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("plugrad."):
        if _is_public(frame):
            function, name, position = _argument(frame, value) or (frame.f_code.co_name, name, position)
        frame = frame.f_back
    return TypeError(
        f"{function}(): argument '{name}' (position {position}) must be Tensor, not {type(value).__name__}"
    )


def _argument(frame, value):
    """(function, argument, position) where a value came into a function that runs, else None."""
    code, module = frame.f_code, frame.f_globals["__name__"]
    names = code.co_varnames[: code.co_argcount]
    # A small int is one object wherever it is given: what these names hold is a number.
    numbers = ("dim", "num_", "normalized_", "kernel_")
    found = [i for i, name in enumerate(names) if frame.f_locals.get(name) is value and not name.startswith(numbers)]
    if not found:
        return None
    name = names[found[0]]
    prefix = _PREFIXES.get(module.rpartition(".")[2], "")
    return prefix + code.co_name, "input" if name == "self" else name, found[0] + 1


def _is_public(frame):
    """Whether a frame runs a function that programs call; in-place forms are made by factories, and say their names."""
    name, module = frame.f_code.co_name, frame.f_globals["__name__"]
    return module.startswith(_FACES) and name[0] not in "_<" and name != "method" and not name.endswith("_in_place")


def two_devices(tensors):
    devices = []
    for t in tensors:
        if str(t.device) not in devices:
            devices.append(str(t.device))
    return RuntimeError(
        f"Expected all tensors to be on the same device, but found at least two devices, {devices[0]} and {devices[1]}!"
    )


def broadcast_failure(shapes):
    """torch's words for two shapes that do not broadcast, or None."""
    if len(shapes) != 2:
        return None
    a, b = shapes
    rank = max(len(a), len(b))
    full_a, full_b = (1,) * (rank - len(a)) + tuple(a), (1,) * (rank - len(b)) + tuple(b)
    for i in reversed(range(rank)):
        if full_a[i] != full_b[i] and 1 not in (full_a[i], full_b[i]):
            return RuntimeError(
                f"The size of tensor a ({full_a[i]}) must match the size of tensor b ({full_b[i]}) at non-singleton dimension {i}"
            )
    return None


def explain(row, inputs, statics, failure):
    """The error for an op whose array function refused: torch's text where the row has a check, else what came."""
    for i, value in enumerate(inputs):
        if not hasattr(value, "_xp") and not (value is None and row.optional[i]):
            if row.kind not in ("elementwise", "nondifferentiable"):
                return not_a_tensor(row, i, value)
    if isinstance(failure, ZeroDivisionError):
        return RuntimeError("ZeroDivisionError")
    tensors = [t for t in inputs if hasattr(t, "_xp")]
    if len({id(t._xp) for t in tensors}) > 1:
        return two_devices(tensors)
    if row.check is not None:
        error = row.check(*inputs, *statics)
        if error is not None:
            return error
    if row.kind in ("elementwise", "nondifferentiable"):
        error = broadcast_failure([t._a.shape for t in tensors])
        if error is not None:
            return error
    came = ", ".join(f"{tuple(t._a.shape)} {t.dtype}" for t in tensors)
    if isinstance(failure, NotImplementedError):
        return NotImplementedError(
            f"{row.name}: not available on backend {tensors[0]._xp.name!r} for {came}: {failure}"
        )
    error = RuntimeError(f"{row.name}: the arguments do not fit: {came}; {type(failure).__name__}: {failure}")
    error.__cause__ = failure
    return error


def check_assigned_grad(tensor, value):
    if not hasattr(value, "_xp"):
        raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
    if value is tensor:
        raise RuntimeError("can't assign Variable as its own grad")
    if value.dtype is not tensor.dtype:
        raise RuntimeError(
            f"attempting to assign a gradient with dtype '{c_name(value.dtype)}' to a tensor with grad_dtype "
            f"'{scalar_name(tensor.dtype)}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). You can "
            "set the tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. Set grad_dtype with caution. "
            "Diverging the dtypes of a tensor and its gradient may break downstream systems that assume they match."
        )
    if value._xp.device is not tensor._xp.device:
        raise RuntimeError(
            f"attempting to assign a gradient with device type '{value.device.type}' to a tensor with device type "
            f"'{tensor.device.type}'. Please ensure that the gradient and the tensor are on the same device"
        )
    if value._a.shape != tensor._a.shape:
        raise RuntimeError(
            f"attempting to assign a gradient of size '{list(value._a.shape)}' to a tensor of size '{list(tensor._a.shape)}'. "
            "Please ensure that the gradient and the tensor are the same size"
        )


C_NAMES = {
    "float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "int64": "long int",
    "int32": "int", "int16": "short int", "int8": "signed char", "uint8": "unsigned char", "bool": "bool",
    "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip

SCALAR_NAMES = {
    "float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16", "int64": "Long", "int32": "Int",
    "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool", "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}  # fmt: skip


def c_name(d):
    """The C++ name by which some of torch's texts call a dtype."""
    return C_NAMES[d.name]


def c_type(d):
    """The C++ type by which texts about numbers call a dtype."""
    return "int64_t" if d.name == "int64" else C_NAMES[d.name]


def no_out_of_duals():
    """The error of ``out=`` in forward mode; the function is the one outside of core/views.py."""
    frame = sys._getframe(2)
    while frame.f_code.co_name.startswith("_"):
        frame = frame.f_back
    return NotImplementedError(
        f"Trying to use forward AD with {frame.f_code.co_name}_out that does not support it because it is an out= function"
    )


def scalar_name(d):
    """The name by which most of torch's texts call a dtype: ``Float``."""
    return SCALAR_NAMES[d.name]


def numpy_of(tensor):
    """The error of ``tensor.numpy()``, or None."""
    from .modes import is_grad_enabled

    if tensor._xp.device_type != "cpu":
        return TypeError(
            f"can't convert {tensor.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
        )
    if tensor.requires_grad and is_grad_enabled():
        return RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    return None


def invalid_combination(name, args, options):
    """A keyword that does not exist, in torch's words."""
    kinds = [type(a).__name__ for a in args]
    named = [f"{k}={'torch.dtype' if type(v).__name__ == 'dtype' else type(v).__name__}" for k, v in options.items()]
    came = ", ".join(kinds + named)
    return TypeError(
        f"{name}() received an invalid combination of arguments - got ({came}), but expected one of:\nthe keywords of {name} in the "
        "documentation (is it dtype= that was meant?)"
    )
