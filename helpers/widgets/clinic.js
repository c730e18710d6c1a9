// The clinic: curves of trainings that went wrong. What is it, and by what can one tell?
import { button, drawingOf, frame, make, short } from "./common.js";
import { curve, half, plot, ticks } from "./chart.js";

const GUESS = { loss: Math.log(10), accuracy: 0.1 }, HIGHEST = 7;  // a loss above is drawn at the upper edge

/** The letters of a ward's patients. */
export const within = ({ wards, ward }) => wards[ward];

/** The patient that is shown: the chosen one, or the first of the ward that does not hold it. */
export const seenPatient = (state) => (within(state).includes(state.patient) ? state.patient : within(state)[0]);

/** How often one has answered until a patient's illness was found; 0 where it has not been. */
export function tries({ answers, cases }, letter) {
  return (answers[letter] || []).indexOf(cases[letter].illness) + 1;
}

/** How many patients of the ward are answered at all, found, and found at the first try. */
export function score(state) {
  const all = within(state), found = all.map((letter) => tries(state, letter));
  return { of: all.length, found: found.filter(Boolean).length, first: found.filter((n) => n === 1).length };
}

/** What is said where the challenge is met, or "": all of the ward are found. */
export function clinicMet(state) {
  const { of, found, first } = score(state);
  return found === of ? `All are found, ${first} of ${of} at the first try.` : "";
}

/** The next patient of the ward whose illness has not been found, or null. */
export function nextPatient(state) {
  const all = within(state), at = all.indexOf(seenPatient(state));
  return [...all.slice(at + 1), ...all.slice(0, at)].find((letter) => !tries(state, letter)) || null;
}

export function clinicProblem({ cases, wards, ward, patient, answers }) {
  if (!Object.hasOwn(wards, ward)) return `The ward must be one of ${Object.keys(wards).join(", ")}.`;
  if (!Object.hasOwn(cases, patient)) return `The patient must be one of ${Object.keys(cases).join(", ")}.`;
  const right = ([letter, given]) => Object.hasOwn(cases, letter) && Array.isArray(given)
    && new Set(given).size === given.length
    && given.every((one) => Object.hasOwn(cases[letter].choices, one));
  const whole = answers && typeof answers === "object" && !Array.isArray(answers);
  return whole && Object.entries(answers).every(right) ? "" : "The answers must be choices of the patients, each once.";
}

/** Points of a curve as [share of the epochs, value], each in the middle or at the end of what it stands for. */
export function spread(values, middle) {
  return values.map((value, i) => [(i + (middle ? 0.5 : 1)) / values.length, value]);
}

/** A chart of `lines` of {kind, points}; with a band where the `sign` is, and a line for a guess. */
function chart(wide, what, lines, epochs, sign) {
  const loss = what === "loss";
  const finite = lines.flatMap(({ points }) => points.map(([, v]) => v)).filter((v) => v !== null);
  const most = loss ? Math.min(HIGHEST, Math.max(2.8, 1.05 * Math.max(...finite)))
    : Math.min(1, Math.max(0.6, 1.05 * Math.max(...finite)));
  const place = (v) => (v === null ? 1 : Math.min(1, v / most)),
    { x, y, draw } = plot({ wide, tall: wide < 320 ? 190 : 220, left: 46, right: 10, top: 26, foot: 36 });
  const parts = lines.flatMap(({ kind, points }) => {
    const drawn = points.map(([share, v]) => [x(share), y(place(v))]),
      marks = ["train", "val"].includes(kind) ? drawn : [];
    return [curve(kind, drawn), ...marks.map(([cx, cy]) => make("circle", { cx, cy, r: 3, class: `ctr-${kind}` }))];
  });
  const at = y(place(GUESS[what]));
  const up = ticks(0, most).map((v) => [place(v), loss ? short(v) : `${Math.round(100 * v)} %`]);
  const band = sign && sign[0] === what ? make("rect",
    { x: x(sign[1]), width: x(sign[2]) - x(sign[1]), y: y(1) - 2, height: y(0) - y(1) + 2, class: "ctr-sign" }) : null;
  return draw(`${what} over ${epochs} epochs; the numbers are in the text below`, { title: what, unit: "epoch", up,
    across: ticks(0, epochs, 4).filter(Number.isInteger).map((one) => [one / epochs, one]) },
  ...[band, make("line", { x1: x(0), x2: x(1), y1: at, y2: at, class: "ctr-curve ctr-guess" })].filter(Boolean),
    ...parts);
}

const LINES = [["batch", "single batches"], ["train", "training"], ["val", "validation"],
  ["guess", "a guess: loss 2.30, accuracy 10\u00a0%"], ["treated", "validation, after the treatment"]];
const NAMES = ["ward", "patient", "answers", "cases", "wards", "means"];

