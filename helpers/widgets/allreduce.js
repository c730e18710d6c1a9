// All-reduce: how the gradients of several processes are summed, stepped forward and backward, and what it costs.
import { button, choiceProblem, controlled, drawingOf, explanation, folded, frame, grid, hint, make, matrixProblem,
  menu, paint, parse, rangeProblem, short, slider } from "./common.js";
import { film, isStill } from "./motion.js";
import { mega, stage } from "./ring.js";

const RING = "ring", ONE = "to one and back", ALL = "everyone to everyone";
export const ALGORITHMS = [RING, ONE, ALL];
/** What happens in the steps before step n and from then on, and what it costs in all. */
const TEXTS = {
  [RING]: { phases: ["adding up (the reduce-scatter): each rank sends one chunk to the next one, which adds it",
    "handing round (the all-gather): each rank sends one complete chunk to the next one, which keeps it"],
  rule: (n) => `Each of P ranks sends 2(P − 1)/P vectors, below 2 for any P: `
    + `here 2·${n - 1}/${n} = ${short(2 * (n - 1) / n)}.` },
  [ONE]: { phases: ["to one: rank 0 gets the vector of a rank, and adds it", "back: rank 0 sends its sums to a rank"],
    rule: (n) => `Through the link of rank 0 go 2(P − 1) vectors, here 2·${n - 1} = ${2 * (n - 1)}.` },
  [ALL]: { phases: ["everyone to everyone: each rank sends its own vector to another one, which adds it"],
    rule: (n) => `Each rank sends its vector P − 1 times, here ${n - 1} times.` },
};
const SHAPES = { [RING]: "ring", [ONE]: "hub", [ALL]: "all" };
const LINK = { megabytes: ["gradient, MB", "MB"], gigabits: ["gigabits per s", "Gbit/s"],
  latency: ["latency, µs", "µs"] };
const FAST = 3, LASTS = 5000;  // how much faster time runs for the last one; how long the first one takes, in ms

const upTo = (n) => Array.from({ length: n }, (_, i) => i);

/** Answers to how far the slower of two ways is when the other one is done, and up to which share each is right. */
export const GUESSES = [["still at its beginning", 0.35], ["about halfway", 0.75], ["nearly done, too", Infinity]];

/** The quicker of two ways, the other one, and how far that is then, from 0 to 1. */
export function raced(state, ways, n) {
  const [quick, slow] = [...ways].sort((a, b) => seconds(state, a, n) - seconds(state, b, n));
  return { quick, slow, share: seconds(state, quick, n) / seconds(state, slow, n) };
}

/** How many steps an algorithm takes with `n` ranks. */
export function stepCount(algorithm, n) { return (algorithm === ALL ? 1 : 2) * (n - 1); }

/** What is sent in step 1, 2, …, all at the same time: [sender, receiver, chunks] each. */
export function sent(algorithm, n, step) {
  const ranks = upTo(n), forth = step < n, s = forth ? step - 1 : step - n;
  if (step < 1) return [];
  if (algorithm === ONE) return [forth ? [step, 0, ranks] : [0, step - n + 1, ranks]];
  if (algorithm === ALL) return ranks.map((rank) => [rank, (rank + step) % n, ranks]);
  return ranks.map((rank) => [rank, (rank + 1) % n, [(rank + (forth ? 0 : 1) - s + n) % n]]);
}

/** What the ranks hold after `step` steps, [rank][chunk]: {value, ranks}, the ranks whose numbers are in the sum. */
export function held({ values, algorithm }, step) {
  const n = values.length, own = values.map((row, rank) => row.map((value) => ({ value, ranks: [rank] })));
  let now = own;
  for (let number = 1; number <= step; number++) {
    const before = algorithm === ALL ? own : now, next = now.map((row) => row.slice());
    for (const [sender, receiver, chunks] of sent(algorithm, n, number)) chunks.forEach((chunk) => {
      const got = before[sender][chunk], mine = now[receiver][chunk];
      next[receiver][chunk] = number >= n ? got
        : { value: got.value + mine.value, ranks: [...got.ranks, ...mine.ranks].sort() };
    });
    now = next;
  }
  return now;
}

/** How many numbers each rank has sent and received after `step` steps: [sent, received] each. */
export function traffic(algorithm, n, step) {
  const moves = upTo(step).flatMap((i) => sent(algorithm, n, i + 1));
  return upTo(n).map((rank) => [0, 1].map((end) => moves.filter((move) => move[end] === rank)
    .reduce((sum, [, , chunks]) => sum + chunks.length, 0)));
}

