// The convolution explorer: a photograph or a few numbers, the kernel on a patch of it, and what that gives.
import { button, controlled, drawingOf, editable, frame, grid, hint, make, matrixProblem, menu, rangeProblem, resized,
  short, slider } from "./common.js";
import { block, fit, painted, reach } from "./cells.js";
import { enlarged } from "./full.js";
import { join, placed, stops } from "./joins.js";
import { player } from "./motion.js";
import { chooser, photoProblem, photoRows } from "./photo.js";

/** How many places a kernel has along one axis; below 1 where it does not fit. As in torch.nn.Conv2d. */
export function outSize(size, kernel, stride, padding, dilation) {
  return Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** What the kernel is laid on, as rows of numbers. */
export function laidOn({ view, photo, input }) {
  return view === "picture" ? photoRows(photo) : input;
}

/** Why this combination cannot be computed, or "". */
export function convProblem({ input, photo, view, kernel, stride, padding, dilation, limits }) {
  const wrong = matrixProblem("input", input, limits.input) || matrixProblem("kernel", kernel, limits.kernel)
    || (photo && photoProblem(photo, limits.photo))
    || rangeProblem({ stride, padding, dilation },
      { stride: [1, limits.stride], padding: [0, limits.padding], dilation: [1, limits.dilation] });
  if (wrong) return wrong;
  if (view === "picture" && !photo) return "There is no photograph yet: choose one, or look at the numbers.";
  const [high, wide] = view === "picture" ? [photo.height, photo.width] : [input.length, input[0].length];
  for (const [side, have, need] of [["high", high, kernel.length], ["wide", wide, kernel[0].length]]) {
    const span = dilation * (need - 1) + 1;
    if (span > have + 2 * padding) {
      return `The kernel spans ${span} pixels, but the padded input is only ${have + 2 * padding} ${side}: it fits `
        + "nowhere. The last setting that fits was kept.";
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
export function conv2d({ input, kernel, stride, padding, dilation }) {
  const height = outSize(input.length, kernel.length, stride, padding, dilation);
  const width = outSize(input[0].length, kernel[0].length, stride, padding, dilation);
  return Array.from({ length: Math.max(0, height) }, (_, i) => Array.from({ length: Math.max(0, width) }, (_, j) => {
    let sum = 0;
    for (let u = 0; u < kernel.length; u++) {
      const line = input[i * stride - padding + u * dilation];
      if (line) for (let v = 0; v < kernel[u].length; v++) {
        sum += (line[j * stride - padding + v * dilation] || 0) * kernel[u][v];
      }
    }
    return sum;
  }));
}

/** The name of the entry of `named` that equals `matrix`, or "". */
export function nameOf(named, matrix) {
  const same = (a, b) => a.length === b.length && a.every((row, i) => row.length === b[i].length
    && row.every((v, j) => Math.abs(v - b[i][j]) < 1e-6));
  return Object.keys(named).find((name) => same(named[name], matrix)) || "";
}

/** Whether a kernel sees no upright and no level edge, wherever it lies, but something else: whether its rows and its
    columns all sum to 0, and it is not 0 itself. */
export function onlyCorners(kernel) {
  const most = Math.max(...kernel.flat().map(Math.abs));
  const sums = (all) => all.map((one) => one.reduce((a, b) => a + b, 0));
  return most > 0 && [...sums(kernel), ...sums(kernel[0].map((_, c) => kernel.map((row) => row[c])))]
    .every((sum) => Math.abs(sum) < 1e-6 * most);
}

/** What is said where the challenge is met, or "". */
export const convMet = ({ kernel }) => (onlyCorners(kernel) ? "Only corners: all rows and columns sum to 0." : "");

/** In which colors a kernel's answer is seen: "gray" where no weight is below 0; "cut", gray from 0 to 1 without what
    lies beyond, where the weights sum to 1, so that a photograph gives a photograph again; else "signed". */
export function shadeOf(kernel, view) {
  const weights = kernel.flat();
  if (!weights.some((v) => v < 0)) return "gray";
  return view === "picture" && Math.abs(weights.reduce((a, b) => a + b, 0) - 1) < 1e-4 ? "cut" : "signed";
}

/** Which colors that is, of outputs whose sizes reach up to `most`. */
const colorsOf = (shade, most) => ({ gray: [0, most], cut: [0, 1], signed: [-most, most] }[shade]);

const SHADES = { gray: "", signed: "In the output blue is below 0, orange above.",
  cut: "The weights sum to 1, so the output is a photograph again, in gray: what gets below 0 is black, what gets "
    + "above 1 white." };

/** The next place of a film of rows × columns outputs, and how long to wait: slow first, then row after row. */
export function filmed(at, rows, columns) {
  const place = at + 1, row = Math.floor(at / columns);
  if (rows * columns <= 300) return [place, 240];
  if (row < 2) return [Math.min(at + (row ? 6 : 2), (row + 1) * columns), 33];
  return [(row + 1) * columns, 60];
}

/** What is black and what is white in numbers. */
const rangeOf = (rows) => [Math.min(0, ...rows.flat()), Math.max(1, ...rows.flat())];

const NAMES = ["input", "photo", "view", "kernel", "stride", "padding", "dilation", "limits", "kernels", "patterns"];
const SETTINGS = [["stride", 1], ["padding", 0], ["dilation", 1]];

/** The kernels by name, each as what it makes of the picture. */
function kernelGallery(kernels, choose) {
  const all = Object.keys(kernels).map((name) => {
    const answer = make("canvas"), weights = make("canvas", { class: "ctr-c-weights" }), most = reach(kernels[name]);
    painted(weights, kernels[name], [-most, most], true);
    const button = make("button", { type: "button", class: "ctr-c-kernel", click: () => choose(kernels[name]) },
      make("span", { class: "ctr-c-thumb", "aria-hidden": "true" }, answer, weights),
      make("span", {}, name.replace("_", " ")));
    return { name, button, answer };
  });
  return {
    element: make("div", { class: "ctr-c-kernels", role: "group", "aria-label": "kernels" },
      ...all.map((one) => one.button)),
    paint(rows, view) {
      for (const { name, answer } of all) {
        const out = conv2d({ input: rows, kernel: kernels[name], stride: 1, padding: 1, dilation: 1 });
        const most = reach(out, 0.01);
        const shade = shadeOf(kernels[name], view);
        painted(answer, out, colorsOf(shade, most), shade === "signed");
      }
    },
    update(kernel) {
      const chosen = nameOf(kernels, kernel);
      for (const { name, button } of all) button.setAttribute("aria-pressed", String(name === chosen));
    },
  };
}

/** The patch, × the kernel, = the products, → their sum, in cells as large as there is room for. */
function arithmeticOf(kernel) {
  const [patch, products, sum] = [0, 1, 2].map(() => make("div"));
  const part = (name, inside) => make("div", { class: `ctr-c-part ctr-c-part-${name.split(" ").pop()}` }, inside,
    make("div", { class: "ctr-c-name" }, name));
  const sign = (text) => make("div", { class: "ctr-c-sign", "aria-hidden": "true" }, text);
  const weights = part("kernel: change it", kernel.element);
  const element = make("div", { class: "ctr-c-lens" }, part("patch", patch), sign("×"), weights,
    make("div", { class: "ctr-c-break" }), sign("="), part("products", products), sign("→"), part("their sum", sum));
  let cell = 44, broken = false;
  return { element, broken: () => broken,
    /** Find room in `wide` pixels: on one line, if its cells are large enough there to be read, and for a finger. */
    update(weight, wide, touch) {
      const across = Math.max(weight.length, weight[0].length);
      const line = Math.floor((wide - 150) / 3 / Math.max(across, 3)), half = Math.floor((wide - 36) / 2 / across);
      broken = line < (touch ? 40 : 31);
      cell = Math.min(44, broken ? half : line, Math.floor((wide < 500 ? 200 : 250) / across));
      element.classList.toggle("ctr-c-broken", broken);
      weights.style.minWidth = `${cell * weight[0].length + 2}px`;
      kernel.update(weight, { size: cell, signed: true, heading: " " });
      fit(kernel.element.querySelector("[role=grid]"), weight);
      return broken ? 12 : 0;  // what the way around it takes at the right
    },
    /** Show these numbers; of the `spread` patch only each `dilation`-th one is read. */
    show(spread, terms, total, { range, colors, signed, dilation }) {
      const all = terms.map((row) => row.map(({ value, weight }) => value * weight)), most = reach(all);
      const read = (r, c) => r % dilation === 0 && c % dilation === 0;
      patch.replaceChildren(block("patch", spread, cell * terms.length / spread.length, { range, open: read }));
      products.replaceChildren(block("products", all, cell, { range: [-most, most], signed: true }));
      sum.replaceChildren(block("sum", [[total]], Math.max(46, Math.min(56, cell * 1.4)), { range: colors, signed }));
    },
    boxes: (stage) => ({ lens: placed(stage, patch.firstElementChild), sum: placed(stage, sum.firstElementChild) }) };
}

export function render(context) {
  const { root, message, ...figure } = frame(context, "Convolution explorer", NAMES, convProblem, draw,
    { met: convMet });
  const { kernels, patterns, limits } = figure.state(), touch = window.matchMedia("(pointer: coarse)").matches;
  let middle = null, made = {}, room = null, frameOfFilm = null;

  const input = editable("input", figure), kernel = editable("kernel", figure);
  const output = grid("output", { onPick: (row, column) => { if (room) look([row, column]); } });
  const sized = () => {  // the patterns, of the size that the reader has chosen
    const { input: now } = figure.state(), fill = (one) => resized(one, now.length, now[0].length, "edge");
    return Object.fromEntries(Object.entries(patterns).map(([name, one]) => [name, fill(one)]));
  };
  const inputMenu = menu("input", Object.keys(patterns), (name) => figure.change({ input: sized()[name] }));
  const square = (name, fill) => (n) => figure.change({ [name]: resized(figure.state()[name], n, n, fill) });
  const sliders = Object.fromEntries(SETTINGS.map(([name, low]) =>
    [name, slider(name, low, limits[name], figure.set(name))]));
  const kernelSize = slider("kernel size", 1, limits.kernel, square("kernel", 0));
  const inputSize = slider("input size", 3, limits.input, square("input", "edge"));
  const gallery = kernelGallery(kernels, figure.set("kernel")), arithmetic = arithmeticOf(kernel);
  const views = ["picture", "numbers"].map((view) => button(view, () => {
    const now = figure.state(), tight = convProblem({ ...now, view }) && !convProblem({ ...now, view, dilation: 1 });
    figure.change(tight ? { view, dilation: 1 } : { view });
  }));
  const viewsOf = make("div", { class: "ctr-c-views", role: "group", "aria-label": "what the kernel is laid on" },
    ...views);

  // The stage: two pictures, the arithmetic between them, and lines that join it all.
  const side = (name) => ({ title: make("div", { class: "ctr-title" }), place: make("div", { class: `ctr-c-${name}` }),
    canvas: make("canvas", { class: "ctr-c-pixels", "aria-hidden": "true" }) });
  const source = side("source"), result = side("result");
  const scale = make("div", { class: "ctr-c-scale", "aria-hidden": "true" });
  const surface = make("div", { class: "ctr-c-surface", tabindex: 0, role: "application", keydown: walk },
    source.canvas);
  const lines = make("svg", { class: "ctr-c-lines", "aria-hidden": "true" });
  const stage = drawingOf(make("div", { class: "ctr-c-pair" }, source.place, result.place), arithmetic.element, lines);
  stage.classList.add("ctr-c-stage");
  source.place.append(source.title, surface, input.element);
  const own = chooser(stage, limits.photo, (photo) => figure.change({ photo, view: "picture" }), figure.say);
  result.place.append(result.title, result.canvas, output.element, scale);
  const formula = make("div", { class: "ctr-formula" });
  const shades = hint(""), told = make("div", { class: "ctr-spoken", role: "status" });
  const play = player("output", root, step, run, () => { frameOfFilm = null; look(place()); });
  for (const one of [source, result]) {
    for (const type of ["pointerdown", "pointermove"]) one.place.addEventListener(type, (event) => follow(one, event));
  }
  const dials = controlled(...Object.values(sliders), kernelSize);
  dials.classList.add("ctr-c-dials");
  root.append(make("div", { class: "ctr-c-bar" }, viewsOf, own, inputMenu.element, inputSize.element, play.element),
    gallery.element, dials, message, stage, formula, shades, hint(touch
      ? "Draw a finger over a picture to move the window. Tap a weight of the kernel or a number of the input to "
        + "change it."
      : "Point at a picture, or walk with the arrow keys. Click a weight of the kernel or a number of the input and "
        + "type another one: Enter accepts and goes down, the space bar switches between 0 and 1."), told);

  /** The output whose window lies nearest to `middle`, a place in the picture that stays when the stride changes. */
  function place() {
    const { stride, padding } = figure.state();
    return middle.map((n, axis) => Math.min(room.shape[axis] - 1, Math.max(0,
      Math.round((n + padding - (room.span[axis] - 1) / 2) / stride))));
  }

  /** Look at another output. */
  function look(at) {
    const { stride, padding } = figure.state();
    const within = at.map((n, axis) => Math.min(room.shape[axis] - 1, Math.max(0, n)));
    middle = within.map((n, axis) => n * stride - padding + (room.span[axis] - 1) / 2);
    point();
  }

  function walk(event) {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    play.stop();
    look(place().map((n, axis) => n + by[axis] * (event.shiftKey ? 8 : 1)));
  }

  function step(by) {
    const [i, j] = place(), [rows, columns] = room.shape, count = rows * columns;
    const next = (i * columns + j + by + count) % count;
    look([Math.floor(next / columns), next % columns]);
  }

  function run(restart) {
    const [rows, columns] = room.shape;
    let wait = 33;
    if (restart || frameOfFilm === null) frameOfFilm = 0;
    else [frameOfFilm, wait] = filmed(frameOfFilm, rows, columns);
    if (frameOfFilm >= rows * columns) return 0;
    look([Math.floor(frameOfFilm / columns), wait === 60 ? columns >> 1 : frameOfFilm % columns]);
    return wait;
  }

  function follow(one, event) {
    if (event.type === "pointermove" && ((event.pointerType !== "mouse" && !event.buttons) || play.playing())) return;
    const { view, stride } = figure.state();
    const shown = one.place.querySelector(view === "picture" ? "canvas" : "[role=grid]");
    const { top, left } = shown.getBoundingClientRect();
    const at = [event.clientY - top, event.clientX - left].map((n) => n / (room.step * enlarged(stage)));
    const end = one === source ? room.padded : room.shape;
    if (at.some((n, axis) => n < 0 || n > end[axis])) return;
    play.stop();
    look(one === result ? at.map(Math.floor) : at.map((n, axis) => Math.round((n - room.span[axis] / 2) / stride)));
  }

  /** Compute what has to be computed anew. */
  function compute(now) {
    const { view, photo, kernel: weights, stride, padding, dilation } = now;
    const key = [view === "picture" ? photo : now.input, weights, stride, padding, dilation], old = made.key || [];
    if (key.every((one, i) => one === old[i])) return;
    if (key[0] !== old[0]) {
      made.rows = laidOn(now);
      gallery.paint(made.rows, view);
    }
    made.out = conv2d({ ...now, input: made.rows });
    made.key = key;
    play.stop();
  }

  /** What there is to see at first: the largest answer within a picture, or what lies in the middle of numbers. */
  function striking({ view, stride, padding }) {
    let at = room.shape.map((n) => n >> 1), most = 0;
    const edge = Math.ceil(padding / stride), inside = (all) => all.slice(edge, all.length - edge);
    if (view === "picture") inside(made.out).forEach((row, i) => inside(row).forEach((v, j) => {
      if (Math.abs(v) > most) [at, most] = [[i + edge, j + edge], Math.abs(v)];
    }));
    return at;
  }

  function draw(now) {
    const { view, photo, stride, padding, dilation } = now, picture = view === "picture", last = room;
    compute(now);
    const { rows, out } = made, wide = figure.wide(), edge = arithmetic.update(now.kernel, wide, touch);
    const gap = wide < 500 ? 24 : 28 + edge;
    const most = reach(out, picture ? 0.01 : 0);
    result.place.style.marginRight = `${edge}px`;
    const padded = [rows.length + 2 * padding, rows[0].length + 2 * padding], shape = [out.length, out[0].length];
    const [kh, kw] = [now.kernel.length, now.kernel[0].length];
    const shade = out.flat().some((v) => v < 0) && !picture ? "signed" : shadeOf(now.kernel, view);
    const pixel = picture ? Math.min((wide - gap) / 2 / padded[1], 440 / padded[0])
      : Math.min(56, Math.floor((wide - gap - 4) / (padded[1] + shape[1])), Math.max(14, Math.floor(450 / padded[0])));
    room = { padded, shape, span: [kh, kw].map((n) => dilation * (n - 1) + 1), step: pixel, shade,
      signed: shade === "signed", colors: colorsOf(shade, picture ? most : Math.max(most, 1)), fresh: true, view };
    if (!last || last.view !== view) {
      const [i, j] = striking(now);
      middle = [i, j].map((n, axis) => n * stride - padding + (room.span[axis] - 1) / 2);
    }
    for (const one of views) one.setAttribute("aria-pressed", String(one.textContent === view));
    viewsOf.hidden = !photo;
    for (const { element } of [inputMenu, inputSize, input, output]) element.hidden = picture;
    for (const one of [surface, source.title, result.canvas, result.title, scale]) one.hidden = !picture;
    gallery.update(now.kernel);
    inputMenu.update(nameOf(sized(), now.input));
    inputSize.update(now.input.length);
    kernelSize.update(kh);
    for (const name of Object.keys(sliders)) sliders[name].update(now[name]);
    if (picture) drawPicture(now, (wide - gap) / 2); else drawNumbers(now);
    const size = (n, k, name) =>
      `${name} = ⌊(${n} + 2·${padding} − ${dilation}·(${k} − 1) − 1) / ${stride}⌋ + 1 = `
        + outSize(n, k, stride, padding, dilation);
    formula.textContent = rows.length === rows[0].length && kh === kw ? size(rows.length, kh, "output size")
      : `${size(rows.length, kh, "height")},  ${size(rows[0].length, kw, "width")}`;
    shades.textContent = [picture ? SHADES[shade] : "", onlyCorners(now.kernel) ? "No upright and no level edge gives "
      + "an answer here; a slanted one still does." : ""].join(" ").trim();
    point();
  }

  function drawPicture({ padding }, half) {
    const { rows, out } = made, { step: pixel, padded, shape, signed, colors: [low, high] } = room;
    const values = out.flat(), below = values.some((v) => v < low), above = values.some((v) => v > high);
    painted(source.canvas, rows, [0, 1], false, { border: padding });
    for (const [{ canvas, place: box }, [tall, across]] of [[source, padded], [result, shape]]) {
      box.style.minWidth = `${half}px`;
      Object.assign(canvas.style, { width: `${across * pixel}px`, height: `${tall * pixel}px` });
    }
    const frame = padding ? `, padding ${padding}` : "";
    source.title.textContent = `photograph, ${rows.length} × ${rows[0].length}${frame}`;
    result.title.textContent = `output, ${shape.join(" × ")}`;
    scale.className = `ctr-c-scale ${signed ? "ctr-c-signed" : "ctr-c-gray"}`;
    scale.replaceChildren(make("span", {}, `${below ? "≤ " : ""}${short(low, 2)}`), make("i"),
      make("span", {}, `${above ? "≥ " : ""}${short(high, 2)}`));
  }

  function drawNumbers({ padding }) {
    const { rows, out } = made, { step: size, padded, shape, signed, colors } = room;
    source.place.style.minWidth = `${padded[1] * size + 2}px`;
    result.place.style.minWidth = `${shape[1] * size + 2}px`;
    input.update(rows, { size, range: rangeOf(rows), border: padding });
    output.update(out, { size, signed, range: colors });
    for (const [one, values] of [[input, rows], [output, out]]) fit(one.element.querySelector("[role=grid]"), values);
  }

  /** Show the window, its arithmetic and its output. */
  function point() {
    const now = figure.state(), { stride, padding, dilation } = now, picture = now.view === "picture";
    const { rows, out } = made;
    const { span, step: size, shape, colors, signed } = room, at = place(), total = out[at[0]][at[1]];
    const terms = patch({ ...now, input: rows }, ...at), first = terms[0][0], film = frameOfFilm;
    const spread = Array.from({ length: span[0] }, (_, r) => Array.from({ length: span[1] }, (_, c) =>
      (rows[first.row + r] || [])[first.column + c] || 0));
    arithmetic.show(spread, terms, total, { range: picture ? [0, 1] : rangeOf(rows), colors, signed, dilation });
    if (picture && (film !== null || room.fresh)) {
      painted(result.canvas, out, colors, signed, { count: film === null ? Infinity : film + 1 });
    } else if (!picture) {
      const marked = new Set(terms.flat().map(({ row, column }) => `${row},${column}`));
      for (const one of input.element.querySelectorAll("[role=gridcell]")) {
        one.setAttribute("aria-selected", String(marked.has(one.dataset.at)));
      }
      output.element.querySelectorAll("[role=gridcell]").forEach((one, n) => {
        one.style.visibility = film !== null && n > film ? "hidden" : "";
        one.setAttribute("aria-selected", String(n === at[0] * shape[1] + at[1]));
      });
    }
    room.fresh = film !== null;
    const said = `output row ${at[0]}, column ${at[1]} is ${short(total, 5)}`;
    surface.setAttribute("aria-label", `window over the photograph, moved by the arrow keys: ${said}`);
    if (film === null) told.textContent = said;

    const origin = (one, numbers) => {
      const { x, y } = placed(stage, picture ? one.canvas : numbers.element.querySelector("[role=grid]"));
      return picture ? { left: x, top: y, step: size } : { left: x + 1, top: y + 1, step: size };
    };
    const from = origin(source, input), to = origin(result, output);
    const marks = stops(from, room, stride, at, picture ? 3 : 0);
    const boxAt = ({ left, top }, row, column, height = 1, width = 1) =>
      ({ x: left + column * size, y: top + row * size, width: width * size, height: height * size });
    if (dilation > 1) for (const { row, column } of terms.flat()) {
      marks.push(make("rect", { ...boxAt(from, row + padding + 0.2, column + padding + 0.2, 0.6, 0.6),
        class: picture ? "ctr-c-spot" : "ctr-c-read-here" }));
    }
    if (picture && stride > 1) {
      marks.push(make("rect", { ...boxAt(to, 0, 0, rows.length, rows[0].length), class: "ctr-c-ghost" }));
    }
    join(lines, stage, { ...arithmetic.boxes(stage),
      window: boxAt(from, first.row + padding, first.column + padding, ...span),
      pixel: boxAt(to, ...at), around: arithmetic.broken(), marks });
  }
  return figure.start(play.end);
}
