"""Known wrong implementations of exercise 6.1, save_compressed, read_file and load_compressed."""


### MUTANT masks_left_on: A masked weight has other names in the state dict, which no loader knows; call bake_masks first.
def save_compressed(model, path) -> None:
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    tensors = stored_tensors(model)
    header = {"format": FORMAT, "config": config, "manifest": manifest_of(model)}
    header["sha256"] = checksum(header, tensors)
    entry = json.dumps(header, sort_keys=True, separators=(",", ":"))
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, {"minicompress": entry}))


### MUTANT time_inside: A time (or a path) in the header makes every file different; the same model must give the same bytes.
import time


def save_compressed(model, path) -> None:
    bake_masks(model)
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    tensors = stored_tensors(model)
    header = {"format": FORMAT, "config": config, "manifest": manifest_of(model)}
    header["saved"] = time.time()
    header["sha256"] = checksum(header, tensors)
    entry = json.dumps(header, sort_keys=True, separators=(",", ":"))
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, {"minicompress": entry}))


### MUTANT not_atomic: Writing straight to the path destroys the old file when the save fails; write beside it, then rename.
def save_compressed(model, path) -> None:
    bake_masks(model)
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    tensors = stored_tensors(model)
    header = {"format": FORMAT, "config": config, "manifest": manifest_of(model)}
    header["sha256"] = checksum(header, tensors)
    entry = json.dumps(header, sort_keys=True, separators=(",", ":"))
    Path(path).write_bytes(save(tensors, {"minicompress": entry}))


### MUTANT left_in_training: The model came back in training mode, with dropout on; a loaded model is in eval mode.
def load_compressed(path):
    return build_model(*read_file(Path(path))).train()


### MUTANT whole_config: The whole configuration was stored, versions included; store what differs from the defaults, without them.
def save_compressed(model, path) -> None:
    bake_masks(model)
    config = model.config.to_dict()
    tensors = stored_tensors(model)
    header = {"format": FORMAT, "config": config, "manifest": manifest_of(model)}
    header["sha256"] = checksum(header, tensors)
    entry = json.dumps(header, sort_keys=True, separators=(",", ":"))
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, {"minicompress": entry}))


### MUTANT unsorted: The JSON is not sorted, so equal models can give different bytes; pass sort_keys=True.
def save_compressed(model, path) -> None:
    bake_masks(model)
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    tensors = stored_tensors(model)
    header = {"format": FORMAT, "config": config, "manifest": manifest_of(model)}
    header["sha256"] = checksum(header, tensors)
    entry = json.dumps(header, separators=(",", ":"))
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, {"minicompress": entry}))


### MUTANT checksum_of_the_tensors: The checksum covered the tensors alone, so a changed configuration went unseen; add it to the finished header.
def save_compressed(model, path) -> None:
    bake_masks(model)
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    tensors = stored_tensors(model)
    header = {"format": FORMAT, "config": config, "manifest": manifest_of(model)}
    header["sha256"] = checksum({}, tensors)
    entry = json.dumps(header, sort_keys=True, separators=(",", ":"))
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, {"minicompress": entry}))


### MUTANT four_entries: The four parts became four metadata entries, whose order safetensors does not keep; write one entry, the JSON of all.
def save_compressed(model, path) -> None:
    bake_masks(model)
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    tensors = stored_tensors(model)
    header = {"format": FORMAT, "config": config, "manifest": manifest_of(model)}
    header["sha256"] = checksum(header, tensors)
    entries = {key: json.dumps(value, sort_keys=True) for key, value in header.items()}
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, entries))


### MUTANT plain_state_dict: The fp32 state dict was saved as it is; `stored_tensors` gives every weight in its cheapest encoding.
def save_compressed(model, path) -> None:
    bake_masks(model)
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    header = {"format": FORMAT, "config": config, "manifest": manifest_of(model)}
    header["sha256"] = checksum(header, tensors)
    entry = json.dumps(header, sort_keys=True, separators=(",", ":"))
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, {"minicompress": entry}))


