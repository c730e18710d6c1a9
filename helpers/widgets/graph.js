// The graph of a computation, stepped forward through its values and backward through its gradients.
import { controlled, explanation, frame, hint, make, parse, short, slider, stepper } from "./common.js";

const all = (f) => (...numbers) => [f(...numbers)];

/** The operations that can be computed again here: their value and their slope towards each input. */
export const OPERATIONS = {
  add: { value: (a, b) => a + b, slopes: () => [1, 1], text: (a, b) => `${a} + ${b}` },
  sub: { value: (a, b) => a - b, slopes: () => [1, -1], text: (a, b) => `${a} − ${b}` },
  mul: { value: (a, b) => a * b, slopes: (a, b) => [b, a], text: (a, b) => `${a} × ${b}` },
  div: { value: (a, b) => a / b, slopes: (a, b) => [1 / b, -a / (b * b)], text: (a, b) => `${a} / ${b}` },
  pow: { value: (a, b) => a ** b, text: (a, b) => `${a} ^ ${b}`,
    slopes: (a, b) => [b === 0 ? 0 : b * a ** (b - 1), a === 0 && b >= 0 ? 0 : a ** b * Math.log(a)] },
  neg: { value: (a) => -a, slopes: all(() => -1), text: (a) => `−${a}` },
  square: { value: (a) => a * a, slopes: all((a) => 2 * a), text: (a) => `${a}²` },
  exp: { value: Math.exp, slopes: all(Math.exp) },
  log: { value: Math.log, slopes: all((a) => 1 / a) },
  sqrt: { value: Math.sqrt, slopes: all((a) => 0.5 / Math.sqrt(a)) },
  sin: { value: Math.sin, slopes: all(Math.cos) },
  cos: { value: Math.cos, slopes: all((a) => -Math.sin(a)) },
  tanh: { value: Math.tanh, slopes: all((a) => 1 - Math.tanh(a) ** 2) },
  sigmoid: { value: (a) => 1 / (1 + Math.exp(-a)), slopes: all((a) => { const s = 1 / (1 + Math.exp(-a)); return s * (1 - s); }) },
  relu: { value: (a) => Math.max(0, a), slopes: all((a) => (a > 0 ? 1 : 0)) },
  abs: { value: Math.abs, slopes: all(Math.sign) },
  sum: { reduce: () => 1 },
  mean: { reduce: (count) => 1 / count },
};

const pick = (values, i) => values[values.length === 1 ? 0 : i];
const inputValues = (node, values) => node.inputs.map((one) => (typeof one === "number" ? values[one] : [one.number]));

/** The values (flat lists) of all nodes, from those of the leaves: {name: [numbers]}. */
export function evaluate(nodes, leaves) {
  const values = [];
  for (const node of nodes) {
    const inputs = inputValues(node, values), operation = OPERATIONS[node.op];
    if (node.op === "leaf") values.push(leaves[node.name]);
    else if (operation.reduce) values.push([inputs[0].reduce((a, b) => a + b, 0) * operation.reduce(inputs[0].length)]);
    else {
      const count = Math.max(...inputs.map((one) => one.length));
      values.push(Array.from({ length: count }, (_, i) => operation.value(...inputs.map((one) => pick(one, i)))));
    }
  }
  return values;
}

/** What a node hands back to each of its inputs: gradient times slope, {input, slopes, amounts}. Numbers get nothing. */
export function handed(node, values, gradient) {
  const inputs = inputValues(node, values), operation = OPERATIONS[node.op];
  return node.inputs.map((input, position) => {
    if (typeof input !== "number") return null;
    const mine = inputs[position], slopes = [], amounts = mine.map(() => 0);
    if (operation.reduce) {
      const slope = operation.reduce(mine.length);
      return { input, slopes: mine.map(() => slope), amounts: mine.map(() => slope * gradient[0]) };
    }
    gradient.forEach((g, i) => {
      const slope = operation.slopes(...inputs.map((one) => pick(one, i)))[position];
      slopes.push(slope);
      amounts[mine.length === 1 ? 0 : i] += g * slope;  // a number used for every entry collects from all of them
    });
    return { input, slopes, amounts };
  }).filter((one) => one !== null);
}

/** The gradients of all nodes after `count` nodes, the last first, have handed theirs on. */
export function gradients(nodes, values, count = nodes.length) {
  const grads = values.map((one) => one.map(() => 0));
  grads[nodes.length - 1] = [1];
  for (const k of nodes.map((_, i) => i).filter((i) => nodes[i].op !== "leaf").reverse().slice(0, count)) {
    for (const { input, amounts } of handed(nodes[k], values, grads[k])) amounts.forEach((a, i) => { grads[input][i] += a; });
  }
  return grads;
}

