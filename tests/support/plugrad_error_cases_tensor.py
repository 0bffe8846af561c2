"""Bad inputs of operators, indexing, dtypes, devices, conversions and random numbers."""

from plugrad_error_registry import leaf, table

# --- shapes of operators ---

table(
    "add",
    shapes=lambda t: t.ones(2, 3) + t.ones(4),
    shapes_leading=lambda t: t.ones(2, 3) + t.ones(3, 3),
    string=lambda t: t.ones(2) + "a",
    none=lambda t: t.ones(2) + None,
    list=lambda t: t.add(t.ones(2), [1.0, 2.0]),
    inplace_shape=lambda t: t.ones(3).add_(t.ones(2, 3)),
)
table(
    "mul",
    shapes=lambda t: t.ones(2, 3) * t.ones(2, 4),
    recorded=lambda t: leaf(t, 2, 3) * leaf(t, 2),
    inplace_shape=lambda t: t.ones(1).mul_(t.ones(3)),
)
table(
    "binary",
    sub_shapes=lambda t: t.ones(5) - t.ones(2),
    div_shapes=lambda t: t.ones(5) / t.ones(2, 2),
    maximum_shapes=lambda t: t.maximum(t.ones(3), t.ones(4)),
    where_shapes=lambda t: t.where(t.ones(3) > 0, t.ones(3), t.ones(4)),
    compare_shapes=lambda t: t.ones(3) < t.ones(4),
    sub_bool=lambda t: t.tensor([True]) - t.tensor([False]),
    negate_bool=lambda t: -t.tensor([True]),
    integer_power=lambda t: t.tensor([2]) ** -1,
    floor_divide_zero=lambda t: t.tensor([2]) // 0,
    div_rounding_mode=lambda t: t.div(t.ones(2), 2, rounding_mode="up"),
)
table(
    "matmul",
    inner=lambda t: t.ones(2, 3) @ t.ones(4, 5),
    vector=lambda t: t.ones(3) @ t.ones(4),
    matrix_vector=lambda t: t.ones(2, 3) @ t.ones(4),
    vector_matrix=lambda t: t.ones(3) @ t.ones(4, 2),
    scalar=lambda t: t.tensor(1.0) @ t.ones(2),
    batch=lambda t: t.ones(2, 3, 4) @ t.ones(3, 4, 5),
    batch_inner=lambda t: t.ones(2, 3, 4) @ t.ones(2, 5, 6),
    dtypes=lambda t: t.ones(2, 2) @ t.ones(2, 2, dtype=t.int64),
    dtypes_float64=lambda t: t.ones(2, 2) @ t.ones(2, 2, dtype=t.float64),
)
table(
    "mm",
    inner=lambda t: t.mm(t.ones(2, 3), t.ones(2, 3)),
    not_matrices=lambda t: t.mm(t.ones(2, 2, 2), t.ones(2, 2)),
    vector=lambda t: t.mm(t.ones(2, 2), t.ones(2)),
    dtypes=lambda t: t.mm(t.ones(2, 2), t.ones(2, 2, dtype=t.float64)),
)
table(
    "bmm",
    batch=lambda t: t.bmm(t.ones(2, 3, 4), t.ones(3, 4, 5)),
    inner=lambda t: t.bmm(t.ones(2, 3, 4), t.ones(2, 3, 5)),
    matrices=lambda t: t.bmm(t.ones(3, 4), t.ones(4, 5)),
)
table(
    "product",
    dot_sizes=lambda t: t.dot(t.ones(3), t.ones(4)),
    dot_matrix=lambda t: t.dot(t.ones(3, 1), t.ones(3)),
    dot_dtypes=lambda t: t.dot(t.ones(3), t.ones(3, dtype=t.float64)),
    mv_sizes=lambda t: t.mv(t.ones(2, 3), t.ones(2)),
    outer_matrix=lambda t: t.outer(t.ones(2, 2), t.ones(2)),
    einsum_sizes=lambda t: t.einsum("ij,jk->ik", t.ones(2, 3), t.ones(4, 5)),
    einsum_operands=lambda t: t.einsum("ij,jk->ik", t.ones(2, 3)),
    einsum_rank=lambda t: t.einsum("ijk->i", t.ones(2, 3)),
)
table(
    "linear",
    features=lambda t: t.nn.functional.linear(t.ones(2, 3), t.ones(4, 5)),
    module=lambda t: t.nn.Linear(3, 2)(t.ones(2, 4)),
    module_batch=lambda t: t.nn.Linear(3, 2)(t.ones(2, 2, 4)),
    module_vector=lambda t: t.nn.Linear(3, 2)(t.ones(4)),
    dtype=lambda t: t.nn.Linear(3, 2)(t.ones(2, 3, dtype=t.float64)),
    integers=lambda t: t.nn.Linear(3, 2)(t.ones(2, 3, dtype=t.int64)),
)
table(
    "cat",
    sizes=lambda t: t.cat([t.ones(2, 3), t.ones(2, 4)]),
    sizes_dim=lambda t: t.cat([t.ones(2, 3), t.ones(3, 3)], dim=1),
    ranks=lambda t: t.cat([t.ones(2, 3), t.ones(3)]),
    empty_list=lambda t: t.cat([]),
    scalars=lambda t: t.cat([t.tensor(1.0), t.tensor(2.0)]),
    dim=lambda t: t.cat([t.ones(2), t.ones(2)], dim=1),
    one_tensor=lambda t: t.cat(t.ones(2)),
)
table(
    "stack",
    sizes=lambda t: t.stack([t.ones(2), t.ones(3)]),
    empty_list=lambda t: t.stack([]),
    dim=lambda t: t.stack([t.ones(2), t.ones(2)], dim=2),
)
table(
    "view",
    size=lambda t: t.ones(2, 3).view(4, 2),
    two_unknown=lambda t: t.ones(2, 3).view(-1, -1),
    indivisible=lambda t: t.ones(2, 3).view(4, -1),
    not_contiguous=lambda t: t.ones(2, 3).t().view(6),
    negative=lambda t: t.ones(2, 3).view(-2, 3),
    empty_unknown=lambda t: t.ones(0).view(-1, 0),
)
table(
    "reshape",
    size=lambda t: t.ones(2, 3).reshape(4, 2),
    indivisible=lambda t: t.ones(2, 3).reshape(4, -1),
    two_unknown=lambda t: t.reshape(t.ones(2, 3), (-1, -1)),
)
table(
    "expand",
    size=lambda t: t.ones(2, 3).expand(2, 4),
    fewer_dims=lambda t: t.ones(2, 3).expand(3),
    leading_minus_one=lambda t: t.ones(3).expand(-1, 3),
    broadcast_to=lambda t: t.broadcast_to(t.ones(2), (3,)),
)
table(
    "shape",
    permute_duplicate=lambda t: t.ones(2, 3).permute(0, 0),
    permute_length=lambda t: t.ones(2, 3).permute(0),
    permute_range=lambda t: t.ones(2, 3).permute(0, 2),
    t_of_3d=lambda t: t.ones(2, 3, 4).t(),
    transpose_range=lambda t: t.ones(2, 3).transpose(0, 2),
    squeeze_range=lambda t: t.ones(2, 3).squeeze(2),
    unsqueeze_range=lambda t: t.ones(2, 3).unsqueeze(4),
    flatten_range=lambda t: t.ones(2, 3).flatten(0, 2),
    flatten_order=lambda t: t.ones(2, 3).flatten(1, 0),
    unflatten_sizes=lambda t: t.ones(2, 6).unflatten(1, (4, 2)),
    flip_duplicate=lambda t: t.flip(t.ones(2, 3), (0, 0)),
    movedim_duplicate=lambda t: t.movedim(t.ones(2, 3), (0, 0), (0, 1)),
    split_sizes=lambda t: t.ones(5).split([2, 2]),
    chunk_zero=lambda t: t.ones(5).chunk(0),
    repeat_fewer=lambda t: t.ones(2, 3).repeat(2),
    narrow_length=lambda t: t.ones(4).narrow(0, 2, 3),
    unbind_scalar=lambda t: t.tensor(1.0).unbind(),
    tril_vector=lambda t: t.ones(3).tril(),
    diagonal_vector=lambda t: t.ones(3).diagonal(),
    unfold_size=lambda t: t.ones(3).unfold(0, 4, 1),
)

