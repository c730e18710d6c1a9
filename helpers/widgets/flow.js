// The gradient's size at each layer of a network, plain and residual: measured in Python, selected and drawn here.
import { checkbox, frame, hint, make, menu, slider } from "./common.js";

const KINDS = ["plain", "residual"];
const CHOICES = { norm: ["none", "batch norm"], weights: ["default", "He"], kind: ["both", ...KINDS] };
const LEAST = 4;  // decades: a factor of 2 shall not look like a cliff

/** What was measured for this setting: {plain: {norms, loss}, residual: {norms, loss}}; null stands for no finite number. */
export function chosen({ frames, weights, norm, depth }) {
  return frames[`${weights}, ${norm}, ${depth}`];
}

/** A logarithmic axis for `values`: from 10 ** low to 10 ** high, and the exponents that are marked, at most seven. */
export function axis(values) {
  const found = values.filter((v) => v > 0 && Number.isFinite(v)).map(Math.log10);
  let low = found.length ? Math.floor(Math.min(...found)) : -LEAST, high = found.length ? Math.ceil(Math.max(...found)) : 0;
  while (high - low < LEAST) if ((high - low) % 2) low -= 1; else high += 1;
  const step = [1, 2, 5, 10, 20, 50, 100, 200].find((one) => (high - low) / one <= 6), marks = [];
  for (let mark = Math.ceil(low / step) * step; mark <= high; mark += step) marks.push(mark);
  return { low, high, marks };
}

/** How high `value` stands on the axis, from 0 to 1: zero at the foot, and what is no finite number at the top. */
export function place(value, { low, high }) {
  if (!Number.isFinite(value)) return 1;
  return value > 0 ? Math.min(1, Math.max(0, (Math.log10(value) - low) / (high - low))) : 0;
}

/** 10 to the power of `exponent`, as it is written. */
export function power(exponent) {
  return `10${String(exponent).replace(/./g, (one) => (one === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[one]))}`;
}

/** A number with three digits, in words where there is none. */
export function amount(value) {
  if (value === null || !Number.isFinite(value)) return "not finite";
  if (value === 0) return "0";
  const plain = value >= 1e-3 && value < 999.5 ? value.toPrecision(3) : value >= 999.5 && value < 1e5 ? String(+value.toPrecision(3)) : "";
  return (plain || value.toExponential(2)).replace("e+", "e").replace("-", "−");
}

/** The first layer's norm over the last one's; null where that is no number. */
export function ratio(norms) {
  const first = norms[0], last = norms[norms.length - 1];
  return first !== null && last > 0 ? first / last : null;
}

/** The layers that an axis of `count` layers names: steps of 1, 2, 5, 10 … and the first one. */
export function layerMarks(count) {
  const step = [1, 2, 5, 10, 20].find((one) => count / one <= 8) || 50, marks = step > 1 ? [1] : [];
  for (let layer = step; layer <= count; layer += step) marks.push(layer);
  return marks;
}

/** The layer whose place is nearest to `share`, from 0 (the first one) to 1 (the last one). */
export function nearest(share, count) {
  return 1 + Math.round(Math.min(1, Math.max(0, share)) * (count - 1));
}

export function flowProblem({ depth, norm, weights, kind, frames, limits }) {
  if (!limits.depths.includes(depth)) return `The depth must be one of ${limits.depths.join(", ")}.`;
  for (const [name, value] of Object.entries({ norm, weights, kind })) {
    if (!CHOICES[name].includes(value)) return `The ${name} must be one of ${CHOICES[name].join(", ")}.`;
  }
  const found = chosen({ frames, weights, norm, depth });
  return found && KINDS.every((one) => found[one] && found[one].norms.length === depth) ? "" : "Nothing was measured for this setting.";
}

/** The mark of a kind at a place: a square for plain, a disc for residual; hollow where the value has no place on the axis. */
function mark(kind, x, y, size, hollow = false) {
  const style = `ctr-mark ctr-mark-${kind}${hollow ? " ctr-hollow" : ""}`;
  return kind === "plain" ? make("rect", { x: x - size * 0.9, y: y - size * 0.9, width: size * 1.8, height: size * 1.8, class: style })
    : make("circle", { cx: x, cy: y, r: size, class: style });
}

const LEFT = 52, RIGHT = 12, INSET = 9;  // the edges of the chart, and how far its rules reach beyond the curves

