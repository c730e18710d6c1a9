// The batch normalization explorer: one feature of a batch, before and after in both modes, and the running statistics.
import { button, controlled, drawingOf, frame, hint, make, menu, rangeProblem, short, slider } from "./common.js";
import { curve, half, plot, ticks } from "./chart.js";
import { player } from "./motion.js";

const EPS = 1e-5, MOMENTUM = 0.1;

/** The numbers of one batch: `batch_size` numbers of noise, stretched and shifted. */
export function batchOf({ noise, draws, batch_size: size, shift, scale }) {
  const at = (i) => (draws * size + (2 * draws + 1) * i) % noise.length;  // odd steps: none of them twice
  return Array.from({ length: size }, (_, i) => shift + scale * noise[at(i)]);
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
  return { running_mean: (1 - MOMENTUM) * mean + MOMENTUM * found.mean,
    running_var: (1 - MOMENTUM) * variance + MOMENTUM * found.unbiased };
}

/** How many of `values` fall into each of `count` equal bins from `low` to `high`; what lies outside is at an end. */
export function histogram(values, low, high, count) {
  const bins = Array.from({ length: count }, () => 0);
  for (const v of values) bins[Math.min(count - 1, Math.max(0, Math.floor((v - low) / (high - low) * count)))] += 1;
  return bins;
}

/** How far apart the means of both modes are: evaluation minus training. */
export function gapOf(values, now) {
  const mean = (training) => statistics(batchNorm(values, { ...now, training })).mean;
  return mean(false) - mean(true);
}

/** What is said where the challenge is met, or "". */
export function normMet(now) {
  const gap = gapOf(batchOf(now), now);
  return Math.abs(gap) < 0.05 ? `Closed: the gap is ${fixed(gap)}. Now open it again.` : "";
}

/** The state after the next batch. */
export function nextBatch(now) {
  const moved = { draws: now.draws + 1 };
  if (!now.training) return moved;
  const values = batchOf({ ...now, ...moved }), found = statistics(values), kept = updated(now, values);
  // a link holds the whole trail: seven digits are more than it shows
  const row = [found.mean, found.unbiased, kept.running_mean, kept.running_var].map((v) => Number(v.toPrecision(7)));
  return { ...moved, ...kept, trail: [...now.trail, row].slice(-now.limits.trail) };
}

export function normProblem({ batch_size: size, noise, limits, trail, ...rest }) {
  if (!Number.isInteger(size) || size < 2 || size > noise.length) {
    return `The batch must have from 2 to ${noise.length} images: one alone has no spread.`;
  }
  const { trail: most, ...ranges } = limits;
  const isRow = (row) => Array.isArray(row) && row.length === 4 && row.every(Number.isFinite);
  if (!Array.isArray(trail) || trail.length > most || !trail.every(isRow)) {
    return `The trail must have at most ${most} rows of four numbers.`;
  }
  return rangeProblem(rest, { ...ranges, running_mean: [-1000, 1000], running_var: [0, 1000] }, []);
}

const LOW = -8, HIGH = 8, BINS = 64, FEW = 16;  // up to FEW numbers are drawn as dots

/** A number with two decimals, and no negative zero. */
const fixed = (v) => (Math.abs(v) < 0.005 ? "0.00" : v.toFixed(2)).replace("-", "−");

const share = (v) => (Math.min(HIGH, Math.max(LOW, v)) - LOW) / (HIGH - LOW);
const line = (x1, y1, x2, y2, kind) => make("line", { x1, y1, x2, y2, class: kind });

/** The numbers of a batch above `floor`, as dots or as a histogram. */
function heap(values, x, floor, tall, kind) {
  const bins = histogram(values, LOW, HIGH, BINS), most = Math.max(...bins), step = x(1 / BINS) - x(0);
  if (values.length > FEW) {
    const bar = (n, i) => make("rect", { x: x(i / BINS), y: floor - tall * n / most, height: tall * n / most,
      width: Math.max(1, step - 1), class: `ctr-n-bar ctr-n-${kind}` });
    return bins.flatMap((n, i) => (n ? [bar(n, i)] : []));
  }
  const met = bins.map(() => 0);
  return values.map((v) => {
    const bin = Math.min(BINS - 1, Math.floor(share(v) * BINS)), near = met[bin] + (met[bin - 1] || 0);
    met[bin] += 1;
    return make("circle", { cx: x(share(v)), cy: floor - 8 - Math.min(10 * near, tall - 12), r: 6,
      class: `ctr-n-dot ctr-n-${kind}` });
  });
}

/** Mean, plus and minus one standard deviation, as a bracket. */
function bracket(x, y, mean, sd, kind) {
  const [from, at, to] = [mean - sd, mean, mean + sd].map((v) => x(share(v))), span = `ctr-n-span ctr-n-${kind}`;
  return [line(from, y, to, y, span), line(from, y - 4, from, y + 4, span), line(to, y - 4, to, y + 4, span),
    make("circle", { cx: at, cy: y, r: 4.5, class: `ctr-n-mean ctr-n-${kind}` })];
}

