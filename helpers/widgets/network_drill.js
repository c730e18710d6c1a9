// One number of a network taken apart: what it reads, kernel, products and sum; each number of it leads a layer down.
import { button, make, short } from "./common.js";
import { called, placed, told } from "./network_sum.js";
import { toldBack } from "./network_back.js";
import { extreme, inkFor, tint } from "./network_maps.js";

const MOST = 12, FEW = 4;  // lines of a dense layer that are shown at once, and on a phone

/** A number in at most about four characters: ".31", "−1.2", "25". */
export function mini(value) {
  const size = Math.abs(value), text = size >= 9.95 ? size.toFixed(0) : size >= 0.995 ? size.toFixed(1)
    : size.toFixed(2).slice(1);
  return Number(text) ? `${value < 0 ? "−" : ""}${text}` : "0";
}

/** Which parts of a convolution are shown, when `room` of them fit: in their order those that weigh most. */
export function heaviest(parts, room) {
  const order = parts.slice().sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum)), chosen = new Set(order.slice(0, room));
  return { shown: parts.filter((one) => chosen.has(one)), rest: parts.filter((one) => !chosen.has(one)) };
}

/** Arrow keys that go to the next of some elements, wherever these stand; one of them is a stop of the Tab key. */
function walkable(root, selector, { enter, leave }) {
  const all = () => [...root.querySelectorAll(selector)];
  root.addEventListener("keydown", (event) => {
    const from = event.target.closest(selector),
      way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" || event.key === "Backspace") leave();
    else if (!from) return;
    else if (event.key === "Enter" || event.key === " ") enter(from);
    else if (way) {
      const middle = (one) => { const box = one.getBoundingClientRect();
        return [box.left + box.width / 2, box.top + box.height / 2]; };
      const [x, y] = middle(from);
      let best = null, least = Infinity;
      for (const one of all()) {
        const [a, b] = middle(one), along = (a - x) * way[0] + (b - y) * way[1], off = Math.abs((a - x) * way[1])
          + Math.abs((b - y) * way[0]);
        if (one !== from && along > 1 && along + 4 * off < least) [best, least] = [one, along + 4 * off];
      }
      if (best) { from.tabIndex = -1; best.tabIndex = 0; best.focus(); }
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return { settle: () => all().forEach((one, i) => { one.tabIndex = i ? -1 : 0; }),
    first: () => { const [one] = all(); if (one) one.focus(); return Boolean(one); } };
}

/** The place where a number is taken apart. `looks` has `down(layer, place)`, `up(steps)` and `leave()`. */
export function netDrill(graph, looks) {
  const trail = make("nav", { class: "net-trail", "aria-label": "the way down" });
  const heading = make("div", { class: "net-heading" });
  const follow = button("follow the largest, down to a pixel", () => looks.descend());
  follow.classList.add("net-follow");
  const sum = make("pre", { class: "ctr-sum", role: "group", "aria-label": "the sum" });
  const one = make("div", { class: "net-product" });
  const body = make("div", { class: "net-body" });
  const said = make("div", { class: "ctr-spoken", role: "status" });
  const element = make("div", { class: "net-drill", role: "group", "aria-label": "what made this number" }, trail,
    make("div", { class: "net-top" }, heading, follow), sum, one, body, said);
  const walk = walkable(body, "[data-to]", { enter: (cell) => go(cell), leave: () => looks.leave() });
  let all = false, last = "", spoken = "", held = 0, dark = false;

  function go(cell) {
    const [layer, place] = cell.dataset.to.split(",").map(Number);
    looks.down(layer, place);
    if (!walk.first()) looks.leave();
  }
  /** A number that leads down to where it comes from. */
  function step(layer, place, text, { label, share = null, mark = false, tells = null, kind = "gridcell" } = {}) {
    const rgb = share === null ? null : tint(share, dark);
    const show = () => { if (tells) one.textContent = tells; mates(cell, true); };
    const hide = () => mates(cell, false);
    const cell = make("div",
      { role: kind, class: `net-cell net-step${mark ? " net-won" : ""}`, tabindex: -1, "data-to": `${layer},${place}`,
      "aria-label": label.includes(text) ? label : `${label}, shown as ${text}`,
      style: rgb && `background:rgb(${rgb});color:${inkFor(rgb)}`, click: () => go(cell),
      focus: show, blur: hide, pointerenter: show, pointerleave: hide }, text);
    return cell;
  }
  /** The same place in kernel and products. */
  function mates(cell, on) {
    if (!cell.dataset.mate) return;
    for (const other of body.querySelectorAll(`[data-mate="${cell.dataset.mate}"]`)) other.classList.toggle("net-mate",
      on);
  }
  function plain(value, share, mate) {
    const rgb = tint(share, dark);
    return make("div", { class: "net-cell", "data-mate": mate, style: `background:rgb(${rgb});color:${inkFor(rgb)}` },
      mini(value));
  }
  const table = (columns, role, label, cells) => {
    const rows = [];
    for (let i = 0; i < cells.length; i += columns) {
      rows.push(make("div", { role: role === "grid" ? "row" : null, class: "ctr-row" },
        ...cells.slice(i, i + columns)));
    }
    return make("div", { role, class: "net-table", "aria-label": label, style: `--across:${columns}` }, ...rows);
  };
  const more = (count, words) =>
    (count > 0 ? make("div", { class: "net-more" }, `${words} `,
    button("show all", () => { all = true; looks.again(); })) : null);

  function convolution(made, room, coarse) {
    const [from] = made.from, below = graph[from], { across } = made, least = Math.max(70, across * 24);
    const fits = Math.max(1, Math.min(made.parts.length, 8, Math.floor((room + 12) / (least + 16))));
    const { shown, rest } = heaviest(made.parts, all ? 64 : coarse && room < 560 ? 1 : fits);
    const side = Math.min(34, Math.floor(((room + 12) / fits - 16) / across));
    const flat = (name) => extreme(made.parts.flatMap((part) => part[name]));
    const scale = { patch: flat("patch"), kernel: flat("kernel"), products: flat("products") };
    const blocks = shown.map((part) => {
      const map = below.op === "input" ? placed(below, part.channel * below.shape[1] * below.shape[2]).split(",")[0]
        : `map ${part.channel}`;
      const patch = part.patch.map((value, i) => {
        const at = part.places[i], mate = `${part.channel}-${i}`;
        if (at < 0) return make("div", { class: "net-cell ctr-pad", role: "gridcell", "aria-label": "padding, 0" },
          "0");
        const tells = `${map}: ${short(value)} × ${short(part.kernel[i])} = ${short(part.products[i])}`;
        const made = step(from, at, mini(value),
          { label: `${placed(below, at)}: ${short(value, 5)}, times ${short(part.kernel[i], 5)}`,
          share: value / scale.patch, tells });
        made.dataset.mate = mate;
        return made;
      });
      const rest = (name) => part[name].map((value, i) => plain(value, value / scale[name], `${part.channel}-${i}`));
      return make("div", { class: "net-part" },
        make("div", { class: "net-part-name" }, below.op === "input" ? map : `${called(below)}, ${map}`),
        table(across, "grid", `what it reads of ${map}`, patch),
        make("div", { class: "net-sign", "aria-hidden": "true" }, "× kernel"),
          table(across, "img", `its kernel for ${map}`, rest("kernel")),
        make("div", { class: "net-sign", "aria-hidden": "true" }, "= products"),
          table(across, "img", `the products, ${map}`, rest("products")),
        make("div", { class: "net-total" }, make("span", {}, "sum "), make("b", {}, short(part.sum))));
    });
    const left = rest.reduce((total, part) => total + part.sum, 0);
    body.style.setProperty("--across", across);
    body.style.setProperty("--side", `${side}px`);
    return [make("div", { class: "net-parts" }, ...blocks),
      more(rest.length, `and ${rest.length} more map${rest.length > 1 ? "s" : ""}, together ${short(left)}`)];
  }
  /** Lines of products: of a dense layer, or of what comes back to a number, from `layer` of each. */
  function dense(made, room) {
    const back = made.kind === "back", most = Math.max(...made.parts.map((part) => Math.abs(part.product))) || 1;
    const source = (part) => (back ? part.layer : made.from[0]), node = (part) => graph[source(part)];
    const where = (part) => `${back ? `${called(node(part))}, ` : ""}${placed(node(part), part.place)}`;
    const shown = made.parts.slice(0, all ? 100 : room < 560 ? FEW : MOST), rest = made.parts.slice(shown.length);
    const lines = shown.map((part) => make("div", { role: "row", class: "net-line" },
      step(source(part), part.place, short(part.value),
        { label: `${where(part)}: ${short(part.value, 5)}, times ${short(part.weight, 5)} is ${short(part.product, 5)}`,
        tells: `${called(node(part))}, ${placed(node(part), part.place)}` }),
      make("span", { class: "net-where" }, where(part)),
        make("span", { class: "net-times" }, `× ${short(part.weight)} =`),
      make("span", { class: "net-bar" },
        make("i", { style: `width:${(50 * Math.abs(part.product)) / most}%;${part.product < 0 ? "right"
        : "left"}:50%;background:rgb(${tint(Math.sign(part.product), dark)})` })),
      make("b", {}, short(part.product))));
    const count = made.parts.length;
    if (!count) return [];
    return [make("div", { class: "ctr-hint" }, rest.length ? `The largest of ${count} products:`
      : count > 1 ? `${count} products:` : "1 product:"),
      make("div", { role: "grid", class: "net-lines", "aria-label": "the largest products" }, ...lines),
      more(rest.length, `and ${rest.length} more, together ${short(rest.reduce((total, part) => total + part.product,
        0))}`)];
  }
  function few(made) {
    const below = made.from.map((number) => graph[number]), values = [made.x].flat(), { place } = made;
    const number = (i) => step(made.from[i], place, short(values[i]), { kind: "button",
      label: `${called(below[i])}, ${placed(below[i], place)}: ${short(values[i], 5)}` });
    const text = (words) => make("span", {}, words);
    if (made.kind === "add") return [make("div", { class: "net-few" }, number(0), text("+"), number(1),
      text(`= ${short(made.value)}`))];
    if (made.kind === "norm") {
      return [make("div", { class: "net-few" }, text("("), number(0),
        text(`− ${short(made.mean)}) ÷ √(${short(made.variance)} + ${short(made.eps)}) · ${short(made.weight)} + ${
          short(made.bias)} = ${short(made.value)}`.replace(/\+ −/g, "− "))),
        make("div", { class: "ctr-hint" },
          "Mean and variance are those that training has kept of this map; the two numbers after them, γ and β, "
          + "were learned.")];
    }
    const open = { relu: "max(0, ", tanh: "tanh(", sigmoid: "sigmoid(", leaky: "leaky ReLU(" }[made.kind];
    return [make("div", { class: "net-few" }, text(open), number(0), text(`) = ${short(made.value)}`))];
  }
  function pooled(made) {
    const [from] = made.from, below = graph[from], most = extreme(made.values);
    const cells = made.places.map((at, i) => step(from, at, mini(made.values[i]),
      { label: `${placed(below, at)}: ${short(made.values[i], 5)}${made.mode === "max" && i === made.winner
      ? ", the largest" : ""}`,
      share: made.values[i] / most, mark: made.mode === "max" && i === made.winner,
        tells: `${placed(below, at)}: ${short(made.values[i])}` }));
    return [table(made.across, "grid", "the window", cells),
      make("div", { class: "ctr-hint" }, made.mode === "max" ? "The framed one is passed on; the others are dropped."
      : `Their sum is divided by ${made.divisor}.`)];
  }

  /** Show `made`, what `explained` or, for a gradient of `logit`, `cameBack` gives, of the last of `path`; `extra` says
      more of the number. */
  function update(path, made, { extra = "", room, coarse, isDark, steady = false, waiting = "", pixel = null,
    logit = "" }) {
    dark = isDark;
    const [number, place] = path[path.length - 1], node = graph[number], key = `${number},${place}`;
    if (key !== last) all = false;
    trail.replaceChildren(make("ol", {},
      ...path.map(([layer, at], i) => make("li", {},
      i === path.length - 1 ? make("b", { "aria-current": "true" }, called(graph[layer]))
      : button(`${called(graph[layer])}`, () => looks.up(i),
        `back up to ${called(graph[layer])}, ${placed(graph[layer], at)}`)))));
    trail.hidden = path.length < 2;
    follow.hidden = !made || made.kind === "input" || made.kind === "back";
    heading.replaceChildren(make("b", {}, `${called(node)}, ${placed(node, place)}`), made
      ? ` = ${short(made.value, 4)}` : "", extra ? make("span", { class: "net-extra" }, extra) : "");
    if (!made) {
      sum.hidden = one.hidden = true;
      body.replaceChildren(make("p", { class: "ctr-hint" }, waiting));
      return;
    }
    const hadFocus = body.contains(document.activeElement);
    sum.hidden = one.hidden = false;
    const back = made.kind === "back";
    sum.textContent = back ? toldBack(made, logit) : told(graph, made);
    const next = back ? "Click a number that reads this one, and go on toward the answer."
      : !["conv", "linear", "pool"].includes(node.op) ? "Click the number, and see what made it."
        : coarse ? "Tap a number, and see what made that one."
          : "Click a number that it reads, and see what made that one.";
    one.textContent = made.kind === "input" || (back && !made.parts.length) ? "" : next;
    const draw = { conv: () => convolution(made, room, coarse), linear: () => dense(made, room),
      back: () => dense(made, room), pool: () => pooled(made),
      input: () => [pixel] }[made.kind] || (() => few(made));
    element.setAttribute("aria-label", back ? "what comes back to this number" : "what made this number");
    body.className = `net-body net-of-${made.kind}`;
    body.replaceChildren(...draw().filter(Boolean));
    walk.settle();
    if (hadFocus && !walk.first()) looks.leave();
    const words = `${called(node)}, ${placed(node, place)}: ${short(made.value, 4)}. ${sum.textContent}. ${extra}`;
    if (words !== spoken && !steady) said.textContent = spoken = words;
    last = key;
    if (!steady) body.style.minHeight = "";
    const tall = body.offsetHeight;
    held = steady ? Math.max(held, tall) : tall;  // what stands below does not jump while one points around
    if (steady) body.style.minHeight = `${held}px`;
  }
  return { element, update, enter: () => walk.first() };
}
