// The pooling explorer: a window over the input, and what is kept of it.
import { checkbox, editable, explanation, frame, hint, make, matrixProblem, menu, resized, short, sideBySide, slider, walked } from "./common.js";

/** How many windows there are along one axis; below 1 where none fits. As in torch.nn.MaxPool2d. */
export function poolSize(size, kernel, stride, padding, ceilMode) {
  const free = size + 2 * padding - kernel;
  let count = (ceilMode ? Math.ceil(free / stride) : Math.floor(free / stride)) + 1;
  if (ceilMode && (count - 1) * stride >= size + padding) count -= 1;  // the last window must start inside
  return count;
}

/** Why this combination cannot be computed, or "". */
export function poolProblem({ input, kernel_size: kernel, stride, padding, ceil_mode: ceilMode, limits }) {
  const wrong = matrixProblem("input", input, limits.input);
  if (wrong) return wrong;
  for (const [name, value, low] of [["kernel_size", kernel, 1], ["stride", stride, 1], ["padding", padding, 0]]) {
    if (!Number.isInteger(value) || value < low || value > limits[name]) {
      return `The ${name} must be a whole number from ${low} to ${limits[name]}.`;
    }
  }
  if (padding > kernel / 2) {
    return `The padding may be at most half the window, here ${Math.floor(kernel / 2)}: else a window could hold nothing but padding. `
      + "The last setting that fits was kept.";
  }
  const side = Math.min(input.length, input[0].length);
  if (poolSize(side, kernel, stride, padding, ceilMode) < 1) {
    return `The window spans ${kernel} pixels, but the padded input has only ${side + 2 * padding}: it fits nowhere. The last setting `
      + "that fits was kept.";
  }
  return "";
}

/** The window of one output: its pixels, all that it covers, padding included, the first largest pixel, and the number that an average divides by. */
export function poolWindow({ input, kernel_size: kernel, stride, padding, count_include_pad: includePad }, row, column) {
  const range = (start, size) => [Math.max(start, 0), Math.min(start + kernel, size), Math.min(start + kernel, size + padding) - start];
  const [top, bottom, high] = range(row * stride - padding, input.length);
  const [left, right, wide] = range(column * stride - padding, input[0].length);
  const pixels = [], covered = [];
  for (let r = row * stride - padding; r < row * stride - padding + high; r++) {
    for (let c = column * stride - padding; c < column * stride - padding + wide; c++) covered.push(`${r},${c}`);
  }
  for (let r = top; r < bottom; r++) for (let c = left; c < right; c++) pixels.push({ row: r, column: c, value: input[r][c] });
  const winner = pixels.reduce((best, pixel) => (pixel.value > best.value ? pixel : best));
  return { pixels, covered, winner, divisor: includePad ? high * wide : pixels.length };
}

/** Max or average pooling, as torch.nn.functional.max_pool2d and avg_pool2d compute it. */
export function pool2d(state) {
  const { input, mode, kernel_size: kernel, stride, padding, ceil_mode: ceilMode } = state;
  const count = (size) => Math.max(0, poolSize(size, kernel, stride, padding, ceilMode));
  return Array.from({ length: count(input.length) }, (_, i) => Array.from({ length: count(input[0].length) }, (_, j) => {
    const { pixels, winner, divisor } = poolWindow(state, i, j);
    return mode === "max" ? winner.value : pixels.reduce((sum, { value }) => sum + value, 0) / divisor;
  }));
}

const NAMES = ["input", "mode", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "limits"];

export function render(context) {
  const { root, message, ...figure } = frame(context, "Pooling explorer", NAMES, poolProblem, draw);
  const { limits } = figure.state();
  const input = editable("input", figure), output = walked("output", figure.redraw);
  const modes = menu("keep the", ["max", "average"], (mode) => figure.change({ mode }));
  const sliders = {
    size: slider("input size", 2, limits.input, (n) => figure.change({ input: resized(figure.state().input, n, n, "edge") })),
    kernel_size: slider("window", 1, limits.kernel_size, (size) => figure.change({ kernel_size: size })),
    stride: slider("stride", 1, limits.stride, (stride) => figure.change({ stride })),
    padding: slider("padding", 0, limits.padding, (padding) => figure.change({ padding })),
  };
  const ceil = checkbox("ceil mode", (on) => figure.change({ ceil_mode: on }));
  const count = checkbox("count the padding", (on) => figure.change({ count_include_pad: on }));
  const formula = make("div", { class: "ctr-formula" });
  const sum = explanation("what is kept of this window");
  root.append(make("div", { class: "ctr-controls" }, modes.element, ...Object.values(sliders).map((one) => one.element), ceil.element,
    count.element), message, make("div", { class: "ctr-boxes" }, input.element, output.element),
  hint("Click a pixel and type another number; the space bar switches it between 0 and 1. Point at an output, or walk with the arrow "
    + "keys, to see its window; with max, the winner has a thick blue frame."),
  formula, output.steps.element, ...sum.elements);

  function draw(now) {
    if (poolProblem(now)) return;
    const out = pool2d(now), { mode, kernel_size: kernel, stride, padding } = now, at = output.at(out);
    const { pixels, covered, winner, divisor } = poolWindow(now, ...at), isMax = mode === "max";
    modes.update(mode);
    sliders.size.update(now.input.length);
    for (const name of ["kernel_size", "stride", "padding"]) sliders[name].update(now[name]);
    ceil.update(now.ceil_mode);
    count.update(now.count_include_pad);
    count.element.hidden = isMax;
    const sizes = (m) => `${m.length} × ${m[0].length}`, all = [...now.input.flat(), 0];
    const range = [Math.min(...all), Math.max(...all)];
    const size = sideBySide(root, now.input[0].length + 2 * padding, out[0].length);
    input.update(now.input, { size, range, border: padding, blank: isMax ? "−∞" : "0",
      marked: new Set(covered), strong: new Set(isMax ? [`${winner.row},${winner.column}`] : []),
      heading: `input, ${sizes(now.input)}${padding ? ` and ${padding} of padding` : ""}` });
    output.update(out, { size, range, heading: `output, ${sizes(out)}` });
    const [open, close] = now.ceil_mode ? ["⌈", "⌉"] : ["⌊", "⌋"];
    const side = (n) => {
      const result = poolSize(n, kernel, stride, padding, now.ceil_mode);
      const plain = Math.ceil((n + 2 * padding - kernel) / stride) + 1;
      return `${open}(${n} + 2·${padding} − ${kernel}) / ${stride}${close} + 1 = ${now.ceil_mode && plain !== result
        ? `${plain}, less 1 whose window would start outside, = ${result}` : result}`;
    };
    formula.textContent = now.input.length === now.input[0].length ? `output size = ${side(now.input.length)}`
      : `height = ${side(now.input.length)},  width = ${side(now.input[0].length)}`;
    const total = short(out[at[0]][at[1]], 5), values = pixels.map(({ value }) => (value < 0 && !isMax ? `(${short(value)})` : short(value)));
    sum.update(isMax ? `output (${at}) = max(${values.join(", ")}) = ${total}` : `output (${at}) = (${values.join(" + ")}) / ${divisor} = ${total}`,
      `output row ${at[0]}, column ${at[1]} is ${total}`);
  }
  draw(figure.state());
  return () => { output.steps.stop(); figure.dispose(); };
}

export default { render };