/** How long it takes: steps × latency + bytes / bandwidth, `megabytes` being the vector of one rank. */
export function seconds({ megabytes, gigabits, latency }, algorithm, n) {
  const steps = stepCount(algorithm, n), vectors = algorithm === RING ? steps / n : steps;
  return steps * latency * 1e-6 + vectors * megabytes * 8e-3 / gigabits;
}

/** How far an algorithm is after so many seconds: steps that are done, and the share of the next one. */
export function progress(state, algorithm, n, time) {
  const last = stepCount(algorithm, n), steps = last * Math.max(0, time) / seconds(state, algorithm, n);
  const step = Math.min(last, Math.floor(steps + 1e-6)), part = steps - step;
  return { step, part: step < last && part > 1e-6 ? part : 0 };
}

/** How many MB each rank has sent and received by then, the share of the next step included. */
export function moved({ megabytes }, algorithm, n, { step, part }) {
  const [now, next] = [step, Math.min(step + 1, stepCount(algorithm, n))].map((at) => traffic(algorithm, n, at));
  return now.map((row, rank) => row.map((count, end) => (count + part * (next[rank][end] - count)) * megabytes / n));
}

/** A time with its unit, in three digits. */
export function written(time) {
  const [unit, size] = time < 1e-3 ? ["µs", 1e6] : time < 1 ? ["ms", 1e3] : ["s", 1];
  return `${short(+(time * size).toPrecision(3))} ${unit}`;
}

/** The values of `n` ranks: those that are still there, and others from the figure's start. */
export function withRanks(values, n, start) {
  return upTo(n).map((r) => upTo(n).map((c) => (r < values.length && c < values.length ? values : start)[r][c]));
}

/** 1, 2, 5, 10 and so on, for a slider: the number at the place `third`, and the place next to a number. */
export const numberAt = (third) => Number((10 ** (third / 3)).toPrecision(1));
export const placeOf = (number) => Math.round(3 * Math.log10(number));

/** What a cell holds, in words. */
export function told(rank, chunk, { value, ranks }, values) {
  const term = (v, i) => (v < 0 && i ? `(${short(v, 5)})` : short(v, 5));
  const sum = ranks.map((one, i) => term(values[one][chunk], i)).join(" + ");
  const whose = ranks.length === values.length ? "all ranks: complete" : `ranks ${ranks.join(", ")}`;
  const what = ranks.length > 1 ? ` = ${short(value, 5)}, the sum of ${whose}` : ", its own number";
  return `chunk ${chunk} of rank ${rank}: ${sum}${what}`;
}

export function allreduceProblem({ values, algorithm, step, limits, ...rest }) {
  const [low, high] = limits.processes, wrong = matrixProblem("values", values, high);
  if (wrong) return wrong;
  const n = values.length, last = stepCount(algorithm, n);
  if (n < low || values[0].length !== n) return `The values need from ${low} to ${high} rows, and as many columns.`;
  const { megabytes, gigabits, latency } = limits;
  return choiceProblem({ algorithm }, { algorithm: ALGORITHMS }) || rangeProblem({ step }, { step: [0, last] })
    || rangeProblem(rest, { megabytes, gigabits, latency }, []);
}

/** A grid of cells, as `held` gives them, with the names of ranks and chunks around it. */
function headed(view) {
  const cells = view.element.querySelector("[role=grid]"), names = ["heads", "names"];
  const parts = names.map((name) => make("div", { class: `ctr-${name}`, "aria-hidden": "true" }));
  const box = make("div", { class: "ctr-headed" }, ...parts, cells);
  view.element.append(box);
  return { element: view.element, update(found, { values, side, heading, looked, moves = [], got = "" }) {
    const n = found.length, places = (end) => moves.flatMap((move) => move[2].map((chunk) => `${move[end]},${chunk}`));
    const from = new Set(places(0)), to = new Set(places(1));
    view.update(found.map((row) => row.map(({ value }) => value)), { size: side, heading, marked: to, strong: looked });
    box.style.setProperty("--cell", `${side}px`);
    ["", "rank "].forEach((name, i) => parts[i].replaceChildren(...upTo(n).map((k) => make("span", {}, name + k))));
    for (const one of cells.querySelectorAll("[role=gridcell]")) {
      const key = one.dataset.at, [rank, chunk] = key.split(","), cell = found[rank][chunk], count = cell.ranks.length;
      const { background, ink } = paint(1 - count, 1 - n, 0, true);  // the more ranks, the darker
      Object.assign(one.style, { background, color: ink });
      one.dataset.mark = to.has(key) ? got : from.has(key) ? "→" : "";
      one.classList.toggle("ctr-whole", count === n);
      one.setAttribute("aria-selected", looked.has(key));
      one.setAttribute("aria-label", told(rank, chunk, cell, values));
    }
  } };
}

