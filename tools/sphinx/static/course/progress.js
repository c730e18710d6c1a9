// What a reader has done stays in this browser: no account, and nothing is sent. The file that is
// saved has the form of helpers/exercises/kept.py, so that either reads the other's.
window.courseProgress = (() => {
  const KEY = "course_progress", FORM = "From Tensors to ResNets, progress 1";
  const PARTS = ["exercises", "quizzes"], LIMIT = 1_000_000;
  const watching = [];
  let memory = null; // where the browser keeps nothing, this page does as long as it is open

  const storage = () => {
    try { return window.localStorage; } catch { return null; } // a reader may refuse it
  };
  const joined = (...several) => Object.fromEntries(PARTS.map((part) => [part, Object.fromEntries(
    several.reverse().flatMap((one) => Object.entries(one[part])))])); // the first day stays
  const nothing = { exercises: {}, quizzes: {} };
  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

  /** What a file holds, or null if that is not progress of this course. */
  function parsed(text) {
    try {
      const found = JSON.parse(text);
      const good = found.form === FORM && PARTS.every((part) => isObject(found[part])
        && Object.values(found[part]).every((day) => typeof day === "string"));
      return good ? joined(found, nothing) : null;
    } catch { return null; }
  }

  /** As Python writes it: sorted, an entry a line. */
  function written(kept) {
    const sorted = (part) => Object.fromEntries(Object.entries(kept[part]).sort(
      ([a], [b]) => (a < b ? -1 : 1)));
    const all = { exercises: sorted("exercises"), form: FORM, quizzes: sorted("quizzes") };
    return `${JSON.stringify(all, null, 1)}\n`;
  }

  function stored() {
    try { return storage()?.getItem(KEY) ?? null; } catch { return null; }
  }

  function read() {
    return memory ?? parsed(stored() ?? "") ?? nothing;
  }

  function write(kept) {
    try {
      const before = stored();
      // what is not understood may be what a later edition of the course has kept
      if (before !== null && !parsed(before)) storage().setItem(`${KEY}.unread`, before);
      storage().setItem(KEY, written(kept));
      memory = null;
    } catch { memory = kept; }
    watching.forEach((look) => look());
  }

  function today() {
    const now = new Date(), two = (number) => String(number).padStart(2, "0");
    return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  }

  /** Take in the text of a file: a sentence that says what came of it. */
  function taken(text, name) {
    const more = text.length <= LIMIT ? parsed(text) : null;
    if (!more) return `${name} holds no progress of this course. Nothing was changed.`;
    const count = (kept) => PARTS.reduce((sum, part) => sum + Object.keys(kept[part]).length, 0);
    const before = read(), after = joined(before, more);
    write(after);
    const added = count(after) - count(before);
    return added ? `Added from ${name}: ${added}.` : `All that is in ${name} was here already.`;
  }

  window.addEventListener("storage", () => watching.forEach((look) => look())); // another page
  window.addEventListener("pageshow", () => watching.forEach((look) => look()));
  return {
    read, written, taken,
    /** Is all of it gone when the page is closed? */
    forgets: () => memory !== null || storage() === null,
    mark(part, name) {
      if (!Object.hasOwn(read()[part], name)) {
        write(joined(read(), { ...nothing, [part]: { [name]: today() } }));
      }
    },
    unmark(part, name) {
      const kept = joined(read());
      delete kept[part][name];
      write(kept);
    },
    /** Call `look` now, and whenever something has changed. */
    watch(look) { watching.push(look); look(); },
  };
})();

(() => {
  const progress = window.courseProgress;
  const KINDS = [["exercises", "exercises"], ["questions", "quizzes"]];

  /** [done, all] of the exercises and of the questions that an element names. */
  function counted(element) {
    const kept = progress.read();
    return KINDS.map(([data, part]) => {
      const names = element.dataset[data].split(" ").filter(Boolean);
      return [names.filter((name) => Object.hasOwn(kept[part], name)).length, names.length];
    });
  }

  for (const line of document.querySelectorAll("p.course-progress")) {
    line.hidden = false;
    progress.watch(() => {
      const [exercises, questions] = counted(line);
      const parts = [[exercises, "exercises"], [questions, "quiz questions"]]
        .filter(([[, all]]) => all).map(([[done, all], what]) => `${done} of ${all} ${what}`);
      line.querySelector("span").textContent = `Done in this chapter: ${parts.join(", ")}.`;
    });
  }

  for (const row of document.querySelectorAll("#course-progress tr[data-exercises]")) {
    progress.watch(() => counted(row).forEach(([done, all], index) => {
      row.cells[index + 1].textContent = all ? `${done} of ${all}` : "–";
    }));
  }

  for (const place of document.querySelectorAll("p.course-done")) {
    const box = place.querySelector("input");
    place.hidden = false;
    box.addEventListener("change", () => {
      progress[box.checked ? "mark" : "unmark"]("exercises", box.dataset.exercise);
    });
    progress.watch(() => {
      const done = progress.read().exercises, name = box.dataset.exercise;
      box.checked = Object.hasOwn(done, name);
      place.querySelector("span").textContent = box.checked ? `since ${done[name]}` : "";
    });
  }

  const files = document.querySelector(".course-file");
  if (!files) return;
  const said = document.querySelector(".course-said"), NAME = "course_progress.json";
  files.hidden = false;
  files.querySelector("button").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([progress.written(progress.read())],
      { type: "application/json" }));
    link.download = NAME;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    said.textContent = `Saved as ${NAME}, among your downloads. A notebook takes it in by `
      + `progress(restore="${NAME}").`;
  });
  const input = files.querySelector("input");
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    try {
      const text = file.size <= 1_000_000 ? await file.text() : "";
      said.textContent = progress.taken(text, file.name);
    } catch {
      said.textContent = `${file.name} cannot be read. Nothing was changed.`;
    }
    input.value = ""; // or the same file could not be chosen again
    if (progress.forgets()) said.textContent += " This browser keeps nothing for the course.";
  });
  progress.watch(() => {
    if (progress.forgets() && !said.textContent) {
      said.textContent = "This browser keeps nothing for the course: what you mark is gone with "
        + "the page.";
    }
  });
})();
