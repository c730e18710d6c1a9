// Photographs: bytes of a figure, and files of the reader's own.
import { make } from "./common.js";

/** A photograph that comes as bytes, as rows of numbers from 0 to 1. */
export function photoRows({ height, width, data }) {
  const bytes = atob(data);
  return Array.from({ length: height }, (_, r) =>
    Array.from({ length: width }, (_, c) => bytes.charCodeAt(r * width + c) / 255));
}

/** Why this is no photograph with sides from `low` to `high`, or "". */
export function photoProblem(photo, [low, high]) {
  const { height, width, data } = photo;
  if (![height, width].every((n) => Number.isInteger(n) && n >= low && n <= high)) {
    return `The photograph must be from ${low} to ${high} pixels high and wide.`;
  }
  const whole = typeof data === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(data)
    && Math.floor(data.replace(/=/g, "").length * 3 / 4) === height * width;
  return whole ? "" : "The photograph must be a byte for each of its pixels.";
}

/** A file of the reader's as a gray photograph, at most `high` pixels a side. It is read here and sent nowhere. */
export async function photoOf(file, [low, high]) {
  const image = await createImageBitmap(file), scale = Math.min(1, high / Math.max(image.width, image.height));
  const [width, height] = [image.width, image.height].map((n) => Math.max(low, Math.round(n * scale)));
  let from = image, now = [image.width, image.height];
  for (;;) {  // by halves, so that each pixel is a mean of all that it stands for
    const next = now.map((n, i) => Math.max([width, height][i], n >> 1));
    const canvas = Object.assign(document.createElement("canvas"), { width: next[0], height: next[1] });
    const brush = canvas.getContext("2d");
    brush.fillStyle = "#fff";
    brush.fillRect(0, 0, ...next);
    brush.drawImage(from, 0, 0, ...next);
    from = canvas;
    now = next;
    if (now[0] !== width || now[1] !== height) continue;
    const { data } = brush.getImageData(0, 0, width, height);
    let bytes = "";
    for (let i = 0; i < data.length; i += 4) {
      bytes += String.fromCharCode(Math.round(0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]));
    }
    return { height, width, data: btoa(bytes) };
  }
}

/** A button that asks for a file, a place for files to be dropped, and `take(photo)` for what is in one. */
export function chooser(place, limits, take, refuse) {
  const read = async (file) => {
    if (!file) return;
    try {
      take(await photoOf(file, limits));
    } catch {
      refuse(`“${file.name}” is no picture that your browser can read: the figure keeps what it shows.`);
    }
  };
  const input = make("input", { type: "file", accept: "image/*", "aria-label": "your own photo", class: "ctr-c-file",
    change: () => { read(input.files[0]); input.value = ""; } });
  place.addEventListener("dragover", (event) => event.preventDefault());
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    read(event.dataTransfer.files[0]);
  });
  return make("label", { class: "ctr-button ctr-c-own" }, input, make("span", {}, "your own photo"));
}