/** One batch on one axis: as it comes, and as either mode normalizes it; and how far apart the modes are. */
function rowsChart(wide, now, values) {
  const both = [true, false].map((training) => batchNorm(values, { ...now, training }));
  const [before, trained, evaluated] = [values, ...both].map((all) => {
    const { mean, variance } = statistics(all);
    return { all, mean, sd: Math.sqrt(variance) };
  });
  const left = 8, x = (part) => left + (wide - 2 * left) * part, tall = 46, row = 104, foot = 24, head = 20;
  const floors = [0, 1, 2].map((i) => head + tall + i * row), end = floors[2] + 22;
  const running = [now.running_mean, Math.sqrt(now.running_var)], gap = evaluated.mean - trained.mean;
  const at = [trained, evaluated].map(({ mean }) => x(share(mean)));
  const text = (px, y, what, anchor = "start", kind = "") =>
    make("text", { x: px, y, "text-anchor": anchor, class: `ctr-label ${kind}` }, what);
  const named = (i, name, { mean, sd }, chosen) => [
    text(left, floors[i] - tall - 6, `${name}${i && chosen ? " ✓" : ""}`, "start", chosen ? "ctr-line-0" : ""),
    text(wide - left, floors[i] - tall - 6, `μ ${fixed(mean)}  σ ${fixed(sd)}`, "end", chosen ? "ctr-line-0" : "")];
  const mode = (i, one, kind, chosen) => make("g", { class: chosen ? null : "ctr-n-other" },
    ...heap(one.all, x, floors[i], tall, kind), line(x(0), floors[i], x(1), floors[i], "ctr-axis"),
    ...bracket(x, floors[i] + 9, one.mean, one.sd, kind));
  const lead = (from, y, to, i, kind) =>
    line(x(share(from)), y, x(share(to)), floors[i] + 9, `ctr-n-lead ctr-n-${kind}`);
  const high = floors[1] + 28, shown = Math.abs(at[1] - at[0]), word = `gap ${fixed(Math.abs(gap))}`;
  const marks = [-8, -4, 0, 4, 8].flatMap((v) => [line(x(share(v)), head, x(share(v)), end, "ctr-rule"),
    text(x(share(v)), end + 16, short(v), v === LOW ? "start" : v === HIGH ? "end" : "middle")]);
  const numbers = ({ mean, sd }) => `mean ${fixed(mean)}, spread ${fixed(sd)}`;
  const said = `One feature of ${values.length} images, on one axis. Before: ${numbers(before)}. After, in training: `
    + `${numbers(trained)}; in evaluation: ${numbers(evaluated)}. The gap is ${fixed(gap)}.`;
  const svg = make("svg", { viewBox: `0 0 ${wide} ${end + foot}`, width: wide, height: end + foot, role: "img",
    "aria-label": said, class: "ctr-n-rows" }, ...marks,
    lead(before.mean, floors[0] + 9, trained.mean, 1, "train"), lead(running[0], floors[0] + 22, now.beta, 2, "eval"),
    ...heap(values, x, floors[0], tall, "before"), line(x(0), floors[0], x(1), floors[0], "ctr-axis"),
    ...bracket(x, floors[0] + 9, before.mean, before.sd, "train"), ...bracket(x, floors[0] + 22, ...running, "eval"),
    mode(1, trained, "train", now.training), mode(2, evaluated, "eval", !now.training),
    ...at.map((px, i) => line(px, floors[i + 1] + 9, px, high, "ctr-n-gap-end")),
    shown > 1 ? line(at[0], high, at[1], high, "ctr-n-gap") : null,
    shown > 70 ? text((at[0] + at[1]) / 2, high + 17, word, "middle", "ctr-n-gap-text")
      : text(Math.max(...at) + 8, high + 5, word, "start", "ctr-n-gap-text"),
    ...named(0, "before", before, true), ...named(1, "after, in training", trained, now.training),
    ...named(2, "after, in evaluation", evaluated, !now.training));
  return { svg, said };
}

