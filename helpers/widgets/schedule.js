// The schedule explorer: the learning rate of each epoch, and what it does to a descent with noise in its gradient.
import { checkbox, codeBox, controlled, drawingOf, frame, hint, make, menu, short, slider } from "./common.js";
import { counted, curve, linear, logarithmic, plot, pointed, sample } from "./chart.js";
import { SCHEDULES, SETTINGS, START, STEPS, WEIGHTS, code, literal, misfit, scheduleProblem,
  trained } from "./descent.js";

/** A number with three digits. */
export function amount(value) {
  return (value >= 1e-3 ? String(+value.toPrecision(3)) : value.toExponential(2)).replace("-", "−");
}

/** What is said where a part of the challenge is met, or "". */
export function scheduleMet(state) {
  const last = trained(state).losses[state.epochs - 1], fast = state.epochs <= 10 && last < 0.015;
  if (!(last < 0.005) && !fast) return "";
  return `A loss of ${amount(last)}${fast ? ` within ${state.epochs} epochs` : ""}.`;
}

/** The epoch, from 1 to `count`, at `share` of the axis. */
export function epochAt(share, count) {
  return Math.min(count, Math.max(1, Math.floor(share * count) + 1));
}

const EDGES = { left: 46, right: 8, top: 26, foot: 36 };

/** A chart of `lines` of {kind, values}, one value an epoch, through which they go, or stay at if `flat`. */
function chart(wide, title, { marks, place }, lines, looked, flat) {
  const count = lines[0].values.length, { x, y, draw } = plot({ ...EDGES, wide, tall: 200 }), foot = y(0) + 2;
  const middle = (epoch) => (epoch - 0.5) / count, ends = flat ? [0, 1] : [0.5];
  const points = (values) => values.flatMap((v, i) => ends.map((end) => [x((i + end) / count), y(place(v))]));
  const dots = lines.filter(({ kind }) => kind !== "others").map(({ kind, values }) =>
    make("circle", { cx: x(middle(looked)), cy: y(place(values[looked - 1])), r: 4, class: `ctr-${kind}` }));
  return draw(`${title} in each of ${count} epochs; the numbers are in the table below`, { title, unit: "epoch",
    up: marks.map(([value, text]) => [place(value), text]), cursor: middle(looked),
    across: counted(count, 12).map((epoch) => [middle(epoch), epoch]) },
  make("svg", { width: wide, height: foot, style: `height: ${foot}px` },  // cuts off what lies lower
    ...lines.map(({ kind, values }) => curve(kind, points(values)))), ...dots);
}

/** A slider over some numbers; one that is none of them stands at the nearest. */
function ladder(name, values, onChange) {
  const { element, update } = slider(name, 0, values.length - 1, (index) => onChange(values[index]));
  return { element, update(v) {
    const far = values.map((value) => Math.abs(value - v));
    update(far.indexOf(Math.min(...far)), { text: short(v), spoken: short(v) });
  } };
}

const NAMES = ["schedule", "lr", "epochs", "log_scale", "limits", ...Object.keys(SETTINGS)];
const RATES = [1, 2, 3, 5, 7, 10, 20, 30, 50, 70, 100, 200, 300, 500, 700, 1000].map((n) => n / 1000);
const LEAST = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((n) => n / 1e4);

export function render(context) {
  const { root, message, ...figure } = frame(context, "Learning-rate schedules", NAMES, scheduleProblem, draw,
    { met: scheduleMet });
  const { limits } = figure.state(), { set } = figure;
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
  const epochs = slider("epoch", 1, 2, look);
  for (const one of [controls.schedule, epochs]) one.element.classList.add("ctr-wide");
  const charts = pointed(EDGES, (share) => look(epochAt(share, figure.state().epochs)));
  const key = make("div", { class: "ctr-key" },
    ...["schedule", "level", "tenth", "others"].map((kind) => make("span", {}, sample(kind), " ", make("span"))));
  const now = make("div", { class: "ctr-formula", role: "status" });
  const text = codeBox();
  const caption = make("caption"), body = make("tbody");
  const heads = ["schedule", "rate", "loss"].map((name) => make("th", { scope: "col" }, name));
  root.append(controlled(...Object.values(controls)), message, drawingOf(key, charts), controlled(epochs), now,
    text.element,
    make("div", { class: "ctr-boxes ctr-compare" },
      make("table", {}, caption, make("thead", {}, make("tr", {}, ...heads)), body),
      hint(`The descent: ${WEIGHTS} weights that start at ${START}, the mean of w²/2 as the loss, ${STEPS} steps an `
        + "epoch, each along the gradient w plus noise of standard deviation 2, the same noise for all schedules. A "
        + "constant rate settles where slope and noise balance: at a loss of about lr / (1 − lr / 2), so near the rate "
        + "itself. Point at a chart, or move the slider “epoch”, to read the numbers of another epoch.")));

  let seen = "", runs = {};  // kept while the reader only looks at other epochs
  function draw(state) {
    const { schedule, lr, epochs: count } = state, epoch = Math.min(looked, count), wide = figure.wide();
    if (seen !== JSON.stringify(state)) {
      runs = { tenth: trained({ ...state, lr: lr / 10 }, "constant") };
      for (const one of SCHEDULES) if (!misfit(state, one)[0]) runs[one] = trained(state, one);
      seen = JSON.stringify(state);
    }
    for (const [name, one] of Object.entries(controls)) {
      one.update(state[name]);
      one.element.hidden = name in SETTINGS && !SETTINGS[name].includes(schedule);
    }
    epochs.update(epoch, { max: count, spoken: `epoch ${epoch} of ${count}` });
    const main = { tenth: "tenth", ...(schedule !== "constant" && { level: "constant" }), schedule };
    const lines = (what) => Object.entries(main).map(([kind, name]) => ({ kind, values: runs[name][what] }));
    const others = Object.keys(runs).filter((one) => !Object.values(main).includes(one));
    const losses = Object.values(runs).flatMap((one) => one.losses), rates = [lr, lr / 10, ...runs[schedule].rates];
    charts.replaceChildren(chart(wide, "learning rate", state.log_scale ? logarithmic(rates, 3) : linear(rates),
      [...others.map((one) => ({ kind: "others", values: runs[one].rates })), ...lines("rates")], epoch, true),
    chart(wide, "loss of the descent", logarithmic(losses, 3), lines("losses"), epoch, false));
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
    text.update(written);
  }
  return figure.start();
}
