// The receptive field: a stack of layers seen from the side, and what one output reads of each layer below it.
import { button, controlled, frame, hint, make, menu, slider } from "./common.js";

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

const PARTS = ["kernel", "stride", "padding", "dilation"];

/** Why this stack cannot be drawn, or "". */
export function fieldProblem({ layers, size, layer, index, limits }) {
  if (!Number.isInteger(size) || size < 1 || size > limits.size) return `The input has from 1 to ${limits.size} pixels.`;
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
    return `The kernel of layer ${empty} spans ${dilation * (kernel - 1) + 1}, but it gets only ${sizes[empty - 1] + 2 * padding} numbers: `
      + "it fits nowhere. The last stack that fits was kept.";
  }
  if (layer < 0 || layer > layers.length || index < 0 || index >= sizes[layer]) return "There is no such output.";
  return "";
}

/** A row of the picture: the x of each cell's center and the cells' width, for a picture `wide` pixels wide. */
export function places(layers, sizes, row, wide) {
  const margin = 17, unit = (wide - 2 * margin) / sizes[0], { size, jump, start } = receptiveField(layers.slice(0, row));
  return { width: Math.max(2, Math.min(unit * jump * 0.86, 2 * margin)),
    centers: Array.from({ length: sizes[row] }, (_, i) => margin + unit * (start + i * jump + size / 2)) };
}

const NAMES = ["layers", "size", "layer", "index", "limits", "presets"];

