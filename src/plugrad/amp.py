"""Mixed precision: the names of torch.amp."""

from plugrad.core.autocast import autocast, is_autocast_available
from plugrad.core.custom_casts import custom_bwd, custom_fwd
from plugrad.core.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
