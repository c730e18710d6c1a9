// The training monitor: curves that grow while `fit` runs, and a picture to read afterwards.
import { checkbox, controlled, frame, hint, make, short, slider } from "./common.js";
import { curve, half, plot, ticks } from "./chart.js";

/** The running mean of `values`: each counts `weight` times as much as the one after it, as in Adam corrected at the start. */
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

export function monitorProblem({ epochs }) {
  return Array.isArray(epochs) ? "" : "There are no epochs to draw.";
}

/** A chart of lines of {points: [[epoch, value]], kind}, those of epochs with marks. */
function chart(wide, title, lines, { log = false, percent = false, span, cursor }) {
  const values = lines.flatMap((line) => line.points.map(([, v]) => v)).filter((v) => !log || v > 0);
  if (!values.length || lines.every(({ points }) => points.length < 2)) {  // a lone dot says nothing
    const found = Object.fromEntries(lines.map(({ points, kind }) => [kind, points[0]])), shown = (v) => (percent ? `${short(100 * v)} %` : short(v));
    const told = [["train", "training"], ["val", "validation"]].filter(([kind]) => found[kind]).map(([kind, name]) => `${name} ${shown(found[kind][1])}`);
    return make("div", { class: "ctr-soon", style: `width: ${wide}px` }, make("b", {}, title), make("span", {}, told.length
      ? `After one epoch: ${told.join(", ")}. From the second one on there are curves here.` : `The ${title} is drawn here as soon as it is measured.`));
  }
  const scale = (v) => (log ? Math.log10(v) : v), back = (v) => (log ? 10 ** v : v);
  const least = Math.min(...values.map(scale)), most = Math.max(...values.map(scale));
  const margin = most - least < 1e-9 ? 0.5 : 0.05 * (most - least);
  const clip = (v) => (percent ? Math.min(1, Math.max(0, v)) : v), low = clip(least - margin), high = clip(most + margin);
  const { x, y, draw } = plot({ wide, tall: 220, left: 46, right: 8, top: 24, foot: 34 });
  const place = (v) => (scale(v) - low) / (high - low), shown = (v) => (percent ? `${short(100 * v)} %` : short(v));
  const parts = lines.flatMap(({ points, kind }) => {
    const drawn = points.filter(([, v]) => !log || v > 0).map(([epoch, v]) => [x(epoch / span), y(place(v))]);
    const marks = kind === "batch" ? [] : drawn;
    return [drawn.length > 1 ? curve(kind, drawn) : null,
      ...marks.map(([cx, cy]) => make("circle", { cx, cy, r: 3.2, class: `ctr-${kind}` }))];
  });
  return draw(`${title} by epoch; the numbers are in the line below`, { title, unit: "epoch", floor: false,
    up: ticks(back(low), back(high)).map((v) => [place(v), shown(v)]), cursor: cursor ? cursor / span : null,
    across: ticks(0, span).filter(Number.isInteger).map((epoch) => [epoch / span, epoch]) }, ...parts);
}

const NAMES = ["losses", "every", "batches_per_epoch", "epochs", "total_epochs", "status", "running", "source", "smoothing", "log_scale", "limits"];

export function render(context) {
  const { root, message, ...figure } = frame(context, "Training monitor", NAMES, monitorProblem, draw);
  let looked = null;  // the epoch that the reader looks at; the last one until they choose
  const epoch = slider("epoch", 1, 1, (value) => { looked = value; figure.redraw(); });
  const smooth = slider("smoothing", 0, 9, figure.set("smoothing"));
  const log = checkbox("logarithmic loss", figure.set("log_scale"));
  const status = make("div", { class: "ctr-formula" }), charts = make("div", { class: "ctr-boxes" });
  const numbers = make("div", { class: "ctr-formula", role: "status" });
  const key = make("div", { class: "ctr-key" }, ...[["batch", "batches"], ["train", "training, mean of the epoch"], ["val", "validation"]].map(([kind, text]) =>
    make("span", {}, make("span", { class: `ctr-swatch ctr-swatch-${kind}`, "aria-hidden": "true" }), text)));
  const tell = hint("Move the slider “epoch” to read the numbers of each. Smoothing draws the mean of neighboring batches.");
  root.append(status, message, key, charts, controlled(epoch, smooth, log), numbers, tell);

  function draw(now) {
    const { epochs } = now, count = epochs.length;
    status.textContent = `${now.status}${now.source ? ` Trained on: ${now.source}.` : ""}`;
    const chosen = Math.min(looked || count, count);
    epoch.element.querySelector("input").disabled = !count;
    epoch.update(Math.max(1, chosen), { max: Math.max(1, count) });
    epoch.element.hidden = tell.hidden = count < 2;
    smooth.update(now.smoothing);
    log.update(now.log_scale);
    const places = batchPlaces(now.losses.length, now.every, now.batches_per_epoch || 1);
    const span = Math.max(now.total_epochs, count, places.length ? places[places.length - 1] : 0, 1);
    const each = half(figure.wide());
    const points = (name) => epochs.map((one, i) => [i + 1, one[name]]).filter(([, v]) => v !== null && v !== undefined);
    const loose = smoothed(now.losses, now.smoothing / 10).map((loss, i) => [places[i], loss]);
    const curves = (what) => [  // a mean over the epoch stands in its middle
      { points: points(`train_${what}`).map(([e, v]) => [e - 0.5, v]), kind: "train" }, { points: points(`val_${what}`), kind: "val" }];
    charts.replaceChildren(
      chart(each, "loss", [{ points: loose, kind: "batch" }, ...curves("loss")], { log: now.log_scale, span, cursor: chosen }),
      chart(each, "accuracy", curves("accuracy"), { percent: true, span, cursor: chosen }));
    const one = epochs[chosen - 1];
    const percent = (v) => (v === null ? "–" : `${(100 * v).toFixed(1)} %`);  // none where there are no classes
    numbers.textContent = !one ? "No epoch is finished yet." : `Epoch ${chosen} of ${now.total_epochs || count}: training loss ${one.train_loss.toFixed(3)}, `
      + `accuracy ${percent(one.train_accuracy)}${one.val_loss === null ? "" : `; validation loss ${one.val_loss.toFixed(3)}, accuracy ${percent(one.val_accuracy)}`}; `
      + `it took ${short(one.seconds)} s.`;
  }
  return figure.start();
}
