// Films: what moves when it is asked to, never before it is in view, and not for who asked for less motion.
import { button, make } from "./common.js";

/** Whether the reader's system was asked for less motion. */
export const isStill = () => Boolean(window.matchMedia
  && window.matchMedia("(prefers-reduced-motion: reduce)").matches);

/**
 * A film: `advance(ms)` is told how much time has passed since the last picture, and says whether it goes on. It stops
 * where `root` is not seen any more. `play`: a button, null for who wants no motion; `begin` and `stop`.
 */
export function film(root, { advance, begun = () => {}, stopped = () => {} }) {
  let request = null, last = null, seen = true;
  const show = () => {
    play.textContent = request ? "■ stop" : "▶ play";
    play.setAttribute("aria-pressed", String(Boolean(request)));
  };
  function stop() {
    if (!request) return;
    cancelAnimationFrame(request);
    request = null;
    show();
    stopped();
  }
  function tick(now) {
    const passed = last === null ? 0 : Math.min(100, now - last);
    last = now;
    request = requestAnimationFrame(tick);
    if (!root.isConnected || !seen || !advance(passed)) stop();
  }
  function begin(byReader = true) {
    if (request) return;
    last = null;
    begun(byReader);
    request = requestAnimationFrame(tick);
    show();
  }
  const play = button("", () => { if (request) stop(); else begin(); });
  const watch = new IntersectionObserver((all) => { seen = all[all.length - 1].isIntersecting; });
  watch.observe(root);
  show();
  return { play: isStill() ? null : play, begin, stop, playing: () => Boolean(request),
    end() { stop(); watch.disconnect(); } };
}

/** Previous and next, `step(±1)`, unless that is null; and play: `run(restart)` shows what comes and says how many
    milliseconds it stays, 0 at the end; `ended()` is called when it has stopped. */
export function player(what, root, step, run, ended = () => {}) {
  let left = 0, restart = false;
  const { play, stop, playing, end } = film(root, { advance(passed) {
    left -= passed;
    if (left > 0) return true;
    left = run(restart);
    restart = false;
    return left > 0;
  }, begun() {
    left = 0;
    restart = true;
  }, stopped: ended });
  const go = (by) => () => { stop(); step(by); };
  const element = make("div", { class: "ctr-stepper", role: "group", "aria-label": `step through the ${what}` },
    step && button("◀", go(-1), `previous ${what}`), step && button("▶", go(1), `next ${what}`), play);
  return { element, stop, playing, end };
}

/** From 0 to 1, slow at both ends. */
export const eased = (share) => share * share * (3 - 2 * share);
