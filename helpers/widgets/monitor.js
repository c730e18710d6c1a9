// The training monitor: curves that grow while `fit` runs, and a picture to read afterwards.
import { checkbox, controlled, drawingOf, frame, hint, make, short, slider } from "./common.js";
import { curve, half, plot, ticks } from "./chart.js";
import { film } from "./motion.js";

/** The running mean of `values`: each counts `weight` times as much as the one after it, as in Adam corrected at the
    start. */
export function smoothed(values, weight) {
  let sum = 0, total = 0;
  return values.map((value) => {
    sum = weight * sum + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return sum / total;
  });
}

/** Where the points of batches lie on an axis of epochs: the middle of the batches that each stands for. */
export function batchPlaces(count, every, batchesPerEpoch) {
  return Array.from({ length: count }, (_, i) => (i + 0.5) * every / batchesPerEpoch);
}

const SCORES = { val_accuracy: "validation accuracy", train_accuracy: "training accuracy", val_loss: "validation loss",
  train_loss: "training loss" };

/** What runs are compared by after `epoch` epochs, and each one's name, epoch and value, the best one first. */
export function standings({ runs, run_name: own, epochs }, epoch) {
  const rows = [...runs, { name: own || "this run", epochs }].filter((run) => run.epochs.length).map((run) => {
    const at = Math.min(epoch, run.epochs.length);
    return [run.name, at, run.epochs[at - 1]];
  });
  const has = (one) => rows.every(([, , row]) => row[one] !== null && row[one] !== undefined);
  const score = Object.keys(SCORES).find(has) || "train_loss", sign = score.endsWith("loss") ? 1 : -1;
  const order = (value) => (value === null || value === undefined ? Infinity : sign * value);
  const found = rows.map(([name, at, row]) => [name, at, row[score] ?? null]);
  return [score, found.sort((a, b) => (order(a[2]) < order(b[2]) ? -1 : Number(order(a[2]) > order(b[2]))))];
}

export function monitorProblem({ epochs, runs }) {
  const isRun = (run) => run && Array.isArray(run.epochs);
  if (!Array.isArray(runs) || !runs.every(isRun)) return "There are no runs to draw.";
  return Array.isArray(epochs) ? "" : "There are no epochs to draw.";
}

/** The mark of an earlier run, so that lines are not told apart by color alone. */
function runMark(number, x, y) {
  const style = `ctr-run ctr-run-${number}`;
  if (number % 3 === 0) return make("circle", { cx: x, cy: y, r: 3.4, class: style });
  if (number % 3 === 1) return make("rect", { x: x - 3, y: y - 3, width: 6, height: 6, class: style });
  return make("polygon", { points: `${x},${y - 4} ${x + 4},${y + 3} ${x - 4},${y + 3}`, class: style });
}

/** A chart of lines of {points: [[epoch, value]], kind}, those of epochs with marks. */
function chart(wide, title, lines, { log = false, percent = false, span, cursor, until = Infinity }) {
  const values = lines.flatMap((line) => line.points.map(([, v]) => v)).filter((v) => !log || v > 0);
  const shown = (v) => (percent ? `${short(100 * v)} %` : short(v));
  if (!values.length || lines.every(({ points }) => points.length < 2)) {  // a lone dot says nothing
    const found = Object.fromEntries(lines.map(({ points, kind }) => [kind, points[0]]));
    const told = [["train", "training"], ["val", "validation"]].filter(([kind]) => found[kind])
      .map(([kind, name]) => `${name} ${shown(found[kind][1])}`);
    return make("div", { class: "ctr-soon", style: `width: ${wide}px` }, make("b", {}, title),
      make("span", {}, told.length
        ? `After one epoch: ${told.join(", ")}. From the second one on there are curves here.`
        : `The ${title} is drawn here as soon as it is measured.`));
  }
  const scale = (v) => (log ? Math.log10(v) : v), back = (v) => (log ? 10 ** v : v);
  const least = Math.min(...values.map(scale)), most = Math.max(...values.map(scale));
  const margin = most - least < 1e-9 ? 0.5 : 0.05 * (most - least);
  const clip = (v) => (percent ? Math.min(1, Math.max(0, v)) : v);
  const low = clip(least - margin), high = clip(most + margin);
  const { x, y, draw } = plot({ wide, tall: 220, left: 46, right: 8, top: 24, foot: 34 });
  const place = (v) => (scale(v) - low) / (high - low);
  const parts = lines.flatMap(({ points, kind, run = null }) => {
    const seen = points.filter(([epoch, v]) => (!log || v > 0) && epoch <= until);
    const drawn = seen.map(([epoch, v]) => [x(epoch / span), y(place(v))]), marks = kind === "batch" ? [] : drawn;
    return [drawn.length > 1 ? curve(kind, drawn) : null, ...marks.map(([cx, cy]) => (run === null
      ? make("circle", { cx, cy, r: 3.2, class: `ctr-${kind}` }) : runMark(run, cx, cy)))];
  });
  return draw(`${title} by epoch; the numbers are in the line below`, { title, unit: "epoch", floor: false,
    up: ticks(back(low), back(high)).map((v) => [place(v), shown(v)]), cursor: cursor ? cursor / span : null,
    across: ticks(0, span).filter(Number.isInteger).map((epoch) => [epoch / span, epoch]) }, ...parts);
}

const NAMES = ["losses", "every", "batches_per_epoch", "epochs", "total_epochs", "status", "running", "source", "runs",
  "run_name", "smoothing", "log_scale", "limits"];