# --- dims of reductions ---

table(
    "dim",
    sum_range=lambda t: t.ones(2, 3).sum(2),
    sum_negative_range=lambda t: t.ones(2, 3).sum(-3),
    sum_duplicate=lambda t: t.ones(2, 3).sum((0, 0)),
    mean_range=lambda t: t.ones(2, 3).mean(5),
    max_range=lambda t: t.ones(2, 3).max(2),
    argmax_range=lambda t: t.ones(2, 3).argmax(2),
    softmax_range=lambda t: t.softmax(t.ones(2, 3), 2),
    cumsum_range=lambda t: t.ones(2, 3).cumsum(2),
    sort_range=lambda t: t.ones(2, 3).sort(2),
    size_range=lambda t: t.ones(2, 3).size(2),
    scalar_range=lambda t: t.tensor(1.0).sum(1),
    var_duplicate=lambda t: t.ones(2, 3).var((1, -1)),
    topk_k=lambda t: t.ones(3).topk(4),
    kthvalue_k=lambda t: t.ones(3).kthvalue(4),
)
table(
    "empty",
    max=lambda t: t.ones(0).max(),
    argmax=lambda t: t.ones(0).argmax(),
    min_dim=lambda t: t.ones(2, 0).min(1),
    argmin_dim=lambda t: t.ones(2, 0).argmin(1),
    amax=lambda t: t.ones(2, 0).amax(1),
)

