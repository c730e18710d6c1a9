// Losses of two weights with their slopes and curvatures, and the way of SGD down them, as PyTorch goes it.
import { choiceProblem, rangeProblem, short } from "./common.js";
import { code, fittedTo, rateAt } from "./descent.js";

/** The schedules that a ball's rate may follow. */
export const FALLS = ["constant", "StepLR", "CosineAnnealingLR", "warm-up + cosine"];

export const MAP = { wide: 2, high: 1.5 };  // weights from −2 to 2 and from −1.5 to 1.5
const HOURS = [0, 0.2, 0.4, 0.6, 0.8, 1], WARMER = [1.21, 0.99, 0.85, 0.69, 0.59, 0.48];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** What the readings of the cup differ from the model's x · e^(−y t), with e^(−y t) itself. */
const readings = (x, y) => HOURS.map((t, i) => { const e = Math.exp(-y * t); return { t, e, r: x * e - WARMER[i] }; });

/** Of each surface the loss at x, y, its slope [∂x, ∂y] and its curvatures [∂xx, ∂xy, ∂yy]. */
export const HILLS = {
  bowl: {
    loss: (x, y) => (x ** 2 + 10 * y ** 2) / 2, slope: (x, y) => [x, 10 * y], bend: () => [1, 0, 10],
  },
  valley: {
    loss: (x, y) => (x - 1) ** 2 / 4 + 5 * (y + 1 - 0.6 * x ** 2) ** 2,
    slope(x, y) { const u = y + 1 - 0.6 * x ** 2; return [(x - 1) / 2 - 12 * x * u, 10 * u]; },
    bend: (x, y) => [0.5 - 12 * (y + 1 - 0.6 * x ** 2) + 14.4 * x ** 2, -12 * x, 10],
  },
  saddle: {
    loss: (x, y) => y ** 2 + x ** 4 / 8 - x ** 2 / 2 + 0.5, slope: (x, y) => [x ** 3 / 2 - x, 2 * y],
    bend: (x) => [1.5 * x ** 2 - 1, 0, 2],
  },
  "two minima": {
    loss: (x, y) => (x ** 2 - 1) ** 2 / 2 + x / 5 + y ** 2 + 0.205,
    slope: (x, y) => [2 * x * (x ** 2 - 1) + 0.2, 2 * y], bend: (x) => [6 * x ** 2 - 2, 0, 2],
  },
  cup: {
    loss: (x, y) => mean(readings(x, y).map(({ r }) => r ** 2)),
    slope: (x, y) => [2 * mean(readings(x, y).map(({ e, r }) => r * e)),
      -2 * mean(readings(x, y).map(({ t, e, r }) => r * x * t * e))],
    bend(x, y) {
      const of = (what) => 2 * mean(readings(x, y).map(what));
      return [of(({ e }) => e ** 2), -of(({ t, e, r }) => t * e * (x * e + r)),
        of(({ t, e, r }) => x * t ** 2 * e * (x * e + r))];
    },
  },
};

/** The smallest and the largest curvature at a place, over all directions. */
export function curvatures(surface, x, y) {
  const [a, b, c] = HILLS[surface].bend(x, y), middle = (a + c) / 2, far = Math.hypot((a - c) / 2, b);
  return [middle - far, middle + far];
}

/** The rate above which SGD cannot settle where the loss is curved like this. */
export function rateLimit(curved, momentum, nesterov) {
  return curved > 0 ? 2 * (1 + momentum) / curved / (nesterov ? 1 + 2 * momentum : 1) : Infinity;
}

/** The noise of the gradient's number `k`: the same as in surfaces.py. */
export const jitter = (k) => Math.SQRT2 * Math.sin((k + 1000) ** 3);

/** One step of torch.optim.SGD from `at`, {w, v}. */
export function stepped({ surface, momentum, nesterov, noise }, rate, { w, v }, number) {
  const g = HILLS[surface].slope(...w).map((one, i) => one + noise * jitter(2 * number + i));
  const next = g.map((one, i) => momentum * v[i] + one);
  const along = nesterov ? g.map((one, i) => one + momentum * next[i]) : next;
  return { w: w.map((one, i) => one - rate * along[i]), v: next };
}

/** The places after 0, 1, … `steps` steps; those behind the last finite one are left out. */
export function descended(state, rate = state.lr) {
  let at = { w: [state.x, state.y], v: [0, 0] };
  const path = [at.w];
  for (let n = 0; n < state.steps; n++) {
    at = stepped(state, rateAt(state, rate, n), at, n);
    if (!at.w.every(Number.isFinite)) break;
    path.push(at.w);
  }
  return path;
}

const onMap = (w) => Boolean(w) && Math.abs(w[0]) <= MAP.wide && Math.abs(w[1]) <= MAP.high;

/** Since which step a ball that is outside of the map at step `n` has been there, or -1. */
export function goneSince(path, n) {
  let since = -1;
  for (let i = n; i >= 0 && !onMap(path[i]); i--) since = i;
  return since;
}

