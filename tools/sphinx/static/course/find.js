// Search by section: each answer opens at its place. The index is fetched piece by piece, and only here.
// From a file on disk, where nothing can be fetched, the builder's own search takes over.
const SECTIONS = 20, PAGES = 20;

// What a section is worth: how often it has the words, more so in its heading, more so where that says little else.
// Deeper pages (05a, 05b) come after the chapter that they go on from.
const rows = (pages, words) => pages.flatMap(({ page, score }) => page.sub_results.map((part) => {
  const said = part.weighted_locations.reduce((sum, at) => sum + at.balanced_score, 0);
  const named = part.title.toLowerCase().includes(words.toLowerCase()) ? 1 + 4 * words.length / part.title.length : 1;
  const deeper = /\/\d\d[a-z]_/.test(part.url) ? 0.6 : 1;
  return { ...part, in: page.meta.title, rank: score * said * named * deeper * (part.title === page.meta.title ? 0.2 : 1) };
})).sort((one, other) => other.rank - one.rank).slice(0, SECTIONS);

function shown(found, words, place) {
  place.replaceChildren();
  const count = document.createElement("p");
  count.setAttribute("role", "status");
  count.textContent = found.length ? `${found.length === SECTIONS ? "The best " : ""}${found.length} sections on “${words}”`
    : `Nothing was found for “${words}”. Try one word less, or another spelling.`;
  const list = document.createElement("ol");
  list.className = "found";
  for (const part of found) {
    const item = list.appendChild(document.createElement("li"));
    const link = item.appendChild(document.createElement("a"));
    link.href = part.url;
    link.textContent = part.title;
    if (part.in !== part.title) item.appendChild(document.createElement("span")).textContent = part.in;
    item.appendChild(document.createElement("p")).innerHTML = part.excerpt;  // of our own pages, with <mark>
  }
  place.append(count, list);
}

async function search(words, place) {
  const index = await import(new URL("pagefind/pagefind.js", document.baseURI).href);
  await index.init();
  const { results } = await index.search(words);
  const pages = await Promise.all(results.slice(0, PAGES).map(async (one) => ({ score: one.score, page: await one.data() })));
  shown(rows(pages, words), words, place);
}

function bySphinx() {
  const load = (name) => new Promise((done) => {
    const script = document.head.appendChild(document.createElement("script"));
    script.src = name;
    script.onload = done;
  });
  load("_static/language_data.js").then(() => load("_static/searchtools.js")).then(() => load("searchindex.js"));
}

document.addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector("#search-results");
  const words = new URLSearchParams(location.search).get("q")?.trim();
  if (!place || !words) return;
  document.querySelectorAll("form.bd-search input[type=search]").forEach((field) => { field.value = words; });
  search(words, place).catch(bySphinx);
});