/** Values and gradients of every node: computed here where all operations are known, else as Python recorded them. */
export function computed(nodes, inputs, replayable) {
  if (!replayable) return { values: nodes.map((one) => one.value), grads: nodes.map((one) => one.grad) };
  const values = evaluate(nodes, Object.fromEntries(Object.entries(inputs).map(([name, v]) => [name, [v].flat(Infinity)])));
  return { values, grads: gradients(nodes, values) };
}

export function graphProblem({ nodes, inputs, replayable, step }) {
  const { values, grads } = computed(nodes, inputs, replayable);
  if (![...values, ...grads].flat().every(Number.isFinite)) {
    return "There the expression or its slope is not a finite number. The last inputs that work were kept.";
  }
  return step >= 0 && step <= lastStep(nodes) ? "" : "There is no such step.";
}

const lastStep = (nodes) => 2 * nodes.filter((one) => one.op !== "leaf").length + 1;

/** Numbers as a reader writes them: one alone, a row in brackets, rows divided by semicolons. */
export function written(values, shape) {
  if (values.length === 1 && !shape.length) return short(values[0], 4);
  const width = shape[shape.length - 1] || values.length, rows = [];
  for (let i = 0; i < values.length; i += width) rows.push(values.slice(i, i + width).map((v) => short(v)).join(" "));
  return `[${rows.join("; ")}]`;
}

