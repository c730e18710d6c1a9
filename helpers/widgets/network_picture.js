// Where a network's picture comes from: those given, a file, the camera, or a drawing. Nothing is sent anywhere.
import { button, make } from "./common.js";

/** The middle square of an image or a video, as bytes (3, height, width). */
export function shrunk(source, wide, high, [height, width]) {
  const canvas = document.createElement("canvas"), side = Math.min(wide, high);
  Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  pen.imageSmoothingQuality = "high";
  let from = source, [x, y, size] = [(wide - side) / 2, (high - side) / 2, side];
  while (size > 2 * Math.max(width, height)) {  // by halves, or pixels between are left out
    const half = document.createElement("canvas");
    half.width = half.height = Math.ceil(size / 2);
    half.getContext("2d").drawImage(from, x, y, size, size, 0, 0, half.width, half.height);
    [from, x, y, size] = [half, 0, 0, half.width];
  }
  pen.drawImage(from, x, y, size, size, 0, 0, width, height);
  return planes(pen.getImageData(0, 0, width, height).data);
}

/** Pixels of a canvas, red, green, blue, opacity, as bytes of red, then green, then blue. */
export function planes(data) {
  const area = data.length / 4;
  return Uint8Array.from({ length: 3 * area }, (_, i) => data[(i % area) * 4 + Math.floor(i / area)]);
}

/** Draw bytes (3, height, width) on a canvas of as many pixels. */
export function show(canvas, bytes, [height, width]) {
  Object.assign(canvas, { width, height });
  const pixels = new ImageData(width, height), area = height * width;
  for (let i = 0; i < area; i++) pixels.data.set([bytes[i], bytes[area + i], bytes[2 * area + i], 255], 4 * i);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** A pad to draw on with mouse, finger, pen or keys; `changed(bytes)` is told of each stroke. */
function drawing([height, width], changed) {
  const canvas = make("canvas",
    { class: "net-pad", tabindex: 0, role: "application",
    "aria-label": "drawing pad: arrow keys move the brush, the space bar paints",
    pointerdown: (event) => { canvas.setPointerCapture(event.pointerId); last = null; stroke(event); },
    pointermove: (event) => { if (event.buttons) stroke(event); }, pointerup: () => { last = null; }, keydown: onKey });
  const color = make("input", { type: "color", class: "net-color", value: "#c8321e", "aria-label": "color" });
  const brush = make("select", { class: "ctr-field", "aria-label": "brush" },
    ...[[1, "thin"], [3, "middle"], [6, "thick"]].map(([value, name]) => make("option", { value }, name)));
  brush.value = 3;
  Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  let last = null, at = [width / 2, height / 2];
  const tell = () => changed(planes(pen.getImageData(0, 0, width, height).data));
  function clear(fill) {
    pen.fillStyle = fill;
    pen.fillRect(0, 0, width, height);
    tell();
  }
  function line([x, y], [to, down]) {
    Object.assign(pen, { strokeStyle: color.value, lineWidth: Number(brush.value), lineCap: "round" });
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(to + 0.01, down);
    pen.stroke();
    tell();
  }
  function stroke(event) {
    const box = canvas.getBoundingClientRect(),
      next = [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
    line(last || next, next);
    last = at = next;
    event.preventDefault();
  }
  function onKey(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      const next = [Math.max(0, Math.min(width, at[0] + way[0])), Math.max(0, Math.min(height, at[1] + way[1]))];
      if (event.shiftKey) line(at, next);
      at = next;
    } else if (event.key === " ") line(at, at); else return;
    event.preventDefault();
    event.stopPropagation();
  }
  const element = make("div", { class: "net-drawing" }, canvas, make("div", { class: "net-tools" }, color, brush,
    button("fill", () => clear(color.value), "fill the pad with the color"), button("clear", () => clear("#dfe7ef")),
    make("div", { class: "ctr-hint" }, "Arrow keys move the brush, space paints a dot, Shift with an arrow a line.")));
  return { element, start() { clear("#dfe7ef"); canvas.focus({ preventScroll: true }); } };
}

/** The pictures to choose from and the three ways to bring one's own. `given(i)` and `own(bytes, name)` are told. */
export function sources(pictures, names, shape, { given, own, say }) {
  const group = `net-pictures-${Math.random().toString(36).slice(2)}`;
  const radios = pictures.map((bytes, i) => {
    const canvas = make("canvas", { class: "net-thumb", "aria-hidden": "true" });
    show(canvas, bytes, shape);
    const input = make("input",
      { type: "radio", name: group, "aria-label": names[i], change: () => { close(); given(i); } });
    return { input, element: make("label", { class: "net-choice", title: names[i] }, input, canvas) };
  });
  const file = make("input",
    { type: "file", accept: "image/*", class: "ctr-spoken", tabindex: -1, "aria-hidden": "true",
    change: () => upload(file.files[0]) });
  const video = make("video", { class: "net-video", playsinline: "", muted: "", "aria-label": "what the camera sees" });
  const shutter = make("div", { class: "net-drawing", hidden: "" }, video,
    make("div", { class: "net-tools" }, button("take the picture", shot), button("close", () => close())));
  const pad = drawing(shape, (bytes) => own(bytes, "your drawing"));
  pad.element.hidden = true;
  const ready = Boolean(navigator.mediaDevices && navigator.mediaDevices.getUserMedia);
  const draw = button("draw",
    () => { const was = pad.element.hidden; close();
    if (was) { pad.element.hidden = false; draw.setAttribute("aria-expanded", "true"); pad.start(); } });
  const camera = button("camera", film);
  draw.setAttribute("aria-expanded", "false");
  camera.hidden = !ready;
  let stream = null;

  function stop() {
    if (stream) for (const track of stream.getTracks()) track.stop();
    stream = video.srcObject = null;
  }
  function close() {
    stop();
    shutter.hidden = pad.element.hidden = true;
    draw.setAttribute("aria-expanded", "false");
  }
  async function upload(chosen) {
    if (!chosen) return;
    close();
    const image = new Image(), address = URL.createObjectURL(chosen);
    try {
      image.src = address;
      await image.decode();
      own(shrunk(image, image.naturalWidth, image.naturalHeight, shape), "your picture");
    } catch {
      say(`“${chosen.name}” is no picture that this browser can open; the one before stays.`);
    }
    URL.revokeObjectURL(address);
    file.value = "";
  }
  async function film() {
    close();
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: 640, height: 480 } });
      if (!element.isConnected) return stop();
      video.srcObject = stream;
      video.muted = true;
      shutter.hidden = false;
      await video.play();
    } catch (problem) {
      close();
      say(problem && problem.name === "NotAllowedError"
        ? "The camera was not allowed; pictures from a file and drawings work without it."
        : "No camera answers; pictures from a file and drawings work without one.");
    }
    return null;
  }
  function shot() {
    if (!video.videoWidth) return say("The camera has not sent a picture yet; try again in a moment.");
    const bytes = shrunk(video, video.videoWidth, video.videoHeight, shape);
    close();
    camera.focus();
    return own(bytes, "your photograph");
  }
  const element = make("div", { class: "net-sources" },
    make("div", { class: "net-choices", role: "radiogroup", "aria-label": "picture" },
    ...radios.map((one) => one.element)),
    make("div", { class: "net-own" }, button("your picture", () => file.click(), "your picture, from a file"),
      camera, draw, file,
      make("span", { class: "net-private" }, "Nothing leaves this browser.")), shutter, pad.element);
  return { element, stop, take: upload, update(at) { radios.forEach((one, i) => { one.input.checked = i === at; }); } };
}
