// What charts share: round numbers and decades for an axis, its rules and names, curves, and where a reader points.
import { make, short } from "./common.js";
import { enlarged } from "./full.js";

/** About `count` round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten. */
export function ticks(low, high, count = 5) {
  if (!(high > low)) return [low];
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999999), result = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    result.push(Number((i * step).toPrecision(12)));
  }
  return result;
}

/** An axis from 0 to the largest of `values`: `marks`, pairs of number and text, and `place`, how high a number stands,
    from 0 to 1. */
export function linear(values) {
  const most = Math.max(...values);
  return { marks: ticks(0, most).map((one) => [one, short(one)]), place: (value) => value / most };
}

/** A logarithmic axis that holds all `values` and `least` decades, more being added below, or, if `centered`, on both
    sides in turn. At most seven decades are marked. Zero stands at the foot, what is no finite number at the top. */
export function logarithmic(values, least, centered = false) {
  const found = values.filter((v) => v > 0 && Number.isFinite(v)).map(Math.log10);
  let low = found.length ? Math.floor(Math.min(...found) + 1e-9) : -least;
  let high = found.length ? Math.ceil(Math.max(...found) - 1e-9) : 0;
  while (high - low < least) if (!centered || (high - low) % 2) low -= 1; else high += 1;
  const step = [1, 2, 5, 10, 20, 50, 100, 200].find((one) => (high - low) / one <= 6), marks = [];
  for (let n = Math.ceil(low / step) * step; n <= high; n += step) {
    marks.push([10 ** n, `10${String(n).replace(/./g, (one) => (one === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[one]))}`]);
  }
  const place = (value) => (value > 0 ? (Math.log10(value) - low) / (high - low) : 0);
  return { marks, place: (value) => (Number.isFinite(value) ? place(value) : 1) };
}

/** At most about `most` of the numbers from 1 to `count`: the first one, and steps of 1, 2, 5, 10 and so on. */
export function counted(count, most) {
  const step = [1, 2, 5, 10, 20].find((one) => count / one <= most) || 50, found = step > 1 ? [1] : [];
  for (let one = step; one <= count; one += step) found.push(one);
  return found;
}

/** The width of each of two charts: beside each other where there is room, else one below the other. */
export const half = (room) => (room >= 640 ? Math.floor((room - 22) / 2) : room);

/** A curve through points in pixels. */
export function curve(kind, points) {
  const places = points.map((at) => at.map((v) => v.toFixed(1)).join(" "));
  return make("path", { class: `ctr-curve ctr-${kind}`, d: `M${places.join("L")}` });
}

/** A piece of a curve for the key, with a mark on it or without. */
export function sample(kind, mark = null) {
  return make("svg", { width: 34, height: 14, viewBox: "0 0 34 14", "aria-hidden": "true" },
    curve(kind, [[0, 7], [34, 7]]), mark);
}

/**
 * A chart of `wide` by `tall` pixels with edges around its curves: `x` and `y` turn shares of the room for these, from
 * 0 to 1, into pixels. `draw(spoken, frame, ...parts)` is the chart as SVG: `frame` has the `title`, the names `across`
 * and `up`, pairs of share and text, the `unit` of what goes across, the share at which a `cursor` stands, and whether
 * there is a `floor`. Rules reach `inset` beyond the curves.
 */
export function plot({ wide, tall, left, right, top, foot, inset = 0 }) {
  const x = (share) => left + (wide - left - right) * share, y = (share) => tall - foot - (tall - top - foot) * share;
  const rule = (at, style) => make("line", { x1: left - inset, x2: wide - right + inset, y1: at, y2: at, class: style });
  const text = (place, at, what, anchor = "middle") => make("text", { x: place, y: at, "text-anchor": anchor }, what);
  function draw(spoken, { title, across = [], up = [], unit = null, cursor = null, floor = true }, ...parts) {
    return make("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: "img", "aria-label": spoken },
      make("text", { x: 4, y: 14, class: "ctr-line-0" }, title),
      ...up.flatMap(([share, what]) =>
        [rule(y(share), "ctr-rule"), text(left - inset - 5, y(share) + 4, what, "end")]),
      ...across.map(([share, what]) => text(x(share), tall - foot + 17, what)),
      unit && text(x(0.5), tall - 4, unit), floor ? rule(y(0), "ctr-axis") : null,
      cursor === null ? null : make("line", { x1: x(cursor), x2: x(cursor), y1: top, y2: y(0), class: "ctr-cursor" }),
      ...parts);
  }
  return { x, y, draw };
}

/** A place for charts in which a reader points, with a finger or the mouse: `look(share)` is told where, 0 to 1. */
export function pointed({ left, right }, look) {
  function follow(event) {
    if (event.type === "pointerdown") place.setPointerCapture(event.pointerId);
    else if (event.pointerType !== "mouse" && !event.buttons) return;
    const box = place.getBoundingClientRect(), times = enlarged(place);
    look(((event.clientX - box.left) / times - left) / (box.width / times - left - right));
  }
  const place = make("div", { class: "ctr-flow", pointerdown: follow, pointermove: follow });
  return place;
}
