// A figure on the whole screen: its drawing gets as large as it fits there, beside its controls or between them.

// how many times as large at most, the fewest pixels that a drawing is laid out in, and those of a page
const FULL_MOST = 3, FULL_LEAST = 480, FULL_PAGE = 900;

/** The largest number from 1 to `most` that `fits`, to a 32nd of the way, or `tall` where not even 1 does. What fits,
    does so smaller, too. */
export function largest(fits, most, tall = 1) {
  if (!fits(1)) return tall;
  if (!(most > 1)) return 1;
  if (fits(most)) return most;
  let low = 1, high = most;
  for (let step = 0; step < 5; step++) {
    const middle = (low + high) / 2;
    if (fits(middle)) low = middle; else high = middle;
  }
  return low;
}

/** How many times as large as it is laid out an element of a figure is shown. */
export const enlarged = (element) => Number(getComputedStyle(element).getPropertyValue("--large")) || 1;

/**
 * Fill the screen with `card`, as long as `isFull`: on a wide screen the figure's drawing stands beside all else, on
 * others between it. The drawing is laid out for fewer pixels than there are and shown enlarged: so its cells and words
 * grow alike, and what it measures of itself stays right. `paint` draws the figure anew, at once.
 */
export function filling(card, paint, isFull) {
  let drawing = null, fitted = "";
  const sizes = () => [card.clientWidth, card.clientHeight, drawing && drawing.offsetWidth,
    drawing && drawing.offsetHeight].join();
  function fits(factor) {
    card.style.setProperty("--large", factor);
    paint();
    const high = drawing.offsetHeight;
    card.style.setProperty("--added", `${(factor - 1) * high}px`);
    if (!card.classList.contains("ctr-full-wide")) return card.scrollHeight <= card.clientHeight;
    const caption = card.querySelector("figcaption"), rest = caption ? caption.offsetHeight + 22 : 14;
    const top = drawing.getBoundingClientRect().top - card.getBoundingClientRect().top + card.scrollTop;
    return top + factor * high + rest <= card.clientHeight;
  }
  function fit() {
    drawing = card.querySelector(".ctr-drawing");
    const { clientWidth: wide, clientHeight: high } = card;
    card.classList.toggle("ctr-full-wide", wide >= 800 && wide > 1.2 * high);
    card.style.setProperty("--large", 1);
    card.style.setProperty("--added", "0px");
    if (!drawing) return paint();
    paint();
    const room = drawing.offsetWidth;  // what is too tall in any case has to be scrolled, and fills the width
    fits(largest(fits, Math.min(FULL_MOST, room / FULL_LEAST), Math.max(1, room / FULL_PAGE)));
    fitted = sizes();
    return null;
  }
  const watch = new ResizeObserver(() => { if (isFull() && fitted !== sizes()) fit(); });
  let place = null;
  return {
    /** Remember where the page stands: it gets shorter meanwhile. */
    before() { place = [window.scrollX, window.scrollY]; },
    start() {
      card.classList.add("ctr-full");
      fit();
      for (const one of [card, drawing]) if (one) watch.observe(one);
    },
    stop() {
      watch.disconnect();
      card.classList.remove("ctr-full", "ctr-full-wide");
      for (const name of ["--large", "--added"]) card.style.removeProperty(name);
      if (!card.getAttribute("style")) card.removeAttribute("style");
      paint();
      if (place) window.scrollTo({ left: place[0], top: place[1], behavior: "instant" });
      place = null;
    },
  };
}
