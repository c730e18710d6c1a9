"""The menu of versions: from the newest site to a term's frozen one and back, on the same page."""

import json
import shutil

import pytest
from serving import opener, served

TERM = "term-2027a"


@pytest.fixture(scope="module")
def two_versions(small, tmp_path_factory):
    """A site as tools/publish.py leaves it: the newest at the top, and a term in its folder."""
    top = tmp_path_factory.mktemp("versions") / "course"
    shutil.copytree(small.html, top)
    shutil.copytree(small.html, top / TERM)
    (top / "versions.json").write_text(json.dumps(["latest", TERM]), encoding="utf-8")
    with served(top.parent) as address:
        yield f"{address}course/"


@pytest.fixture
def open_page(chromium, two_versions):
    yield from opener(chromium, two_versions)


def test_the_menu_leads_to_the_same_page_of_the_other_version(open_page, two_versions):
    page = open_page("book/02a_deeper.html")
    menu = page.get_by_role("combobox", name="Version", exact=True)
    assert menu.input_value() == "latest"
    assert menu.locator("option").all_inner_texts() == ["newest", "term 2027a"]
    menu.select_option(TERM)
    page.wait_for_url(f"{two_versions}{TERM}/book/02a_deeper.html")
    assert menu.input_value() == TERM
    menu.select_option("latest")
    page.wait_for_url(f"{two_versions}book/02a_deeper.html")


def test_the_start_page_has_it_too(open_page, two_versions):
    page = open_page(f"{TERM}/index.html")
    page.wait_for_url(f"{two_versions}{TERM}/book/index.html")
    page.get_by_role("combobox", name="Version", exact=True).select_option("latest")
    page.wait_for_url(f"{two_versions}book/index.html")


def test_a_site_with_one_version_shows_no_menu(small_page):
    page = small_page("book/02_both.html")
    page.wait_for_load_state("networkidle")
    assert page.get_by_role("combobox", name="Version", exact=True).count() == 0
