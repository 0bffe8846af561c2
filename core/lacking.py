"""What torch's checkpoints may name that plugrad has no counterpart to, in words."""

import re

__all__ = ["refusal"]

SPARSE = "a sparse tensor; save its to_dense() with torch"
QUANTIZED = "a quantized tensor; save its dequantize() with torch"
NESTED = "a nested tensor; save the list of its unbind() with torch"
LACKING = {
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "a tensor of a device without storages; save its cpu() with torch",
    "torch._utils._rebuild_device_tensor_from_numpy": "a tensor of a device without storages; save its cpu() with torch",
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor on the meta device, which has no values",
    "torch._utils._rebuild_nested_tensor": NESTED,
    "torch._utils._rebuild_qtensor": QUANTIZED,
    "torch._utils._rebuild_sparse_csr_tensor": SPARSE,
    "torch._utils._rebuild_sparse_tensor": SPARSE,
    "torch._utils._rebuild_wrapper_subclass": "a tensor of a wrapping subclass; save a plain tensor with torch",
    "torch.nested._internal.nested_tensor._rebuild_njt": NESTED,
    "torch.serialization._get_layout": "a torch.layout",
}
DTYPE = re.compile(r"torch\.(u?int|float|bits|complex|qu?int)\d+\w*")
QUANTIZED_STORAGE = re.compile(r"torch\.(cuda\.)?QU?Int\w+Storage")
QUANTIZATION_SCHEME = re.compile(r"torch\.per_(tensor|channel)_\w+")


def refusal(path):
    """The text with which a global is refused: torch's words, then what plugrad has to say about it."""
    words = f"Weights only load failed. Unsupported global: GLOBAL {path} was not an allowed global by default. "
    lacking = _lacking(path)
    if lacking is not None:
        return f"{words}The file holds {lacking}. plugrad has none."
    return words + (
        f"Please use `torch.serialization.add_safe_globals([{path}])` or the "
        f"`torch.serialization.safe_globals([{path}])` context manager to allowlist this global if you trust this "
        "class/function. With plugrad they are `plugrad.serialization.add_safe_globals` and `safe_globals`. Numbers and "
        "arrays of numpy are best saved as Python numbers and tensors; of torch's own types plugrad has no counterpart to "
        "this one."
    )


def _lacking(path):
    if path in LACKING:
        return LACKING[path]
    if DTYPE.fullmatch(path):
        return f"the dtype {path}"
    if QUANTIZED_STORAGE.fullmatch(path):
        return QUANTIZED
    return "a quantization scheme" if QUANTIZATION_SCHEME.fullmatch(path) else None
