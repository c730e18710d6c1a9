"""Pages that weigh little: formulas, icons, styles and pictures, made when the site is built."""

import gzip
import re
import sys
from pathlib import Path

import pytest
from PIL import Image
from sphinx.errors import SphinxError
from support import PAGES, ROOT

sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
import first_paint
import formulas
import icons
import search_index
import slim
import styles

BEFORE_PICTURES = 200_000  # bytes, as they are transferred
PAGE = """<html><head><meta name="viewport" content="a">
<meta name="viewport" content="b">
<script defer src="../_static/scripts/fontawesome.js?x"></script>
<script src="../_static/searchtools.js"></script><script>let keep = "this";</script>
<link rel="stylesheet" href="../_static/sphinx-design.min.css" /><link rel="icon" href="i.svg"/>
</head><body class="x"><i class="theme-switch fa-solid fa-sun" data-mode="light"></i></body>"""


def test_a_page_loses_what_it_does_not_use_and_nothing_else():
    page = slim.without_unused(PAGE, search=False)
    for gone in ("fontawesome", "searchtools", "sphinx-design", 'content="b"'):
        assert gone not in page
    for kept in ('content="a"', "let keep", "i.svg"):
        assert kept in page
    assert "searchtools" in slim.without_unused(PAGE, search=True)
    assert slim.without_unused(page, search=False) == page, "a second time changes nothing"


def test_icons_are_drawn_once_and_keep_what_the_theme_asks_of_them():
    page = icons.drawn(PAGE)
    assert 'class="icon theme-switch fa-solid fa-sun" data-mode="light"' in page
    assert page.count('<symbol id="icon-sun"') == 1 and "<i " not in page
    assert icons.drawn(page) == page
    with pytest.raises(KeyError, match="never-drawn"):
        icons.drawn('<body><i class="fas fa-never-drawn"></i>')


@pytest.mark.parametrize("sheet, kept", [
    (".used{a:b}", True), (".unused{a:b}", False), (".used .unused{a:b}", False),
    ("p, .unused{a:b}", True), ("@media print{.unused{a:b}}", False),
    ("@media print{.used{a:b}}", True), ("p:not(.unused){a:b}", True), ("#used{a:b}", True),
    (".md\\:used{a:b}", False), ("@keyframes turn{from{a:b}}", True),
    ("@font-face{font-family:'Font Awesome 6 Free';src:url(x)}", False)])
def test_a_rule_stays_if_something_on_a_page_can_use_it(sheet, kept):
    words = styles.words_of(['<p class="used">', "let x = 'turn'"])
    assert ("a:b" in styles.purged(sheet, words)) == (kept and "a:b" in sheet)


def test_a_page_asks_for_one_sheet_with_the_rules_of_all_in_their_order(tmp_path):
    static = tmp_path / "_static"
    (static / "styles").mkdir(parents=True)
    (static / "base.css").write_text("a{background:url('up.png')}")
    (static / "styles" / "theme.css").write_text('@import "../base.css";\nb{c:url(side.png)}')
    (static / "last.css").write_text("d{e:url(data:x)}")
    path = tmp_path / "book" / "page.html"
    page = """<head><link href="../_static/styles/theme.css?v=1" rel="stylesheet" />
    <link rel="stylesheet" href="https://elsewhere.org/_static/other.css" />
    <link rel="stylesheet" type="text/css" href="../_static/last.css" /></head>"""
    joined = first_paint.with_one_sheet(page, path, static)
    (sheet,) = static.glob("site.*.css")
    assert sheet.read_text() == (
        "a{background:url(up.png)}\nb{c:url(styles/side.png)}d{e:url(data:x)}")
    assert joined.startswith(
        f'<head><link rel="stylesheet" href="../_static/{sheet.name}" />\n')
    assert "elsewhere.org" in joined and "last.css" not in joined
    assert first_paint.with_one_sheet(joined, path, static) == joined


