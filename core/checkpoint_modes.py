"""What a checkpoint does with single ops: selective checkpointing, and the log for its debug errors."""

import enum
import traceback
from collections import Counter

from .checkpoint_frame import CheckpointError
from .interception import OpMode, proceed
from .recording import Packed, is_own
from .rows import ROWS
from .slow import is_tensor, native_dtype, record, result_type
from .tensor import Tensor, alias

MISMATCH = (
    "This can happen if the operations in the checkpointed region are nondeterministic or depend on global state that changed "
    "between forward and backward."
)


class CheckpointPolicy(enum.Enum):
    """What selective checkpointing does with an op's result: keep it, or compute it again in the backward.

    PREFER and MUST do the same here; CPU_OFFLOAD keeps the result in the host's memory.
    """

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


SAVED = (CheckpointPolicy.MUST_SAVE, CheckpointPolicy.PREFER_SAVE)
OFFLOADED = (CheckpointPolicy.MUST_CPU_OFFLOAD, CheckpointPolicy.PREFER_CPU_OFFLOAD)

#: Ops that no policy is asked about: views hold no memory of their own.
SAC_IGNORED_OPS = {row.function for row in ROWS.values() if row.kind == "view"}


class SelectiveCheckpointContext:
    """What a policy function gets to know beside the op and its arguments.

    Attributes:
        is_recompute: always False: policies are asked in the forward pass only.
        op_output: what the op gave.
    """

    def __init__(self, *, is_recompute, op_output=None):
        self.is_recompute = is_recompute
        self.op_output = op_output


class Kept:
    """A result that is not computed again, with the version it had.

    Attributes:
        numbers_as_arrays: whether the op made arrays of its Python numbers, as it does for some backends.
    """

    def __init__(self, row, tensor, offload):
        node = tensor.grad_fn
        saved = [getattr(node, name, None) for name in row.tensors[1:]]
        self.numbers_as_arrays = any(isinstance(a, (Packed, tensor._xp.array_type)) for a in saved)
        self.device = tensor.device
        self.tensor = tensor.detach().cpu() if offload else alias(tensor)
        self.version = self.tensor._version

    def get(self, allow_mutation):
        if not allow_mutation and self.tensor._version != self.version:
            raise RuntimeError("Tensor cached during selective activation checkpoint has been mutated")
        return self.tensor.to(self.device)


RECOMPUTE, CONSUMED = object(), object()


class KeepingMode(OpMode):
    """The first run: asks the policy about each op and keeps what it names."""

    def __init__(self, policy, kept):
        self.policy = policy
        self.kept = kept
        self.count = Counter()

    def op(self, row, plain, inputs, statics):
        result = proceed(row, plain, inputs, statics)
        if row.function in SAC_IGNORED_OPS:
            return result
        context = SelectiveCheckpointContext(is_recompute=False, op_output=result)
        policy = self.policy(context, row.function, *inputs, *statics)
        if isinstance(policy, bool):
            policy = CheckpointPolicy.MUST_SAVE if policy else CheckpointPolicy.PREFER_RECOMPUTE
        self.kept[row.name, self.count[row.name]] = self.entry(row, policy, result)
        self.count[row.name] += 1
        return result

    @staticmethod
    def entry(row, policy, result):
        if policy not in SAVED and policy not in OFFLOADED:
            return RECOMPUTE
        if not isinstance(result, Tensor):
            raise NotImplementedError(
                f"create_selective_checkpoint_contexts: the op {row.name} has several results, which can't be saved; let the policy "
                "return CheckpointPolicy.PREFER_RECOMPUTE for it"
            )
        return Kept(row, result, policy in OFFLOADED)


class GivingMode(OpMode):
    """The second run: records the ops whose results were kept without computing them."""

    def __init__(self, kept, allow_mutation):
        self.kept = kept
        self.allow_mutation = allow_mutation

    def __enter__(self):
        self.count = Counter()
        return super().__enter__()

    def op(self, row, plain, inputs, statics):
        if row.function in SAC_IGNORED_OPS:
            return proceed(row, plain, inputs, statics)
        key = row.name, self.count[row.name]
        self.count[row.name] += 1
        if key not in self.kept:
            raise RuntimeError(
                f"{row.name} invocation index {key[1]} encountered during backward but not found in storage. {MISMATCH}"
            )
        entry = self.kept[key]
        if entry is RECOMPUTE:
            return proceed(row, plain, inputs, statics)
        if entry is CONSUMED:
            raise RuntimeError(
                "Trying to backward an extra time. You are only allowed to backward once on any region computed under selective "
                "activation checkpoint."
            )
        self.kept[key] = CONSUMED
        return record_as(row, inputs, statics, entry.get(self.allow_mutation), entry.numbers_as_arrays)


def record_as(row, inputs, statics, result, numbers_as_arrays):
    """The op's node and tensor for a result that is known."""
    xp, arrays = result._xp, [getattr(value, "_a", value) for value in inputs]
    if row.kind in ("elementwise", "nondifferentiable"):
        native = native_dtype(xp, result_type(inputs))
        arrays = [operand(xp, value, native, numbers_as_arrays) for value in inputs]
    return record(row, xp, result._a, inputs, arrays, statics)


