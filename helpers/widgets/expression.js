// Expressions as readers type them, sin(x*x) + x*y: read without eval, computed, and differentiated as PyTorch does.
// reader.py reads the same ones, and refuses the same ones in the same words.
import { short } from "./common.js";

export const VARIABLES = ["x", "y", "z"], PAIRS = ["max", "min"];
export const FUNCTIONS = ["sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "sigmoid", "relu", "abs", ...PAIRS];
const OPERATORS = { "+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow" };
const STRENGTH = { "+": 1, "-": 1, "*": 2, "/": 2, "^": 3 };  // a sign binds like 3: -x^2 is -(x^2)
const BLANK = "[ \\t\\n\\r\\f\\v]*";
const TOKEN = `${BLANK}(?:((?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][-+]?[0-9]+)?)|([A-Za-z_][A-Za-z_0-9]*)`
  + "|(\\*\\*|[-+*/^(),])|([^ \\t\\n\\r\\f\\v])|$)";

/** A number as PyTorch names it where it is none: nan, inf, −inf. */
export function numeral(value, digits = 4) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "−inf";
  const text = short(value, digits);
  return text.includes("e") ? value.toExponential(2).replace(/-/g, "−").replace("e+", "e") : text;
}

/** C's pow, which is PyTorch's: 1 to any power and anything to the power 0 is 1; a plain exponent 0.5 is a root. */
function power(a, b, plain) {
  if (plain && b === 0.5) return Math.sqrt(a);
  if (plain && b === -0.5) return 1 / Math.sqrt(a);
  return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
}

const all = (f) => (...numbers) => [f(...numbers)];
const sigma = (a) => 1 / (1 + Math.exp(-a));
/** Where two values are equal each gets half of the gradient; a slope of null hands on 0, whatever the gradient is. */
const larger = (a, b) => (a === b ? [0.5, 0.5] : [a < b ? null : 1, b < a ? null : 1]);

/** The operations: their value, their slope towards each input, and how they are written. */
export const OPERATIONS = {
  add: { value: (a, b) => a + b, slopes: () => [1, 1], text: (a, b) => `${a} + ${b}` },
  sub: { value: (a, b) => a - b, slopes: () => [1, -1], text: (a, b) => `${a} − ${b}` },
  mul: { value: (a, b) => a * b, slopes: (a, b) => [b, a], text: (a, b) => `${a} × ${b}` },
  div: { value: (a, b) => a / b, slopes: (a, b) => [1 / b, -(a / b) / b], text: (a, b) => `${a} / ${b}` },
  pow: { value: power, text: (a, b) => `${a} ^ ${b}`, slopes: (a, b, plain) => [
    b === 0 ? null : b * power(a, b - 1, plain), a === 0 && b >= 0 ? 0 : power(a, b, plain) * Math.log(a)] },
  neg: { value: (a) => -a, slopes: all(() => -1), text: (a) => `−${a}` },
  square: { value: (a) => a * a, slopes: all((a) => 2 * a), text: (a) => `${a}²` },
  exp: { value: Math.exp, slopes: all(Math.exp) },
  log: { value: Math.log, slopes: all((a) => 1 / a) },
  sqrt: { value: Math.sqrt, slopes: all((a) => 0.5 / Math.sqrt(a)) },
  sin: { value: Math.sin, slopes: all(Math.cos) },
  cos: { value: Math.cos, slopes: all((a) => -Math.sin(a)) },
  tan: { value: Math.tan, slopes: all((a) => 1 + Math.tan(a) ** 2) },
  tanh: { value: Math.tanh, slopes: all((a) => 1 - Math.tanh(a) ** 2) },
  sigmoid: { value: sigma, slopes: all((a) => (1 - sigma(a)) * sigma(a)) },
  relu: { value: (a) => Math.max(0, a), slopes: all((a) => (a <= 0 ? null : 1)) },
  abs: { value: Math.abs, slopes: all((a) => (a > 0) - (a < 0)) },
  max: { value: (a, b) => Math.max(a, b), slopes: larger },
  min: { value: (a, b) => Math.min(a, b), slopes: (a, b) => larger(-a, -b) },
  sum: { reduce: () => 1 },
  mean: { reduce: (count) => 1 / count },
};

/** A text in brackets where it begins with a minus sign. */
export const bracketed = (text) => (text.startsWith("−") ? `(${text})` : text);

/** How an operation is written with these words for its inputs. */
export function phrase(op, ...parts) {
  const { text } = OPERATIONS[op] || {};
  return text ? text(...parts.map(bracketed)) : `${op}(${parts.join(", ")})`;
}

class Refusal extends Error {
  constructor(sentence, place) { super(sentence); this.place = place; }
}