def test_no_script_is_waited_for_and_their_order_stays(tmp_path):
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static/documentation_options.js").write_text("const OPTIONS = {};\n")
    page = """<head><link rel="preload" as="script" href="_static/big.js" />
    <script src="_static/documentation_options.js?v=1"></script><script src="_static/a.js"></script>
    <script>OPTIONS.page = 1;</script></head><body><script src="_static/b.js"></script></body>"""
    swift = first_paint.without_waiting(page, tmp_path / "page.html")
    assert swift.replace("\n", "") == (
        '<head>    <script>const OPTIONS = {};</script>'
        '<script defer="defer" src="_static/a.js"></script>'
        '    <script>OPTIONS.page = 1;</script></head>'
        '<body><script src="_static/b.js"></script></body>')
    assert first_paint.without_waiting(swift, tmp_path / "page.html") == swift


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_seen_after_one_sheet(page, site):
    head = (site / page).read_text(encoding="utf-8").partition("</head>")[0]
    assert head.count('rel="stylesheet"') == 1 and "preload" not in head
    assert not [tag for tag in re.findall("<script[^>]* src[^>]*>", head) if "defer" not in tag]


def test_a_formula_is_mathml_and_a_wrong_one_fails_the_build():
    text = formulas.mathml(r"\frac{\partial L}{\partial w_{ij}}", "inline")
    assert text.startswith("<math") and "<mfrac>" in text and "&#x02202;" in text
    assert "xmlns" not in text
    with pytest.raises(SphinxError, match="cannot be written as MathML"):
        formulas.mathml(r"\frac{1}{", "block")


def test_pictures_become_small_and_plots_are_told_from_photographs(tmp_path):
    photo, plot = tmp_path / "photo.png", tmp_path / "plot.png"
    Image.effect_noise((900, 600), 80).convert("RGB").save(photo)
    Image.new("RGB", (900, 600), "white").save(plot)
    assert slim.kind_of(plot) == "plot wide"
    webp = slim.as_webp(photo)
    assert webp and webp.stat().st_size < 0.9 * photo.stat().st_size
    page = Image.new("RGB", (900, 600), "white")  # a gray photograph on white, as figures have it
    page.paste(Image.effect_noise((500, 500), 80).convert("RGB"), (50, 50))
    page.save(photo)
    assert slim.kind_of(photo) == ""


def test_the_index_knows_where_a_section_begins():
    page = '<section id="dilation">\n<h2>Dilation</h2><section class="x" id="b"><h3>B</h3>'
    assert '<h2 id="dilation">' in search_index.for_the_index(page)
    assert '<h3 id="b">' in search_index.for_the_index(page)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_transfers_little_before_its_pictures(page, site):
    """Gzip as servers do it; what the page asks for by itself, without pictures."""
    path = site / page
    text = path.read_text(encoding="utf-8")
    asked = {path} | {(path.parent / name.partition("?")[0]).resolve() for name in re.findall(
        r'(?:<script[^>]*? src|<link rel="stylesheet"[^>]*? href)="([^"]+)"', text)}
    sizes = {p.name: len(gzip.compress(p.read_bytes())) for p in asked}
    assert sum(sizes.values()) <= BEFORE_PICTURES, sizes
    assert not {"fontawesome.js", "searchindex.js", "tex-chtml.js"} & {*sizes}
    assert '<i class="fa' not in text and "Font Awesome" not in text
    if page.endswith("index.html"):
        cards = (site / "_static" / "cards").glob("*.webp")
        assert sum(sizes.values()) + sum(p.stat().st_size for p in cards) <= 250_000


def test_no_page_has_a_formula_that_waits_for_a_script(site):
    for page in (site / "book").glob("*.html"):
        text = re.sub(r"<(script|pre|code).*?</\1>", "", page.read_text(encoding="utf-8"),
                      flags=re.DOTALL)
        assert r"\(" not in text and r"\[" not in text, page.name
    assert "<math" in Path(site, "book/06_batch_normalization.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("words, section", [
    ("dilation", "03_stride_padding_dilation.html#a-wider-view"),
    ("learning rate", "0"), ("broadcasting", "01_tensors_and_autograd.html#different-shapes"),
    ("padding", "03_stride_padding_dilation.html#the-same-size-padding")])
def test_search_opens_at_the_section_that_teaches_it(words, section, open_page):
    page = open_page(f"search.html?q={words}")
    first = page.locator("ol.found a").first
    first.wait_for()
    address = first.get_attribute("href").rpartition("/")[2]
    assert address.startswith(section) and "#" in address, address
    first.click()
    page.wait_for_url("**/book/**")
    place = page.locator(f"[id='{address.partition('#')[2]}']").first
    assert place.bounding_box()["y"] < 500, "the page is opened at its place"
