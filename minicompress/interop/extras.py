"""Given: packages that only an export needs, and how to get them."""

import importlib.util

ADVICE = "run `make extras` (or `python -m minicompress extras`) once"


def need(*packages: str) -> None:
    """Refuse to go on without these packages. ValueError names the missing ones and what installs them."""
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        raise ValueError(f"{' and '.join(missing)} must be installed for this: {ADVICE}")
