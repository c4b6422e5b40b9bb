"""Plots for the command line and the notebooks: labelled, readable without colour."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg", force=False)
import matplotlib.pyplot as plt  # noqa: E402

from minicompress.lab.files import atomic_write  # noqa: E402


def plot_ledger(ledger: list[dict], path: Path) -> None:
    """Accuracy kept against file bytes, one labelled point a stage, with the 95% interval; the goal as a
    dashed cross.
    """
    teacher = ledger[0]
    figure, axes = plt.subplots(figsize=(8, 4.6))
    kilobytes = [record["file_bytes"] / 1000 for record in ledger]
    kept = [100 * record["accuracy_kept"] for record in ledger]
    low = [k - 100 * record["accuracy_kept_interval"][0] for k, record in zip(kept, ledger, strict=True)]
    high = [100 * record["accuracy_kept_interval"][1] - k for k, record in zip(kept, ledger, strict=True)]
    axes.errorbar(
        kilobytes,
        kept,
        yerr=[low, high],
        fmt="o-",
        color="black",
        capsize=3,
        linewidth=0.8,
        label="stages, 95% interval over files",
    )
    for number, record in enumerate(ledger):
        offset = (6, 8) if number % 2 == 0 else (6, -16)
        axes.annotate(
            f"{record['name']} ({record['ratio']:.0f}x)",
            (kilobytes[number], kept[number]),
            xytext=offset,
            textcoords="offset points",
        )
    axes.axhline(90, linestyle="--", color="gray", linewidth=0.8)
    axes.axvline(
        teacher["file_bytes"] / 80_000,
        linestyle="--",
        color="gray",
        linewidth=0.8,
        label="goal: 80x smaller, 90% kept",
    )
    axes.set_xscale("log")
    axes.set_xlabel("file size in kB (log scale)")
    axes.set_ylabel("share of the teacher's top-1 accuracy, %")
    axes.set_title("Accuracy kept against bytes on disk")
    axes.margins(x=0.15, y=0.15)
    axes.legend(loc="lower right")
    figure.tight_layout()
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
    plt.close(figure)
