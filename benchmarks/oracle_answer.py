"""How a script in the oracles' environment answers: with one line of JSON, the last that it prints."""

import importlib.metadata
import json
import platform


def answer(result: dict, *packages: str) -> None:
    """Print the result and the versions of what made it."""
    versions = {name: importlib.metadata.version(name) for name in packages}
    print(json.dumps(result | {"environment": {"python": platform.python_version()} | versions}))


def one_line(error: BaseException) -> str:
    """An error's kind and the first line that says something, at most 200 characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"[:200]
