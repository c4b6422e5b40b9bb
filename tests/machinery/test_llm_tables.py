"""The tables of notebook 07, from rows like those that `benchmarks.real_llm` writes."""

import pytest
from rich.console import Console

from minicompress.lab import llm_tables


def row(part: str, method: str, text: str, perplexity: float, **columns: object) -> dict:
    """A row of the results; what is not given is alike in all of them."""
    alike = {"pattern": "any place", "sparsity": 0.5, "calibration": None, "tokens": 16863, "context": 512}
    alike |= {"accuracy_kept": 1.0, "file_bytes": 100_000_000}
    given = {"part": part, "method": method, "text": text, "perplexity": perplexity}
    return alike | given | {"interval": [perplexity - 1, perplexity + 1]} | columns


def both(part: str, method: str, english: float, code: float, **columns: object) -> list[dict]:
    return [row(part, method, "English", english, **columns), row(part, method, "code", code, **columns)]


MIXED = {"calibration": "8192 tokens, half English, half code"}
DENSE = both("table", "dense", 10.0, 8.0, pattern="-", sparsity=0.0, file_bytes=200_000_000)


def shown(table) -> list[list[str]]:
    """The words of each line, the title and the head first."""
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table)
    return [line.split() for line in captured.get().splitlines()]


def test_a_part_that_was_not_measured_is_named_with_the_command_that_measures_it():
    with pytest.raises(ValueError, match=r"no row of the part 'bits': `python -m benchmarks.real_llm bits`"):
        llm_tables.rows_of({"rows": DENSE}, "bits")


@pytest.mark.parametrize(
    ("value", "text"), [(9.966, "9.97"), (268.53, "268.5"), (48419.0, "48,419"), (99.994, "99.99")]
)
def test_a_perplexity_is_written_with_about_four_digits(value, text):
    assert llm_tables.written(value) == text


def test_the_first_table_puts_the_article_the_papers_and_this_model_side_by_side():
    content = {"rows": both("table", "Wanda", 20.0, 15.0, **MIXED) + DENSE}
    dense, wanda = shown(llm_tables.first_table(content))[-2:]
    assert dense == ["dense", "0%", "5.68", "5.68", "10.00", "9.00-11.00", "8.00", "7.00-9.00"]
    assert wanda == ["Wanda", "50%", "5.74", "7.26", "20.00", "19.00-21.00", "15.00", "14.00-16.00"]


def test_a_figure_that_nobody_published_stays_empty():
    content = {"rows": DENSE + both("table", "magnitude", 12.0, 9.0, sparsity=0.2)}
    assert shown(llm_tables.first_table(content))[-1][:3] == ["magnitude", "20%", "12.00"]


def test_a_model_is_compared_with_the_dense_one_on_the_same_text():
    ratios = llm_tables.times_dense({"rows": DENSE + both("table", "Wanda", 20.0, 12.0)}, "table")
    key = ("Wanda", "any place", 0.5)
    assert (ratios[key, "English"], ratios[key, "code"]) == (2.0, 1.5)


def test_the_pattern_stands_beside_the_same_share_in_any_place():
    rows = list(DENSE)
    for method in ("magnitude", "Wanda", "SparseGPT"):
        rows += both("table", method, 20.0, 12.0) + both("table", method, 40.0, 24.0, pattern="2:4")
    assert shown(llm_tables.two_of_four({"rows": rows}))[-1] == (
        ["SparseGPT", "1.27", "1.94", "2.00", "4.00", "1.50", "3.00"]
    )


def test_norms_and_rows_are_told_apart_in_a_table_of_two_by_two():
    rows = []
    for number, method in enumerate(("magnitude", "magnitude x norm")):
        rows += both("why", f"{method}, per layer", 10.0 + number, 20.0 + number)
        rows += both("why", f"{method}, per row", 30.0 + number, 40.0 + number)
    lines = shown(llm_tables.norms_and_rows({"rows": rows}))[-4:]
    assert [line[-2:] for line in lines] == (
        [["10.00", "30.00"], ["11.00", "31.00"], ["20.00", "40.00"], ["21.00", "41.00"]]
    )


