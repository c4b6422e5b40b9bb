"""A tensor as a view of its memory."""

import torch

ELEMENTS = 10_000_000  # of one tensor: strides of 0 make large ones of little memory


def view_of(
    storage: torch.UntypedStorage,
    dtype: torch.dtype,
    shape: list,
    stride: list,
    offset: int,
    most: float = ELEMENTS,
) -> torch.Tensor:
    """A tensor on this memory. ValueError: it reaches beyond its end, or has more than `most` elements."""
    numbers = [*shape, *stride, offset]
    if len(shape) != len(stride) or any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError("a tensor's shape and strides are no sizes")
    elements = 1
    for size in shape:
        elements *= size
    last = (
        offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True)) if elements else -1
    )
    if elements > most or (last + 1) * dtype.itemsize > storage.nbytes():
        raise ValueError("a tensor reaches beyond its memory")
    return torch.empty(0, dtype=dtype).set_(storage, offset, shape, stride)


def place_of(tensor: torch.Tensor) -> tuple:
    return (
        *(tensor.dtype, tensor.shape, tensor.stride(), tensor.storage_offset()),
        tensor.untyped_storage()._cdata,
    )
