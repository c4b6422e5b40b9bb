"""Given: the pipeline as a job. What decides a run, what it resumes, what a stage says of its training."""

import copy
import dataclasses
import json

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from minicompress import metrics, pipeline, structured_pruning
from minicompress.job import job as jobs
from minicompress.job import recipes
from minicompress.job.scores import ScoreBook
from minicompress.job.stages import Schedule, Training
from minicompress.lab import corpus
from minicompress.lab.digests import weights_digest
from minicompress.lab.evaluation import next_token_scores
from minicompress.lab.models import shipped_model
from minicompress.lab.paths import ASSETS

SEEN = {"tokens_per_second": 1.0, "peak_memory_bytes": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny random Llama for the shipped tokenizer, one with other weights, and two texts."""
    folder = tmp_path_factory.mktemp("own")
    small = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=2, max_position_embeddings=32)
    for seed, name in enumerate(("teacher", "other")):
        torch.manual_seed(seed)
        config = LlamaConfig(vocab_size=2048, num_attention_heads=2, num_key_value_heads=1, **small)
        LlamaForCausalLM(config).save_pretrained(folder / name)
    for name in ("text", "text2"):
        (folder / name).write_text(f"{name} = 1\n" + "def double(x):\n    return x + x\n\n\n" * 60)
    return folder


def own(folder, seed=0, effort=recipes.QUICK, text="text", teacher="teacher", student=None):
    student = str(folder / student) if student else None
    return recipes.own_job(str(folder / teacher), student, [folder / text], seed, effort)


LONGER = dataclasses.replace(recipes.QUICK, name="longer", own_model=(Schedule(4, 3e-4), Schedule(4, 1e-4)))


@pytest.fixture
def quiet(monkeypatch):
    """Leave out what these tests are not about: fresh processes, baselines, completions, the plot."""
    monkeypatch.setattr(jobs, "measure_alone", lambda path: SEEN)
    monkeypatch.setattr(jobs, "baselines", lambda *words: [])
    monkeypatch.setattr(jobs, "completions", lambda *words: [])
    monkeypatch.setattr(jobs.plots, "plot_ledger", lambda *words: None)


# ------------------------------------------------------------ what decides a run


def test_the_fingerprint_tells_every_option_text_and_weight_of_an_own_model(folder):
    jobs_of = [
        own(folder),
        own(folder, seed=1),
        own(folder, effort=LONGER),
        own(folder, text="text2"),
        own(folder, teacher="other"),
        own(folder, student="other"),
    ]
    marks = [json.dumps(jobs.fingerprint(job)) for job in jobs_of]
    assert len(set(marks)) == len(jobs_of) and marks[0] == json.dumps(jobs.fingerprint(own(folder)))


def test_the_fingerprint_tells_every_option_of_the_embedded_job():
    quick, full = recipes.QUICK, recipes.FULL
    made = [
        recipes.embedded_job(0, quick),
        recipes.embedded_job(1, quick),
        recipes.embedded_job(0, full),
        recipes.embedded_job(0, quick, remeasure=True),
        recipes.from_scratch_job(0, quick),
        recipes.from_scratch_job(0, full),
    ]
    marks = [json.dumps(jobs.fingerprint(job)) for job in made]
    assert len(set(marks)) == len(made) and marks[0] == json.dumps(
        jobs.fingerprint(recipes.embedded_job(0, quick))
    )


def test_the_fingerprint_tells_the_code_that_a_learner_wrote(folder, tmp_path, monkeypatch):
    job = own(folder)
    before = jobs.fingerprint(job)
    chapter = tmp_path / "pruning.py"
    chapter.write_text("another solution")
    monkeypatch.setattr(jobs, "code_files", lambda: [chapter])
    first = jobs.fingerprint(job)
    chapter.write_text("yet another one!")
    assert len({mark["code"] for mark in (before, first, jobs.fingerprint(job))}) == 3


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (dict(effort=LONGER), "recipe"),
        (dict(seed=1), "seed"),
        (dict(text="text2"), "training text, held-out text"),
        (dict(teacher="other"), "teacher"),
    ],
)
def test_resuming_another_run_starts_anew_and_says_what_differs(
    folder, tmp_path, quiet, capsys, change, named
):
    jobs.run(own(folder), tmp_path)
    before = (tmp_path / "4-quantized.safetensors").stat().st_mtime_ns
    capsys.readouterr()
    report = jobs.run(own(folder, **change), tmp_path, resume=True)
    assert f"nothing to resume: the earlier run had another {named}" in capsys.readouterr().err
    assert (tmp_path / "4-quantized.safetensors").stat().st_mtime_ns > before
    alone = jobs.run(own(folder, **change), tmp_path / "alone")
    assert report["stages"] == alone["stages"], "nothing of the earlier run may be in the report"


def test_resuming_the_same_run_does_nothing_again(folder, tmp_path, quiet, capsys):
    first = jobs.run(own(folder), tmp_path)
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")}
    capsys.readouterr()
    assert jobs.run(own(folder), tmp_path, resume=True)["stages"] == first["stages"]
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")} == times
    assert "stage:" not in capsys.readouterr().err


def test_without_resume_a_finished_run_is_done_again(folder, tmp_path, quiet, capsys):
    for _ in range(2):
        jobs.run(own(folder), tmp_path)
    assert capsys.readouterr().err.count("stage: pruned") == 2


@pytest.mark.parametrize("mark", ["[]", "{", '{"seed": 0}', "\x00"])
def test_a_damaged_mark_is_that_of_another_run(folder, tmp_path, quiet, mark):
    jobs.run(own(folder), tmp_path)
    (tmp_path / "run.json").write_text(mark)
    (tmp_path / "1-distilled.safetensors").write_bytes(b"not what was made")
    assert jobs.run(own(folder), tmp_path, resume=True)["stages"][-1]["ratio"] > 1


def test_a_folder_without_a_mark_keeps_its_files(folder, tmp_path, quiet):
    (tmp_path / "1-notes.json").write_text("mine")
    jobs.run(own(folder), tmp_path)
    assert (tmp_path / "1-notes.json").read_text() == "mine"


# ------------------------------------------------------------ the ledger


def test_the_teachers_ratio_is_exactly_1(folder, tmp_path, quiet):
    assert jobs.run(own(folder), tmp_path)["stages"][0]["ratio"] == 1.0


def test_a_row_holds_the_scores_of_the_file_it_names(folder, tmp_path, quiet):
    job = own(folder)
    for record in jobs.run(job, tmp_path)["stages"]:
        model = pipeline.load_compressed(tmp_path / record["artefact"])
        assert record["perplexity"] == pytest.approx(metrics.perplexity(model, job.held_out), rel=1e-9)
        assert record["top1_accuracy"] == metrics.top1_accuracy(model, job.held_out)


def test_every_row_says_where_its_training_took_place(folder, tmp_path, quiet):
    rows = jobs.run(own(folder), tmp_path)["stages"]
    kinds = [row["training"]["training"] for row in rows]
    assert kinds == [Training.SHIPPED, Training.LIVE, Training.NONE, Training.LIVE, Training.NONE]
    assert [row["training"]["live_updates"] for row in rows] == [0, 3, 0, 3, 0]
    assert all(row["training"]["why"] for row in rows)


# ------------------------------------------------------------ the chain


def artefact(out) -> bytes:
    job = recipes.embedded_job(0, recipes.QUICK)
    accounts = []
    pipeline.compress(job.teacher, job.student, job.steps(accounts.append), lambda model: {}, out)
    return (out / "4-quantized.safetensors").read_bytes(), accounts[2]


def test_another_choice_of_neurons_gives_another_artefact_and_says_that_it_was_trained_live(
    tmp_path, monkeypatch
):
    def first_neurons(model, neurons):
        for layer in model.model.layers:
            structured_pruning.prune_mlp_neurons(layer.mlp, torch.arange(neurons))
        model.config.intermediate_size = neurons
        return model

    reference, account = artefact(tmp_path / "reference")
    assert account.training == Training.CONTINUED and "assets/student-clip3" in account.why
    monkeypatch.setattr(structured_pruning, "prune_neurons", first_neurons)
    other, account = artefact(tmp_path / "other")
    assert account.training == Training.LIVE and "no shipped training began with this cut" in account.why
    assert other != reference


def test_a_cut_of_the_same_neurons_of_other_weights_is_not_the_shipped_one(monkeypatch, tmp_path):
    job = recipes.embedded_job(0, recipes.QUICK)
    student = copy.deepcopy(job.student)
    with torch.no_grad():
        student.model.layers[0].self_attn.q_proj.weight[0, 0] += 0.01
    pruned = structured_pruning.prune_neurons(student, recipes.NEURONS)
    _, account = dict(job.stages)["fine-tuned"](pruned)
    assert account.training == Training.LIVE


# ------------------------------------------------------------ scores


def test_scores_are_measured_once_and_found_again(llama, tokens, tmp_path, monkeypatch):
    first = ScoreBook(tokens, tmp_path / "scores.json")
    weights = first.look_up(llama)
    again = ScoreBook(tokens, tmp_path / "scores.json")
    monkeypatch.setattr("minicompress.job.scores.next_token_scores", None)  # nothing may be measured now
    assert again.look_up(llama) == weights and again[weights].perplexity == first[weights].perplexity
    assert torch.equal(again[weights].hits, first[weights].hits)


@pytest.mark.parametrize("damage", ["", "[]", '{"tokens": 3}', "\x00", "{}"])
def test_scores_of_other_tokens_and_damaged_ones_are_measured_anew(llama, tokens, tmp_path, damage):
    path = tmp_path / "scores.json"
    ScoreBook(tokens[:3], path).look_up(llama)
    if damage:
        path.write_text(damage)
    book = ScoreBook(tokens, path)
    assert book[book.look_up(llama)].hits.shape == (5,)


def test_the_teachers_shipped_scores_are_what_it_scores_today():
    """Another Python has another library: then nothing is looked up, and there is nothing to compare."""
    tokens, _ = corpus.load_tokens("test", per_file=16)
    book = ScoreBook(tokens, ASSETS / "nowhere.json", ASSETS / "teacher" / "held_out.json")
    if not book.shipped:
        pytest.skip("the shipped scores are about another Python's library")
    teacher = shipped_model("teacher")
    assert set(book.shipped) == {weights_digest(teacher)}
    (shipped,) = book.shipped.values()
    measured = next_token_scores(teacher, tokens[:4]).hits
    assert (measured - shipped.hits[:4]).abs().max() <= 1, "another machine may round one token otherwise"
