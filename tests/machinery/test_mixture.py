"""Given: training streams and their mixture."""

import numpy as np
import torch

from minicompress.lab import corpus
from minicompress.lab.mixture import Mixture, select_unseen


def test_files_that_share_a_long_span_with_held_out_files_are_found(tmp_path):
    held_out = (corpus.read_text(path).split("\n") for path in corpus.stdlib_files("test"))
    lines = next(lines for lines in held_out if len(lines) >= 160)  # which file it is depends on the Python
    leak, clean = tmp_path / "leak.py", tmp_path / "clean.py"
    leak.write_text("x = 1\n" * 10 + "\n".join("    " + line for line in lines[100:160]))
    clean.write_text("\n".join(f"value_{number} = compute_something_else({number})" for number in range(40)))
    chosen, report = select_unseen([leak, clean])
    assert chosen == [clean] and report["leaks"] == 1


def test_mixture_batches_depend_on_seed_and_step_alone():
    streams = {"a": np.arange(1000, dtype=np.uint16), "b": np.arange(5000, 7000, dtype=np.uint16)}
    mixture = Mixture(streams, {"a": 2, "b": 1}, length=16)
    assert torch.equal(mixture.batch(7), Mixture(streams, {"a": 2, "b": 1}, length=16).batch(7))
    assert (
        mixture.batch(0).shape == (3, 16)
        and (mixture.batch(0)[:2] < 1000).all()
        and (mixture.batch(0)[2:] >= 5000).all()
    )
    starts = torch.cat([mixture.batch(step)[:2, 0] for step in range(30)])
    assert len(starts[:60].unique()) == 60, "one pass reads every window once"
