"""Right answers in other styles to exercise 6.2, compress."""


### ALTERNATIVE teacher_apart: The teacher is handled before the loop; a helper decides what is finished.
def finished(folder, stem):
    return all((folder / f"{stem}.{ending}").exists() for ending in ("json", "safetensors"))


def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not names or "teacher" in names or len(set(names)) < len(names):
        raise ValueError(f"unclear names: {names}")
    folder = Path(out)
    folder.mkdir(exist_ok=True, parents=True)
    if not finished(folder, "0-teacher"):
        record = measure("teacher", copy.deepcopy(teacher), folder / "0-teacher.safetensors", evaluate)
        write_json(folder / "0-teacher.json", {**record, "ratio": 1.0})
    ledger = [json.loads((folder / "0-teacher.json").read_text(encoding="utf-8"))]
    previous = None
    for i, (name, stage) in enumerate(stages, start=1):
        stem = f"{i}-{name}"
        if not finished(folder, stem):
            model = load_compressed(previous) if previous else copy.deepcopy(student)
            record = measure(name, stage(model), folder / f"{stem}.safetensors", evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"]
            write_json(folder / f"{stem}.json", record)
        previous = folder / f"{stem}.safetensors"
        ledger.append(json.loads((folder / f"{stem}.json").read_text(encoding="utf-8")))
    return ledger


### ALTERNATIVE own_writing: Records written and renamed by hand, os.path instead of pathlib, the record kept in memory.
import os


def write(path, record):
    with open(path + ".tmp", "w") as file:
        json.dump(record, file)
    os.rename(path + ".tmp", path)


def compress(teacher, student, stages, evaluate, out):
    names = ["teacher"] + [stage[0] for stage in stages]
    if len(names) == 1 or len(names) != len(set(names)):
        raise ValueError("give the stages names")
    os.makedirs(out, exist_ok=True)
    ledger, last = [], None
    for number, name in enumerate(names):
        stem = os.path.join(str(out), f"{number}-{name}")
        if os.path.exists(stem + ".json") and os.path.exists(stem + ".safetensors"):
            with open(stem + ".json") as file:
                record = json.load(file)
        else:
            if number == 0:
                model = teacher
            else:
                given = load_compressed(last) if number > 1 else copy.deepcopy(student)
                model = stages[number - 1][1](given)
            record = measure(name, model, Path(stem + ".safetensors"), evaluate)
            first = ledger[0] if ledger else record
            record["ratio"] = first["file_bytes"] / record["file_bytes"]
            write(stem + ".json", record)
        ledger.append(record)
        last = stem + ".safetensors"
    return ledger
