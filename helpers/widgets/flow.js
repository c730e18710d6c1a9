// The gradient's size at each layer of a network, plain and residual: measured in Python, selected and drawn here.
import { checkbox, choiceProblem, controlled, drawingOf, folded, frame, hint, make, menu, slider } from "./common.js";
import { counted, curve, logarithmic, plot, pointed, sample } from "./chart.js";
import { film } from "./motion.js";

const KINDS = ["plain", "residual"];
const CHOICES = { norm: ["none", "batch norm"], weights: ["default", "He"], kind: ["both", ...KINDS] };
/** What was measured for this setting: {plain: {norms, loss}, residual: {norms, loss}}; null is no finite number. */
export function chosen({ frames, weights, norm, depth }) {
  return frames[`${weights}, ${norm}, ${depth}`];
}

/** A number with three digits, in words where there is none. */
export function amount(value) {
  if (value === null || !Number.isFinite(value)) return "not finite";
  if (value === 0) return "0";
  const plain = value >= 1e-3 && value < 999.5 ? value.toPrecision(3) : value >= 999.5 && value < 1e5
    ? String(+value.toPrecision(3)) : "";
  return (plain || value.toExponential(2)).replace("e+", "e").replace("-", "−");
}

/** The first layer's norm over the last one's; null where that is no number. */
export function ratio(norms) {
  const first = norms[0], last = norms[norms.length - 1];
  return first !== null && last > 0 ? first / last : null;
}

/** What is said where the challenge is met, or "". */
export function flowMet(state) {
  const part = state.depth === 64 && state.kind !== "residual" ? ratio(chosen(state).plain.norms) : null;
  const near = part !== null && part >= 0.01 && part <= 100;
  return near ? `It arrives: ${amount(part)} times that of the last layer.` : "";
}

/** The layer whose place is nearest to `share`, from 0 (the first one) to 1 (the last one). */
export function nearest(share, count) {
  return 1 + Math.round(Math.min(1, Math.max(0, share)) * (count - 1));
}

/** The gradient of each layer as a share of the largest one of its network; 1 for what is no finite number. */
export function shares(norms) {
  const most = Math.max(...norms.filter((value) => Number.isFinite(value)), 0);
  return norms.map((value) => (!Number.isFinite(value) ? 1 : most > 0 ? value / most : 0));
}

export function flowProblem(state) {
  const wrong = choiceProblem(state, { depth: state.limits.depths, ...CHOICES }), found = chosen(state);
  const whole = found && KINDS.every((one) => found[one] && found[one].norms.length === state.depth);
  return wrong || (whole ? "" : "Nothing was measured for this setting.");
}

/** The mark of a kind at a place: a square for plain, a disc for residual; hollow where the axis has no such place. */
function mark(kind, x, y, size, hollow = false) {
  const style = `ctr-mark ctr-mark-${kind}${hollow ? " ctr-hollow" : ""}`;
  return kind === "plain"
    ? make("rect", { x: x - size * 0.9, y: y - size * 0.9, width: size * 1.8, height: size * 1.8, class: style })
    : make("circle", { cx: x, cy: y, r: size, class: style });
}

const EDGES = { left: 52, right: 12, top: 28, foot: 36, inset: 9 };  // rules reach beyond the curves

const ROW = 84, MIDDLE = 46, HIGH = 26, DISC = 15;  // of a network: its height, where it lies, bars and pulse

/** Networks along the x axis of the chart, layers being bars, and in each the pulse at the place `at`: its area, and
    how much of a bar is filled, are the layer's share of the largest gradient of that network. While it `plays`,
    what it has not reached yet is not told. */
