// Numbers that stay within their cells, and pictures of numbers.
import { make, paint, short } from "./common.js";

/** `value` in as many digits as a cell `room` pixels wide can hold, and their size, 0 if none can be read. */
export function fitted(value, room) {
  const size = (text) => Math.min(13, room > 30 ? room / 2.6 : room / 2, (room - 3) / (0.62 * text.length));
  const texts = [3, 2, 1].map((digits) => short(value, digits));
  if (value && !(Math.abs(value) >= 0.01 && Math.abs(value) < 1000)) {
    texts.push(...[1, 0].map((digits) => value.toExponential(digits).replace(/-/g, "−").replace("e+", "e")));
  }
  const text = texts.find((one) => size(one) >= 8) || texts.reduce((a, b) => (size(b) > size(a) + 0.5 ? b : a));
  return { text, size: size(text) >= 6 ? size(text) : 0 };
}

/** Make the numbers in a `grid` of common.js fit its cells. */
export function fit(grid, values) {
  const room = parseFloat(grid.style.getPropertyValue("--cell")) - 1;
  grid.querySelectorAll("[role=gridcell]").forEach((cell, i) => {
    if (cell.firstElementChild) return;  // an editor
    const { text, size } = fitted(values[Math.floor(i / values[0].length)][i % values[0].length], room);
    cell.textContent = text;
    cell.style.fontSize = `${size}px`;
  });
}

/** A block of numbers as a picture; `open(row, column)` is false where a cell is a hole that nobody reads. */
export function block(spoken, values, side, { signed = false, range, open = () => true }) {
  const wide = values[0].length * side, tall = values.length * side;
  const cells = values.flatMap((row, r) => row.map((value, c) => {
    const { background, ink } = paint(value, ...range, signed), { text, size } = fitted(value, side - 1);
    const x = c * side, y = r * side, at = { x: x + 0.5, y: y + 0.5, width: side - 1, height: side - 1 };
    if (!open(r, c)) return make("rect", { ...at, class: "ctr-c-hole", style: `fill:${background}` });
    return make("g", {}, make("rect", { ...at, class: "ctr-c-tap", style: `fill:${background}` }),
      size ? make("text", { x: x + side / 2, y: y + side / 2 + size * 0.35, "text-anchor": "middle",
        style: `fill:${ink};font-size:${size}px` }, text) : null);
  }));
  return make("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: "img", class: "ctr-c-block",
    "aria-label": `${spoken}: ${values.map((row) => row.map((one) => short(one)).join(", ")).join("; ")}` }, ...cells);
}

const ramps = {};

/** Colors from one end of the scale to the other as numbers, red, green, blue. */
function ramp(signed) {
  ramps[signed] = ramps[signed] || Array.from({ length: 511 }, (_, i) =>
    paint(signed ? i - 255 : i, signed ? -255 : 0, signed ? 255 : 510, signed).background.match(/\d+/g).map(Number));
  return ramps[signed];
}

/** Paint `rows` on a canvas, a pixel each, around them `border` pixels of padding; only the first `count`, if given. */
export function painted(canvas, rows, [low, high], signed, { border = 0, count = Infinity } = {}) {
  const colors = ramp(signed), width = rows[0].length + 2 * border, height = rows.length + 2 * border;
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1, span = high - low || 1;
  const data = new Uint8ClampedArray(4 * width * height);
  for (let r = 0, n = 0; r < height; r++) for (let c = 0; c < width; c++, n += 4) {
    const row = rows[r - border], value = row && row[c - border];
    if (value === undefined) {
      data.set((r + c) % 2 ? [92, 138, 196, 255] : [186, 210, 238, 255], n);
    } else if (r * width + c < count) {
      const share = signed ? (value / most + 1) / 2 : (value - low) / span;
      data.set(colors[Math.round(510 * Math.min(1, Math.max(0, share)))], n);
      data[n + 3] = 255;
    }
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
}

/** The range of colors for `rows`: all of them, or all but the `share` of the largest. */
export function reach(rows, share = 0) {
  const sizes = rows.flat().map(Math.abs).sort((a, b) => a - b);
  return sizes[Math.floor((sizes.length - 1) * (1 - share))] || sizes[sizes.length - 1] || 1;
}
