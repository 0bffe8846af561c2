"""A checkpoint into a model that has changed since."""

import glob
import os
from collections import OrderedDict
from collections.abc import Mapping

from ...core.tensor import Tensor
from ..freeze import freeze as freeze_parameters
from ..module import Module
from ..module_state import Loading, Stateful, key_errors
from ..parameter import Parameter
from .loading_report import FILLED, LOADED, MISSING, RESET, SKIPPED, LoadedTensor, LoadingReport
from .renaming import Renaming

__all__ = ["load_pretrained"]

ON_MISMATCH = ("raise", "skip", "reset")


def load_pretrained(
    model, checkpoint, *, key=None, strip_prefix=None, rename=None, on_mismatch="raise", strict=True, freeze=False
):
    r"""Load a checkpoint into a model that need not be the one it was saved from, and tell what became of each tensor.

    Values are cast to the model's dtypes and copied to its devices. What does not fit raises, unless it is asked to be
    passed over: by default this is as strict as ``load_state_dict``. Names and shapes are looked
    at before the first value is written.

    Args:
        model: the module.
        checkpoint: the path of a ``.safetensors``, a ``.npz``, or else a file of ``save``; a state dict; or a module.
        key: under which key of the checkpoint the state dict lies; a tuple of keys leads further down.
        strip_prefix: a prefix, or several, taken off the names that have it, as ``"module."`` of a parallel wrapper.
        rename: dict from parts of names to new ones, after that: ``{"backbone": "body"}`` for a dotted part from the
            front on, ``{re.compile(r"\.gamma$"): ".weight"}`` for any place, None as the new name to leave it out.
        on_mismatch: for a shape or a kind of number that does not fit: ``"raise"``; ``"skip"`` leaves the model's
            values as they are; ``"reset"`` has the layer draw new ones by its ``reset_parameters()`` first.
        strict: whether names that are missing or left over raise; otherwise they are only reported.
        freeze: freeze what was loaded, as :func:`plugrad.nn.freeze` does.

    Returns:
        A :class:`LoadingReport`: printed, a table with a line for each parameter and buffer.

    Raises:
        RuntimeError: as ``load_state_dict``, with everything that is wrong.
        CheckpointError: the file is damaged or no checkpoint.
        ValueError: no state dict is found in the checkpoint, an entry of ``rename`` fits nothing, two names become
            one, an unknown ``on_mismatch``, or ``"reset"`` for a layer without ``reset_parameters``.

    Example:
        >>> import plugrad
        >>> nn = plugrad.nn
        >>> old = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 10)).state_dict(prefix="module.")
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 5))
        >>> print(nn.utils.load_pretrained(model, old, strip_prefix="module.", on_mismatch="skip"))
        name      shape   state      from, or why
        ------------------------------------------------------
        0.weight  [3, 2]  loaded     module.0.weight
        0.bias    [3]     loaded     module.0.bias
        1.weight  [5, 3]  skipped    [10, 3] in the checkpoint
        1.bias    [5]     skipped    [10] in the checkpoint
        ------------------------------------------------------
        state dict: 2 of 4 tensors loaded (9 of 29 elements), 2 skipped
    """
    if on_mismatch not in ON_MISMATCH:
        raise ValueError(f"on_mismatch must be one of {', '.join(map(repr, ON_MISMATCH))}, but got {on_mismatch!r}")
    source, state = _read(checkpoint)
    transfer = Transfer(model, _chosen(state, key), Renaming(rename, strip_prefix))
    transfer.check(on_mismatch, strict)
    if on_mismatch == "reset":
        transfer.reset()
    transfer.load(strict)
    if freeze:
        transfer.freeze()
    return transfer.report(source)


# --- from a file to a state dict ---


