"""The box in which a notebook stops."""

from minicompress.grading.box import Box, Place, place_of, sentence


def test_a_place_is_the_line_where_a_name_is_defined(tmp_path):
    file = tmp_path / "pruning.py"
    file.write_text(
        "import torch\n\n\ndef mask_all():\n    pass\n\n\nclass mask:\n    pass\n", encoding="utf-8"
    )
    assert place_of("mask", file) == Place(file, 8)


def test_a_name_that_is_not_there_is_looked_for_at_the_top(tmp_path):
    file = tmp_path / "pruning.py"
    file.write_bytes(b"\xff def mask(:\n")
    assert place_of("mask", file) == Place(file, 1)


def test_a_file_that_is_not_there_begins_at_line_1(tmp_path):
    assert place_of("mask", tmp_path / "absent.py").line == 1


def test_a_link_is_relative_to_the_notebook_and_counts_lines_from_0(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert Place(tmp_path / "minicompress" / "pruning.py", 8).href == "../minicompress/pruning.py#line=7"


def test_a_box_holds_the_sentence_and_the_links(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = sentence("write a < b", [Place(tmp_path / "pruning.py", 8)])._repr_html_()
    assert (
        "write a &lt; b" in page and 'href="pruning.py#line=7"' in page and "pruning.py, line 8</a>" in page
    )


def test_a_box_without_places_has_no_links():
    assert "<a " not in Box("text", "<div>text</div>")._repr_html_()


def test_where_there_is_no_html_a_box_is_its_text():
    assert repr(sentence("write it", [])) == "write it"


def test_what_stands_below_is_html_alone():
    box = Box("text", "<div>text</div>", below="<details>a hint</details>")
    assert "<details>a hint</details>" in box._repr_html_() and repr(box) == "text"


def test_a_box_comes_into_view():
    assert "scrollIntoView" in sentence("write it", [])._repr_html_()