def operand(xp, value, native, numbers_as_arrays):
    if is_tensor(value):
        return value._a if value._a.dtype == native else xp.astype(value._a, native)
    return xp.full((), value, native) if numbers_as_arrays and value is not None else value


def create_selective_checkpoint_contexts(policy_fn_or_list, allow_cache_entry_mutation=False):
    """Return two contexts for checkpoint's ``context_fn`` that keep the results of some ops.

    Args:
        policy_fn_or_list: ``policy(context, op, *args)``, which returns a :class:`CheckpointPolicy` for each op of the first
            run; or a list of ops whose results are kept. Ops are plugrad's functions; a function that is made of several ops
            (``plugrad.matmul``) stands in a list for all of them.
        allow_cache_entry_mutation: do not check whether a kept result was changed in place.

    Raises:
        TypeError: neither a function nor a list.
        ValueError: the list has something that is no op.

    Example:
        >>> import functools
        >>> import plugrad
        >>> from plugrad.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts
        >>> keep_products = functools.partial(create_selective_checkpoint_contexts, [plugrad.matmul])
        >>> x = plugrad.ones(2, 2, requires_grad=True)
        >>> y = checkpoint(lambda x: (x @ x).sigmoid(), x, use_reentrant=False, context_fn=keep_products)
        >>> y.sum().backward()
        >>> x.grad.shape
        torch.Size([2, 2])
    """
    if isinstance(policy_fn_or_list, list):
        policy = policy_of_list(policy_fn_or_list)
    elif callable(policy_fn_or_list):
        policy = policy_fn_or_list
    else:
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    kept = {}
    return KeepingMode(policy, kept), GivingMode(kept, allow_cache_entry_mutation)


def policy_of_list(ops):
    functions = {row.function for op in ops for row in rows_of(op)}

    def policy(context, op, *args):
        return CheckpointPolicy.MUST_SAVE if op in functions else CheckpointPolicy.PREFER_RECOMPUTE

    return policy


def rows_of(op):
    """The rows that a public function stands for."""
    name = getattr(op, "__name__", None)
    found = [row for row in ROWS.values() if name in (row.name, row.name.rstrip("_"), row.xp_name)]
    if not callable(op) or not found:
        raise ValueError(f"Expected op in `op_list` to be an OpOverload but got: {op} of type {type(op)}. ")
    exact = [row for row in found if row.function is op]
    return exact or found


class OpLog(OpMode):
    """Lists the ops that run, each with the lines that led to it."""

    def __init__(self):
        self.ops = []
        self.places = []

    def op(self, row, plain, inputs, statics):
        self.ops.append(f"{row.name}({', '.join(short(value) for value in (*inputs, *statics))})")
        self.places.append([line for line in traceback.extract_stack() if not is_own(line.filename)])
        return proceed(row, plain, inputs, statics)

    def traces(self, label):
        texts = []
        for i, (op, stack) in enumerate(zip(self.ops, self.places, strict=True)):
            lines = "".join(f"{f.filename}:{f.lineno}:{f.name}\n" for f in reversed(stack))
            texts.append(f"{op}   ({i + 1} of {len(self.ops)} in {label})\n\n{lines}\n")
        return "\n".join(texts)


def short(value):
    if not is_tensor(value):
        return repr(value)
    return f"{value.dtype.name}{list(value.shape)}"


RULER = "-" * 80


class OpLogs:
    """The logs of a checkpoint's two runs."""

    def __init__(self):
        self.first, self.second = OpLog(), OpLog()

    def contexts(self):
        return self.first, self.second

    def error(self):
        """The error that shows both."""
        return CheckpointError(
            "An error happened while unpacking tensors; dumping logs of latest computation because you passed `debug=True` to "
            "`torch.utils.checkpoint.checkpoint()`. Scroll all the way down for guidance on how to navigate these logs.\n"
            f"{RULER}\n1. Stack traces of the operators that ran in the original forward\n{RULER}\n"
            f"{self.first.traces('original')}\n"
            f"{RULER}\n2. Stack traces of the operators that ran during recomputation\n{RULER}\n"
            f"{self.second.traces('recompute')}\n"
            f"{RULER}\n3. Log of operators in the original forward and recomputation\n{RULER}\n"
            f"Operations executed during the original forward:\n\n{chr(10).join(self.first.ops)}\n\n"
            f"Operations executed during recomputation:\n\n{chr(10).join(self.second.ops)}\n"
            f"{RULER}\nERROR: Detected non-determinism while running activation checkpointing\n\n"
            "Both lists above should be the same up to where the recomputation stopped; the first op that differs shows where "
            "to look."
        )


__all__ = [
    "SAC_IGNORED_OPS",
    "CheckpointPolicy",
    "OpLogs",
    "SelectiveCheckpointContext",
    "create_selective_checkpoint_contexts",
]
