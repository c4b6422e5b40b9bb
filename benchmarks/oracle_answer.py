"""How a script in the oracles' environment answers: with one line of JSON, the last that it prints."""

import importlib.metadata
import json
import platform


def answer(result: dict, *packages: str) -> None:
    """Print the result and the versions of what made it."""
    versions = {name: importlib.metadata.version(name) for name in packages}
    print(json.dumps(result | {"environment": {"python": platform.python_version()} | versions}))
