"""Known wrong implementations of exercise 6.2, compress."""


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


### MUTANT half_a_record: A kill while the record is written leaves half of one, and the next run fails to read it; use write_json.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(f"stages need names, all different, none of them 'teacher', got {names}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            record_path.write_text(json.dumps(record))
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger


### MUTANT stale_after_a_skip: After a stage that was not run again the next one got an older model; load what its file holds.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(f"stages need names, all different, none of them 'teacher', got {names}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            write_json(record_path, record)
            if number:
                model = load_compressed(path)
        ledger.append(json.loads(record_path.read_text()))
    return ledger


### MUTANT records_at_the_end: All records were written at the end, so a kill loses the finished stages; write each when its stage is done.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(f"stages need names, all different, none of them 'teacher', got {names}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
        else:
            record = json.loads(record_path.read_text())
        ledger.append(record)
        if number:
            model = load_compressed(path)
    for number, record in enumerate(ledger):
        write_json(out / f"{number}-{record['name']}.json", record)
    return ledger


### MUTANT believes_the_file: A file was believed without its record, which the ledger needs; both must exist.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(f"stages need names, all different, none of them 'teacher', got {names}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            write_json(record_path, record)
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger


### MUTANT always_from_the_student: Every stage got a copy of the student; from the second on it is the model of the stage before.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(f"stages need names, all different, none of them 'teacher', got {names}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(copy.deepcopy(student)), path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            write_json(record_path, record)
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger


### MUTANT numbered_from_one: The teacher is stage number 0, so that the first stage has the number 1.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(f"stages need names, all different, none of them 'teacher', got {names}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages], start=1):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            write_json(record_path, record)
        ledger.append(json.loads(record_path.read_text()))
        if number > 1:
            model = load_compressed(path)
    return ledger


### MUTANT ratio_to_the_stage_before: The ratio was taken from the stage before; the baseline is always the teacher's file.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(f"stages need names, all different, none of them 'teacher', got {names}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[-1]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            write_json(record_path, record)
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger


### MUTANT ratio_in_memory_only: The ratio was added after the record was written; the record on the disk must hold it, too.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(f"stages need names, all different, none of them 'teacher', got {names}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            write_json(record_path, record)
        record = json.loads(record_path.read_text())
        record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
        ledger.append(record)
        if number:
            model = load_compressed(path)
    return ledger


### MUTANT teacher_left_out: The ledger begins with the first stage; the teacher's own file, the baseline, comes first.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(f"stages need names, all different, none of them 'teacher', got {names}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            write_json(record_path, record)
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger[1:]


### MUTANT parents_missing: mkdir makes one folder only; with parents=True it makes those above it, too.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(f"stages need names, all different, none of them 'teacher', got {names}")
    out = Path(out)
    out.mkdir(exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            write_json(record_path, record)
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger


### MUTANT teacher_measured_again: The teacher was saved and measured at every run; it is a stage like the others, skip it when it is finished.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(f"stages need names, all different, none of them 'teacher', got {names}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not number or not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            write_json(record_path, record)
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger
