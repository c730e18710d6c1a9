// Behind a number of a network: what of the layer below made it, and how far down it sees.
import { short } from "./common.js";
import { eachWindow, normScale, windowOf } from "./network_layers.js";

/** [channel, row, column] of a place in a layer. */
export function spot({ shape: [, height, width] }, place) {
  return [Math.floor(place / (height * width)), Math.floor(place / width) % height, place % width];
}

export const placeOf = ({ shape: [, height, width] }, [channel, row, column]) => (channel * height + row) * width
  + column;

/** The layer whose maps a layer reads, past those that only put the same numbers in another form. */
export function source(graph, number) {
  while (graph[number].op === "reshape") [number] = graph[number].inputs;
  return number;
}

/** What made the number at `place` of layer `number`: {kind, value, from, …}, by the layer's kind. */
export function explained(graph, weights, results, number, place) {
  const node = graph[number], value = results[number][place], [channel, row, column] = spot(node, place);
  const from = node.inputs.map((one) => source(graph, one)), x = from.map((one) => results[one]);
  const below = node.inputs.map((one) => graph[one].shape)[0];
  const common = { kind: node.op, value, from, place };
  if (node.op === "conv") {
    const [channels, height, width] = below, [down, across] = node.kernel, per = channels / node.groups;
    const first = Math.floor(channel / (node.shape[0] / node.groups)) * per;
    const bias = node.bias < 0 ? 0 : weights[node.bias + channel];
    const parts = Array.from({ length: per }, (_, c) => {
      const patch = [], kernel = [], products = [], places = [];
      for (let i = 0; i < down; i++) for (let j = 0; j < across; j++) {
        const y = row * node.stride[0] - node.pad[0] + i * node.dilation[0];
        const z = column * node.stride[1] - node.pad[1] + j * node.dilation[1];
        const inside = y >= 0 && y < height && z >= 0 && z < width;
        const at = inside ? ((first + c) * height + y) * width + z : -1;
        const weight = weights[node.weight + ((channel * per + c) * down + i) * across + j];
        places.push(at);
        patch.push(inside ? x[0][at] : 0);
        kernel.push(weight);
        products.push(weight * (inside ? x[0][at] : 0));
      }
      return { channel: first + c, patch, kernel, products, places, sum: products.reduce((a, b) => a + b, 0) };
    });
    return { ...common, down, across, parts, bias, hasBias: node.bias >= 0 };
  }
  if (node.op === "linear") {
    const at = node.weight + channel * x[0].length, bias = node.bias < 0 ? 0 : weights[node.bias + channel];
    const parts = Array.from(x[0],
      (one, i) => ({ place: i, value: one, weight: weights[at + i], product: one * weights[at + i] }));
    parts.sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
    return { ...common, parts, bias, hasBias: node.bias >= 0 };
  }
  if (node.op === "pool") {
    let found = null;
    eachWindow(node, below, (_, places, divisor, y, z) => {
      const wide = Math.ceil((z.to - z.from) / z.step);
      found = { places, divisor, across: wide, values: places.map((one) => x[0][one]) };
    }, place);
    const winner = found.values.reduce((best, one, i) => (one > found.values[best] ? i : best), 0);
    return { ...common, ...found, mode: node.mode, winner };
  }
  if (node.op === "norm") {
    const [mean, variance, weight, bias] = ["mean", "var", "weight",
      "bias"].map((name) => weights[node[name] + channel]);
    return { ...common, x: x[0][place], mean, variance, weight, bias, eps: node.eps,
      scale: normScale(node, weights, channel) };
  }
  return { ...common, x: x.map((one) => one[place]), slope: node.slope };
}

/** The way down from a number to a pixel, along the largest product or number of each layer: [layer, place] pairs. */
export function descent(graph, weights, results, number, place) {
  const way = [], size = Math.abs;
  const largest = (values) => values.reduce((best, one, i) => (size(one) > size(values[best]) ? i : best), 0);
  while (graph[number].op !== "input") {
    const made = explained(graph, weights, results, number, place);
    let from = 0;
    if (made.kind === "conv") {
      const places = made.parts.flatMap((part) => part.places);
      place = places[largest(made.parts.flatMap((part) => part.products))];
      if (place < 0) place = places.find((one) => one >= 0);  // nothing but zeros
    } else if (made.kind === "linear") ({ place } = made.parts[0]);
    else if (made.kind === "pool") place = made.places[made.mode === "max" ? made.winner : largest(made.values)];
    else if (made.kind === "add") from = largest(made.x);
    number = made.from[from];
    way.push([number, place]);
  }
  return way;
}

/** The box that pooling or a kernel reads below a box of results, along one axis. */
function span(node, axis, low, high, length) {
  let from = low * (node.stride || [])[axis] - (node.pad || [])[axis];
  let to = high * (node.stride || [])[axis] - (node.pad || [])[axis]
    + (node.dilation || [])[axis] * ((node.kernel || [])[axis] - 1);
  if (node.op === "pool") {
    [from, to] = [windowOf(node, axis, low, length).from, windowOf(node, axis, high, length).to - 1];
  }
  return [Math.max(0, from), Math.min(length - 1, to)];
}

