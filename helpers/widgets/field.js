// The receptive field: what one output of a stack of layers sees of a photograph, and from the side how it comes about.
import { button, checkbox, controlled, drawingOf, frame, hint, make, menu, short, slider } from "./common.js";

/** The lengths of all rows, the input's first. */
export function layerSizes(layers, size) {
  const sizes = [size];
  for (const [kernel, stride, padding, dilation] of layers) {
    size = Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
    sizes.push(size);
  }
  return sizes;
}

/** {size, jump, start} of an output of the last of `layers`, in pixels of the input. */
export function receptiveField(layers) {
  let size = 1, jump = 1, start = 0;
  for (const [kernel, stride, padding, dilation] of layers) {
    size += (kernel - 1) * dilation * jump;
    start -= padding * jump;
    jump *= stride;
  }
  return { size, jump, start };
}

/** For each row from the input up to `layer`, the set of indices that output `index` of `layer` reads. */
export function reads(layers, size, layer, index) {
  const sizes = layerSizes(layers, size), sets = [new Set([index])];
  for (let row = layer - 1; row >= 0; row--) {
    const [kernel, stride, padding, dilation] = layers[row], below = new Set();
    for (const i of sets[0]) {
      for (let k = 0; k < kernel; k++) {
        const place = i * stride - padding + k * dilation;
        if (place >= 0 && place < sizes[row]) below.add(place);
      }
    }
    sets.unshift(below);
  }
  return sets;
}

/** "1 pixel", "2 pixels". */
export const many = (count, word) => `${short(count)} ${word}${count === 1 ? "" : "s"}`;

/** How many paths lead from each of the input's numbers to output `index` of `layer`, along one axis. */
export function paths(layers, size, layer, index) {
  const sizes = layerSizes(layers, size);
  let counts = Array.from({ length: sizes[layer] }, (_, i) => Number(i === index));
  for (let row = layer - 1; row >= 0; row--) {
    const [kernel, stride, padding, dilation] = layers[row], below = new Array(sizes[row]).fill(0);
    counts.forEach((count, i) => {
      if (count) for (let k = 0; k < kernel; k++) {
        const place = i * stride - padding + k * dilation;
        if (place >= 0 && place < sizes[row]) below[place] += count;
      }
    });
    counts = below;
  }
  return counts;
}

/** The same for a square input: a product of one axis and the other. */
export function paths2d({ layers, size, layer, index, row }) {
  const down = paths(layers, size, layer, row), across = paths(layers, size, layer, index);
  return down.map((a) => across.map((b) => a * b));
}

/** How many of the pixels, the ones with the most paths first, it takes to have half of all paths. */
export function halfOfPaths(weights) {
  const sorted = weights.flat().sort((a, b) => b - a), half = sorted.reduce((a, b) => a + b, 0) / 2;
  let sum = 0;
  return sorted.findIndex((one) => (sum += one) >= half * (1 - 1e-12)) + 1;
}

/** Which output of `layer` has its middle nearest to the pixel `at`. */
export function nearest(layers, size, layer, at) {
  const { size: field, jump, start } = receptiveField(layers.slice(0, layer)), count = layerSizes(layers, size)[layer];
  return Math.min(count - 1, Math.max(0, Math.round((at - start - (field - 1) / 2) / jump)));
}

/** Pixels (0 to 255, row by row) of a `side` × `side` image as size × size means of what they cover. */
export function scaled(pixels, side, size) {
  const scale = side / size;
  const shares = Array.from({ length: size }, (_, i) => {  // how much of each old pixel lies in new pixel i
    const from = i * scale, to = from + scale, found = [];
    for (let k = Math.floor(from); k < Math.min(side, Math.ceil(to - 1e-9)); k++) {
      found.push([k, (Math.min(k + 1, to) - Math.max(k, from)) / scale]);
    }
    return found;
  });
  return shares.map((down) => shares.map((across) =>
    down.reduce((sum, [r, a]) => sum + across.reduce((inner, [c, b]) => inner + a * b * pixels[r * side + c], 0), 0)));
}

