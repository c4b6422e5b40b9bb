"""The course in Korean: how a page becomes messages, and that no translation falls behind its page."""

import json
import re

import pytest
from babel.messages.catalog import Catalog

from minicompress.lab.paths import ROOT
from translations.catalogues import catalogue_path, problems, say_from, update, what_is_wrong
from translations.made import made_files, made_path
from translations.messages import FIXED, blocks, messages, template, translated
from translations.pages import (
    CAPTIONS,
    CHAPTERS,
    LANGUAGES,
    START,
    anchors,
    in_language,
    markdown_of,
    pages,
)
from website.reference import reference_pages
from website.sources import listed_files

PAGE = START.with_name("docs") / "toy.md"

TOY = """# Two commands

Wrapped words
of `one` paragraph.

- an item
  that goes on

| name | what |
| --- | --- |
| `x` | this \\| that |
| 12 | twelve |

$$
a = b
= c
$$

```
code, no text
```

<details>
<summary>Answer</summary>

Hidden text.

</details>
"""


# ---------------------------------------------------------------- from Markdown to messages


def test_each_piece_of_text_is_one_message_and_code_and_formulas_are_none():
    assert [message for message, _ in messages(TOY)] == [
        "Two commands",
        "Wrapped words of `one` paragraph.",
        "an item that goes on",
        "name",
        "what",
        "this \\| that",
        "twelve",
        "Answer",
        "Hidden text.",
    ]


@pytest.mark.parametrize(
    ("text", "message", "numbers"),
    [
        ("keeps 93.4% at 80x", "keeps {0}% at {1}x", ["93.4", "80"]),
        ("1,234 of 20-30%, 2:4", "{0} of {1}%, {2}:{3}", ["1,234", "20-30", "2", "4"]),
        ("top-1, 4-bit, fp16, SmolLM2-135M", "top-1, 4-bit, fp16, SmolLM2-135M", []),
        ("`nm(2, 4)` and $x_1 = 3$ in [1](a1.md#2)", "`nm(2, 4)` and $x_1 = 3$ in [{0}](a1.md#2)", ["1"]),
        ("at commit 5060cc8c8b1d.", "at commit {0}.", ["5060cc8c8b1d"]),
    ],
)  # fmt: skip
def test_numbers_are_placeholders_outside_of_code_formulas_and_addresses(text, message, numbers):
    assert template(text) == (message, numbers)


def test_a_page_with_its_own_words_is_the_page_with_lines_joined():
    joined = translated(TOY, lambda message: message)
    assert "Wrapped words of `one` paragraph.\n" in joined and "- an item that goes on\n" in joined
    assert joined.split() == TOY.split()


@pytest.mark.parametrize("page", pages(), ids=str)
def test_nothing_of_a_real_page_is_lost_on_the_way(page):
    for markdown in markdown_of(page):
        assert translated(markdown, lambda message: message).split() == markdown.split()


def test_every_piece_is_said_in_the_other_language():
    said = translated(TOY, str.upper)
    assert "# TWO COMMANDS" in said and "| NAME | WHAT |" in said and "<summary>ANSWER</summary>" in said
    assert "code, no text" in said and "= c" in said


def test_a_number_takes_the_place_that_the_translation_gives_it():
    said = {"{0} of {1}": "{1} 중 {0}"}
    assert translated("3 of 40", said.get) == "40 중 3"


def test_a_message_without_a_translation_stays_in_english():
    assert translated("# Two commands", lambda message: "") == "# Two commands"


# ---------------------------------------------------------------- catalogues


def entry(message: str, said: str, *flags: str):
    catalogue = Catalog(locale="ko")
    catalogue.add(message, said, flags=flags)
    return catalogue.get(message)


@pytest.mark.parametrize(
    ("message", "said", "reason"),
    [
        ("`a` keeps {0}%", "`a`는 {0}%를 유지합니다", ""),
        ("Wanda", "Wanda", ""),
        ("`a` keeps {0}%", "", "not translated"),
        ("`a` keeps {0}%", "a는 {0}%를 유지합니다", "other code, formulas and addresses"),
        ("see [it](docs/a.md)", "[여기](docs/b.md)를 보세요", "other code, formulas and addresses"),
        ("`a` keeps {0}%", "`a`는 {1}%를 유지합니다", "other numbers"),
        ("a \\| b", "가 나", "other bars"),
        ("no one has translated this", "no one has translated this", "left in English"),
    ],
)
def test_a_damaged_translation_is_told(message, said, reason):
    assert what_is_wrong(message, entry(message, said)) == reason


