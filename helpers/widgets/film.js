// A film of a figure: it runs when it is asked to, stops when it leaves the screen, and can be stepped through.
import { button, make } from "./common.js";

/** Previous and next, `step(±1)`, unless that is null; and play: `run(restart)` shows what comes and says how long to
    wait then, 0 at the end; `ended()` is called when it has stopped. Who asked for less motion gets no such button. */
export function player(what, root, step, run, ended) {
  let timer = null;
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const show = () => {
    play.textContent = timer ? "■ stop" : "▶ play";
    play.setAttribute("aria-pressed", String(Boolean(timer)));
  };
  const stop = () => { if (timer) { clearTimeout(timer); timer = null; show(); ended(); } };
  const tick = (restart) => {
    if (!root.isConnected) return stop();
    const delay = run(restart);
    if (delay) timer = setTimeout(tick, delay, false); else stop();
    return show();
  };
  const go = (by) => () => { stop(); step(by); };
  const play = button("", () => { if (timer) stop(); else tick(true); });
  const seen = new IntersectionObserver((all) => { if (!all[all.length - 1].isIntersecting) stop(); });
  seen.observe(root);
  show();
  const element = make("div", { class: "ctr-stepper", role: "group", "aria-label": `step through the ${what}` },
    step && button("◀", go(-1), `previous ${what}`), step && button("▶", go(1), `next ${what}`),
    still ? null : play);
  return { element, stop, playing: () => Boolean(timer), end: () => { stop(); seen.disconnect(); } };
}
