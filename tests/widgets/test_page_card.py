"""The card around figures in a browser: presets, links, reloads, full screen, phones, colors."""

import re
import sys

import pytest
from serving import opener, served
from support import ROOT
from widget_support import PHONE, OnPage

from helpers import widgets

sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
import figure_pages
from figures import ALONE, with_figures

PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A chapter</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
</head><body><main><p style="height: 1500px">Text.</p>FIRST<p style="height: 1200px">Text.</p>SECOND
<p><a href="../figures/conv.html">elsewhere</a></p>THIRD</main></body></html>"""
FRAME = """<!DOCTYPE html><title>frame</title><link rel="icon" href="data:,">
<iframe src="figures/pool.html#figure=PoolExplorer&amp;stride=1" title="a" width="600"></iframe>
<script>window.heights = []; addEventListener("message", (e) => heights.push(e.data));</script>"""
CHAPTER = "book/chapter.html"
NO_CLIPBOARD = """Object.defineProperty(navigator, "clipboard", { value: undefined });
    document.execCommand = () => false;"""
NO_STORAGE = """Object.defineProperty(window, "sessionStorage", {
    get() { throw new DOMException("forbidden", "SecurityError"); } });"""
NO_FULL_SCREEN = "Element.prototype.requestFullscreen = undefined;"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The figures' own pages, and a chapter with two figures of a kind and a third one."""
    made = tmp_path_factory.mktemp("pages")
    for name in ("figures", "book"):
        (made / name).mkdir()
    for shown in figure_pages.first_pages(ROOT):
        if shown.kind in ALONE:
            text = figure_pages.page_of(shown)
            (made / "figures" / f"{ALONE[shown.kind]}.html").write_text(text, encoding="utf-8")
    places = {"FIRST": widgets.PoolExplorer(), "SECOND": widgets.PoolExplorer(mode="average"),
              "THIRD": widgets.TrainingMonitor()}
    (made / CHAPTER).write_text(with_figures(PAGE, places), encoding="utf-8")
    (made / "frame.html").write_text(FRAME, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def address(folder):
    with served(folder) as where:
        yield where


@pytest.fixture
def opened(chromium, address):
    """Open one of these pages."""
    yield from opener(chromium, address)


def tools(page) -> list[str]:
    """What the buttons at a figure's corner say: whether they can be used."""
    return page.all(".ctr-tool", "[e.getAttribute('aria-label'), e.ariaDisabled].join(' ')")


def pressed(page) -> list[str]:
    page.settle()
    return page.all(".ctr-preset[aria-pressed=true]", "e.innerText")


def link_of(page) -> str:
    """The link that "copy link" gives."""
    page.fig.get_by_role("button", name="copy link").first.click()
    page.tab.wait_for_function(
        "[...document.querySelectorAll('.ctr-share [aria-live]')].some(e => e.innerText)")
    return page.fig.locator(".ctr-share input").input_value()


def test_presets_are_pressed_while_they_hold_and_reset_goes_back(opened):
    page = OnPage(opened(CHAPTER), 0)
    assert pressed(page) == ["max"] and "reset true" in tools(page)
    page.fig.get_by_role("button", name="overlapping").press("Enter")
    assert pressed(page) == ["overlapping"] and "reset false" in tools(page)
    assert (page.value("window"), page.value("padding")) == (3, 1)
    page.slider("padding").press("ArrowLeft")
    assert pressed(page) == []
    page.button("reset").press("Space")
    assert pressed(page) == ["max"] and "reset true" in tools(page) and page.value("window") == 2
    assert page.button("reset").evaluate("b => b === document.activeElement")
    figure = page.fig.get_by_role("figure")
    assert figure.get_attribute("aria-label") == widgets.PoolExplorer.title
    assert widgets.PoolExplorer.challenge in figure.inner_text()
    assert page.fig.locator("figcaption").inner_text() == widgets.PoolExplorer.caption


def test_a_link_opens_the_figure_as_it_was_left(opened):
    page = OnPage(opened(CHAPTER), 1)
    assert link_of(page).endswith("#figure=PoolExplorer-2")
    page.cells("input").first.click()
    page.type("-7")
    page.slider("stride").fill("1")
    page.settle()
    link, shown = link_of(page), page.matrix("output")
    assert "&stride=1" in link and "&input=-7,3,2" in link and "window" not in link
    again = OnPage(opened(link), 1)
    assert again.matrix("output").equal(shown) and again.value("stride") == 1
    assert again.tab.evaluate("document.activeElement.dataset.figure") == "PoolExplorer-2"
    assert again.tab.evaluate("scrollY") > 1500 and again.alert() == ""
    assert OnPage(again.tab, 0).value("stride") == 2


@pytest.mark.parametrize("bad", [
    "stride=9", "stride=1.5", "kernel_size=6&stride=1&input=1,2;3,4", "color=red",
    "__proto__=1", "mode=<img src=x onerror=alert(1)>", "input=1,2;3", "input=[[[1]]]",
    "stride=%ZZ", "limits={}", "padding=2", "stride=1&stride=2", f"input={'1,' * 9000}1;"])
def test_a_bad_link_changes_nothing_and_says_so(opened, bad):
    page = OnPage(opened(f"{CHAPTER}#figure=PoolExplorer&{bad}"), 0)
    assert "does not fit this figure" in page.alert() and page.alert().count(".") == 1
    assert pressed(page) == ["max"] and "reset true" in tools(page)
    page.slider("stride").press("ArrowRight")
    assert page.alert() == "" and page.value("stride") == 3, "it works all the same"


def test_a_link_in_an_open_page_is_followed(opened):
    tab = opened(f"{CHAPTER}#figure=Nowhere&x=1")
    assert "not on this page" in tab.locator("#course-figure-lost").inner_text()
    tab.evaluate("location.hash = '#figure=PoolExplorer-2&stride=1'")
    page = OnPage(tab, 1)
    page.settle()
    assert page.value("stride") == 1 and not tab.locator("#course-figure-lost").count()
    tab.evaluate("location.hash = '#figure=PoolExplorer-2&kernel_size=3'")
    page.settle()
    assert (page.value("stride"), page.value("window")) == (2, 3), "a link is the whole state"
    tab.evaluate("location.hash = '#something-else'")
    page.settle()
    assert page.value("window") == 3 and not tab.locator("#course-figure-lost").count()


def test_what_is_set_survives_a_reload_and_back_but_not_a_reset(opened):
    tab = opened(CHAPTER)
    OnPage(tab, 0).slider("stride").fill("3")
    monitor = OnPage(tab, 2)
    monitor.slider("smoothing").fill("9")
    for again in (tab.reload, lambda: (tab.goto(re.sub("book/.*", "figures/conv.html", tab.url)),
                                       tab.go_back())):
        again()
        page, monitor = OnPage(tab, 0), OnPage(tab, 2)
        page.settle()
        assert page.value("stride") == 3 and monitor.value("smoothing") == 9
        assert OnPage(tab, 1).value("stride") == 2
    tab.goto(f"{tab.url.split('#')[0]}?again#figure=PoolExplorer&stride=1")
    page = OnPage(tab, 0)
    assert page.value("stride") == 1, "a link wins"
    page.slider("stride").fill("4")
    page.settle()
    assert "#" not in tab.url, "what was changed since must win over the link"
    tab.reload()
    page = OnPage(tab, 0)
    assert page.value("stride") == 4
    page.button("reset").click()
    page.settle()
    tab.reload()
    assert OnPage(tab, 0).value("stride") == 2


def test_without_storage_all_else_works(opened):
    page = OnPage(opened(CHAPTER, script=NO_STORAGE), 0)
    page.slider("stride").fill("1")
    page.settle()
    assert page.value("stride") == 1 and link_of(page).endswith("&stride=1")


def test_a_damaged_memory_is_forgotten(opened):
    tab = opened(CHAPTER)
    key = "course-figure /book/chapter.html PoolExplorer"
    tab.evaluate("key => sessionStorage.setItem(key, 'figure=PoolExplorer&stride=99')", key)
    tab.reload()
    page = OnPage(tab, 0)
    page.settle()
    assert page.value("stride") == 2 and page.alert() == ""
    assert tab.evaluate("key => sessionStorage.getItem(key)", key) is None


def test_a_link_can_be_copied_by_hand_where_the_clipboard_is_closed(opened):
    page = OnPage(opened(CHAPTER, script=NO_CLIPBOARD), 0)
    link = link_of(page)
    field = page.fig.locator(".ctr-share input")
    assert "Copy it from the field" in page.text(".ctr-share [aria-live]")
    assert page.tab.evaluate("getSelection().toString()") == link
    assert field.evaluate("f => f === document.activeElement")
    field.press("Escape")
    assert not field.is_visible()
    assert page.tab.evaluate("document.activeElement.getAttribute('aria-label')") == "copy link"


def test_the_code_for_another_page_shows_the_same_state(opened, address):
    page = OnPage(opened(CHAPTER), 0)
    page.slider("stride").fill("1")
    link_of(page)
    page.button("copy embed code").click()
    page.tab.wait_for_function("document.querySelector('.ctr-share input').value.startsWith('<')")
    code = page.fig.locator(".ctr-share input").input_value()
    source = re.search('src="([^"]+)"', code)[1].replace("&amp;", "&")
    assert source.startswith(f"{address}figures/pool.html#figure=PoolExplorer&")
    own = OnPage(opened(source), 0)
    assert own.value("stride") == 1 and own.alert() == ""
    monitor = OnPage(page.tab, 2)
    link_of(monitor)
    assert not monitor.button("copy embed code").count(), "it has no page of its own"


@pytest.mark.parametrize("script", [None, NO_FULL_SCREEN], ids=["native", "fallback"])
def test_full_screen_and_back(opened, script):
    page = OnPage(opened(CHAPTER, script=script), 0)
    before = page.fig.locator("figure").bounding_box()
    place = page.tab.evaluate("scrollY")
    page.button("full screen").click()
    page.tab.wait_for_function(
        "document.querySelector('.ctr-card').getBoundingClientRect().width === innerWidth")
    assert page.fig.locator("figure").bounding_box()["height"] >= 890
    assert page.button("leave full screen").count() == 1
    page.fig.get_by_role("button", name="average").click()
    assert pressed(page) == ["average"]
    if script:
        page.tab.keyboard.press("Escape")
    else:  # a key of the browser, which a test's does not reach
        page.tab.evaluate("document.exitFullscreen()")
    page.tab.wait_for_function("document.activeElement.innerText === 'full screen'")
    assert page.fig.locator("figure").bounding_box()["width"] == before["width"]
    assert page.tab.evaluate("scrollY") == place > 1000


@pytest.mark.parametrize("name", ALONE.values())
def test_own_pages_fit_small_screens_and_fingers(opened, name):
    for width in (320, 390):
        tab = opened(f"figures/{name}.html", **PHONE | {"width": width})
        page = OnPage(tab, 0)
        assert page.fits(), width
        small = page.all("button, select, summary, input[type=range]",
                         "[e.innerText || e.ariaLabel, e.getBoundingClientRect().height]")
        assert small and not [one for one in small if 0 < one[1] < 43.5]
        field = page.all("label", "e.getBoundingClientRect().height")
        assert all(height == 0 or height >= 43.5 for height in field)


@pytest.mark.parametrize("name", ALONE.values())
def test_presets_of_own_pages_are_pressed_and_refused_by_nothing(opened, name):
    page = OnPage(opened(f"figures/{name}.html"), 0)
    for preset in page.all(".ctr-preset", "e.innerText"):
        page.fig.get_by_role("button", name=preset, exact=True).click()
        assert preset in pressed(page) and page.alert() == ""
        link = link_of(page)
        again = OnPage(opened(link), 0)
        assert preset in pressed(again) and again.alert() == "", link


def test_own_pages_follow_the_system_or_what_is_asked_for(opened):
    for asked, scheme, dark in (("", "light", False), ("", "dark", True),
                                ("?theme=dark", "light", True), ("?theme=light", "dark", False),
                                ("?theme=%3Cb%3E", "light", False)):
        tab = opened(f"figures/pool.html{asked}", scheme=scheme)
        page = OnPage(tab, 0)
        paper = tab.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (paper == "rgb(18, 18, 18)") == dark, asked
        color = page.all(".ctr-name", "getComputedStyle(e).color")
        assert (color == ["rgb(230, 232, 235)"]) == dark


def test_a_page_in_a_frame_tells_its_height_and_has_its_state(opened):
    tab = opened("frame.html")
    tab.wait_for_function("heights.some(h => h['course-figure'] === 'pool' && h.height > 400)")
    frame = tab.frames[1]
    frame.wait_for_selector("[data-ready]")
    assert frame.get_by_role("slider", name="stride").input_value() == "1"
    assert frame.locator(".from a").first.get_attribute("target") == "_blank"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ALONE.values())
