// What all figures share: small elements, the grid of numbers, and the rule that a refused change changes nothing.
// `figure.py` puts this text in front of each figure's module, so that one file needs no import when it runs.
import { cardAround } from "./card.js";

/** An element with attributes (a function is an event listener, null leaves one out) and children. */
export function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "rect", "line", "path", "text", "circle", "polygon", "title"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  // JupyterLab would take the keys that move a slider or press a button for its own shortcuts.
  if (["button", "input", "select"].includes(tag) || attributes.tabindex !== undefined) {
    element.setAttribute("data-lm-suppress-shortcuts", "true");
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A number in few characters, with a real minus sign. */
export function short(value, digits = 3) {
  let text = Number.isInteger(value) && Math.abs(value) < 1e5 ? String(value) : String(+value.toPrecision(digits));
  if (text === "-0") text = "0";
  if (text.replace(/[-.]/g, "").length > 6) text = value.toExponential(1);
  return text.replace(/-/g, "−").replace("e+", "e");
}

/** The same in at most about four characters, for a cell. */
function tiny(value) {
  const text = short(value);
  return Number.isInteger(value) || text.length <= 4 ? text : short(value, 2);
}

/** What the reader typed, as a number; NaN for all that is not one. */
export function parse(text) {
  const clean = text.trim().replace(/[−–]/g, "-").replace(",", ".");
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(clean) ? Number(clean) : NaN;
}

/** Why `matrix` is not a rectangle of finite numbers of at most `limit` by `limit`, or "". */
export function matrixProblem(name, matrix, limit) {
  if (!Array.isArray(matrix) || !matrix.length || !matrix.every((row) => Array.isArray(row) && row.length)) {
    return `The ${name} must be rows of numbers.`;
  }
  const width = matrix[0].length;
  if (matrix.some((row) => row.length !== width)) return `The ${name} must be a rectangle: its rows differ in length.`;
  if (matrix.length > limit || width > limit) {
    return `The ${name} may be at most ${limit} × ${limit}; this one is ${matrix.length} × ${width}.`;
  }
  if (matrix.some((row) => row.some((v) => typeof v !== "number" || !Number.isFinite(v)))) {
    return `The ${name} must hold finite numbers only.`;
  }
  return "";
}

/** Why one of `state`'s numbers is not within its `ranges`, {name: [low, high]}, or not a whole one, or "". */
export function rangeProblem(state, ranges, whole = Object.keys(ranges)) {
  for (const [name, [low, high]] of Object.entries(ranges)) {
    const value = state[name], right = whole.includes(name) ? Number.isInteger(value) : Number.isFinite(value);
    if (!right || value < low || value > high) {
      return `The ${name} must be a ${whole.includes(name) ? "whole " : ""}number from ${low} to ${high}.`;
    }
  }
  return "";
}

/** Why one of `state`'s words is none of its `choices`, {name: [words]}, or "". */
export function choiceProblem(state, choices) {
  const bad = Object.keys(choices).find((name) => !choices[name].includes(state[name]));
  return bad ? `The ${bad} must be one of ${choices[bad].join(", ")}.` : "";
}

/** `matrix` cut or filled to height × width, the extra rows and columns shared out at both ends. */
export function resized(matrix, height, width, fill) {
  const top = Math.floor((height - matrix.length) / 2), left = Math.floor((width - matrix[0].length) / 2);
  const clamp = (i, n) => Math.min(Math.max(i, 0), n - 1);
  return Array.from({ length: height }, (_, i) => Array.from({ length: width }, (_, j) => {
    const r = i - top, c = j - left;
    const inside = r >= 0 && r < matrix.length && c >= 0 && c < matrix[0].length;
    return inside || fill === "edge" ? matrix[clamp(r, matrix.length)][clamp(c, matrix[0].length)] : fill;
  }));
}

/** Black or white, whichever reads better on the color (r, g, b). */
function inkOn(rgb) {
  const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

/** Gray from `low` (black) to `high` (white), or, with `signed`, blue below zero and orange above. */
export function paint(value, low, high, signed) {
  let rgb;
  if (signed) {
    const t = Math.min(1, Math.abs(value) / (Math.max(Math.abs(low), Math.abs(high)) || 1));
    rgb = (value < 0 ? [33, 102, 172] : [213, 94, 0]).map((end) => Math.round(255 + t * (end - 255)));
  } else {
    const t = high > low ? (value - low) / (high - low) : 0.5;
    rgb = [0, 1, 2].map(() => Math.round(255 * Math.min(1, Math.max(0, t))));
  }
  return { background: `rgb(${rgb})`, ink: inkOn(rgb) };
}

/**
 * A slider with its name and value, of whole numbers unless `step` says otherwise. `update(value, options)` shows another
 * one: `max`, and how the value is written (`text`) and read out (`spoken`) where that is not the number itself.
 */
export function slider(name, low, high, onChange, step = 1) {
  const input = make("input", { type: "range", min: low, max: high, step, "aria-label": name,
    input: () => onChange(Number(input.value)) });
  const value = make("output", { "aria-hidden": "true" });
  const element = make("label", { class: "ctr-slider" }, make("span", {}, name), input, value);
  return { element, update(v, { max = input.max, text = short(v), spoken = null } = {}) {
    input.max = max;
    input.value = v;
    value.textContent = text;
    if (spoken) input.setAttribute("aria-valuetext", spoken);
  } };
}

/** What a figure draws, the part of it that grows in full screen: one in each figure. */
export function drawingOf(...parts) {
  return make("div", { class: "ctr-drawing" }, ...parts);
}

/** The drawing, and words that belong to it: beside it where there is room for both. */
export function withWords(element, ...words) {
  return make("div", { class: "ctr-with-words" }, element, make("div", { class: "ctr-words" }, ...words));
}

/** Controls beside each other. */
export function controlled(...controls) {
  return make("div", { class: "ctr-controls" }, ...controls.map(({ element }) => element));
}

/** A menu of names. Where the value is none of them, it says "your own". */
export function menu(name, options, onChange) {
  const own = make("option", { value: "" }, "your own");
  const select = make("select", { "aria-label": name, change: () => select.value && onChange(select.value) },
    ...options.map((option) => make("option", { value: option }, option.replace("_", " "))));
  const element = make("label", { class: "ctr-menu" }, make("span", {}, name), select);
  return { element, update(v) {
    if (options.includes(v)) own.remove(); else select.append(own);
    select.value = options.includes(v) ? v : "";
  } };
}

/** A button with a text, and optionally another name for those who hear the page. */
export function button(text, onClick, name = null) {
  return make("button", { type: "button", class: "ctr-button", click: onClick, "aria-label": name }, text);
}

/** What stands folded under a name until the reader asks for it. */
export function folded(name, ...children) {
  return make("details", { class: "ctr-more" }, make("summary", { "data-lm-suppress-shortcuts": "true" }, name), ...children);
}

/** Code to read, to select, and to copy. */
export function codeBox() {
  const text = make("pre", { class: "ctr-sum", role: "group", "aria-label": "the code", tabindex: 0 });
  const copy = button("copy", async () => {
    let done = true;
    try { await navigator.clipboard.writeText(text.textContent); } catch { done = false; }
    if (!done) window.getSelection().selectAllChildren(text);  // to be copied by hand
    copy.textContent = done ? "copied" : "selected";
  }, "copy the code");
  const element = make("div", { class: "ctr-code" }, text, copy);
  return { element, update(written) {
    if (text.textContent === written) return;  // else what is selected stays so
    text.textContent = written;
    copy.textContent = "copy";
  } };
}

/** A box to tick. */
export function checkbox(name, onChange) {
  const input = make("input", { type: "checkbox", change: () => onChange(input.checked) });
  const element = make("label", { class: "ctr-check" }, input, make("span", {}, name));
  return { element, update(v) { input.checked = v; } };
}

/**
 * A grid of numbers that is walked with the arrow keys, one cell of it being a stop of the Tab key.
 * `onEdit(row, column, text)` makes the cells editable: click, Enter or a digit opens one, Space switches it between
 * 0 and 1. `onPick(row, column)` is called where the reader points or walks to.
 * `update(values, options)`: options `signed`, `range` [low, high], `border` (cells of padding around),
 * `marked` and `strong` (sets of "row,column"), `blank` (text of the padding), `heading` (instead of name and size).
 */
export function grid(name, { onEdit = null, onPick = null } = {}) {
  const title = make("div", { class: "ctr-title" });
  const table = make("div", { role: "grid", class: "ctr-grid", "aria-label": name,
    "aria-description": "rows and columns are counted from 0" });
  const element = make("div", { class: "ctr-box" }, title, table);
  let cells = [], shape = "", at = [0, 0], values = [[]], editor = null;

  const cell = (row, column) => cells[row] && cells[row][column];
  function move(row, column, focus) {
    const old = cell(...at), next = cell(row, column);
    if (!next) return;
    if (old) old.tabIndex = -1;
    at = [row, column];
    next.tabIndex = 0;
    if (focus) next.focus();
    if (onPick) onPick(row, column);
  }
  function close(commit) {
    if (!editor) return;
    const { input, row, column } = editor;
    editor = null;
    const text = input.value;
    const hadFocus = input.contains(document.activeElement);
    input.remove();
    cell(row, column).textContent = tiny(values[row][column]);
    if (hadFocus) cell(row, column).focus();
    if (commit && text !== "") onEdit(row, column, text);
    else table.dispatchEvent(new CustomEvent("ctr-empty", { bubbles: true }));  // what was refused before is settled
  }
  function edit(row, column, text) {
    close(true);
    const input = make("input", { class: "ctr-editor", inputmode: "text", "aria-label": `${name}, row ${row}, column ${column}`,
      blur: () => close(true),
      click: (event) => event.stopPropagation(),
      keydown: (event) => {
        event.stopPropagation();
        const steps = { Enter: [1, 0], Tab: [0, event.shiftKey ? -1 : 1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
        if (event.key === "Escape") close(false);
        else if (steps[event.key]) {
          close(true);
          const [down, right] = steps[event.key];
          if (cell(row + down, column + right)) { move(row + down, column + right, true); event.preventDefault(); }
        }
      } });
    input.value = text === null ? String(values[row][column]) : text;
    cell(row, column).replaceChildren(input);
    editor = { input, row, column };
    input.focus();
    if (text === null) input.select();
  }
  function onKey(event, row, column) {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
      Home: [0, -column], End: [0, cells[0].length - 1 - column] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (steps[event.key]) move(row + steps[event.key][0], column + steps[event.key][1], true);
    else if (onEdit && event.key === " ") onEdit(row, column, values[row][column] ? "0" : "1");
    else if (onEdit && event.key === "Enter") edit(row, column, null);
    else if (onEdit && /^[-−+.\d]$/.test(event.key)) edit(row, column, event.key);
    else return;
    event.preventDefault();
  }
  function build(height, width, border) {
    close(false);
    cells = [];
    table.replaceChildren();
    const pad = (r, c) => make("div", { class: "ctr-cell ctr-pad", "aria-hidden": "true", "data-at": `${r},${c}` });
    const open = (r, c) => make("div", { role: "gridcell", class: "ctr-cell", tabindex: -1, "data-at": `${r},${c}`,
      keydown: (event) => onKey(event, r, c), focus: () => { if (at[0] !== r || at[1] !== c) move(r, c, false); },
      click: () => { move(r, c, false); if (onEdit) edit(r, c, null); },
      pointerenter: (event) => { if (onPick && event.pointerType === "mouse") move(r, c, false); } });
    for (let r = -border; r < height + border; r++) {
      const within = r >= 0 && r < height, line = make("div", { role: within ? "row" : "presentation", class: "ctr-row" });
      for (let c = -border; c < width + border; c++) line.append((within && c >= 0 && c < width ? open : pad)(r, c));
      if (within) cells.push([...line.children].slice(border, border + width));
      table.append(line);
    }
    at = [Math.min(at[0], height - 1), Math.min(at[1], width - 1)];
    cell(...at).tabIndex = 0;
  }
  function update(next, { signed = false, range = null, border = 0, marked = new Set(), strong = new Set(),
    blank = "0", heading = null, size = 0 } = {}) {
    values = next;
    const height = values.length, width = values[0].length, flat = values.flat();
    if (shape !== `${height},${width},${border}`) { shape = `${height},${width},${border}`; build(height, width, border); }
    if (editor) return;
    title.textContent = heading || `${name}, ${height} × ${width}${border ? ` and ${border} of padding` : ""}`;
    const [low, high] = range || [Math.min(...flat), Math.max(...flat)];
    table.style.setProperty("--columns", width + 2 * border);
    const wide = element.parentElement ? element.parentElement.clientWidth || 340 : 340;
    const side = Math.min(size || 34, Math.floor(wide / (width + 2 * border)));
    table.style.setProperty("--cell", `${side}px`);
    table.classList.toggle("ctr-tiny", side < 22);
    values.forEach((row, r) => row.forEach((value, c) => {
      const one = cells[r][c], { background, ink } = paint(value, low, high, signed);
      one.textContent = tiny(value);
      one.classList.toggle("ctr-long", one.textContent.length > 4);
      Object.assign(one.style, { background, color: ink });
      // who speaks to the page says what they see, so that is in the name
      const full = short(value, 5), seen = full === one.textContent ? "" : `, shown as ${one.textContent}`;
      one.setAttribute("aria-label", `row ${r}, column ${c}: ${full}${seen}`);
    }));
    for (const one of table.querySelectorAll(".ctr-cell")) {
      one.classList.toggle("ctr-marked", marked.has(one.dataset.at));
      one.classList.toggle("ctr-strong", strong.has(one.dataset.at));
      if (one.getAttribute("role")) one.setAttribute("aria-selected", marked.has(one.dataset.at));
      if (one.classList.contains("ctr-pad")) one.textContent = blank;
    }
  }
  return { element, update, at: () => at, move };
}

/** The side of a cell, in pixels, at most `most`, with which grids of these numbers of columns stand side by side in
    `room` pixels, if they can. */
export function sideBySide(room, most, ...columns) {
  const total = columns.reduce((a, b) => a + b, 0), fits = Math.floor((room - 24 * columns.length) / total);
  return fits >= 24 ? Math.min(most, fits) : 34;
}

/** A grid whose numbers the reader may change: one of the figure's matrices, by name. */
export function editable(name, { state, change, say }) {
  return grid(name, { onEdit(row, column, text) {
    const value = parse(text);
    if (!Number.isFinite(value) || Math.abs(value) > 1e6) {
      return say(`“${text}” is not a number between −1,000,000 and 1,000,000, such as 0.333: the ${name} keeps the one it had.`);
    }
    change({ [name]: state()[name].map((line, r) => line.map((v, c) => (r === row && c === column ? value : v))) });
  } });
}

/** The grid of results with its stepper; `onMove()` is called when another one is looked at. */
export function walked(name, onMove) {
  const view = grid(name, { onPick(row, column) {
    if (at && (at[0] !== row || at[1] !== column)) { at = [row, column]; onMove(); }
  } });
  let at = null, shape = [1, 1];
  const steps = stepper((by) => {
    const count = shape[0] * shape[1], next = (at[0] * shape[1] + at[1] + by + count) % count;
    view.move(Math.floor(next / shape[1]), next % shape[1], false);
  }, name);
  return { element: view.element, steps,
    /** The output that is looked at, within `values`; `wanted` is another one to look at. */
    at(values, wanted = null) {
      shape = [values.length, values[0].length];
      at = (wanted || at || shape.map((n) => n >> 1)).map((i, axis) => Math.min(i, shape[axis] - 1));
      return at;
    },
    update(values, options) { view.update(values, { ...options, marked: new Set([at.join()]) }); } };
}

/** A sentence that tells what to click. */
export function hint(text) {
  return make("div", { class: "ctr-hint" }, text);
}

/** The sum behind a result, to be read, and the result alone, to be heard. */
export function explanation(label) {
  const text = make("pre", { class: "ctr-sum", role: "group", "aria-label": label });
  const spoken = make("div", { class: "ctr-spoken", role: "status" });
  return { elements: [text, spoken], update(written, said) { text.textContent = written; spoken.textContent = said; } };
}

/** Previous, next and play. `onStep(+1 or -1)`. Who asked their system for less motion gets no play button. */
export function stepper(onStep, what) {
  let timer = null;
  const show = (running) => {
    timer = running;
    play.textContent = running ? "■ stop" : "▶ play";
    play.setAttribute("aria-pressed", String(running !== null));
  };
  const still = window.matchMedia && window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const stop = () => { clearInterval(timer); show(null); };
  const step = (by) => { if (!element.isConnected) return stop(); onStep(by); };
  const play = button("", () => (timer ? stop() : show(setInterval(() => step(1), 600))));
  show(null);
  const element = make("div", { class: "ctr-stepper", role: "group", "aria-label": `step through the ${what}` },
    button("◀", () => { stop(); onStep(-1); }, `previous ${what}`), button("▶", () => { stop(); onStep(1); }, `next ${what}`),
    still ? null : play);
  return { element, stop };
}

/**
 * The frame of a figure. `check(state)` returns "" or one sentence; a change that it refuses leaves everything as it
 * was. `draw(state)` is called once after each change, whether it came from the reader or from Python, and by `start`,
 * which returns what ends the figure; `stop`, if given, is called then, too. `complete(changes, state)` may add to the
 * changes of a preset, a link or a reset what follows from them. `met(state)` returns what is said beside the challenge
 * when the state meets it, else "".
 */
export function frame({ model, el }, label, names, check, draw,
  { complete = (changes) => changes, met = () => "" } = {}) {
  const message = make("div", { class: "ctr-message", role: "alert" });
  const root = make("div", { class: "ctr", role: "group", "aria-label": label,
    "ctr-empty": () => { message.textContent = ""; } });
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const whole = (changes) => ({ ...state(), ...complete(changes, state()) });
  const problem = (changes) => { try { return check(whole(changes)); } catch { return "It does not fit."; } };
  const show = () => {
    const now = state();
    root.classList.toggle("ctr-roomy", root.clientWidth >= 700);
    if (!check(now)) draw(now);
    card.update(now);
  };
  let waiting = false, mine = false;
  const redraw = () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => { waiting = false; show(); });
  };
  const changed = () => { if (!mine) message.textContent = ""; redraw(); };
  const put = (changes) => {
    mine = true;
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    mine = false;
    model.save_changes();
  };
  const change = (changes) => {
    const found = check({ ...state(), ...changes });
    message.textContent = found;
    if (!found) {
      card.touched();
      put(changes);
    }
    redraw();  // a refused control goes back, too
  };
  /** Take over what a stranger has written; whether it could be drawn. If not, nothing has changed. */
  const take = (changes) => {
    const before = state();
    if (problem(changes)) return false;
    put(complete(changes, before));
    try { draw(state()); } catch { put(before); draw(before); return false; }
    message.textContent = "";
    return true;
  };
  const say = (text) => { message.textContent = text; };
  const card = cardAround(root, label, model, names,
    { state, problem, take, say, paint: show, met: (now) => (check(now) ? "" : met(now)),
      change: (changes) => change(complete(changes, state())) });
  el.replaceChildren(card.element);  // what stood here for readers without JavaScript
  for (const name of names) model.on(`change:${name}`, changed);
  let width = 0;
  const watch = new ResizeObserver(() => { if (root.clientWidth !== width) { width = root.clientWidth; redraw(); } });
  watch.observe(root);
  const start = (stop = () => {}) => {
    show();
    card.start();
    return () => { stop(); card.stop(); watch.disconnect(); for (const name of names) model.off(`change:${name}`, changed); };
  };
  const live = typeof model.send === "function";  // there is a Python behind it
  const set = (name) => (value) => change({ [name]: value });
  const wide = () => (root.querySelector(".ctr-drawing") || root).clientWidth || 340;
  return { root, message, change, set, state, redraw, start, live, wide, say };
}
