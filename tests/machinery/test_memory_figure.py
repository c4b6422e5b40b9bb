"""The picture of peak memory against the size of the model."""

import pictures

from minicompress.lab.memory_figure import beyond_the_libraries, memory_picture


def part(parameters, **peaks):
    tools = {
        tool: {method: {"peak_bytes": peak} for method in ("wanda", "sparsegpt")}
        for tool, peak in peaks.items()
    }
    return {"parameters": parameters, "hidden_bytes": 1, "checkpoint_bytes": 2 * parameters} | tools


CONTENT = {
    "seed": 0,
    "hardware": {"cpu": "one"},
    "alone": part(1_000, minicompress=400_000_000, oneshot=500_000_000),
    "1.6B": part(1_600_000_000, minicompress=900_000_000),
    "100M": part(100_000_000, minicompress=460_000_000, oneshot=750_000_000),
}


def test_what_the_libraries_take_alone_is_taken_away():
    assert beyond_the_libraries(CONTENT, "100M", "minicompress", "wanda") == 60
    assert beyond_the_libraries(CONTENT, "100M", "oneshot", "wanda") == 250


def test_the_picture_has_a_line_for_each_tool_and_is_the_same_each_time(tmp_path):
    for name in ("one.svg", "two.svg"):
        memory_picture(CONTENT, tmp_path / name)
    first = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert first == (tmp_path / "two.svg").read_text(encoding="utf-8")
    for words in (
        "minicompress compress, wanda",
        "llmcompressor, oneshot, sparsegpt",
        "the checkpoint, bf16",
    ):
        assert f"<!-- {words} -->" in first


def test_the_picture_keeps_to_the_palette(tmp_path):
    memory_picture(CONTENT, tmp_path / "a.svg")
    assert pictures.colours(tmp_path / "a.svg") <= pictures.PALETTE
