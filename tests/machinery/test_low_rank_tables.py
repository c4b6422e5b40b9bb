"""The tables of notebook 04: what stands in them."""

import pytest
from test_low_rank_figures import CURVES

from minicompress.lab import low_rank_tables


def rows(table) -> list[list[str]]:
    """The texts of a table, line by line."""
    return [list(line) for line in zip(*(column.cells for column in table.columns), strict=True)]


def test_a_conversion_is_shown_kind_by_kind_and_as_a_whole():
    report = {
        "kinds": {"q_proj": {"layers": 2, "before": 2000, "after": 500}},
        "parameters_before": 5000,
        "parameters_after": 3500,
    }
    assert rows(low_rank_tables.conversion(report, "rank 8")) == [
        ["q_proj", "2", "2,000", "500"],
        ["the whole model", "", "5,000", "3,500"],
    ]


def test_ranks_for_energy_are_the_mean_of_the_blocks():
    row = {"full": 8, "break_even": 4, "weight": 5, "random": 6}
    ranks = {"model.layers.0.mlp.up_proj": row, "model.layers.1.mlp.up_proj": row | {"weight": 7}}
    assert rows(low_rank_tables.ranks_for_energy(ranks, "ranks")) == [["mlp.up_proj", "8", "4", "6", "6"]]


def test_perplexities_leave_out_what_was_not_trained_or_pruned_at_a_share():
    assert rows(low_rank_tables.perplexities(CURVES, {0.9: 11.0}, "teacher")) == [
        ["50%", "200.00", "30.00", "35.00", "33.00", "25.00", ""],
        ["90%", "40.00", "15.00", "", "", "", "11.00"],
    ]


def test_comparisons_count_the_sizes_at_which_a_way_wins():
    """At 50%: whitened 30 < plain tuned 35; tuned 25 < 30; by S 33 > 30; SparseGPT 26 > 25; 25 = 2.5 x 10."""
    said = dict(rows(low_rank_tables.comparisons(CURVES, {0.5: 26.0}, "teacher")))
    assert said["whitened alone beats plain with training"] == "at 1 of 1 sizes"
    assert said["whitened and tuned beats whitened alone"] == "at 1 of 1 sizes"
    assert said["training makes the split by S worse"] == "at 1 of 1 sizes"
    assert said["SparseGPT beats whitened and tuned"] == "at 0 of 1 sizes"
    assert said["half the parameters, whitened and tuned"] == "2.50 times dense"
    assert said["all parameters kept"] == "plain 4.00, whitened 1.50 times dense"


def test_a_size_at_which_nothing_was_pruned_is_no_win():
    said = dict(rows(low_rank_tables.comparisons(CURVES, {}, "teacher")))
    assert said["SparseGPT beats whitened and tuned"] == "at 0 of 1 sizes"


def test_accuracies_stand_in_a_table_and_in_words():
    kept = {"0.5": {"plain": 0.276, "whitened": 0.74}}
    assert rows(low_rank_tables.accuracies(kept, "kept")) == [["50%", "27.6%", "74.0%"]]
    assert low_rank_tables.kept_in_words(kept) == "50% of the block parameters: plain 28%, whitened 74%"


SPEED = {
    "shares": [0.5, 1.0],
    "rows": [
        {"in": 320, "out": 64, "tokens": 1, "dense_ms": 0.01, "speedup": [0.5, 0.4]},
        {"in": 320, "out": 320, "tokens": 1, "dense_ms": 0.02, "speedup": [0.8, 0.6]},
        {"in": 4096, "out": 4096, "tokens": 1, "dense_ms": 3.0, "speedup": [1.9, 1.0]},
        {"in": 320, "out": 320, "tokens": 4096, "dense_ms": 9.0, "speedup": [1.7, 0.9]},
    ],
}


def test_speed_ups_stand_under_what_the_multiplications_promise():
    first, second, *_ = rows(low_rank_tables.speed_ups(SPEED, "speed"))
    assert first == ["predicted from FLOPs", "", "", "2.00x", "1.00x"]
    assert second == ["320 -> 64", "1", "0.010", "0.50x", "0.40x"]


@pytest.mark.parametrize(
    ("tokens", "sizes", "found"),
    [(1, (1, 320), [0.5, 0.8]), (1, (2048, 4096), [1.9, 1.9]), (4096, (1, 320), [1.7, 1.7])],
)
def test_a_range_of_speed_ups_is_of_one_number_of_tokens_and_of_some_sizes(tokens, sizes, found):
    assert low_rank_tables.speed_range(SPEED, 0.5, tokens, sizes) == found


def test_ways_stand_beside_each_other_by_share_and_the_best_is_found():
    ways = {"plain": [50.0, 12.0], "by token counts": [40.0, 13.0]}
    table = low_rank_tables.by_share([0.5, 0.9], ways, "embedding", "student")
    assert [column.header for column in table.columns] == ["embedding", "50% kept", "90% kept"]
    assert rows(table)[1] == ["by token counts", "40.00", "13.00"]
    assert low_rank_tables.best_by_share(ways) == ["by token counts", "plain"]


def test_the_randomised_decomposition_is_shown_beside_the_full_one():
    row = {"oversampling": 64, "iterations": 3, "time_over_full": 0.05, "error_over_best": 1.012}
    matrices = {"random": {"relative_error": 0.9, "rows": [row]}}
    measured = {"size": 4096, "rank": 256, "full_seconds": 20.4, "matrices": matrices}
    table = low_rank_tables.randomized(measured)
    assert rows(table) == [["random", "0.900", "64", "3", "+1.20%", "1/20"]]
    assert table.title == "4096 x 4096, rank 256; the full one took 20 CPU seconds"
