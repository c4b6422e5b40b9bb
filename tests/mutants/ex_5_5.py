"""Known wrong implementations of exercise 5.5, compress."""


### MUTANT handed_on_in_memory: The next stage got the model in memory, not what the file holds; reload it between the stages.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(
            f"stages need at least one name, all different and none of them 'teacher', got {names}"
        )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            stage_output = stage(model)
            record = measure(name, stage_output, path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            with atomic_write(record_path) as temporary:
                temporary.write_text(json.dumps(record))
        else:
            stage_output = load_compressed(path)
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = stage_output
    return ledger


### MUTANT fp32_baseline: The ratio was taken from fp32, which doubles it for nothing; the baseline is the teacher's fp16 file.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(
            f"stages need at least one name, all different and none of them 'teacher', got {names}"
        )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = (
                sum(4 * parameter.numel() for parameter in teacher.parameters()) / record["file_bytes"]
            )
            with atomic_write(record_path) as temporary:
                temporary.write_text(json.dumps(record))
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger


### MUTANT weights_not_bytes: A ratio of non-zero weights forgets masks, scales and headers; compare the bytes of the files.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(
            f"stages need at least one name, all different and none of them 'teacher', got {names}"
        )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[0]["nonzeros"] / record["nonzeros"] if ledger else 1.0
            with atomic_write(record_path) as temporary:
                temporary.write_text(json.dumps(record))
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger


### MUTANT student_modified: The first stage worked on the caller's own student and changed it; hand it a copy.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(
            f"stages need at least one name, all different and none of them 'teacher', got {names}"
        )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], student
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            with atomic_write(record_path) as temporary:
                temporary.write_text(json.dumps(record))
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger


### MUTANT runs_again: A finished stage was run again; where its file and its record exist, read the record.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(
            f"stages need at least one name, all different and none of them 'teacher', got {names}"
        )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        record = measure(name, stage(model), path, evaluate)
        record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
        with atomic_write(record_path) as temporary:
            temporary.write_text(json.dumps(record))
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger


### MUTANT starts_from_the_teacher: The first stage got a copy of the teacher; it works on the student, the teacher is only measured.
def compress(
    teacher: nn.Module,
    student: nn.Module,
    stages: Sequence[tuple[str, Callable[[nn.Module], nn.Module]]],
    evaluate: Callable[[nn.Module], dict],
    out: str | Path,
) -> list[dict]:
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(
            f"stages need at least one name, all different and none of them 'teacher', got {names}"
        )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(teacher)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            with atomic_write(record_path) as temporary:
                temporary.write_text(json.dumps(record))
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger


### MUTANT ratio_upside_down: The ratio is upside down: how many times smaller is the teacher's file over this one.
def compress(
    teacher: nn.Module,
    student: nn.Module,
    stages: Sequence[tuple[str, Callable[[nn.Module], nn.Module]]],
    evaluate: Callable[[nn.Module], dict],
    out: str | Path,
) -> list[dict]:
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(
            f"stages need at least one name, all different and none of them 'teacher', got {names}"
        )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = record["file_bytes"] / ledger[0]["file_bytes"] if ledger else 1.0
            with atomic_write(record_path) as temporary:
                temporary.write_text(json.dumps(record))
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger


### MUTANT believes_the_record: A record was believed without its file, which the next stage needs; both must exist.
def compress(
    teacher: nn.Module,
    student: nn.Module,
    stages: Sequence[tuple[str, Callable[[nn.Module], nn.Module]]],
    evaluate: Callable[[nn.Module], dict],
    out: str | Path,
) -> list[dict]:
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(
            f"stages need at least one name, all different and none of them 'teacher', got {names}"
        )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not record_path.is_file():
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            with atomic_write(record_path) as temporary:
                temporary.write_text(json.dumps(record))
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger
