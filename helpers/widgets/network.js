// A network with one picture going through it: every map of every layer, and behind each number what made it.
import { choiceProblem, drawingOf, frame, make, rangeProblem, short } from "./common.js";
import { argmax, arrived, backward, bytesOf, forward, fromHalf, normalized, sizeOf, softmax,
  unpacked } from "./network_layers.js";
import { descent, explained, fields, placed, spot } from "./network_sum.js";
import { cameBack } from "./network_back.js";
import { netLayers, outline } from "./network_maps.js";
import { netDrill } from "./network_drill.js";
import { show, sources } from "./network_picture.js";

/** Why the figure cannot look there, or "". */
export function networkProblem({ picture, mode, target, path, graph, pictures, classes }) {
  const shown = Array.isArray(path) && path.every((pair) => Array.isArray(pair) && pair.length === 2
    && Number.isInteger(pair[0]) && graph[pair[0]] && Number.isInteger(pair[1]) && pair[1] >= 0
      && pair[1] < sizeOf(graph[pair[0]]));
  return rangeProblem({ picture, target }, { picture: [0, pictures.length - 1], target: [-1, classes.length - 1] })
    || choiceProblem({ mode }, { mode: ["forward", "back"] })
    || (shown && path.length <= 200 ? "" : "There is no such place in the network.");
}

/** What is said where the challenge is met, or "": the way leads from the last layer down to the picture. */
export function networkMet({ path, graph }) {
  const ends = path.length > 1 && path[0][0] === graph.length - 1 && path[path.length - 1][0] === 0;
  return ends ? "From the last layer down to a pixel." : "";
}

/** What the figure opens with where nothing was chosen: the largest number of the last layer of kernels. */
export function strongest(graph, results) {
  const kernels = graph.map((node) => node.op).lastIndexOf("conv"), layer = kernels < 0 ? graph.length - 1 : kernels;
  return [layer, argmax(results[layer])];
}

const percent = (share) => (share > 0.9995 ? "100 %" : `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`);

