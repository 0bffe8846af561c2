"""The names of torch.utils that plugrad has, and ``training``, which torch lacks; each is imported when first asked for."""

from typing import TYPE_CHECKING

from plugrad.core.lazy import names_of

if TYPE_CHECKING:
    from plugrad.utils import benchmark, checkpoint, data, deterministic, dlpack, tensorboard, training
    from plugrad.utils.swapping import swap_tensors

if not TYPE_CHECKING:  # a type checker would take every name for known
    __getattr__, __dir__ = names_of(
        __name__,
        {"swap_tensors": "swapping"},
        ("benchmark", "checkpoint", "data", "deterministic", "dlpack", "tensorboard", "training"),
    )

__all__ = ["benchmark", "checkpoint", "data", "deterministic", "dlpack", "swap_tensors", "tensorboard", "training"]
