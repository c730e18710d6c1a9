// The schedule explorer: the learning rate of each epoch, and what it does to a descent with noise in its gradient.
import { checkbox, frame, hint, make, menu, short, slider } from "./common.js";
import { SCHEDULES, SETTINGS, START, STEPS, WEIGHTS, code, literal, misfit, scheduleProblem,
  trained } from "./descent.js";

/** A number with three digits. */
export function amount(value) {
  return (value >= 1e-3 ? String(+value.toPrecision(3)) : value.toExponential(2)).replace("-", "−");
}

/** An axis from 0 to the largest of `values`, or a logarithmic one that holds them all and three decades at least:
    `marks`, pairs of value and text, and `place`, how high a value stands, from 0 to 1. */
export function axis(values, isLog) {
  const most = Math.max(...values), range = (count, value) => Array.from({ length: count }, (_, i) => value(i));
  if (!isLog) {
    const rough = most / 5, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999999);
    const marks = range(Math.floor(most / step + 1e-9) + 1, (i) => +(i * step).toPrecision(6));
    return { marks: marks.map((one) => [one, short(one)]), place: (value) => value / most };
  }
  const high = Math.ceil(Math.log10(most) - 1e-9), least = Math.floor(Math.log10(Math.min(...values)) + 1e-9);
  const low = Math.min(least, high - 3), every = Math.ceil((high - low) / 6);
  const marks = range(Math.floor((high - low) / every) + 1, (i) => high - i * every);
  const small = (n) => String(n).replace(/./g, (one) => (one === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[one]));
  return { marks: marks.map((n) => [10 ** n, `10${small(n)}`]),
    place: (value) => (Math.log10(value) - low) / (high - low) };
}

/** The epoch, from 1 to `count`, at `share` of the axis. */
export function epochAt(share, count) {
  return Math.min(count, Math.max(1, Math.floor(share * count) + 1));
}

const LEFT = 46, RIGHT = 8, TOP = 26, FOOT = 36, TALL = 200;  // of a chart, in pixels

