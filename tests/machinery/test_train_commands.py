"""Given: `python -m minicompress.train`, on tiny models for two or three steps."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from minicompress.lab import corpus, paths
from minicompress.lab.digests import weights_digest
from minicompress.lab.files import write_json
from minicompress.lab.models import load_folder
from minicompress.structured_pruning import prune_neurons
from minicompress.train import lessons, masked, publish
from minicompress.train.__main__ import app
from minicompress.train.export import export_run
from minicompress.train.record import read_record
from minicompress.train.runs import FINAL, load_run, save_model, training_folder
from minicompress.train.shapes import SHAPES, new_model
from minicompress.train.streams import ROWS, streams_folder

COMMANDS = (
    "all", "tokenizer", "teacher", "half", "eighth", "answers", "student", "distill", "llm", "bert",
    "distilbert", "export", "publish", "publish-llm",
)  # fmt: skip
STUDENT = ["student", "--teacher=guide", "--rows=2"]


def run(*words: str) -> None:
    CliRunner().invoke(app, list(words), catch_exceptions=False)


def refusal(*words: str) -> str:
    """What a refused command says."""
    with pytest.raises(ValueError) as caught:
        run(*words)
    return str(caught.value)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache folder of its own with short random streams, and no examinations, which take long."""
    for array in paths.cache_folder().glob("stdlib-*.safetensors"):
        (tmp_path / array.name).symlink_to(array)
    monkeypatch.setenv("MINICOMPRESS_CACHE", str(tmp_path))
    for module, name in ((lessons, "examination"), (masked, "masked_examination")):
        monkeypatch.setattr(module, name, lambda: None)
    streams_folder().mkdir()
    for name in ROWS:
        stream = np.random.default_rng(0).integers(2048, size=20_000).astype(np.uint16)
        np.save(streams_folder() / f"{name}.npy", stream)
    write_json(streams_folder() / "report.json", {"stdlib": {"kept": 1}})
    return tmp_path


@pytest.fixture
def guide(cache):
    """A finished run that has answered to two batches."""
    save_model(new_model(SHAPES["tiny"], seed=5), training_folder("guide") / FINAL)
    run("answers", "--steps=2", "--teacher=guide")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help(command):
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0 and "Usage" in result.output


def test_a_new_student_needs_a_shape():
    assert "a new student needs its --shape (teacher, half, medium" in refusal("student", "--name=medium-2")


def test_a_student_that_goes_on_may_not_choose_a_shape():
    assert "--shape tiny and --start student" in refusal("student", "--shape=tiny", "--start=student")


def test_a_misspelt_shape_is_refused():
    result = CliRunner().invoke(app, ["student", "--shape=studnt"])
    assert result.exit_code == 2 and "studnt" in result.output


def test_a_stream_that_is_not_there_is_refused():
    said = refusal("student", "--shape=tiny", "--streams=stdlib,poems")
    assert "--streams must be some of stdlib,packages,pairs, got 'stdlib,poems'" in said


def test_layers_that_are_no_numbers_are_refused():
    assert "--layers must be numbers such as 0,2,5, got 'all'" in refusal("distill", "x", "--layers=all")


def test_an_exported_file_has_the_record_of_its_run_beside_it(tmp_path):
    export_run("student", "", "", tmp_path / "small.safetensors")
    record = json.loads((tmp_path / "small.run.json").read_text(encoding="utf-8"))
    assert (tmp_path / "small.safetensors").is_file() and record["name"] == "student"


def test_a_single_grid_is_refused_at_export(tmp_path):
    assert "got 'clip3' and ''" in refusal("export", "student", "clip3", "", str(tmp_path / "file"))


def test_a_name_without_a_run_or_a_shipped_model_is_refused():
    assert "no finished run 'nobody'" in refusal("export", "nobody", "", "", "file")


def test_a_run_records_what_it_was_asked_and_what_it_has_done(guide):
    run(*STUDENT, "--name=first", "--shape=tiny", "--steps=3")
    record = read_record(training_folder("first"))
    assert record.command == "student" and record.arguments["shape"] == "tiny"
    assert (record.updates, record.tokens, record.tokens_an_update) == (3, 3 * 512, 512)
    assert record.arguments["precision"] == record.plan["precision"] in ("no", "bf16")
    assert record.began_with == weights_digest(new_model(SHAPES["tiny"]))
    assert record.data["shares"] == ROWS and record.data["report"] == {"stdlib": {"kept": 1}}
    assert [session.first_update for session in record.sessions] == [0] and record.ancestors == []


def test_a_cut_student_begins_anew_and_its_successor_shares_the_beginning(guide):
    on_grid = ["--blocks=int3", "--embedding=int3", "--steps=2"]
    run(*STUDENT, "--name=first", "--shape=tiny", "--steps=2")
    run(*STUDENT, "--name=cut", "--start=first", "--neurons=40", *on_grid)
    run(*STUDENT, "--name=last", "--start=cut", "--streams=stdlib", *on_grid)
    cut, last = (read_record(training_folder(name)) for name in ("cut", "last"))
    assert cut.began_with == weights_digest(prune_neurons(load_run("first"), 40))
    assert last.began_with == cut.began_with and cut.saved_as == "fp32"
    assert [ancestor.name for ancestor in last.ancestors] == ["first", "cut"]
    assert last.data["shares"] == {"stdlib": 14}


