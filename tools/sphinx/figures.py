"""Interactive figures on the static page: tables in the text, which a small script brings to life.

A notebook's saved state holds each figure's values and code. Here the code goes to the end of the
page once for each kind of figure, the values beside it, and in the figure's place stand its values
as tables, for readers without JavaScript. Pages without figures are not touched. Nothing is
fetched: no kernel, no CDN, no further request.
"""

import html
import json
import re
from collections import Counter
from pathlib import Path

from sphinx.errors import ExtensionError

from helpers import widgets
from helpers.widgets.card import carded
from helpers.widgets.figure import shared

_STATE = "application/vnd.jupyter.widget-state+json"
_VIEW = re.compile(r'<script type="application/vnd\.jupyter\.widget-view\+json">(.*?)</script>',
                   re.DOTALL)
_SCRIPT = (Path(__file__).parent / "figures.js").read_text(encoding="utf-8")


# The figures that can be made without a reader's data have a page of their own, figures/NAME.html.
ALONE = {"AutogradGraph": "graph", "ConvExplorer": "conv", "ReceptiveField": "field",
         "PoolExplorer": "pool", "BatchNormExplorer": "norm", "GradientFlow": "flow",
         "AugmentPlayground": "augment", "ScheduleExplorer": "schedule", "AllReduce": "allreduce",
         "GradientDescent": "hill", "Clinic": "clinic", "NetworkExplorer": "network"}


def alone(kind: str) -> widgets.Figure:
    """Return a figure as it opens on its own page."""
    return getattr(widgets, kind)()


def figure_class(state: dict) -> type[widgets.Figure]:
    """Return the class of a figure, from what a notebook saved of it."""
    name = state.get("_anywidget_id", state.get("_model_name", "")).rpartition(".")[2]
    known = {one: getattr(widgets, one) for one in widgets.__all__}
    if name not in known:
        raise ExtensionError(f"The widget {name!r} would be dead on the page, which has no kernel: "
                             "only the figures of helpers.widgets live there.")
    return known[name]


def embedded(body: str, saved: dict, page: str = "book/index") -> str:
    """Return the HTML `body` with figures in place of widget views, of the state `saved`."""
    views, states = {}, {}
    for match in _VIEW.finditer(body):
        model = json.loads(html.unescape(match[1]))["model_id"]
        states[model] = states.get(model) or figure_class(saved[model]["state"]).from_state(
            saved[model]["state"])
        views[match[0]] = states[model]
    return with_figures(body, views, "../" * page.count("/"))


def with_figures(body: str, places: dict[str, widgets.Figure], top: str = "../",
                 own: bool = False) -> str:
    """Return the HTML `body` with each figure in its place, and the script that starts them.

    `top` leads from the page to the site's folder; `own` is for a page that is the figure's own. In
    addresses a figure's name is its class, and from the second of a class on its number there.
    """
    counts: Counter[str] = Counter()
    store = {"shared": shared(), "modules": {}, "figures": {}}
    keys = {}  # one that is shown twice has one state; and a second build gives the same page
    for place, figure in places.items():
        name, key = type(figure).__name__, keys.setdefault(id(figure), f"figure-{len(keys)}")
        code = getattr(figure, "_esm")  # noqa: B009 (a trait of each kind)
        store["modules"][name] = str(code).removeprefix(store["shared"])
        known = store["figures"].get(key)
        if known is None:
            counts[name] += 1
            known = {"id": f"{name}-{counts[name]}".removesuffix("-1"), "module": name,
                     "values": figure.page_state()}
            if name in ALONE:
                known["alone"] = "" if own else f"{top}figures/{ALONE[name]}.html"
            anchor = f' id="figure={known["id"]}"'  # where an address without a state leads
            store["figures"][key] = known
        else:
            anchor = ""
        body = body.replace(place, f'<div class="course-figure"{anchor} data-course-figure="{key}">'
                                   f"{carded(figure)}</div>")
    if not store["figures"]:
        return body
    data = json.dumps(store, separators=(",", ":")).replace("</", "<\\/").replace("<!--", "<\\!--")
    return (f'{body}<style>{widgets.Figure._css}</style>'
            f'<script type="application/json" id="course-figures">{data}</script>'
            f"<script>{_SCRIPT}</script>")


def _embed(app, pagename, templatename, context, doctree):
    states = [s for s in context.get("script_files", ())
              if getattr(s, "attributes", {}).get("type") == _STATE]
    context["script_files"] = [s for s in context.get("script_files", ()) if s not in states]
    if states:
        context["body"] = embedded(context["body"],
                                   json.loads(states[0].attributes["body"])["state"], pagename)


def setup(app):
    """Register with Sphinx."""
    app.connect("html-page-context", _embed, priority=900)  # after myst-nb has added the state
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
