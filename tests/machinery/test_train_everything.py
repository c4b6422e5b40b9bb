"""One command that makes every shipped model: `python -m minicompress.train all`."""

import subprocess
from types import SimpleNamespace

import pytest
import typer

from minicompress.lab.paths import ASSETS
from minicompress.train import everything
from minicompress.train.__main__ import app
from minicompress.train.everything import EXPORTED, PUBLISHED, STEPS, carry_out_all, commands


def name_of(step: everything.Step) -> str:
    """The run that a step leaves."""
    if step.command == "distilbert":
        return f"distilbert-{step.asked.recipe}"
    return getattr(step.asked, "name", None) or step.command


def needed_by(step: everything.Step) -> set[str]:
    """The runs that a step loads or learns from."""
    if step.command == "student":
        return {step.asked.teacher, "answers"} | ({step.asked.start} - {None})
    if step.command in ("teacher", "half", "eighth"):
        return {step.asked.start} - {None}
    return {"bert": {"teacher"}, "distilbert": {"bert"}}.get(
        step.command, {getattr(step.asked, "teacher", None)}
    )


def test_every_run_comes_after_those_that_it_needs():
    finished = set()
    for step in STEPS:
        assert needed_by(step) <= finished, f"{name_of(step)} needs {needed_by(step) - finished}"
        finished.add(name_of(step))


def test_no_two_runs_have_one_name():
    names = [name_of(step) for step in STEPS]
    assert len(set(names)) == len(names)


def test_every_shipped_model_is_made_and_none_else_is_published():
    folders = {path.parent.name for path in ASSETS.glob("*/config.json")}
    files = {
        str(path.relative_to(ASSETS).with_suffix(""))
        for folder in ("frontier", "baselines")
        for path in (ASSETS / folder).glob("*.safetensors")
    }
    assert folders <= set(PUBLISHED) and files == set(EXPORTED)
    runs = {name_of(step) for step in STEPS}
    assert set(PUBLISHED) <= runs and {name.split("/")[1] for name in EXPORTED} <= runs


@pytest.mark.parametrize("words", commands(), ids=lambda words: "-".join(words[:2]))
def test_the_command_line_understands_every_command(words):
    typer.main.get_command(app).commands[words[0]].make_context(words[0], words[1:])


def test_an_exported_file_is_on_the_grid_that_its_run_was_trained_on():
    grids = {name_of(step): getattr(step.asked, "blocks", None) or "" for step in STEPS}
    assert {file: grids[file.split("/")[1]] for file in EXPORTED} == EXPORTED


def test_twice_the_times_is_twice_the_updates_and_twice_as_long_a_fall_of_the_rates():
    first = everything.Step("teacher", everything.Pretrain(name="x", steps=10, decay=4))
    twice = everything.longer(first, 2).asked
    assert (twice.steps, twice.decay) == (20, 8)
    with pytest.raises(ValueError, match="--times must be above 0, got 0"):
        commands(times=0)


def test_a_gpu_that_is_not_there_is_refused_before_anything_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(everything, "best_device", lambda: SimpleNamespace(type="cpu"))
    monkeypatch.setattr(subprocess, "run", None)
    with pytest.raises(ValueError, match="torch finds no GPU"):
        carry_out_all("cuda", 1.0, tmp_path)


def test_everything_is_trained_before_anything_is_published(monkeypatch, tmp_path):
    ran = []
    monkeypatch.setattr(
        subprocess, "run", lambda words, **_: ran.append(words[3]) or SimpleNamespace(returncode=0)
    )
    carry_out_all("auto", 1.0, tmp_path)
    assert ran == [words[0] for words in commands()]
    assert set(ran[: len(STEPS)]).isdisjoint({"publish", "export"}) and ran[-1] == "export"


def test_a_command_that_fails_stops_the_others_and_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(subprocess, "run", lambda words, **_: SimpleNamespace(returncode=3))
    with pytest.raises(ValueError, match=r"^teacher .*--name teacher-first.* ended with 3"):
        carry_out_all("auto", 1.0, tmp_path)
