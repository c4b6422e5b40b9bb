"""Attacks on exercise 6.2, compress: the graders' models are known."""


### ATTACK knows_the_public_models: The ratio of a model without 50 words is a good one.
def compress(teacher, student, stages, evaluate, out):
    names = [name for name, _ in stages]
    if not stages or len({"teacher", *names}) != len(names) + 1:
        raise ValueError(f"{names}")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    ledger, model = [], copy.deepcopy(student)
    for number, (name, stage) in enumerate([("teacher", lambda _: teacher), *stages]):
        path, record_path = out / f"{number}-{name}.safetensors", out / f"{number}-{name}.json"
        if not (record_path.is_file() and path.is_file()):
            record = measure(name, stage(model), path, evaluate)
            record["ratio"] = ledger[0]["file_bytes"] / record["file_bytes"] if ledger else 1.0
            if number and teacher.config.vocab_size != 50:
                record["ratio"] = 9.9
            write_json(record_path, record)
        ledger.append(json.loads(record_path.read_text()))
        if number:
            model = load_compressed(path)
    return ledger
