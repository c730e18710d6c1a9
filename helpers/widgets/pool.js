// The pooling explorer: a window over the input, and what is kept of it.
import { button, checkbox, controlled, drawingOf, editable, explanation, frame, hint, make, matrixProblem, menu,
  rangeProblem, resized, short, sideBySide, slider, walked, withWords } from "./common.js";

/** How many windows there are along one axis; below 1 where none fits. As in torch.nn.MaxPool2d. */
export function poolSize(size, kernel, stride, padding, ceilMode) {
  const free = size + 2 * padding - kernel;
  let count = (ceilMode ? Math.ceil(free / stride) : Math.floor(free / stride)) + 1;
  if (ceilMode && (count - 1) * stride >= size + padding) count -= 1;  // the last window must start inside
  return count;
}

/** Why this combination cannot be computed, or "". */
export function poolProblem({ input, kernel_size: kernel, stride, padding, ceil_mode: ceilMode, limits }) {
  const wrong = matrixProblem("input", input, limits.input) || rangeProblem({ kernel_size: kernel, stride, padding },
    { kernel_size: [1, limits.kernel_size], stride: [1, limits.stride], padding: [0, limits.padding] });
  if (wrong) return wrong;
  if (padding > kernel / 2) {
    return `The padding may be at most half the window, here ${Math.floor(kernel / 2)}: else a window could hold `
      + "nothing but padding. The last setting that fits was kept.";
  }
  const side = Math.min(input.length, input[0].length);
  if (poolSize(side, kernel, stride, padding, ceilMode) < 1) {
    return `The window spans ${kernel} pixels, but the padded input has only ${side + 2 * padding}: it fits nowhere. `
      + "The last setting that fits was kept.";
  }
  return "";
}

/** The window of one output: its pixels, all that it covers, padding included, the first largest pixel, and the number
    that an average divides by. */
export function poolWindow({ input, kernel_size: kernel, stride, padding, count_include_pad: includePad }, row,
  column) {
  const ends = (at, size) => [at * stride - padding, Math.min(at * stride - padding + kernel, size + padding)];
  const [top, bottom] = ends(row, input.length), [left, right] = ends(column, input[0].length);
  const pixels = [], covered = [];
  for (let r = top; r < bottom; r++) for (let c = left; c < right; c++) {
    covered.push(`${r},${c}`);
    if (r in input && c in input[r]) pixels.push({ row: r, column: c, value: input[r][c] });
  }
  const winner = pixels.reduce((best, pixel) => (pixel.value > best.value ? pixel : best));
  return { pixels, covered, winner, divisor: includePad ? covered.length : pixels.length };
}

/** Max or average pooling, as torch.nn.functional.max_pool2d and avg_pool2d compute it. */
export function pool2d(state) {
  const { input, mode, kernel_size: kernel, stride, padding, ceil_mode: ceilMode } = state;
  const count = (size) => Math.max(0, poolSize(size, kernel, stride, padding, ceilMode));
  return Array.from({ length: count(input.length) },
    (_, i) => Array.from({ length: count(input[0].length) }, (_, j) => {
    const { pixels, winner, divisor } = poolWindow(state, i, j);
    return mode === "max" ? winner.value : pixels.reduce((sum, { value }) => sum + value, 0) / divisor;
  }));
}

/** An image moved by one pixel to the right, its first column standing there twice. */
export const movedRight = (image) => image.map((row) => [row[0], ...row.slice(0, -1)]);

/** The first pixel of each window: what a stride alone keeps. */
function thinned(state) {
  const { input, kernel_size: kernel, stride, padding, ceil_mode: ceilMode } = state;
  const starts = [input.length, input[0].length].map((size) => Array.from({ length: poolSize(size, kernel, stride,
    padding, ceilMode) }, (_, i) => Math.max(0, i * stride - padding)));
  return starts[0].map((row) => starts[1].map((column) => input[row][column]));
}

