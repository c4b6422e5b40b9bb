"""Judge one exercise, or explain what is wrong with it, in a process that start.py has begun.

This process is trusted. It runs the graders on the reference, in which the exercise's own functions stand for
those that the worker has. It executes nothing that a learner wrote.
"""

import dataclasses
import gc
import os
from pathlib import Path

import hypothesis

from minicompress import CHAPTERS
from minicompress.classroom import agreement, explaining, landlock, material, remote, sandbox
from minicompress.classroom.names import Names
from minicompress.classroom.peer import Peer
from minicompress.classroom.questioning import Counted, NotImported, allowance, clean, question, start
from minicompress.classroom.request import Request, Split
from minicompress.classroom.verdict import GraderVerdict
from minicompress.classroom.wire import Wire
from minicompress.grading.course import Exercise
from minicompress.grading.course import exercise as find
from minicompress.grading.graders import Listener
from minicompress.grading.isolation import isolated, load
from minicompress.lab.files import write_json


def judge(exercise: Exercise, folder: Path, seed: int, peer: Peer, seconds: float) -> dict:
    """What the graders say of the worker's functions; `folder` is for their files, `seconds` for each."""
    with isolated(exercise.module):
        module = load(exercise.module, exercise.solution.read_text(encoding="utf-8"))
        try:
            layers = start(peer, exercise, module.__name__)
        except NotImported as error:
            return {"graders": [], "message": clean(str(error)), "layers": {}}
        gc.collect()
        gc.freeze()  # the search for tied weights goes through all that is not frozen
        cases = agreement.draw(exercise.id, module, seed, folder)  # as long as `module` is the reference
        answers = question(exercise, module, folder, seed, peer, seconds)
        graders = verdicts(answers.listener, answers.counted)
        if cases:
            peer.start_afresh(allowance(exercise, seconds))
            graders.append(dataclasses.asdict(agreement.verdict(cases, module, peer, peer.folder.path)))
        return {"graders": graders, "message": answers.counted.trouble(), "layers": layers}


def verdicts(listener: Listener, counted: Counted) -> list[dict]:
    """One verdict for each grader that was expected, passed only where it is known to have passed."""
    result = []
    for name in counted.expected:
        outcome = listener.outcomes.get(name)
        passed = outcome is not None and outcome.passed and counted.passed.get(name) == 1
        message = "" if passed else clean(outcome.reason) if outcome else "It did not run."
        title = outcome.title if outcome else name
        result.append(dataclasses.asdict(GraderVerdict(name, title, passed, message)))
    return result


def main(folder: Path, request: Request, worker: Split) -> None:
    """Judge what stands in `folder`, and write report.json there."""
    hypothesis.settings.register_profile("judge", database=None, deadline=None)
    hypothesis.settings.load_profile("judge")
    exercise, seed = find(request.exercise), int((folder / "seed").read_text(encoding="utf-8"))
    (folder / "seed").unlink()
    here = folder / "judge"
    here.mkdir(mode=0o700)
    material.write_package(folder / "worker", exercise, (folder / "chapter.py").read_text(encoding="utf-8"))
    names = Names({f"minicompress.{chapter}" for chapter in CHAPTERS}, exercise.graders.stem)
    peer = Peer(Wire(worker.reading, worker.writing), names, here / "files", 0, {})
    names.make = lambda text, base: remote.unknown_class(text, base, peer)
    sandbox.limit(request.seconds, request.memory)
    landlock.restrict([Path("/")], [folder, Path(os.devnull)])
    act = explaining.explain if request.public else judge
    report = act(exercise, here, seed, peer, request.seconds)
    write_json(folder / "report.json", report)
