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

// Where terms have been published, each a frozen site in a folder of its own, the sidebar leads to the same page of them.
addEventListener("load", () => {
  if (!location.protocol.startsWith("http")) return;
  const here = new URL(document.documentElement.dataset.content_root || "./", location.href);
  const term = here.pathname.match(/(term-[\w.-]+)\/$/)?.[1] ?? "";
  const top = new URL(term ? "../" : "./", here), page = location.pathname.slice(here.pathname.length);
  fetch(new URL("versions.json", top)).then((answer) => (answer.ok ? answer.json() : [])).then((versions) => {
    const sidebar = document.querySelector(".bd-sidebar-primary .sidebar-primary-items__start");
    if (versions.length < 2 || !sidebar) return;
    const names = versions.map((name) => new Option(name === "latest" ? "newest" : name.replace("term-", "term "), name));
    const select = Object.assign(document.createElement("select"), { value: "", onchange: () => {
      location.href = new URL((select.value === "latest" ? "" : `${select.value}/`) + page + location.hash, top);
    } });
    select.append(...names);
    select.value = term || "latest";
    const label = Object.assign(document.createElement("label"), { className: "versions", textContent: "Version " });
    label.append(select);
    sidebar.append(label);
  }).catch(() => {});  // a site without them has one version
});
