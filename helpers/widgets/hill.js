// Gradient descent: a ball on a map of the loss, and the loss after each step.
import { button, checkbox, codeBox, controlled, drawingOf, folded, frame, hint, make, menu, short,
  slider } from "./common.js";
import { curve, logarithmic, plot, ticks } from "./chart.js";
import { rateAt } from "./descent.js";
import { FALLS, HILLS, MAP, codeOf, descended, goneSince, hillProblem, raced, relief, told } from "./surfaces.js";

const RATES = [-3, -2, -1, 0].flatMap((power) => [1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2, 2.1, 2.2, 2.3,
  2.4, 2.5, 2.7, 3, 3.3,
  3.6, 4, 4.5, 5, 5.5, 6, 7, 8, 9].map((n) => Number((n * 10 ** power).toPrecision(2)))).filter((rate) => rate <= 3);
const BALLS = { slow: "a third of the rate", main: "the rate", fast: "three times the rate" };
const LOWEST = 1e-6, TALL = 0.75;  // losses below are drawn at the foot; the map's height by its width
const RECENT = 20;  // steps of a noisy way that are drawn in full; earlier ones are faint

/** The names of the balls that roll. */
const balls = ({ race }) => (race ? Object.keys(BALLS) : ["main"]);

/** A place on the map, as shares of its width and height from the upper left. */
export const shareOf = ([x, y]) => [(x + MAP.wide) / (2 * MAP.wide), (MAP.high - y) / (2 * MAP.high)];

/** The weights at a place, in hundredths, kept within the map. */
export function weightsAt(across, down) {
  const within = (value, most) => Math.min(most, Math.max(-most, Math.round(100 * value) / 100)) + 0;
  return [within((2 * across - 1) * MAP.wide, MAP.wide), within((1 - 2 * down) * MAP.high, MAP.high)];
}

/** Where the line from `a`, on the map, to `b`, outside of it, crosses the edge. */
export function edgeBetween(a, b) {
  const shares = [MAP.wide, MAP.high].flatMap((most, i) => [most, -most].map((edge) => (edge - a[i]) / (b[i] - a[i])))
    .filter((share) => share >= 0 && share <= 1);
  const share = shares.length ? Math.min(...shares) : 1;
  return a.map((one, i) => one + share * (b[i] - one));
}

/** What is said where the challenge is met, or "": a ball that starts high is below a loss of 0.001 after at most 20
    steps. */
export function hillMet(state) {
  const losses = descended(state).slice(0, 21).map((w) => HILLS[state.surface].loss(...w));
  const step = losses.findIndex((loss) => loss < 0.001);
  return losses[0] > 0.1 && step > 0 ? `Below 0.001 after ${step} steps.` : "";
}

/** The shape of a ball of a kind around a place in pixels. */
function shape(kind, cx, cy, r) {
  const style = { class: `ctr-ball ctr-ball-${kind}` };
  if (kind === "main") return make("circle", { cx, cy, r, ...style });
  if (kind === "slow") return make("rect", { x: cx - r * 0.9, y: cy - r * 0.9, width: r * 1.8, height: r * 1.8,
    ...style });
  const points = [[0, -1.25], [1.15, 0.85], [-1.15, 0.85]].map(([x, y]) => `${cx + r * x},${cy + r * y}`);
  return make("polygon", { points: points.join(" "), ...style });
}

/** Draw the height of the loss in bands, as on a map of mountains; see-through, so that it suits a light and a dark
    page. */
function paintRelief(canvas, surface) {
  const { width, height } = canvas, heights = relief(surface, width, height),
    most = Math.max(...heights.slice(0, width), ...heights.slice(-width));
  const picture = canvas.getContext("2d"), image = picture.createImageData(width, height);
  const band = heights.map((value) => Math.min(17, Math.floor(18 * Math.cbrt(Math.max(0, value) / most))));
  for (let k = 0; k < band.length; k++) {
    const edge = band[k] !== band[k + 1] && (k + 1) % width || band[k] !== (band[k + width] ?? band[k]);
    image.data.set([74, 104, 140, Math.min(255, 8 + 8 * band[k] + (edge ? 70 : 0))], 4 * k);
  }
  picture.putImageData(image, 0, 0);
}

