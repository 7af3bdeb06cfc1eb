// What the page does beyond its HTML. Everything here is a convenience: the page works without it.
import { startRanking, written } from "./ranking.js";

const form = document.getElementById("ask");
const weight = document.getElementById("weight");
const shown = document.getElementById("weight-shown");
const question = document.getElementById("question");
const select = document.getElementById("question_select");
const status = document.getElementById("status");
const results = document.getElementById("resultsView");

function showWeight() {
  shown.value = written(Number(weight.value));
}

// A chosen suggestion fills the question, where it can be seen and edited.
function fillQuestion() {
  if (select.value) {
    question.value = select.selectedOptions[0].textContent;
    select.value = "";
    question.focus();
  }
}

// While the server works: grey cards where the answers will be.
function showWork() {
  if (document.querySelector(".skeleton")) return;
  const skeleton = document.getElementById("skeleton").content.firstElementChild.cloneNode(true);
  if (results) results.hidden = true;
  form.after(skeleton);
  skeleton.scrollIntoView();
  status.textContent = skeleton.querySelector(".working").textContent;
}

function endWork() {
  document.querySelector(".skeleton")?.remove();
  if (results) results.hidden = false;
  status.textContent = "";
}

function followed(event) {
  const link = event.target.closest(".topics a, .active-filters a");
  const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button;
  if (link && !elsewhere) showWork();
}

// The keys: / for the question, j and k for the answers.
function pressed(event) {
  if (event.key === "Escape") document.documentElement.classList.add("no-tips");
  const typing = event.target.matches("input:not([type=range], [type=checkbox]), textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    event.preventDefault();
    question.focus();
    question.select();
  } else if (event.key === "j" || event.key === "k") {
    const cards = [...document.querySelectorAll("#cards > .card")];
    const at = cards.indexOf(document.activeElement.closest(".card"));
    const next = cards[event.key === "j" ? at + 1 : Math.max(at - 1, 0)];
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "start" });
  }
}

async function copied(button) {
  const source = document.getElementById(button.dataset.copies);
  const text = source?.textContent ?? document.querySelector(".permalink").href;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    status.textContent = "Copied";
    setTimeout(() => (button.textContent = button.dataset.name), 2000);
  } catch { // not allowed, or not on https: the text is shown and selected instead
    const chosen = source ?? document.querySelector(".permalink");
    chosen.closest("details")?.setAttribute("open", "");
    getSelection().selectAllChildren(chosen);
    status.textContent = "Selected: copy it with the keys of your system";
  }
}

const NUMBERS = ["passage_id", "start", "end", "weight", "reader_score", "retrieval_score"];

// Feedback goes to the API, so that the page stays; its answer is told beside the thumbs.
async function judged(event) {
  const given = event.target;
  if (!given.matches(".feedback")) return;
  event.preventDefault();
  const said = given.querySelector(".said");
  const fields = Object.fromEntries(new FormData(given, event.submitter));
  for (const name of NUMBERS) fields[name] = Number(fields[name]);
  try {
    const response = await fetch(given.dataset.api, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(fields),
    });
    const problem = response.ok ? {} : await response.json();
    const details = problem.errors?.map((error) => error.detail) ?? [problem.detail];
    said.textContent = response.ok ? "Thank you. It is stored." : details.join(" ");
    if (response.ok) given.classList.add("done");
  } catch {
    said.textContent = "The service cannot be reached. Try again soon.";
  }
}

weight.addEventListener("input", showWeight);
select.addEventListener("change", fillQuestion);
form.addEventListener("submit", showWork);
document.addEventListener("click", (event) => {
  followed(event);
  const button = event.target.closest("button");
  if (button?.matches(".copy")) copied(button);
  if (button?.matches(".print")) print();
});
document.addEventListener("submit", judged);
document.addEventListener("keydown", pressed);
for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    if (event.target.closest?.(".mark")) document.documentElement.classList.remove("no-tips");
  });
}
if (results) {
  document.getElementById("top_k").addEventListener("change", () => form.requestSubmit());
  startRanking(results, weight, status);
}
window.addEventListener("pageshow", () => {
  endWork(); // also after "back", which restores the page as it was left
  showWeight();
  weight.dispatchEvent(new Event("input"));
});
document.documentElement.classList.add("scripted");
