// The card around each figure: title, challenge, presets, reset, link, full screen, caption. And its state as a text:
// in an address, `#figure=PoolExplorer&stride=1&mode=average`, and in the memory of the browser's tab.
import { make } from "./common.js";
import { filling } from "./full.js";

const LINK_LONGEST = 16000, LINK_WORDS = 500;  // characters of a state, and of one text in it
const LINK_BAD = "This link does not fit this figure: it is for another version, or was damaged on its way; nothing "
  + "was changed.";

/** Whether two values are equal as JSON has them, numbers to the digits that float32 holds. */
export function sameValue(a, b) {
  if (typeof a === "number" && typeof b === "number") {
    return a === b || Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b));
  }
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return a === b;
  const keys = Object.keys(a);
  return Array.isArray(a) === Array.isArray(b) && keys.length === Object.keys(b).length
    && keys.every((key) => Object.hasOwn(b, key) && sameValue(a[key], b[key]));
}

const LINK_ROWS = /^[-+.\deE,;]+$/;

/** A value as text: words as they are, rows of numbers as 1,2;3,4; all else as JSON. */
function valueText(value) {
  const isRow = (row) => Array.isArray(row) && row.length && row.every(Number.isFinite);
  if (Array.isArray(value) && value.length && value.every(isRow)) {
    return value.map((row) => row.join(",")).join(";") + (value[1] ? "" : ";");
  }
  if (typeof value !== "string") return JSON.stringify(value);
  return textValue(value) === value ? value : JSON.stringify(value);
}

/** The value that a text stands for. */
function textValue(text) {
  const numbers = (row) => row.split(",").map((v) => (v === "" ? NaN : Number(v)));
  if (text.includes(";") && LINK_ROWS.test(text)) return text.replace(/;$/, "").split(";").map(numbers);
  try { return JSON.parse(text); } catch { return text; }
}

/** The state of a figure as what follows the # of an address. */
export function linkText(figure, state) {
  const plain = { "%20": "+", "%2C": ",", "%3B": ";", "%3A": ":" };
  const safe = (text) => encodeURIComponent(text).replace(/%(20|2C|3B|3A)/g, (one) => plain[one]);
  return [["figure", figure], ...Object.entries(state).map(([name, value]) => [name, valueText(value)])]
    .map((pair) => pair.map(safe).join("=")).join("&");
}

/** Whether a value may come from a stranger: numbers that are finite, texts that are short, no names of prototypes. */
function isHarmless(value, depth = 0) {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value === "string") return value.length <= LINK_WORDS;
  if (value === null || typeof value !== "object") return true;
  const isPlain = (key) => key.length < 60 && !(key in {}) && isHarmless(value[key], depth + 1);
  return depth < 6 && Object.keys(value).every(isPlain);
}