/** A chart as SVG: `lines` of {kind, values}, one value an epoch, through which they go, or stay at if `flat`. */
function chart(wide, title, { marks, place }, lines, looked, flat) {
  const count = lines[0].values.length, low = TALL - FOOT, every = [1, 2, 5, 10].find((n) => count / n <= 12);
  const x = (epoch) => +(LEFT + (wide - LEFT - RIGHT) * epoch / count).toFixed(1), now = x(looked - 0.5);
  const y = (value) => +(low - (low - TOP) * place(value)).toFixed(1), ends = flat ? [0, 1] : [0.5];
  const parts = [make("text", { x: 4, y: 14, class: "ctr-line-0" }, title),
    make("text", { x: (LEFT + wide - RIGHT) / 2, y: TALL - 4, "text-anchor": "middle" }, "epoch"),
    make("line", { x1: LEFT, x2: wide - RIGHT, y1: low, y2: low, class: "ctr-axis" }),
    make("line", { x1: now, x2: now, y1: TOP, y2: low, class: "ctr-cursor" })];
  for (const [value, text] of marks) {
    parts.push(make("line", { x1: LEFT, x2: wide - RIGHT, y1: y(value), y2: y(value), class: "ctr-rule" }),
      make("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, text));
  }
  for (let epoch = 1; epoch <= count; epoch += epoch === 1 && every > 1 ? every - 1 : every) {
    parts.push(make("text", { x: x(epoch - 0.5), y: TALL - 19, "text-anchor": "middle" }, String(epoch)));
  }
  parts.push(make("svg", { width: wide, height: low + 2, style: `height: ${low + 2}px` },  // cuts off what lies lower
    ...lines.map(({ kind, values }) => make("path", { class: `ctr-curve ctr-${kind}`,
      d: `M${values.flatMap((v, i) => ends.map((end) => `${x(i + end)} ${y(v)}`)).join("L")}` }))));
  for (const { kind, values } of lines.filter((one) => one.kind !== "others")) {
    parts.push(make("circle", { cx: now, cy: Math.min(y(values[looked - 1]), low), r: 4, class: `ctr-${kind}` }));
  }
  return make("svg", { viewBox: `0 0 ${wide} ${TALL}`, width: wide, height: TALL, role: "img",
    "aria-label": `${title} in each of ${count} epochs; the numbers are in the table below` }, ...parts);
}

/** A slider over some numbers; one that is none of them stands at the nearest. */
function ladder(name, values, onChange) {
  const { element, update } = slider(name, 0, values.length - 1, (index) => onChange(values[index]));
  return { element, update(v) {
    const far = values.map((value) => Math.abs(value - v));
    update(far.indexOf(Math.min(...far)));
    element.querySelector("output").textContent = short(v);
    element.querySelector("input").setAttribute("aria-valuetext", short(v));
  } };
}

const NAMES = ["schedule", "lr", "epochs", "log_scale", "limits", ...Object.keys(SETTINGS)];
const RATES = [1, 2, 3, 5, 7, 10, 20, 30, 50, 70, 100, 200, 300, 500, 700, 1000].map((n) => n / 1000);
const LEAST = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((n) => n / 1e4);

export function render(context) {
  const { root, message, ...figure } = frame(context, "Learning-rate schedules", NAMES, scheduleProblem, draw);
  const { limits } = figure.state(), set = (name) => (value) => figure.change({ [name]: value });
  function choose(schedule) {  // settings that were hidden until now may not fit
    const state = figure.state(), first = misfit(state, schedule)[1];
    figure.change({ ...first, ...misfit({ ...state, ...first }, schedule)[1], schedule });
  }
  const controls = { schedule: menu("schedule", SCHEDULES, choose), lr: ladder("peak lr", RATES, set("lr")),
    epochs: slider("epochs", ...limits.epochs, set("epochs")),
    log_scale: checkbox("logarithmic rate", set("log_scale")) };
  for (const [name, [label, step]] of Object.entries(SETTINGS)) {
    controls[name] = step ? slider(label, ...limits[name], set(name), step) : ladder(label, LEAST, set(name));
  }
  let looked = Infinity;  // the epoch that is read out: the last one until the reader chooses
  const look = (epoch) => { if (epoch !== looked) { looked = epoch; figure.redraw(); } };
  const epochs = slider("epoch", 1, 2, look), range = epochs.element.querySelector("input");
  for (const one of [controls.schedule, epochs]) one.element.classList.add("ctr-wide");
  const charts = make("div", { class: "ctr-flow", pointerdown: follow, pointermove: follow });
  const sample = (kind) => make("svg", { width: 34, height: 14, viewBox: "0 0 34 14", "aria-hidden": "true" },
    make("path", { d: "M0 7L34 7", class: `ctr-curve ctr-${kind}` }));
  const key = make("div", { class: "ctr-key" },
    ...["schedule", "level", "tenth", "others"].map((kind) => make("span", {}, sample(kind), " ", make("span"))));
  const now = make("div", { class: "ctr-formula", role: "status" });
  const text = make("pre", { class: "ctr-sum", role: "group", "aria-label": "the code", tabindex: 0 });
  const caption = make("caption"), body = make("tbody");
  const heads = ["schedule", "rate", "loss"].map((name) => make("th", { scope: "col" }, name));
  root.append(make("div", { class: "ctr-controls" }, ...Object.values(controls).map((one) => one.element)), message,
    key, charts, make("div", { class: "ctr-controls" }, epochs.element), now, text,
    make("div", { class: "ctr-boxes ctr-compare" },
      make("table", {}, caption, make("thead", {}, make("tr", {}, ...heads)), body),
      hint(`The descent: ${WEIGHTS} weights that start at ${START}, the mean of w²/2 as the loss, ${STEPS} steps an `
        + "epoch, each along the gradient w plus noise of standard deviation 2, the same noise for all schedules. A "
        + "constant rate settles where slope and noise balance: at a loss of about lr / (1 − lr / 2), so near the rate "
        + "itself. Point at a chart, or move the slider “epoch”, to read the numbers of another epoch.")));

  /** Read out the epoch that a finger, or the mouse, is at. */
  function follow(event) {
    if (event.type === "pointerdown") charts.setPointerCapture(event.pointerId);
    else if (event.pointerType !== "mouse" && !event.buttons) return;
    const box = charts.getBoundingClientRect();
    look(epochAt((event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT), figure.state().epochs));
  }
  let seen = "", runs = {};  // kept while the reader only looks at other epochs
  function draw(state) {
    if (scheduleProblem(state)) return;
    const { schedule, lr, epochs: count } = state, epoch = Math.min(looked, count), wide = root.clientWidth || 340;
    if (seen !== JSON.stringify(state)) {
      runs = { tenth: trained({ ...state, lr: lr / 10 }, "constant") };
      for (const one of SCHEDULES) if (!misfit(state, one)[0]) runs[one] = trained(state, one);
      seen = JSON.stringify(state);
    }
    for (const [name, one] of Object.entries(controls)) {
      one.update(state[name]);
      one.element.hidden = name in SETTINGS && !SETTINGS[name].includes(schedule);
    }
    range.max = count;
    epochs.update(epoch);
    range.setAttribute("aria-valuetext", `epoch ${epoch} of ${count}`);
    const main = { tenth: "tenth", ...(schedule !== "constant" && { level: "constant" }), schedule };
    const lines = (what) => Object.entries(main).map(([kind, name]) => ({ kind, values: runs[name][what] }));
    const others = Object.keys(runs).filter((one) => !Object.values(main).includes(one));
    const losses = Object.values(runs).flatMap((one) => one.losses), rates = [lr, lr / 10, ...runs[schedule].rates];
    charts.replaceChildren(chart(wide, "learning rate", axis(rates, state.log_scale),
      [...others.map((one) => ({ kind: "others", values: runs[one].rates })), ...lines("rates")], epoch, true),
    chart(wide, "loss of the descent", axis(losses, true), lines("losses"), epoch, false));
    const names = [schedule, `constant ${short(lr)}`, `constant ${short(lr / 10)}`, "the other schedules"];
    names.forEach((name, i) => { key.children[i].lastChild.textContent = name; });
    key.children[1].hidden = schedule === "constant";
    const at = (name, what) => amount(runs[name][what][epoch - 1]);
    now.textContent = `Epoch ${epoch} of ${count}: rate ${at(schedule, "rates")}, loss ${at(schedule, "losses")}. `
      + `Loss at a constant rate of ${short(lr)}: ${at("constant", "losses")}, `
      + `of ${short(lr / 10)}: ${at("tenth", "losses")}.`;
    caption.textContent = `epoch ${epoch}`;
    body.replaceChildren(...SCHEDULES.filter((one) => runs[one]).map((one) =>
      make("tr", { "aria-current": one === schedule ? "true" : null }, make("th", { scope: "row" }, one),
        make("td", {}, at(one, "rates")), make("td", {}, at(one, "losses")))));
    const told = schedule === "ReduceLROnPlateau" ? "val_loss" : "";
    const written = "from torch.optim import SGD, lr_scheduler\n"
      + `optimizer = SGD(model.parameters(), lr=${literal(lr)})\n`
      + `scheduler = ${code(state)}\n# after each epoch: scheduler.step(${told})`;
    if (text.textContent !== written) text.textContent = written;  // else what is selected stays so
  }
  draw(figure.state());
  return figure.dispose;
}

export default { render };