/** A slider over some rates; one that is none of them stands at the nearest. */
function rates(name, onChange) {
  const { element, update } = slider(name, 0, RATES.length - 1, (index) => onChange(RATES[index]));
  return { element, update(v) {
    const far = RATES.map((value) => Math.abs(Math.log(value / v)));
    update(far.indexOf(Math.min(...far)), { text: short(v), spoken: short(v) });
  } };
}

/** Play, step, and back to the start; `onMove(step)` is told where the ball is. Who asked for less motion gets no
    play. */
function player(onMove) {
  let timer = null, at = 0, last = 1;
  const still = window.matchMedia && window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶ play";
    play.setAttribute("aria-pressed", "false");
  }
  function go(step, playing = false) {
    if (!playing) stop();
    onMove(step);
  }
  function tick() {
    if (!element.isConnected) return stop();
    if (at + 1 >= last) stop();
    return go(Math.min(last, at + 1), timer !== null);
  }
  function start() {
    if (timer) { go(at); return; }
    if (at >= last) { at = 0; onMove(0); }
    timer = setInterval(tick, Math.min(160, Math.max(30, 6000 / last)));
    play.textContent = "■ stop";
    play.setAttribute("aria-pressed", "true");
  }
  const play = button("▶ play", start), element = make("div",
    { class: "ctr-stepper", role: "group", "aria-label": "roll the ball" }, still ? null : play,
      button("step", () => go(at >= last ? 0 : at + 1), "one step"), button("to the start", () => go(0)),
    hint("Drag the ring: the ball starts there."));
  return { element, stop, playing: () => timer !== null, update(step, count) { at = step; last = count; } };
}

const NAMES = ["surface", "lr", "momentum", "nesterov", "noise", "schedule", "race", "steps", "x", "y", "limits",
  "starts", "captions"];