def _read(checkpoint):
    """(what it is in words, the object in it)."""
    if isinstance(checkpoint, Module):
        return type(checkpoint).__name__, checkpoint.state_dict()
    if isinstance(checkpoint, Mapping):
        return "state dict", checkpoint
    if not isinstance(checkpoint, str | os.PathLike):
        raise TypeError(f"load_pretrained: expected a path, a state dict or a module, but got {type(checkpoint)}")
    path = os.fspath(checkpoint)
    return os.path.basename(path), _read_file(path)


def _read_file(path):
    if path.endswith(".npz"):
        from ...core.npz import load_npz

        return load_npz(path)
    from ...core.serialization import load

    return load(path, map_location="cpu")


def _chosen(state, key):
    for part in () if key is None else key if isinstance(key, tuple) else (key,):
        if not isinstance(state, Mapping) or part not in state:
            raise ValueError(f"the checkpoint has no {part!r}, but {_keys_text(state)}")
        state = state[part]
    if isinstance(state, Module):
        state = state.state_dict()
    if not isinstance(state, Mapping):
        raise ValueError(f"a state dict is expected in the checkpoint, but there is a {type(state).__name__}")
    if state and not any(isinstance(value, Tensor) for value in state.values()):
        inner = [name for name, value in state.items() if isinstance(value, Mapping)]
        way = f"; choose one by key={inner[0]!r}" if inner else ""
        raise ValueError(f"the checkpoint has no tensors at its top, but {_keys_text(state)}{way}")
    return state


def _keys_text(state):
    return f"the keys {', '.join(map(repr, state))}" if isinstance(state, Mapping) else f"a {type(state).__name__}"


# --- from a state dict to the model ---


