// All-reduce: how the gradients of several processes are summed, stepped forward and backward, and what it costs.
import { button, choiceProblem, controlled, explanation, folded, frame, grid, hint, make, matrixProblem, menu, paint, parse,
  rangeProblem, short, slider, stepper } from "./common.js";

const RING = "ring", ONE = "to one and back", ALL = "everyone to everyone";
export const ALGORITHMS = [RING, ONE, ALL];
/** What happens in the steps before step n and from then on, and what it costs in all. */
const TEXTS = {
  [RING]: { phases: ["reduce-scatter: each rank sends one chunk to the next one, which adds it",
    "all-gather: each rank sends one complete chunk to the next one, which keeps it"],
  rule: (n) => `Each of P ranks sends 2(P − 1)/P vectors, below 2 for any P: 2·${n - 1}/${n}·${n} = ${2 * n - 2} numbers.` },
  [ONE]: { phases: ["to one: rank 0 gets the vector of a rank, and adds it", "back: rank 0 sends its sums to a rank"],
    rule: (n) => `Through the link of rank 0 go 2(P − 1) vectors, 2·${n - 1}·${n} = ${2 * n * (n - 1)} numbers.` },
  [ALL]: { phases: ["everyone to everyone: each rank sends its own vector to another one, which adds it"],
    rule: (n) => `Each rank sends its vector P − 1 times, ${n - 1}·${n} = ${n * (n - 1)} numbers.` },
};
const LINK = { megabytes: ["megabytes", "MB"], gigabits: ["gigabits per s", "Gbit/s"], latency: ["latency, µs", "µs"] };
const GAP = 0.15, LANE = 9;  // between what a rank sends and gets, in cells; between two lines, in pixels

const upTo = (n) => Array.from({ length: n }, (_, i) => i);

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

/** Lines from those who send to those who receive, beside a grid of `n` rows of `side` pixels. */
function wires(moves, n, side) {
  return make("svg", { width: 8 + LANE * n, height: n * side }, ...moves.flatMap(([from, to, { length }]) => {
    const [y, end] = [from + 0.5 + GAP, to + 0.5 - GAP].map((place) => place * side);
    const lane = 14 + LANE * (length > 1 ? from : Number(from > to));  // no two lines of a step meet in one
    return [make("path", { class: "ctr-wire ctr-hop", d: `M1 ${y}H${lane}V${end}H7` }),
      make("polygon", { class: "ctr-tip", points: `1,${end} 8,${end - 4} 8,${end + 4}` })];
  }));
}

