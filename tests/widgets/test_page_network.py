"""The network on a page: by mouse, keys and finger, with pictures of one's own, light and dark."""

import io
import re
import sys

import pytest
import torch
from PIL import Image
from serving import opener, served
from support import ROOT
from widget_support import PHONE, OnPage, number

from helpers import NetworkExplorer, set_seed
from helpers.models import ResNet
from helpers.recipes import trained_lenet
from helpers.widgets.picture import _decoded

sys.path.insert(0, str(ROOT / "tools" / "sphinx"))
from figures import with_figures
from weights import apart

PLACE = "<!-- figure -->"
HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A figure</title>
<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width"><style>
body { margin: 16px; } main { max-width: 760px; }
[data-theme=dark] body { background: #121212; color: #e6e8eb; }</style><script>
if (matchMedia("(prefers-color-scheme: dark)").matches) {
  document.documentElement.dataset.theme = "dark"; }</script></head><body><main><h1>A figure</h1>"""
BLANK = """(one) => { const d = one.getContext("2d").getImageData(0, 0, one.width, one.height).data;
    return new Set(Array.from({ length: d.length / 4 }, (_, i) => d.slice(4 * i, 4 * i + 3).join()))
        .size < 8; }"""


class Opened(OnPage):
    """A network on a page."""

    def heading(self) -> str:
        self.settle()
        return self.text(".net-heading")

    def awake(self):
        """Touch the figure, and wait for its weights."""
        self.fig.locator(".net-verdict").dispatch_event("pointerdown")
        self.tab.wait_for_function("() => !document.querySelector('.net-status').textContent")
        return self

    def drawn(self, layer: str) -> bool:
        """Whether the maps of a layer have colors."""
        return not self.fig.locator(f"[data-layer='{layer}'] .net-canvas").evaluate(BLANK)

    def says(self) -> str:
        self.settle()
        return self.text(".net-verdict b")

    def chances(self) -> torch.Tensor:
        self.settle()
        labels = self.all(".net-class input", "e.getAttribute('aria-label')")
        return torch.tensor([float(re.search(r"([\d.]+) %", one)[1]) / 100 for one in labels])

    def at(self, layer: str, channel: int, row: int, column: int, columns: int = 1):
        """The point of a number in the picture of a layer, in pixels of its canvas."""
        node = next(node for node in self.mine.graph if node["name"] == layer)
        box = self.fig.locator(f"[data-layer='{layer}'] .net-canvas").bounding_box()
        _, height, width = node["shape"]
        side = (box["width"] - 3 * (columns - 1)) / columns
        x = channel % columns * (side + 3) + (column + 0.5) * side / width
        y = channel // columns * (side + 3) + (row + 0.5) * side / height
        return {"x": x, "y": y}

    def click(self, layer: str, *place: int, columns: int = 1, tap: bool = False) -> None:
        canvas = self.fig.locator(f"[data-layer='{layer}'] .net-maps")
        canvas.scroll_into_view_if_needed()
        (canvas.tap if tap else canvas.click)(position=self.at(layer, *place, columns=columns))
        self.settle()


@pytest.fixture
def opened(chromium, tmp_path):
    """Open a page with a figure: `opened(figure, width=…)`."""
    with served(tmp_path) as server:
        pages = opener(chromium, server)
        start = next(pages)

        def make(figure=None, **settings) -> Opened:
            figure = figure or NetworkExplorer()
            body = with_figures(PLACE, {PLACE: figure})
            body = apart(body, tmp_path / "networks", "networks/")
            (tmp_path / "page.html").write_text(f"{HEAD}{body}</main></body></html>", "utf-8")
            return Opened(start("page.html", **settings), 0, figure)

        yield make
        next(pages, None)


def test_a_still_is_there_at_once_and_the_weights_come_with_the_first_touch(opened):
    page = opened()
    assert not page.tab.evaluate("'courseWeights' in window")
    assert "62,006 weights" in page.text(".net-status") and page.says() == "cat"
    assert page.drawn("conv1") and page.drawn("conv2") and page.drawn("fc1")
    still = page.heading()
    assert still.startswith("conv2, map") and page.fig.locator(".net-part").count() >= 4
    page.fig.locator(".net-verdict").hover()
    page.tab.wait_for_function("() => !document.querySelector('.net-status').textContent")
    assert page.heading() == still
    torch.testing.assert_close(page.chances(), page.mine.probabilities, atol=0.006, rtol=0)


def test_weights_that_do_not_come_are_told_in_a_sentence_and_asked_for_again(opened, tmp_path):
    page = opened()
    (script,) = (tmp_path / "networks").iterdir()
    text = script.read_text()
    page.tab.route("**/networks/*", lambda route: route.fulfill(status=200, body="// none",
                   content_type="text/javascript") if page.tab.evaluate("!window.again")
                   else route.fulfill(status=200, body=text, content_type="text/javascript"))
    page.fig.locator(".net-verdict").dispatch_event("pointerdown")
    page.tab.wait_for_function("() => document.querySelector('[role=alert]').textContent")
    assert "could not be loaded" in page.alert()
    page.tab.evaluate("window.again = true")
    page.awake()
    page.fig.get_by_role("radio", name="a drawn ship").check()
    assert page.says() == "ship"


def test_one_walks_down_to_the_pixels_by_mouse_and_back_up(opened):
    page = opened().awake()
    page.click("relu2", 0, 0, 0, columns=2)
    seen = []
    for _ in range(8):
        seen.append(page.heading())
        steps = page.fig.locator(".net-body [data-to]")
        if not steps.count():
            break
        steps.first.click()
    layers = [one.split(",")[0] for one in seen]
    assert layers == ["relu2", "pool2", "conv2", "relu1", "pool1", "conv1", "input"]
    assert "red" in page.text(".net-few") and page.fig.locator(".net-trail li").count() == 7
    page.button("back up to conv2").click()
    assert page.heading() == seen[2] and page.fig.locator(".net-trail li").count() == 3
    page.click("conv1", 3, 10, 20)
    assert page.heading().startswith("conv1, map 3, row 10, column 20 = ")
    value = page.mine.maps("conv1")[3, 10, 20].item()
    assert abs(number(page.heading().split("= ")[1]) - value) < 1e-2 * abs(value)
    assert not page.fig.locator(".net-trail").is_visible()


def test_the_largest_products_lead_to_a_pixel(opened):
    page = opened().awake()
    page.fig.get_by_text("dog", exact=True).click()
    page.button("follow the largest").click()
    assert page.heading().startswith("input, ")
    layers = page.all(".net-trail li", "e.textContent")
    assert layers == ["fc3", "relu4", "fc2", "relu3", "fc1", "relu2", "pool2", "conv2", "relu1",
                      "pool1", "conv1", "input"]
    assert not page.button("follow the largest").is_visible() and page.fits()
    page.button("back up to relu4").click()
    with torch.no_grad():
        products = trained_lenet().fc3.weight[5] * page.mine.maps("relu4")
    assert page.heading().startswith(f"relu4, number {int(products.abs().argmax())} =")


def test_pointing_shows_and_leaving_goes_back(opened):
    page = opened().awake()
    before = page.heading()
    page.fig.locator("[data-layer=conv1] .net-maps").hover(position=page.at("conv1", 2, 14, 14))
    assert page.heading().startswith("conv1, map 2, row 14, column 14")
    page.tab.mouse.move(2, 2)
    assert page.heading() == before


def test_the_sum_can_be_read_and_is_right(opened):
    page = opened().awake()
    page.click("conv1", 1, 14, 14)
    words = page.text(".ctr-sum")
    parts, total = words.split(" = ")
    terms = re.findall(r"[−+]? ?\d[\d.e−]*", parts.replace("(bias)", ""))
    assert abs(sum(number(one.replace(" ", "").replace("+", "")) for one in terms)
               - number(total)) < 0.03
    assert words.split(" = ")[1].strip() in page.text("[role=status].ctr-spoken")


def test_all_of_it_by_keyboard(opened):
    page = opened().awake()
    press = page.tab.keyboard.press
    page.button("draw").focus()
    press("Tab")
    assert page.tab.evaluate("document.activeElement.getAttribute('role')") == "gridcell"
    assert page.heading().startswith("conv2, map 1, row 3, column 4")
    for key, place in (("ArrowRight", "conv2, map 1, row 3, column 5"),
                       ("ArrowDown", "conv2, map 1, row 4, column 5"),
                       ("PageDown", "conv2, map 2, row 4, column 5"),
                       ("Home", "conv2, map 2, row 4, column 0"),
                       ("Shift+ArrowRight", "pool2, map 2, row 2, column 0"),
                       ("ArrowUp", "pool2, map 2, row 1, column 0"),
                       ("Shift+ArrowLeft", "conv2, map 2, row 3, column 1")):
        press(key)
        assert page.heading().startswith(place), key
        label = page.tab.evaluate("document.activeElement.getAttribute('aria-label')")
        assert label.startswith(place.partition(", ")[2]), key
    press("Enter")
    assert page.tab.evaluate("document.activeElement.closest('.net-body') !== null")
    press("ArrowRight")
    press("ArrowDown")
    goal = page.tab.evaluate("document.activeElement.dataset.to")
    press("Enter")
    assert page.heading().startswith("relu1, map") and goal.startswith("3,")
    press("Enter")
    assert page.heading().startswith("pool1")
    press("Escape")
    assert page.tab.evaluate("document.activeElement.closest('.net-maps') !== null")
    stops = page.tab.evaluate("""[...document.querySelectorAll('.ctr *')].filter((e) => e.tabIndex
        >= 0 && e.checkVisibility() && !(e.type === "radio" && !e.checked)).length""")
    assert stops <= 14, "few stops of the Tab key"


def test_what_comes_back(opened):
    page = opened().awake()
    page.button("back: what moves it").press("Space")
    page.click("conv2", 4, 2, 2, columns=2)
    page.mine.mode = "back"
    value = page.mine.gradient("conv2")[4, 2, 2].item()
    assert f"logit of {page.says()}" in page.heading()
    assert abs(number(page.heading().split(": ")[1]) - value) <= 0.01 * abs(value) + 1e-9
    means, terms, _ = page.text(".ctr-sum").split("\n")
    assert f"is the derivative of the logit of “{page.says()}” with respect to this" in means
    products = [number(one) for one in page.all(".net-line > b", "e.innerText")]
    assert number(terms.split(" = ")[1]) == pytest.approx(value, rel=0.01, abs=1e-9)
    assert sum(products) == pytest.approx(value, rel=0.02, abs=1e-4), "a pool has one reader"
    page.fig.locator(".net-line [data-to]").first.click()
    assert page.heading().startswith("pool2, map 4, row 1, column 1"), "on toward the answer"
    assert not page.button("follow the largest").is_visible()
    page.fig.get_by_text("ship", exact=True).click()
    assert page.heading().startswith("fc3, number 8") and "of ship: 1" in page.heading()
    assert page.all(".net-scale span", "e.innerText") == ["lowers ship", "raises ship"]
    assert not page.fig.locator(".net-line").count(), "the logit itself: nothing reads it"
    page.mine.target = 8
    page.click("relu2", 3, 2, 2, columns=2)
    value = page.mine.gradient("relu2")[3, 2, 2].item()
    assert abs(number(page.heading().split(": ")[1]) - value) <= 0.01 * abs(value) + 1e-9


def test_a_picture_from_a_file_and_one_that_is_none(opened):
    page = opened()
    bytes_ = _decoded(page.mine.pictures[2], "picture")
    file = io.BytesIO()
    pixels = (bytes_ * 255 if bytes_.is_floating_point() else bytes_).to(torch.uint8)
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(file, "png")
    upload = page.fig.locator("input[type=file]")
    upload.set_input_files({"name": "me.png", "mimeType": "image/png", "buffer": file.getvalue()})
    page.tab.wait_for_function("() => document.querySelector('.net-verdict').textContent"
                               ".includes('your picture')")
    page.mine.picture = 2
    torch.testing.assert_close(page.chances(), page.mine.probabilities, atol=0.006, rtol=0)
    upload.set_input_files({"name": "me.txt", "mimeType": "image/png", "buffer": b"no picture"})
    page.tab.wait_for_function("() => document.querySelector('[role=alert]').textContent")
    assert "“me.txt” is no picture" in page.alert() and page.says() == "airplane"
    page.fig.get_by_role("radio", name="a drawn automobile").check()
    assert page.says() == "automobile" and page.alert() == ""


def test_a_drawing_by_mouse_and_by_keys(opened):
    page = opened().awake()
    page.button("draw").click()
    pad = page.fig.locator(".net-pad")
    empty = page.chances()
    box = pad.bounding_box()
    page.tab.mouse.move(box["x"] + 40, box["y"] + 150)
    page.tab.mouse.down()
    page.tab.mouse.move(box["x"] + 210, box["y"] + 150, steps=6)
    page.tab.mouse.up()
    line = page.chances()
    assert not torch.equal(line, empty) and "your drawing" in page.text(".net-verdict")
    pad.focus()
    for key in ["Space", *["ArrowDown"] * 3, *["Shift+ArrowRight"] * 6]:
        page.tab.keyboard.press(key)
    assert not torch.equal(page.chances(), line)
    page.button("clear").click()
    torch.testing.assert_close(page.chances(), empty)
    page.button("draw").click()
    assert not pad.is_visible()


NO_CAMERA = """navigator.mediaDevices.getUserMedia = async () => {
    throw new DOMException("", "%s"); };"""
CAMERA = """navigator.mediaDevices.getUserMedia = async () => {
    const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
    Object.assign(canvas, { width: 320, height: 240 });
    setInterval(() => { pen.fillStyle = "#123456"; pen.fillRect(0, 0, 320, 240); }, 30);
    return (window.stream = canvas.captureStream(30)); };"""


@pytest.mark.parametrize("problem, told", [("NotAllowedError", "was not allowed"),
                                           ("NotFoundError", "No camera answers")])
def test_a_camera_that_may_not_or_cannot(opened, problem, told):
    page = opened(script=NO_CAMERA % problem)
    page.button("camera").click()
    page.tab.wait_for_function("() => document.querySelector('[role=alert]').textContent")
    assert told in page.alert()


def test_a_photograph_by_the_camera_which_is_switched_off_after_it(opened):
    page = opened(script=CAMERA)
    page.button("camera").click()
    page.tab.wait_for_function("() => document.querySelector('video').videoWidth > 0")
    page.tab.wait_for_timeout(300)
    page.button("take the picture").click()
    page.tab.wait_for_function("() => document.querySelector('.net-verdict').textContent"
                               ".includes('your photograph')")
    assert page.tab.evaluate("stream.getTracks().every((one) => one.readyState === 'ended')")
    assert not page.fig.locator("video").is_visible()
    page.click("input", 0, 16, 16, columns=3)
    assert "red 18, green 52, blue 86" in page.text(".net-few")


def test_without_a_camera_there_is_no_button(opened):
    page = opened(script="Object.defineProperty(navigator, 'mediaDevices', { value: undefined });")
    assert not page.button("camera").is_visible() and page.button("draw").is_visible()


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone_the_layers_are_a_strip_and_what_is_taken_apart_stands_below(opened, width):
    page = opened(**{**PHONE, "width": width}).awake()
    assert page.fits()
    tall = page.tab.evaluate("document.querySelector('.ctr-card').offsetHeight")
    assert tall < (1_550 if width == 390 else 1_700), "not a mile of maps"
    for layer in ("input", "conv1", "pool2", "fc1", "fc3"):
        node = next(one for one in page.mine.graph if one["name"] == layer)
        maps = page.fig.locator(f"[data-layer='{layer}'] .net-maps")
        maps.scroll_into_view_if_needed()
        box = maps.bounding_box()
        assert box["x"] >= -1 and box["x"] + box["width"] <= width + 1, "it can be reached"
        assert page.drawn(layer) or node["shape"][1] == 1
    page.fig.locator(".net-class").last.scroll_into_view_if_needed()
    box = page.fig.locator(".net-class").last.bounding_box()
    assert box["x"] > 0 and box["x"] + box["width"] <= width + 1 and page.fits()
    page.click("conv1", 2, 14, 14, columns=2, tap=True)
    assert page.heading().startswith("conv1, map 2")
    strip, drill = (page.fig.locator(one).bounding_box() for one in (".net-scroll", ".net-drill"))
    assert 0 <= drill["y"] - strip["y"] - strip["height"] < 30 and strip["height"] < 320
    boxes = page.fig.locator(".net-body [data-to]").evaluate_all(
        "all => all.map(e => [e.offsetWidth, e.offsetHeight])")
    assert boxes and all(min(box) >= 40 for box in boxes) and page.fits()
    names = page.fig.locator(".net-own button:visible, .net-follow, .net-class")
    assert all(one["height"] >= 44 for one in names.evaluate_all(
        "all => all.map(e => ({ height: e.offsetHeight }))"))
    page.fig.locator(".net-body [data-to]").first.tap()
    assert page.heading().startswith("input, ")
    assert page.fits()


@pytest.mark.parametrize("settings", [{}, {"scheme": "dark"}, {"forced_colors": "active"},
                                      {**PHONE, "width": 320}], ids=str)
def test_no_finding_of_axe_and_colors_that_stay(opened, settings):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(**settings).awake()
    layers = page.fig.locator("[data-layer=fc3] .net-maps, [data-layer=relu2] .net-maps")
    for place in (layers.first, layers.last):
        place.click(position={"x": 6, "y": 6})
        page.settle()
        findings = Axe().run(page.tab, options={"resultTypes": ["violations"]}).response
        assert not [(one["id"], [node["target"] for node in one["nodes"]][:3])
                    for one in findings["violations"]]
    assert page.drawn("conv1") and page.drawn("conv2")
    assert "rgb(194, 65, 12)" in page.fig.locator(".net-chosen").evaluate(
        "e => getComputedStyle(e).boxShadow")


def test_a_residual_network_and_its_sums(opened):
    set_seed(0)
    page = opened(NetworkExplorer(ResNet(1), look=("blocks.1.add", 2, 3, 3))).awake()
    assert page.fig.locator(".net-few [data-to]").count() == 2 and page.fits()
    page.fig.locator(".net-few [data-to]").last.click()
    assert page.heading().startswith("blocks.1.downsample.1, map 2")
    assert "√" in page.text(".ctr-sum")
    page.fig.locator(".net-few [data-to]").first.click()
    page.fig.locator(".net-body [data-to]").first.click()
    assert page.heading().startswith("blocks.0.relu2, map")


def test_a_picture_goes_through_in_less_than_a_blink(opened):
    """Printed, not asserted: machines differ."""
    page = opened().awake()
    spent = page.tab.evaluate("""async () => {
        const text = JSON.parse(document.getElementById("course-figures").textContent);
        const code = (text.shared || "") + text.modules.NetworkExplorer;
        const blob = new Blob([code], { type: "text/javascript" });
        const figure = await import(URL.createObjectURL(blob));
        const { values } = Object.values(text.figures)[0];
        const weights = figure.unpacked({ ...values.weights,
            numbers: window.courseWeights[values.weights.key] });
        const bytes = figure.bytesOf(values.pictures[0].data);
        const input = figure.normalized(bytes, values.mean, values.std);
        const time = (work) => { for (let i = 0; i < 5; i++) work();
            const at = performance.now(); for (let i = 0; i < 20; i++) work();
            return (performance.now() - at) / 20; };
        const results = figure.forward(values.graph, weights, input);
        return { forward: time(() => figure.forward(values.graph, weights, input)),
            backward: time(() => figure.backward(values.graph, weights, results, 3)) }; }""")
    print({name: f"{one:.1f} ms" for name, one in spent.items()})
    assert spent["forward"] > 0
