"""The reading site as it is built: whole, without a network or a server, in a browser if there is one."""

import ast
import importlib.util
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest

from minicompress.lab.paths import CHAPTERS, ROOT, SOLUTIONS
from website.build import NEEDED, build
from website.reference import given_modules, page_of
from website.sources import listed_files

MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason="The site's packages are not installed: `make site`."),
    pytest.mark.skipif(not SOLUTIONS.is_dir(), reason="A student's copy has no reference."),
]


class Page(HTMLParser):
    """What one page links, loads and can be linked by."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []  # what a reader may click
        self.loaded: list[str] = []  # what the browser fetches by itself
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[key] for key in ("id", "name") if found.get(key)}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and found.get("rel") not in ("next", "prev", "index", "search"):
            self.loaded.append(found["href"])
        if found.get("src"):
            self.loaded.append(found["src"])


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The whole site, built once."""
    folder = tmp_path_factory.mktemp("site") / "site"
    build(folder)
    return folder


@pytest.fixture(scope="session")
def pages(site):
    """File -> what stands in it."""
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


def test_every_file_of_the_contents_is_a_page(site):
    listed = [path.with_suffix(".html") for paths in listed_files().values() for path in paths]
    assert len(listed) > 15 and all((site / path).is_file() for path in listed)


def test_every_page_is_there_in_each_language_and_leads_to_the_others(site, pages):
    english = {path.relative_to(site) for path in pages if "ko" not in path.relative_to(site).parts[:1]}
    assert {path.relative_to(site / "ko") for path in pages if path.is_relative_to(site / "ko")} == english
    for path in english - {Path("genindex.html"), Path("search.html"), Path("py-modindex.html")}:
        here, there = site / path, site / "ko" / path
        assert there in linked_from(here, pages) and here in linked_from(there, pages), path


def linked_from(path: Path, pages: dict) -> set[Path]:
    """The pages that a page links."""
    return {(path.parent / unquote(urldefrag(target)[0])).resolve() for target in pages[path].links}


def test_the_korean_start_page_is_in_korean(site):
    text = (site / "ko" / "index.html").read_text(encoding="utf-8")
    assert '<html lang="ko"' in text and "가지치기" in text


def test_every_link_and_every_picture_is_there(pages):
    gone = []
    for path, page in pages.items():
        for target in (*page.links, *page.loaded):
            address, anchor = urldefrag(target)
            if urlparse(target).scheme or target in ("", "#"):
                continue
            file = (path.parent / unquote(address.partition("?")[0])).resolve() if address else path
            if not file.is_file() or (
                anchor and file in pages and unquote(anchor) not in pages[file].anchors
            ):
                gone.append((path.name, target))
    assert not gone


def test_nothing_is_loaded_from_elsewhere(pages):
    loaded = {target for page in pages.values() for target in page.loaded}
    assert any(target.endswith(".js") or ".js?" in target for target in loaded)
    assert {urlparse(target).scheme or urlparse(target).netloc for target in loaded} <= {"", "data"}


def test_each_page_of_a_module_shows_all_that_is_public_and_has_a_docstring(pages, site):
    files = {f"minicompress.{name}": SOLUTIONS / f"{name}.py" for name in CHAPTERS}
    lab = ROOT / "minicompress" / "lab"
    files |= {
        f"minicompress.lab.{name}": lab / f"{name}.py" for name in given_modules() if name != "diagrams"
    }
    for module, file in files.items():
        wanted = {
            f"{module}.{node.name}"
            for node in ast.parse(file.read_text(encoding="utf-8")).body
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))
            and ast.get_docstring(node)
            and not node.name.startswith("_")
        }
        assert wanted <= pages[site / f"{page_of(module)}.html"].anchors