/**
 * Where everything stands: rows from the top, each node below all its inputs and near their middle. A wire that passes a row
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
      for (let row = depth[one] + 1; row < depth[i]; row++) path.push(enter(row, { weight: 0.3, above: [path[path.length - 1]] }));
      item.above.push(path[path.length - 1]);
      wires.push({ from: one, to: i, bends: path.slice(1), twin: wires.filter((wire) => wire.from === one && wire.to === i).length });
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

const NAMES = ["nodes", "inputs", "replayable", "step", "limits"];

export function render(context) {
  const { root, message, ...figure } = frame(context, "Graph of a computation", NAMES, graphProblem, draw);
  const step = slider("step", 0, lastStep(figure.state().nodes), figure.set("step"));
  const steps = stepper((by) => {
    const now = figure.state(), count = lastStep(now.nodes) + 1;
    figure.change({ step: (now.step + by + count) % count });
  }, "step");
  const fields = make("div", { class: "ctr-controls" });
  const picture = make("div", { class: "ctr-picture" });
  const words = explanation("what happens in this step");
  words.elements[0].classList.add("ctr-steady");
  root.append(fields, message, controlled(step, steps), ...words.elements, picture,
    hint("Values are computed downwards, then gradients are handed upwards. A gradient followed by … is still being collected."));
  let shown = "";

  function build(now) {
    const names = Object.entries(now.inputs).filter(([, v]) => typeof v === "number").map(([name]) => name);
    if (names.join() === shown) return;
    shown = names.join();
    fields.replaceChildren(...names.map((name) => {
      const input = make("input", { class: "ctr-field ctr-number", inputmode: "decimal", "aria-label": `value of ${name}`, "data-leaf": name,
        change: () => {
          const value = parse(input.value);
          if (!Number.isFinite(value) || Math.abs(value) > 1e6) {
            figure.say(`“${input.value}” is not a number between −1,000,000 and 1,000,000: ${name} keeps the one it had.`);
            return figure.redraw();
          }
          figure.change({ inputs: { ...figure.state().inputs, [name]: value } });
        } });
      return make("label", { class: "ctr-slider" }, make("span", {}, `${name} =`), input);
    }));
  }
  function draw(now) {
    const { nodes, inputs, replayable, step: at } = now;
    const { values, grads } = computed(nodes, inputs, replayable);
    const inner = nodes.map((one, i) => i).filter((i) => nodes[i].op !== "leaf"), count = inner.length, last = nodes.length - 1;
    build(now);
    for (const input of fields.querySelectorAll("input")) {
      input.value = String(inputs[input.dataset.leaf]).replace("-", "−");
      input.disabled = !replayable && !figure.live;
    }
    step.update(at, { max: lastStep(nodes) });
    const done = Math.max(0, at - count - 1);  // how many nodes have handed their gradient on
    const partial = replayable ? gradients(nodes, values, done) : grads;
    const active = at === 0 ? -1 : at <= count ? inner[at - 1] : at === count + 1 ? last : inner[count - done];
    const complete = (i) => (replayable ? nodes.every((node, k) => !node.inputs.includes(i) || inner.slice(count - done).includes(k))
      : inner.slice(count - done).some((k) => nodes[k].inputs.includes(i))) || i === last;
    const reached = (i) => at > count && (i === last || inner.slice(count - done).some((k) => nodes[k].inputs.includes(i)));
    words.update(...told());

    function told() {
      const text = (i) => written(values[i], nodes[i].shape), name = (i) => nodes[i].name;
      if (at === 0) return twice("The inputs. Step on to compute.");
      if (at <= count) {
        const node = nodes[active], letters = node.inputs.map((one) => (typeof one === "number" ? name(one) : short(one.number)));
        const numbers = node.inputs.map((one) => bracketed(typeof one === "number" ? text(one) : short(one.number)));
        const rule = (OPERATIONS[node.op] || {}).text || ((...parts) => `${node.op}(${parts.join(", ")})`);
        return twice(`forward:  ${node.name} = ${rule(...letters)} = ${rule(...numbers)} = ${text(active)}`);
      }
      if (at === count + 1) return twice(`backward: ${name(last)} moves ${name(last)} one for one, so its gradient is 1.`);
      const node = nodes[active];
      if (!replayable) return twice(`backward: ${node.name} hands its gradient on to ${node.inputs.filter((one) => typeof one === "number").map(name).join(" and ")}.`);
      const before = gradients(nodes, values, done - 1);  // what each had before this step
      const left = (input, from) => nodes.slice(0, from).flatMap((one) => one.inputs).filter((one) => one === input).length;
      const parts = handed(node, values, grads[active]);
      const lines = parts.map(({ input, slopes, amounts }, k) => {
        const g = written(grads[active], node.shape), slope = written(slopes, slopes.length === 1 ? [] : nodes[input].shape);
        before[input] = before[input].map((one, i) => one + amounts[i]);
        const uses = nodes.flatMap((one) => one.inputs).filter((one) => one === input).length;
        const more = left(input, active) + parts.slice(k + 1).filter((one) => one.input === input).length;
        return `${name(input)} gets ${g} × slope ${slope} = ${written(amounts, nodes[input].shape)}`
          + (uses > 1 ? `, and has ${written(before[input], nodes[input].shape)} ${more ? "so far" : "in all"}` : "");
      });
      return [`backward: ${node.name} hands its gradient on:\n${lines.join("\n")}`,
        `${node.name} hands on: ${lines.join("; ")}`];
    }
    const { depth, place, widest, wires: paths } = layout(nodes), room = figure.wide();
    const high = 62, gap = 96, wide = Math.min(170, Math.floor((room - 8) / widest) - 8);
    const x = (i) => place[i] * room, y = (i) => depth[i] * gap + 4;
    const wires = paths.map(({ from, to, bends, twin }) => make("path", { class: to === active && at !== count + 1 ? "ctr-wire ctr-live" : "ctr-wire ctr-still",
      transform: twin ? `translate(${10 * twin} 0)` : null,  // a value that is used twice has two wires
      d: [[x(from), y(from) + high], ...bends.flatMap(({ place: p, row }) => [[p * room, row * gap + 4], [p * room, row * gap + 4 + high]]), [x(to), y(to)]]
        .map((point, k) => `${k ? "L" : "M"}${point.map((v) => v.toFixed(1)).join(" ")}`).join("") }));
    const boxes = [];
    nodes.forEach((node, i) => {
      const known = node.op === "leaf" || (at > count ? true : inner.indexOf(i) < at);
      const label = node.op === "leaf" ? node.name : `${node.name} = ${node.label}`;
      const gradient = reached(i) ? written(partial[i], node.shape) : "";
      const lines = [label, known ? written(values[i], node.shape) : "?", gradient ? `grad ${gradient}${complete(i) ? "" : " …"}` : ""];
      boxes.push(make("g", { "data-node": node.name }, make("rect", { x: x(i) - wide / 2, y: y(i), width: wide, height: high, rx: 5,
        class: i === active ? "ctr-box-active" : node.op === "leaf" ? "ctr-box-leaf" : "ctr-box-node" }),
      ...lines.map((line, k) => make("text", { x: x(i), y: y(i) + 17 + 18 * k, "text-anchor": "middle", class: `ctr-line-${k}`,
        textLength: line.length * 7 > wide - 8 ? wide - 8 : null, lengthAdjust: "spacingAndGlyphs" }, line))));
    });
    const tall = Math.max(...depth) * gap + high + 8;
    const summary = nodes.map((node, i) => `${node.name} ${written(values[i], node.shape)}${reached(i) && complete(i) ? `, gradient ${written(partial[i], node.shape)}` : ""}`);
    picture.replaceChildren(make("svg", { viewBox: `0 0 ${room} ${tall}`, width: room, height: tall, role: "img",
      "aria-label": `The graph: ${summary.join("; ")}.` }, ...wires, ...boxes));
  }
  return figure.start(steps.stop);
}

const twice = (text) => [text, text];
const bracketed = (text) => (text.startsWith("−") ? `(${text})` : text);