class Transfer:
    """One loading: what fits, what does not and why, then what was done."""

    def __init__(self, model, state, renaming):
        self.model = model
        self.renaming = renaming
        self.modules = dict(model.named_modules(remove_duplicate=False))
        self.targets = model.state_dict(keep_vars=True)
        self.origins, self.left_out = {}, []  # name in the model → name in the checkpoint
        for old in state:
            self._name(old)
        renaming.check_use(state)
        self.values = OrderedDict((name, state[old]) for name, old in self.origins.items())
        self.values._metadata = {
            renaming.of_module(path): data for path, data in getattr(state, "_metadata", {}).items()
        }
        self.misfits = {name: why for name in self.targets if (why := self._why_not(name)) is not None}
        self.states = {}

    def _name(self, old):
        name = self.renaming(old)
        if name is None:
            self.left_out.append(old)
        elif name in self.origins:
            raise ValueError(f"rename: {self.origins[name]!r} and {old!r} both become {name!r}")
        else:
            self.origins[name] = old

    def _why_not(self, name):
        """Why the checkpoint's value cannot be copied, or None."""
        target, value = self.targets[name], self.values.get(name, self)
        if value is self or not isinstance(target, Tensor):
            return None
        if not isinstance(value, Tensor):
            return f"a {type(value).__name__} in the checkpoint"
        if value.shape != target.shape and not (target.dim() == 0 and tuple(value.shape) == (1,)):
            return f"{list(value.shape)} in the checkpoint"
        if value.dtype.kind > target.dtype.kind:
            return f"{value.dtype} in the checkpoint, {target.dtype} in the model"
        return None

    # --- before anything is written ---
    def check(self, on_mismatch, strict):
        """Raise for what is wrong and not to be passed over."""
        errors = self._key_errors() if strict else []
        if on_mismatch == "raise":
            errors += [self._mismatch_text(name) for name in self.misfits]
        if on_mismatch == "reset":
            self._check_reset()
        self._raise(errors)

    def _key_errors(self):
        missing = [name for name in self.targets if name not in self.values and not self._is_handled(name)]
        unexpected = [name for name in self.values if name not in self.targets and not self._is_handled(name)]
        return list(key_errors(missing, unexpected))

    def _is_handled(self, name):
        """Whether a module around the name has its own way to load, and so the last word on missing names."""
        parts = name.split(".")
        paths = [".".join(parts[:n]) for n in range(len(parts))]
        return any(_loads_by_itself(self.modules[path]) for path in paths if path in self.modules)

    def _mismatch_text(self, name):
        target, value = self.targets[name], self.values[name]
        if isinstance(value, Tensor) and value.shape != target.shape:
            return (
                f"size mismatch for {name}: copying a param with shape {value.shape} from checkpoint, "
                f"the shape in current model is {target.shape}."
            )
        return f'While copying the parameter named "{name}": {self.misfits[name]}.'

    def _raise(self, errors):
        if errors:
            listed = "\n\t".join(errors)
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self.model).__name__}:\n\t{listed}\n"
                "load_pretrained passes over what does not fit with on_mismatch='skip' or 'reset', and over names that are "
                "missing or left over with strict=False; rename= and strip_prefix= bring names together."
            )

    def _owners(self):
        """Path → module, of those with a tensor that does not fit."""
        return {path: self.modules[path] for path in (name.rpartition(".")[0] for name in self.misfits)}

    def _check_reset(self):
        for path, owner in self._owners().items():
            if not callable(getattr(owner, "reset_parameters", None)):
                raise ValueError(
                    f"on_mismatch='reset': {path or 'the model'} ({type(owner).__name__}) has no reset_parameters()"
                )

    # --- what is done ---
    def reset(self):
        """Have the layers with a misfit draw new values; what fits of theirs is loaded afterwards."""
        owners = self._owners()
        for owner in owners.values():
            owner.reset_parameters()
        self.states = {name: RESET for name in self.targets if name.rpartition(".")[0] in owners}

    def load(self, strict):
        """Copy what fits, as ``load_state_dict`` does it, with the hooks of all modules."""
        fitting = OrderedDict((name, value) for name, value in self.values.items() if name not in self.misfits)
        fitting._metadata = self.values._metadata
        loading = Loading(fitting, assign=False)
        loading.load(self.model, loading.state_dict, "")
        missing = [name for name in loading.missing if name not in self.misfits]
        self._raise(loading.errors + (list(key_errors(missing, loading.unexpected)) if strict else []))
        for name in self.targets:
            self.states[name] = self._state(name, loading.missing)
        self.unexpected = [self.origins.get(name, name) for name in loading.unexpected]

    def _state(self, name, missing):
        if name not in self.misfits and name not in missing:
            return LOADED if name in self.values else FILLED
        return self.states.get(name, SKIPPED if name in self.misfits else MISSING)

    def freeze(self):
        """Freeze what was loaded, and the running statistics among it."""
        loaded = [name for name, state in self.states.items() if state == LOADED]
        names = [n for n in loaded if isinstance(self.targets[n], Parameter) or n.split(".")[-1] == "running_mean"]
        if names:
            freeze_parameters(self.model, *map(glob.escape, names))

    def report(self, source):
        """What was done, as a :class:`LoadingReport`."""
        tensors = [self._row(name) for name in self.targets]
        return LoadingReport(source, tensors, self.unexpected, self.left_out, self.renaming.idle_prefixes())

    def _row(self, name):
        target, state = self.targets[name], self.states[name]
        is_parameter = isinstance(target, Parameter)
        return LoadedTensor(
            name,
            tuple(target.shape) if isinstance(target, Tensor) else None,
            state,
            self._detail(name, state),
            "parameter" if is_parameter else "buffer",
            is_parameter and not target.requires_grad,
        )

    def _detail(self, name, state):
        if state == FILLED:
            return "set by the layer; not in the checkpoint"
        if state != LOADED:
            return self.misfits.get(name, "not in the checkpoint")
        value, target = self.values[name], self.targets[name]
        cast = isinstance(value, Tensor) and value.dtype is not target.dtype
        return self.origins[name] + (f", {value.dtype} → {target.dtype}" if cast else "")


def _loads_by_itself(module):
    own = type(module)._load_from_state_dict is not Stateful._load_from_state_dict
    hooks = (module._state_hooks(f"_load_state_dict_{when}_hooks") for when in ("pre", "post"))
    return own or any(hooks)
