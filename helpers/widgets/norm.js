// The batch normalization explorer: one feature of a batch, before and after, with batch and running statistics.
import { button, controlled, frame, hint, make, menu, rangeProblem, short, slider } from "./common.js";
import { half, plot } from "./chart.js";

const EPS = 1e-5, MOMENTUM = 0.1;

/** The numbers of one batch: `batch_size` numbers of noise, stretched and shifted. */
export function batchOf({ noise, draws, batch_size: size, shift, scale }) {
  return Array.from({ length: size }, (_, i) => shift + scale * noise[(draws * size + i) % noise.length]);
}

/** Mean and variance of `values`, the variance divided by n (as the batch is normalized) or n − 1 (as it is kept). */
export function statistics(values) {
  const n = values.length, mean = values.reduce((a, b) => a + b, 0) / n;
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return { mean, variance: squares / n, unbiased: squares / (n - 1) };
}

/** Batch normalization of `values`, as torch.nn.functional.batch_norm computes it. */
export function batchNorm(values, { gamma, beta, training, running_mean: mean, running_var: variance }) {
  const used = training ? statistics(values) : { mean, variance };
  return values.map((v) => gamma * (v - used.mean) / Math.sqrt(used.variance + EPS) + beta);
}

/** The running statistics after a batch, with PyTorch's momentum of 0.1 for the new one. */
export function updated({ running_mean: mean, running_var: variance }, values) {
  const found = statistics(values);
  return { running_mean: (1 - MOMENTUM) * mean + MOMENTUM * found.mean, running_var: (1 - MOMENTUM) * variance + MOMENTUM * found.unbiased };
}

/** How many of `values` fall into each of `count` equal bins from `low` to `high`; what lies outside counts at the end. */
export function histogram(values, low, high, count) {
  const bins = Array.from({ length: count }, () => 0);
  for (const v of values) bins[Math.min(count - 1, Math.max(0, Math.floor((v - low) / (high - low) * count)))] += 1;
  return bins;
}

export function normProblem({ batch_size: size, noise, limits, ...rest }) {
  if (!Number.isInteger(size) || size < 2 || size > noise.length) return `The batch must have from 2 to ${noise.length} images: one alone has no spread.`;
  return rangeProblem(rest, limits, []);
}

const LOW = -8, HIGH = 8, BINS = 64;

/** A number with two decimals, and no negative zero. */
const fixed = (v) => (Math.abs(v) < 0.005 ? "0.00" : v.toFixed(2)).replace("-", "−");

/** A histogram, with its mean and standard deviation as a mark. */
function chart(wide, title, values, kind) {
  const bins = histogram(values, LOW, HIGH, BINS), most = Math.max(...bins), { mean, variance } = statistics(values);
  const { x, y, draw } = plot({ wide, tall: 150, left: 6, right: 6, top: 22, foot: 22 }), sd = Math.sqrt(variance);
  const share = (v) => (Math.min(HIGH, Math.max(LOW, v)) - LOW) / (HIGH - LOW), width = Math.max(1, x(1 / BINS) - x(0) - 1);
  const span = (from, to, up, down) =>
    make("line", { x1: x(share(from)), x2: x(share(to)), y1: y(1) - up, y2: y(1) + down, class: "ctr-span" });
  return draw(`${title}: ${values.length} numbers, mean ${fixed(mean)}, standard deviation ${fixed(sd)}`,
    { title, across: [-8, -4, 0, 4, 8].map((v) => [share(v), short(v)]) },
    ...bins.map((n, i) => make("rect", { x: x(i / BINS), y: y(n / most), width, height: y(0) - y(n / most),
      class: `ctr-bar-${kind}` })), span(mean - sd, mean + sd, 2, -2), span(mean, mean, 7, 3));
}

const NAMES = ["gamma", "beta", "shift", "scale", "batch_size", "training", "draws", "running_mean", "running_var", "noise", "limits"];

export function render(context) {
  const { root, message, ...figure } = frame(context, "Batch normalization of one feature", NAMES, normProblem, draw);
  const { limits } = figure.state();
  const sizes = ["2", "4", "8", "16", "64", "256"];
  const mode = menu("mode", ["training", "evaluation"], (name) => figure.change({ training: name === "training" }));
  const size = menu("batch size", sizes, (name) => figure.change({ batch_size: Number(name), draws: 0 }));
  const names = { shift: "input mean", scale: "input spread", gamma: "γ", beta: "β" };
  const sliders = Object.fromEntries(Object.entries(names).map(([name, label]) =>
    [name, slider(label, ...limits[name], figure.set(name), 0.25)]));
  const next = (count) => () => {
    let now = figure.state();
    for (let k = 0; k < count; k++) {
      const moved = { ...now, draws: now.draws + 1 };
      now = now.training ? { ...moved, ...updated(now, batchOf(moved)) } : moved;
    }
    figure.change({ draws: now.draws, running_mean: now.running_mean, running_var: now.running_var });
  };
  const buttons = make("div", { class: "ctr-stepper", role: "group", "aria-label": "batches" }, button("next batch", next(1)),
    button("20 batches", next(20)), button("forget", () => figure.change({ running_mean: 0, running_var: 1, draws: 0 }), "forget: set the running statistics back"));
  const charts = make("div", { class: "ctr-boxes" }), numbers = make("pre", { class: "ctr-sum", role: "status" });
  root.append(controlled(mode, size, ...Object.values(sliders)), message, buttons, charts, numbers, hint("The bar above each histogram is its mean, plus and minus one standard deviation. In training, each "
      + "batch moves the running statistics a tenth of the way. What lies outside −8 to 8 is counted in the outermost bars."));

  function draw(now) {
    const values = batchOf(now), after = batchNorm(values, now), before = statistics(values), found = statistics(after);
    mode.update(now.training ? "training" : "evaluation");
    size.update(String(now.batch_size));
    for (const name of Object.keys(names)) sliders[name].update(now[name]);
    const each = half(figure.wide());
    charts.replaceChildren(chart(each, "before", values, "before"), chart(each, "after", after, "after"));
    const line = (name, mean, sd) => `${name.padEnd(9)} μ ${fixed(mean).padStart(7)}   σ ${fixed(sd).padStart(7)}`;
    numbers.textContent = [line("batch", before.mean, Math.sqrt(before.variance)) + (now.training ? "   ← used" : ""),
      line("running", now.running_mean, Math.sqrt(now.running_var)) + (now.training ? "" : "   ← used"),
      line("after", found.mean, Math.sqrt(found.variance))].join("\n");
  }
  return figure.start();
}
