// The convolution explorer: input, kernel, output, and the one sum that the reader points at.
import { controlled, editable, explanation, frame, hint, make, matrixProblem, menu, rangeProblem, resized, short, sideBySide, slider,
  walked } from "./common.js";

/** How many places a kernel has along one axis; below 1 where it does not fit. As in torch.nn.Conv2d. */
export function outSize(size, kernel, stride, padding, dilation) {
  return Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** Why this combination cannot be computed, or "". */
export function convProblem({ input, kernel, stride, padding, dilation, limits }) {
  const wrong = matrixProblem("input", input, limits.input) || matrixProblem("kernel", kernel, limits.kernel)
    || rangeProblem({ stride, padding, dilation },
      { stride: [1, limits.stride], padding: [0, limits.padding], dilation: [1, limits.dilation] });
  if (wrong) return wrong;
  for (const [side, have, need] of [["high", input.length, kernel.length], ["wide", input[0].length, kernel[0].length]]) {
    const span = dilation * (need - 1) + 1;
    if (span > have + 2 * padding) {
      return `The kernel spans ${span} pixels, but the padded input is only ${have + 2 * padding} ${side}: it fits nowhere. `
        + "The last setting that fits was kept.";
    }
  }
  return "";
}

/** The products of one output: rows of {row, column, value, weight}, values of the padding being 0. */
export function patch({ input, kernel, stride, padding, dilation }, row, column) {
  return kernel.map((weights, u) => weights.map((weight, v) => {
    const r = row * stride - padding + u * dilation, c = column * stride - padding + v * dilation;
    const inside = r >= 0 && r < input.length && c >= 0 && c < input[0].length;
    return { row: r, column: c, value: inside ? input[r][c] : 0, weight };
  }));
}

/** The cross-correlation of input and kernel, as torch.nn.functional.conv2d computes it. */
export function conv2d(state) {
  const { input, kernel, stride, padding, dilation } = state;
  const height = outSize(input.length, kernel.length, stride, padding, dilation);
  const width = outSize(input[0].length, kernel[0].length, stride, padding, dilation);
  return Array.from({ length: Math.max(0, height) }, (_, i) => Array.from({ length: Math.max(0, width) }, (_, j) =>
    patch(state, i, j).flat().reduce((sum, { value, weight }) => sum + value * weight, 0)));
}

/** The name of the entry of `named` that equals `matrix`, or "". */
export function nameOf(named, matrix) {
  const same = (a, b) => a.length === b.length && a.every((row, i) => row.length === b[i].length
    && row.every((v, j) => Math.abs(v - b[i][j]) < 1e-6));
  return Object.keys(named).find((name) => same(named[name], matrix)) || "";
}

/** One term of a sum, a negative factor in brackets. */
function term({ value, weight }) {
  return `${short(value)}·${weight < 0 ? `(${short(weight)})` : short(weight)}`;
}

const NAMES = ["input", "kernel", "stride", "padding", "dilation", "limits", "kernels", "patterns"];

export function render(context) {
  const { root, message, ...figure } = frame(context, "Convolution explorer", NAMES, convProblem, draw);
  const { kernels, patterns, limits } = figure.state();
  /** The patterns, of the size that the reader has chosen. */
  const sized = () => {
    const { input: now } = figure.state();
    return Object.fromEntries(Object.entries(patterns).map(([name, one]) => [name, resized(one, now.length, now[0].length, "edge")]));
  };
  const input = editable("input", figure), kernel = editable("kernel", figure), output = walked("output", figure.redraw);
  const kernelMenu = menu("kernel", Object.keys(kernels), (name) => figure.change({ kernel: kernels[name] }));
  const inputMenu = menu("input", Object.keys(patterns), (name) => figure.change({ input: sized()[name] }));
  const square = (name, fill) => (n) => figure.change({ [name]: resized(figure.state()[name], n, n, fill) });
  const sliders = {
    size: slider("input size", 3, limits.input, square("input", "edge")),
    kernelSize: slider("kernel size", 1, limits.kernel, square("kernel", 0)),
    ...Object.fromEntries([["stride", 1], ["padding", 0], ["dilation", 1]].map(([name, low]) =>
      [name, slider(name, low, limits[name], figure.set(name))])),
  };
  const formula = make("div", { class: "ctr-formula" }), sum = explanation("the sum behind this output");
  root.append(controlled(inputMenu, kernelMenu, ...Object.values(sliders)), message,
  make("div", { class: "ctr-boxes" }, input.element, kernel.element, output.element),
  hint("Click a pixel or a weight and type another number (Enter accepts and goes down); the space bar switches it between 0 and 1. Point at an output, "
    + "or walk with the arrow keys, to see its sum."),
  formula, output.steps.element, ...sum.elements);

  function draw(now) {
    const out = conv2d(now), { stride, padding, dilation } = now, at = output.at(out);
    const products = patch(now, ...at);
    kernelMenu.update(nameOf(kernels, now.kernel));
    inputMenu.update(nameOf(sized(), now.input));
    sliders.size.update(now.input.length);
    sliders.kernelSize.update(now.kernel.length);
    for (const name of ["stride", "padding", "dilation"]) sliders[name].update(now[name]);
    const size = sideBySide(root, now.input[0].length + 2 * padding, now.kernel[0].length, out[0].length);
    input.update(now.input, { size, range: [Math.min(0, ...now.input.flat()), Math.max(1, ...now.input.flat())], border: padding,
      marked: new Set(products.flat().map(({ row, column }) => `${row},${column}`)) });
    kernel.update(now.kernel, { size, signed: true });
    output.update(out, { size, signed: true });
    const side = (n, k, letter) => `${letter} = ⌊(${n} + 2·${padding} − ${dilation}·(${k} − 1) − 1) / ${stride}⌋ + 1 = ${outSize(n, k, stride, padding, dilation)}`;
    formula.textContent = now.input.length === now.input[0].length && now.kernel.length === now.kernel[0].length
      ? side(now.input.length, now.kernel.length, "output size")
      : `${side(now.input.length, now.kernel.length, "height")},  ${side(now.input[0].length, now.kernel[0].length, "width")}`;
    const total = short(out[at[0]][at[1]], 5);
    sum.update(`output (${at}) = ${products.map((line) => line.map(term).join(" + ")).join("\n             + ")}\n             = ${total}`,
      `output row ${at[0]}, column ${at[1]} is ${total}`);
  }
  return figure.start(output.steps.stop);
}
