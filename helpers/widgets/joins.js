// Lines that join a patch of a picture to its arithmetic, and that to the output: an overlay of the stage.
import { make } from "./common.js";
import { enlarged } from "./full.js";

/** Where an element stands on the `stage`. */
export function placed(stage, element) {
  const base = stage.getBoundingClientRect(), box = element.getBoundingClientRect(), times = enlarged(stage);
  return { x: (box.left - base.left) / times, y: (box.top - base.top) / times, width: box.width / times,
    height: box.height / times };
}

/** A frame that is seen on any ground. */
const framed = (box) => ["halo", "window"].map((kind) => make("rect", { ...box, class: `ctr-c-${kind}` }));

/** From the `window` in the picture to the same patch, `lens`, enlarged below it. */
function beam(window, lens) {
  const low = window.y + window.height, right = window.x + window.width, end = lens.x + lens.width;
  const side = (from, to) => make("path", { class: "ctr-c-join", d: `M${from} ${low}L${to} ${lens.y}` });
  return [make("path", { class: "ctr-c-beam", d: `M${window.x} ${low}L${lens.x} ${lens.y}H${end}L${right} ${low}Z` }),
    side(window.x, lens.x), side(right, end), make("rect", { ...lens, class: "ctr-c-window" })];
}

/** From the `sum` to the `pixel`: from below, or around, along the right `edge`, where something is in the way. */
function arrow(sum, pixel, edge) {
  const x = pixel.x + pixel.width / 2, y = pixel.y + pixel.height / 2, start = sum.x + sum.width / 2;
  const right = pixel.x + pixel.width, low = pixel.y + pixel.height;
  const d = edge ? `M${sum.x + sum.width} ${sum.y + sum.height / 2}H${edge}V${y}H${right + 3}`
    : `M${start} ${sum.y - 2}C${start} ${sum.y - 50} ${x} ${low + 60} ${x} ${low + 5}`;
  const tip = edge ? [[right + 1, y], [right + 9, y - 4], [right + 9, y + 4]]
    : [[x, low + 1], [x - 4, low + 9], [x + 4, low + 9]];
  return [make("path", { class: "ctr-c-join ctr-c-join-halo", d }), make("path", { class: "ctr-c-join", d }),
    make("polygon", { class: "ctr-c-join-tip", points: tip.join(" ") })];
}

/** The middles of windows, hollow where the stride skips one; on a picture only those within `near` windows of `at`. */
export function stops({ left, top, step }, { padded, span }, stride, at, near) {
  const found = [], aside = near ? 0 : 0.32;  // beside the numbers
  for (let r = 0; stride > 1 && r <= padded[0] - span[0]; r++) {
    for (let c = 0; c <= padded[1] - span[1]; c++) {
      const taken = r % stride === 0 && c % stride === 0;
      if (near && (!taken || [r, c].some((n, axis) => Math.abs(n / stride - at[axis]) > near))) continue;
      const [cx, cy] = [left + (c + span[1] / 2 + aside) * step, top + (r + span[0] / 2 + aside) * step];
      const radius = taken ? Math.max(1.3, Math.min(4, step / 7)) : Math.max(1, step / 12);
      found.push(make("circle", { cx, cy, r: radius, class: taken ? "ctr-c-stop" : "ctr-c-skipped" }));
    }
  }
  return found;
}

/** Draw on `lines`, an SVG over the `stage`. `window`, `lens`, `sum` and `pixel` are boxes, `marks` are drawn. */
export function join(lines, stage, { window, lens, sum, pixel, around, marks }) {
  const { width, height } = placed(stage, stage), small = Math.max(0, (7 - pixel.width) / 2);
  const size = pixel.width + 2 * small, dot = { x: pixel.x - small, y: pixel.y - small, width: size, height: size };
  lines.setAttribute("viewBox", `0 0 ${width} ${height}`);
  lines.replaceChildren(...beam(window, lens), ...framed(window), ...marks, ...arrow(sum, dot, around ? width - 4 : 0),
    ...framed(dot), make("rect", { ...sum, class: "ctr-c-window" }));
}