def test_sizes_are_counted_from_the_dense_file_and_the_largest_comes_first():
    small = both("bits", "quantized", 11.0, 9.0, pattern="4 bits, rows", sparsity=None, file_bytes=50_000_000)
    large = both("bits", "quantized", 10.5, 8.5, pattern="8 bits, rows", sparsity=None)
    lines = shown(llm_tables.sizes_and_scores({"rows": DENSE + small + large}, "bits"))[-2:]
    assert [line[:5] for line in lines] == (
        [["8", "bits,", "rows", "100.0", "2.00x"], ["4", "bits,", "rows", "50.0", "4.00x"]]
    )


def test_rounding_errors_have_a_line_for_each_grid():
    content = {"rounding_errors_4_bits": {"teacher": {"rows": 0.12}, "smollm2": {"rows": 0.0}}}
    assert shown(llm_tables.rounding_errors(content))[-1] == ["rows", "12.00%", "0.00%"]


def test_calibration_texts_are_compared_at_equal_length():
    rows = both("table", "Wanda", 20.0, 15.0, **MIXED)
    rows += both("calibration", "Wanda", 19.0, 17.0, calibration="8192 tokens, English")
    rows += both("calibration", "Wanda", 30.0, 25.0, calibration="1024 tokens, half English, half code")
    lines = shown(llm_tables.calibration_texts({"rows": DENSE + rows}))[-2:]
    assert sorted(lines) == (
        [
            ["Wanda", "English", "19.00", "17.00"],
            ["Wanda", *"half English, half code".split(), "20.00", "15.00"],
        ]
    )


# ---------------------------------------------------------------- the map


def test_the_front_leaves_out_what_another_file_beats_in_both():
    points = [
        {"file_bytes": size, "accuracy_kept": kept} for size, kept in ((3, 0.9), (1, 0.5), (2, 0.4), (2, 0.8))
    ]
    assert [(p["file_bytes"], p["accuracy_kept"]) for p in llm_tables.front(points)] == (
        [(1, 0.5), (2, 0.8), (3, 0.9)]
    )


@pytest.fixture
def whole() -> dict:
    """A file in which every part of the map was measured: 2x keeps 90%, 5x keeps 60%."""
    rows = DENSE + both("bits", "quantized", 11.0, 9.0, pattern="8 bits, rows", accuracy_kept=0.9)
    rows += both("combined", "combined", 15.0, 9.0, pattern="both", accuracy_kept=0.6, file_bytes=40_000_000)
    for part in ("low_rank", "structured", "recovery"):
        rows += both(part, part, 99.0, 99.0, pattern="any", accuracy_kept=0.1)
    return {"rows": rows}


def test_the_best_file_at_a_size_is_the_one_that_keeps_most_and_is_small_enough(whole):
    two, four, eight = shown(llm_tables.best_at(whole, (2, 4, 8)))[-3:]
    assert two[:6] == ["2x", "8", "bits,", "rows", "(2.0x)", "90.0%"]
    assert four[:4] == ["4x", "both", "(5.0x)", "60.0%"]
    assert eight == ["8x", "none", "none"]


def test_the_map_holds_every_model_once_on_a_text(whole):
    points = llm_tables.map_points(whole, "code")
    assert [point["ratio"] for point in points] == [1.0, 2.0, 2.0, 2.0, 2.0, 5.0]
    assert {point["text"] for point in points} == {"code"}


def test_completions_stand_below_their_prompt():
    content = {"completions": {"dense": {"def f(": "x):\n    pass"}, "int8": {"def f(": "y):"}}}
    assert (
        llm_tables.completions(content).splitlines()
        == (["PROMPT 'def f('", "  dense  | x):", "         |     pass", "  int8   | y):", ""][:4])
    )


def test_a_long_completion_is_cut_and_says_so():
    content = {"completions": {"dense": {"a": "1\n2\n3"}}}
    assert llm_tables.completions(content, most=2).splitlines()[1:] == (
        ["  dense  | 1", "         | 2", "         | ..."]
    )
