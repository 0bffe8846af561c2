"""The names of torch.utils that plugrad has; each is imported when it is first asked for."""

from typing import TYPE_CHECKING

from plugrad.core.lazy import names_of

if TYPE_CHECKING:
    from plugrad.utils import checkpoint, data, dlpack

if not TYPE_CHECKING:  # a type checker would take every name for known
    __getattr__, __dir__ = names_of(__name__, {}, ("checkpoint", "data", "dlpack"))

__all__ = ["checkpoint", "data", "dlpack"]