function tokens(text) {
  const found = [], clean = text.replace(/[×·]/g, "*").replace(/÷/g, "/").replace(/[−–]/g, "-"),
    next = new RegExp(TOKEN, "yu");
  for (let match = next.exec(clean); match && match[0].trim(); match = next.exec(clean)) {
    const token = match.slice(1).find((one) => one !== undefined), place = next.lastIndex - token.length + 1;
    if (match[4]) throw new Refusal(`The sign “${token}”, at character ${place}, has no meaning here.`, place);
    found.push({ token: token === "**" ? "^" : token, place });
  }
  return [...found, { token: "", place: clean.length + 1 }];
}

/** The tree of an expression: a number, a variable's name, or [operation, ...trees]. */
function tree(text) {
  const list = tokens(text);
  let at = 0, open = 0;
  const refuse = (sentence, place = list[at].place) => { throw new Refusal(sentence, place); };
  const notComma = () => list[at].token === ","
    && refuse(`The comma at character ${list[at].place} stands where there is `
    + "nothing to separate; in numbers the decimal point is a dot.");
  const unopened = (place) => refuse(`There is a closing parenthesis without an opening one, at character ${place}.`);

  function level(least) {
    let left = operand();
    while (list[at].token && !"),".includes(list[at].token)) {
      const { token, place } = list[at], strength = STRENGTH[token];
      if (!strength) refuse(`An operation, such as *, is missing before “${token}”, at character ${place}.`);
      if (strength < least) break;
      at += 1;
      left = [OPERATORS[token], left, level(Math.min(strength + 1, 3))];
    }
    return left;
  }
  function operand() {
    const { token, place } = list[at], before = list[at - 1];
    if (!token) {
      refuse(`The expression ends too early: something is missing after “${before.token}”, `
        + `at character ${before.place}.`, before.place);
    }
    if ("*/^),".includes(token)) {
      if (token === ")" && !open) unopened(place);
      refuse(`Something is missing before “${token}”, at character ${place}.`);
    }
    at += 1;
    if (token === "-" || token === "+") { const inner = level(3); return token === "-" ? ["neg", inner] : inner; }
    if (token === "(") return inside(place, 1)[0];
    if (/^[A-Za-z_]/.test(token)) return named(token, place);
    if (Number(token) > 1e6) refuse(`The number at character ${place} is too large: 1,000,000 is the most.`, place);
    return Number(token);
  }
  function inside(place, most) {
    open += 1;
    const trees = [level(1)];
    while (list[at].token === "," && most > 1) { at += 1; trees.push(level(1)); }
    notComma();
    if (!list[at].token) refuse(`The parenthesis at character ${place} is never closed.`, place);
    at += 1;
    open -= 1;
    return trees;
  }
  function named(name, place) {
    if (VARIABLES.includes(name)) return name;
    if (name === "pi") return Math.PI;
    if (!FUNCTIONS.includes(name)) {
      refuse(`“${name}”, at character ${place}, is none of the variables x, y and z, `
        + `and none of the functions ${FUNCTIONS.join(", ")}.`, place);
    }
    if (list[at].token !== "(") refuse(`After “${name}”, at character ${place}, an opening parenthesis is missing.`,
      place);
    at += 1;
    const count = PAIRS.includes(name) ? 2 : 1, trees = inside(list[at - 1].place, count);
    if (trees.length !== count) {
      refuse(`“${name}”, at character ${place}, takes two values, with a comma between them.`, place);
    }
    return [name, ...trees];
  }
  if (!list[0].token) refuse("There is no expression: type one, such as sin(x*x) + x*y.");
  const result = level(1);
  if (list[at].token === ")") unopened(list[at].place);
  notComma();
  return result;
}

/**
 * The graph of an expression, {nodes}: its variables, then its operations in their order; or {problem, place}, the
 * place in the text from 1. `limits` has the most `operations` and `characters`.
 */
export function graphOf(text, limits) {
  try {
    if (typeof text !== "string") throw new Refusal("The expression must be a text.", 1);
    if (text.length > limits.characters) {
      throw new Refusal(`The expression has ${text.length} characters; the figure takes ${limits.characters}.`,
        limits.characters + 1);
    }
    const whole = tree(text), used = new Set();
    (function look(one) { if (Array.isArray(one)) one.slice(1).forEach(look);
      else if (typeof one === "string") used.add(one); })(whole);
    const nodes = VARIABLES.filter((one) => used.has(one)).map((name) => ({ op: "leaf", name, label: "", inputs: [] }));
    const count = nodes.length;
    const enter = (one) => {
      if (typeof one === "number") return { number: one };
      if (typeof one === "string") return nodes.findIndex(({ name }) => name === one);
      const inputs = one.slice(1).map(enter),
        numbers = inputs.filter((input) => typeof input === "object").map(({ number }) => number);
      if (numbers.length === inputs.length) return { number: OPERATIONS[one[0]].value(...numbers, true) };
      const letters = inputs.map((input) => (typeof input === "object" ? numeral(input.number) : nodes[input].name));
      nodes.push({ op: one[0], name: "abcdefghijklmnopqrstuvw"[(nodes.length - count) % 23],
        label: phrase(one[0], ...letters), inputs });
      return nodes.length - 1;
    };
    if (typeof enter(whole) === "object") throw new Refusal("The expression has no variable in it: use x, y or z.", 1);
    if (nodes.length - count > limits.operations) {
      throw new Refusal(`The expression has ${nodes.length - count} operations; `
        + `the figure holds ${limits.operations}.`, 1);
    }
    if (nodes.length > count) nodes[nodes.length - 1].name = "out";
    return { nodes, problem: "", place: 0 };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { nodes: null, problem: error.message, place: error.place };
  }
}