### MUTANT path_left_in: The folder of the model and the library's version stayed in the configuration; leave the three keys out.
def save_compressed(model, path) -> None:
    bake_masks(model)
    config = {key: value for key, value in model.config.to_diff_dict().items()}
    tensors = stored_tensors(model)
    header = {"format": FORMAT, "config": config, "manifest": manifest_of(model)}
    header["sha256"] = checksum(header, tensors)
    entry = json.dumps(header, sort_keys=True, separators=(",", ":"))
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, {"minicompress": entry}))


### MUTANT checksum_over_itself: The checksum was computed over a header that already had a (wrong) one; compute it before it is added.
def save_compressed(model, path) -> None:
    bake_masks(model)
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    tensors = stored_tensors(model)
    header = {"format": FORMAT, "config": config, "manifest": manifest_of(model)}
    header["sha256"] = ""
    header["sha256"] = checksum(header, tensors)
    entry = json.dumps(header, sort_keys=True, separators=(",", ":"))
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, {"minicompress": entry}))


### MUTANT checksum_before_the_manifest: The checksum was computed before the header was complete; it covers format, config and manifest.
def save_compressed(model, path) -> None:
    bake_masks(model)
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    tensors = stored_tensors(model)
    header = {"format": FORMAT, "config": config}
    header["sha256"] = checksum(header, tensors)
    header["manifest"] = manifest_of(model)
    entry = json.dumps(header, sort_keys=True, separators=(",", ":"))
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(save(tensors, {"minicompress": entry}))


### MUTANT temporary_left: When the renaming failed, the temporary file stayed behind; remove it, as atomic_write does.
def save_compressed(model, path) -> None:
    bake_masks(model)
    config = {
        key: value
        for key, value in model.config.to_diff_dict().items()
        if key not in ("transformers_version", "dtype", "_name_or_path")
    }
    tensors = stored_tensors(model)
    header = {"format": FORMAT, "config": config, "manifest": manifest_of(model)}
    header["sha256"] = checksum(header, tensors)
    entry = json.dumps(header, sort_keys=True, separators=(",", ":"))
    temporary = Path(f"{path}.tmp")
    temporary.write_bytes(save(tensors, {"minicompress": entry}))
    temporary.replace(path)


### MUTANT loads_fp16: The model came back in fp16; it is stored in fp16 and computes in fp32.
def load_compressed(path):
    model = build_model(*read_file(Path(path)))
    for parameter in model.parameters():
        parameter.data = parameter.data.half()
    return model


### MUTANT string_path: A path given as a string has no is_file(); make a Path of it first.
def load_compressed(path):
    return build_model(*read_file(path))