/** The figure and the state that an address names after its #: {figure, state}, the state null where it is none. */
export function linkState(hash) {
  const parts = hash.replace(/^#/, "").split("&"), state = {};
  if (!parts[0].startsWith("figure=")) return null;  // an address of something else
  const read = (text) => decodeURIComponent(text.replace(/\+/g, " "));
  let figure = "";
  try {
    figure = read(parts[0].slice(7)).slice(0, 80);
    if (hash.length > LINK_LONGEST || parts.length > 60) return { figure, state: null };
    for (const part of parts.slice(1)) {
      const cut = part.indexOf("="), name = read(part.slice(0, Math.max(cut, 0)));
      const value = textValue(read(part.slice(cut + 1)));
      if (cut < 1 || name in {} || Object.hasOwn(state, name) || !isHarmless(value)) return { figure, state: null };
      state[name] = value;
    }
  } catch { return { figure, state: null }; }
  return { figure, state };
}

/** `state` if each of its names is in `kept`, {name: bounds}, with a value within these, and of the same kind as in
    `opening`; else null. */
export function fittingState(state, kept, opening) {
  const kind = (value) => (Array.isArray(value) ? "list" : value === null ? "null" : typeof value);
  function fits([name, value]) {
    if (!Object.hasOwn(kept, name) || kind(value) !== kind(opening[name])) return false;
    const { words = null, low = -Infinity, high = Infinity, whole = false } = kept[name];
    if (words) return words.includes(value);
    return typeof value !== "number" || (value >= low && value <= high && (!whole || Number.isInteger(value)));
  }
  return state && Object.entries(state).every(fits) ? state : null;
}

/** The HTML that shows a figure's own page inside another one. */
export function embedCode(address, title, height) {
  const safe = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
  return `<iframe src="${safe(address)}" title="${safe(title)}" width="100%" height="${height}" style="border:0" `
    + `loading="lazy" allow="clipboard-write; fullscreen"></iframe>`;
}

/** Put `text` on the clipboard: whether that was allowed. The field that shows it is selected, for where it was not. */
async function copyFrom(field, text) {
  field.value = text;
  field.focus();
  field.select();
  try { await navigator.clipboard.writeText(text); return true; } catch { /* an older way is left */ }
  try { return document.execCommand("copy"); } catch { return false; }
}

const CARD_ICONS = { reset: "M4 4v5h5M4.6 9A8 8 0 1 1 4 13",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4.2 4.2 0 0 0-6-6l-1.5 1.5M14 10a4 4 0 0 0-6-.5l-3 3a4.2 4.2 0 0 0 6 6l1.5-1.5",
  full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5" };

function cardTool(icon, name, onClick) {
  const picture = make("svg", { viewBox: "0 0 24 24", class: "ctr-icon", "aria-hidden": "true" },
    make("path", { d: CARD_ICONS[icon] }));
  return make("button", { type: "button", class: "ctr-tool", "aria-label": name, title: name, click: onClick }, picture,
    make("span", {}, name));
}

/** A button that shows `card` on the whole screen and back, or null where that cannot be. */
function fullScreen(card, paint) {
  const able = Boolean(document.fullscreenEnabled && card.requestFullscreen);
  if (!able && window.self !== window.top) return null;  // a frame of its own is all that there is to fill
  const isFixed = () => card.classList.contains("ctr-fixed"), isNative = () => document.fullscreenElement === card;
  const isFull = () => isNative() || isFixed(), filled = filling(card, paint, isFull);
  let was = false;
  function changed() {
    const now = isFull(), name = now ? "leave full screen" : "full screen";
    if (was === now) return;
    for (const one of ["aria-label", "title"]) tool.setAttribute(one, name);
    tool.lastChild.textContent = name;
    if (now) filled.start(); else { filled.stop(); tool.focus({ preventScroll: true }); }
    was = now;
  }
  const fix = (on) => { card.classList.toggle("ctr-fixed", on); changed(); };
  const tool = cardTool("full", "full screen", () => {
    if (isFixed()) return fix(false);
    if (isNative()) return document.exitFullscreen();
    filled.before();
    return able ? card.requestFullscreen().catch(() => fix(true)) : fix(true);
  });
  card.addEventListener("fullscreenchange", changed);
  card.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isFixed() && !event.defaultPrevented) fix(false);
  });
  return tool;
}

/** What the tab remembers of this figure on this page; nothing where that is forbidden. */
function cardMemory(id) {
  const key = `course-figure ${location.pathname} ${id}`;
  return {
    read() { try { return linkState(sessionStorage.getItem(key) || ""); } catch { return null; } },
    write(text) {
      try { if (text) sessionStorage.setItem(key, text); else sessionStorage.removeItem(key); } catch { /* then not */ }
    },
  };
}

/** The link and the code to show the figure elsewhere: a button, and what it opens. */
function sharing(card, page, title, diff, whole) {
  const field = make("input", { class: "ctr-field", type: "text", readonly: "", "aria-label": "link",
    focus: () => field.select() });
  const said = make("span", { "aria-live": "polite", class: "ctr-hint" });
  const canonical = document.querySelector("link[rel=canonical]");
  const here = () => (location.protocol === "file:" && canonical ? canonical.href : location.href).split("#")[0];
  const alone = () => (page.alone ? new URL(page.alone, here().split("?")[0]).href : here());
  const address = (from, state) => `${from}#${linkText(page.id, state)}`;
  async function give(label, text) {
    panel.hidden = false;
    open.setAttribute("aria-expanded", "true");
    field.setAttribute("aria-label", label);
    said.textContent = "";
    const done = await copyFrom(field, text);
    said.textContent = done ? `Copied: ${label}.` : `Copy it from the field: ${label}.`;
  }
  const link = () => give("a link to the figure as it is now", address(here(), diff()));
  const embed = () => give("the code that shows it on another page",
    embedCode(address(alone(), whole()), title, card.offsetHeight + 56));
  const close = () => { panel.hidden = true; open.setAttribute("aria-expanded", "false"); open.focus(); };
  const press = (name, onClick) => make("button", { type: "button", class: "ctr-button", click: onClick }, name);
  const own = page.alone ? make("a", { class: "ctr-own", href: page.alone, target: "_blank", rel: "noopener",
    click: () => { own.href = `${page.alone}#${linkText(page.id, whole())}`; } }, "its own page") : null;
  const panel = make("div", { class: "ctr-share", role: "group", "aria-label": "share", hidden: "",
    keydown: (event) => { if (event.key === "Escape") { close(); event.preventDefault(); } } },
  field, make("div", { class: "ctr-stepper" }, press("copy link", link),
    page.alone === undefined ? null : press("copy embed code", embed), own, press("close", close)), said);
  const open = cardTool("link", "copy link", link);
  open.setAttribute("aria-expanded", "false");
  return { open, panel };
}