export function render(context) {
  const { root, message, ...figure } = frame(context, "Training monitor", NAMES, monitorProblem, draw);
  let looked = null;  // the epoch that the reader looks at, or that a film has come to; the last one until they choose
  const longest = ({ epochs, runs }) => Math.max(epochs.length, ...runs.map((run) => run.epochs.length));
  const player = film(root, { advance(passed) {
    const last = longest(figure.state());
    looked = Math.min(last, looked + last * passed / Math.min(6000, 1500 + 300 * last));
    figure.redraw();
    return looked < last;
  }, begun() {
    if (looked === null || looked >= longest(figure.state())) looked = 0;
  }, stopped() {
    looked = Math.max(1, Math.round(looked));
    figure.redraw();
  } });
  const epoch = slider("epoch", 1, 1, (value) => { player.stop(); looked = value; figure.redraw(); });
  const smooth = slider("smoothing", 0, 9, figure.set("smoothing"));
  const log = checkbox("logarithmic loss", figure.set("log_scale"));
  const status = make("div", { class: "ctr-formula" }), charts = make("div", { class: "ctr-boxes" });
  const numbers = make("div", { class: "ctr-formula", role: "status" });
  const key = make("div", { class: "ctr-key" }), table = make("div", { class: "ctr-scroll ctr-compare" });
  const kinds = [["batch", "batches"], ["train", "training, mean of the epoch"], ["val", "validation"]];
  const swatch = ([kind, text]) =>
    make("span", {}, make("span", { class: `ctr-swatch ctr-swatch-${kind}`, "aria-hidden": "true" }), text);
  const other = ({ name }, i) => make("span", {}, make("svg", { width: 34, height: 14, viewBox: "0 0 34 14",
    "aria-hidden": "true" }, curve(`run-${i}`, [[0, 7], [34, 7]]), runMark(i, 17, 7)), ` ${name}, validation`);
  const steps = make("div", { class: "ctr-stepper" });
  if (player.play) steps.append(player.play);
  const tell = hint(`Move the slider “epoch” to read the numbers of each${player.play
    ? "; “play” draws the curves once more" : ""}. Smoothing draws the mean of neighboring batches.`);
  root.append(status, message, drawingOf(key, charts), steps, controlled(epoch, smooth, log), numbers, table, tell);

  function draw(now) {
    const { epochs, runs } = now, count = epochs.length, most = longest(now), plays = player.playing();
    const until = plays ? looked : Infinity, chosen = Math.min(Math.max(1, Math.floor(looked ?? most)), most);
    status.textContent = `${now.run_name ? `${now.run_name}. ` : ""}${now.status}`
      + `${now.source ? ` Trained on: ${now.source}.` : ""}`;
    key.replaceChildren(...kinds.map(swatch), ...runs.map(other));
    epoch.element.querySelector("input").disabled = !most;
    epoch.update(Math.max(1, chosen), { max: Math.max(1, most) });
    epoch.element.hidden = tell.hidden = steps.hidden = most < 2;
    if (now.running) steps.hidden = true;
    smooth.update(now.smoothing);
    log.update(now.log_scale);
    const places = batchPlaces(now.losses.length, now.every, now.batches_per_epoch || 1);
    const span = Math.max(now.total_epochs, most, places.length ? places[places.length - 1] : 0, 1);
    const each = half(figure.wide());
    const given = ([, v]) => v !== null && v !== undefined;
    const points = (name, of = epochs) => of.map((one, i) => [i + 1, one[name]]).filter(given);
    const loose = smoothed(now.losses, now.smoothing / 10).map((loss, i) => [places[i], loss]);
    const before = (what) => runs.map((one, i) =>
      ({ points: points(`val_${what}`, one.epochs), kind: `run-${i}`, run: i }));
    const curves = (what) => [...before(what),  // a mean over the epoch stands in its middle
      { points: points(`train_${what}`).map(([e, v]) => [e - 0.5, v]), kind: "train" },
      { points: points(`val_${what}`), kind: "val" }];
    const shared = { span, until, cursor: plays ? Math.min(looked, span) : chosen };
    charts.replaceChildren(
      chart(each, "loss", [{ points: loose, kind: "batch" }, ...curves("loss")], { ...shared, log: now.log_scale }),
      chart(each, "accuracy", curves("accuracy"), { ...shared, percent: true }));
    const at = Math.min(chosen, count), one = epochs[at - 1];
    const percent = (v) => (v === null ? "–" : `${(100 * v).toFixed(1)} %`);  // none where there are no classes
    numbers.setAttribute("aria-live", plays ? "off" : "polite");
    numbers.textContent = !one ? "No epoch is finished yet."
      : `Epoch ${at} of ${now.total_epochs || count}: training loss ${one.train_loss.toFixed(3)}, accuracy ${
        percent(one.train_accuracy)}${one.val_loss === null ? "" : `; validation loss ${one.val_loss.toFixed(3)}, `
        + `accuracy ${percent(one.val_accuracy)}`}; it took ${short(one.seconds)} s.`;
    table.hidden = !runs.length;
    if (runs.length) table.replaceChildren(ranking(now, chosen));
  }

  /** The runs after this epoch, the best one first. */
  function ranking(now, chosen) {
    const [score, found] = standings(now, chosen), head = ["run", "epoch", SCORES[score]];
    const written = (v) => (v === null ? "–" : score.endsWith("loss") ? v.toFixed(3) : `${(100 * v).toFixed(1)} %`);
    return make("table", {}, make("caption", {}, `after epoch ${chosen}, the best first`),
      make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name))),
      ...found.map(([name, at, value]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, at),
        make("td", {}, written(value)))));
  }
  return figure.start(player.end);
}
