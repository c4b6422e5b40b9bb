"""Right answers in other styles to exercise 0.4, model_bytes."""


### ALTERNATIVE seen: A loop with a set of the places already seen.
def model_bytes(model):
    seen, total = set(), 0
    for tensor in model.state_dict().values():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            total += tensor.nbytes
    return total


### ALTERNATIVE storage_and_offset: Places told apart by storage, offset and shape.
def place(tensor):
    return tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tuple(tensor.shape)


def model_bytes(model):
    distinct = {place(tensor): tensor for name, tensor in model.state_dict().items()}
    return int(sum(t.numel() * t.dtype.itemsize for t in distinct.values()))