/** Which outputs a shift by one pixel leaves as they are: by max, by average, and by the stride alone. */
export function unchanged(state) {
  const near = (a, b) => Math.abs(a - b) <= 1e-6 * (1 + Math.abs(b)),
    moved = { ...state, input: movedRight(state.input) };
  const pool = { max: (now) => pool2d({ ...now, mode: "max" }), average: (now) => pool2d({ ...now, mode: "average" }),
    "stride alone": thinned };
  return Object.fromEntries(Object.entries(pool).map(([way, of]) => {
    const before = of(state), after = of(moved);
    return [way, before.map((row, r) => row.map((value, c) => near(value, after[r][c])))];
  }));
}

/** Which output there is to look at first: one whose window reaches beyond the input, if there is one, else the
    middle. */
export function firstLook(state) {
  const { input, kernel_size: kernel, stride, padding, ceil_mode: ceilMode } = state;
  return [input.length, input[0].length].map((size) => {
    const last = poolSize(size, kernel, stride, padding, ceilMode) - 1;
    if (last * stride - padding + kernel > size) return last;
    return padding ? 0 : (last + 1) >> 1;
  });
}

/** What is said where the challenge is met, or "": after the shift more than half of four outputs or more are what they
    were. */
export function poolMet(state) {
  if (!state.shift) return "";
  const stays = unchanged(state)[state.mode].flat(), count = stays.filter(Boolean).length;
  return stays.length >= 4 && 2 * count > stays.length ? `${count} of ${stays.length} stay.` : "";
}

const NAMES = ["input", "mode", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "shift",
  "limits"];