/** The rates of the balls: one, or in a race a third of it, itself and three times it. */
export const raced = ({ lr, race }) => (race ? [lr / 3, lr, 3 * lr] : [lr]);

/** The largest curvature on the way of a ball up to step `n`, as far as it is on the map. */
export function steepest(surface, path, n) {
  return Math.max(...path.slice(0, n + 1).filter(onMap).map((w) => curvatures(surface, ...w)[1]));
}

/** The limit as it is computed: "2 / 10 = 0.2"; its spaces do not break. */
function reckoned(curved, momentum, nesterov) {
  const top = momentum ? `2 · ${short(1 + momentum)}` : "2",
    below = nesterov ? `(${short(1 + 2 * momentum)} · ${short(curved)})` : short(curved);
  return `${top} / ${below} = ${short(rateLimit(curved, momentum, nesterov))}`.replaceAll(" ", "\u00a0");
}

/** What has happened to the ball of the rate `lr` up to step `n`, in words. */
export function told(state, path, n) {
  const { surface, momentum, nesterov, noise, schedule } = state, still = schedule === "constant";
  const lr = rateAt(state, state.lr, Math.max(0, n - 1));
  const since = goneSince(path, n), curved = steepest(surface, path, n);
  const high = lr > rateLimit(curved, momentum, nesterov),
    grows = high && !momentum && !noise && still && surface === "bowl";
  const rule = ` The largest curvature on its way is ${short(curved)}. `
    + `${momentum ? `With momentum ${short(momentum)} no` : "No"} rate above ${reckoned(curved, momentum, nesterov)} `
    + `can settle at such a place, and this one is ${still ? "" : "now "}${short(lr)}`
    + (grows ? `: each jump is ${short(lr * curved - 1)} times as high as the one before.` : ".")
    + (noise ? ` The noise moves the ball by about rate × noise = ${short(lr * noise)} in each step`
      + `${still ? ": it never comes to rest." : ", the less the lower the rate."}` : "");
  if (since >= 0) return `Step ${n}: the ball has left the picture, at step ${since}.${rule}`;
  const [x, y] = path[n], [least] = curvatures(surface, x, y),
    flat = Math.hypot(...HILLS[surface].slope(x, y)) < 0.05 && least < 0;
  const saddle = flat ? " The slope is nearly 0 here, but this is no minimum: in one direction the loss falls." : "";
  return `Step ${n}: loss ${short(HILLS[surface].loss(x, y))}.${saddle}${rule}`;
}

const IN_PYTHON = {
  bowl: "(x**2 + 10 * y**2) / 2",
  valley: "(x - 1)**2 / 4 + 5 * (y + 1 - 0.6 * x**2)**2",
  saddle: "y**2 + x**4 / 8 - x**2 / 2 + 0.5",
  "two minima": "(x**2 - 1)**2 / 2 + x / 5 + y**2 + 0.205",
  cup: `((x * torch.exp(-y * torch.tensor([${HOURS.join(", ")}])) - torch.tensor([${WARMER.join(", ")}]))**2).mean()`,
};

/** The same descent as a program. */
export function codeOf({ surface, x, y, lr, momentum, nesterov, steps, schedule }) {
  const still = schedule === "constant";
  const real = (value) => (Number.isInteger(value) ? value.toFixed(1) : String(value));
  return `import torch\n${still ? "" : "from torch.optim import lr_scheduler\n"}\n`
    + `def loss(x, y):\n    return ${IN_PYTHON[surface]}\n\n`
    + `w = torch.tensor([${real(x)}, ${real(y)}], requires_grad=True)\n`
    + `optimizer = torch.optim.SGD([w], lr=${lr}${momentum ? `, momentum=${momentum}` : ""}`
    + `${nesterov ? ", nesterov=True" : ""})\n`
    + (still ? "" : `scheduler = ${code({ ...fittedTo(steps, lr), schedule })}\n`)
    + `for step in range(${steps}):\n    optimizer.zero_grad()\n    loss(*w).backward()\n    optimizer.step()`
    + (still ? "" : "\n    scheduler.step()");
}

export function hillProblem(state) {
  return choiceProblem(state, { surface: Object.keys(HILLS), schedule: FALLS })
    || rangeProblem(state, state.limits, ["steps"])
    || (["nesterov", "race"].every((name) => typeof state[name] === "boolean") ? ""
      : "Nesterov and race are on or off.")
    || (state.nesterov && !state.momentum
      ? "Nesterov's step looks ahead along the momentum, so it needs a momentum above 0." : "");
}

/** The loss at `wide` × `high` places of the map, row by row from the top. */
export function relief(surface, wide, high) {
  const across = (i) => MAP.wide * (2 * (i + 0.5) / wide - 1), down = (i) => MAP.high * (1 - 2 * (i + 0.5) / high);
  return Array.from({ length: wide * high }, (_, k) => HILLS[surface].loss(across(k % wide),
    down(Math.floor(k / wide))));
}
