"""Run the notebooks with the solutions and keep their outputs: `python -m benchmarks.notebooks [02 ...]`, all
by default.

What differs from run to run without meaning anything is left out (times of execution, widgets, progress
bars), and pictures are stored with 14 colours, so that a notebook stays below 300 kB. A notebook that fails
is left as it was.
"""

import base64
import io
import os
import sys
import tempfile
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from PIL import Image
from tqdm import tqdm

from benchmarks import common
from minicompress.lab.files import atomic_write
from minicompress.lab.paths import ROOT
from minicompress.lab.style import few_colours

COLOURS, WIDGET = 14, "application/vnd.jupyter.widget-view+json"


def smaller_picture(encoded: str) -> str:
    """A PNG in base64, with a palette instead of 24 bits a pixel."""
    picture = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    buffer = io.BytesIO()
    small = few_colours(np.asarray(picture), COLOURS)
    # From 17 colours on a pixel is a byte, and rows of bytes become smaller than rows of half bytes.
    small.putpalette([*small.getpalette()[: 3 * COLOURS], *[0] * 3 * (17 - COLOURS)])
    small.save(buffer, "PNG", compress_level=9)
    return base64.b64encode(buffer.getvalue()).decode()


def clean(cell: nbformat.NotebookNode) -> None:
    """Drop noise from a cell's metadata and outputs, in place."""
    cell.metadata.pop("execution", None)
    cell.outputs = [
        output
        for output in cell.outputs
        if output.get("name") != "stderr" and WIDGET not in output.get("data", {})
    ]
    for output in cell.outputs:
        if "image/png" in output.get("data", {}):
            output.data["image/png"] = smaller_picture(output.data["image/png"])


def run(path: Path) -> None:
    """Execute one notebook and write it back, all or nothing."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=resources).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            clean(cell)
    with atomic_write(path) as temporary:
        nbformat.write(notebook, temporary)


def main(wanted: list[str]) -> None:
    os.environ["MINICOMPRESS_SOLUTIONS"] = "1"
    every = {path.name[:2]: path for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))}
    chosen = [common.choose(every, number, "notebook") for number in wanted or every]
    with tempfile.TemporaryDirectory() as folder:
        for path in tqdm(chosen, desc="notebooks"):
            os.environ["MINICOMPRESS_PROGRESS"] = str(Path(folder) / f"{path.stem}.json")  # of a new learner
            run(path)


if __name__ == "__main__":
    main(sys.argv[1:])
