"""A teacher's answers on disk, and the record of what was asked."""

import json
from dataclasses import asdict

from minicompress.lab.answers import write_answers
from minicompress.lab.digests import weights_digest
from minicompress.lab.files import write_json
from minicompress.lab.machine import best_device, commit, hardware, versions
from minicompress.lab.mixture import Mixture
from minicompress.train.lessons import LENGTH
from minicompress.train.options import Answers, command_line
from minicompress.train.record import FILE
from minicompress.train.runs import answers_folder, load_run
from minicompress.train.streams import ROWS, cached_streams, describe


def answer(asked: Answers) -> None:
    """Let a finished run answer, or go on answering.

    ValueError: the folder holds another model's answers.
    """
    model, folder = load_run(asked.teacher), answers_folder(asked.teacher)
    mixture, digest = Mixture(cached_streams(), ROWS, LENGTH, seed=1), weights_digest(model)
    if (folder / FILE).is_file():
        before = json.loads((folder / FILE).read_text(encoding="utf-8"))["answered_by"]
        if before != digest:
            raise ValueError(f"another model called {asked.teacher!r} has answered before: delete {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "command_line": command_line("answers", asked),
        "arguments": asdict(asked),
        "answered_by": digest,
        "data": describe(mixture) | {"teacher": asked.teacher, "batches": asked.steps},
        "hardware": hardware(),
        "versions": versions(),
        "commit": commit(),
    }
    write_json(folder / FILE, content)
    write_answers(model.to(best_device()), mixture, asked.steps, folder)
