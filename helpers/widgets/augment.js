// The augmentation playground: one image, and eight random draws of it, each with its parameters in words.
import { button, checkbox, choiceProblem, codeBox, controlled, drawingOf, folded, frame, hint, make, menu,
  rangeProblem, slider } from "./common.js";

// A picture is {height, width, planes}: red, green and blue from 0 to 1, each row by row.

/** The picture in the bytes that Python sends: red, then green, then blue. */
export function decoded({ height, width, data }) {
  const bytes = atob(data), area = height * width;
  return { height, width, planes: [0, 1, 2].map((c) => Array.from({ length: area }, (_, i) => bytes.charCodeAt(c * area + i) / 255)) };
}

/** A picture of the same size whose pixel (row, column) is the one at `source(row, column)`, black where that is null. */
function gathered({ height, width, planes }, source) {
  const places = Array.from({ length: height * width }, (_, i) => source(Math.floor(i / width), i % width));
  return { height, width, planes: planes.map((plane) => places.map((at) => (at ? plane[at[0] * width + at[1]] : 0))) };
}

/** The picture padded by `padding` on all sides, and cut from row `top` and column `left` to its old size. */
export function paddedCrop(picture, top, left, padding, mode) {
  const inside = (i, n) => (i >= 0 && i < n ? i : mode === "zeros" ? null : i < 0 ? -i : 2 * (n - 1) - i);
  return gathered(picture, (row, column) => {
    const at = [inside(row + top - padding, picture.height), inside(column + left - padding, picture.width)];
    return at.includes(null) ? null : at;
  });
}

export function flipped(picture, vertical) {
  const { height, width } = picture;
  return gathered(picture, (row, column) => (vertical ? [height - 1 - row, column] : [row, width - 1 - column]));
}

/** A window of the picture enlarged to its size: bilinear, as torch.nn.functional.interpolate does it without antialias. */
export function resizedCrop({ height, width, planes }, top, left, high, wide) {
  const sources = (count, span) => Array.from({ length: count }, (_, i) => {
    const at = Math.max(0, (i + 0.5) * span / count - 0.5), low = Math.floor(at);
    return [low, Math.min(low + 1, span - 1), at - low];
  });
  const rows = sources(height, high), columns = sources(width, wide);
  return { height, width, planes: planes.map((plane) => rows.flatMap(([above, below, down]) => columns.map(([before, after, right]) => {
    const line = (row) => (1 - right) * plane[(top + row) * width + left + before] + right * plane[(top + row) * width + left + after];
    return (1 - down) * line(above) + down * line(below);
  }))) };
}

const clamp = (value) => Math.min(1, Math.max(0, value));

/** The gray of each pixel: the weights of ITU-R BT.601, of which torchvision rounds 0.299 to 0.2989. */
function grays({ planes: [r, g, b] }) {
  return r.map((_, i) => 0.2989 * r[i] + 0.587 * g[i] + 0.114 * b[i]);
}

const average = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** Each number moved away from `other(i)`, or towards it: `factor` times its distance. */
function blended(picture, factor, other) {
  return { ...picture, planes: picture.planes.map((plane) => plane.map((v, i) => clamp(factor * v + (1 - factor) * other(i)))) };
}

export function adjustBrightness(picture, factor) { return blended(picture, factor, () => 0); }

export function adjustContrast(picture, factor) {
  const mean = average(grays(picture));
  return blended(picture, factor, () => mean);
}

export function adjustSaturation(picture, factor) {
  const gray = grays(picture);
  return blended(picture, factor, (i) => gray[i]);
}

/** All colors turned around the color circle, by `turn` of it. */
export function adjustHue({ height, width, planes: [red, green, blue] }, turn) {
  const pixels = red.map((r, i) => {
    const g = green[i], b = blue[i], most = Math.max(r, g, b), range = most - Math.min(r, g, b);
    if (!range) return [r, g, b];
    const [rc, gc, bc] = [r, g, b].map((v) => (most - v) / range), s = range / most;
    const hue = (most === r ? bc - gc : most === g ? 2 + rc - bc : 4 + gc - rc) / 6 + turn;
    const six = 6 * (hue - Math.floor(hue)), i6 = Math.floor(six), f = six - i6;
    const p = clamp((1 - s) * most), q = clamp((1 - s * f) * most), t = clamp((1 - s * (1 - f)) * most);
    return [[most, t, p], [q, most, p], [p, most, t], [p, q, most], [t, p, most], [most, p, q]][i6 % 6];
  });
  return { height, width, planes: [0, 1, 2].map((c) => pixels.map((pixel) => pixel[c])) };
}