function networks(wide, found, kinds, at, plays) {
  const count = found.plain.norms.length, layer = Math.round(at), { left, right } = EDGES;
  const x = (one) => left + (wide - left - right) * (one - 1) / (count - 1);
  const gap = x(2) - x(1), bar = Math.min(14, Math.max(2, 0.55 * gap));
  const rows = kinds.flatMap((kind, row) => {
    const { norms } = found[kind], parts = shares(norms), y = row * ROW + MIDDLE, color = `ctr-pulse-${kind}`;
    const text = (px, py, what, anchor = "start", style = "") => make("text",
      { x: px, y: py, "text-anchor": anchor, class: style }, what);
    const arcs = kind === "plain" ? [] : Array.from({ length: count / 2 }, (_, block) => {
      const from = x(2 * block + 1) - gap / 2, to = x(2 * block + 2) + gap / 2, high = y - HIGH / 2 - Math.min(14, Math.max(9, gap));
      return make("path", { class: `ctr-shortcut${2 * block + 2 >= at ? " ctr-reached" : ""}`,
        d: `M${from} ${y}C${from} ${high} ${to} ${high} ${to} ${y}` });
    });
    const bars = norms.flatMap((_, i) => {
      const reached = i + 1 >= at - 0.5, tall = reached ? HIGH * parts[i] : 0;
      return [make("rect", { x: x(i + 1) - bar / 2, y: y - HIGH / 2, width: bar, height: HIGH, class: "ctr-layer" }),
        make("rect", { x: x(i + 1) - bar / 2, y: y + HIGH / 2 - tall, width: bar, height: tall, class: color })];
    });
    const size = DISC * Math.sqrt(parts[layer - 1]), between = layer > 1 && layer < count;
    const place = Math.min(wide - 84, Math.max(100, x(at)));
    return [text(4, y - 34, kind, "start", "ctr-line-0"), text(wide - 4, y - 34, "← loss", "end", "ctr-quiet-text"),
      make("line", { x1: 4, x2: x(count) + 10, y1: y, y2: y, class: "ctr-rule" }), ...arcs, ...bars,
      make("circle", { cx: x(at), cy: y, r: DISC + 2, class: "ctr-pulse-place" }),
      make("circle", { cx: x(at), cy: y, r: size, class: `ctr-pulse ${color}` }),
      between ? text(place, y - 34, amount(norms[layer - 1]), "middle", "ctr-pulse-text") : null,
      text(4, y + 32, `layer 1: ${plays && layer > 1 ? "…" : amount(norms[0])}`, "start", "ctr-end"),
      text(wide - 4, y + 32, `layer ${count}: ${amount(norms[count - 1])}`, "end", "ctr-end")].filter(Boolean);
  });
  const said = `The gradient comes from the loss, on the right, back to layer ${layer} of ${count}; `
    + "the numbers are in the lines below";
  return make("svg", { class: "ctr-networks", width: wide, height: ROW * kinds.length,
    viewBox: `0 0 ${wide} ${ROW * kinds.length}`, role: "img", "aria-label": said }, ...rows);
}

/** The norms by layer, and a line at the layer that is read out; those before the layer `from` are not drawn yet. */
function chart(wide, found, kinds, layer, from) {
  const count = found.plain.norms.length, share = (one) => (one - 1) / (count - 1);
  const { x, y, draw } = plot({ ...EDGES, wide, tall: 270 }), every = Math.ceil(9 / (x(share(2)) - x(0)));
  // of both kinds, so that hiding one moves nothing; of 4 decades: a factor of 2 shall not look like a cliff
  const { marks, place } = logarithmic(KINDS.flatMap((kind) => found[kind].norms), 4, true);
  const parts = kinds.flatMap((kind) => {
    const { norms } = found[kind], points = norms.map((value, i) => [x(share(i + 1)), y(place(value))]);
    const shown = norms.map((_, i) => i).filter((i) => i + 1 >= from
      && (i % every === 0 || i === count - 1 || i === layer - 1));
    return [curve(kind, points.slice(from - 1)),
      ...shown.map((i) => mark(kind, ...points[i], i === layer - 1 ? 5.5 : 3.2, !(norms[i] > 0)))];
  });
  const spoken = `Size of the gradient at each of ${count} layers, ${kinds.join(" and ")}, on a logarithmic axis; `
    + "the numbers are in the lines below";
  return draw(spoken, { title: "size of the gradient (L2 norm)", unit: "layer", cursor: share(layer),
    up: marks.map(([value, text]) => [place(value), text]),
    across: counted(count, 8).map((one) => [share(one), one]) }, ...parts);
}

const NAMES = ["depth", "norm", "weights", "kind", "frames", "limits"];

