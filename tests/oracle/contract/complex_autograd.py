"""Complex numbers: the conjugate convention, real and imaginary parts, mixed graphs."""
# ruff: noqa: B018, F821

# --- gradient_of_the_modulus
z = leaf(3 + 4j, dtype=torch.complex64)
z.abs().backward()
report(z.grad)

# --- complex_root_needs_a_gradient
z = leaf(1 + 2j, dtype=torch.complex64)
with attempt():
    (z * z).backward()
(z * z).backward(torch.tensor(1 + 0j))
report(z.grad)

# --- real_gradient_of_a_complex_root
z = leaf(1 + 2j, dtype=torch.complex64)
with attempt():
    (z * z).backward(torch.tensor(1.0))

# --- real_and_imaginary_parts
z = leaf(1 + 2j, 3 - 1j, dtype=torch.complex64)
report(z.real.tolist(), z.imag.tolist())
(z.real * 2 + z.imag * 3).sum().backward()
report(z.grad)

# --- parts_are_views
z = leaf(1 + 2j, 3 - 1j, dtype=torch.complex64)
w = z * 1
report(w.real._is_view(), w.imag.stride(), w.imag.storage_offset())
w.real.mul_(10)
report(w)
w.abs().sum().backward()
report(z.grad)

# --- imaginary_part_of_real
with attempt():
    leaf(1.0).imag
report(leaf(1.0).real)

# --- conjugate
z = leaf(1 + 2j, dtype=torch.complex64)
y = z.conj() * (2 + 1j)
report(torch.autograd.grad(y.real + y.imag * 3, z))

# --- product_of_complex_and_conjugate
z = leaf(1 + 2j, 3 - 1j, dtype=torch.complex64)
(z * z.conj()).real.sum().backward()
report(z.grad)

# --- real_leaf_in_a_complex_graph
x, c = leaf(1.0, 2.0), torch.tensor([1 + 2j, 3 - 1j])
y = x * c
report(y)
(y.real + 2 * y.imag).sum().backward()
report(x.grad)

# --- complex_leaf_in_a_real_result
z = leaf(1 + 2j, dtype=torch.complex64)
(z.real**2 + z.imag**3).backward()
report(z.grad)

# --- holomorphic_functions
z = leaf(0.3 + 0.4j, 0.6 - 0.2j, dtype=torch.complex128)
for name in "exp log sin cos tanh sqrt reciprocal square".split():
    y = getattr(z, name)()
    report(name, torch.autograd.grad(y, z, torch.tensor([1 + 1j, 2 - 1j], dtype=torch.complex128))[0])

# --- powers_and_quotients
z = leaf(0.3 + 0.4j, 0.6 - 0.2j, dtype=torch.complex128)
w = leaf(1 - 1j, 2 + 0.5j, dtype=torch.complex128)
g = torch.ones(2, dtype=torch.complex128)
report(torch.autograd.grad(z / w, [z, w], g), torch.autograd.grad(z**3, z, g), torch.autograd.grad(2.0**z, z, g))

# --- complex_matrix_product
a = leaf([[1 + 1j, 2.0], [0.0, 1j]], dtype=torch.complex64)
b = leaf([[1.0, 1j], [2.0, 3 - 1j]], dtype=torch.complex64)
(a @ b).abs().sum().backward()
report(a.grad, b.grad)

# --- cast_to_real_warns
z = leaf(1 + 2j, dtype=torch.complex64)
y = z.float()
report(y.item())
y.backward()
report(z.grad)

# --- real_to_complex
x = leaf(1.0, 2.0)
z = x.to(torch.complex64)
report(z)
(z * (1 + 2j)).abs().sum().backward()
report(x.grad)

# --- complex_gradient_sum
z = leaf(1 + 2j, dtype=torch.complex64)
z.abs().backward()
z.abs().backward()
report(z.grad)

# --- complex_grad_of_wrong_dtype
z = leaf(1 + 2j, dtype=torch.complex64)
with attempt():
    z.grad = torch.tensor(1.0)
x = leaf(1.0)
with attempt():
    x.grad = torch.tensor(1j)

# --- complex_second_order
z = leaf(0.3 + 0.4j, dtype=torch.complex128)
(g,) = torch.autograd.grad(z.abs() ** 4, z, create_graph=True)
report(g)
report(torch.autograd.grad(g.real, z))

# --- complex_hooks
z = leaf(1 + 2j, dtype=torch.complex64)
y = z * 2
y.register_hook(lambda g: g * 1j)
y.abs().backward()
report(z.grad)

# --- complex_in_place
z = leaf(1 + 2j, 3j, dtype=torch.complex64)
y = z * 1
y.mul_(1j).add_(z)
report(y, graph(y))
y.abs().sum().backward()
report(z.grad)

# --- real_tensor_changed_by_complex
x = torch.ones(2)
with attempt():
    x.mul_(1j)
with attempt():
    x.add_(torch.tensor([1j, 1j]))

# --- sums_and_means_of_complex
z = leaf(1 + 2j, 3 - 1j, dtype=torch.complex64)
report(
    torch.autograd.grad(z.sum().abs(), z), torch.autograd.grad(z.mean().real, z), torch.autograd.grad(z.prod().imag, z)
)

# --- complex_gradcheck
z = leaf(0.3 + 0.4j, 0.6 - 0.2j, dtype=torch.complex128)
report(torch.autograd.gradcheck(lambda z: (z * z.conj()).real.sqrt(), (z,)))
