// Code and tables that are wider than the page can be scrolled by keyboard, too: on a narrower window as well as at the start.
document.addEventListener("DOMContentLoaded", () => {
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0");
      else target.removeAttribute("tabindex");
    }
  });
  document.querySelectorAll("div.highlight pre, .pst-scrollable-table-container, .cell_output:has(img.plot.wide)").forEach((block) => watch.observe(block));
});
// On paper nothing can be opened: all is open there.
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("article details:not([open])")) fold.open = fold.dataset.printed = true;
});
addEventListener("afterprint", () => {
  for (const fold of document.querySelectorAll("details[data-printed]")) fold.removeAttribute("open");
});
