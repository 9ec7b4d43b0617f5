"""The documents against what is there: links lead somewhere, the pages of components are those of the code, tests
that are named exist, and nothing of the machine they were written on has slipped in."""

import re
import subprocess

import pytest
from conftest import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = ROOT / "docs" / "components"


def name(path):
    return str(path.relative_to(ROOT))


def anchors(path):
    """As they are made of headings: lower case, blanks become dashes, other signs go."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def links(path):
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document):
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: there is no such heading"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_nothing_of_this_machine(document):
    text = document.read_text()
    assert not re.search(r"(?<![\w.])/(work|home|root|tmp/h)\b", text)


def plugins(programs):
    folder = programs.parent / "plugins"
    return [one for one in sorted(folder.glob("*.*.so")) if not one.is_symlink()]


def test_the_pages_of_components_are_those_of_the_code(programs):
    found = plugins(programs)
    assert found
    for plugin in found:
        page = PAGES / f"{plugin.stem}.md"
        told = subprocess.run([programs / "trilby-conform", "--describe", plugin], capture_output=True, text=True,
                              timeout=60, check=True).stdout
        assert page.exists() and page.read_text() == told, \
            f"{name(page)} is not today's: tools/describe --pages docs/components build/plugins/*.so"


def test_the_table_of_components_is_made_of_these_pages():
    done = subprocess.run([ROOT / "tools" / "list-components", "--check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_there_is_no_page_without_a_component_and_none_is_left_out(programs):
    pages = {page.stem for page in PAGES.glob("*.md")}
    assert pages == {plugin.stem for plugin in plugins(programs)}
    index = (ROOT / "docs" / "components.md").read_text()
    assert all(f"](components/{page}.md)" in index for page in pages)


def test_the_tests_that_are_named_exist():
    text = (ROOT / "docs" / "compatibility.md").read_text()
    named = re.findall(r"`([\w/]+\.(?:py|c))(?:::(\w+))?`", text)
    assert named
    for path, test in named:
        source = ROOT / "tests" / path
        assert source.exists(), f"there is no {path}"
        assert not test or re.search(rf"\b{test}\(", source.read_text()), f"there is no {test} in {path}"