export function render(context) {
  const { root, message, ...figure } = frame(context, "Pooling explorer", NAMES, poolProblem, draw, { met: poolMet });
  const { limits } = figure.state();
  const seen = (now) => (now.shift ? movedRight(now.input) : now.input);  // who changes a number keeps what they see
  const input = editable("input", { ...figure, state: () => ({ input: seen(figure.state()) }),
    change: (changes) => figure.change({ ...changes, shift: false }) });
  const output = walked("output", figure.redraw);
  const shift = button("shift by one pixel", () => figure.change({ shift: !figure.state().shift }));
  const same = make("div", { class: "ctr-scroll ctr-same", role: "status" });
  const modes = menu("keep the", ["max", "average"], figure.set("mode"));
  const sliders = {
    size: slider("input size", 2, limits.input,
      (n) => figure.change({ input: resized(figure.state().input, n, n, "edge") })),
    kernel_size: slider("window", 1, limits.kernel_size, figure.set("kernel_size")),
    stride: slider("stride", 1, limits.stride, figure.set("stride")),
    padding: slider("padding", 0, limits.padding, figure.set("padding")),
  };
  const ceil = checkbox("ceil mode", figure.set("ceil_mode"));
  const count = checkbox("count the padding", figure.set("count_include_pad"));
  const formula = make("div", { class: "ctr-formula" }), sum = explanation("what is kept of this window");
  let edges = "";  // whether windows reach beyond the input: then one of them is what there is to see
  root.append(controlled(modes, ...Object.values(sliders), ceil, count), message,
    withWords(drawingOf(make("div", { class: "ctr-boxes" }, input.element, output.element)), ...sum.elements,
      output.steps.element, make("div", { class: "ctr-stepper" }, shift), same, formula),
  hint((window.matchMedia("(pointer: coarse)").matches
    ? "Tap a pixel and type another number; tap an output to see its window."
    : "Click a pixel and type another number; the space bar switches it between 0 and 1. Point at an output, or walk "
      + "with the arrow keys, to see its window.") + " With max, each pixel that wins a window has a blue corner; the winner "
    + "of this window has a thick frame. Rows and columns are counted from 0."));

  /** Mark the pixels that win a window, and the outputs that stayed. */
  function mark(view, style, which, words) {
    for (const cell of view.element.querySelectorAll("[role=gridcell]")) {
      const on = which.has(cell.dataset.at);
      cell.classList.toggle(style, on);
      const label = cell.getAttribute("aria-label");
      if (on && !label.endsWith(words)) cell.setAttribute("aria-label", `${label}, ${words}`);
    }
  }

  function draw(state) {
    const now = { ...state, input: seen(state) };
    const out = pool2d(now), { mode, kernel_size: kernel, stride, padding } = now, first = firstLook(now);
    const beyond = poolWindow(now, ...first).pixels.length < kernel ** 2 ? `${padding}, ${now.ceil_mode}` : "";
    const at = output.at(out, beyond && beyond !== edges ? first : null);
    edges = beyond;
    const { pixels, covered, winner, divisor } = poolWindow(now, ...at), isMax = mode === "max";
    modes.update(mode);
    sliders.size.update(now.input.length);
    for (const name of ["kernel_size", "stride", "padding"]) sliders[name].update(now[name]);
    ceil.update(now.ceil_mode);
    count.update(now.count_include_pad);
    count.element.hidden = isMax;
    const all = [...now.input.flat(), 0], range = [Math.min(...all), Math.max(...all)];
    const size = sideBySide(figure.wide(), 56, now.input[0].length + 2 * padding, out[0].length);
    input.update(now.input, { size, range, border: padding, blank: isMax ? "−∞" : "0",
      marked: new Set(covered), strong: new Set(isMax ? [`${winner.row},${winner.column}`] : []) });
    output.update(out, { size, range });
    const places = out.flatMap((row, r) => row.map((_, c) => [r, c]));
    const winners = isMax ? places.map(([r, c]) => poolWindow(now, r, c).winner) : [];
    mark(input, "ctr-wins", new Set(winners.map((one) => `${one.row},${one.column}`)), "wins a window");
    const stays = unchanged(state), kept = places.filter(([r, c]) => state.shift && stays[mode][r][c]);
    mark(output, "ctr-stays", new Set(kept.map(String)), "stayed the same");
    shift.setAttribute("aria-pressed", String(state.shift));
    same.hidden = !state.shift;
    if (state.shift) same.replaceChildren(stayed(stays, mode));
    const [open, close] = now.ceil_mode ? ["⌈", "⌉"] : ["⌊", "⌋"];
    const side = (n) => {
      const result = poolSize(n, kernel, stride, padding, now.ceil_mode);
      const plain = Math.ceil((n + 2 * padding - kernel) / stride) + 1;
      return `${open}(${n} + 2·${padding} − ${kernel}) / ${stride}${close} + 1 = ${now.ceil_mode && plain !== result
        ? `${plain}, less 1 whose window would start outside, = ${result}` : result}`;
    };
    formula.textContent = now.input.length === now.input[0].length ? `output size = ${side(now.input.length)}`
      : `height = ${side(now.input.length)},  width = ${side(now.input[0].length)}`;
    const total = short(out[at[0]][at[1]], 5),
      values = pixels.map(({ value }) => (value < 0 && !isMax ? `(${short(value)})` : short(value)));
    const left = kernel ** 2 - covered.length;
    const told = left ? `\n${left} of the ${kernel ** 2} places of this window lie beyond the edge and are left out.`
      : "";
    sum.update((isMax ? `output (${at.join(", ")}) = max(${values.join(", ")}) = ${total}`
      : `output (${at.join(", ")}) = (${values.join(" + ")}) / ${divisor} = ${total}`) + told,
      `output row ${at[0]}, column ${at[1]} is ${total}`);
  }
  return figure.start(output.steps.stop);
}

/** How many outputs stayed the same, as bars of numbers. */
function stayed(stays, mode) {
  const names = { max: "max", average: "average", "stride alone": "stride alone" }, total = stays.max.flat().length;
  const rows = Object.keys(names).map((way) => {
    const count = stays[way].flat().filter(Boolean).length;
    const bar = make("span", { class: "ctr-same-bar", style: `width: ${(100 * count / total).toFixed(1)}%` });
    return make("div", { class: `ctr-same-row${way === mode ? " ctr-same-now" : ""}` }, make("span", {}, names[way]),
      make("span", { class: "ctr-same-track", "aria-hidden": "true" }, bar), make("span", {}, `${count} of ${total}`));
  });
  return make("div", {}, make("div", {}, "After the shift so many outputs are what they were; they have a bar under the number:"), ...rows);
}