export function render(context) {
  const { root, message, ...figure } = frame(context, "Gradient at each layer of a network", NAMES, flowProblem, draw,
    { met: flowMet });
  const { depths } = figure.state().limits;
  let looked = 1;  // the layer that is read out, or where the pulse is between two
  const player = film(root, { advance(passed) {
    const count = figure.state().depth;
    looked = Math.max(1, looked - (count - 1) * passed / (1500 + 60 * count));
    figure.redraw();
    return looked > 1;
  }, begun() {
    if (looked <= 1) looked = figure.state().depth;
  }, stopped() {
    looked = Math.round(looked);
    figure.redraw();
  } });
  const look = (layer) => { player.stop(); looked = layer; figure.redraw(); };
  const norm = checkbox("batch norm", (on) => figure.change({ norm: CHOICES.norm[Number(on)] }));
  const menus = Object.entries({ weights: "weights", kind: "show" }).map(([name, label]) =>
    [name, menu(label, CHOICES[name], figure.set(name))]);
  const depth = slider("depth", 0, depths.length - 1, (index) => figure.change({ depth: depths[index] }));
  const layers = slider("layer", 1, 2, look);
  layers.element.classList.add("ctr-wide");
  const picture = pointed(EDGES, (share) => {
    const layer = nearest(share, figure.state().depth);
    if (layer !== looked && !player.playing()) look(layer);
  });
  const key = make("div", { class: "ctr-key" }, ...KINDS.map((kind) => make("span", { "data-kind": kind },
    sample(kind, mark(kind, 17, 7, 3.6)), ` ${kind}`)));
  const [now, whole] = [0, 1].map(() => make("div", { class: "ctr-formula", role: "status" }));
  const clipped = hint("");
  const parts = [controlled(depth, norm, ...menus.map(([, one]) => one)), message,
    player.play && make("div", { class: "ctr-stepper" }, player.play), drawingOf(picture, key), controlled(layers),
    now, whole, clipped,
    hint("The gradient starts at the loss, on the right. The area of the disc, and what is filled of each bar, is its "
      + "size at that layer, as a share of the largest one in that network. Point at a layer, or move the slider "
      + "“layer”, to read the numbers."),
    folded("what was measured", hint("Each mark in the chart is the L2 norm of the gradient of the loss with respect "
      + "to the weight of one 3 × 3 convolution, before any step of training. Layer 1 is next to the image. The first "
      + "weights are PyTorch’s default ones or He’s, which are larger."))];
  root.append(...parts.filter(Boolean));

  function draw(state) {
    const shown = KINDS.filter((kind) => state.kind === "both" || state.kind === kind);
    const found = chosen(state), count = state.depth;
    looked = Math.min(looked, count);
    const layer = Math.round(looked), plays = player.playing();
    now.setAttribute("aria-live", plays ? "off" : "polite");
    depth.update(depths.indexOf(count), { text: String(count), spoken: `${count} layers` });
    norm.update(state.norm === "batch norm");
    for (const [name, one] of menus) one.update(state[name]);
    layers.update(layer, { max: count, spoken: `layer ${layer} of ${count}` });
    for (const one of key.children) one.hidden = !shown.includes(one.dataset.kind);
    picture.replaceChildren(networks(figure.wide(), found, shown, looked, plays),
      chart(figure.wide(), found, shown, layer, plays ? layer : 1));
    const each = (value) => shown.map((kind) => `${kind} ${amount(value(found[kind]))}`).join(", ");
    now.textContent = `Layer ${layer} of ${count}: ${each(({ norms }) => norms[layer - 1])}.`;
    whole.textContent = `First layer divided by last layer: ${each(({ norms }) => ratio(norms))}. `
      + `Loss: ${each(({ loss }) => loss)}; guessing would give 2.30.`;
    const all = shown.flatMap((kind) => found[kind].norms);
    const zeros = all.includes(0), lost = all.some((value) => !Number.isFinite(value));
    clipped.textContent = [zeros ? "Hollow marks at the foot are exact zeros, which have no place on a logarithmic "
      + "axis: no gradient gets there." : "",
      lost ? "Hollow marks at the top are no finite numbers." : ""].join(" ").trim();
    clipped.hidden = !zeros && !lost;
  }
  return figure.start(player.end);
}
