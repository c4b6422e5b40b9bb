"""A module can be imported from a text for a while, and the process is as it was afterwards."""

import sys

import minicompress
from minicompress.grading.course import exercise
from minicompress.grading.isolation import isolated, load
from minicompress.grading.mistakes import known_mistakes, run_mistake


def test_grading_leaves_no_trace_in_this_process():
    from minicompress import pruning

    before, path, finders = dict(sys.modules), sys.path[:], sys.meta_path[:]
    assert not run_mistake(exercise("1.6"), known_mistakes(exercise("1.6"))[0]).solved
    assert minicompress.pruning is pruning and sys.modules["minicompress.pruning"] is pruning
    assert sys.path == path and sys.meta_path == finders
    assert all(sys.modules.get(name) is module for name, module in before.items())


def test_other_chapters_come_from_the_solutions():
    with isolated("pruning"):
        load("pruning", "from minicompress import metrics\nWHERE = metrics.__file__")
        assert "solutions" in sys.modules["minicompress.pruning"].WHERE