def test_a_translation_of_an_earlier_text_is_told_and_not_used():
    stale = entry("a text", "글", "fuzzy")
    assert what_is_wrong("a text", stale) == "its English text has changed"
    catalogue = Catalog(locale="ko")
    catalogue.add("a text", "글", flags=["fuzzy"])
    assert say_from(catalogue)("a text") == ""


@pytest.fixture
def own_catalogue(tmp_path, monkeypatch):
    monkeypatch.setattr("translations.catalogues.ROOT", tmp_path)
    monkeypatch.setattr("translations.catalogues.FOLDER", tmp_path / "translations")
    return catalogue_path("ko", PAGE)


def test_an_updated_catalogue_keeps_what_is_translated_and_asks_for_the_rest(own_catalogue):
    assert update("ko", PAGE, ["It keeps 80%.\n\nMore."]) == 2
    text = own_catalogue.read_text(encoding="utf-8")
    own_catalogue.write_text(
        text.replace('{0}%."\nmsgstr ""', '{0}%."\nmsgstr "{0}%를 유지합니다."'), encoding="utf-8"
    )
    assert update("ko", PAGE, ["It keeps 75%.\n\nMore."]) == 1, "a new number needs no new translation"
    assert update("ko", PAGE, ["It keeps about 75%."]) == 1
    told = list(problems("ko", PAGE, ["It keeps about 75%."]))
    assert told == ["translations/ko/docs/toy.po: its English text has changed: It keeps about {0}%."]


def test_an_update_without_a_change_changes_no_byte(own_catalogue):
    update("ko", PAGE, [TOY])
    before = own_catalogue.read_bytes()
    update("ko", PAGE, [TOY])
    assert own_catalogue.read_bytes() == before


# ---------------------------------------------------------------- the translations


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", pages(), ids=str)
def test_every_message_of_a_page_is_translated(page, language):
    found = "\n".join(problems(language, page, markdown_of(page)))
    assert not found, f"{found}\nupdate, translate, write: see translations/__init__.py"


@pytest.mark.parametrize("page", [page for page in pages() if page.suffix == ".md"], ids=str)
def test_a_translated_page_is_in_korean(page):
    """More Hangul than Latin letters remain, code, names of files and formulas aside."""
    text = FIXED.sub("", " ".join(block.text for block in blocks(in_language(page, "ko"))))
    assert len(re.findall("[가-힣]", text)) > len(re.findall("[A-Za-z]", text)) or page.stem == "glossary"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_files_of_the_repository_are_those_that_the_catalogues_make(language):
    for path, text in made_files(language).items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, "then: python -m translations write"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_link_of_a_made_file_leads_to_a_file(language):
    for path, text in made_files(language).items():
        content = json.loads(text)["cells"] if path.suffix == ".ipynb" else []
        markdown = "\n".join("".join(cell["source"]) for cell in content if cell["cell_type"] == "markdown")
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)\s#]+)", markdown or text):
            assert (ROOT / path.parent / target).exists(), (path, target)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_notebook_in_korean_has_the_same_code(chapter):
    (page,) = [page for page in pages() if page.name.startswith(f"{chapter}_")]
    codes = [
        ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        for text in ((ROOT / page).read_text(encoding="utf-8"), made_files("ko")[made_path(page, "ko")])
    ]
    assert codes[0] == codes[1]


def test_links_to_a_heading_lead_to_its_translation():
    for page in pages():
        headings = set(anchors(page, "ko").values())
        for anchor in re.findall(r"\]\((#[^)\s]+)\)", in_language(page, "ko")):
            assert anchor in headings, (page, anchor)


def test_all_that_the_site_says_beside_its_pages_is_a_message():
    (captions,) = markdown_of(CAPTIONS)
    used = [*listed_files(), *reference_pages()]
    assert [message for message, _ in messages(captions)] == used


def test_each_page_of_the_site_that_is_no_record_of_the_project_is_translated():
    listed = [path for paths in listed_files().values() for path in paths if path.suffix == ".md"]
    left = {path.as_posix() for path in listed} - {path.as_posix() for path in pages()}
    assert left <= {"CONTRIBUTING.md", "CHANGELOG.md"}