/** A square of `size` pixels around a center set to `fill`, one number for each channel; what lies outside is cut off. */
export function cutOut(picture, row, column, size, fill) {
  const { width } = picture, top = row - Math.floor(size / 2), left = column - Math.floor(size / 2);
  const hit = (i) => { const r = Math.floor(i / width), c = i % width; return r >= top && r < top + size && c >= left && c < left + size; };
  return { ...picture, planes: picture.planes.map((plane, channel) => plane.map((v, i) => (hit(i) ? fill[channel] : v))) };
}

/** The share `share` of one picture and the rest of another. */
export function mixed(picture, other, share) {
  return { ...picture, planes: picture.planes.map((plane, c) => plane.map((v, i) => share * v + (1 - share) * other.planes[c][i])) };
}

const DRAWS = 8, EACH = 14, RATIO = Math.log(4 / 3), FACTORS = ["brightness", "contrast", "saturation"];
const CHOICES = { padding_mode: ["zeros", "reflect"], cutout_fill: ["zeros", "mean"] };

/** What happens to the image in a draw, null for what does not happen at all; the same as `parameters` in augment.py. */
export function parameters(state, draw) {
  const { image: { height, width }, noise, padding, draws } = state, start = (draws * DRAWS + draw) * EACH;
  const u = Array.from({ length: EACH }, (_, i) => noise[(start + i) % noise.length]);
  let window = null;
  if (state.window < 1) {
    const area = height * width * (state.window + (1 - state.window) * u[0]), ratio = Math.exp(RATIO * (2 * u[1] - 1));
    const [h, w] = [[height, area / ratio], [width, area * ratio]].map(([n, a]) => Math.min(n, Math.max(1, Math.floor(Math.sqrt(a) + 0.5))));
    window = [Math.floor(u[2] * (height - h + 1)), Math.floor(u[3] * (width - w + 1)), h, w];
  }
  const moved = (number) => padding - Math.floor(number * (2 * padding + 1));
  const factors = FACTORS.map((name, i) => [name, state[name] ? 1 + state[name] * (2 * u[8 + i] - 1) : null]);
  return { window, down: moved(u[4]), right: moved(u[5]), flip: state.flip && u[6] < 0.5, vertical_flip: state.vertical_flip && u[7] < 0.5,
    ...Object.fromEntries(factors), hue: state.hue ? state.hue * (2 * u[11] - 1) : null,
    hole: state.cutout ? [Math.floor(u[12] * height), Math.floor(u[13] * width)] : null };
}

/** The same in words. */
export function words(draw, found, share) {
  const digits = (value) => (Math.floor(Math.abs(value) * 100 + 0.5) / 100).toFixed(2), said = [];
  if (found.window) said.push(`window of ${found.window[2]} × ${found.window[3]} enlarged`);
  const moves = [[found.right, "right", "left"], [found.down, "down", "up"]].filter(([by]) => by);
  if (moves.length) said.push(`moved ${moves.map(([by, ahead, back]) => `${Math.abs(by)} ${by > 0 ? ahead : back}`).join(" and ")}`);
  if (found.flip) said.push("flipped left to right");
  if (found.vertical_flip) said.push("flipped top to bottom");
  for (const name of FACTORS) if (found[name] !== null) said.push(`${name} ${digits(found[name])}`);
  if (found.hue !== null) said.push(`hue ${found.hue < 0 ? "−" : "+"}${digits(found.hue)}`);
  if (found.hole) said.push(`cut out around row ${found.hole[0]}, column ${found.hole[1]}`);
  if (share < 1) said.push(`${digits(share)} of it mixed with ${digits(1 - share)} of the second image`);
  return `draw ${draw + 1}: ${said.join(", ") || "unchanged"}`;
}

/** The picture of a draw: geometry first, then color, then the cut, then the mixing. */
export function drawn(state, picture, other, found) {
  let x = picture;
  if (found.window) x = resizedCrop(x, ...found.window);
  if (state.padding) x = paddedCrop(x, state.padding - found.down, state.padding - found.right, state.padding, state.padding_mode);
  if (found.flip) x = flipped(x, false);
  if (found.vertical_flip) x = flipped(x, true);
  const adjust = { brightness: adjustBrightness, contrast: adjustContrast, saturation: adjustSaturation, hue: adjustHue };
  for (const [name, change] of Object.entries(adjust)) if (found[name] !== null) x = change(x, found[name]);
  if (found.hole) x = cutOut(x, ...found.hole, state.cutout, state.cutout_fill === "mean" ? picture.planes.map(average) : [0, 0, 0]);
  return state.share < 1 ? mixed(x, other, state.share) : x;
}

