"""Writing a finished run as one compressed file."""

from dataclasses import asdict
from pathlib import Path

from minicompress.lab.files import write_json
from minicompress.lab.qat import GRIDS, bake_fake_quantize, put_on_grids
from minicompress.train.runs import load_run, record_of


def export_run(name: str, blocks: str, embedding: str, to: Path) -> None:
    """Round a run's weights to the grids of the blocks and of the embedding, and save them as integers.

    The run's record goes beside the file, NAME.run.json: how it was trained, and from what it was begun. Two
    empty names leave the weights as they are, in fp16. ValueError: an unknown grid, or only one.
    """
    from minicompress.pipeline import quantize_model, save_compressed

    if (blocks or embedding) and not {blocks, embedding} <= set(GRIDS):
        raise ValueError(
            f"blocks and embedding must both be empty or both be of {', '.join(GRIDS)}, "
            f"got {blocks!r} and {embedding!r}"
        )
    model = load_run(name)
    if blocks:
        put_on_grids(model, blocks, embedding)
        bake_fake_quantize(model)
        model = quantize_model(model, GRIDS[blocks].bits, GRIDS[embedding].bits)
    to.parent.mkdir(parents=True, exist_ok=True)
    save_compressed(model, to)
    if record := record_of(name):
        write_json(to.with_suffix(".run.json"), asdict(record))
    print(f"{to}: {to.stat().st_size:,} bytes")
