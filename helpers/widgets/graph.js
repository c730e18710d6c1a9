// The graph of an expression or a function: values flow down, the slopes stand on the edges, gradients flow up.
import { button, controlled, drawingOf, explanation, frame, make, menu, parse, slider, stepper } from "./common.js";
import { plot, pointed, ticks } from "./chart.js";
import { OPERATIONS, bracketed, evaluate, gradients, graphOf, handed, numeral, phrase, remarks } from "./expression.js";

const numbersOf = (inputs) => Object.fromEntries(Object.entries(inputs).map(([name, v]) => [name, [v].flat(Infinity)]));

/** The graph that is shown: the expression's, where there is one, else the one that Python recorded. */
export function shownGraph({ expression, nodes, inputs, replayable, limits }) {
  if (!expression) return { nodes, inputs, replayable, problem: "" };
  const { nodes: own, problem } = graphOf(expression, limits);
  const numbers = Object.fromEntries(Object.entries(inputs).filter(([, v]) => typeof v === "number"));
  return { nodes: own, inputs: numbers, replayable: true, problem };
}

/** Values and gradients of every node: computed here where all operations are known, else as Python recorded them. */
export function computed(nodes, inputs, replayable) {
  if (!replayable) return { values: nodes.map((one) => one.value), grads: nodes.map((one) => one.grad) };
  const values = evaluate(nodes, numbersOf(inputs));
  return { values, grads: gradients(nodes, values) };
}

export function graphProblem(state) {
  const { nodes, inputs, replayable, problem } = shownGraph(state);
  if (problem) return problem;
  if (!(state.step >= 0)) return "There is no such step.";
  if (state.expression) {
    return Object.values(inputs).every((v) => Number.isFinite(v) && Math.abs(v) <= 1e6) ? ""
      : "The inputs must be numbers between −1,000,000 and 1,000,000.";
  }
  const { values, grads } = computed(nodes, inputs, replayable);
  return [...values, ...grads].flat().every(Number.isFinite) ? ""
    : "There the expression or its slope is not a finite number. The last inputs that work were kept.";
}

/** The last step: inputs, each value, the first gradient, each operation's way back, and all at once. */
export const lastStep = (nodes) => 2 * nodes.filter((one) => one.op !== "leaf").length + 2;

/** Numbers as a reader writes them: one alone, a row in brackets, rows divided by semicolons. */
export function written(values, shape = [], digits = 4) {
  if (values.length === 1 && !shape.length) return numeral(values[0], digits);
  const width = shape[shape.length - 1] || values.length, rows = [];
  for (let i = 0; i < values.length; i += width) rows.push(values.slice(i, i + width).map((v) =>
    numeral(v, 3)).join(" "));
  return `[${rows.join("; ")}]`;
}

/** What is said where the challenge is met, or "": of an x that is one number, once its gradient is shown. */
export function graphMet(state) {
  const { nodes, inputs, replayable } = shownGraph(state);
  const leaf = nodes.findIndex(({ op, name }) => op === "leaf" && name === "x");
  if (leaf < 0 || state.step < lastStep(nodes)) return "";
  const slope = computed(nodes, inputs, replayable).grads[leaf];
  return slope.length === 1 && Math.abs(slope[0]) < 0.05 ? `Almost 0: it is ${numeral(slope[0])}.` : "";
}

/** How wide an edge is: 4 pixels for a gradient of 1, 2 more for each power of ten, from 1 to 11. */
export function edgeWidth(amounts) {
  const most = Math.max(...amounts.map(Math.abs));
  return Number.isNaN(most) ? 3 : Math.min(11, Math.max(1, 4 + 2.4 * Math.log10(most || 1e-9)));
}

/** The curve of the result over input `name`, `count` points from `low` to `high`: pairs of input and result. */
export function curveOver(nodes, inputs, name, [low, high], count = 301) {
  return Array.from({ length: count }, (_, i) => {
    const x = low + (high - low) * i / (count - 1), values = evaluate(nodes, numbersOf({ ...inputs, [name]: x }));
    return [x, values[values.length - 1][0]];
  });
}

/** What of a curve is to be seen: from lowest to highest without the outermost twentieth at a pole, with `value` in
   it. */