/** A table of lines, the first one being its head. */
function table(caption, ...lines) {
  const cell = (text, scope) => (scope && text !== "" ? make("th", { scope }, text) : make("td", {}, text));
  return make("table", {}, make("caption", {}, caption), ...lines.map((cells, row) => make("tr", {},
    ...cells.map((text, i) => cell(text, row ? (i ? "" : "row") : "col")))));
}

const NAMES = ["values", "algorithm", "step", ...Object.keys(LINK), "limits"];
export function render(context) {
  const { root, message, ...figure } = frame(context, "All-reduce, step by step", NAMES, allreduceProblem, draw);
  const { limits } = figure.state(), count = ({ algorithm, values }) => stepCount(algorithm, values.length);
  const each = (now, way) => seconds(now, way, now.values.length) / stepCount(way, now.values.length);
  const rival = ({ algorithm }) => (algorithm === RING ? ONE : RING);
  let clock = 0, target = null;  // in seconds, and where a single step ends
  let key = null;  // for which setting the clock runs
  let guessed = null, asked = "", raceSeen = false;  // what the reader thinks of the race, and of which one
  let looked = [0, 0];  // the rank and the chunk whose terms are told
  const at = (now) => progress(now, now.algorithm, now.values.length, clock);

  // controls
  const ways = menu("algorithm", ALGORITHMS, (algorithm) => figure.change({ algorithm, step: 0 }));
  const processes = slider("processes", ...limits.processes,
    (n) => figure.change({ values: withRanks(figure.state().values, n, limits.start), step: 0 }));
  const links = Object.fromEntries(Object.entries(LINK).map(([name, [label]]) => [name,
    slider(label, ...limits[name].map(placeOf), (place) => figure.change({ [name]: numberAt(place) }))]));
  const step = slider("step", 0, 1, (to) => { stop(); go(to); });
  step.element.classList.add("ctr-wide");
  ways.element.classList.add("ctr-two");

  // time
  const commit = () => figure.change({ step: at(figure.state()).step });
  const end = (now) => target
    ?? Math.max(...[now.algorithm, rival(now)].map((way) => seconds(now, way, now.values.length)));
  function advance(passed) {
    const now = figure.state(), own = seconds(now, now.algorithm, now.values.length), before = at(now).step;
    const beat = Math.min(900, Math.max(420, LASTS / count(now)));  // ms a step
    clock = Math.min(end(now), clock + passed / beat * each(now, now.algorithm) * (clock >= own ? FAST : 1));
    if (at(now).step !== before) commit(); else figure.redraw();
    return clock < end(now);
  }
  const player = film(root, { advance, begun() {
    if (target === null && clock >= end(figure.state())) clock = 0;
    commit();
  }, stopped() {
    target = null;
    commit();
    figure.redraw();
  } });
  const stop = player.stop;
  /** Go to a step, the one before the first being the last: at once, or so that one sees how. */
  function go(to, shown = false) {
    const now = figure.state(), places = count(now) + 1, wanted = (to + places) % places;
    if (shown && wanted && !isStill()) {
      clock = (wanted - 1) * each(now, now.algorithm);
      target = wanted * each(now, now.algorithm);
      player.begin();
    } else {
      clock = wanted * each(now, now.algorithm);
      commit();
      figure.redraw();
    }
  }
  /** Step: a step that is still shown ends at once. */
  const by = (way) => {
    const now = figure.state(), goal = target;
    if (goal !== null) clock = goal;
    stop();
    const { step: done, part } = at(now);
    if (way < 0) go(part ? done : done - 1); else go(done + 1, true);
  };
  const jump = (text, to, name) => button(text, () => { stop(); go(to); }, name);
  const steps = make("div", { class: "ctr-stepper", role: "group", "aria-label": "step through the steps" },
    jump("|◀", 0, "first step"), button("◀", () => by(-1), "previous step"), player.play,
    button("▶", () => by(1), "next step"), jump("▶|", -1, "last step"));

  // the guess
  const question = make("div", { class: "ctr-title" }), verdict = make("div", { class: "ctr-guessed", role: "status" });
  const guesses = GUESSES.map(([text], i) => make("button", { type: "button", class: "ctr-button", click() {
    guessed = i;
    figure.redraw();
    if (raceSeen) return;
    if (isStill()) go(-1); else { stop(); clock = 0; player.begin(); }
  } }, text));
  const guess = make("div", {}, question,
    make("div", { class: "ctr-stepper", role: "group", "aria-label": "your guess" }, ...guesses), verdict);
  function judge(now) {
    const n = now.values.length, { quick, slow, share } = raced(now, [now.algorithm, rival(now)], n);
    if (asked !== key) [asked, guessed, raceSeen] = [key, null, false];  // another race
    raceSeen = raceSeen || clock >= seconds(now, quick, n) * (1 - 1e-9);
    question.textContent = `Your guess: when “${quick}” is done, how far is “${slow}”?`;
    guesses.forEach((one, i) => one.setAttribute("aria-pressed", String(guessed === i)));
    const right = GUESSES.findIndex(([, most]) => share < most), at = progress(now, slow, n, seconds(now, quick, n)),
      said = raceSeen && guessed !== null ? `${guessed === right ? "Right" : "No"}: “${slow}” has then done `
        + `${at.step} of its ${stepCount(slow, n)} steps, ${Math.round(100 * share)}\u00a0% of its time.` : "";
    if (verdict.textContent !== said) verdict.textContent = said;
  }

  // pictures
  const look = (...place) => { if (looked.join() !== place.join()) { looked = place; figure.redraw(); } };
  const stages = [stage(look), stage(null)];
  const start = headed(grid("gradients at the start", { onEdit(rank, chunk, text) {
    const values = figure.state().values.map((row) => row.slice());
    values[rank][chunk] = parse(text);
    if (Math.abs(values[rank][chunk]) <= 1e6) return figure.change({ values });
    return figure.say(`“${text}” is not a number between −1,000,000 and 1,000,000: the old one was kept.`);
  } }));
  const result = headed(grid("numbers held", { onPick: look }));
  const news = explanation("what was sent in this step"), inside = make("div", { class: "ctr-formula" });
  const costs = make("div", { class: "ctr-boxes ctr-costs" }), times = make("div", { class: "ctr-scroll ctr-costs" });
  const heading = make("div", { class: "ctr-formula ctr-now" });
  const both = make("div", { class: "ctr-stages" }, ...stages.map(({ element }) => element));
  root.append(controlled(ways, processes, links.megabytes), message,
    hint("Each box is a process; its number is called its rank. It holds a vector, cut into parts, the chunks. The "
      + "fuller a chunk is drawn, the more ranks are in its sum."),
    guess, steps, controlled(step), drawingOf(heading, both, inside),
    hint("Beside the links: how many MB have gone through. Point at a chunk to see its terms."),
    folded("every number, to walk through and to change",
      make("div", { class: "ctr-boxes" }, start.element, result.element), ...news.elements,
      hint("A row is a rank, a column a chunk. → was sent in this step, + was added, = replaced what was there; "
        + "✓ is a complete sum. Walk with the arrow keys to see its terms; click a number at the start to change it. "
        + "Afterwards, DistributedDataParallel divides the sums by P, the number of processes.")),
    folded("what it costs", costs),
    folded("how long it takes", controlled(links.gigabits, links.latency), times,
      hint("Time = steps × latency + bytes / bandwidth, for a gradient of so many megabytes in each rank. Assumed: "
        + "one link for each rank, which sends and receives at the same time; adding takes no time.")));

  /** What a stage shows of one way at the clock's time. */
  function view(now, way, wide, most) {
    const { values } = now, n = values.length, last = stepCount(way, n), total = written(seconds(now, way, n));
    const { step: done, part } = progress(now, way, n, clock), state = { values, algorithm: way };
    const found = held(state, done), chosen = way === now.algorithm ? looked.map((i) => Math.min(i, n - 1)) : null;
    const next = part ? sent(way, n, done + 1) : [], moves = part ? [] : sent(way, n, done);
    const waiting = n - new Set(next.flatMap((one) => one.slice(0, 2))).size;
    let told = done ? `${done} of ${last} steps done` : `${last} steps${raceSeen ? `, ${total}` : ""}`;
    if (part) told = `step ${done + 1} of ${last}, ${waiting ? `${waiting} of ${n} ranks wait` : "all links busy"}`;
    if (done === last) told = `✓ done after ${total}`;
    const phase = done === last ? "✓" : done + Math.ceil(part) < n ? "adding up" : "handing round";
    return { key: JSON.stringify([values, way, done, next.length, chosen, wide]), shape: SHAPES[way],
      title: way === ONE ? `${way} (a master)` : way, told, held: found, before: way === ALL ? held(state, 0) : found,
      moves, next, part, center: way === RING && n > 2 ? phase : "", looked: chosen, wide, most,
      carried: moved(now, way, n, { step: done, part }),
      spoken: `${n} ranks, ${way}, after step ${done} of ${last}; the numbers are in the tables below` };
  }

  function draw(now) {
    const { values, algorithm } = now, n = values.length, last = count(now),
      setting = JSON.stringify([values, algorithm, ...Object.keys(LINK).map((name) => now[name])]);
    if (setting !== key || at(now).step !== now.step) {  // changed from elsewhere: the clock follows
      const old = key;
      [key, clock] = [setting, now.step * each(now, algorithm)];
      if (old !== null && old !== setting) player.stop();
    }
    const { step: done } = at(now), moves = sent(algorithm, n, done);
    const own = held(now, 0), found = held(now, done), before = algorithm === ALL ? own : held(now, done - 1);
    const [rank, chunk] = looked.map((i) => Math.min(i, n - 1)), cell = found[rank][chunk];
    ways.update(algorithm);
    processes.update(n);
    step.update(done, { max: last, spoken: `step ${done} of ${last}` });
    for (const [name, [, unit]] of Object.entries(LINK)) {
      const text = short(now[name]);
      links[name].update(placeOf(now[name]), { text, spoken: `${text} ${unit}` });
    }
    const wide = figure.wide(), half = wide >= 600 ? Math.floor((wide - 24) / 2) : wide, other = rival(now);
    const counts = [algorithm, other].flatMap((way) => traffic(way, n, stepCount(way, n)).flat());
    const most = 2 * Math.max(...counts) * now.megabytes / n;
    const fast = player.playing() && target === null && clock >= seconds(now, algorithm, n) && clock < end(now);
    heading.textContent = `Time: ${written(clock)}${fast ? `, now ${FAST} times as fast` : ""}. `
      + `${short(now.megabytes)} MB at ${short(now.gigabits)} Gbit/s.`;
    judge(now);
    [algorithm, other].forEach((way, i) => stages[i].update(view(now, way, half, most)));
    inside.textContent = `C${told(rank, chunk, cell, values).slice(1)}.`;
    tables(now, { done, last, moves, own, found, before, rank, chunk, cell });
  }

  let tabled = "";
  /** What stands below the pictures, which changes from step to step only. */
  function tables(now, { done, last, moves, own, found, before, rank, chunk, cell }) {
    const { values, algorithm } = now, n = values.length,
      mark = JSON.stringify([now, done, rank, chunk, figure.wide()]);
    if (mark === tabled) return;
    tabled = mark;
    const room = figure.wide() - 72, pair = Math.floor((room - 96) / (2 * n)),
      side = Math.min(42, pair < 32 ? Math.floor(room / n) : pair);
    const terms = new Set(cell.ranks.map((one) => `${one},${chunk}`)), here = new Set([`${rank},${chunk}`]);
    start.update(own, { values, side, heading: "gradients at the start", looked: terms });
    result.update(found, { values, side, heading: `held after step ${done} of ${last}`, looked: here, moves,
      got: done < n ? "+" : "=" });
    const lines = [done ? `Step ${done}, ${TEXTS[algorithm].phases[Number(done >= n)]}.`
      : "Step 0: nothing is sent yet."];
    if (algorithm === RING && done === n - 1) lines[0] += " Each rank has one complete chunk.";
    if (done === last) lines[0] += " Every rank has all sums.";
    lines.push(...moves.map(([from, to, chunks]) => `rank ${from} → rank ${to}: `
      + `${chunks[1] ? "" : `chunk ${chunks}, `}${chunks.map((one) => short(before[from][one].value)).join(" ")}`));
    news.update(lines.join("\n"), lines.join(" ").replaceAll("→", "to"));
    const counts = [done, last].map((to) => moved(now, algorithm, n, { step: to, part: 0 }));
    const largest = (f) => counts.map((all) => mega(Math.max(...all.map(f))));
    const sum = (all) => mega(all.reduce((soFar, [out]) => soFar + out, 0));
    costs.replaceChildren(table("costs, in MB", ["", "so far", "in all"], ["steps", done, last],
      ["most sent by one rank", ...largest(([out]) => out)],
      ["most through one link", ...largest(([out, got]) => out + got)],
      ["sent by all ranks", ...counts.map(sum)]), make("p", {}, TEXTS[algorithm].rule(n)));
    const lengths = [2, 4, 8, 16].map((size) => [size, ALGORITHMS.map((way) => seconds(now, way, size))]);
    times.replaceChildren(table("time of one all-reduce, * the shortest", ["processes", ...ALGORITHMS], ...lengths.map(
      ([size, all]) => [size, ...all.map((time) => (time <= Math.min(...all) ? "* " : "") + written(time))])));
  }
  return figure.start(player.end);
}
