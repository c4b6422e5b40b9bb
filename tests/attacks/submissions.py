"""Submissions whose files are the attack: how they are packed, named, linked, or too much to be parsed.

Each takes an empty folder, and returns what is handed in. The exercise that it attacks is of pruning.py, and
deserves nothing. Beside it stands a right low_rank.py, unless the whole submission is no submission.
"""

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from minicompress.lab.paths import ROOT, SOLUTIONS

WRONG = "def sparsity_schedule(step, steps, final, kind='linear'):\n    return {body}\n"
NEIGHBOUR = "low_rank.py"
PACKED: dict[str, Callable[[Path], Path]] = {}  # name -> how the submission is made
ALONE = set()  # those that hold no neighbour to be graded


def attack(alone: bool = False) -> Callable:
    """Note an attack; its docstring says in one sentence what it tries."""

    def note(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
        PACKED[make.__name__] = make
        if alone:
            ALONE.add(make.__name__)
        return make

    return note


def handed_in(folder: Path, text: str | bytes = "") -> Path:
    """A folder with the attack as pruning.py and a right answer beside it."""
    right = (SOLUTIONS / NEIGHBOUR).read_text(encoding="utf-8")
    (folder / NEIGHBOUR).write_text(right, encoding="utf-8")
    if text:
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        (folder / "pruning.py").write_bytes(data)
    return folder


# ------------------------------------------------------------ too much to be parsed


@attack()
def a_hundred_thousand_brackets(folder: Path) -> Path:
    """The parser's own recursion."""
    return handed_in(folder, WRONG.format(body="(" * 100_000 + ")" * 100_000))


@attack()
def a_hundred_thousand_signs(folder: Path) -> Path:
    """A chain of operators that the parser reads, and the compiler walks down."""
    return handed_in(folder, WRONG.format(body="-" * 100_000 + "1"))


@attack()
def a_long_sum(folder: Path) -> Path:
    """A sum of a hundred thousand terms leans to one side by as many levels."""
    return handed_in(folder, WRONG.format(body="+".join(["1"] * 100_000)))


@attack()
def many_attributes(folder: Path) -> Path:
    """A chain of attributes is a tree as deep as it is long."""
    return handed_in(folder, WRONG.format(body="final" + ".real" * 100_000))


@attack()
def nested_functions(folder: Path) -> Path:
    """Ninety-nine functions in each other, with a loop in each: near every limit at once."""
    lines = [" " * depth + f"def f{depth}():" for depth in range(99)] + [" " * 99 + "return 0.5"]
    text = WRONG.format(body="f0()") + "\n".join(lines) + "\n"
    return handed_in(folder, text)


@attack()
def a_number_of_many_digits(folder: Path) -> Path:
    """A decimal number of nine hundred thousand digits: to read it takes the square of its length."""
    return handed_in(folder, WRONG.format(body="9" * 900_000))


@attack()
def a_product_that_is_folded(folder: Path) -> Path:
    """Constants that the compiler computes before anything runs."""
    return handed_in(folder, WRONG.format(body="+".join(["((2 ** 127) ** 127) * ('x' * 4096 == '')"] * 500)))


@attack()
def many_definitions(folder: Path) -> Path:
    """Each line is small and right, and there are a great many of them."""
    text = WRONG.format(body="f0") + "".join(f"f{n} = f{n + 1}\n" for n in range(40_000))
    return handed_in(folder, text)


@attack()
def helpers_in_a_circle(folder: Path) -> Path:
    """Helpers that need each other: who follows them without looking back never ends."""
    circle = "".join(f"def h{n}():\n    return h{(n + 1) % 3000}()\n" for n in range(3000))
    return handed_in(folder, WRONG.format(body="h0()") + circle)


@attack()
def a_hundred_megabytes(folder: Path) -> Path:
    """A file of a hundred megabytes, all of it one comment."""
    handed_in(folder)
    with (folder / "pruning.py").open("wb") as file:
        file.write(WRONG.format(body="0.5").encode() + b"#")
        file.truncate(100_000_000)
    return folder


@attack()
def a_regular_expression_trap(folder: Path) -> Path:
    """Text between the marks of solutions and stubs that slow a search down by the square of its length."""
    marks = "### BEGIN SOLUTION\n" * 20_000 + '#line 1 "x"\n' * 10_000
    return handed_in(folder, WRONG.format(body="0.5") + marks)


# ------------------------------------------------------------ no text, or not what it looks like


@attack()
def characters_of_value_zero(folder: Path) -> Path:
    """A NUL, after which another reader may see another text."""
    return handed_in(folder, WRONG.format(body="0.5") + "\0" + WRONG.format(body="1"))


@attack()
def another_encoding(folder: Path) -> Path:
    """A declared encoding under which the bytes say something else."""
    text = "# -*- coding: utf_7 -*-\n" + WRONG.format(body="'+AGA-'") + "# +AAoAaQBtAHAAbwByAHQAIABvAHM-\n"
    return handed_in(folder, text)


@attack()
def a_code_that_runs(folder: Path) -> Path:
    """An encoding whose decoder is a compressor: a small file that decodes to a large one."""
    return handed_in(folder, "# coding: zlib_codec\n" + WRONG.format(body="0.5"))


@attack()
def lone_surrogates(folder: Path) -> Path:
    """Halves of characters, which no text may hold, in the file and in what is printed of it."""
    return handed_in(folder, WRONG.format(body="'\udcff\ud800'"))


@attack()
def marks_of_lines(folder: Path) -> Path:
    """Lines in the form that tells the graders where a line stands: they claim the grader's own files."""
    lines = f'#line 1 "{ROOT}/solutions/pruning.py"\n#line 999999999999 "/etc/passwd"\n#line 0 "<string>"\n'
    return handed_in(folder, lines + WRONG.format(body="0.5").replace("    ", f"    0\n{lines}    ", 1))


@attack()
def directions_of_writing(folder: Path) -> Path:
    """Characters that turn the order of the text around for a reader, and escape codes for a terminal."""
    return handed_in(
        folder, WRONG.format(body="'\u202e\u2066\x1b]0;passed\x07\x1b[2J'") + "# \u202e passed\n"
    )


@attack()
def pushes_out_of_the_function(folder: Path) -> Path:
    """A form feed, a bare carriage return and a backslash at the end, which some readers count as lines."""
    return handed_in(folder, WRONG.format(body="0.5\x0c\r    import os; os._exit(0)\r\\"))


# ------------------------------------------------------------ no regular file


@attack()
def a_folder_of_that_name(folder: Path) -> Path:
    """pruning.py is a folder with a module in it."""
    handed_in(folder)
    (folder / "pruning.py").mkdir()
    (folder / "pruning.py" / "__init__.py").write_text(WRONG.format(body="0.5"), encoding="utf-8")
    return folder


@attack()
def a_link_to_the_solution(folder: Path) -> Path:
    """pruning.py is a link to the reference."""
    handed_in(folder)
    (folder / "pruning.py").symlink_to(SOLUTIONS / "pruning.py")
    return folder


@attack()
def a_link_to_a_device(folder: Path) -> Path:
    """pruning.py leads to a file without end."""
    handed_in(folder)
    (folder / "pruning.py").symlink_to("/dev/zero")
    return folder


@attack()
def a_link_to_itself(folder: Path) -> Path:
    """pruning.py leads to pruning.py."""
    handed_in(folder)
    (folder / "pruning.py").symlink_to("pruning.py")
    return folder


@attack()
def a_pipe(folder: Path) -> Path:
    """Who opens pruning.py waits for a writer that never comes."""
    handed_in(folder)
    os.mkfifo(folder / "pruning.py")
    return folder


@attack(alone=True)
def the_folder_is_a_link(folder: Path) -> Path:
    """The submission itself leads to the solutions."""
    (folder / "submission").symlink_to(SOLUTIONS, target_is_directory=True)
    return folder / "submission"


@attack()
def modules_of_other_names(folder: Path) -> Path:
    """Files that Python, pytest and torch would import, if the submission's folder were on their path."""
    handed_in(folder, WRONG.format(body="0.5"))
    for name in (
        "sitecustomize",
        "usercustomize",
        "conftest",
        "torch",
        "pytest",
        "json",
        "math",
        "_minicompress",
    ):
        (folder / f"{name}.py").write_text("import os\nos._exit(0)\n", encoding="utf-8")
    for name in ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"):
        (folder / name).write_text("[pytest]\naddopts = --collect-only\n", encoding="utf-8")
    (folder / "evil.pth").write_text("import os; os._exit(0)\n", encoding="utf-8")
    (folder / "minicompress").mkdir()
    (folder / "minicompress" / "__init__.py").write_text("raise SystemExit(0)\n", encoding="utf-8")
    return folder


@attack()
def a_thousand_other_files(folder: Path) -> Path:
    """Nobody has to look at them, and nobody should need long to pass over them."""
    handed_in(folder, WRONG.format(body="0.5"))
    for number in range(1000):
        (folder / f"{number}.py").write_text("import os; os._exit(0)\n", encoding="utf-8")
    return folder


# ------------------------------------------------------------ archives


def packed(folder: Path, entries: list[tuple[str | zipfile.ZipInfo, bytes]], neighbour: bool = True) -> Path:
    """A zip with these entries, and a right answer at the end."""
    file = folder / "submission.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
        if neighbour:
            archive.write(SOLUTIONS / NEIGHBOUR, NEIGHBOUR)
    return file


def linked(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    """An entry that is a symbolic link."""
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return entry, target.encode()


@attack()
def leaves_its_folder(folder: Path) -> Path:
    """Names of entries that lead above the folder where they are unpacked, or to anywhere."""
    bad = b"escaped"
    names = (
        "../escaped.py",
        "../../minicompress/escaped.py",
        f"{folder.parent}/home/precious",
        "..\\escaped.py",
    )
    return packed(folder, [(name, bad) for name in (*names, "a/../../escaped.py", "C:\\escaped.py")])


@attack()
def a_link_in_the_archive(folder: Path) -> Path:
    """An entry is a link to the reference, and another one a link through which a third is written."""
    entries = [
        linked("pruning.py", str(SOLUTIONS / "pruning.py")),
        linked("folder", str(folder.parent / "home")),
    ]
    return packed(folder, [*entries, ("folder/precious", b"mine")])


@attack()
def a_bomb(folder: Path) -> Path:
    """Half a gigabyte of one character, as a zip of half a megabyte."""
    file = packed(folder, [])
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("pruning.py", "w", force_zip64=True) as entry:
            for _ in range(500):
                entry.write(b"#" * 1_000_000)
    return file


@attack()
def lies_about_its_size(folder: Path) -> Path:
    """The directory says that an entry has ten bytes; it has fifty megabytes."""
    file = packed(folder, [("pruning.py", b"#" * 50_000_000)])
    data = file.read_bytes().replace((50_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    file.write_bytes(data)
    return file


@attack()
def one_name_twice(folder: Path) -> Path:
    """Two entries of one name: who checks the first and grades the second is fooled."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrong = WRONG.format(body="0.5").encode()
        return packed(folder, [("pruning.py", wrong), ("pruning.py", b"import os; os._exit(0)\n" + wrong)])


@attack()
def names_that_look_alike(folder: Path) -> Path:
    """Other letters, cases, spaces and folders that some disk takes for the same name."""
    names = (
        "PRUNING.PY",
        "pruning.py ",
        "./pruning.py",
        "a/pruning.py",
        "pruning.py/",
        "ｐruning.py",
        "pruning.py\0",
    )
    return packed(folder, [(name, WRONG.format(body="0.5").encode()) for name in names])


@attack()
def a_hundred_thousand_entries(folder: Path) -> Path:
    """An archive that is mostly directory."""
    return packed(folder, [(f"{number}", b"") for number in range(100_000)])


@attack(alone=True)
def an_archive_in_pieces(folder: Path) -> Path:
    """The first half of an archive, which has no directory at its end."""
    file = packed(folder, [("pruning.py", WRONG.format(body="0.5").encode())])
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return file


@attack(alone=True)
def another_kind_of_archive(folder: Path) -> Path:
    """A tar archive that is called a zip, with a device in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        device = tarfile.TarInfo("pruning.py")
        device.type = tarfile.CHRTYPE
        archive.addfile(device)
    (folder / "submission.zip").write_bytes(buffer.getvalue())
    return folder / "submission.zip"


@attack(alone=True)
def with_a_password(folder: Path) -> Path:
    """The entry says that it is encrypted: a reader may stop and ask for the password."""
    file = packed(folder, [("pruning.py", WRONG.format(body="0.5").encode())], neighbour=False)
    data = bytearray(file.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(data)
    return file


@attack(alone=True)
def nothing_at_all(folder: Path) -> Path:
    """There is no such submission."""
    return folder / "none"