export function heights(points, value) {
  const found = points.map(([, y]) => y).filter(Number.isFinite).sort((a, b) => a - b);
  const at = (share) => found[Math.round(share * (found.length - 1))];
  let [low, high] = found.length ? [found[0], found[found.length - 1]] : [-1, 1];
  const calm = at(0.95) - at(0.05);
  if (high - low > 4 * calm && calm > 0) [low, high] = [at(0.05) - calm / 2, at(0.95) + calm / 2];
  if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const room = (high - low) * 0.08 || Math.max(1, Math.abs(high) * 0.1);
  return [low - room, high + room];
}

/** The pieces of a line through `points` that lie between two heights; none where it leaps from one side to the
   other. */
export function pieces(points, [low, high]) {
  const found = [];
  let last = null;
  const inside = ([, y]) => y >= low && y <= high;
  const edge = (a, b) => {
    const y = (inside(a) ? b : a)[1] > high ? high : low;
    return [a[0] + (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]), y];
  };
  points.forEach((to, i) => {
    const from = points[i - 1];
    if (!from || !Number.isFinite(from[1]) || !Number.isFinite(to[1])) last = null;
    else if (!inside(from) && !inside(to)) last = null;
    else {
      if (!last) { last = [inside(from) ? from : edge(from, to)]; found.push(last); }
      last.push(inside(to) ? to : edge(from, to));
      if (!inside(to)) last = null;
    }
  });
  return found;
}

/**
 * Where everything stands: rows from the top, each node below all its inputs and near their middle. A wire that
 * passes a row
 * gets a narrow place of its own in it, so that it runs beside the boxes. Places are fractions of the width.
 */
export function layout(nodes) {
  const depth = [], rows = [], wires = [];
  const from = (node) => node.inputs.filter((one) => typeof one === "number");
  const enter = (row, item) => { (rows[row] = rows[row] || []).push(item); return item; };
  const items = [];
  nodes.forEach((node, i) => {
    depth[i] = from(node).length ? 1 + Math.max(...from(node).map((one) => depth[one])) : 0;
    const item = enter(depth[i], { weight: 1, above: [] });
    for (const one of from(node)) {
      const path = [items[one]];
      for (let row = depth[one] + 1; row < depth[i];
        row++) path.push(enter(row, { weight: 0.3, above: [path[path.length - 1]] }));
      item.above.push(path[path.length - 1]);
      wires.push({ from: one, to: i, bends: path.slice(1),
        twin: wires.filter((wire) => wire.from === one && wire.to === i).length });
    }
    items.push(item);
  });
  rows.forEach((row) => {
    const wish = ({ above }) => above.reduce((sum, one) => sum + one.place, 0) / (above.length || 1);
    const sorted = row.map((item) => [item, wish(item)]).sort((a, b) => a[1] - b[1]).map(([item]) => item);
    const total = row.reduce((sum, { weight }) => sum + weight, 0);
    let before = 0;
    for (const item of sorted) { item.place = (before + item.weight / 2) / total; before += item.weight; }
  });
  const widest = Math.max(...rows.map((row) => row.reduce((sum, { weight }) => sum + weight, 0)));
  rows.forEach((row, at) => row.forEach((item) => { item.row = at; }));
  return { depth, place: items.map((item) => item.place), widest, wires };
}


const WIRE = { plain: "ag-wire", up: "ag-wire ag-up", down: "ag-wire ag-down", none: "ag-wire ag-none" };

/** Points of the edges of a graph in pixels: {from, to, position, points}, the first point below the box it comes
   from. */
function routes(nodes, { wires }, x, top, bottom, wide) {
  const edges = wires.map((wire) => ({ ...wire }));
  const port = (list, i, center) => center + (list.indexOf(i) - (list.length - 1) / 2) * Math.min(wide * 0.5,
    (wide - 16) / Math.max(1, list.length - 1));
  const indices = edges.map((_, i) => i);
  return edges.map(({ from, to, bends }, i) => {
    const far = (k, end) => (edges[k].bends.length ? edges[k].bends[end ? edges[k].bends.length - 1 : 0].x
      : x(end ? edges[k].from : edges[k].to));
    const out = indices.filter((k) => edges[k].from === from).sort((a, b) => far(a, 0) - far(b, 0) || a - b);
    const into = indices.filter((k) => edges[k].to === to).sort((a, b) => far(a, 1) - far(b, 1) || a - b);
    return { from, to, points: [[port(out, i, x(from)), bottom(from)],
      ...bends.flatMap((one) => [[one.x, one.top], [one.x, one.bottom]]),
      [port(into, i, x(to)), top(to)]] };
  });
}