### MUTANT unverified: The file was believed unread: one flipped bit gives a wrong model; compare the checksum before you return anything.
def read_file(path):
    if not path.is_file():
        raise ValueError(f"no file at {path}")
    try:
        with safe_open(path, "pt") as file:
            header = dict(json.loads((file.metadata() or {}).get("minicompress", "{}")))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        said, computed = header.pop("sha256", None), checksum(header, tensors)
    except (SafetensorError, OSError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is no readable safetensors file: {error}") from error
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by save_compressed")
    return header, tensors


### MUTANT catches_one_kind: Only one kind of error became a ValueError; bytes of a stranger can raise others, such as a TypeError.
def read_file(path):
    if not path.is_file():
        raise ValueError(f"no file at {path}")
    try:
        with safe_open(path, "pt") as file:
            header = dict(json.loads((file.metadata() or {}).get("minicompress", "{}")))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        said, computed = header.pop("sha256", None), checksum(header, tensors)
    except SafetensorError as error:
        raise ValueError(f"{path} is no readable safetensors file: {error}") from error
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by save_compressed")
    if said != computed:
        raise ValueError(f"{path} is corrupted")
    return header, tensors


### MUTANT checksum_handed_on: The header still has its sha256; hand on the three keys that the checksum covers.
def read_file(path):
    if not path.is_file():
        raise ValueError(f"no file at {path}")
    try:
        with safe_open(path, "pt") as file:
            header = dict(json.loads((file.metadata() or {}).get("minicompress", "{}")))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        said, computed = header.pop("sha256", None), checksum(header, tensors)
    except (SafetensorError, OSError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is no readable safetensors file: {error}") from error
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by save_compressed")
    if said != computed:
        raise ValueError(f"{path} is corrupted")
    return header | {"sha256": said}, tensors


### MUTANT format_not_compared: The format was not compared: a file of another version with a right checksum came through.
def read_file(path):
    if not path.is_file():
        raise ValueError(f"no file at {path}")
    try:
        with safe_open(path, "pt") as file:
            header = dict(json.loads((file.metadata() or {}).get("minicompress", "{}")))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        said, computed = header.pop("sha256", None), checksum(header, tensors)
    except (SafetensorError, OSError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is no readable safetensors file: {error}") from error
    if said != computed:
        raise ValueError(f"{path} is corrupted")
    return header, tensors


### MUTANT entry_taken_for_granted: A file without our metadata entry raised a KeyError; it is a ValueError like all other strange files.
def read_file(path):
    if not path.is_file():
        raise ValueError(f"no file at {path}")
    try:
        with safe_open(path, "pt") as file:
            header = dict(json.loads((file.metadata() or {})["minicompress"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        said, computed = header.pop("sha256", None), checksum(header, tensors)
    except (SafetensorError, OSError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is no readable safetensors file: {error}") from error
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by save_compressed")
    if said != computed:
        raise ValueError(f"{path} is corrupted")
    return header, tensors


### MUTANT tensors_converted: The tensors were converted to fp32; they are handed on as they are stored, and `build_model` decodes them.
def read_file(path):
    if not path.is_file():
        raise ValueError(f"no file at {path}")
    try:
        with safe_open(path, "pt") as file:
            header = dict(json.loads((file.metadata() or {}).get("minicompress", "{}")))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        said, computed = header.pop("sha256", None), checksum(header, tensors)
    except (SafetensorError, OSError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is no readable safetensors file: {error}") from error
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by save_compressed")
    if said != computed:
        raise ValueError(f"{path} is corrupted")
    return header, {name: tensor.float() for name, tensor in tensors.items()}


### MUTANT compared_where_there: A file without checksum was believed; whoever changes a file can leave the checksum out.
def read_file(path):
    if not path.is_file():
        raise ValueError(f"no file at {path}")
    try:
        with safe_open(path, "pt") as file:
            header = dict(json.loads((file.metadata() or {}).get("minicompress", "{}")))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        said, computed = header.pop("sha256", None), checksum(header, tensors)
    except (SafetensorError, OSError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is no readable safetensors file: {error}") from error
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by save_compressed")
    if said and said != computed:
        raise ValueError(f"{path} is corrupted")
    return header, tensors


### MUTANT no_file_left_to_the_system: A missing file raised the FileNotFoundError of the system; it is a ValueError.
def read_file(path):
    try:
        with safe_open(path, "pt") as file:
            header = dict(json.loads((file.metadata() or {}).get("minicompress", "{}")))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        said, computed = header.pop("sha256", None), checksum(header, tensors)
    except (SafetensorError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is no readable safetensors file: {error}") from error
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by save_compressed")
    if said != computed:
        raise ValueError(f"{path} is corrupted")
    return header, tensors


### MUTANT any_json_taken: JSON that is no object, such as 3, was used as if it were a dictionary.
def read_file(path):
    if not path.is_file():
        raise ValueError(f"no file at {path}")
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {}).get("minicompress", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        said, computed = header.pop("sha256", None), checksum(header, tensors)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is no readable safetensors file: {error}") from error
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by save_compressed")
    if said != computed:
        raise ValueError(f"{path} is corrupted")
    return header, tensors
