// The stage of the all-reduce: devices on a circle, or around one of them, the chunks that each holds, and those that
// travel.
import { make, short } from "./common.js";
import { eased } from "./motion.js";

const FLAT = 46, LABEL = 15;  // half the height of a circle of two; what a device's name takes above its chunks

/** Where the devices stand in `wide` pixels: their places, and the cells of their chunks. `shape` is "ring", "hub", a
    star around rank 0, or "all", a circle without a rim. */
export function ringLayout(shape, n, wide) {
  const columns = n > 3 ? 2 : 1, rows = Math.ceil(n / columns);
  const cell = columns > 1 ? [Math.min(n > 5 ? 34 : 40, Math.floor(wide / 9.5)), n > 6 ? 17 : 21]
    : [52, n > 2 ? 24 : 28];
  const box = [columns * cell[0], rows * cell[1]], around = shape === "hub" ? n - 1 : n;
  const across = Math.min(150, (wide - box[0]) / 2 - 4), first = around < 3 ? Math.PI : -Math.PI / 2;
  const down = around < 3 ? FLAT : n > 6 ? Math.min(1.25 * across, 165) : Math.min(across, 120);
  const angle = (rank) => first + 2 * Math.PI * (shape === "hub" ? rank - 1 : rank) / around;
  const heights = Array.from({ length: around }, (_, i) => down * Math.sin(first + 2 * Math.PI * i / around));
  const rim = around < 3 && shape === "ring" ? down : 0;  // two arcs beyond two devices
  const above = Math.max(rim, box[1] / 2 + LABEL - Math.min(...heights, 0));
  const below = Math.max(rim, box[1] / 2 + Math.max(...heights, 0));
  const middle = [wide / 2, above + 4], tall = Math.ceil(above + below + 10);
  const onRim = (at) => [middle[0] + across * Math.cos(at), middle[1] + down * Math.sin(at)];
  const places = Array.from({ length: n }, (_, rank) => (shape === "hub" && !rank ? middle : onRim(angle(rank))));
  const corner = (chunk) => [(chunk % columns) * cell[0] - box[0] / 2,
    Math.floor(chunk / columns) * cell[1] - box[1] / 2];
  /** A place on the way between two devices: along the rim between neighbors in a ring, else straight. */
  function way(from, to, share) {
    if (shape === "ring") return onRim(angle(from) + share * 2 * Math.PI / n);
    return [0, 1].map((axis) => places[from][axis] + share * (places[to][axis] - places[from][axis]));
  }
  return { cell, box, places, corner, way, tall, middle, across, down };
}

/** A chunk: the fill tells how many ranks are in it. */
function chunkBox([left, top], [wide, tall], { value, ranks }, n, style = "") {
  const text = short(value), whole = ranks.length === n, number = text.length > 4 ? "ctr-num ctr-num-long" : "ctr-num";
  return make("g", { class: `ctr-chunk${whole ? " ctr-sum-whole" : ""}${style}` },
    make("rect", { x: left, y: top, width: wide, height: tall, class: "ctr-chunk-box" }),
    make("rect", { x: left, y: top, width: wide * ranks.length / n, height: tall, class: "ctr-chunk-fill" }),
    make("rect", { x: left, y: top, width: wide, height: tall, class: "ctr-chunk-edge" }),
    make("text", { x: left + wide / 2, y: top + tall / 2 + 4, "text-anchor": "middle", class: number }, text));
}

/** Megabytes in few characters. */
export const mega = (value) => (value >= 100 ? String(Math.round(value)) : short(value, value >= 10 ? 3 : 2));