# --- indexing ---

table(
    "index",
    range=lambda t: t.ones(3)[3],
    range_negative=lambda t: t.ones(3)[-4],
    range_second=lambda t: t.ones(3, 2)[0, 2],
    too_many=lambda t: t.ones(3)[0, 0],
    scalar=lambda t: t.tensor(1.0)[0],
    tensor_range=lambda t: t.ones(3)[t.tensor([0, 3])],
    float_tensor=lambda t: t.ones(3)[t.tensor([0.0])],
    mask_shape=lambda t: t.ones(3)[t.tensor([True, False])],
    broadcast=lambda t: t.ones(3, 3)[t.tensor([0, 1]), t.tensor([0, 1, 2])],
    negative_step=lambda t: t.ones(3)[::-1],
    float=lambda t: t.ones(3)[1.0],
    store_shape=lambda t: t.ones(3).__setitem__(slice(None), t.ones(2)),
    store_range=lambda t: t.ones(3).__setitem__(5, 1.0),
    store_mask=lambda t: t.ones(3).__setitem__(t.tensor([True, True, False]), t.ones(3)),
    store_leaf=lambda t: leaf(t, 3).__setitem__(0, 1.0),
    select_range=lambda t: t.ones(3).select(0, 3),
    index_select_range=lambda t: t.ones(3).index_select(0, t.tensor([4])),
    index_select_matrix=lambda t: t.ones(3).index_select(0, t.tensor([[1]])),
    index_select_dtype=lambda t: t.ones(3).index_select(0, t.tensor([1.0])),
    gather_dtype=lambda t: t.ones(3).gather(0, t.tensor([1.0])),
    gather_range=lambda t: t.ones(3).gather(0, t.tensor([3])),
    gather_rank=lambda t: t.ones(3).gather(0, t.tensor([[0]])),
    scatter_dtype=lambda t: t.zeros(3).scatter(0, t.tensor([1.0]), t.ones(1)),
    scatter_range=lambda t: t.zeros(3).scatter(0, t.tensor([3]), t.ones(1)),
    masked_fill_mask=lambda t: t.ones(3).masked_fill(t.ones(3), 0.0),
    masked_select_mask=lambda t: t.ones(3).masked_select(t.ones(3)),
    index_add_sizes=lambda t: t.zeros(3).index_add(0, t.tensor([0, 1]), t.ones(3)),
    take_dtype=lambda t: t.take(t.ones(3), t.tensor([1.0])),
)

# --- dtypes ---

table(
    "dtype",
    integer_requires_grad=lambda t: t.tensor([1, 2], requires_grad=True),
    integer_ones_requires_grad=lambda t: t.ones(2, dtype=t.int64, requires_grad=True),
    integer_requires_grad_=lambda t: t.tensor([1, 2]).requires_grad_(),
    bool_attribute=lambda t: setattr(t.tensor([True]), "requires_grad", True),
    bitwise_and=lambda t: t.ones(2) & t.ones(2),
    bitwise_or=lambda t: t.ones(2) | t.ones(2),
    bitwise_xor=lambda t: t.ones(2) ^ t.ones(2),
    bitwise_not=lambda t: ~t.ones(2),
    shift=lambda t: t.bitwise_left_shift(t.ones(2), t.ones(2)),
    mean=lambda t: t.tensor([1, 2]).mean(),
    mean_bool=lambda t: t.tensor([True, False]).mean(),
    mean_dim=lambda t: t.tensor([[1, 2]]).mean(1),
    var=lambda t: t.tensor([1, 2]).var(),
    log_softmax=lambda t: t.log_softmax(t.tensor([1, 2]), 0),
    softmax=lambda t: t.softmax(t.tensor([1, 2]), 0),
    norm=lambda t: t.linalg.vector_norm(t.tensor([1, 2])),
    inplace_cast=lambda t: t.tensor([1, 2]).add_(1.5),
    inplace_div=lambda t: t.tensor([1, 2]).div_(2),
    inplace_sqrt=lambda t: t.tensor([1, 2]).sqrt_(),
    out_cast=lambda t: t.add(t.ones(2), 1.0, out=t.zeros(2, dtype=t.int64)),
    where_condition=lambda t: t.where(t.ones(2), t.ones(2), t.zeros(2)),
    parameter=lambda t: t.nn.Parameter(t.tensor([1, 2])),
    complex_max=lambda t: t.tensor([1j]).max(),
    complex_compare=lambda t: t.tensor([1j]) < t.tensor([2j]),
    relu_bool=lambda t: t.relu(t.tensor([True])),
    full_bool_mean=lambda t: t.mean(t.ones(2), dtype=t.int64),
    randint_empty=lambda t: t.randint(3, 3, (2,)),
    arange_sign=lambda t: t.arange(3, 0),
    arange_zero_step=lambda t: t.arange(0, 3, 0),
    linspace_steps=lambda t: t.linspace(0, 1, -1),
    linspace_keyword=lambda t: t.linspace(0, 1, 5, datatype=t.float),
    randn_keyword=lambda t: t.randn((), datatype=t.float),
    full_keyword=lambda t: t.full((), 0.0, datatype=t.float),
    negative_size=lambda t: t.zeros(-1),
    ragged=lambda t: t.tensor([[1.0, 2.0], [3.0]]),
    ragged_depth=lambda t: t.tensor([[1.0], 2.0]),
    strings=lambda t: t.tensor("abc"),
    string_list=lambda t: t.tensor(["a", "b"]),
    none=lambda t: t.tensor(None),
    promote=lambda t: t.promote_types(t.float32, "float64"),
    default=lambda t: t.set_default_dtype(t.int64),
)