/** What a draw shows, by mixup's rule; the same as `label` in augment.py. */
export function labelOf({ share, labels }) {
  const parts = [share, 1 - share].map((part, i) => [part, labels[i]]).filter(([part]) => part > 1e-9);
  return parts[1] ? parts.map(([part, word]) => `${+part.toPrecision(4)} ${word}`).join(", ") : parts[0][1];
}

export function augmentProblem(state) {
  const { limits, image, other } = state, whole = ["padding", "cutout", "draws"];
  const ranges = Object.fromEntries([...whole, ...FACTORS, "hue", "share"].map((name) => [name, [0, limits[name]]]));
  const same = image.height === other.height && image.width === other.width;
  return rangeProblem(state, { ...ranges, window: [limits.window, 1] }, whole) || choiceProblem(state, CHOICES)
    || (same ? "" : "The two images must have the same size.");
}

/** The same steps with torchvision: what a training loop would call. */
export function composed(state) {
  const { height, width } = state.image, size = `(${height}, ${width})`, jitter = [...FACTORS, "hue"].filter((name) => state[name]);
  const side = Math.min(state.cutout, height - 1, width - 1);  // RandomErasing leaves the whole side alone
  const share = +(side ** 2 / (height * width)).toPrecision(3), steps = [
    state.window < 1 && `v2.RandomResizedCrop(${size}, scale=(${state.window}, 1.0))`,
    state.padding && `v2.RandomCrop(${size}, padding=${state.padding}${state.padding_mode === "zeros" ? "" : ', padding_mode="reflect"'})`,
    state.flip && "v2.RandomHorizontalFlip()", state.vertical_flip && "v2.RandomVerticalFlip()",
    jitter.length && `v2.ColorJitter(${jitter.map((name) => `${name}=${state[name]}`).join(", ")})`,
    "v2.ToDtype(torch.float32, scale=True)",
    state.cutout && `v2.RandomErasing(p=1.0, scale=(${share}, ${share}), ratio=(1.0, 1.0)${state.cutout_fill === "mean" ? ", value=(0.5, 0.5, 0.5)" : ""})`,
  ];
  const mixup = state.share < 1 ? "\nmixup = v2.MixUp(num_classes=10)  # of whole batches, images and labels" : "";
  return "import torch\nfrom torchvision.transforms import v2\n"
    + `augment = v2.Compose([\n${steps.filter(Boolean).map((one) => `    ${one},\n`).join("")}])${mixup}`;
}

/** What the six large buttons switch: how it is seen to be on, and what is set. */
const TOGGLES = {
  flip: [({ flip }) => flip, { flip: true }, { flip: false }],
  shift: [({ padding }) => padding > 0, { padding: 4 }, { padding: 0 }],
  zoom: [({ window: share }) => share < 1, { window: 0.3 }, { window: 1 }],
  color: [(state) => [...FACTORS, "hue"].some((name) => state[name] > 0),
    { brightness: 0.4, contrast: 0.2, saturation: 0.8, hue: 0.1 }, { brightness: 0, contrast: 0, saturation: 0, hue: 0 }],
  cutout: [({ cutout }) => cutout > 0, { cutout: 16 }, { cutout: 0 }],
  mixup: [({ share }) => share < 1, { share: 0.6 }, { share: 1 }],
};

/** Put a picture on a canvas, a pixel for a pixel; the stylesheet enlarges it without smoothing. */
function paintOn(canvas, { height, width, planes }, label) {
  Object.assign(canvas, { height, width });
  const pixels = new ImageData(width, height);
  planes.forEach((plane, c) => plane.forEach((v, i) => { pixels.data[4 * i + c] = Math.round(255 * v); pixels.data[4 * i + 3] = 255; }));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  canvas.setAttribute("aria-label", label);
}

const canvas = () => make("canvas", { role: "img", class: "ctr-canvas" });
const SETTINGS = ["flip", "vertical_flip", "padding", "window", ...FACTORS, "hue", "cutout", "share", ...Object.keys(CHOICES)];
const NAMES = [...SETTINGS, "image", "other", "labels", "draws", "noise", "limits"];
/** The sliders that every reader sees; the rest is folded. */
const MAIN = ["padding", "window", "brightness", "saturation", "cutout", "share"];