/** The color of a pixel: dark where the output does not see it, and the more orange the more paths lead from it. */
export function lit(gray, weight, most, heat) {
  if (!weight) return [0.43, 0.45, 0.52].map((part) => Math.round(gray * part + 10));
  const t = heat ? 0.08 + 0.72 * (weight / most) ** 0.6 : 0;
  return [255, 120, 0].map((end) => Math.round(Math.min(255, gray * 1.06 + 6) * (1 - t) + end * t));
}

const PARTS = ["kernel", "stride", "padding", "dilation"];

/** Why this stack cannot be drawn, or "". */
export function fieldProblem({ layers, size, layer, index, row, limits }) {
  if (!Number.isInteger(size) || size < 1
    || size > limits.size) return `The input has from 1 to ${limits.size} pixels.`;
  if (!Array.isArray(layers) || !layers.length || layers.length > limits.layers) {
    return `The figure holds from 1 to ${limits.layers} layers.`;
  }
  for (const [number, one] of layers.entries()) {
    for (const [part, name] of PARTS.entries()) {
      const low = name === "padding" ? 0 : 1;
      if (!Number.isInteger(one[part]) || one[part] < low || one[part] > limits[name]) {
        return `The ${name} of layer ${number + 1} must be a whole number from ${low} to ${limits[name]}.`;
      }
    }
  }
  const sizes = layerSizes(layers, size), empty = sizes.findIndex((n) => n < 1);
  if (empty > 0) {
    const [kernel, , padding, dilation] = layers[empty - 1];
    return `The kernel of layer ${empty} spans ${dilation * (kernel - 1) + 1}, but it gets only ${
      many(sizes[empty - 1] + 2 * padding, "number")}: it fits nowhere. The last stack that fits was kept.`;
  }
  const there = (one) => Number.isInteger(one) && one >= 0 && one < sizes[layer];
  if (!(layer >= 0 && layer <= layers.length) || !there(index) || !there(row)) return "There is no such output.";
  return "";
}

/** A row of the picture: the x of each cell's center and the cells' width, for a picture `wide` pixels wide. */
export function places(layers, sizes, row, wide) {
  const margin = 17, unit = (wide - 2 * margin) / sizes[0],
    { size, jump, start } = receptiveField(layers.slice(0, row));
  return { width: Math.max(2, Math.min(unit * jump * 0.86, 2 * margin)),
    centers: Array.from({ length: sizes[row] }, (_, i) => margin + unit * (start + i * jump + size / 2)) };
}


/** The hue of a layer, from orange for the input to blue for the last of them, through red and violet. */
export const hue = (row, count) => Math.round((385 - 165 * row / count) % 360);

const FEW = 4;  // layers whose table finds room below the side view
const NAMES = ["layers", "size", "layer", "index", "row", "heat", "picture", "limits", "stacks"];

