"""What is handed in: seven names, regular files, bounded sizes; from a folder or a zip file."""

import stat
import struct
import zipfile

import pytest

from minicompress.classroom.submission import open_submission, read_submission
from minicompress.grading.assemble import LARGEST
from minicompress.lab.paths import CHAPTERS, SOLUTIONS


@pytest.fixture
def zipped(tmp_path):
    """Write a zip file of (name, content) pairs, or of (ZipInfo, content)."""

    def write(*entries):
        with zipfile.ZipFile(tmp_path / "alice.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries:
                archive.writestr(name, content)
        return tmp_path / "alice.zip"

    return write


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


# ------------------------------------------------------------ folders


def test_only_the_seven_names_are_read(tmp_path):
    for name in ("pruning.py", "conftest.py", "torch.py", "low_rank.py.bak"):
        (tmp_path / name).write_bytes(b"x = 1\n")
    (tmp_path / "minicompress").mkdir()
    (tmp_path / "minicompress" / "metrics.py").write_bytes(b"y = 2\n")
    assert read_submission(tmp_path) == {"pruning": b"x = 1\n", "metrics": b"y = 2\n"}


def test_a_link_a_folder_and_a_large_file_cost_their_module_alone(tmp_path):
    (tmp_path / "metrics.py").symlink_to("/etc/hostname")
    (tmp_path / "pruning.py").mkdir()
    (tmp_path / "low_rank.py").write_bytes(b"#" * (LARGEST + 1))
    (tmp_path / "quantization.py").write_bytes(b"x = 1\n")
    found = open_submission(tmp_path)
    assert found.files == {"quantization": b"x = 1\n"}
    assert "metrics.py is a link" in found.troubles["metrics"]
    assert "pruning.py is a folder" in found.troubles["pruning"]
    assert "more than 1,000,000 bytes" in found.troubles["low_rank"]


def test_a_linked_folder_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "metrics.py").write_bytes(b"x = 1\n")
    (tmp_path / "minicompress").symlink_to(tmp_path / "elsewhere")
    assert open_submission(tmp_path).files == {}


def test_a_submission_that_is_a_link_itself_is_not_followed(tmp_path):
    (tmp_path / "alice").symlink_to(SOLUTIONS, target_is_directory=True)
    found = open_submission(tmp_path / "alice")
    assert not found.files and "alice is a link" in found.troubles["metrics"]


def test_a_file_that_is_there_twice_is_not_guessed(tmp_path):
    (tmp_path / "minicompress").mkdir()
    for name in ("metrics.py", "minicompress/metrics.py"):
        (tmp_path / name).write_bytes(b"x = 1\n")
    found = open_submission(tmp_path)
    assert (
        not found.files and "there 2 times (metrics.py, minicompress/metrics.py)" in found.troubles["metrics"]
    )


def test_a_submission_that_is_not_there_is_the_callers_mistake(tmp_path):
    with pytest.raises(ValueError, match="there is no submission"):
        open_submission(tmp_path / "nobody")


# ------------------------------------------------------------ zip files


@pytest.mark.parametrize("place", ["", "minicompress/", "alice/", "alice/minicompress/"])
def test_a_zip_file_is_read_from_its_root_from_minicompress_and_from_one_folder(zipped, place):
    assert read_submission(zipped((f"{place}pruning.py", "x = 1\n"))) == {"pruning": b"x = 1\n"}


def test_names_that_lead_out_of_the_archive_are_passed_over(zipped, tmp_path):
    names = ("../pruning.py", "/var/metrics.py", "a/../low_rank.py", "..\\quantization.py")
    found = open_submission(zipped(*((name, "x = 1\n") for name in names)))
    assert not found.files
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["alice.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_in_an_archive_is_not_guessed(zipped):
    found = open_submission(zipped(("metrics.py", "x = 1"), ("metrics.py", "x = 2"), ("pruning.py", "y = 1")))
    assert found.files == {"pruning": b"y = 1"} and "there 2 times" in found.troubles["metrics"]


def test_links_and_folders_in_an_archive_are_refused(zipped):
    link, folder = entry("metrics.py", stat.S_IFLNK | 0o777), entry("pruning.py/", stat.S_IFDIR | 0o755)
    found = open_submission(zipped((link, "/etc/hostname"), (folder, "")))
    assert not found.files and "link" in found.troubles["metrics"] and "folder" in found.troubles["pruning"]


def test_a_zip_bomb_is_opened_up_to_the_largest_answer(zipped):
    found = open_submission(zipped(("pruning.py", b"\0" * 200_000_000), ("metrics.py", "x = 1")))
    assert found.files == {"metrics": b"x = 1"} and "more than 1,000,000" in found.troubles["pruning"]


def test_what_is_no_archive_costs_everything_in_words(tmp_path):
    (tmp_path / "alice.zip").write_bytes(b"PK\3\4 nothing")
    found = open_submission(tmp_path / "alice.zip")
    assert (
        set(found.troubles) == set(CHAPTERS) and "cannot be read as a zip file" in found.troubles["metrics"]
    )


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_entry_costs_its_module_alone(zipped, packing):
    damaged = zipfile.ZipInfo("metrics.py")
    damaged.compress_type = packing
    path = zipped((damaged, "x = 1\n" * 50), ("pruning.py", "y = 1\n"))
    content = bytearray(path.read_bytes())
    start = 30 + struct.unpack_from("<H", content, 26)[0]  # after the first local header
    content[start : start + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    found = open_submission(path)
    assert found.files == {"pruning": b"y = 1\n"} and "cannot be taken out" in found.troubles["metrics"]
