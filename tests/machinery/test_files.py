"""Given: nothing half-written."""

import pytest

from minicompress.lab.files import atomic_write


def test_atomic_write_leaves_nothing_half_written(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["file.txt"]
