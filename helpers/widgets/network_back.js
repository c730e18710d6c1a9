// What comes back to one number of a network: which numbers read it, and how much each of these moves the answer.
import { short } from "./common.js";
import { eachWindow, normScale, slopeAt, winner } from "./network_layers.js";
import { spot } from "./network_sum.js";

/** The layers that read what layer `number` gives, past those that only put it in another form, and in which one each
    reads it: [layer, read] pairs, two of them for a layer that reads it twice. */
export function readers(graph, number) {
  return graph.flatMap((node, at) => node.inputs.filter((one) => one === number)
    .flatMap(() => (node.op === "reshape" ? readers(graph, at) : [[at, number]])));
}

/** By how much each number of a layer follows the number at `place` of the layer below: [place, slope] pairs. */
const FOLLOWS = {
  conv(node, weights, below, x, result, place) {
    const [channel, row, column] = spot({ shape: below }, place), [outs, rows, columns] = node.shape;
    const per = below[0] / node.groups, group = outs / node.groups, found = [];
    const first = Math.floor(channel / per) * group;
    const at = (from, k, axis) => (from + node.pad[axis] - k * node.dilation[axis]) / node.stride[axis];
    const within = (value, count) => Number.isInteger(value) && value >= 0 && value < count;
    for (let i = 0; i < node.kernel[0]; i++) for (let j = 0; j < node.kernel[1]; j++) {
      const r = at(row, i, 0), c = at(column, j, 1);
      if (!within(r, rows) || !within(c, columns)) continue;
      for (let out = first; out < first + group; out++) {
        const weight = node.weight + ((out * per + channel % per) * node.kernel[0] + i) * node.kernel[1] + j;
        found.push([(out * rows + r) * columns + c, weights[weight]]);
      }
    }
    return found;
  },
  linear: (node, weights, below, x, result, place) => Array.from({ length: node.shape[0] },
    (_, out) => [out, weights[node.weight + out * x.length + place]]),
  norm: (node, weights, below, x, result, place) => [[place, normScale(node, weights, spot(node, place)[0])]],
  pool(node, weights, below, x, result, place) {
    const found = [];
    eachWindow(node, below, (out, places, divisor) => {
      if (!places.includes(place)) return;
      const best = node.shares ? places.filter((one) => x[one] === result[out]) : [winner(x, places)];
      found.push([out, node.mode === "max" ? (best.includes(place) ? 1 / best.length : 0) : 1 / divisor]);
    });
    return found;
  },
  add: (node, weights, below, x, result, place) => [[place, 1]],
};

/** The gradient of a logit with respect to the number at `place` of layer `number`, as the sum that it is: over all
    numbers that read this one, their own gradients times their slopes. */
export function cameBack(graph, weights, results, grads, number, place) {
  const parts = readers(graph, number).flatMap(([at, read]) => {
    const node = graph[at], x = results[read], rule = FOLLOWS[node.op];
    const found = rule ? rule(node, weights, graph[read].shape, x, results[at], place)
      : [[place, slopeAt(node, x[place], results[at][place])]];
    return found.map(([to, slope]) => ({ layer: at, place: to, value: grads[at][to], weight: slope,
      product: grads[at][to] * slope }));
  });
  parts.sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
  return { kind: "back", value: results[number][place], gradient: grads[number][place], parts };
}

/** What the gradient says, in one sentence, and the sum that gives it. */
export function toldBack({ gradient, parts }, logit) {
  const bracketed = (value) => (value < 0 ? `(${short(value)})` : short(value)), g = short(gradient);
  const terms = parts.slice(0, 4).map((one) => `${short(one.value)} × ${bracketed(one.weight)}`);
  const effect = gradient ? `${gradient < 0 ? "fall" : "grow"} by about ${short(Math.abs(gradient) / 10, 2)}`
    : "stay as it is";
  const means = `${g} is the derivative of the logit of “${logit}” with respect to this number: if the number grew `
    + `by 0.1, the logit would ${effect}.`;
  if (!parts.length) return means;
  const rest = parts.slice(4).reduce((sum, one) => sum + one.product, 0);
  const more = parts.length > 4 ? ` + ${short(rest)} (${parts.length - 4} more)` : "";
  return `${means}\n${terms.join(" + ").replaceAll("+ −", "− ")}${more} = ${g}\n`
    + "Each product: the derivative with respect to a number that reads this one × how much that one grows if this "
    + "one grows by 1.";
}
