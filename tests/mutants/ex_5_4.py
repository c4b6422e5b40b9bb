"""Known wrong implementations of exercise 5.4, save_compressed and load_compressed."""


### MUTANT masks_left_on: A masked weight has other names in the state dict, which no loader knows; call bake_masks first.
def save_compressed(model, path):
    tensors = stored_tensors(model)
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    header = {"format": FORMAT, "config": config, "sha256": checksum(config, tensors)}
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(
            save(tensors, {"minicompress": json.dumps(header, sort_keys=True, separators=(",", ":"))})
        )


### MUTANT time_inside: A time (or a path) in the header makes every file different; the same model must give the same bytes.
import time


def save_compressed(model, path):
    bake_masks(model)
    tensors = stored_tensors(model)
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    header = {"format": FORMAT, "config": config, "sha256": checksum(config, tensors)}
    header["saved"] = time.time()
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(
            save(tensors, {"minicompress": json.dumps(header, sort_keys=True, separators=(",", ":"))})
        )


### MUTANT not_atomic: Writing straight to the path destroys the old file when the save fails; write beside it, then rename.
def save_compressed(model, path):
    bake_masks(model)
    tensors = stored_tensors(model)
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    header = {"format": FORMAT, "config": config, "sha256": checksum(config, tensors)}
    Path(path).write_bytes(
        save(tensors, {"minicompress": json.dumps(header, sort_keys=True, separators=(",", ":"))})
    )


### MUTANT unverified: The file was believed unread: one flipped bit gives a wrong model; compare format and checksum first.
def load_compressed(path):
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"no file at {path}")
    try:
        with safe_open(path, "pt") as file:
            header = json.loads(file.metadata()["minicompress"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        return build_model(header["config"], tensors)
    except (
        SafetensorError,
        KeyError,
        TypeError,
        AttributeError,
        RuntimeError,
        StrictDataclassError,
    ) as error:
        raise ValueError(
            f"{path} is no readable safetensors file (truncated or corrupted): {error}"
        ) from error


### MUTANT left_in_training: The model came back in training mode, with dropout on; a loaded model is in eval mode.
def load_compressed(path):
    header, tensors = read_file(Path(path))
    try:
        return build_model(header["config"], tensors).train()
    except (KeyError, TypeError, AttributeError, RuntimeError, StrictDataclassError) as error:
        raise ValueError(f"the tensors in {path} do not fit its configuration: {error}") from error


### MUTANT catches_one_kind: Only one kind of error was turned into a ValueError; a wrong configuration makes the library raise several.
def load_compressed(path: str | Path) -> nn.Module:
    header, tensors = read_file(Path(path))
    try:
        return build_model(header["config"], tensors)
    except KeyError as error:
        raise ValueError(f"the tensors in {path} do not fit its configuration: {error}") from error


### MUTANT whole_config: The whole configuration was stored, versions included; store what differs from the defaults, without them.
def save_compressed(model: nn.Module, path: str | Path) -> None:
    bake_masks(model)
    tensors = stored_tensors(model)
    config = model.config.to_dict()
    header = {"format": FORMAT, "config": config, "sha256": checksum(config, tensors)}
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(
            save(tensors, {"minicompress": json.dumps(header, sort_keys=True, separators=(",", ":"))})
        )


### MUTANT unsorted: The JSON is not sorted, so equal models can give different bytes; pass sort_keys=True.
def save_compressed(model: nn.Module, path: str | Path) -> None:
    bake_masks(model)
    tensors = stored_tensors(model)
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    header = {"format": FORMAT, "config": config, "sha256": checksum(config, tensors)}
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, {"minicompress": json.dumps(header, separators=(",", ":"))}))
