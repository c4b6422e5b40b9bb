"""Sphinx's settings for the reading site; `python -m website` gathers the pages and calls Sphinx."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from website import reading  # noqa: E402

project = "minicompress"
author = "The minicompress authors"
html_show_copyright = False
smartquotes = False  # docstrings and pages quote code
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_copybutton"]

# Notebooks are shown as they were committed; none of them needs a script from elsewhere.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_render_markdown_format = "myst"  # an output in Markdown may be a table
myst_heading_anchors = 4
myst_heading_slug_func = "website.reading.anchor"

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_inherit_docstrings = False  # those of torch are in another markup
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
add_module_names = False
python_maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"

html_theme = "sphinx_book_theme"
html_title = "minicompress"
html_static_path = ["static"]
templates_path = ["templates"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_context = {"default_mode": "auto"}  # light or dark as the reader's system is, until a reader chooses
html_theme_options = {
    "navbar_persistent": [],  # the search stands beside the text and above the contents
    "home_page_in_toc": True,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "article_header_end": [
        "language.html",
        "search-button.html",
        "theme-switcher.html",
        "toggle-secondary-sidebar.html",
    ],
}
copybutton_exclude = ".linenos, .gp, .go"


def name_languages(app, page: str, template: str, context: dict, doctree: object) -> None:
    """For templates/language.html: the name of each other language -> this page in it."""
    context["in_other_languages"] = reading.in_other_languages(page, app.config.language)


def setup(app):
    app.connect("html-page-context", name_languages)
    app.connect("autodoc-process-docstring", reading.process_docstring)