# --- devices ---

table(
    "device",
    unknown=lambda t: t.device("gpu"),
    empty=lambda t: t.device(""),
    index=lambda t: t.device("cuda:x"),
    negative_index=lambda t: t.device("cuda:-1"),
    two_indices=lambda t: t.device("cuda:0", 1),
    keyword=lambda t: t.zeros(2, device="gpu"),
    to_unknown=lambda t: t.ones(2).to("nowhere"),
    module_to_dtype=lambda t: t.nn.Linear(2, 2).to(t.int64),
)

# --- conversion ---

table(
    "convert",
    item_of_several=lambda t: t.ones(2).item(),
    item_of_none=lambda t: t.ones(0).item(),
    bool_of_several=lambda t: bool(t.ones(2)),
    bool_of_none=lambda t: bool(t.ones(0)),
    if_of_several=lambda t: 1 if t.ones(2) == t.ones(2) else 0,
    float_of_several=lambda t: float(t.ones(2)),
    int_of_several=lambda t: int(t.ones(2)),
    complex_of_several=lambda t: complex(t.ones(2)),
    index_of_float=lambda t: [1, 2][t.tensor(1.0)],
    index_of_several=lambda t: [1, 2][t.tensor([1, 0])],
    range_of_float=lambda t: range(t.tensor(2.0)),
    numpy_of_recorded=lambda t: leaf(t, 2).numpy(),
    len_of_scalar=lambda t: len(t.tensor(1.0)),
    iterate_scalar=lambda t: list(t.tensor(1.0)),
    unpack_scalar=lambda t: [*t.tensor(1.0)],
    contains=lambda t: "a" in t.ones(2),
    format=lambda t: f"{t.ones(2):.3f}",
    float_of_complex=lambda t: float(t.tensor(1j)),
    from_numpy_list=lambda t: t.from_numpy([1.0]),
    attribute=lambda t: t.ones(2).nothing,
    module_attribute=lambda t: t.nothing_of_this_name,
    copy_shape=lambda t: t.ones(2).copy_(t.ones(3)),
    type_name=lambda t: t.ones(2).type("nothing"),
    result_int64_overflow=lambda t: t.tensor(2**70),
)

# --- random numbers ---

table(
    "random",
    seed_string=lambda t: t.manual_seed("one"),
    seed_none=lambda t: t.manual_seed(None),
    seed_too_large=lambda t: t.manual_seed(2**65),
    seed_list=lambda t: t.manual_seed([1]),
    randperm_negative=lambda t: t.randperm(-1),
    randint_order=lambda t: t.randint(5, 2, (3,)),
    bernoulli_range=lambda t: t.bernoulli(t.tensor([2.0])),
    uniform_order=lambda t: t.ones(2).uniform_(1.0, 0.0),
    normal_std=lambda t: t.ones(2).normal_(0.0, -1.0),
    multinomial_negative=lambda t: t.multinomial(t.tensor([-1.0, 2.0]), 1),
    multinomial_too_many=lambda t: t.multinomial(t.ones(2), 3),
    state_kind=lambda t: t.set_rng_state(t.ones(3)),
)
