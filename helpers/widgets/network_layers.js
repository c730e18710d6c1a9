// A network, computed: forward, and the gradient of one logit backward. A layer is {op, inputs, shape, …}; the
// weights of all lie in one row, and so do a layer's numbers, channel by channel, row by row.
import { make } from "./common.js";

/** Bytes written as base64. */
export function bytesOf(text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}

/** Numbers of half precision, as Float32Array. */
export function fromHalf(bytes) {
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
  return Float32Array.from(halves, (half) => {
    const exponent = (half >> 10) & 31, fraction = half & 1023, sign = half & 0x8000 ? -1 : 1;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
  });
}

/** The weights of a network, of {type, numbers}. */
export function unpacked({ type, numbers }) {
  const bytes = bytesOf(numbers);
  return type === "float16" ? fromHalf(bytes) : new Float32Array(bytes.buffer);
}

export const sizeOf = ({ shape: [channels, height, width] }) => channels * height * width;

/** Bytes of a picture, channel by channel, as a network gets them. */
export function normalized(bytes, mean, std) {
  const area = bytes.length / 3;
  return Float32Array.from(bytes, (value, i) => (value / 255 - mean[Math.floor(i / area)]) / std[Math.floor(i / area)]);
}

/** Of logits, the probability of each class. */
export function softmax(logits) {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity),
    powers = Array.from(logits, (z) => Math.exp(z - most));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((one) => one / total);
}

export const argmax = (values) => values.reduce((best, value, i) => (value > values[best] ? i : best), 0);

/** The first and last output, along one axis, whose kernel finds a pixel at its place `k`; the pixel of the first. */
function reach(k, axis, { stride, pad, dilation }, length, count) {
  const shift = k * dilation[axis] - pad[axis], step = stride[axis];
  const first = Math.max(0, Math.ceil(-shift / step)),
    last = Math.min(count - 1, Math.floor((length - 1 - shift) / step));
  return [first, last, first * step + shift];
}

/** Go through all products of a convolution: `line(weight, out, into, count, step)` gets the place of a weight, the
    places of the first output and the first input number of a line of outputs, and how many there are. */
function eachLine(node, [channels, height, width], line) {
  const [outs, rows, columns] = node.shape, [down, across] = node.kernel, step = node.stride[1];
  const per = channels / node.groups, group = outs / node.groups;
  for (let out = 0; out < outs; out++) for (let c = 0; c < per; c++) {
    const into = (Math.floor(out / group) * per + c) * height * width;
    for (let i = 0; i < down; i++) {
      const [top, bottom, y] = reach(i, 0, node, height, rows);
      for (let j = 0; j < across; j++) {
        const [left, right, x] = reach(j, 1, node, width, columns);
        const weight = node.weight + ((out * per + c) * down + i) * across + j;
        for (let row = top; row <= bottom; row++) {
          line(weight, (out * rows + row) * columns + left, into + (y + (row - top) * node.stride[0]) * width + x,
            right - left + 1, step);
        }
      }
    }
  }
}

/** From where to where a window of pooling reaches, along one axis: {from, to, step, size}, `to` not included. */
export function windowOf(node, axis, at, length) {
  if (node.adaptive) {
    const count = node.flat ? 1 : node.shape[axis + 1];
    const from = Math.floor((at * length) / count), to = Math.ceil(((at + 1) * length) / count);
    return { from, to, step: 1, size: to - from };
  }
  const step = node.dilation[axis], start = at * node.stride[axis] - node.pad[axis];
  const end = Math.min(start + step * (node.kernel[axis] - 1) + 1, length + node.pad[axis]);
  const from = start < 0 ? start + step * Math.ceil(-start / step) : start;
  return { from, to: Math.min(end, length), step, size: end - start };
}

/** Call `use(out, places, divisor)` for each output of a pooling: the places of its window in the layer below. */
export function eachWindow(node, [channels, height, width], use, only = null) {
  const [, rows, columns] = node.shape;
  const one = (c, row, column) => {
    const y = windowOf(node, 0, row, height), x = windowOf(node, 1, column, width), places = [];
    for (let i = y.from; i < y.to; i += y.step) for (let j = x.from; j < x.to;
      j += x.step) places.push((c * height + i) * width + j);
    use((c * rows + row) * columns + column, places, node.divisor
      || (node.counts_padding ? y.size * x.size : places.length), y, x);
  };
  if (only !== null) return one(Math.floor(only / (rows * columns)), Math.floor(only / columns) % rows, only % columns);
  for (let c = 0; c < channels; c++) for (let row = 0; row < rows; row++) for (let column = 0; column < columns;
    column++) one(c, row, column);
  return null;
}

const CURVES = { relu: (x) => (x > 0 ? x : 0), tanh: Math.tanh, sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  leaky: (x, { slope }) => (x > 0 ? x : slope * x) };
/** Their slopes, from what went in, `x`, and what came out, `y`. */
const SLOPES = { relu: (x) => (x > 0 ? 1 : 0), tanh: (x, y) => 1 - y * y, sigmoid: (x, y) => y * (1 - y),
  leaky: (x, y, { slope }) => (x > 0 ? 1 : slope) };

/** The slope of a layer that bends each number by itself. */
export const slopeAt = (node, x, y) => SLOPES[node.op](x, y, node);

