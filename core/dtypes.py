"""Element types: the objects ``float32``, ``int64`` ..., their categories, and torch's promotion rule."""

__all__ = ["DTYPES", "dtype", "finfo_bits", "promote_types"]

BOOL, INT, FLOAT, COMPLEX = range(4)


class dtype:
    """An element type. Compared by identity; printed as torch prints it, so that a printed tensor reads the same.

    Attributes:
        name: ``"float32"``, the name that a backend's namespace gives its own dtype object.
        itemsize: bytes of one element.
        kind: category in the promotion order bool < int < float < complex.

    Example:
        >>> import plugrad
        >>> plugrad.float32, plugrad.float32.itemsize, plugrad.int64.is_floating_point
        (torch.float32, 4, False)
    """

    __slots__ = ("__weakref__", "alias", "is_signed", "itemsize", "kind", "name", "type_name")

    def __init__(self, name, itemsize, kind, type_name, alias=None, is_signed=True):
        self.name = name
        self.itemsize = itemsize
        self.kind = kind
        self.type_name = type_name
        self.alias = alias
        self.is_signed = is_signed

    @property
    def is_floating_point(self):
        return self.kind == FLOAT

    @property
    def is_complex(self):
        return self.kind == COMPLEX

    def __repr__(self):
        return "torch." + self.name

    def __reduce__(self):
        return _by_name, (self.name,)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def to_real(self):
        """The dtype of the real part: complex64 → float32, others themselves."""
        return {complex64: float32, complex128: float64}.get(self, self)

    def to_complex(self):
        """The complex dtype with this precision: float32 → complex64."""
        return {float16: complex64, bfloat16: complex64, float32: complex64, float64: complex128}.get(self, self)


bool_ = dtype("bool", 1, BOOL, "BoolTensor", is_signed=False)
uint8 = dtype("uint8", 1, INT, "ByteTensor", is_signed=False)
int8 = dtype("int8", 1, INT, "CharTensor")
int16 = dtype("int16", 2, INT, "ShortTensor", "short")
int32 = dtype("int32", 4, INT, "IntTensor", "int")
int64 = dtype("int64", 8, INT, "LongTensor", "long")
float16 = dtype("float16", 2, FLOAT, "HalfTensor", "half")
bfloat16 = dtype("bfloat16", 2, FLOAT, "BFloat16Tensor")
float32 = dtype("float32", 4, FLOAT, "FloatTensor", "float")
float64 = dtype("float64", 8, FLOAT, "DoubleTensor", "double")
complex64 = dtype("complex64", 8, COMPLEX, "ComplexFloatTensor", "cfloat")
complex128 = dtype("complex128", 16, COMPLEX, "ComplexDoubleTensor", "cdouble")

DTYPES = {
    d.name: d
    for d in (
        bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64, complex64, complex128,
    )
}  # fmt: skip


def _by_name(name):
    return DTYPES[name]


def finfo_bits(d):
    return d.itemsize * 8 if d.kind != COMPLEX else d.itemsize * 4


def _promote(a, b):
    if a is b:
        return a
    if a.kind != b.kind:
        low, high = (a, b) if a.kind < b.kind else (b, a)
        if high.kind == COMPLEX and low.kind == FLOAT and low is float64:
            return complex128
        return high
    if a.kind == INT:
        if a.is_signed != b.is_signed:  # uint8 with a signed one: the signed type that holds both
            signed = a if a.is_signed else b
            return signed if signed.itemsize > 1 else int16
        return a if a.itemsize > b.itemsize else b
    if a.itemsize == b.itemsize:  # float16 with bfloat16
        return float32
    return a if a.itemsize > b.itemsize else b


_TABLE = {(a, b): _promote(a, b) for a in DTYPES.values() for b in DTYPES.values()}


def promote_types(type1, type2):
    """Return the smallest dtype that holds both, by category first and size second (torch's lattice).

    Example:
        >>> import plugrad
        >>> plugrad.promote_types(plugrad.int64, plugrad.float16)
        torch.float16
    """
    for position, d in enumerate((type1, type2), 1):
        if not isinstance(d, dtype):
            raise TypeError(
                f"promote_types(): argument 'type{position}' (position {position}) must be torch.dtype, not {type(d).__name__}"
            )
    return _TABLE[type1, type2]