const whole = ({ shape: [channels, height, width] }) => [0, channels - 1, 0, height - 1, 0, width - 1];
const joined = (a, b) => (a ? a.map((v, i) => (i % 2 ? Math.max(v, b[i]) : Math.min(v, b[i]))) : b);

/** What the number at `place` of layer `number` reads of each layer: [channels, rows, columns], first and last of each,
    or null where it reads nothing. */
export function fields(graph, number, place) {
  const boxes = graph.map(() => null), [channel, row, column] = spot(graph[number], place);
  boxes[number] = [channel, channel, row, row, column, column];
  for (let at = number; at > 0; at--) {
    const node = graph[at], box = boxes[at];
    if (!box) continue;
    for (const one of node.inputs) {
      const below = graph[one], [channels, height, width] = below.shape;
      let read = box;
      if (node.op === "linear") read = whole(below);
      else if (node.op === "conv" || node.op === "pool") {
        const per = channels / (node.groups || 1), group = node.shape[0] / (node.groups || 1);
        const held = node.op === "pool" ? box.slice(0, 2)
          : [Math.floor(box[0] / group) * per, Math.floor(box[1] / group) * per + per - 1];
        read = [...held, ...span(node, 0, box[2], box[3], height), ...span(node, 1, box[4], box[5], width)];
      } else if (node.op === "reshape") {
        const [low, high] = [[box[0], box[2], box[4]],
          [box[1], box[3], box[5]]].map((corner) => spot(below, placeOf(node, corner)));
        read = low.every((v, i) => v === high[i]) ? low.flatMap((v) => [v, v])
          : [low[0], high[0], 0, height - 1, 0, width - 1];
      }
      if (read[2] <= read[3] && read[4] <= read[5]) boxes[one] = joined(boxes[one], read);  // else padding alone
    }
  }
  return boxes;
}

const KINDS = { input: "input", conv: "convolution", linear: "dense layer", pool: "pooling", relu: "ReLU", tanh: "tanh",
  sigmoid: "sigmoid", leaky: "leaky ReLU", norm: "batch norm", add: "sum", reshape: "reshape" };

/** A layer's name, as people say it. */
export const called = ({ name, op }) => (/^[\d.]+$/.test(name) ? `${KINDS[op].split(" ")[0]} ${name}` : name);

/** A layer's name and what it has: "conv1: 6 maps, 28 × 28". */
export function titled(node) {
  const [channels, height, width] = node.shape;
  return `${called(node)}: ${channels} ${height * width > 1 ? `map${channels > 1 ? "s" : ""}, ${height} × ${width}`
    : "numbers"}`;
}

const COLORS = ["red", "green", "blue"];

/** Where a place of a layer is, in words. */
export function placed(node, place) {
  const [channel, row, column] = spot(node, place), many = node.shape[1] * node.shape[2] > 1;
  const map = node.op === "input" ? COLORS[channel] : many ? `map ${channel}` : `number ${channel}`;
  return many ? `${map}, row ${row}, column ${column}` : map;
}

/** The sum behind a number in one line, to be read and heard. */
export function told(graph, made) {
  const value = short(made.value);
  if (made.kind === "input") return `${value} is a pixel's color: (byte ÷ 255 − mean) ÷ standard deviation.`;
  if (made.kind === "conv" || made.kind === "linear") {
    const sums = made.parts.map((part) => (made.kind === "conv" ? part.sum : part.product)),
      total = short(sums.reduce((a, b) => a + b, 0));
    const what = sums.length <= 6 ? sums.map((one) => short(one)).join(" + ").replace(/\+ −/g, "− ")
      : `${total} (sum of ${sums.length} ${made.kind === "conv" ? "maps" : "products"})`;
    return `${what}${made.hasBias ? `${made.bias < 0 ? " − " : " + "}${short(Math.abs(made.bias))} (bias)`
      : ""} = ${value}`;
  }
  if (made.kind === "pool") {
    return made.mode === "max" ? `the largest of ${made.values.length} numbers = ${value}`
      : `${short(made.values.reduce((a, b) => a + b, 0))} ÷ ${made.divisor} = ${value}`;
  }
  if (made.kind === "norm") {
    return `(${short(made.x)} − ${short(made.mean)}) ÷ √(${short(made.variance)} + ${short(made.eps)}) · ${
      short(made.weight)} + ${
      short(made.bias)} = ${value}`.replace(/− −/g, "+ ").replace(/\+ −/g, "− ");
  }
  if (made.kind === "add") return `${short(made.x[0])} + ${short(made.x[1])} = ${value}`.replace("+ −", "− ");
  const formula = { relu: "max(0, x)", tanh: "tanh x", sigmoid: "1 ÷ (1 + e⁻ˣ)",
    leaky: `x, or ${short(made.slope || 0)}·x below 0` }[made.kind];
  return `${formula} for x = ${short(made.x[0])} is ${value}`;
}