def test_no_line_of_a_solution_stands_in_the_reference(site):
    shown = "\n".join(path.read_text(encoding="utf-8") for path in (site / "api").rglob("*.html"))
    for chapter in CHAPTERS:
        text = (SOLUTIONS / f"{chapter}.py").read_text(encoding="utf-8")
        bodies = [part.split("### END")[0] for part in text.split("### BEGIN SOLUTION")[1:]]
        lines = {line.strip() for body in bodies for line in body.splitlines() if len(line.strip()) > 30}
        told = "".join(
            ast.get_docstring(node) or "" for node in ast.parse(text).body if hasattr(node, "name")
        )
        lines = {line for line in lines if line not in told}  # a formula of the specification
        assert len(lines) > 5 and not [line for line in lines if line in shown]
    assert not list(site.rglob("_modules"))


def test_tables_are_tables_also_in_outputs(site):
    for path in (site / "notebooks").glob("*.html"):
        assert "| --- |" not in path.read_text(encoding="utf-8"), path.name


def test_the_index_of_the_search_knows_what_the_course_is_about(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert "wanda" in index and "nm_mask" in index


# ---------------------------------------------------------------- in a browser

needs_browser = pytest.mark.skipif(
    CHROMIUM is None or importlib.util.find_spec("playwright") is None,
    reason="No Chromium or no playwright (requirements-site.lock) here.",
)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def tab(browser):
    """A tab of a light desktop with a history and settings of its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def visited(browser, pages):
    """What was said, what was asked for and how wide each page was when all were opened on a phone."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    tab = context.new_page()
    errors, asked, widths = [], [], {}
    tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    for path in pages:
        tab.goto(path.as_uri())
        widths[path.as_posix()] = tab.evaluate("document.documentElement.scrollWidth")
    context.close()
    return errors, asked, widths


@needs_browser
def test_no_page_complains(visited):
    errors, _, widths = visited
    assert len(widths) > 40 and not errors


@needs_browser
def test_no_page_asks_for_anything_that_is_not_a_file(visited):
    _, asked, widths = visited
    assert len(asked) > len(widths) and {urlparse(url).scheme for url in asked} <= {"file", "data", "blob"}


@needs_browser
def test_on_a_phone_no_page_scrolls_sideways(visited):
    assert {name: width for name, width in visited[2].items() if width > 390} == {}


@needs_browser
def test_the_pictures_of_a_notebook_are_drawn(tab, site):
    tab.goto((site / "notebooks" / "01_pruning.html").as_uri())
    widths = tab.eval_on_selector_all("article img", "all => all.map(image => image.naturalWidth)")
    assert len(widths) >= 5 and min(widths) > 100


@needs_browser
def test_the_button_beside_a_cell_copies_its_code(tab, site):
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto((site / "notebooks" / "01_pruning.html").as_uri())
    cell = tab.locator(".cell_input div.highlight").first
    cell.hover()
    cell.locator("button.copybtn").click()
    assert "minicompress" in tab.evaluate("navigator.clipboard.readText()")
    assert tab.evaluate("navigator.clipboard.readText()").strip() == cell.locator("pre").inner_text().strip()


@needs_browser
def test_a_search_finds_the_pages(tab, site):
    tab.goto((site / "search.html").as_uri() + "?q=wanda")
    tab.wait_for_selector("#search-results li a")
    found = tab.eval_on_selector_all("#search-results li a", "all => all.map(link => link.href)")
    assert any("01_pruning.html" in link for link in found)
    assert any("api/pruning.html" in link for link in found)


@needs_browser
def test_the_search_field_leads_to_what_it_finds(tab, site):
    tab.goto((site / "index.html").as_uri())
    tab.locator(".bd-sidebar-primary .search-button__button").click()
    tab.locator("#pst-search-dialog input[type=search]").fill("SparseGPT")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#search-results li a")


@needs_browser
def test_dark_is_chosen_by_a_button_and_stays_on_the_next_page(tab, site):
    ground = "getComputedStyle(document.body).backgroundColor"
    tab.goto((site / "index.html").as_uri())
    light = tab.evaluate(ground)
    tab.locator(".theme-switch-button").first.click()
    tab.locator(".theme-change-button[data-mode=dark]").first.click()
    tab.wait_for_function(f"{ground} !== '{light}'")
    dark = tab.evaluate(ground)
    tab.goto((site / "api" / "pruning.html").as_uri())
    assert tab.evaluate(ground) == dark != light
