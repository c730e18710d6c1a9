// Counts what is answered right at first, and remembers the questions that are done. Without it,
// the choices of a quiz open all the same.
for (const quiz of document.querySelectorAll(".quiz")) {
  const progress = window.courseProgress;
  const questions = [...quiz.querySelectorAll(".quiz-question")];
  const first = new Map(); // question -> was the choice right that was opened first?

  const hear = (text) => Object.assign(document.createElement("span"),
    { className: "quiz-heard", textContent: text }); // for those who hear the page, not seen

  function tell(verdict) {
    const right = [...first.values()].filter(Boolean).length, left = questions.length - first.size;
    const more = left ? `, ${left} to go` : "";
    quiz.querySelector(".quiz-count").replaceChildren(hear(verdict),
      `${right} of ${first.size} answered right at first${more}.`);
  }

  // `toggle` does not bubble
  quiz.addEventListener("toggle", ({ target: choice }) => {
    if (!choice.open || !choice.matches(".quiz-choice") || choice.matches(".opened")) return;
    const question = choice.closest(".quiz-question"), right = "right" in choice.dataset;
    choice.classList.add("opened");
    choice.querySelector("summary").append(hear(right ? ", right" : ", not yet"));
    if (!first.has(question)) first.set(question, right);
    tell(`Question ${questions.indexOf(question) + 1}: ${right ? "right" : "not yet"}. `);
    if (right) progress?.mark("quizzes", question.dataset.question);
  }, true);

  progress?.watch(() => {
    const done = progress.read().quizzes;
    for (const question of questions) {
      const isDone = Object.hasOwn(done, question.dataset.question);
      const mark = question.querySelector(".quiz-done");
      if (isDone && !mark) {
        question.querySelector("p").append(Object.assign(document.createElement("span"),
          { className: "quiz-done", textContent: " ✓ done" }));
      } else if (!isDone) mark?.remove();
    }
  });
}
