"""The gettext catalogues: one a page, read and written by Babel."""

import functools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from minicompress.lab.files import atomic_write
from minicompress.lab.paths import ROOT
from translations.messages import FIXED, PLACE, Say, messages

FOLDER = ROOT / "translations"
HEADER = "# What is translated here is the text of {page}; see translations/__init__.py."
BEGUN = datetime(2026, 11, 26, tzinfo=UTC)
NAMES = 4  # a message of so many words may be a name, which stays as it is


FORMATS = {"python-format", "python-brace-format"}  # Babel's guess from a sign of percent or a brace


def catalogue_path(language: str, page: Path) -> Path:
    return FOLDER / language / page.with_suffix(".po")


def read_catalogue(language: str, page: Path) -> Catalog:
    """The catalogue of a page, empty when there is none."""
    path = catalogue_path(language, page)
    return parsed(path, path.stat().st_mtime_ns) if path.is_file() else Catalog(locale=language)


@functools.cache
def parsed(path: Path, changed_at: int) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def say_from(catalogue: Catalog) -> Say:
    """The translations of a catalogue; one that is marked as fuzzy is of another English text."""

    def say(message: str) -> str:
        entry = catalogue.get(message)
        return entry.string if entry and not entry.fuzzy else ""

    return say


def source_catalogue(page: Path, texts: Iterable[str], language: str) -> Catalog:
    """The messages of a page as they are in English, with their numbers as a note to the translator."""
    catalogue = Catalog(
        locale=language,
        header_comment=HEADER.format(page=page.as_posix()),
        project="minicompress",
        msgid_bugs_address="the issues of this repository",
        last_translator="The minicompress authors",
        language_team=language,
        creation_date=BEGUN,  # the history says when it changed
        revision_date=BEGUN,
        fuzzy=False,
    )
    for text in texts:
        for message, numbers in messages(text):
            catalogue.add(message, auto_comments=[" · ".join(numbers)] if numbers else [])
    return catalogue


def update(language: str, page: Path, texts: Iterable[str]) -> int:
    """Bring the catalogue to the page's present text: a changed message keeps its old translation, marked as
    fuzzy. How many are to be translated.
    """
    source = source_catalogue(page, texts, language)
    path = catalogue_path(language, page)
    catalogue = source
    if path.is_file():
        with path.open("rb") as file:
            catalogue = read_po(file)
        catalogue.update(source)
    for entry in catalogue:
        entry.flags -= FORMATS
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        write_po(file, catalogue, width=0, omit_header=False, ignore_obsolete=True)
    return sum(not entry.string or entry.fuzzy for entry in catalogue if entry.id)


# ---------------------------------------------------------------- what is wrong with a catalogue


def problems(language: str, page: Path, texts: Iterable[str]) -> Iterator[str]:
    """One sentence for each message that is missing, out of date or damaged."""
    catalogue, source = read_catalogue(language, page), source_catalogue(page, texts, language)
    where = catalogue_path(language, page).relative_to(ROOT).as_posix()
    for wanted in source:
        reason = what_is_wrong(wanted.id, catalogue.get(wanted.id)) if wanted.id else ""
        if reason:
            yield f"{where}: {reason}: {wanted.id}"
    for entry in catalogue:
        if entry.id and source.get(entry.id) is None:
            yield f"{where}: no longer on the page: {entry.id}"


def what_is_wrong(message: str, entry: Message | None) -> str:
    """Why a translation cannot be used, in a few words; nothing when it can."""
    if entry is None or not entry.string:
        return "not translated"
    if entry.fuzzy:
        return "its English text has changed"
    if entry.string == message and len(message.split()) > NAMES:
        return "left in English"
    for what, pattern in (("code, formulas and addresses", FIXED), ("numbers", PLACE)):
        if sorted(found_in(pattern, message)) != sorted(found_in(pattern, entry.string)):
            return f"other {what}"
    if message.count("|") != entry.string.count("|"):
        return "other bars"
    return ""


def found_in(pattern, text: str) -> list[str]:
    """What a pattern finds, code aside where it looks for placeholders; anchors may be translated."""
    if pattern is PLACE:
        text = FIXED.sub("", text)
    return [found[0] for found in pattern.finditer(text)]