export function render(context) {
  const { root, message, ...figure } = frame(context, "Receptive field of a stack of layers", NAMES, fieldProblem, draw);
  const { presets, limits } = figure.state();
  /** Keep the chosen output inside a changed stack. */
  const restack = (layers, size) => {
    const sizes = layerSizes(layers, size), top = layers.length;
    figure.change({ layers, size, layer: top, index: Math.max(0, Math.floor((sizes[top] - 1) / 2)) });
  };
  const choice = menu("stack", Object.keys(presets), (name) => restack(presets[name], figure.state().size));
  const sizes = slider("input size", 4, limits.size, (size) => restack(figure.state().layers, size));
  const layerSlider = slider("look at layer", 0, limits.layers, (layer) => {
    const now = figure.state(), count = layerSizes(now.layers, now.size)[Math.min(layer, now.layers.length)];
    figure.change({ layer: Math.min(layer, now.layers.length), index: Math.floor((count - 1) / 2) });
  });
  const indexSlider = slider("output", 0, 1, figure.set("index"));
  const picture = make("div", { class: "ctr-picture" });
  const said = make("div", { class: "ctr-formula", role: "status" });
  const body = make("tbody");
  const table = make("table", { "aria-label": "the layers, first one first" }, make("thead", {}, make("tr", {},
    ...["layer", "sees", "outputs", ...PARTS, ""].map((name) => (name ? make("th", { scope: "col" }, name) : make("td"))))), body);
  const add = button("add a layer", () => restack([...figure.state().layers, [3, 1, 0, 1]], figure.state().size));
  root.append(controlled(choice, sizes, layerSlider, indexSlider), message, picture, said, hint("Click a cell, or move the two sliders, to see what that output reads. The table below can be edited."),
    make("div", { class: "ctr-scroll", tabindex: 0, role: "region", "aria-label": "table of the layers" }, table), add);

  function edit(number, part, input) {
    const layers = figure.state().layers.map((one) => one.slice());
    layers[number][part] = input.value.trim() === "" ? NaN : Number(input.value);
    restack(layers, figure.state().size);
  }
  function rows(now, lengths) {
    if (body.children.length !== now.layers.length) {  // else the fields stay, and with them the reader's place
      body.replaceChildren(...now.layers.map((_, number) => make("tr", {}, make("th", { scope: "row" }, String(number + 1)),
        make("td", { class: "ctr-sees" }), make("td", { class: "ctr-outputs" }), ...PARTS.map((name, part) => {
          const input = make("input", { class: "ctr-field ctr-number", type: "number", min: name === "padding" ? 0 : 1, max: limits[name],
            "aria-label": `${name} of layer ${number + 1}`, change: () => edit(number, part, input) });
          return make("td", {}, input);
        }), make("td", {}, now.layers.length < 2 ? "" : button("✕", () => {
          const { layers, size } = figure.state();
          add.focus();  // this button goes
          restack(layers.filter((__, i) => i !== number), size);
        }, `remove layer ${number + 1}`)))));
    }
    now.layers.forEach((one, number) => {
      const row = body.children[number];
      row.querySelector(".ctr-sees").textContent = receptiveField(now.layers.slice(0, number + 1)).size;
      row.querySelector(".ctr-outputs").textContent = lengths[number + 1];
      row.querySelectorAll("input").forEach((input, part) => { input.value = one[part]; });
    });
  }
  function draw(now) {
    const { layers, size, layer, index } = now, lengths = layerSizes(layers, size), sets = reads(layers, size, layer, index);
    const same = (a) => JSON.stringify(a) === JSON.stringify(layers);
    choice.update(Object.keys(presets).find((name) => same(presets[name])) || "");
    sizes.update(size);
    layerSlider.update(layer, { max: layers.length });
    indexSlider.update(index, { max: lengths[layer] - 1 });
    rows(now, lengths);
    const wide = Math.max(280, figure.wide() - 2), gap = 62, high = 20;
    const y = (row) => (layers.length - row) * gap + 18;
    const lines = [], cells = [], labels = [];
    const rowPlaces = lengths.map((_, row) => places(layers, lengths, row, wide));
    for (let row = layer; row > 0; row--) {
      const [kernel, stride, padding, dilation] = layers[row - 1];
      for (const i of sets[row]) for (let k = 0; k < kernel; k++) {
        const below = i * stride - padding + k * dilation;
        if (sets[row - 1].has(below)) lines.push(make("line", { x1: rowPlaces[row].centers[i], y1: y(row) + high,
          x2: rowPlaces[row - 1].centers[below], y2: y(row - 1), class: "ctr-wire" }));
      }
    }
    lengths.forEach((count, row) => {
      const { width, centers } = rowPlaces[row];
      const title = row ? `${row}: kernel ${layers[row - 1][0]}, stride ${layers[row - 1][1]} → ${count}` : `input: ${count} pixels`;
      labels.push(make("text", { x: 0, y: y(row) - 5, class: "ctr-label" }, title));
      centers.forEach((x, i) => {
        const read = row <= layer && sets[row].has(i);
        cells.push(make("rect", { x: x - width / 2, y: y(row), width, height: high, rx: 2,
          class: row === layer && i === index ? "ctr-chosen" : read ? "ctr-read" : "ctr-quiet", "data-at": `${row},${i}`,
          click: () => figure.change({ layer: row, index: i }) }));
      });
    });
    const seen = [...sets[0]].sort((a, b) => a - b), field = receptiveField(layers.slice(0, layer));
    const from = field.start + index * field.jump, to = from + field.size - 1;
    const gaps = new Set(reads(layers.map(([k, s, , d]) => [k, s, 0, d]), 1e6, layer, 0)[0]).size;
    const out = (from < 0 ? -from : 0) + (to >= size ? to - size + 1 : 0);
    said.textContent = layer === 0 ? `This is pixel ${index} of the input itself.`
      : `Output ${index} of layer ${layer} spans ${field.size} pixels, ${from} to ${to}`.replace(/-/g, "−")
        + (out ? `, ${out} of them beyond the image` : "")
        + (gaps < field.size ? `; of ${out ? `the other ${field.size - out}` : "these"} it reads ${seen.length}` : "")
        + `. Its neighbor spans as many, ${field.jump} further on.`;
    picture.replaceChildren(make("svg", { viewBox: `0 0 ${wide} ${y(0) + high + 4}`, width: wide, height: y(0) + high + 4, role: "img",
      "aria-label": said.textContent }, ...lines, ...cells, ...labels));
  }
  return figure.start();
}
