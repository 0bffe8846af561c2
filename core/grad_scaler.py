"""Gradient scaling: small gradients of half precision are kept from vanishing, and steps of infinite ones are left out.

All runs on the gradients' devices. The host reads one number for each optimizer step: whether to take it.
"""

import enum
import inspect
import warnings
from collections import defaultdict
from collections.abc import Iterable

from . import dtypes
from .autocast import cuda_is_usable
from .create import full
from .modes import no_grad
from .tensor import Tensor

NOT_SCALED = "This may indicate your script did not use scaler.scale(loss or outputs) earlier in the iteration."


class OptState(enum.Enum):
    """What was done with an optimizer since the last update."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def require(holds, text):
    """Raise torch's AssertionError, whatever Python's -O leaves of assert statements."""
    if not holds:
        raise AssertionError(text)


def fresh_state():
    return {"stage": OptState.READY, "found_inf_per_device": {}}


class GradScaler:
    """Scales losses up before the backward, and gradients down before the step.

    An optimizer step is left out if a gradient is infinite or NaN; then :meth:`update` lowers the scale: s ← backoff · s.
    After ``growth_interval`` updates in a row without that it raises it: s ← growth · s.

    Args:
        device: "cuda" or "cpu"; without a usable cuda device, "cuda" warns and switches the scaler off.
        init_scale: the first scale.
        growth_factor: more than 1.
        backoff_factor: less than 1.
        growth_interval: a number of updates.
        enabled: False makes ``step`` the optimizer's own and everything else nothing.

    Raises:
        AssertionError: a factor on the wrong side of 1.

    Example:
        >>> import plugrad
        >>> w = plugrad.ones(2, requires_grad=True)
        >>> sgd = plugrad.optim.SGD([w], lr=0.5)
        >>> scaler = plugrad.amp.GradScaler("cpu", init_scale=4.0)
        >>> scaler.scale(w.sum()).backward()
        >>> w.grad
        tensor([4., 4.])
        >>> scaler.step(sgd)
        >>> scaler.update()
        >>> w
        tensor([0.5000, 0.5000], requires_grad=True)
    """

    def __init__(
        self,
        device="cuda",
        init_scale=2.0**16,
        growth_factor=2.0,
        backoff_factor=0.5,
        growth_interval=2000,
        enabled=True,
    ):
        self._device = device
        self._enabled = enabled
        if device == "cuda" and enabled and not cuda_is_usable():
            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                UserWarning,
                stacklevel=2 if type(self) is GradScaler else 3,
            )
            self._enabled = False
        if not self._enabled:
            return
        require(growth_factor > 1.0, "The growth factor must be > 1.0.")
        require(backoff_factor < 1.0, "The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._init_growth_tracker = 0
        self._scale = None  # made with the first loss, on its device
        self._growth_tracker = None
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._per_optimizer_states = defaultdict(fresh_state)

    # --- before the backward ---
    def scale(self, outputs):
        """A tensor, or an iterable of tensors, times the scale.

        Raises:
            ValueError: something else.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._start(outputs.device)
            return outputs * self._scale.to(outputs.device)
        if not isinstance(outputs, Iterable):
            raise ValueError("outputs must be a Tensor or an iterable of Tensors")
        scaled = map(self.scale, outputs)
        return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled

    def _start(self, device):
        self._scale = full((), self._init_scale, dtype=dtypes.float32, device=device)
        self._growth_tracker = full((), self._init_growth_tracker, dtype=dtypes.int32, device=device)

    def _need_scale(self, function):
        for name in ("_scale", "_growth_tracker"):
            require(getattr(self, name) is not None, f"Attempted {function} but {name} is None.  {NOT_SCALED}")

    # --- after the backward ---
    def unscale_(self, optimizer):
        """Divide an optimizer's gradients by the scale and look for infinite ones; :meth:`step` does it if you did not.

        Raises:
            RuntimeError: it was done since the last update.
            ValueError: a gradient in float16.
            AssertionError: nothing was scaled.
        """
        if not self._enabled:
            return
        self._need_scale("unscale_")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inverse = self._scale.double().reciprocal().float()
        state["found_inf_per_device"] = self._unscale_grads_(optimizer, inverse, False)
        state["stage"] = OptState.UNSCALED

    def _unscale_grads_(self, optimizer, inverse, allow_fp16):
        """Multiply all gradients; returns for each device a number that is not 0 if one is infinite or NaN."""
        found, factors = {}, {}
        with no_grad():
            for grad in gradients(optimizer, allow_fp16):
                device = grad.device
                if device not in found:
                    found[device] = full((), 0.0, dtype=dtypes.float32, device=device)
                    factors[device] = None if inverse is None else inverse.to(device)
                bad = grad.isfinite().logical_not().any().to(dtypes.float32)
                found[device] = found[device].maximum(bad)
                if inverse is not None:
                    multiply(grad, factors[device])
        return found

    def _check_inf_per_device(self, optimizer):
        """Look for infinite gradients, and leave them as they are."""
        self._need_scale("_check_inf_per_device")
        found = self._unscale_grads_(optimizer, None, True)
        self._per_optimizer_states[id(optimizer)]["found_inf_per_device"] = found
        return found

    def _found_inf_per_device(self, optimizer):
        return self._per_optimizer_states[id(optimizer)]["found_inf_per_device"]

    def step(self, optimizer, *args, **kwargs):
        """Unscale the gradients, if that was not done, and step, unless a gradient is infinite or NaN.

        Args:
            optimizer: whose step it is.
            args, kwargs: for ``optimizer.step``, whose result is returned; a closure is not possible.

        Raises:
            RuntimeError: a closure, or a second step since the last update.
            AssertionError: nothing was scaled, or there is no gradient.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._need_scale("step")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            return self._step_of_its_own(optimizer, state, args, kwargs)
        if state["stage"] is OptState.READY:
            self.unscale_(optimizer)
        require(state["found_inf_per_device"], "No inf checks were recorded for this optimizer.")
        result = None
        if not sum(found.item() for found in state["found_inf_per_device"].values()):
            result = optimizer.step(*args, **kwargs)
        state["stage"] = OptState.STEPPED
        return result

    def _step_of_its_own(self, optimizer, state, args, kwargs):
        """The step of an optimizer that unscales and skips by itself."""
        if "grad_scaler" in inspect.signature(optimizer.step).parameters:
            warnings.warn(
                "GradScaler is going to stop passing itself as a keyword argument to the passed optimizer. In the near future "
                "GradScaler registers `grad_scale: Tensor` and `found_inf: Tensor` to the passed optimizer and let the optimizer use "
                "them directly.",
                FutureWarning,
                stacklevel=3,
            )
            result = optimizer.step(*args, **kwargs, grad_scaler=self)
            state["stage"] = OptState.STEPPED
            return result
        given = getattr(optimizer, "grad_scale", None)
        if state["stage"] is OptState.READY:
            self._check_inf_per_device(optimizer)
            given = self._scale * (1 if given is None else given)
        optimizer.grad_scale, optimizer.found_inf = given, self._all_found([state])
        result = optimizer.step(*args, **kwargs)
        state["stage"] = OptState.STEPPED
        del optimizer.grad_scale, optimizer.found_inf
        return result

    def _all_found(self, states):
        """One number on the scale's device for what was found on all devices; 0 where nothing was looked at."""
        found = [f.to(self._scale.device) for state in states for f in state["found_inf_per_device"].values()]
        return sum(found[1:], found[0]) if found else 0

    # --- after the step ---
    def update(self, new_scale=None):
        """Set the next scale: by what was found in the gradients, or to a given one.

        Args:
            new_scale: a float, or a 0-d tensor without requires_grad.

        Raises:
            AssertionError: nothing was scaled, no gradient was looked at, or no such new scale.
        """
        if not self._enabled:
            return
        self._need_scale("update")
        if new_scale is not None:
            self._take(new_scale)
        else:
            found = self._all_found(self._per_optimizer_states.values())
            require(isinstance(found, Tensor), "No inf checks were recorded prior to update.")
            with no_grad():
                self._adapt(found > 0)
        self._per_optimizer_states = defaultdict(fresh_state)

    def _take(self, new_scale):
        if isinstance(new_scale, float):
            self._scale.fill_(new_scale)
            return
        reason = "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with requires_grad=False."
        require(new_scale.device.type == self._device, reason)
        require(new_scale.numel() == 1, reason)
        require(new_scale.requires_grad is False, reason)
        self._scale.copy_(new_scale)

    def _adapt(self, found):
        """s ← backoff · s, or growth · s after enough good updates in a row, if that is finite."""
        good = self._growth_tracker + 1
        due = good == self._growth_interval
        grown = self._scale * self._growth_factor
        higher = grown.where(due.logical_and(grown.isfinite()), self._scale)
        self._scale.copy_((self._scale * self._backoff_factor).where(found, higher))
        self._growth_tracker.copy_(good.masked_fill(found.logical_or(due), 0))

    # --- what it is now ---
    def get_scale(self):
        """The scale as a number, 1.0 of a scaler that is off; waits for the device."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def _get_scale_async(self):
        return self._scale

    def _get_growth_tracker(self):
        if not self._enabled:
            return 0
        return self._init_growth_tracker if self._growth_tracker is None else self._growth_tracker.item()

    def get_growth_factor(self):
        """The growth factor."""
        return self._growth_factor

    def set_growth_factor(self, new_factor):
        """Set the growth factor."""
        self._growth_factor = new_factor

    def get_backoff_factor(self):
        """The backoff factor."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor):
        """Set the backoff factor."""
        self._backoff_factor = new_factor

    def get_growth_interval(self):
        """The growth interval."""
        return self._growth_interval

    def set_growth_interval(self, new_interval):
        """Set the growth interval."""
        self._growth_interval = new_interval

    def is_enabled(self):
        """Whether it scales."""
        return self._enabled

    def state_dict(self):
        """The scale, the factors, the interval and how many good updates there were in a row; {} of a scaler that is off."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict):
        """Take over what :meth:`state_dict` returned; a scaler that is off takes nothing.

        Raises:
            RuntimeError: it is that of a scaler that was off.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        if self._scale is not None:
            self._scale.fill_(self._init_scale)
            self._growth_tracker.fill_(self._init_growth_tracker)

    def __getstate__(self):
        state = dict(self.__dict__)
        if self._enabled:
            require(
                not self._per_optimizer_states,
                "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after scaler.update().",
            )
            state |= {"_init_scale": self.get_scale(), "_init_growth_tracker": self._get_growth_tracker()}
            state |= {"_scale": None, "_growth_tracker": None}
        return state


def gradients(optimizer, allow_fp16):
    for group in optimizer.param_groups:
        for param in group["params"]:
            require(isinstance(param, Tensor), f"expected param to be torch.Tensor, got {type(param).__name__}")
            grad = param.grad
            if grad is None:
                continue
            if grad.dtype is dtypes.float16 and not allow_fp16:
                raise ValueError("Attempting to unscale FP16 gradients.")
            yield grad


def multiply(grad, factor):
    """In place, in float32 where the gradient has fewer digits: the factor need not be a power of two."""
    if grad.dtype is dtypes.bfloat16 or grad.dtype is dtypes.float16:
        grad.copy_(grad.float() * factor)
    else:
        grad.mul_(factor)


__all__ = ["GradScaler", "OptState"]