def test_own_pages_have_no_finding_of_axe(opened, name, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = OnPage(opened(f"figures/{name}.html", scheme=scheme), 0)
    page.button("copy link").first.click()
    quick = {"preload": False, "resultTypes": ["violations"],
             "rules": {"label-content-name-mismatch": {"enabled": True},
                       "page-has-heading-one": {"enabled": False}}}  # of the frame around it
    findings = Axe().run(page.tab, options=quick).response["violations"]
    assert not [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in findings]


def test_forced_colors_keep_what_colors_say(opened):
    page = OnPage(opened("figures/pool.html", forced_colors="active", scheme="dark"), 0)
    cells = page.all("[role=gridcell]", "getComputedStyle(e).backgroundColor")
    assert len(set(cells)) > 8, "grays are still grays"
    shadows = page.all(".ctr-marked", "getComputedStyle(e).boxShadow")
    assert len(shadows) == 5 and "none" not in shadows
    own = page.all(".ctr-preset", "getComputedStyle(e).backgroundColor")
    assert own[0] not in own[1:]
    flow = OnPage(opened("figures/flow.html", forced_colors="active"), 0)
    assert flow.all(".ctr-plain", "getComputedStyle(e).strokeDasharray")[0] != "none"


def test_who_wants_less_motion_gets_none(opened):
    for name in ("pool", "allreduce"):
        page = OnPage(opened(f"figures/{name}.html", reduced_motion="reduce"), 0)
        assert not page.button("play").count() and page.button("next").count()
        page.button("full screen").click()
        assert not page.tab.evaluate("document.getAnimations().length")


def test_on_paper_a_figure_is_whole_and_without_controls(opened):
    page = OnPage(opened("figures/pool.html"), 0)
    page.tab.emulate_media(media="print")
    for selector in (".ctr-tool", ".ctr-preset", ".ctr-stepper", "input[type=range]"):
        assert not any(page.all(selector, "e.getClientRects().length")), selector
    assert page.all("figure", "getComputedStyle(e).breakInside") == ["avoid"]
    assert page.fig.locator("[role=grid]").first.is_visible()
    assert "stride" in page.text(".ctr-controls")


def test_without_javascript_tables_stand_in_the_card_with_room_between_the_numbers(opened):
    tab = opened(CHAPTER, java_script_enabled=False)
    card = tab.locator("figure.ctr-card").first
    assert widgets.PoolExplorer.challenge in card.inner_text()
    cell = card.locator("td").first
    assert re.match(r"1\s+3\s+2", card.locator("tr").first.inner_text())
    box, after = cell.bounding_box(), card.locator("td").nth(1).bounding_box()
    assert box["width"] > 18 and after["x"] >= box["x"] + box["width"] - 1


def test_a_refusal_goes_with_an_empty_entry_and_cells_are_named_by_what_is_seen(opened):
    page = OnPage(opened("figures/pool.html"), 0)
    first = page.cells("input").first
    for text in ("abc", ""):
        first.click()
        page.tab.keyboard.press("Control+a")
        page.tab.keyboard.press("Backspace")
        page.type(text)
        assert ("is not a number" in page.alert()) == (text == "abc")
    first.click()
    assert page.fig.locator(".ctr-editor").get_attribute("inputmode") == "text", "has a minus"
    page.tab.keyboard.press("Control+a")
    page.type("0.66667")
    assert page.all("[role=gridcell]", "e.ariaLabel.includes(e.innerText)") == [True] * 45
    assert first.get_attribute("aria-label") == "row 0, column 0: 0.66667, shown as 0.67"


def test_six_large_buttons_switch_what_is_drawn_at_random(opened):
    tab = opened("figures/augment.html", permissions=["clipboard-read", "clipboard-write"])
    page = OnPage(tab, 0)
    toggles = page.fig.locator(".ctr-toggle")
    assert page.all(".ctr-toggle", "e.innerText") == [
        "flip", "shift", "zoom", "color", "cutout", "mixup"]
    before = page.all(".ctr-toggle", "e.ariaPressed")
    assert before == ["true", "true", "false", "true", "false", "false"]
    for i in range(6):
        toggles.nth(i).press("Space")
        page.settle()
        now = page.all(".ctr-toggle", "e.ariaPressed")
        assert now[i] != before[i] and now[:i] + now[i + 1:] == before[:i] + before[i + 1:]
        toggles.nth(i).click()
        page.settle()
    assert page.all(".ctr-toggle", "e.ariaPressed") == before and page.alert() == ""
    page.fig.locator("details").evaluate_all("all => all.forEach((d) => { d.open = false; })")
    assert page.slider("padding").is_visible() and not page.slider("hue").is_visible()
    page.fig.get_by_text("the code, with torchvision").click()
    page.button("copy the code").click()
    tab.wait_for_function("document.querySelector('.ctr-code button').innerText === 'copied'")
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied == page.fig.locator(".ctr-code pre").inner_text() and "v2.Compose" in copied


def test_a_monitor_without_curves_says_what_will_come(opened):
    page = OnPage(opened(CHAPTER), 2)
    assert [text.split("\n")[-1] for text in page.all(".ctr-soon", "e.innerText")] == [
        f"The {what} is drawn here as soon as it is measured." for what in ("loss", "accuracy")]
    assert not page.fig.locator("svg circle").count()


def test_the_gradient_opens_where_nothing_arrives(opened):
    page = OnPage(opened("figures/flow.html"), 0)
    assert page.slider("depth").get_attribute("aria-valuetext") == "64 layers"
    (first,) = re.findall(r"Layer 1 of 64: plain ([\d.]+e−\d+), residual 0\.", page.text(".ctr"))
    assert float(first.replace("−", "-")) < 1e-20


def test_tables_of_the_all_reduce_are_folded(opened):
    tab = opened("figures/allreduce.html")
    tab.wait_for_selector("[data-course-figure][data-ready]")
    folds = tab.locator("details")
    assert folds.count() == 3 and not tab.get_by_role("table").count()
    folds.nth(1).locator("summary").click()
    assert tab.get_by_role("table").count() == 1


def luminance(color: str) -> float:
    red, green, blue = (int(color[i:i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
              for v in (red, green, blue)]
    return sum(share * v for share, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_curves_and_words_stand_out_from_the_paper():
    light, dark = [dict(re.findall(r"--([\w-]+): (#\w+);", rule)) for rule in
                   widgets.Figure._css.split("}")[:3:2]]
    assert light["paper"] == "#fff" and dark["paper"] == "#121212"
    for colors in (light | {"paper": "#ffffff"}, dark):
        paper = luminance(colors["paper"])
        for name, least in (("c-batch", 3), ("c-train", 3), ("c-val", 3), ("line", 3), ("ink", 4.5),
                            ("quiet", 4.5), ("accent", 4.5), ("warn", 4.5), ("mark", 3)):
            pair = sorted((paper, luminance(colors[name])))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= least, (name, colors[name])
