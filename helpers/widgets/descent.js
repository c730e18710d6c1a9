// The schedules of the schedule explorer as PyTorch computes them, and the descent that shows what they do.
import { choiceProblem, rangeProblem } from "./common.js";

export const SCHEDULES = ["constant", "StepLR", "ExponentialLR", "CosineAnnealingLR", "OneCycleLR", "warm-up + cosine",
  "ReduceLROnPlateau"];
export const STEPS = 25, WEIGHTS = 32, START = 10;  // steps an epoch, weights, and where all of them start
const START_FACTOR = 0.1;

/** The settings that not all schedules have: name on the page, step of the slider, schedules. */
export const SETTINGS = {
  step_size: ["step_size", 1, "StepLR"], gamma: ["gamma", 0.05, "StepLR"], exp_gamma: ["gamma", 0.01, "ExponentialLR"],
  pct_start: ["pct_start", 0.05, "OneCycleLR"], warmup: ["warm-up", 1, "warm-up + cosine"],
  eta_min: ["eta_min", 0, "CosineAnnealingLR", "warm-up + cosine"], factor: ["factor", 0.05, "ReduceLROnPlateau"],
  patience: ["patience", 1, "ReduceLROnPlateau"],
};

/** The noise of all gradients, one after the other: the same as in schedule.py. */
export const NOISE = Float64Array.from({ length: 60 * STEPS * WEIGHTS }, (_, k) => Math.sqrt(8) * Math.sin(k * k * k));

/** A descent: a function that takes the rate of the next epoch and returns the epoch's mean loss. */
export function descent() {
  const weights = new Float64Array(WEIGHTS).fill(START);
  let at = 0;
  return (rate) => {
    let total = 0;
    for (let step = 0; step < STEPS; step++) for (let i = 0; i < WEIGHTS; i++) {
      weights[i] -= rate * (weights[i] + NOISE[at++]);
      total += weights[i] * weights[i];
    }
    return total / (2 * STEPS * WEIGHTS);
  };
}

/** From `start` to `end` along half a cosine, as `share` goes from 0 to 1. */
const cosine = (start, end, share) => end + (start - end) / 2 * (Math.cos(Math.PI * share) + 1);

/** The rate in epoch `e`, counted from 0, by each schedule that does not look at the loss. */
const RULES = {
  constant: ({ lr }) => lr,
  StepLR: ({ lr, gamma, step_size: size }, e) => lr * gamma ** Math.floor(e / size),
  ExponentialLR: ({ lr, exp_gamma: gamma }, e) => lr * gamma ** e,
  CosineAnnealingLR: ({ lr, eta_min: least, epochs }, e) => cosine(lr, least, e / epochs),
  OneCycleLR({ lr, pct_start: share, epochs }, e) {
    const first = lr / 25, top = share * epochs - 1;  // the top may lie between two epochs
    return e <= top ? cosine(first, lr, e / top) : cosine(lr, first / 1e4, (e - top) / (epochs - 1 - top));
  },
  "warm-up + cosine": ({ lr, eta_min: least, epochs, warmup }, e) => (e < warmup
    ? lr * (START_FACTOR + (1 - START_FACTOR) * e / warmup) : cosine(lr, least, (e - warmup) / (epochs - warmup))),
};

/** The settings of a schedule that is to last `steps` steps: the same as in hill.py. */
export const fittedTo = (steps, lr) => ({ lr, epochs: steps, step_size: Math.max(1, Math.floor(steps / 3)), gamma: 0.1,
  eta_min: 0, warmup: Math.max(1, Math.floor(steps / 5)) });

/** The rate of step `n`, counted from 0, by such a schedule; `lr` is its first or highest. */
export const rateAt = ({ schedule, steps }, lr, n) => RULES[schedule](fittedTo(steps, lr), n);

/** ReduceLROnPlateau as PyTorch has it by default: told the epoch's loss, it returns the next rate. */
export function plateau({ lr, factor, patience }) {
  let rate = lr, best = Infinity, bad = 0;
  return (loss) => {
    if (loss < best * (1 - 1e-4)) { best = loss; bad = 0; } else bad += 1;
    if (bad > patience) {
      if (rate - rate * factor > 1e-8) rate *= factor;
      bad = 0;
    }
    return rate;
  };
}

/** Rates and mean losses of all epochs: {rates, losses}. */
export function trained(state, schedule = state.schedule) {
  const epoch = descent(), rates = [], losses = [], next = plateau(state);
  for (let e = 0, told = state.lr; e < state.epochs; e++) {
    rates.push(schedule === "ReduceLROnPlateau" ? told : RULES[schedule](state, e));
    losses.push(epoch(rates[e]));
    told = next(losses[e]);
  }
  return { rates, losses };
}

/** A number as Python writes it. */
export function literal(value) {
  if (Number.isInteger(value)) return value.toFixed(1);
  return value < 1e-4 ? value.toExponential().replace(/e-(\d)$/, "e-0$1") : String(value);
}

/** The expression that makes the scheduler, the same as `code` in schedule.py. */
export function code(state) {
  const [lr, gamma, each, least, share, factor] =
    ["lr", "gamma", "exp_gamma", "eta_min", "pct_start", "factor"].map((name) => literal(state[name]));
  const call = (name, rest) => `lr_scheduler.${name}(optimizer, ${rest})`, { epochs, warmup } = state;
  const annealing = (span) => call("CosineAnnealingLR", `T_max=${span}, eta_min=${least}`);
  return {
    constant: call("ConstantLR", "factor=1.0"),
    StepLR: call("StepLR", `step_size=${state.step_size}, gamma=${gamma}`),
    ExponentialLR: call("ExponentialLR", `gamma=${each}`),
    CosineAnnealingLR: annealing(epochs),
    OneCycleLR: call("OneCycleLR",
      `max_lr=${lr}, total_steps=${epochs},\n    pct_start=${share}, cycle_momentum=False`),
    "warm-up + cosine": call("SequentialLR", ["schedulers=[",
      `    ${call("LinearLR", `start_factor=${START_FACTOR}, total_iters=${warmup}`)},`,
      `    ${annealing(epochs - warmup)},`, `], milestones=[${warmup}]`].join("\n")),
    ReduceLROnPlateau: call("ReduceLROnPlateau", `factor=${factor}, patience=${state.patience}`),
  }[state.schedule];
}

/** Why a schedule does not fit to these settings, or "", and a change of them that helps. */
export function misfit({ lr, epochs, eta_min: least, pct_start: share, warmup }, schedule) {
  if (schedule === "OneCycleLR" && share * epochs <= 1) {
    return [`OneCycleLR cannot rise within ${share} of ${epochs} epochs: pct_start × epochs must be more than 1, the `
      + "epoch that it starts from.", { pct_start: (Math.floor(20 / epochs) + 1) / 20 }];
  }
  if (schedule === "warm-up + cosine" && warmup >= epochs) {
    return [`A warm-up of ${warmup} epochs must be shorter than the whole training, which has ${epochs}.`,
      { warmup: epochs - 1 }];
  }
  if (SETTINGS.eta_min.includes(schedule) && least > lr) {
    return [`eta_min is ${least} and lr ${lr}: a cosine falls to eta_min, which must not be higher.`, { eta_min: lr }];
  }
  return ["", {}];
}

export function scheduleProblem(state) {
  return choiceProblem(state, { schedule: SCHEDULES })
    || rangeProblem(state, state.limits, ["epochs", "step_size", "warmup", "patience"])
    || misfit(state, state.schedule)[0];
}