/** A smooth line through the points of an edge: an S between rows, straight where it passes one. */
function smooth(points) {
  const f = (v) => v.toFixed(1);
  return points.map(([x, y], k) => {
    if (!k) return `M${f(x)} ${f(y)}`;
    const [u, v] = points[k - 1], half = (y - v) / 2;
    return `C${f(u)} ${f(v + half)} ${f(x)} ${f(y - half)} ${f(x)} ${f(y)}`;
  }).join("");
}

/** The point at `share` of the last S of an edge, where its slope stands. */
function onEdge(points, share) {
  const [[u, v], [x, y]] = points.slice(-2), s = share * share * (3 - 2 * share), t = share;
  return [u + (x - u) * s, v + (y - v) * (1.5 * t * (1 - t) + t * t * t)];
}

const NAMES = ["expression", "nodes", "inputs", "replayable", "over", "step", "limits"];
const ALL = 50;  // every step of any graph

export function render(context) {
  const { root, message, ...figure } = frame(context, "Graph of a computation", NAMES, graphProblem, draw,
    { met: graphMet });
  const shown = () => shownGraph(figure.state());
  const goto = (step) => figure.change({ step: step >= lastStep(shown().nodes) ? ALL : step });
  const step = slider("step", 0, 1, goto);
  const steps = stepper((by) => {
    const count = lastStep(shown().nodes) + 1;
    goto((Math.min(figure.state().step, count - 1) + by + count) % count);
  }, "step");
  const predict = button("", () => {
    const { nodes } = shown(), values = lastStep(nodes) / 2 - 1;
    goto(figure.state().step > values ? values : ALL);
  });
  steps.element.append(predict);
  const typed = make("input", { class: "ctr-field ag-expression", type: "text", "aria-label": "expression",
    autocomplete: "off",
    autocapitalize: "off", spellcheck: "false", maxlength: 200, input: () => enter(false), change: () => enter(true),
    keydown: (event) => { if (event.key === "Enter") enter(true); } });
  const entry = make("label", { class: "ag-entry" }, make("span", {}, "out ="), typed);
  const fields = make("div", { class: "ag-fields" });
  const picture = make("div", { class: "ag-picture ctr-scroll" });
  const over = menu("curve over", ["x", "y", "z"], figure.set("over"));
  const chart = { left: 46, right: 10 };
  const place = pointed(chart, (share) => move(share));
  const beside = make("div", { class: "ag-beside" }, place, over.element), main = make("div");
  const remark = make("div", { class: "ag-remark", role: "status" });
  const words = explanation("what happens in this step");
  words.elements[0].classList.add("ctr-steady");
  main.append(picture, remark, make("div", { class: "ag-steps" }, steps.element, controlled(step)), ...words.elements);
  root.append(entry, fields, message,
    drawingOf(make("div", { class: "ag-both" }, main, beside)));
  root.classList.add("ag");
  let built = "", text = null, lastDrawn = null, reach = {}, move = () => {};

  function enter(finished) {
    const { nodes, problem, place: at } = graphOf(typed.value, figure.state().limits);
    if (!problem) {
      if (typed.value === figure.state().expression) return;
      text = typed.value;
      const inputs = Object.fromEntries(Object.entries(figure.state().inputs).filter(([, v]) => typeof v === "number"));
      for (const { op, name } of nodes) if (op === "leaf" && !(name in inputs)) inputs[name] = 1;
      return figure.change({ expression: typed.value, inputs, step: ALL });
    }
    figure.say(finished ? `${problem} The figure keeps its last expression.` : "");
    if (finished && document.activeElement === typed) typed.setSelectionRange(at - 1, at);
  }
  function assign(name, value) { figure.change({ inputs: { ...figure.state().inputs, [name]: value } }); }
  function build({ nodes, inputs, replayable }) {
    const names = nodes.filter(({ op, name }) => op === "leaf"
      && typeof (inputs[name] ?? 1) === "number").map(({ name }) => name);
    const key = `${names.join()} ${replayable}`;
    if (key === built) return names;
    built = key;
    reach = {};
    fields.replaceChildren(...names.map((name) => {
      const range = make("input", { type: "range", "aria-label": name, "data-leaf": name, input: () =>
        assign(name, Number(range.value)) });
      const field = make("input", { class: "ctr-field ctr-number", type: "text", "aria-label": `value of ${name}`,
        "data-leaf": name,
        autocomplete: "off", change: () => {
          const value = parse(field.value);
          if (Number.isFinite(value) && Math.abs(value) <= 1e6) return assign(name, value);
          figure.say(`“${field.value}” is not a number between −1,000,000 and 1,000,000: `
            + `${name} keeps the one it had.`);
          figure.redraw();
        } });
      return make("div", { class: "ag-input" }, make("span", { "aria-hidden": "true" }, `${name} =`), field, range);
    }));
    return names;
  }
  function draw(now) {
    const graph = shown(), { nodes, inputs, replayable } = graph,
      { values, grads } = computed(nodes, inputs, replayable);
    const inner = nodes.map((one, i) => i).filter((i) => nodes[i].op !== "leaf"), count = inner.length,
      last = nodes.length - 1;
    const final = lastStep(nodes), at = Math.min(now.step, final), names = build(graph);
    entry.hidden = !now.expression;
    if (text !== now.expression) { text = now.expression; typed.value = now.expression; }
    for (const name of names) {
      const value = inputs[name] ?? 1, fixed = !replayable && !figure.live;
      reach[name] = Math.max(reach[name] || 0, [4, 10, 100, 1e3, 1e4, 1e5, 1e6].find((one) => Math.abs(value) <= one));
      const [field, range] = ["text", "range"].map((type) =>
        fields.querySelector(`input[type=${type}][data-leaf="${name}"]`));
      Object.assign(range, { min: -reach[name], max: reach[name], step: reach[name] / 400 });
      range.value = value;
      range.setAttribute("aria-valuetext", numeral(value));
      if (document.activeElement !== field || parse(field.value) !== value) field.value = String(value).replace("-",
        "−");
      field.disabled = range.disabled = fixed;
    }
    step.update(at, { max: final });
    predict.textContent = at > count ? "hide gradients" : "show all";
    const back = Math.min(count, Math.max(0, at - count - 1));  // how many nodes have handed their gradient on
    const partial = replayable ? gradients(nodes, values, back) : grads;
    const active = at === 0 || at === final ? -1 : at <= count ? inner[at - 1] : at === count + 1 ? last
      : inner[count - back];
    const known = (i) => nodes[i].op === "leaf" || at > count || inner.indexOf(i) < at;
    const gone = new Set(inner.slice(count - back));  // what has handed its gradient on
    const reached = (i) => at > count && (i === last
      || nodes.some((node, k) => gone.has(k) && node.inputs.includes(i)));
    const complete = (i) => i === last || nodes.every((node, k) => !node.inputs.includes(i) || gone.has(k))
      || at === final;
    const uses = (i) => nodes.flatMap((one) => one.inputs).filter((one) => one === i).length;
    const name = (i) => nodes[i].name, shape = (i) => nodes[i].shape || [];
    /** The amounts that have reached node i so far, in the order in which they came. */
    const came = (i) => [...inner].reverse().filter((k) => gone.has(k) && replayable)
      .flatMap((k) => handed(nodes[k], values, grads[k]).filter((one) => one.input === i).map(({ amounts }) =>
        amounts));
    words.update(...told());
    const said = replayable ? remarks(nodes, values).slice(0, 3).join(" ") : "";
    if (remark.textContent !== said) remark.textContent = said;
    sketch();
    trace();
    lastDrawn = at;

    function told() {
      const value = (i) => written(values[i], shape(i));
      if (at === 0) return twice("The inputs. Step on to compute.");
      if (at <= count) {
        const node = nodes[active], letters = node.inputs.map((one) =>
          (typeof one === "number" ? name(one) : numeral(one.number)));
        const numbers = node.inputs.map((one) => (typeof one === "number" ? value(one) : numeral(one.number)));
        return twice(`forward:  ${node.name} = ${phrase(node.op, ...letters)} = ${phrase(node.op,
          ...numbers)} = ${value(active)}`);
      }
      if (at === count + 1) {
        return twice(`backward: ${name(last)} moves ${name(last)} one for one, so its gradient is 1.`);
      }
      if (at === final) {
        const lines = nodes.map((node, i) => i).filter((i) => nodes[i].op === "leaf").map((i) => {
          const parts = came(i), sum = written(grads[i], shape(i));
          return `gradient of ${name(i)}: ${parts.length > 1 && parts.length < 5
            ? `${parts.map((one, k) => `${k ? "+ " : ""}${
            bracketed(written(one, shape(i)))}`).join(" ")} = ` : ""}${sum}`;
        });
        return twice(`${name(last)} = ${value(last)}\n${lines.join("\n")}`);
      }
      const node = nodes[active];
      if (!replayable) return twice(`backward: ${node.name} hands its gradient on to ${node.inputs.filter((one) =>
        typeof one === "number").map(name).join(" and ")}.`);
      const before = gradients(nodes, values, back - 1);  // what each had before this step
      const left = (input, from) => nodes.slice(0, from).flatMap((one) => one.inputs).filter((one) =>
        one === input).length;
      const parts = handed(node, values, grads[active]);
      const lines = parts.map(({ input, slopes, amounts }, k) => {
        const g = written(grads[active], shape(active)),
          slope = written(slopes, slopes.length === 1 ? [] : shape(input));
        before[input] = before[input].map((one, i) => one + amounts[i]);
        const more = left(input, active) + parts.slice(k + 1).filter((one) => one.input === input).length;
        return `${name(input)} gets ${bracketed(g)} × slope ${slope} = ${written(amounts, shape(input))}`
          + (uses(input) > 1 ? `, and has ${written(before[input], shape(input))} ${more ? "so far" : "in all"}` : "");
      });
      return [`backward: ${node.name} hands its gradient on:\n${lines.join("\n")}`,
        `${node.name} hands on: ${lines.join("; ")}`];
    }

    function sketch() {
      const all = figure.wide(), charted = Boolean(replayable && names.length);
      const plan = layout(nodes), { depth, place: share, widest } = plan;
      const wider = charted && all >= 640 && widest * 112 < all * 0.6;
      root.classList.toggle("ag-wide", wider);
      const space = wider ? Math.floor(all * 0.6) - 16 : all;
      const room = Math.max(Math.min(space - 2, widest * 200), widest * 92),
        wide = Math.min(168, Math.floor((room - 8) / widest) - 10);
      const rows = Array.from({ length: Math.max(...depth) + 1 }, (_, row) =>
        (nodes.some((_, i) => depth[i] === row && uses(i) > 1 && replayable) ? 74 : 58));
      const tops = rows.map((_, row) => rows.slice(0, row).reduce((a, b) => a + b + 50, 4));
      const x = (i) => share[i] * room, top = (i) => tops[depth[i]], bottom = (i) => tops[depth[i]] + rows[depth[i]];
      const wires = plan.wires.map((wire) => ({ ...wire,
        bends: wire.bends.map(({ place: p, row }) =>
          ({ x: p * room, top: tops[row], bottom: tops[row] + rows[row] })) }));
      const edges = routes(nodes, { wires }, x, top, bottom, wide), lines = [], labels = [], dots = [], taken = [];
      const turn = {};  // an operation's edges come in the order of its inputs
      const spots = edges.map(({ points }) => Array.from({ length: 41 }, (_, i) => onEdge(points, i / 40)));
      const frames = nodes.map((_, i) => [x(i) - wide / 2, top(i), x(i) + wide / 2, bottom(i)]);
      edges.forEach(({ from, to, points }, k) => {
        const mine = turn[to] = (turn[to] || 0) + 1;
        const hand = replayable && known(to) ? handed(nodes[to], values, grads[to])[mine - 1] : null;
        const flows = hand && gone.has(to), live = to === active && at !== count + 1;
        const sum = flows ? hand.amounts.reduce((a, b) => a + b, 0) : 0, d = smooth(points);
        const nothing = flows && hand.amounts.every((one) => one === 0);
        const kind = !flows ? "plain" : nothing || Number.isNaN(sum) ? "none" : sum < 0 ? "down" : "up";
        const width = flows && !nothing ? edgeWidth(hand.amounts) : 1.5;
        lines.push(make("path", { class: `${WIRE[kind]}${live ? " ag-live" : ""}`, d, "stroke-width": width,
          "data-edge": `${name(from)}-${name(to)}`,
          "data-width": width.toFixed(2) }));
        if (flows && !nothing) lines.push(arrow(points[0], -1, width, kind));
        else if (!replayable && gone.has(to)) lines.push(arrow(points[0], -1, 2, "plain"));
        if (live) dots.push([d, at > count, width]);
        if (!hand) return;
        const same = hand.slopes.every((one) => Object.is(one, hand.slopes[0])),
          label = `× ${same ? numeral(hand.slopes[0], 3) : "[…]"}`;
        const size = label.length * 7.2 + 11;
        const free = freest(points, size, [...spots.keys()].filter((one) => one !== k).flatMap((one) => spots[one]),
          taken, frames);
        taken.push([...free, size]);
        labels.push(make("rect", { class: "ag-pill", x: free[0] - size / 2, y: free[1] - 9, width: size, height: 18,
          rx: 9 }),
          make("text", { x: free[0], y: free[1] + 4, "text-anchor": "middle", class: "ag-slope",
            "data-slope": `${name(from)}-${name(to)}` }, label));
      });
      const digits = wide < 110 ? 3 : 4;
      const boxes = nodes.map((node, i) => {
        const gradient = reached(i) ? written(partial[i], shape(i), digits) : "", parts = came(i);
        const sum = parts.length > 1 ? parts.map((one, k) =>
          (k ? "+ " : "") + bracketed(written(one.map((v) => Number(v.toPrecision(3))), shape(i)))).join(" ") : "";
        const label = node.op === "leaf" ? node.name : `${node.name} = ${node.label}`;
        const rows = [[label, "ag-name"], [known(i) ? written(values[i], shape(i)) : "", "ag-value"],
          [gradient ? `grad ${gradient}${complete(i) ? "" : " …"}` : "", partial[i][0] < 0 ? "ag-grad ag-minus"
            : "ag-grad"],
          [sum.length * 6 > wide ? `sum of ${parts.length}` : sum, "ag-sum"]];
        const high = bottom(i) - top(i);
        return make("g", { "data-node": node.name },
          make("rect", { x: x(i) - wide / 2, y: top(i), width: wide, height: high, rx: 7,
          class: i === active ? "ctr-box-active" : node.op === "leaf" ? "ctr-box-leaf" : "ctr-box-node" }),
        ...rows.map(([line, kind], k) => make("text",
          { x: x(i), y: top(i) + [15, 33, 50, 66][k], "text-anchor": "middle", class: kind,
          textLength: line.length * (kind === "ag-value" ? 8 : 6.6) > wide - 6 ? wide - 6 : null,
            lengthAdjust: "spacingAndGlyphs" }, line)));
      });
      const tall = tops[rows.length - 1] + rows[rows.length - 1] + 4;
      const summary = nodes.map((node, i) => `${node.name}${known(i) ? ` ${written(values[i], shape(i))}` : ""}${
        reached(i) && complete(i) ? `, gradient ${written(partial[i], shape(i))}` : ""}`);
      const drawing = make("svg", { viewBox: `0 0 ${room} ${tall}`, width: room, height: tall, role: "img",
        "aria-label": `The graph: ${summary.join("; ")}.` }, ...lines, ...boxes, ...labels);
      drawing.style.maxWidth = "none";  // narrower, its words could not be read: it is scrolled
      picture.replaceChildren(drawing);
      if (room > space) picture.tabIndex = 0; else picture.removeAttribute("tabindex");
      if (lastDrawn !== null && lastDrawn !== at) dots.forEach((one) => travel(drawing, ...one));
    }

    function trace() {
      const charted = replayable && names.length > 0;
      beside.hidden = !charted;
      if (!charted) return;
      const chosen = names.includes(now.over) ? now.over : names[0];
      over.element.hidden = names.length < 2;
      for (const option of over.element.querySelectorAll("option")) {
        option.hidden = option.disabled = !names.includes(option.value);
      }
      if (["x", "y", "z"].includes(chosen)) over.update(chosen);
      const span = [-reach[chosen], reach[chosen]], value = inputs[chosen] ?? 1, result = values[last][0];
      const leaf = nodes.findIndex((one) => one.name === chosen), slope = grads[leaf][0];
      const found = at === final || (reached(leaf) && complete(leaf));  // else a reader may still want to predict it
      const points = curveOver(nodes, inputs, chosen, span), range = heights(points, result);
      const wide = root.classList.contains("ag-wide") ? Math.floor(figure.wide() * 0.4) - 8 : figure.wide() - 2;
      const chartPlan = { wide, tall: Math.min(340, Math.max(220, wide * 0.8)), ...chart, top: 30, foot: 36 },
        axes = plot(chartPlan);
      const x = (v) => axes.x((v - span[0]) / (span[1] - span[0])), y = (v) =>
        axes.y((v - range[0]) / (range[1] - range[0]));
      const path = (list, kind) => make("path", { class: `ctr-curve ${kind}`, d: list.map((piece) =>
        `M${piece.map(([u, v]) => `${x(u).toFixed(1)} ${y(v).toFixed(1)}`).join("L")}`).join("") || "M0 0" });
      const tangent = Number.isFinite(slope) && Number.isFinite(result) && found
        ? pieces(span.concat(value).sort((a, b) => a - b).map((v) => [v, result + slope * (v - value)]), range) : [];
      const share = (v, [low, high]) => (v - low) / (high - low);
      place.replaceChildren(axes.draw(`The curve of ${name(last)} over ${chosen}. `
        + `At ${chosen} = ${numeral(value)} it is ${numeral(result)}${
        found ? `, with the slope ${numeral(slope)}`
          : ""}.`, { title: `${name(last)} over ${chosen}`, floor: false, unit: chosen,
        across: ticks(...span, 6).map((v) => [share(v, span), numeral(v)]),
          up: ticks(...range, 5).map((v) => [share(v, range), numeral(v, 3)]),
        cursor: share(value, span) }, path(pieces(points, range), "ctr-val ag-curve"), path(tangent, "ag-tangent"),
        tangent.length ? make("text", { x: wide - 4, y: 14, "text-anchor": "end", class: "ag-grad" },
          `tangent: slope ${numeral(slope)}`) : null,
        Number.isFinite(result) ? make("circle", { class: "ag-point", cx: x(value), cy: y(result), r: 6 }) : null));
      move = (to) => {
        const v = span[0] + Math.min(1, Math.max(0, to)) * (span[1] - span[0]);
        assign(chosen, Number(v.toPrecision(3)));
      };
    }
  }
  return figure.start(steps.stop);
}

