"""Given and complete: stubs made from the solutions, and checking. In a notebook: `from minicompress.grading
import check`.

Each name is imported when it is first asked for, so that importing this package costs nothing.
"""

import importlib

HOME = {
    "check": "checking",
    "require": "needs",
    "require_llm": "needs",
    "Unsolved": "checking",
    "hint": "guide",
    "measured": "predictions",
    "more": "guide",
    "predict": "predictions",
    "progress": "guide",
    "reveal": "guide",
}


def __getattr__(name: str) -> object:
    if name not in HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOME[name]}"), name)
