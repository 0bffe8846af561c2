"""Whole derivatives of Python functions: vjp, jvp, jacobian, hessian."""
