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