export function render(context) {
  const { root, message, ...figure } = frame(context, "Receptive field of a stack of layers", NAMES, fieldProblem,
    draw);
  const { stacks, limits } = figure.state();
  /** Keep the chosen output in the middle of a changed stack. */
  const restack = (layers, size) => {
    const sizes = layerSizes(layers, size), top = layers.length, middle = Math.max(0, Math.floor((sizes[top] - 1) / 2));
    figure.change({ layers, size, layer: top, index: middle, row: middle });
  };
  const choice = menu("stack", Object.keys(stacks), (name) => restack(stacks[name], figure.state().size));
  const sizes = slider("input size", 4, limits.size, (size) => restack(figure.state().layers, size));
  const layerSlider = slider("look at layer", 0, limits.layers, (to) => {
    const { layers, size, layer, index, row } = figure.state(), next = Math.min(to, layers.length);
    const { size: field, jump, start } = receptiveField(layers.slice(0, layer));
    const over = (i) => nearest(layers, size, next, start + i * jump + (field - 1) / 2);  // stay at the same place
    figure.change({ layer: next, index: over(index), row: over(row) });
  });
  const rowSlider = slider("row", 0, 1, figure.set("row")), indexSlider = slider("column", 0, 1, figure.set("index"));
  const heat = checkbox("number of paths, in orange", figure.set("heat"));
  const canvas = make("canvas", { class: "rf-canvas" });
  const over = make("div", { class: "rf-over" });
  const photo = make("div", { class: "rf-photo", tabindex: 0, role: "application", "aria-roledescription": "photograph",
    pointerdown: drag, pointermove: drag, keydown: walk }, canvas, over);
  const cone = make("div", { class: "rf-cone", pointerdown: pick, pointermove: pick });
  const said = make("div", { class: "ctr-formula", role: "status" });
  const body = make("tbody");
  const table = make("table", { "aria-label": "the layers, first one first" }, make("thead", {}, make("tr", {},
    ...["layer", "sees", "outputs", ...PARTS, ""].map((name) =>
      (name ? make("th", { scope: "col" }, name) : make("td"))))), body);
  const add = button("add a layer", () => restack([...figure.state().layers, [3, 1, 0, 1]], figure.state().size));
  const seen = make("div", { class: "rf-left" }, make("div", { class: "ctr-title" }, "on the photograph"), photo,
    hint("Rows and columns are counted from 0."),
    make("div", { class: "rf-place" }, rowSlider.element, indexSlider.element, heat.element));
  const side = make("div", { class: "rf-right" }, make("div", { class: "ctr-title" }, "from the side, along the row"),
    cone);
  const fold = make("details", { class: "rf-layers" }, make("summary", {}, "the layers, to be changed"),
    make("div", { class: "ctr-scroll", tabindex: 0, role: "region", "aria-label": "table of the layers" }, table), add);
  root.append(controlled(choice, sizes, layerSlider), message, said,
    drawingOf(make("div", { class: "rf-both" }, seen, side, fold)));
  root.classList.add("rf");
  let gray = null, decoded = "", rowsOfCone = [], few = null, held = false;
  fold.addEventListener("click", () => { held = true; });  // from now on it opens and closes for the reader only

  function drag(event) {
    if (event.type === "pointerdown") photo.setPointerCapture(event.pointerId);
    else if (!event.buttons) return;
    const { layers, size, layer, index, row } = figure.state(), box = canvas.getBoundingClientRect();
    const to = (at, from, long) => nearest(layers, size, layer, (at - from) / long * size - 0.5);
    const next = { index: to(event.clientX, box.left, box.width), row: to(event.clientY, box.top, box.height) };
    if (next.index !== index || next.row !== row) figure.change(next);
  }
  function walk(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const { layers, size, layer, index, row } = figure.state(), last = layerSizes(layers, size)[layer] - 1;
    const kept = (one) => Math.min(last, Math.max(0, one));
    figure.change({ row: kept(row + step[0]), index: kept(index + step[1]) });
  }
  function pick(event) {
    if (event.type === "pointerdown") cone.setPointerCapture(event.pointerId);
    else if (!event.buttons) return;
    const svg = cone.firstChild, box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    const { layers, size, layer, index, row } = figure.state();
    const away = ({ middle }) => Math.abs(middle - y);
    const held = event.type === "pointermove" ? rowsOfCone[layer]
      : rowsOfCone.reduce((a, b) => (away(b) < away(a) ? b : a));
    const next = held.centers.reduce((best, at, i) =>
      (Math.abs(at - x) < Math.abs(held.centers[best] - x) ? i : best), 0);
    if (held.row === layer && next === index) return;
    const { size: field, jump, start } = receptiveField(layers.slice(0, layer));
    figure.change({ layer: held.row, index: next,
      row: held.row === layer ? row : nearest(layers, size, held.row, start + row * jump + (field - 1) / 2) });
  }
  function edit(number, part, input) {
    const layers = figure.state().layers.map((one) => one.slice());
    layers[number][part] = input.value.trim() === "" ? NaN : Number(input.value);
    restack(layers, figure.state().size);
  }
  function rows(now, lengths) {
    if (body.children.length !== now.layers.length) {  // else the fields stay, and with them the reader's place
      body.replaceChildren(...now.layers.map((_, number) =>
        make("tr", {}, make("th", { scope: "row" }, String(number + 1)),
        make("td", { class: "ctr-sees" }), make("td", { class: "ctr-outputs" }), ...PARTS.map((name, part) => {
          const input = make("input", { class: "ctr-field ctr-number", type: "number", min: name === "padding" ? 0
            : 1, max: limits[name],
            "aria-label": `${name} of layer ${number + 1}`, change: () => edit(number, part, input) });
          return make("td", {}, input);
        }), make("td", {}, now.layers.length < 2 ? "" : button("✕", () => {
          const { layers, size } = figure.state();
          add.focus();  // this button goes
          restack(layers.filter((__, i) => i !== number), size);
        }, `remove layer ${number + 1}`)))));
    }
    now.layers.forEach((one, number) => {
      const line = body.children[number];
      line.style.setProperty("--hue", hue(number + 1, now.layers.length));
      line.querySelector(".ctr-sees").textContent = receptiveField(now.layers.slice(0, number + 1)).size;
      line.querySelector(".ctr-outputs").textContent = lengths[number + 1];
      line.querySelectorAll("input").forEach((input, part) => { input.value = one[part]; });
    });
  }
  /** What stands above the figure: what the output sees, and where most of its paths come from. */
  function sentence({ layers, size, layer, index, row }, weights) {
    const field = receptiveField(layers.slice(0, layer)), minus = (text) => String(text).replace(/-/g, "−");
    if (layer === 0) return [`This is the pixel in row ${row}, column ${index} of the photograph itself.`];
    const span = (at) => [field.start + at * field.jump, field.start + at * field.jump + field.size - 1];
    const [[top, bottom], [left, right]] = [row, index].map(span),
      sees = weights.flat().filter((one) => one > 0).length;
    const inside = ([low, high]) => Math.max(0, Math.min(high, size - 1) - Math.max(low, 0) + 1);
    const room = inside([top, bottom]) * inside([left, right]), beyond = field.size ** 2 - room;
    return [`One output of layer ${layer} spans ${field.size} × ${field.size} pixels.`,
      `The one in row ${row}, column ${index} spans rows ${minus(top)} to ${minus(bottom)}, `
        + `columns ${minus(left)} to ${minus(right)}.`,
    beyond ? `${beyond === 1 ? "1 of them lies" : `${beyond} of them lie`} beyond the photograph, in the padding.` : "",
    sees < room ? `It reads only ${sees} of ${beyond ? `the other ${room}` : `these ${room}`}: the rest are holes.`
      : "",
    sees > 1 ? `Half of all paths to it start in ${share(halfOfPaths(weights), sees)} of the pixels that it reads.`
      : "",
    `Its neighbor sees as much, ${many(field.jump, "pixel")} further on.`].filter(Boolean);
  }
  function draw(now) {
    const { layers, size, layer, index, row } = now, lengths = layerSizes(layers, size), weights = paths2d(now);
    const same = (one) => JSON.stringify(one) === JSON.stringify(layers);
    root.style.setProperty("--count", layers.length);
    choice.update(Object.keys(stacks).find((name) => same(stacks[name])) || "");
    sizes.update(size);
    layerSlider.update(layer, { max: layers.length });
    indexSlider.update(index, { max: lengths[layer] - 1 });
    rowSlider.update(row, { max: lengths[layer] - 1 });
    heat.update(now.heat);
    rows(now, lengths);
    const [first, ...others] = sentence(now, weights);
    said.replaceChildren(make("strong", {}, first), ` ${others.join(" ")}`);
    const all = figure.wide(), wide = all >= 600;
    root.classList.toggle("rf-wide", wide);
    if (few !== (layers.length <= FEW)) {
      few = layers.length <= FEW;
      if (!held) fold.open = wide && few;
    }
    const room = Math.min(440, wide ? Math.floor(all * 0.46) : all);
    root.classList.toggle("rf-many", layers.length > FEW || all - room - 24 < 430);
    paintPhoto(now, weights, room);
    drawCone(now, lengths, wide ? all - room - 24 : all - 2);
  }
  function paintPhoto({ layers, size, layer, index, row, heat: counted, picture }, weights, room) {
    if (decoded !== picture.data + size) {
      decoded = picture.data + size;
      gray = scaled(Uint8Array.from(atob(picture.data), (one) => one.charCodeAt(0)), picture.width, size);
    }
    const most = Math.max(...weights.flat());
    const margin = Math.round(room * 0.05), inner = room - 2 * margin, unit = inner / size;
    photo.style.width = photo.style.height = seen.style.width = `${room}px`;
    Object.assign(canvas, { width: size, height: size });
    Object.assign(canvas.style, { left: `${margin}px`, top: `${margin}px`, width: `${inner}px`, height: `${inner}px` });
    const brush = canvas.getContext("2d"), data = brush.createImageData(size, size);
    gray.forEach((line, r) => line.forEach((value, c) => {
      data.data.set([...lit(value, weights[r][c], most, counted), 255], 4 * (r * size + c));
    }));
    brush.putImageData(data, 0, 0);
    const at = (pixel) => margin + pixel * unit, boxes = [];
    const middle = (i) => { const { size: f, jump, start } = receptiveField(layers.slice(0, layer));
      return start + i * jump + (f - 1) / 2; };
    for (let k = layer; k > 0; k--) {  // what one output of each layer sees, the one nearest to the middle of the field
      const field = receptiveField(layers.slice(0, k)), near = (i) =>
        (k === layer ? i : nearest(layers, size, k, middle(i)));
      const [x, y] = [near(index), near(row)].map((i) => at(field.start + i * field.jump)), side = field.size * unit;
      const rect = (kind) => make("rect", { x, y, width: side, height: side, class: kind, "data-layer": k,
        style: `--hue: ${hue(k, layers.length)}` });
      if (k === layer) boxes.push(rect("rf-edge"));
      boxes.push(rect(k === layer ? "rf-field" : "rf-ring"));
    }
    const [x, y] = [at(middle(index) + 0.5), at(middle(row) + 0.5)],
      [u, v] = [x, y].map((one) => Math.min(room - 6, Math.max(6, one)));
    boxes.push(make("circle", { cx: u, cy: v, r: 6, class: "rf-dot" }));
    over.replaceChildren(make("svg", { viewBox: `0 0 ${room} ${room}`, width: room, height: room,
      "aria-hidden": "true" },
      make("rect", { x: margin, y: margin, width: inner, height: inner, class: "rf-frame" }), ...boxes));
    photo.setAttribute("aria-label",
      `The photograph, ${size} × ${size} pixels. The arrow keys move the output: row ${row}, column ${index}.`);
  }
  function drawCone({ layers, size, layer, index }, lengths, wide) {
    const gap = 62, high = 20, sets = reads(layers, size, layer, index), y = (r) => (layers.length - r) * gap + 20;
    const lines = [], cells = [], labels = [], placed = lengths.map((_, r) => places(layers, lengths, r, wide));
    rowsOfCone = placed.map(({ centers }, r) => ({ centers, row: r, middle: y(r) + high / 2 }));
    for (let r = layer; r > 0; r--) {
      const [kernel, stride, padding, dilation] = layers[r - 1];
      for (const i of sets[r]) for (let k = 0; k < kernel; k++) {
        const below = i * stride - padding + k * dilation;
        if (sets[r - 1].has(below)) lines.push(make("line",
          { x1: placed[r].centers[i], y1: y(r) + high, x2: placed[r - 1].centers[below],
          y2: y(r - 1), class: "rf-wire", style: `--hue: ${hue(r, layers.length)}` }));
      }
    }
    lengths.forEach((count, r) => {
      const { width, centers } = placed[r];
      const title = r ? `${r}: kernel ${layers[r - 1][0]}, stride ${layers[r - 1][1]}${
        layers[r - 1][3] > 1 ? `, dilation ${layers[r - 1][3]}` : ""} → ${count}` : `input: ${many(count, "pixel")}`;
      labels.push(make("text", { x: 0, y: y(r) - 6, class: "ctr-label" }, title));
      centers.forEach((x, i) => {
        const read = r <= layer && sets[r].has(i), chosen = r === layer && i === index;
        cells.push(make("rect", { x: x - width / 2, y: y(r), width, height: high, rx: Math.min(2, width / 3),
          class: chosen ? "ctr-chosen rf-read" : read ? "ctr-read rf-read" : "ctr-quiet", "data-at": `${r},${i}`,
          style: read ? `--hue: ${hue(r, layers.length)}` : null }));
      });
    });
    const tall = y(0) + high + 4;
    cone.replaceChildren(make("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: "img",
      "aria-label": `The stack from the side: ${lengths.map((count, r) =>
        `${r ? `layer ${r}` : "the input"} has ${count}${
        r <= layer ? `, of which ${sets[r].size} ${sets[r].size === 1 ? "is" : "are"} read`
          : ""}`).reverse().join("; ")}.` },
    ...lines, ...cells, ...labels));
  }
  return figure.start();
}

/** A part of a whole in percent, "7 %". */
const share = (part, whole) => `${Math.max(1, Math.round(100 * part / whole))} %`;