/** A grid of cells, as `held` gives them, with the names of ranks and chunks around it. */
function headed(view) {
  const cells = view.element.querySelector("[role=grid]"), names = ["heads", "names", "beside"];
  const parts = names.map((name) => make("div", { class: `ctr-${name}`, "aria-hidden": "true" }));
  const box = make("div", { class: "ctr-headed" }, ...parts, cells);
  view.element.append(box);
  return { element: view.element, update(found, { values, side, heading, looked, moves = [], got = "" }) {
    const n = found.length, places = (end) => moves.flatMap((move) => move[2].map((chunk) => `${move[end]},${chunk}`));
    const from = new Set(places(0)), to = new Set(places(1));
    view.update(found.map((row) => row.map(({ value }) => value)), { size: side, heading, marked: to, strong: looked });
    box.style.setProperty("--cell", `${side}px`);
    ["", "rank "].forEach((name, i) => parts[i].replaceChildren(...upTo(n).map((k) => make("span", {}, name + k))));
    if (got) parts[2].replaceChildren(wires(moves, n, side));
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
  const ways = menu("algorithm", ALGORITHMS, (algorithm) => figure.change({ algorithm, step: 0 }));
  const processes = slider("processes", ...limits.processes,
    (n) => figure.change({ values: withRanks(figure.state().values, n, limits.start), step: 0 }));
  const go = (to) => { const places = count(figure.state()) + 1; figure.change({ step: (to + places) % places }); };
  const step = slider("step", 0, 1, go), steps = stepper((by) => go(figure.state().step + by), "step");
  const jump = (text, to, name) => button(text, () => { steps.stop(); go(to); }, name);
  steps.element.prepend(jump("|◀", 0, "first step"));
  steps.element.children[2].after(jump("▶|", -1, "last step"));  // one before the first: the figure goes round
  const links = Object.fromEntries(Object.entries(LINK).map(([name, [label]]) => [name,
    slider(label, ...limits[name].map(placeOf), (place) => figure.change({ [name]: numberAt(place) }))]));
  for (const one of [ways, steps]) one.element.classList.add("ctr-two");
  let looked = [0, 0];  // the rank and the chunk whose terms are told
  const start = headed(grid("gradients at the start", { onEdit(rank, chunk, text) {
    const values = figure.state().values.map((row) => row.slice());
    values[rank][chunk] = parse(text);
    if (Math.abs(values[rank][chunk]) <= 1e6) return figure.change({ values });
    return figure.say(`“${text}” is not a number between −1,000,000 and 1,000,000: the old one was kept.`);
  } }));
  const result = headed(grid("numbers held", { onPick(...at) {
    if (looked.join() !== at.join()) { looked = at; figure.redraw(); }
  } }));
  const news = explanation("what was sent in this step"), inside = make("div", { class: "ctr-formula" });
  const costs = make("div", { class: "ctr-boxes ctr-costs" }), times = make("div", { class: "ctr-scroll ctr-costs" });
  root.append(controlled(ways, processes), controlled(step, steps), message,
    make("div", { class: "ctr-boxes" }, start.element, result.element), inside, ...news.elements,
    hint("A row is a rank, a column a chunk. → was sent in this step, + was added, = replaced what was there; ✓ is a "
      + "complete sum; the darker a cell, the more ranks are in it. Guess the next step, then look. Point at a number "
      + "held, or walk with the arrow keys, to see its terms; click one at the start to change it. Afterwards, "
      + "DistributedDataParallel divides the sums by P, the number of processes."),
    folded("what it costs", costs), folded("how long it takes", controlled(...Object.values(links)), times,
    hint("Time = steps × latency + bytes / bandwidth, for a vector of so many megabytes in each rank. Assumed: one "
      + "link for each rank, which sends and receives at the same time; adding takes no time.")));

  function draw(now) {
    const { values, algorithm, step: at } = now, n = values.length, last = count(now), moves = sent(algorithm, n, at);
    const own = held(now, 0), found = held(now, at), before = algorithm === ALL ? own : held(now, at - 1);
    const room = figure.wide() - 72 - LANE * n, both = Math.floor((room - 72) / (2 * n));
    const side = Math.min(42, both < 32 ? Math.floor(room / n) : both);  // side by side, if there is room
    const [rank, chunk] = looked.map((i) => Math.min(i, n - 1)), cell = found[rank][chunk];
    ways.update(algorithm);
    processes.update(n);
    step.update(at, { max: last, spoken: `step ${at} of ${last}` });
    for (const [name, [, unit]] of Object.entries(LINK)) {
      const text = short(now[name]);
      links[name].update(placeOf(now[name]), { text, spoken: `${text} ${unit}` });
    }
    const terms = new Set(cell.ranks.map((one) => `${one},${chunk}`)), here = new Set([`${rank},${chunk}`]);
    start.update(own, { values, side, heading: "gradients at the start", looked: terms });
    const heading = `held after step ${at} of ${last}`;
    result.update(found, { values, side, heading, looked: here, moves, got: at < n ? "+" : "=" });
    inside.textContent = `C${told(rank, chunk, cell, values).slice(1)}.`;
    const lines = [at ? `Step ${at}, ${TEXTS[algorithm].phases[Number(at >= n)]}.` : "Step 0: nothing is sent yet."];
    if (algorithm === RING && at === n - 1) lines[0] += " Each rank has one complete chunk.";
    if (at === last) lines[0] += " Every rank has all sums.";
    lines.push(...moves.map(([from, to, chunks]) => `rank ${from} → rank ${to}: `
      + `${chunks[1] ? "" : `chunk ${chunks}, `}${chunks.map((one) => short(before[from][one].value)).join(" ")}`));
    news.update(lines.join("\n"), lines.join(" ").replaceAll("→", "to"));
    const counts = [at, last].map((to) => traffic(algorithm, n, to));
    const most = (f) => counts.map((all) => Math.max(...all.map(f)));
    const sum = (all) => all.reduce((soFar, [out]) => soFar + out, 0);
    costs.replaceChildren(table("costs, in numbers", ["", "so far", "in all"], ["steps", at, last],
      ["most sent by one rank", ...most(([out]) => out)], ["most through one link", ...most(([out, got]) => out + got)],
      ["sent by all ranks", ...counts.map(sum)]), make("p", {}, TEXTS[algorithm].rule(n)));
    const lengths = [2, 4, 8, 16].map((size) => [size, ALGORITHMS.map((way) => seconds(now, way, size))]);
    times.replaceChildren(table("time of one all-reduce, * the shortest", ["processes", ...ALGORITHMS], ...lengths.map(
      ([size, each]) => [size, ...each.map((time) => (time <= Math.min(...each) ? "* " : "") + written(time))])));
  }
  return figure.start(steps.stop);
}