/** By how much a batch norm multiplies the numbers of channel `c`. */
export const normScale = (node, weights, c) => weights[node.weight + c] / Math.sqrt(weights[node.var + c] + node.eps);

/** The place of the largest of some numbers; of several, the first. */
export const winner = (values, places) => places.reduce((best, place) => (values[place] > values[best] ? place : best),
  places[0]);

const FORWARD = {
  conv(node, weights, below, [x]) {
    const [outs, rows, columns] = node.shape, area = rows * columns, sums = new Float64Array(outs * area);
    if (node.bias >= 0) for (let c = 0; c < outs; c++) sums.fill(weights[node.bias + c], c * area, (c + 1) * area);
    eachLine(node, below[0], (at, out, into, count, step) => {
      const weight = weights[at];
      for (let n = 0, place = into; n < count; n++, place += step) sums[out + n] += weight * x[place];
    });
    return sums;
  },
  linear(node, weights, below, [x]) {
    return Float64Array.from({ length: node.shape[0] }, (_, out) => {
      let sum = node.bias < 0 ? 0 : weights[node.bias + out];
      for (let i = 0, at = node.weight + out * x.length; i < x.length; i++) sum += weights[at + i] * x[i];
      return sum;
    });
  },
  norm(node, weights, below, [x]) {
    const area = x.length / node.shape[0];
    return x.map((value, i) => {
      const c = Math.floor(i / area);
      return (value - weights[node.mean + c]) * normScale(node, weights, c) + weights[node.bias + c];
    });
  },
  pool(node, weights, below, [x]) {
    const result = new Float64Array(sizeOf(node));
    eachWindow(node, below[0], (out, places, divisor) => {
      result[out] = node.mode === "max" ? x[winner(x, places)]
        : places.reduce((sum, place) => sum + x[place], 0) / divisor;
    });
    return result;
  },
  add: (node, weights, below, [x, other]) => x.map((value, i) => value + other[i]),
  reshape: (node, weights, below, [x]) => x,
};

/** What each layer gives for normalized numbers of a picture. `kept` has results that are known already, by layer. */
export function forward(graph, weights, input, kept = {}) {
  const results = [];
  for (const [number, node] of graph.entries()) {
    const given = node.inputs.map((one) => results[one]), below = node.inputs.map((one) => graph[one].shape);
    const compute = FORWARD[node.op] || ((one, _, __, [x]) => x.map((value) => CURVES[one.op](value, one)));
    if (kept[number]) results.push(kept[number]);
    else results.push(number ? Float32Array.from(compute(node, weights, below, given)) : input);
  }
  return results;
}

const BACKWARD = {
  conv(node, weights, below, given, result, grad, into) {
    eachLine(node, below[0], (at, out, place, count, step) => {
      const weight = weights[at];
      for (let n = 0, to = place; n < count; n++, to += step) into[0][to] += weight * grad[out + n];
    });
  },
  linear(node, weights, below, [x], result, grad, into) {
    for (let out = 0; out < grad.length; out++) {
      if (!grad[out]) continue;
      for (let i = 0, at = node.weight + out * x.length; i < x.length; i++) into[0][i] += weights[at + i] * grad[out];
    }
  },
  norm(node, weights, below, [x], result, grad, into) {
    const area = x.length / node.shape[0];
    for (let i = 0; i < x.length; i++) into[0][i] += grad[i] * normScale(node, weights, Math.floor(i / area));
  },
  pool(node, weights, below, [x], result, grad, into) {
    eachWindow(node, below[0], (out, places, divisor) => {
      if (node.mode !== "max") for (const place of places) into[0][place] += grad[out] / divisor;
      else if (node.shares) {
        const best = places.filter((place) => x[place] === result[out]);
        for (const place of best) into[0][place] += grad[out] / best.length;
      } else into[0][winner(x, places)] += grad[out];
    });
  },
  add(node, weights, below, given, result, grad, into) {
    for (const one of into) for (let i = 0; i < grad.length; i++) one[i] += grad[i];
  },
  reshape: (...all) => BACKWARD.add(...all),
};

/** The gradient of the logit of class `target` with respect to what each layer gave. */
export function backward(graph, weights, results, target) {
  const grads = results.map((one) => new Float64Array(one.length)), last = graph.length - 1;
  grads[last][target] = 1;
  for (let number = last; number > 0; number--) {
    const node = graph[number], given = node.inputs.map((one) => results[one]),
      into = node.inputs.map((one) => grads[one]);
    const below = node.inputs.map((one) => graph[one].shape), rule = BACKWARD[node.op];
    if (rule) rule(node, weights, below, given, results[number], grads[number], into);
    else {
      for (let i = 0; i < given[0].length; i++) {
        into[0][i] += grads[number][i] * slopeAt(node, given[0][i], results[number][i]);
      }
    }
  }
  return grads.map((one) => Float32Array.from(one));
}

/** Weights that a page keeps apart, in a file of its own: a script, since a page opened as a file may fetch nothing. */
export function arrived({ script, key, ...packed }) {
  const store = window.courseWeights = window.courseWeights || {};
  const found = () => unpacked({ ...packed, numbers: store[key] });
  if (store[key]) return Promise.resolve(found());
  return new Promise((done, failed) => {
    document.head.append(make("script", { src: script, error: () => failed(new Error(script)),
      load: () => (store[key] ? done(found()) : failed(new Error(script))) }));
  });
}