const pick = (values, i) => values[values.length === 1 ? 0 : i];
const inputValues = (node, values) => node.inputs.map((one) => (typeof one === "number" ? values[one] : [one.number]));
/** Whether the exponent of a power is a plain number: then PyTorch takes another path. */
const plain = (node) => (node.op === "pow" ? [typeof node.inputs[1] !== "number"] : []);

/** The values (flat lists) of all nodes, from those of the leaves: {name: [numbers]}. What is missing there is 1. */
export function evaluate(nodes, leaves) {
  const values = [];
  for (const node of nodes) {
    const inputs = inputValues(node, values), operation = OPERATIONS[node.op];
    if (node.op === "leaf") values.push(leaves[node.name] || [1]);
    else if (operation.reduce) values.push([inputs[0].reduce((a, b) => a + b, 0) * operation.reduce(inputs[0].length)]);
    else {
      const count = Math.max(...inputs.map((one) => one.length));
      values.push(Array.from({ length: count }, (_, i) =>
        operation.value(...inputs.map((one) => pick(one, i)), ...plain(node))));
    }
  }
  return values;
}

/** What a node hands back to each of its inputs: gradient times slope, {input, slopes, amounts}. Numbers get
   nothing. */
export function handed(node, values, gradient) {
  const inputs = inputValues(node, values), operation = OPERATIONS[node.op];
  return node.inputs.map((input, position) => {
    if (typeof input !== "number") return null;
    const mine = inputs[position], slopes = [], amounts = mine.map(() => 0);
    if (operation.reduce) {
      const slope = operation.reduce(mine.length);
      return { input, position, slopes: mine.map(() => slope), amounts: mine.map(() => slope * gradient[0]) };
    }
    gradient.forEach((g, i) => {
      const slope = operation.slopes(...inputs.map((one) => pick(one, i)), ...plain(node))[position];
      slopes.push(slope === null ? 0 : slope);
      // a number used for every entry collects from all
      amounts[mine.length === 1 ? 0 : i] += slope === null ? 0 : g * slope;
    });
    return { input, position, slopes, amounts };
  }).filter((one) => one !== null);
}

/** The gradients of all nodes after `count` operations, the last first, have handed theirs on. */
export function gradients(nodes, values, count = nodes.length) {
  const grads = values.map((one) => one.map(() => 0));
  grads[nodes.length - 1] = [1];
  for (const k of nodes.map((_, i) => i).filter((i) => nodes[i].op !== "leaf").reverse().slice(0, count)) {
    for (const { input, amounts } of handed(nodes[k], values, grads[k])) amounts.forEach((a, i) =>
      { grads[input][i] += a; });
  }
  return grads;
}

const KINKS = { relu: ([a]) => a === 0, abs: ([a]) => a === 0, max: ([a, b]) => a === b, min: ([a, b]) => a === b };

/** Sentences on what has no value or no slope here, and on what PyTorch does at a kink. */
export function remarks(nodes, values) {
  const said = [], finite = Number.isFinite;
  for (const [k, node] of nodes.entries()) {
    if (node.op === "leaf" || values[k].length > 1) continue;
    const inputs = inputValues(node, values).map(([one]) => one);
    const name = phrase(node.op, ...inputs.map((one) => numeral(one)));
    if (!inputs.every(finite) || OPERATIONS[node.op].reduce) continue;
    if (!finite(values[k][0])) {
      said.push(Number.isNaN(values[k][0])
        ? `${name} is no real number: PyTorch raises no error and gives nan, which spreads.`
        : `${name} is ${numeral(values[k][0])} in PyTorch, which raises no error and goes on.`);
    } else if (KINKS[node.op] && KINKS[node.op](inputs)) {
      said.push(node.op === "relu" || node.op === "abs"
        ? `${node.op} has a kink at 0, and no slope there: PyTorch takes 0.`
        : `Both values of ${node.op} are equal: PyTorch hands each of them half of the gradient.`);
    } else {
      const bad = handed(node, values, [1]).find(({ slopes }) => !finite(slopes[0]));
      if (bad) said.push(`The slope of ${name} towards ${nodes[bad.input].name} `
        + `is ${numeral(bad.slopes[0])} in PyTorch.`);
    }
  }
  return [...new Set(said)];
}