export function render(context) {
  const { root, message, ...figure } = frame(context, "The clinic", NAMES, clinicProblem, draw, { met: clinicMet });
  const { means } = figure.state();
  const beds = make("div", { class: "ctr-beds", role: "group", "aria-label": "patients" }),
    told = make("div", { class: "ctr-formula" });
  const charts = make("div", { class: "ctr-boxes" }),
    choices = make("div", { class: "ctr-choices", role: "group", "aria-label": "what is wrong" });
  const heard = make("div", { class: "ctr-spoken", role: "status" }), points = make("div", { class: "ctr-formula" });
  const key = make("div", { class: "ctr-key" }, ...LINES.map(([kind, text]) => make("span", {},
    make("svg", { width: 26, height: 12, viewBox: "0 0 26 12", "aria-hidden": "true" },
    curve(kind, [[0, 6], [26, 6]])), " ", text)));
  const ask = make("div", { class: "ctr-title ctr-ask" }), next = button("next patient", () => {
    const letter = nextPatient(figure.state());
    if (letter) { go(letter); beds.querySelector("[aria-pressed=true]").focus({ preventScroll: true }); }
  });
  root.append(message, beds, told, drawingOf(key, charts), ask, choices,
    make("div", { class: "ctr-stepper" }, next), points, heard);
  const go = (patient) => { heard.textContent = ""; figure.change({ patient }); draw(figure.state()); };

  function answer(letter, illness) {
    const state = figure.state(), given = state.answers[letter] || [];
    if (given.includes(illness) || tries(state, letter)) return;
    figure.change({ patient: letter, answers: { ...state.answers, [letter]: [...given, illness] } });
    const right = state.cases[letter].illness === illness;
    heard.textContent = `${right ? "Right" : "No"}. ${state.cases[letter].choices[illness]}`;
  }
  const keep = (list, ids, create) => {  // buttons stay, so that the focus does
    const there = [...list.children].map((one) => one.dataset.id).join("|");
    if (there !== ids.join("|")) list.replaceChildren(...ids.map(create));
    return [...list.children];
  };
  const bed = (letter) => make("button", { type: "button", class: "ctr-toggle", "data-id": letter,
    click: () => go(letter) });
  const choice = (id) => {
    const [letter, illness] = id.split(":");
    return make("div", { class: "ctr-choice", "data-id": id },
      make("button", { type: "button", class: "ctr-button", click: () => answer(letter, illness) },
      make("span", { class: "ctr-verdict", "aria-hidden": "true" }),
        make("span", {}, illness, make("span", { class: "ctr-means" }, ` ${means[illness]}`)),
        make("span", { class: "ctr-spoken" })), make("div", { class: "ctr-reason" }));
  };

  function draw(state) {
    const letter = seenPatient(state);
    const { illness, choices: reasons, treatment, sign, run, treated, about } = state.cases[letter];
    const given = state.answers[letter] || [], found = tries(state, letter), wide = half(figure.wide());
    for (const one of keep(beds, within(state), bed)) {
      const id = one.dataset.id, n = tries(state, id);
      one.textContent = n === 1 ? `${id} ✓` : n ? `${id} (✓)` : id;
      one.setAttribute("aria-pressed", String(id === letter));
      one.setAttribute("aria-label", `patient ${id}, ${n ? `found at try ${n}` : "not found yet"}`);
    }
    const last = (name) => run[name][run[name].length - 1], percent = (v) => `${(100 * v).toFixed(0)}\u00a0%`,
      loss = (v) => (v === null || v > 100 ? "far above 100" : v.toFixed(2));
    const both = (name) => `loss ${loss(last(`${name}_loss`))}, accuracy ${percent(last(`${name}_accuracy`))}`;
    told.textContent = `Patient ${letter}: ${about}. First batch: loss ${loss(run.batch_loss[0])}. `
      + `In the end: training ${both("train")}; validation ${both("val")}.`;
    key.lastChild.hidden = !found;
    const lines = (what) => [...(what === "loss" ? [{ kind: "batch", points: spread(run.batch_loss, true) }] : []),
      ...(found ? [{ kind: "treated", points: spread(treated[`val_${what}`], false) }] : []),
      { kind: "train", points: spread(run[`train_${what}`], true) },
        { kind: "val", points: spread(run[`val_${what}`], false) }];
    charts.replaceChildren(...["loss", "accuracy"].map((what) => chart(wide, what, lines(what), run.epochs,
      found ? sign : null)));
    ask.textContent = `What is wrong with patient ${letter}?`;
    for (const one of keep(choices, Object.keys(reasons).map((each) => `${letter}:${each}`), choice)) {
      const each = one.dataset.id.split(":")[1], right = each === illness, open = given.includes(each),
        press = one.firstChild;
      press.setAttribute("aria-disabled", String(open || Boolean(found)));
      one.dataset.verdict = open ? (right ? "right" : "wrong") : "";
      press.children[0].textContent = open ? (right ? "✓" : "✗") : "";
      press.children[2].textContent = open ? (right ? ", right" : ", wrong") : "";
      one.lastChild.textContent = open ? `${reasons[each]}${right ? ` ${treatment}` : ""}` : "";
    }
    const { of, found: all, first } = score(state), more = nextPatient(state);
    next.hidden = !found || !more;
    points.textContent = `${first} of ${of} found at the first try${all > first ? `, ${all - first} later` : ""}`
      + (all === of ? ". All are found." : ".");
  }
  return figure.start();
}