def test_a_finished_run_that_is_asked_for_again_stays_as_it_is(guide):
    words = [*STUDENT, "--name=first", "--shape=tiny", "--steps=2"]
    run(*words)
    record, digest = read_record(training_folder("first")), weights_digest(load_run("first"))
    run(*words)
    assert read_record(training_folder("first")) == record and weights_digest(load_run("first")) == digest


def test_a_run_goes_on_by_a_longer_plan_and_says_so(guide):
    for steps in (2, 3):
        run(*STUDENT, "--name=first", "--shape=tiny", f"--steps={steps}")
    record = read_record(training_folder("first"))
    assert [(session.first_update, session.steps) for session in record.sessions] == [(0, 2), (2, 3)]
    assert record.updates == 3 and record.arguments["steps"] == 3


def test_a_run_does_not_go_on_with_other_arguments(guide):
    run(*STUDENT, "--name=first", "--shape=tiny", "--steps=2")
    before = read_record(training_folder("first"))
    said = refusal(*STUDENT, "--name=first", "--shape=small", "--steps=3")
    assert "'first' was begun with --shape tiny, now it is small" in said
    assert read_record(training_folder("first")) == before


def test_a_run_without_a_record_does_not_go_on(guide):
    run(*STUDENT, "--name=first", "--shape=tiny", "--steps=2")
    (training_folder("first") / "run.json").unlink()
    assert "left no record" in refusal(*STUDENT, "--name=first", "--shape=tiny", "--steps=3")


def test_a_run_that_has_not_finished_is_not_loaded(guide, monkeypatch):
    """Also where a shipped model has its name."""
    monkeypatch.setattr("minicompress.train.training.train", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(*STUDENT, "--name=student", "--shape=tiny", "--steps=2")
    with pytest.raises(ValueError, match="'student' has begun but not finished"):
        load_run("student")


def test_answers_of_another_model_of_the_same_name_are_not_mixed(guide):
    save_model(new_model(SHAPES["tiny"], seed=6), training_folder("guide") / FINAL)
    assert "another model called 'guide'" in refusal("answers", "--steps=2", "--teacher=guide")


def test_a_finished_run_is_published_with_its_record_and_a_card(guide, tmp_path, monkeypatch):
    scores = {"per_file": 16, "length": 256, "grids": {}, "perplexity": 9.0, "top1_accuracy": 0.5}
    monkeypatch.setattr(publish, "measure", lambda model, grids: scores)
    run(*STUDENT, "--name=first", "--shape=tiny", "--steps=2")
    run("publish", "first", str(tmp_path / "shipped"))
    names = {path.name for path in (tmp_path / "shipped").iterdir()}
    assert names >= {"config.json", "model.safetensors", "log.jsonl", "run.json", "README.md"}
    assert weights_digest(load_folder(tmp_path / "shipped")) == weights_digest(load_run("first"))
    content = json.loads((tmp_path / "shipped" / "run.json").read_text())
    assert content["published"]["scores"] == scores
    assert "perplexity 9.00, top-1 accuracy 50.00%" in (tmp_path / "shipped" / "README.md").read_text()


def test_a_run_that_is_not_here_cannot_be_published(cache):
    assert "no run 'student' has finished here" in refusal("publish", "student", "anywhere")


def test_a_shallower_student_learns_from_a_live_teacher(guide):
    corpus.load_tokens("train", 32)
    run("distill", "shallow", "--teacher=guide", "--length=32", "--rows=2", "--steps=2", "--start=random")
    record = read_record(training_folder("shallow"))
    assert record.arguments["layers"] == "0" and record.shape["num_hidden_layers"] == 1
    assert record.started_from is None and record.data["report"] is None


def test_a_teacher_is_trained_on_the_streams(cache, monkeypatch):
    monkeypatch.setitem(SHAPES, "half", SHAPES["tiny"])
    run("half", "--steps=2")
    record = read_record(training_folder("half"))
    assert record.tokens == 2 * 32 * 256 and record.data["shares"] == ROWS


def test_a_teacher_goes_on_from_a_finished_run_on_other_batches(cache, monkeypatch):
    monkeypatch.setitem(SHAPES, "half", SHAPES["tiny"])
    run("half", "--steps=2")
    run("half", "--name=longer", "--start=half", "--steps=4", "--decay=2", "--seed=1")
    record = read_record(training_folder("longer"))
    assert record.began_with == read_record(training_folder("half")).began_with
    assert [ancestor.name for ancestor in record.ancestors] == ["half"] and record.data["seed"] == 1


def test_a_run_does_not_start_from_itself(cache):
    assert "--name" in refusal("half", "--start=half")


def test_a_bert_is_trained_and_distilled(cache, monkeypatch):
    small = dict(hidden_size=48, intermediate_size=48, num_hidden_layers=2, num_attention_heads=6)
    monkeypatch.setattr(masked.bert.new_bert, "__defaults__", (small, 0, 256))
    run("bert", "--steps=2")
    run("distilbert", "article", "--steps=2")
    record = read_record(training_folder("distilbert-article"))
    assert record.shape["family"] == "distilbert" and record.started_from == "bert"
    assert [ancestor.name for ancestor in record.ancestors] == ["bert"]
    assert record.began_with != read_record(training_folder("bert")).began_with
