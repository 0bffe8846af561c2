"""The names of torch.autograd.functional."""


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