/** The chart as SVG: the norms by layer, and a line at the layer that is read out. */
function chart(wide, found, kinds, layer) {
  const tall = 270, top = 28, bottom = 36, count = found.plain.norms.length;
  const lines = axis(KINDS.flatMap((kind) => found[kind].norms));  // of both, so that hiding one moves nothing
  const x = (one) => LEFT + (wide - LEFT - RIGHT) * (one - 1) / (count - 1);
  const y = (value) => tall - bottom - (tall - top - bottom) * place(value, lines);
  const parts = [make("text", { x: 4, y: 14, class: "ctr-line-0" }, "size of the gradient (L2 norm)")];
  for (const one of lines.marks) {
    parts.push(make("line", { x1: LEFT - INSET, x2: wide - RIGHT + INSET, y1: y(10 ** one), y2: y(10 ** one), class: "ctr-rule" }),
      make("text", { x: LEFT - INSET - 4, y: y(10 ** one) + 4, "text-anchor": "end" }, power(one)));
  }
  for (const one of layerMarks(count)) parts.push(make("text", { x: x(one), y: tall - 19, "text-anchor": "middle" }, String(one)));
  parts.push(make("text", { x: (LEFT + wide - RIGHT) / 2, y: tall - 4, "text-anchor": "middle" }, "layer"),
    make("line", { x1: LEFT - INSET, x2: wide - RIGHT + INSET, y1: tall - bottom, y2: tall - bottom, class: "ctr-axis" }),
    make("line", { x1: x(layer), x2: x(layer), y1: top, y2: tall - bottom, class: "ctr-cursor" }));
  const gap = (wide - LEFT - RIGHT) / (count - 1), every = Math.ceil(9 / gap);
  for (const kind of kinds) {
    const { norms } = found[kind], points = norms.map((value, i) => [x(i + 1), y(value)]);
    parts.push(make("path", { class: `ctr-curve ctr-${kind}`, d: points.map(([a, b], i) => `${i ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("") }));
    norms.forEach((value, i) => {
      if (i % every === 0 || i === count - 1 || i === layer - 1) parts.push(mark(kind, ...points[i], i === layer - 1 ? 5.5 : 3.2, !(value > 0)));
    });
  }
  return make("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: "img",
    "aria-label": `Size of the gradient at each of ${count} layers, ${kinds.join(" and ")}, on a logarithmic axis; the numbers are in the lines below` }, ...parts);
}

const NAMES = ["depth", "norm", "weights", "kind", "frames", "limits"];

export function render(context) {
  const { root, message, ...figure } = frame(context, "Gradient at each layer of a network", NAMES, flowProblem, draw);
  const { depths } = figure.state().limits;
  let looked = 1;  // the layer that is read out
  const look = (layer) => { looked = layer; figure.redraw(); };
  const norm = checkbox("batch norm", (on) => figure.change({ norm: CHOICES.norm[Number(on)] }));
  const menus = Object.entries({ weights: "weights", kind: "show" }).map(([name, label]) =>
    [name, menu(label, CHOICES[name], (word) => figure.change({ [name]: word }))]);
  const depth = slider("depth", 0, depths.length - 1, (index) => figure.change({ depth: depths[index] }));
  const layers = slider("layer", 1, 2, look);
  layers.element.classList.add("ctr-wide");
  const picture = make("div", { class: "ctr-flow", pointerdown: follow, pointermove: follow });
  const key = make("div", { class: "ctr-key" }, ...KINDS.map((kind) => make("span", { "data-kind": kind },
    make("svg", { width: 34, height: 14, viewBox: "0 0 34 14", "aria-hidden": "true" },
      make("path", { d: "M0 7L34 7", class: `ctr-curve ctr-${kind}` }), mark(kind, 17, 7, 3.6)), ` ${kind}`)));
  const now = make("div", { class: "ctr-formula", role: "status" }), whole = make("div", { class: "ctr-formula", role: "status" });
  const clipped = hint("");
  root.append(make("div", { class: "ctr-controls" }, depth.element, norm.element, ...menus.map(([, one]) => one.element)), message, key, picture,
    make("div", { class: "ctr-controls" }, layers.element), now, whole, clipped,
    hint("Each mark is the L2 norm of the gradient of the loss with respect to the weight of one 3 × 3 convolution, before any step of "
      + "training. Layer 1 is next to the image. The first weights are PyTorch’s default ones or He’s, which are larger. Point at the chart, or move the slider “layer”, to read the numbers."));

  /** Read out the layer that a finger, or the mouse, is nearest to. */
  function follow(event) {
    if (event.type === "pointerdown") picture.setPointerCapture(event.pointerId);
    else if (event.pointerType !== "mouse" && !event.buttons) return;
    const box = picture.getBoundingClientRect(), layer = nearest((event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT), figure.state().depth);
    if (layer !== looked) look(layer);
  }

  function draw(state) {
    if (flowProblem(state)) return;
    const found = chosen(state), shown = KINDS.filter((kind) => state.kind === "both" || state.kind === kind), count = state.depth;
    const range = layers.element.querySelector("input"), index = depth.element.querySelector("input");
    looked = Math.min(looked, count);
    depth.update(depths.indexOf(count));
    depth.element.querySelector("output").textContent = String(count);
    index.setAttribute("aria-valuetext", `${count} layers`);
    norm.update(state.norm === "batch norm");
    for (const [name, one] of menus) one.update(state[name]);
    range.max = count;
    layers.update(looked);
    range.setAttribute("aria-valuetext", `layer ${looked} of ${count}`);
    for (const one of key.children) one.hidden = !shown.includes(one.dataset.kind);
    picture.replaceChildren(chart(root.clientWidth || 340, found, shown, looked));
    const each = (value) => shown.map((kind) => `${kind} ${amount(value(found[kind]))}`).join(", ");
    now.textContent = `Layer ${looked} of ${count}: ${each(({ norms }) => norms[looked - 1])}.`;
    whole.textContent = `First layer divided by last layer: ${each(({ norms }) => ratio(norms))}. Loss: ${each(({ loss }) => loss)}; guessing would give 2.30.`;
    const all = shown.flatMap((kind) => found[kind].norms), zeros = all.includes(0), lost = all.some((value) => !Number.isFinite(value));
    clipped.textContent = [zeros ? "Hollow marks at the foot are exact zeros, which have no place on a logarithmic axis: no gradient gets there." : "",
      lost ? "Hollow marks at the top are no finite numbers." : ""].join(" ").trim();
    clipped.hidden = !zeros && !lost;
  }
  draw(figure.state());
  return figure.dispose;
}

export default { render };