export function render(context) {
  const { root, message, ...figure } = frame(context, "Random draws of an image", NAMES, augmentProblem, draw);
  const { limits } = figure.state(), { set } = figure;
  const upTo = (name, step = 0.1, label = name) => slider(label, 0, limits[name], set(name), step);
  const chosen = (label, name) => menu(label, CHOICES[name], set(name));
  const controls = {
    flip: checkbox("flip left to right", set("flip")), vertical_flip: checkbox("flip top to bottom", set("vertical_flip")),
    padding: upTo("padding", 1), padding_mode: chosen("pad with", "padding_mode"),
    cutout: upTo("cutout", 1), cutout_fill: chosen("cut to", "cutout_fill"),
    ...Object.fromEntries(FACTORS.map((name) => [name, upTo(name)])), hue: upTo("hue", 0.05),
    window: slider("window", limits.window, 1, set("window"), 0.1), share: upTo("share", 0.1, "mixup λ"),
  };
  let looked = 0;  // the draw that is told in words
  const said = make("div", { class: "ctr-formula", role: "status" });
  const cells = Array.from({ length: DRAWS }, (_, k) => make("div", { role: "gridcell", class: "ctr-draw", tabindex: k ? -1 : 0,
    click: () => look(k, true), focus: () => look(k, false), keydown: (event) => walk(event, k) }, canvas()));
  const heading = make("div", { class: "ctr-title" });
  const rows = [0, 1].map((row) => make("div", { role: "row", class: "ctr-row" }, ...cells.slice(4 * row, 4 * row + 4)));
  const grid = make("div", { role: "grid", class: "ctr-draws", "aria-label": "eight draws" }, ...rows);
  const sources = ["original", "second image"].map((name) => make("div", {}, make("div", { class: "ctr-title" }, name), canvas()));
  const toggles = Object.entries(TOGGLES).map(([name, [isOn, on, off]]) => make("button", { type: "button", class: "ctr-toggle",
    click: () => figure.change(isOn(figure.state()) ? off : on) }, name));
  const code = codeBox();
  root.append(make("div", { class: "ctr-toggles", role: "group", "aria-label": "what is drawn at random" }, ...toggles), message,
    drawingOf(make("div", { class: "ctr-gallery" }, make("div", { class: "ctr-sources" }, ...sources), make("div", {}, heading, grid))),
    said, controlled(...MAIN.map((name) => controls[name])), make("div", { class: "ctr-stepper" }, button("draw again", () => figure.change({ draws: (figure.state().draws + 1) % (limits.draws + 1) }))),
    folded("more settings", controlled(...Object.keys(controls).filter((name) => !MAIN.includes(name)).map((name) => controls[name])),
      hint("The order is fixed: a window of at least this share of the area, enlarged (1 is off); padded crop; flips; brightness, contrast, "
        + "saturation, hue; cutout; mixup with the second image (λ = 1 is off). “draw again” takes other random numbers; the controls keep them.")),
    folded("the code, with torchvision", code.element, hint("ColorJitter takes its steps in random order, and the square that RandomErasing cuts "
      + "out lies wholly in the image; all else is as in the figure.")),
    hint("Click a draw, or walk with the arrow keys, to read what was done to it."));

  function look(k, focus) {
    cells[looked].tabIndex = -1;
    cells[k].tabIndex = 0;
    if (looked !== k) { looked = k; figure.redraw(); }
    if (focus) cells[k].focus();
  }
  function walk(event, k) {
    const step = { ArrowLeft: k % 4 ? -1 : 0, ArrowRight: k % 4 < 3 ? 1 : 0, ArrowUp: -4, ArrowDown: 4, Home: -(k % 4), End: 3 - (k % 4) }[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (cells[k + step]) look(k + step, true);
  }
  let kept = [];  // the pictures in the bytes that were seen last
  const pictures = (...images) => {
    if (images.some(({ data }, i) => !kept[i] || kept[i].data !== data)) kept = images.map((image) => ({ data: image.data, picture: decoded(image) }));
    return kept.map(({ picture }) => picture);
  };
  function draw(state) {
    for (const name of SETTINGS) controls[name].update(state[name]);
    toggles.forEach((one, i) => one.setAttribute("aria-pressed", String(Boolean(Object.values(TOGGLES)[i][0](state)))));
    code.update(composed(state));
    for (const [name, used] of [["padding_mode", state.padding], ["cutout_fill", state.cutout]]) {
      controls[name].element.querySelector("select").disabled = !used;
    }
    const [image, other] = pictures(state.image, state.other), size = `${image.height} by ${image.width} pixels`;
    [["original", image], ["second image", other]].forEach(([name, one], i) => paintOn(sources[i].querySelector("canvas"), one, `${name}, ${size}`));
    sources[1].hidden = state.share === 1;
    heading.textContent = `eight draws, ${state.share < 1 ? "each with the label" : "all with the label"} ${labelOf(state)}`;
    cells.forEach((cell, k) => {
      const found = parameters(state, k), told = words(k, found, state.share);
      paintOn(cell.firstChild, drawn(state, image, other, found), told);
      cell.setAttribute("aria-selected", String(k === looked));
      if (k === looked) said.textContent = `${told[0].toUpperCase()}${told.slice(1)}.`;
    });
  }
  return figure.start();
}
