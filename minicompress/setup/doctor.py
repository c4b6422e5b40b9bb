"""`minicompress doctor`: what is there, what is missing, and what helps.

The exit code is 1 when something is missing that the course needs. It runs on a fresh
clone, too: without rich the table is plain lines.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

from minicompress.setup import machine_checks, python_checks
from minicompress.setup.findings import Finding, State, failed

CHECKS: dict[str, Callable[[], Finding]] = {
    "Python": python_checks.python,
    "environment": python_checks.environment,
    "packages": python_checks.packages,
    "torch": python_checks.torch,
    "GPU": python_checks.gpu,
    "memory": machine_checks.memory,
    "disk": machine_checks.disk,
    "this folder": machine_checks.repository,
    "cache": machine_checks.cache,
    "corpus": machine_checks.corpus,
    "shipped models": machine_checks.models,
    "SmolLM2": machine_checks.smollm2,
    "extras": python_checks.extras,
    "ipywidgets": python_checks.ipywidgets,
}

COLOURS = {State.OK: "green", State.NOTE: "yellow", State.FAILED: "bold red"}


def examine() -> dict[str, Finding]:
    """Name of each check -> what it found. A check that breaks is a finding, too."""
    return {name: found_by(name) for name in CHECKS}


def found_by(name: str) -> Finding:
    """What one check found."""
    try:
        return CHECKS[name]()
    except Exception as error:  # whatever is wrong with a machine, the other lines are wanted
        said = f"the check broke: {type(error).__name__}: {error}"
        return failed(said, "Report this line as a bug of the course.")


def show(findings: dict[str, Finding]) -> None:
    """Print the findings, as a table where rich is installed."""
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        for name, found in findings.items():
            print(f"{found.state.value:7} {name}: {found.said}" + f"  -> {found.remedy}" * bool(found.remedy))
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("", "check", "found", "what helps"):
        table.add_column(title, overflow="fold")  # a long path is broken, not cut
    for name, found in findings.items():
        state = Text(found.state.value, COLOURS[found.state])
        table.add_row(state, name, Text(found.said), Text(found.remedy))
    Console().print(table)


def main() -> int:
    """Examine this machine; 1 when something that the course needs is missing, else 0."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a path may hold letters that a Windows shell lacks
    findings = examine()
    show(findings)
    bad = [name for name, found in findings.items() if found.state is State.FAILED]
    print(f"FAILED: {', '.join(bad)}." if bad else "Everything that the course needs is here.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