export function render(context) {
  const { root, message, ...figure } = frame(context, "Gradient descent", NAMES, hillProblem, draw, { met: hillMet });
  const { limits, starts, captions } = figure.state();
  // how far the ball has rolled; what was computed for which state
  let at = Infinity, seen = "", runs = [], painted = "", general = null;  // and what the card says of every surface
  const roll = player((step) => { at = step; figure.redraw(); });
  const change = (changes) => { roll.stop(); at = Infinity; figure.change(changes); };
  const set = (name) => (value) => change({ [name]: value });
  const controls = {
    surface: menu("surface", Object.keys(HILLS), (surface) => {
      const [x, y, lr] = starts[surface];
      change({ surface, x, y, lr });
    }),
    lr: rates("rate", set("lr")),
    momentum: slider("momentum", ...limits.momentum,
      (momentum) => change(momentum ? { momentum } : { momentum, nesterov: false }), 0.01),
    noise: slider("noise", ...limits.noise, set("noise"), 0.05), schedule: menu("schedule", FALLS, set("schedule")),
    race: checkbox("three rates", set("race")), steps: slider("steps", ...limits.steps, set("steps"), 5),
    nesterov: checkbox("Nesterov", set("nesterov")),
    x: slider("start, weight 1", ...limits.x, set("x"), 0.01),
      y: slider("start, weight 2", ...limits.y, set("y"), 0.01) };
  const { surface, lr, momentum, race, noise, schedule, ...rest } = controls;
  const canvas = make("canvas", { width: 480, height: 360, "aria-hidden": "true" }),
    over = make("div", { class: "ctr-over" });
  const handle = make("button", { type: "button", class: "ctr-handle", keydown: nudge }),
    map = make("div", { class: "ctr-map", pointerdown: grab, pointermove: drag, pointerup: drop, pointercancel: drop,
      click: (event) => { if (event.pointerType && event.pointerType !== "mouse") put(event); } }, canvas, over, handle);
  const chart = make("div"), where = slider("step", 0, 1, (step) => { roll.stop(); at = step; figure.redraw(); });
  where.element.classList.add("ctr-wide");
  const text = make("div", { class: "ctr-formula ctr-steady" }),
    spoken = make("div", { class: "ctr-spoken", role: "status" }), code = codeBox();
  const key = make("div", { class: "ctr-key" }, ...Object.keys(BALLS).map((kind) => make("span", {},
    make("svg", { width: 20, height: 16, viewBox: "0 0 20 16", "aria-hidden": "true" }, shape(kind, 10, 8, 5)), " ",
      make("span"))));
  root.append(controlled(lr, momentum, schedule, surface, noise, race), message,
    drawingOf(key, make("div", { class: "ctr-boxes" }, map, chart)), roll.element, controlled(where), text, spoken,
    folded("more settings, and the code", controlled(...Object.values(rest)),
      hint("Noise is added to every gradient, as by batches. The ring can be moved with the arrow keys, too."),
        code.element));
  for (const one of [lr, momentum]) one.element.classList.add("ctr-two", "ctr-stretch");
  for (const one of [surface, schedule]) one.element.classList.add("ctr-two");

  let held = false;
  function put(event) {
    const box = map.getBoundingClientRect();
    const [x, y] = weightsAt((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    const now = figure.state();
    if (x !== now.x || y !== now.y) change({ x, y });
  }
  function grab(event) {  // a finger that does not begin on the ring may want to scroll the page
    if (event.button || (event.pointerType !== "mouse" && !handle.contains(event.target))) return;
    held = true;
    map.setPointerCapture(event.pointerId);
    if (!handle.contains(event.target)) { put(event); event.preventDefault(); handle.focus({ preventScroll: true }); }
  }
  function drag(event) { if (held) put(event); }
  function drop() { held = false; }
  function nudge(event) {
    const [right, up] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key]
      || [0, 0];
    if ((!right && !up) || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = event.shiftKey ? 0.01 : 0.05, now = figure.state(), kept = ([x, y]) => weightsAt(...shareOf([x, y]));
    const [x, y] = kept([now.x + right * by, now.y + up * by]);
    change({ x, y });
    event.preventDefault();
  }

  /** The ways of the balls up to step `n`, on a map `wide` pixels wide. */
  function ways(state, wide, n) {
    const tall = wide * TALL, pixel = (w) => { const [a, b] = shareOf(w); return [a * wide, b * tall]; };
    // what lies far outside needs no exact place
    const held = ([x, y]) => [x, y].map((v) => Math.max(-1e4, Math.min(1e4, v)));
    const line = (points) => `M${points.map((one) => one.map((v) => v.toFixed(1)).join(" ")).join("L")}`;
    const parts = runs.flatMap(({ kind, path }) => {
      const since = goneSince(path, n), points = path.slice(0, (since < 0 ? n : since) + 1).map((w) => pixel(held(w)));
      const old = state.noise ? Math.max(0, points.length - 1 - RECENT) : 0;
      const dots = points.slice(old, -1).map(([cx, cy]) => make("circle",
        { cx, cy, r: 2.6, class: `ctr-spot ctr-spot-${kind}` }));
      let ball = shape(kind, ...points[points.length - 1], 7);
      if (since > 0) {  // an arrow where it crossed the edge
        const tip = pixel(edgeBetween(path[since - 1], held(path[since] || [0, 1e4]))), start = pixel(path[since - 1]);
        const turn = Math.atan2(tip[1] - start[1], tip[0] - start[0]) * 180 / Math.PI;
        ball = make("polygon", { points: "0,0 -16,-8 -16,8",
          transform: `translate(${tip.map((v) => v.toFixed(1))}) rotate(${turn.toFixed(1)})`,
            class: `ctr-ball ctr-ball-${kind}` });
      }
      const late = line(points.slice(old));
      const past = { d: line(points.slice(0, old + 1)), class: `ctr-way ctr-way-${kind} ctr-past` };
      return [old ? make("path", past) : null,
        make("path", { d: late, class: "ctr-way ctr-halo" }),
        make("path", { d: late, class: `ctr-way ctr-way-${kind}` }), ...dots, ball];
    });
    return make("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: "img",
      "aria-label": `map of the loss over two weights, ${state.surface}, with the way of `
        + `${state.race ? "three balls" : "the ball"}; the text below says where it is` }, ...parts.filter(Boolean));
  }

  /** The losses up to step `n`. */
  function losses(state, wide, tall, n) {
    const { loss } = HILLS[state.surface], ends = [-1, 1];
    const most = Math.max(...ends.flatMap((a) => ends.map((b) => loss(a * MAP.wide, b * MAP.high))));
    const of = ({ path }) => Array.from({ length: state.steps + 1 }, (_, i) => {
      const value = path[i] ? loss(...path[i]) : Infinity;
      return Math.min(10 * most, Math.max(LOWEST, Number.isNaN(value) ? Infinity : value));
    });
    const all = runs.map(of), { marks, place } = logarithmic(all.flat(), 2),
      { x, y, draw } = plot({ wide, tall, left: 46, right: 10, top: 26, foot: 36 });
    const lines = all.flatMap((values, i) => {
      const points = values.slice(0, n + 1).map((value, step) => [x(step / state.steps), y(place(value))]),
        { kind } = runs[i];
      return [make("path", { class: `ctr-way ctr-way-${kind}`,
        d: `M${points.map((one) => one.map((v) => v.toFixed(1)).join(" ")).join("L")}` }),
          shape(kind, ...points[points.length - 1], 5)];
    });
    return draw("loss after each step; the text below says the last one",
      { title: "loss", unit: "step", up: marks.map(([value, name]) => [place(value), name]),
      across: ticks(0, state.steps).map((step) => [step / state.steps, step]) }, ...lines);
  }

  /** The rate of each step, where it changes. */
  function falling(state, wide, n) {
    const { x, y, draw } = plot({ wide, tall: 110, left: 46, right: 10, top: 24, foot: 22 });
    const at = (step) => [x((step + 0.5) / state.steps), y(rateAt(state, state.lr, step) / state.lr)];
    const [cx, cy] = at(Math.max(0, n - 1));
    return draw("the rate of each step; the text below says that of this one", { title: "rate",
      up: [0, 0.5, 1].map((share) => [share, short(share * state.lr)]) },
    curve("schedule", Array.from({ length: state.steps }, (_, step) => at(step))), shape("main", cx, cy, 5));
  }

  function draw(state) {
    const known = JSON.stringify(state);
    if (seen !== known) {
      if (seen) { roll.stop(); at = Infinity; }  // a preset, a link, or Python
      runs = raced(state).map((rate, i) => ({ kind: balls(state)[i], rate, path: descended(state, rate) }));
      seen = known;
    }
    for (const [name, control] of Object.entries(controls)) control.update(state[name]);
    controls.nesterov.element.querySelector("input").disabled = !state.momentum;
    const n = Math.min(at, state.steps), room = figure.wide(), beside = room >= 640;
    const wide = Math.floor(Math.min(560, beside ? 0.6 * (room - 22) : room)), tall = Math.round(wide * TALL);
    if (painted !== state.surface) { painted = state.surface; paintRelief(canvas, state.surface); }
    map.style.width = `${wide}px`;
    map.style.height = `${tall}px`;
    const [left, top] = shareOf([state.x, state.y]);
    Object.assign(handle.style, { left: `${100 * left}%`, top: `${100 * top}%` });
    handle.setAttribute("aria-label",
      `start at ${short(state.x)}, ${short(state.y)}: drag it, or press the arrow keys`);
    over.replaceChildren(ways(state, wide, n));
    const falls = state.schedule !== "constant", across = beside ? Math.min(420, room - wide - 22) : wide;
    chart.replaceChildren(...[falls ? falling(state, across, n) : null,
      losses(state, across, beside ? Math.max(180, tall - (falls ? 110 : 0)) : 180, n)].filter(Boolean));
    [...key.children].forEach((one, i) => {
      const index = runs.findIndex(({ kind }) => kind === Object.keys(BALLS)[i]);
      one.hidden = !state.race || index < 0;
      if (index >= 0) one.lastChild.textContent = `${short(runs[index].rate)}, ${Object.values(BALLS)[i]}`;
    });
    key.hidden = !state.race;
    where.update(n, { max: state.steps, spoken: `step ${n} of ${state.steps}` });
    roll.update(n, state.steps);
    const said = told(state, runs.find(({ kind }) => kind === "main").path, n);
    text.textContent = said;
    if (!roll.playing()) spoken.textContent = said;
    code.update(codeOf(state));
    const caption = root.parentElement && root.parentElement.querySelector(".ctr-caption");
    if (caption) caption.textContent = `${general = general ?? caption.textContent} ${captions[state.surface]}`;
  }
  return figure.start(roll.stop);
}
