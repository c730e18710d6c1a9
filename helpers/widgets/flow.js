// The gradient's size at each layer of a network, plain and residual: measured in Python, selected and drawn here.
import { checkbox, choiceProblem, controlled, frame, hint, make, menu, slider } from "./common.js";
import { counted, curve, logarithmic, plot, pointed, sample } from "./chart.js";

const KINDS = ["plain", "residual"];
const CHOICES = { norm: ["none", "batch norm"], weights: ["default", "He"], kind: ["both", ...KINDS] };
/** What was measured for this setting: {plain: {norms, loss}, residual: {norms, loss}}; null stands for no finite number. */
export function chosen({ frames, weights, norm, depth }) {
  return frames[`${weights}, ${norm}, ${depth}`];
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

/** The layer whose place is nearest to `share`, from 0 (the first one) to 1 (the last one). */
export function nearest(share, count) {
  return 1 + Math.round(Math.min(1, Math.max(0, share)) * (count - 1));
}

export function flowProblem(state) {
  const wrong = choiceProblem(state, { depth: state.limits.depths, ...CHOICES }), found = chosen(state);
  const whole = found && KINDS.every((one) => found[one] && found[one].norms.length === state.depth);
  return wrong || (whole ? "" : "Nothing was measured for this setting.");
}

/** The mark of a kind at a place: a square for plain, a disc for residual; hollow where the value has no place on the axis. */
function mark(kind, x, y, size, hollow = false) {
  const style = `ctr-mark ctr-mark-${kind}${hollow ? " ctr-hollow" : ""}`;
  return kind === "plain" ? make("rect", { x: x - size * 0.9, y: y - size * 0.9, width: size * 1.8, height: size * 1.8, class: style })
    : make("circle", { cx: x, cy: y, r: size, class: style });
}

const EDGES = { left: 52, right: 12, top: 28, foot: 36, inset: 9 };  // rules reach beyond the curves

/** The norms by layer, and a line at the layer that is read out. */
function chart(wide, found, kinds, layer) {
  const count = found.plain.norms.length, share = (one) => (one - 1) / (count - 1);
  const { x, y, draw } = plot({ ...EDGES, wide, tall: 270 }), every = Math.ceil(9 / (x(share(2)) - x(0)));
  // of both kinds, so that hiding one moves nothing; of 4 decades: a factor of 2 shall not look like a cliff
  const { marks, place } = logarithmic(KINDS.flatMap((kind) => found[kind].norms), 4, true);
  const parts = kinds.flatMap((kind) => {
    const { norms } = found[kind], points = norms.map((value, i) => [x(share(i + 1)), y(place(value))]);
    const shown = norms.map((_, i) => i).filter((i) => i % every === 0 || i === count - 1 || i === layer - 1);
    return [curve(kind, points),
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
  const { root, message, ...figure } = frame(context, "Gradient at each layer of a network", NAMES, flowProblem, draw);
  const { depths } = figure.state().limits;
  let looked = 1;  // the layer that is read out
  const look = (layer) => { looked = layer; figure.redraw(); };
  const norm = checkbox("batch norm", (on) => figure.change({ norm: CHOICES.norm[Number(on)] }));
  const menus = Object.entries({ weights: "weights", kind: "show" }).map(([name, label]) =>
    [name, menu(label, CHOICES[name], figure.set(name))]);
  const depth = slider("depth", 0, depths.length - 1, (index) => figure.change({ depth: depths[index] }));
  const layers = slider("layer", 1, 2, look);
  layers.element.classList.add("ctr-wide");
  const picture = pointed(EDGES, (share) => {
    const layer = nearest(share, figure.state().depth);
    if (layer !== looked) look(layer);
  });
  const key = make("div", { class: "ctr-key" }, ...KINDS.map((kind) => make("span", { "data-kind": kind },
    sample(kind, mark(kind, 17, 7, 3.6)), ` ${kind}`)));
  const now = make("div", { class: "ctr-formula", role: "status" }), whole = make("div", { class: "ctr-formula", role: "status" });
  const clipped = hint("");
  root.append(controlled(depth, norm, ...menus.map(([, one]) => one)), message, key, picture, controlled(layers), now, whole, clipped,
    hint("Each mark is the L2 norm of the gradient of the loss with respect to the weight of one 3 × 3 convolution, before any step of "
      + "training. Layer 1 is next to the image. The first weights are PyTorch’s default ones or He’s, which are larger. Point at the chart, or move the slider “layer”, to read the numbers."));

  function draw(state) {
    const found = chosen(state), shown = KINDS.filter((kind) => state.kind === "both" || state.kind === kind), count = state.depth;
    looked = Math.min(looked, count);
    depth.update(depths.indexOf(count), { text: String(count), spoken: `${count} layers` });
    norm.update(state.norm === "batch norm");
    for (const [name, one] of menus) one.update(state[name]);
    layers.update(looked, { max: count, spoken: `layer ${looked} of ${count}` });
    for (const one of key.children) one.hidden = !shown.includes(one.dataset.kind);
    picture.replaceChildren(chart(figure.wide(), found, shown, looked));
    const each = (value) => shown.map((kind) => `${kind} ${amount(value(found[kind]))}`).join(", ");
    now.textContent = `Layer ${looked} of ${count}: ${each(({ norms }) => norms[looked - 1])}.`;
    whole.textContent = `First layer divided by last layer: ${each(({ norms }) => ratio(norms))}. Loss: ${each(({ loss }) => loss)}; guessing would give 2.30.`;
    const all = shown.flatMap((kind) => found[kind].norms), zeros = all.includes(0), lost = all.some((value) => !Number.isFinite(value));
    clipped.textContent = [zeros ? "Hollow marks at the foot are exact zeros, which have no place on a logarithmic axis: no gradient gets there." : "",
      lost ? "Hollow marks at the top are no finite numbers." : ""].join(" ").trim();
    clipped.hidden = !zeros && !lost;
  }
  return figure.start();
}