/** Where on an edge a label `size` wide covers least: of other edges, given as `spots`, of labels that are `taken`,
    [x, y, width], and of boxes, [left, top, right, bottom]. Where it covers nothing, near the middle. */
export function freest(points, size, spots, taken, boxes) {
  const covers = ([u, v]) => spots.filter(([p, q]) => Math.abs(p - u) < size / 2 + 2 && Math.abs(q - v) < 11).length
    + 50 * taken.filter(([p, q, w]) => Math.abs(p - u) < (w + size) / 2 && Math.abs(q - v) < 19).length
    + 20 * boxes.filter(([left, top, right, bottom]) => u + size / 2 > left && u - size / 2 < right && v + 9 > top
      && v - 9 < bottom).length;
  const found = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82, 0.1, 0.9].map((t) => onEdge(points, t));
  return found.reduce((best, one) => (covers(one) < covers(best) ? one : best));
}

/** The tip of an arrow at a point: up (-1) or down. */
function arrow([x, y], way, width, kind) {
  const half = 3 + width * 0.6, long = way * (6 + width * 0.5);
  return make("polygon", { class: `${WIRE[kind]} ag-tip`,
    points: `${x - half},${y - long} ${x + half},${y - long} ${x},${y}` });
}

/** A dot runs along an edge once: a value down or a gradient up. Not for those who asked for less motion. */
function travel(drawing, d, up, width) {
  if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const dot = make("circle", { r: Math.max(4, width * 0.8), class: "ag-dot" });
  dot.style.offsetPath = `path("${d}")`;
  drawing.append(dot);
  const run = dot.animate([{ offsetDistance: up ? "100%" : "0%" }, { offsetDistance: up ? "0%" : "100%" }],
    { duration: 500, easing: "ease-in-out" });
  run.onfinish = () => dot.remove();
}

const twice = (text) => [text, text];