export function render(context) {
  const { model } = context,
    fixed = Object.fromEntries(["graph", "pictures", "names", "labels", "classes", "mean", "std", "network",
    "weights"].map((name) => [name, model.get(name)]));
  const { graph, classes, labels, names, network } = fixed, shape = graph[0].shape.slice(1), last = graph.length - 1;
  const given = fixed.pictures.map(({ data }) => bytesOf(data)), preview = model.get("preview");
  const { root, message, ...figure } = frame(context, "A network, opened", ["picture", "mode", "target", "path"],
    (now) => networkProblem({ ...now, ...fixed }), draw, { met: (now) => networkMet({ ...now, ...fixed }) });
  let weights = null, sparse = null, state = "asleep", own = null, ownName = "", before = -1, over = null, cached = {};

  const status = make("div", { class: "net-status ctr-hint", role: "status" });
  const photo = make("canvas", { class: "net-photo", role: "img" });
  const verdict = make("div", { class: "net-verdict" });
  const group = `net-class-${Math.random().toString(36).slice(2)}`, bars = classes.map((name, i) => {
    const input = make("input", { type: "radio", name: group, class: "ctr-spoken", change: () => choose(i) });
    const fill = make("i", {}), value = make("span", { class: "net-percent" });
    const row = make("label", { class: "net-class", click: () => { if (input.checked) choose(i); } }, input,
      make("span", { class: "net-class-name" }, name), make("span", { class: "net-fill" }, fill), value);
    return { input, fill, value, row };
  });
  const looks = {
    at(layer, place) {
      over = null;
      const now = chosen();
      if (now[0] === layer && now[1] === place) return;
      figure.change({ path: [[layer, place]] });
      drawNow();
    },
    over(layer, place) {
      if (over && over[0] === layer && over[1] === place) return;
      over = [layer, place];
      figure.redraw();
    },
    away() { if (over) { over = null; figure.redraw(); } },
    enter() { drill.enter(); }, again() { figure.redraw(); }, leave() { columns.focus(); },
    down(layer, place) { over = null; figure.change({ path: [...path(), [layer, place]] }); drawNow(); },
    descend() {
      const { used, results } = computed();
      figure.change({ path: [...path(), ...descent(graph, used, results, ...chosen())] });
      drawNow();
      if (!drill.enter()) columns.focus();
    },
    up(i) { figure.change({ path: path().slice(0, i + 1) }); drawNow(); if (!drill.enter()) columns.focus(); },
  };
  const drawNow = () => draw(figure.state());  // at once: the reader's place goes there
  const words = make("div", {}, verdict), input = make("div", { class: "net-input" }, photo, words);
  const end = make("div", { class: "net-classes", role: "radiogroup", "aria-label": "class whose logit is looked at" },
    ...bars.map((one) => one.row));
  const columns = netLayers(graph, looks, { photo: input, end }), drill = netDrill(graph, looks);
  const picked = sources(given, names, shape, { say: figure.say,
    given(i) { own = null; message.textContent = ""; figure.change({ picture: i }); drawNow(); },
    own(bytes, name) {
      message.textContent = "";
      wake();
      [own, ownName] = [bytes, name];
      cached = {};
      figure.redraw();
    } });
  const coarse = () => matchMedia("(pointer: coarse)").matches;
  const keys = make("div", { class: "ctr-hint net-keys" }, `${coarse()
    ? "Move the layers sideways; tap a number of a map."
    : "Point at a number, or go with the arrow keys: Page Up and Down to another map, Shift and an arrow to another "
      + "layer, Enter into its sum, Escape back."} Maps, rows and columns are counted from 0.`);
  const low = make("span"), high = make("span");
  const scale = make("div", { class: "net-scale", "aria-hidden": "true" }, low, make("i", {}), high,
    make("small", {}, "each layer by its largest number"));
  const above = make("div", { class: "net-above" }, make("div", {}, status, keys), scale);
  root.append(picked.element, message, above, drawingOf(columns.element));

  function path() {
    const now = model.get("path");
    return now.length ? now : [strongest(graph, computed().results)];
  }
  const chosen = () => { const now = path(); return now[now.length - 1]; };
  function choose(i) { figure.change({ target: i, path: [[last, i]] }); }

  /** Fetch the weights, where they are not here yet, when the reader first touches the figure. */
  function wake() {
    if (state !== "asleep") return;
    state = "coming";
    figure.redraw();
    arrived(fixed.weights).then((found) => { weights = found; state = "here"; cached = {}; figure.redraw(); },
      () => { state = "asleep";
        figure.say("The weights of the network could not be loaded. Point at it again to try once more.");
        figure.redraw(); });
  }
  if (fixed.weights.numbers) { weights = unpacked(fixed.weights); state = "here"; }
  for (const touch of ["pointerenter", "pointerdown", "focusin"]) root.addEventListener(touch, wake);
  let seen = null;
  if (!weights && !preview) {
    seen = new IntersectionObserver((all) => {
      if (all.some((one) => one.isIntersecting)) { seen.disconnect(); wake(); } });
    seen.observe(root);
  }

  /** What all layers make of the picture, or null while weights are missing. */
  function computed() {
    const at = model.get("picture"), bytes = own || given[at], ready = weights || (!own && at === 0 && preview);
    if (!ready) return null;
    if (cached.bytes !== bytes || cached.weights !== weights) {
      let kept = {}, used = weights;
      if (!weights) {
        kept = Object.fromEntries(Object.entries(preview.results).map(([number, text]) => [number,
          fromHalf(bytesOf(text))]));
        if (!sparse) {
          sparse = new Float32Array(fixed.weights.count);
          for (const [place, text] of preview.kernels) sparse.set(fromHalf(bytesOf(text)), place);
        }
        used = sparse;
      }
      const input = normalized(bytes, fixed.mean, fixed.std), results = forward(graph, used, input, kept);
      cached = { bytes, weights, used, results, chances: softmax(results[last]), grads: {} };
    }
    return cached;
  }
  const gradients = (of, target) => (of.grads[target] = of.grads[target]
    || backward(graph, weights, of.results, target));

  function drawPhoto(bytes, box, dark) {
    const small = document.createElement("canvas"), side = 8 * Math.ceil(160 / Math.max(...shape) / 8) * 2,
      [high, wide] = shape.map((n) => n * side / 2);
    show(small, bytes, shape);
    Object.assign(photo, { width: wide, height: high });
    const pen = photo.getContext("2d"), unit = side / 2;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, wide, high);
    if (box) outline(pen, [box[4] * unit, box[2] * unit, (box[5] - box[4] + 1) * unit, (box[3] - box[2] + 1) * unit],
      dark);
  }

  /** A pixel of the input: its color, and how its bytes become the network's numbers. */
  function pixelOf(bytes, place) {
    const [channel, row, column] = spot(graph[0], place), area = shape[0] * shape[1], at = row * shape[1] + column,
      rgb = [0, 1, 2].map((c) => bytes[c * area + at]);
    const value = (bytes[place] / 255 - fixed.mean[channel]) / fixed.std[channel];
    return make("div", { class: "net-few" }, make("span", { class: "net-swatch", style: `background:rgb(${rgb})` }),
      make("span", {}, `red ${rgb[0]}, green ${rgb[1]}, blue ${rgb[2]}; the network gets (${bytes[place]} ÷ 255 − ${
        short(fixed.mean[channel])}) ÷ ${short(fixed.std[channel])} = ${short(value)}`));
  }

  function draw(now) {
    if (before >= 0 && before !== now.picture) own = null;
    before = now.picture;
    const dark = getComputedStyle(root).colorScheme === "dark", bytes = own || given[now.picture], found = computed();
    picked.update(own ? -1 : now.picture);
    const count = fixed.weights.count.toLocaleString("en-US");
    const kilobytes = Math.round((fixed.weights.count * (fixed.weights.type === "float16" ? 2 : 4)) / 1000);
    status.textContent = state === "here" ? "" : state === "coming"
      ? `Fetching the ${count} weights of ${network} …`
      : `A still of the first picture. The network's ${count} weights, ${kilobytes} kB, come when you touch it.`;
    root.classList.toggle("net-waiting", !found);
    if (!found) { wake(); drawPhoto(bytes, null, dark); return; }
    const { results, chances, used } = found, best = argmax(chances), target = now.target < 0 ? best : now.target;
    const back = now.mode === "back" && Boolean(weights), grads = back ? gradients(found, target) : null;
    if (now.mode === "back" && !weights) wake();
    const trail = over ? [over] : path(), [layer, place] = trail[trail.length - 1], boxes = fields(graph, layer, place);
    drawPhoto(bytes, boxes[0], dark);
    const label = own ? -1 : labels[now.picture], name = own ? ownName : names[now.picture];
    photo.setAttribute("aria-label",
      `${name}; what ${placed(graph[layer], place)} of ${graph[layer].name} sees is framed`);
    verdict.replaceChildren(label >= 0 ? "" : make("span", { class: "net-label" }, `${name}:`),
      make("span", {}, `${network} says `), make("b", {}, classes[best]),
      make("span", {}, `, ${percent(chances[best])}`),
      label < 0 ? ""
        : make("span", { class: "net-label" }, `label: ${classes[label]} ${label === best ? "✓" : "✗"}`));
    bars.forEach(({ input, fill, value, row }, i) => {
      fill.style.width = `${100 * chances[i]}%`;
      value.textContent = percent(chances[i]);
      input.checked = i === target;
      input.setAttribute("aria-label", `${classes[i]}, ${percent(chances[i])}`);
      row.classList.toggle("net-best", i === best);
      row.classList.toggle("net-true", i === label);
    });
    const room = figure.wide(), holder = room < 560 ? words : above;
    root.classList.toggle("net-narrow", room < 560);
    if (scale.parentNode !== holder) holder.append(scale);
    columns.update({ values: back ? grads : results, boxes, chosen: [layer, place], back, dark,
      steady: Boolean(over) }, room, drill.element);
    const weightsHere = weights || sparseHolds(layer, place);
    const made = !weightsHere ? null : back ? cameBack(graph, used, results, grads, layer, place)
      : explained(graph, used, results, layer, place);
    [low.textContent, high.textContent] = back ? [`lowers ${classes[target]}`, `raises ${classes[target]}`]
      : ["below 0", "above 0"];
    drill.update(trail, made,
      { room, coarse: coarse(), steady: Boolean(over), isDark: dark, pixel: layer ? null : pixelOf(bytes, place),
      logit: classes[target],
      extra: back ? `gradient of the logit of ${classes[target]}: ${short(grads[layer][place], 3)}` : "",
        waiting: "What made this number is shown as soon as the weights are here." });
  }
  /** Whether a still has what made this number: of layers with weights it has that of the opening only. */
  const opening = String(((model.get("card") || { opening: {} }).opening.path || []).slice(-1));
  const sparseHolds = (layer, place) => !("weight" in graph[layer])
    || (preview && opening === String([layer, place]) && graph[layer].op === "conv");

  const themes = new MutationObserver(() => figure.redraw());
  themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "theme", "class"] });
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => { event.preventDefault(); picked.take(event.dataTransfer.files[0]); });
  return figure.start(() => { themes.disconnect(); picked.stop(); if (seen) seen.disconnect(); });
}
