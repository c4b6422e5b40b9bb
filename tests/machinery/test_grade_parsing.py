"""In a process with threads only one of them parses at a time."""

import ast
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from minicompress.classroom import judging, parsing
from minicompress.grading.course import exercises


def test_two_threads_do_not_parse_at_a_time(monkeypatch):
    busy, most = [], []
    original = ast.parse

    def parse(text, *given, **named):
        busy.append(threading.get_ident())
        most.append(len(busy))
        time.sleep(0.01)  # long enough for the others to come in
        busy.pop()
        return original(text, *given, **named)

    monkeypatch.setattr(ast, "parse", parse)
    with ThreadPoolExecutor(4) as pool:
        trees = list(pool.map(parsing.parse, ["x = 1"] * 8))
    assert len(trees) == 8 and max(most) == 1


def test_the_graders_of_an_exercise_are_parsed_once(monkeypatch):
    parsed = []
    monkeypatch.setattr(judging, "parse", lambda text: parsed.append(text) or ast.parse(text))
    judging.needs_models.cache_clear()
    assert [judging.needs_models("1.1"), judging.needs_models("1.1")] == [False, False] and len(parsed) == 1
    judging.needs_models.cache_clear()


def test_models_are_needed_by_some_exercises_and_not_by_others():
    needed = {key for key in exercises() if judging.needs_models(key)}
    assert {"0.1", "2.7", "6.2"} <= needed and not {"1.1", "1.6"} & needed
