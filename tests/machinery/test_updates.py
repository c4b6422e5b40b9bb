"""How many updates stand behind what is shipped."""

import json

import pytest

from minicompress.lab import paths, updates


def test_a_models_updates_are_its_own_and_those_of_its_ancestors():
    run = json.loads((paths.ASSETS / "student-clip3" / "run.json").read_text(encoding="utf-8"))
    mine = run["updates"] + sum(ancestor["updates"] for ancestor in run["ancestors"])
    assert updates.updates_of("the pipeline's artefact") == mine > run["updates"]


def test_an_exported_file_has_its_record_beside_it(monkeypatch, tmp_path):
    (tmp_path / "baselines").mkdir()
    run = {"updates": 5, "ancestors": [{"updates": 20}, {"updates": 300}]}
    (tmp_path / "baselines" / "small.run.json").write_text(json.dumps(run))
    monkeypatch.setattr(updates, "ASSETS", tmp_path)
    assert updates.updates_of("small") == 325


def test_without_a_run_json_the_commands_tell_from_the_first_one_on(monkeypatch, tmp_path):
    commands = (
        "train student --name a --shape a --steps 30\ntrain student --name b --start a --steps 4 $slow\n"
    )
    (tmp_path / "commands.sh").write_text(commands)
    monkeypatch.setattr(updates, "COMMANDS", tmp_path / "commands.sh")
    assert [updates.updates_of(name) for name in "ab"] == [30, 34]
    with pytest.raises(ValueError, match="'c'"):
        updates.updates_of("c")


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ({"method": "distillation", "strength": "tiny", "updates": 7}, 7),
        ({"method": "quantization", "strength": "3 bits, groups of 32"}, 0),
        ({"method": "MLP neurons, tuned", "strength": "448 of 896 kept"}, 100),
        ({"name": "teacher-int8-one-shot"}, 0),
    ],
)
def test_a_point_tells_its_updates_itself_or_they_follow_from_its_method(point, expected):
    assert updates.updates_behind(point) == expected


def test_every_file_of_the_map_and_of_the_frontier_has_its_updates():
    combined, frontier = paths.results("combined"), paths.results("frontier")
    points = combined["singles"]["points"] + combined["combinations"]["points"] + frontier["rows"]
    assert all(updates.updates_behind(point) >= 0 for point in points)
