"""The names of torch.func."""

from plugrad.core.func import grad, grad_and_value, jvp, vjp
from plugrad.core.func_jacobian import hessian, jacfwd, jacrev, linearize
from plugrad.core.rearrange import rearrange
from plugrad.core.unwrapping import debug_unwrap, functionalize
from plugrad.core.vmap import vmap
from plugrad.nn.utils.ensemble import replace_all_batch_norm_modules_, stack_module_state
from plugrad.nn.utils.functional_call import functional_call

__all__ = [
    "debug_unwrap",
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "rearrange",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]
