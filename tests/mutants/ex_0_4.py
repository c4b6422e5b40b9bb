"""Known wrong implementations of exercise 0.4, model_bytes."""


### MUTANT tied_twice: A tied embedding stands in the state dict under two names and was counted twice; count its memory once.
def model_bytes(model):
    return sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())


### MUTANT parameters_only: Persistent buffers (masks, scales, integers) are stored too; go through the state dict.
def model_bytes(model):
    bytes_at = {
        parameter.data_ptr(): parameter.numel() * parameter.element_size() for parameter in model.parameters()
    }
    return sum(bytes_at.values())


### MUTANT all_buffers: Buffers with persistent=False are computed anew and never stored; count what is in the state dict.
def model_bytes(model):
    tensors = [*model.parameters(), *model.buffers()]
    return sum({tensor.data_ptr(): tensor.numel() * tensor.element_size() for tensor in tensors}.values())


### MUTANT four_bytes_each: Not every element takes 4 bytes: fp16 takes 2, int8 takes 1; use each tensor's element_size().
def model_bytes(model):
    bytes_at = {tensor.data_ptr(): tensor.numel() * 4 for tensor in model.state_dict().values()}
    return sum(bytes_at.values())


### MUTANT whole_storage: A view was counted with the whole storage behind it; count its own elements, numel() * element_size().
def model_bytes(model):
    storages = [tensor.untyped_storage() for tensor in model.state_dict().values()]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


### MUTANT bits: These are bits; element_size() already counts bytes.
def model_bytes(model):
    bytes_at = {t.data_ptr(): 8 * t.numel() * t.element_size() for t in model.state_dict().values()}
    return sum(bytes_at.values())


### MUTANT elements_only: Elements were counted, not bytes; multiply by each tensor's element_size().
def model_bytes(model):
    return sum({tensor.data_ptr(): tensor.numel() for tensor in model.state_dict().values()}.values())


### MUTANT storage_once: A second view of one storage was dropped; two views of different parts both count.
def model_bytes(model):
    bytes_at = {
        tensor.untyped_storage().data_ptr(): tensor.numel() * tensor.element_size()
        for tensor in model.state_dict().values()
    }
    return sum(bytes_at.values())


### MUTANT by_identity: Two tensor objects can lie at one place in memory; compare data_ptr(), not the objects.
def model_bytes(model):
    tensors = {id(tensor): tensor for tensor in model.state_dict(keep_vars=True).values()}
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


### MUTANT by_shape: Two tensors of one shape were taken for one; they are one only where they begin at the same place.
def model_bytes(model):
    sizes = {(t.shape, t.dtype): t.numel() * t.element_size() for t in model.state_dict().values()}
    return sum(sizes.values())


### MUTANT by_value: Equal numbers are not shared memory; two tensors are one only where they begin at the same place.
def model_bytes(model):
    kept = []
    for tensor in model.state_dict().values():
        if not any(tensor.dtype == other.dtype and torch.equal(tensor, other) for other in kept):
            kept.append(tensor)
    return sum(tensor.numel() * tensor.element_size() for tensor in kept)


### MUTANT float_returned: A float came back; bytes are counted in an int.
def model_bytes(model):
    bytes_at = {
        t.data_ptr(): t.numel() * torch.finfo(t.dtype).bits / 8
        if t.is_floating_point()
        else t.numel() * t.element_size()
        for t in model.state_dict().values()
    }
    return sum(bytes_at.values())