/**
 * The card around `root`. `figure` has `state()`, `change(changes)`, `take(changes)`, which a stranger's state goes
 * through, `problem(changes)`, `say(text)`, `paint()`, which draws it anew, and `met(state)`, what is said of a
 * challenge that is met, or "". `update(now)` is called when something was drawn, `start` after the first time,
 * `touched` when the reader has changed something; `stop` ends it.
 */
export function cardAround(root, label, model, names, figure) {
  const about = model.get("card") || {};
  const { title = label, challenge = "", caption = "", presets = {}, kept = {} } = about;
  const page = model.page || null, id = page ? page.id : about.id, memory = page && cardMemory(id);
  const first = page && page.first ? page.first : figure.state(), opening = { ...first, ...about.opening };
  const pick = (state, wanted) => Object.fromEntries(wanted.map((name) => [name, state[name]]));
  const mine = names.filter((name) => Object.hasOwn(kept, name)), all = page ? names : mine;
  const differing = (state) => mine.filter((name) => !sameValue(state[name], opening[name]));
  const diff = () => { const now = figure.state(); return pick(now, differing(now)); };
  const element = make("figure", { class: "ctr-card", "aria-label": title, tabindex: "-1", "data-figure": id });
  const whole = () => pick(figure.state(), mine), bounds = pick(kept, mine);
  const met = make("span", { class: "ctr-met", "aria-live": "polite" });
  let begun = false, written = null;

  function remember(text) {
    if (!memory || text === written) return;
    written = text;
    memory.write(text && text.length < LINK_LONGEST ? text : "");
  }
  function forgetAddress() {  // else it would win over what the reader has done since
    if (!page || !location.hash.startsWith("#figure=")) return;
    try { history.replaceState(history.state, "", location.pathname + location.search); } catch { /* it stays */ }
  }
  /** Go to the opening state with some changes. */
  function go(changes) {
    figure.change({ ...pick(opening, all), ...changes });
  }
  const reset = cardTool("reset", "reset", () => { if (reset.getAttribute("aria-disabled") === "false") go({}); });
  const share = page && sharing(element, page, title, diff, whole), full = fullScreen(element, figure.paint);
  // one that does not fit to what the chapter opened the figure with is not offered
  const fits = ([, values]) => !figure.problem({ ...pick(opening, mine), ...values });
  const fitting = Object.entries(presets).filter(fits);
  const buttons = fitting.map(([name, values]) => ({ values, button: make("button",
    { type: "button", class: "ctr-preset", "aria-pressed": "false", click: () => go(values) }, name) }));
  element.append(
    make("div", { class: "ctr-head" },
      make("div", { class: "ctr-name" }, title), make("div", { class: "ctr-tools" }, reset, share && share.open, full)),
    make("div", { class: "ctr-challenge" }, make("span", {}, challenge), met),
    share ? share.panel : "",
    buttons.length ? make("div", { class: "ctr-presets", role: "group", "aria-label": "presets" },
      ...buttons.map(({ button }) => button)) : "",
    root, caption ? make("figcaption", { class: "ctr-caption" }, caption) : "");

  function update(now) {
    for (const { values, button } of buttons) {
      const holds = Object.keys(values).every((name) => sameValue(now[name], values[name]));
      button.setAttribute("aria-pressed", String(holds));
    }
    const said = figure.met(now);
    if (met.textContent !== (said && `✓ ${said}`)) met.textContent = said && `✓ ${said}`;
    const changed = differing(now), more = all.some((name) => !mine.includes(name) && now[name] !== opening[name]);
    reset.setAttribute("aria-disabled", String(!changed.length && !more));
    if (begun) remember(changed.length ? linkText(id, pick(now, changed)) : "");
  }
  /** Take over a state that came from elsewhere; whether it fits. */
  function taken(state) {
    const fits = fittingState(state, bounds, opening);
    return Boolean(fits) && figure.take({ ...pick(opening, mine), ...fits });
  }
  function follow() {
    const asked = linkState(location.hash);
    if (!asked || asked.figure !== page.id) return false;
    if (!taken(asked.state)) figure.say(LINK_BAD);
    const show = () => element.scrollIntoView({ block: "start", behavior: "instant" });
    element.focus({ preventScroll: true });
    show();
    if (document.readyState !== "complete") window.addEventListener("load", show, { once: true });
    return true;
  }
  function start() {
    if (page) {
      window.addEventListener("hashchange", follow);
      const found = memory.read();
      if (!follow() && found) taken(found.state);
    }
    begun = true;
    update(figure.state());
  }
  const stop = () => window.removeEventListener("hashchange", follow);
  return { element, update, start, stop, touched: forgetAddress };
}