/** Where the devices are drawn. `onLook(rank, chunk)` is called where the reader points at a chunk. */
export function stage(onLook) {
  const title = make("b"), news = make("span"), head = make("div", { class: "ctr-stage-head" }, title, news);
  const picture = make("div", { class: "ctr-stage-picture" }), bars = make("div");
  const element = make("div", { class: "ctr-stage" }, head, picture, bars);
  let drawn = "", flying = [], counters = [], plan = null;

  function build({ shape, held, before, moves, next, center, looked, wide, spoken }) {
    const n = held.length;
    plan = ringLayout(shape, n, wide);
    const { cell, box, places, corner, way, tall, middle, across, down } = plan;
    const got = new Set(moves.flatMap(([, to, chunks]) => chunks.map((chunk) => `${to},${chunk}`)));
    const busy = new Set((next.length ? next : moves).map(([from, to]) => `${from},${to}`));
    const links = [], tips = [];
    const link = (from, to) => {
      const live = busy.has(`${from},${to}`) || (shape === "hub" && busy.has(`${to},${from}`));
      const ends = [way(from, to, 0), way(from, to, 1)].map((at) => at.map((v) => v.toFixed(1)).join(" "));
      const path = shape === "ring" ? `A${across} ${down} 0 0 1 ` : "L";
      links.push(make("path", { d: `M${ends[0]}${path}${ends[1]}`, class: `ctr-link${live ? " ctr-link-live" : ""}` }));
    };
    const tip = ([from, to]) => {
      const a = way(from, to, 0.47), b = way(from, to, 0.53);
      const turn = Math.atan2(b[1] - a[1], b[0] - a[0]) * 180 / Math.PI;
      tips.push(make("polygon", { points: "7,0 -5,-6 -5,6", class: "ctr-tip ctr-hop",
        transform: `translate(${b.map((v) => v.toFixed(1)).join(" ")}) rotate(${turn.toFixed(1)})` }));
    };
    for (let rank = 0; rank < n; rank++) {
      if (shape === "ring") link(rank, (rank + 1) % n);
      else if (shape === "hub" && rank) link(rank, 0);
    }
    if (shape === "all") [...busy].forEach((pair) => link(...pair.split(",").map(Number)));
    (next.length ? next : moves).forEach(tip);
    counters = shape === "all" ? [] : places.map((_, rank) => {  // what each link has carried
      const inward = 1 - (n > 6 ? 0.36 : 0.3);
      const rim = shape === "ring" ? way(rank, (rank + 1) % n, 0.5) : way(rank, 0, 0.5);
      const [x, y] = shape === "ring" ? [0, 1].map((axis) => middle[axis] + inward * (rim[axis] - middle[axis])) : rim;
      return make("text", { x, y: y + 4, "text-anchor": "middle", class: "ctr-label ctr-link-label" });
    });
    if (shape === "hub") counters[0] = null;
    const devices = places.map(([x, y], rank) => make("g",
      { class: "ctr-device", transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` },
      make("rect", { x: -box[0] / 2 - 2, y: -box[1] / 2 - 2, width: box[0] + 4, height: box[1] + 4, rx: 3,
        class: "ctr-device-box" }),
      make("text", { x: 0, y: -box[1] / 2 - 6, "text-anchor": "middle", class: "ctr-label" }, `rank ${rank}`),
      ...held[rank].map((one, chunk) => {
        const key = `${rank},${chunk}`, at = looked && looked.join() === key ? " ctr-looked" : "";
        const made = chunkBox(corner(chunk), cell, one, n, (got.has(key) ? " ctr-got" : "") + at);
        if (!onLook) return made;
        made.addEventListener("click", () => onLook(rank, chunk));
        made.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") onLook(rank, chunk); });
        return made;
      })));
    flying = next.map(([from, to, chunks]) => ({ from, to,
      element: make("g", { class: "ctr-flying", "data-chunks": chunks.join() },
      ...chunks.map((chunk) => chunkBox(corner(chunk), cell, before[from][chunk], n))) }));
    picture.replaceChildren(make("svg", { width: wide, height: tall, viewBox: `0 0 ${wide} ${tall}`, role: "img",
      "aria-label": spoken },
      ...links, ...tips, make("text", { x: middle[0], y: middle[1] + 4, "text-anchor": "middle",
        class: center === "✓" ? "ctr-done" : "ctr-quiet-text" }, center),
      ...counters.filter(Boolean), ...devices, ...flying.map((one) => one.element)));
  }

  /** `view`: `key`, which changes where something else than `part`, `carried` and `told` does, and what is drawn. */
  function update(view) {
    if (view.key !== drawn) { drawn = view.key; build(view); }
    element.style.width = `${view.wide}px`;
    title.textContent = view.title;
    news.textContent = view.told;
    const moved = eased(view.part), n = view.held.length;
    for (const one of flying) {
      const [x, y] = plan.way(one.from, one.to, moved);
      one.element.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      one.element.setAttribute("visibility", view.part ? "visible" : "hidden");
    }
    counters.forEach((one, rank) => {
      const [out, got] = view.carried[rank];
      if (one) one.textContent = mega(view.shape === "ring" ? out : out + got);
    });
    bars.replaceChildren(meter(view.carried, view.most, view.wide, n));
  }
  return { element, update };
}

/** Bars: what has gone through each device's own link, sent and received, on an axis that ends at `most`. */
function meter(carried, most, wide, n) {
  const tall = 88, ground = 70, top = 28, room = Math.min(wide, Math.max(240, 46 * n)), left = (wide - room) / 2;
  const step = room / n, bar = Math.min(26, step - 8);
  const high = (value) => (ground - top) * value / most;
  const said = carried.map(([out, got], rank) => `rank ${rank} sent ${mega(out)}, received ${mega(got)}`);
  return make("svg", { width: wide, height: tall, viewBox: `0 0 ${wide} ${tall}`, role: "img",
    "aria-label": `MB out of and into each rank so far: ${said.join("; ")}` },
  make("text", { x: left, y: 11, class: "ctr-quiet-text" }, "MB of each rank:"),
  ...["sent", "got"].flatMap((kind, i) => [
    make("rect", { x: left + 130 + 52 * i, y: 3, width: 9, height: 9, class: `ctr-bar-${kind}` }),
    make("text", { x: left + 143 + 52 * i, y: 11, class: "ctr-quiet-text" }, kind === "got" ? "received" : kind)]),
  make("line", { x1: left, x2: left + room, y1: ground, y2: ground, class: "ctr-axis" }),
  ...carried.flatMap(([out, got], rank) => {
    const x = left + (rank + 0.5) * step, both = ground - high(out + got), place = { x: x - bar / 2, width: bar };
    return [make("rect", { ...place, y: ground - high(out), height: high(out), class: "ctr-bar-sent" }),
      make("rect", { ...place, y: both, height: high(got), class: "ctr-bar-got" }),
      make("text", { x, y: both - 3, "text-anchor": "middle", class: "ctr-num" }, out + got ? mega(out + got) : ""),
      make("text", { x, y: tall - 4, "text-anchor": "middle", class: "ctr-quiet-text" }, rank)];
  }));
}
