"""The notebook on a real LLM is run where that model is: `minicompress llm` brings it."""

from minicompress.lab import smollm2

collect_ignore = [] if smollm2.is_ready() else ["07_real_llm.ipynb"]


def pytest_report_header() -> str | None:
    return None if smollm2.is_ready() else f"07_real_llm is not run: {smollm2.ADVICE}."
