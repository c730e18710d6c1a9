// The maps of a network's layers as small pictures: where each number stands, its color, outlines of what is read.
import { make, short } from "./common.js";
import { called, placed, placeOf, spot, titled } from "./network_sum.js";

const GAP = 3, SHOWN = 16, INPUT = 132;
const STRIP = 50, STRIP_ROWS = 4;  // on a phone: pixels of a map, and how many of them stand below each other
// pixels between maps; maps of a layer that are shown; pixels of the photograph
const DENSE = 10, DENSE_TALL = 240;  // numbers of a dense layer that stand in one column; pixels of its height

/** A color between blue, below 0, and orange, above, for a number from −1 to 1; 0 is the color of the paper. */
export function tint(share, dark) {
  const paper = dark ? [30, 34, 40] : [255, 255, 255];
  const end = share < 0 ? (dark ? [96, 178, 255] : [33, 102, 172]) : (dark ? [255, 150, 60] : [213, 94, 0]);
  const t = Math.min(1, Math.abs(share));
  return paper.map((from, i) => Math.round(from + t * (end[i] - from)));
}

/** Black or white, whichever reads better on a color. */
export function inkFor(rgb) {
  const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

/** The largest size of some numbers. */
export const extreme = (values) => values.reduce((most, one) => Math.max(most, Math.abs(one)), 0) || 1;

/** Which maps of a layer are shown: the first ones, and the one that is looked at. */
export function shownMaps(node, chosen) {
  const count = node.shape[0], first = Array.from({ length: Math.min(count, SHOWN) }, (_, i) => i);
  return chosen >= SHOWN ? [...first.slice(0, -1), chosen] : first;
}

/** Where the maps of a layer stand: how many columns of them, and how large; for dense layers of single numbers. */
export function arranged(node, { tall, flow }) {
  const [channels, height, width] = node.shape, flat = height * width === 1, many = flat ? channels
    : Math.min(channels, SHOWN), gap = flat ? 0 : GAP;
  const plan = (side, columns) => ({ side, columns, gap, many, flat });
  // on a phone: a strip of layers, to be moved sideways
  if (flow && !flat) return plan(STRIP, Math.ceil(many / STRIP_ROWS));
  if (flat) {  // as high as the bars of ten classes, whatever there is
    const rows = many <= DENSE ? many : Math.min(many, 2 * DENSE), columns = Math.ceil(many / rows);
    return plan(many <= DENSE ? Math.floor(DENSE_TALL / DENSE) : Math.floor(DENSE_TALL / (2 * DENSE)), columns);
  }
  if (node.op === "input") return plan(Math.floor((INPUT - 2 * GAP) / 3), 3);
  for (let columns = 1; ; columns++) {
    const side = Math.floor((tall + gap) / Math.ceil(many / columns)) - gap;
    if (side >= tall / 10 || columns >= many) return plan(Math.max(12, Math.min(side, Math.floor(tall / 6))), columns);
  }
}

export const extent = ({ side, columns, gap, many }) =>
  ({ wide: columns * (side + gap) - gap, high: Math.ceil(many / columns) * (side + gap) - gap });

/** The layers of a network. `looks` has `at(layer, place)`, `over(layer, place)`, `away()` and `enter()`; `photo`
    stands above the channels of the input, `end` behind the last layer. */
export function netLayers(graph, looks, { photo, end }) {
  const shown = [...graph.keys()].filter((number) => graph[number].op !== "reshape");
  let now = null, focus = shown[0], narrow = null, stoodAt = -1;
  const columns = shown.map((number) => layerOf(number)),
    dense = columns.findIndex(({ node }) => node.shape[1] * node.shape[2] === 1);
  const maps = make("div", { class: "net-row" }, ...columns.slice(0, dense).map((one) => one.element));
  const numbers = make("div", { class: "net-row net-numbers" }, ...columns.slice(dense).map((one) => one.element), end);
  const scroller = make("div", { class: "net-scroll" }, maps, numbers);
  const element = make("div", { class: "net-strip" }, scroller);

  function layerOf(number) {
    const node = graph[number], canvas = make("canvas", { class: "net-canvas", "aria-hidden": "true" });
    const cell = make("div",
      { role: "gridcell", class: "net-at", tabindex: -1, keydown: (event) => onKey(event, number),
      focus: () => { focus = number; looks.at(number, here(number)); } });
    const row = make("div", { role: "row" }, cell);
    const grid = make("div",
      { role: "grid", class: "net-maps", "aria-label": titled(node), "aria-rowcount": node.shape[0] * node.shape[1],
      "aria-colcount": node.shape[2],
        pointermove: (event) => { if (event.pointerType === "mouse") point(event, number, looks.over); },
      pointerleave: () => looks.away(),
        click: (event) => { point(event, number, looks.at); cell.focus({ preventScroll: true }); } }, canvas, row);
    const [channels, height, width] = node.shape, rest = height * width > 1 && channels > SHOWN ? channels - SHOWN : 0;
    const size = height * width > 1 ? `${channels} · ${height}×${width}` : String(channels);
    const element = make("div", { class: "net-layer", "data-layer": node.name },
      make("div", { class: "net-name", title: titled(node), "aria-hidden": "true" },
        make("b", {}, called(node).split(".").slice(-2).join(".")), make("span", {}, ` ${size}`)), grid,
      rest ? make("div", { class: "net-rest" }, `and ${rest} more`) : null);
    return { element, node, number, canvas, cell, row, grid, plan: null, maps: [] };
  }
  const column = (number) => columns[shown.indexOf(number)];
  /** Where the reader was in a layer last, or its first number. */
  const here = (number) => (now && now.chosen[0] === number ? now.chosen[1] : 0);

  function point(event, number, tell) {
    const { plan, maps, node, canvas } = column(number), box = canvas.getBoundingClientRect();
    if (!plan || !box.width) return;
    const scale = extent(plan).wide / box.width, x = (event.clientX - box.left) * scale,
      y = (event.clientY - box.top) * scale, step = plan.side + plan.gap;
    const at = [Math.floor(y / step), Math.floor(x / step)], slot = at[0] * plan.columns + at[1];
    if (at[1] < 0 || at[1] >= plan.columns || slot < 0 || slot >= plan.many) return;
    const [, height, width] = node.shape,
      within = (value, start, count) => Math.max(0,
      Math.min(count - 1, Math.floor(((value - start * step) / plan.side) * count)));
    tell(number, plan.flat ? slot : placeOf(node, [maps[slot], within(y, at[0], height), within(x, at[1], width)]));
  }

  function onKey(event, number) {
    const { node, plan } = column(number), [channel, row, col] = spot(node, here(number)),
      [channels, height, width] = node.shape;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const across = plan.columns, layer = (by) => {
      const next = shown[Math.max(0, Math.min(shown.length - 1, shown.indexOf(number) + by))];
      const to = graph[next], old = spot(node, here(number));
      const scaled = old.map((v, axis) => Math.min(to.shape[axis] - 1,
        axis ? Math.floor(((v + 0.5) / node.shape[axis]) * to.shape[axis]) : v));
      focus = next;
      looks.at(next, placeOf(to, scaled));
      column(next).cell.focus({ preventScroll: true });
      column(next).element.scrollIntoView({ block: "nearest", inline: "nearest" });
    };
    const keys = { ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0],
      PageUp: [-1, 0, 0], PageDown: [1, 0, 0] };
    if (event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight")) layer(event.key === "ArrowLeft"
      ? -1 : 1);
    else if (event.key === "Enter" || event.key === " ") looks.enter();
    else if (event.key === "Home" || event.key === "End") looks.at(number,
      placeOf(node, [channel, row, event.key === "Home" ? 0 : width - 1]));
    else if (keys[event.key] && plan.flat) {
      const [map, down, right] = keys[event.key], next = channel + right + (down + map) * across;
      if (next >= 0 && next < channels) looks.at(number, next);
    } else if (keys[event.key]) {
      const [map, down, right] = keys[event.key];
      looks.at(number, placeOf(node,
        [Math.max(0, Math.min(channels - 1, channel + map)), Math.max(0, Math.min(height - 1, row + down)),
        Math.max(0, Math.min(width - 1, col + right))]));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Draw the maps of a layer and what is read of them. */
  function paintLayer(one) {
    const { node, plan, canvas } = one, values = now.values[one.number], [, height, width] = node.shape,
      { wide, high } = extent(plan);
    const dense = window.devicePixelRatio || 1, gray = node.op === "input" && !now.back, most = extreme(values);
    one.maps = plan.flat ? [...Array(plan.many).keys()]
      : shownMaps(node, now.boxes[one.number] ? now.boxes[one.number][0] : 0);
    Object.assign(canvas, { width: Math.round(wide * dense), height: Math.round(high * dense) });
    Object.assign(canvas.style, { width: `${wide}px`, aspectRatio: `${wide} / ${high}` });
    const pen = canvas.getContext("2d");
    pen.scale(dense, dense);
    pen.imageSmoothingEnabled = false;
    const step = plan.side + plan.gap,
      corner = (slot) => [(slot % plan.columns) * step, Math.floor(slot / plan.columns) * step];
    const low = gray ? values.reduce((a, b) => Math.min(a, b), Infinity) : 0, top = gray
      ? values.reduce((a, b) => Math.max(a, b), -Infinity) : 0;
    const shade = (value) =>
      (gray ? Array(3).fill(Math.round((255 * (value - low)) / (top - low || 1))) : tint(value / most, now.dark));
    if (plan.flat) {
      pen.fillStyle = now.dark ? "#3a414b" : "#dfe3e8";
      for (const slot of one.maps) pen.fillRect(corner(slot)[0] - 1, corner(slot)[1] - 1, plan.side + 1, plan.side + 1);
      for (const slot of one.maps) {
        pen.fillStyle = `rgb(${shade(values[slot])})`;
        pen.fillRect(...corner(slot), plan.side - 1, plan.side - 1);
      }
    } else {
      const small = document.createElement("canvas"), area = height * width;
      Object.assign(small, { width, height: height * one.maps.length });
      const pixels = new ImageData(small.width, small.height);
      one.maps.forEach((map, slot) => {
        for (let i = 0; i < area; i++) pixels.data.set([...shade(values[map * area + i]), 255], (slot * area + i) * 4);
      });
      small.getContext("2d").putImageData(pixels, 0, 0);
      one.maps.forEach((_, slot) => pen.drawImage(small, 0, slot * height, width, height, ...corner(slot), plan.side,
        plan.side));
      pen.strokeStyle = now.dark ? "#4a525d" : "#c4c9d0";
      pen.lineWidth = 1;
      one.maps.forEach((_, slot) => { const [x, y] = corner(slot);
        pen.strokeRect(x + 0.5, y + 0.5, plan.side - 1, plan.side - 1); });
    }
    const box = now.boxes[one.number], chosen = one.number === now.chosen[0];
    if (box && !chosen) {
      const scale = [plan.side / height, plan.side / width], rects = plan.flat ? [] : one.maps.flatMap((map, slot) => {
        if (map < box[0] || map > box[1]) return [];
        const [x, y] = corner(slot);
        return [[x + box[4] * scale[1], y + box[2] * scale[0], (box[5] - box[4] + 1) * scale[1],
          (box[3] - box[2] + 1) * scale[0]]];
      });
      if (plan.flat) rects.push(box[0] === box[1] ? [...corner(box[0]), plan.side - 1, plan.side - 1]
        : [0, 0, wide, high]);
      for (const rect of rects) outline(pen, rect, now.dark);
    }
    const [channel, row, col] = spot(node, here(one.number)), slot = plan.flat ? channel
      : Math.max(0, one.maps.indexOf(channel));
    const [x, y] = corner(slot), at = plan.flat ? [x, y, plan.side - 1, plan.side - 1]
      : [x + (col * plan.side) / width, y + (row * plan.side) / height, plan.side / width, plan.side / height];
    const grow = Math.max(0, (9 - Math.min(at[2], at[3])) / 2);
    Object.assign(one.cell.style, { left: `${((at[0] - grow) / wide) * 100}%`, top: `${((at[1] - grow) / high) * 100}%`,
      width: `${((at[2] + 2 * grow) / wide) * 100}%`, height: `${((at[3] + 2 * grow) / high) * 100}%` });
    one.cell.classList.toggle("net-chosen", chosen);
    one.cell.tabIndex = one.number === focus ? 0 : -1;
    one.cell.setAttribute("aria-label", `${placed(node, here(one.number))}: ${short(values[here(one.number)], 5)}`);
    one.cell.setAttribute("aria-colindex", col + 1);
    one.cell.setAttribute("aria-selected", String(chosen));
    one.row.setAttribute("aria-rowindex", channel * height + row + 1);
  }

  /** On a phone, the strip moves to a layer when one comes to it. */
  function moveTo(number) {
    if (number === stoodAt) return;
    stoodAt = number;
    if (scroller.contains(document.activeElement)) return;  // the reader is in the strip, and sees what they chose
    const one = column(number).element.getBoundingClientRect(), all = scroller.getBoundingClientRect();
    if (one.left < all.left) scroller.scrollLeft += one.left - all.left - 8;
    else if (one.right > all.right) scroller.scrollLeft += Math.min(one.right - all.right, one.left - all.left) + 8;
  }

  /** `room`: pixels across; `next`: values of each layer, boxes that are read, [layer, place] and so on. */
  function update(next, room, drill) {
    now = next;
    if (!shown.includes(now.chosen[0])) return;
    focus = now.chosen[0];
    const flow = room < 560, deep = dense > 9;
    element.classList.toggle("net-flow", flow);
    if (flow !== narrow) {
      narrow = flow;
      (flow ? element : columns[0].element).prepend(photo);
      if (!element.contains(drill)) element.append(drill);
    }
    element.classList.toggle("net-deep", deep);
    let tall = deep ? 200 : 560;
    const plans = () => columns.map(({ node }) => arranged(node, { tall, flow }));
    const total = () => plans().slice(0, dense).reduce((sum, plan) => sum + Math.max(38, extent(plan).wide) + 10, -10);
    if (!flow && !deep) while (tall > 220 && total() > room) tall -= 6;
    plans().forEach((plan, i) => { columns[i].plan = plan; paintLayer(columns[i]); });
    if (flow && !next.steady) moveTo(now.chosen[0]);
  }
  return { element, update, focus: () => column(focus).cell.focus({ preventScroll: true }) };
}

/** A frame that is seen on light and dark. */
export function outline(pen, [x, y, wide, high], dark) {
  pen.strokeStyle = dark ? "#000" : "#fff";
  pen.lineWidth = 3;
  pen.strokeRect(x, y, wide, high);
  pen.strokeStyle = dark ? "#79b8ff" : "#0b5cad";
  pen.lineWidth = 1.5;
  pen.strokeRect(x, y, wide, high);
}
