"""Given: nothing half-written."""

import pytest

from minicompress.lab.files import atomic_write, new_folder


def test_atomic_write_leaves_nothing_half_written(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_a_new_folder_is_there_whole_or_not_at_all(tmp_path):
    with pytest.raises(RuntimeError), new_folder(tmp_path / "new") as made:
        (made / "file.txt").write_text("half")
        raise RuntimeError
    assert not [*tmp_path.iterdir()]
    with new_folder(tmp_path / "deep" / "new") as made:
        (made / "file.txt").write_text("whole")
        assert not (tmp_path / "deep" / "new").exists()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["new"]
    assert (tmp_path / "deep" / "new" / "file.txt").read_text() == "whole"


def test_a_new_folder_that_exists_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(ValueError, match="exists already: name a new folder"), new_folder(tmp_path):
        pass
    assert (tmp_path / "mine.txt").read_text() == "kept"
