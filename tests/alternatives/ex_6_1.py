"""Right answers in other styles to exercise 6.1, save_compressed, read_file and load_compressed."""

### ALTERNATIVE by_hand: A temporary file written, renamed and removed by hand; a copy of the configuration.
import os

from safetensors.torch import load


def small_config(model):
    config = dict(model.config.to_diff_dict())
    for key in ("transformers_version", "dtype", "_name_or_path"):
        config.pop(key, None)
    return config


def save_compressed(model, path):
    bake_masks(model)
    tensors = stored_tensors(model)
    content = dict(format=FORMAT, config=small_config(model), manifest=manifest_of(model))
    content = {**content, "sha256": checksum(content, tensors)}
    data = save(tensors, metadata={"minicompress": json.dumps(content, sort_keys=True)})
    path = Path(path)
    temporary = path.parent / f"{path.name}.part"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
        os.rename(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class Refused(ValueError):
    """Not a file of ours."""


def refuse_unless(condition, path, reason):
    if not condition:
        raise Refused(f"{path}: {reason}")


def read_file(path):
    """The header by hand: eight bytes of length, JSON, and what JSON holds as a text."""
    refuse_unless(path.exists() and not path.is_dir(), path, "no file")
    data = path.read_bytes()
    try:
        length = int.from_bytes(data[:8], "little")
        outer = json.loads(data[8 : 8 + length])
        header = json.loads(outer["__metadata__"]["minicompress"])
        tensors = load(data)
        computed = checksum({key: header[key] for key in ("format", "config", "manifest")}, tensors)
    except Exception as error:
        raise Refused(f"{path} cannot be read") from error
    refuse_unless(header.pop("sha256", "") == computed, path, "changed since it was written")
    refuse_unless(header["format"] == FORMAT and len(header) == 3, path, "another format")
    return header, tensors


def load_compressed(path):
    header, tensors = read_file(Path(path))
    return build_model(header, tensors)


### ALTERNATIVE save_file: safetensors writes the temporary file itself, in a folder of its own.
import os
import tempfile

from safetensors.torch import save_file


class Writer:
    def __init__(self, model):
        self.tensors = stored_tensors(model)
        self.header = {
            "config": {k: v for k, v in sorted(model.config.to_diff_dict().items()) if self.wanted(k)},
            "format": FORMAT,
            "manifest": manifest_of(model),
        }
        self.header["sha256"] = checksum(dict(self.header), self.tensors)

    @staticmethod
    def wanted(key):
        return key not in {"transformers_version", "dtype", "_name_or_path"}

    def write(self, path):
        entry = json.dumps(self.header, sort_keys=True, indent=0)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            save_file(self.tensors, Path(folder) / "file", metadata={"minicompress": entry})
            os.replace(Path(folder) / "file", path)


def save_compressed(model, path):
    bake_masks(model)
    Writer(model).write(Path(path))


def entries(path):
    with safe_open(str(path), framework="pt", device="cpu") as file:
        said = file.metadata()
        return said, {name: file.get_tensor(name) for name in list(file.keys())}


def read_file(path):
    try:
        said, tensors = entries(path)
        header = json.loads(said["minicompress"])
        rest = {key: header[key] for key in header if key != "sha256"}
        fits = header["format"] == FORMAT and header["sha256"] == checksum(rest, tensors)
    except (OSError, SafetensorError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is no file of this course") from error
    if fits:
        return rest, tensors
    raise ValueError(f"{path} has another format or was changed")


def load_compressed(path):
    parts = read_file(Path(path))
    model = build_model(*parts)
    model.eval()
    return model