/** The trail of one statistic over the batches: what each batch had, and the running one, which follows. */
function trailChart(wide, title, { trail, draws }, column, start, truth) {
  const own = trail.map((row) => row[column]), kept = trail.map((row) => row[column + 2]);
  if (trail.length) kept.unshift((kept[0] - MOMENTUM * own[0]) / (1 - MOMENTUM)); else kept.push(start);
  const all = [...own, ...kept, truth, ...(column ? [0] : [])], low = Math.min(...all), high = Math.max(...all);
  const edge = 0.08 * (high - low || 1), foot = column ? low : low - edge;
  const up = (v) => (v - foot) / (high + edge - foot), end = kept.length - 1;
  const last = Math.max(trail.length, 20), first = Math.max(0, draws - trail.length), across = (n) => x(n / last);
  const { x, y, draw } = plot({ wide, tall: 170, left: 40, right: 12, top: 24, foot: 36, inset: 4 });
  const count = [0, 0.5, 1].map((part) => [part, String(first + Math.round(part * last))]);
  const spoken = `${title}: now ${fixed(kept[kept.length - 1])}; of all images it is ${fixed(truth)}. `
    + `The last batches had ${own.slice(-5).map(fixed).join(", ") || "not been seen"}.`;
  return draw(spoken, { title, across: count, unit: "batches", floor: false,
    up: ticks(foot, high + edge, 4).map((v) => [up(v), short(v)]) },
    line(x(0), y(up(truth)), x(1), y(up(truth)), "ctr-n-truth"),
    ...own.map((v, i) => make("circle", { cx: across(i + 1), cy: y(up(v)), r: 3.2, class: "ctr-n-dot ctr-n-train" })),
    curve("n-running", kept.map((v, i) => [across(i), y(up(v))])),
    make("circle", { cx: across(end), cy: y(up(kept[end])), r: 5, class: "ctr-n-mean ctr-n-eval" }));
}

const NAMES = ["gamma", "beta", "shift", "scale", "batch_size", "training", "draws", "running_mean", "running_var",
  "trail", "noise", "limits"];
const SIZES = ["2", "4", "8", "16", "64", "256"];
const NEW = { running_mean: 0, running_var: 1, draws: 0 };
const LABELS = { shift: "input mean", scale: "input spread", gamma: "γ", beta: "β" };

export function render(context) {
  const { root, message, ...figure } = frame(context, "Batch normalization of one feature", NAMES, normProblem, draw,
    { met: normMet });
  const { limits } = figure.state(), still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const modes = ["training", "evaluation"].map((name) => 
    button(name, () => figure.change({ training: name === "training" })));
  const size = menu("batch size", SIZES, (name) => figure.change({ batch_size: Number(name) }));
  const sliders = Object.fromEntries(Object.entries(LABELS).map(([name, label]) =>
    [name, slider(label, ...limits[name], figure.set(name), 0.25)]));
  let waiting = 0, timer = null;
  const next = () => figure.change(nextBatch(figure.state()));
  const stop = () => { clearInterval(timer); timer = null; waiting = 0; };
  const film = player("batch", root, null, () => { next(); return 350; });
  /** Twenty batches, seen one after the other where motion is welcome. */
  function twenty() {
    film.stop();
    if (still) {
      let now = figure.state();
      for (let k = 0; k < 20; k++) now = { ...now, ...nextBatch(now) };
      const { draws, running_mean, running_var, trail } = now;
      return figure.change({ draws, running_mean, running_var, trail });
    }
    waiting += 20;
    timer = timer || setInterval(() => {
      if (!root.isConnected || waiting <= 0) return stop();
      waiting -= 1;
      return next();
    }, 60);
    return null;
  }
  const buttons = make("div", { class: "ctr-stepper ctr-n-batches", role: "group", "aria-label": "batches" },
    button("next batch", () => { film.stop(); stop(); next(); }), button("20 batches", twenty), film.element,
    button("forget", () => { film.stop(); stop(); figure.change({ ...NEW, trail: [] }); },
      "forget: set the running statistics back"));
  const rows = make("div", { class: "ctr-n-place" }), trails = make("div", { class: "ctr-boxes" });
  const told = make("div", { class: "ctr-spoken", role: "status" });
  const key = (kind, text) => make("span", {}, make("i", { class: `ctr-n-key ctr-n-${kind}` }), text);
  const dials = controlled(...Object.values(sliders));
  dials.classList.add("ctr-n-dials");
  const modesOf = make("div", { class: "ctr-c-views", role: "group", "aria-label": "mode" }, ...modes);
  root.append(make("div", { class: "ctr-c-bar" }, modesOf,
    size.element, buttons), dials, message,
  drawingOf(rows, trails, make("div", { class: "ctr-key" }, key("train", "this batch, by which training normalizes"),
    key("eval", "running, by which evaluation normalizes"), key("truth", "of all images"))),
  hint("Dots or bars are images; a bracket is their mean, plus and minus one standard deviation. In "
    + "training, each batch moves the running statistics a tenth of the way. What lies outside −8 to 8 is counted at "
    + "the ends."),
  told);

  function draw(now) {
    const wide = figure.wide(), { svg, said } = rowsChart(wide, now, batchOf(now)), each = half(wide);
    modes.forEach((one, i) => one.setAttribute("aria-pressed", String(now.training === !i)));
    size.update(String(now.batch_size));
    for (const name of Object.keys(LABELS)) sliders[name].update(now[name]);
    rows.replaceChildren(svg);
    trails.replaceChildren(trailChart(each, "running mean", now, 0, now.running_mean, now.shift),
      trailChart(each, "running variance", now, 1, now.running_var, now.scale ** 2));
    if (!film.playing() && !waiting) told.textContent = said;
  }
  return figure.start(() => { stop(); film.end(); });
}
