// What the page does beyond its HTML. Everything here is a convenience: the page works without it.
import { startRanking, written } from "./ranking.js";
import { addressed, followHistory, giveUp, visit } from "./visits.js";

const byId = (id) => document.getElementById(id); // anew each time: what is in main changes

const on = (kind, act) => document.addEventListener(kind, act);
const PAUSE = 600; // milliseconds without another choice, before it is followed
let pause;

function showWeight() {
  byId("weight-shown").value = written(Number(byId("weight").value));
}

// A chosen suggestion fills the question, where it can be seen and edited.
function fillQuestion(select) {
  if (select.value) byId("question").value = select.selectedOptions[0].textContent;
}

// Another number of answers is asked for after a pause: the arrow keys choose each on the way.
function chooseNumber() {
  giveUp();
  clearTimeout(pause);
  pause = setTimeout(() => byId("ask").requestSubmit(), PAUSE);
}

// While the server works: grey cards where the answers will be. Who is at their number stays there.
function showWork(stays) {
  endWork();
  const skeleton = byId("skeleton").content.firstElementChild.cloneNode(true);
  byId(stays ? "cards" : "resultsView")?.setAttribute("hidden", "");
  byId(stays ? "cards" : "ask").after(skeleton);
  if (!stays) skeleton.scrollIntoView();
  tellOfWork(skeleton.querySelector(".working").textContent);
}

function tellOfWork(doing) {
  for (const one of [document.querySelector(".skeleton .working"), byId("status")]) one.textContent = doing;
}

function endWork(problem = "") {
  clearTimeout(pause);
  document.querySelectorAll(".skeleton, .unreached").forEach((one) => one.remove());
  for (const id of ["resultsView", "cards"]) byId(id)?.removeAttribute("hidden");
  byId("status").textContent = "";
  if (!problem) return;
  const notice = document.createElement("p");
  notice.className = "notice problem unreached";
  notice.setAttribute("role", "alert");
  notice.textContent = problem;
  byId("ask").before(notice);
  notice.scrollIntoView({ block: "nearest" });
}

function slide(weight) {
  byId("weight").value = weight;
  byId("weight").dispatchEvent(new Event("input", { bubbles: true }));
}

// The form as it was asked, whatever was typed or chosen since; what was not asked yet stays.
function restore() {
  const results = byId("resultsView");
  if (!results && !document.querySelector("main .problem")) return;
  byId("ask").reset();
  if (results) slide(results.dataset.weight); // the answers are ranked so
}

// What each main part needs: the first one, and each that takes its place or comes back.
function start() {
  const results = byId("resultsView");
  if (results) byId("top_k").value = results.dataset.topK; // not one that was only chosen
  if (results && !results.dataset.started) {
    results.dataset.started = "yes";
    startRanking(results, byId("weight"), byId("status"), addressed, start);
  }
  showWeight();
  try { byId("keys").checked = localStorage.keys !== "false"; } catch {}
}

// Who chose a number stays at it, and at the `weight` that the slider was moved to meanwhile.
function arrived(weight) {
  start();
  const results = byId("resultsView");
  const shown = results ?? document.querySelector("[role=alert]");
  const stays = results && weight;
  if (stays) slide(weight);
  else shown?.scrollIntoView();
  (stays ? byId("top_k") : shown)?.focus({ preventScroll: true });
}

function go(address, stays = false) {
  let weight;
  visit(address, {
    begun: () => showWork(stays),
    waiting: tellOfWork,
    ended: (problem) => {
      endWork(problem);
      weight = stays && byId("weight").value;
    },
    ready: () => arrived(weight),
  });
}

function asked(event) {
  event.preventDefault();
  const address = new URL(event.target.action);
  address.search = new URLSearchParams(new FormData(event.target));
  go(address, document.activeElement.matches(".results #top_k"));
}

function followed(event) {
  const link = event.target.closest(".topics a, .active-filters a");
  const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button;
  if (!link || elsewhere) return;
  event.preventDefault();
  go(link.href);
}

// Keys, if on: / for the question, j and k for the answers.
function pressed(event) {
  if (event.key === "Escape") document.documentElement.classList.add("no-tips");
  const typing = event.target.matches("input:not([type=range], [type=checkbox]), textarea, select");
  if (typing || !byId("keys")?.checked || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    event.preventDefault();
    byId("question").focus();
    byId("question").select();
  } else if (event.key === "j" || event.key === "k") {
    const cards = [...document.querySelectorAll("#cards > .card")];
    const at = cards.indexOf(document.activeElement.closest(".card"));
    const next = cards[event.key === "j" ? at + 1 : Math.max(at - 1, 0)];
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "start" });
  }
}

async function copied(button) {
  const source = byId(button.dataset.copies);
  const text = source?.textContent ?? document.querySelector(".permalink").href;
  const name = (button.dataset.name ??= button.textContent);
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    byId("status").textContent = "Copied";
    setTimeout(() => (button.textContent = name), 2000);
  } catch { // not allowed, or not on https: the text is shown and selected instead
    const chosen = source ?? document.querySelector(".permalink");
    chosen.closest("details")?.setAttribute("open", "");
    getSelection().selectAllChildren(chosen);
    byId("status").textContent = "Selected: copy it with the keys of your system";
  }
}

const NUMBERS = ["passage_id", "start", "end", "weight", "reader_score", "retrieval_score"];

// Feedback goes to the API, so that the page stays; its answer is told beside the thumbs.
async function judged(event) {
  const given = event.target;
  event.preventDefault();
  if (given.dataset.sent) return;
  given.dataset.sent = "yes";
  const said = given.querySelector(".said");
  let stored = false;
  const fields = Object.fromEntries(new FormData(given, event.submitter));
  for (const name of NUMBERS) fields[name] = Number(fields[name]);
  try {
    const response = await fetch(given.dataset.api, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(fields),
    });
    stored = response.ok;
    const { errors, detail } = stored ? {} : await response.json();
    const problem = errors?.map((error) => error.detail).join(" ") ?? detail;
    said.textContent = stored ? "Thank you. It is stored." : problem;
  } catch {
    said.textContent = "The service cannot be reached. Try again soon.";
  }
  if (stored) {
    const card = given.closest(".card"); // the thumbs go, and would take the focus with them
    if (given.contains(document.activeElement)) card.focus({ preventScroll: true });
    given.classList.add("done");
  } else {
    delete given.dataset.sent;
  }
}

on("input", ({ target }) => {
  if (target.id === "weight") showWeight();
  if (target.id === "question") byId("question_select").value = "";
});
on("change", ({ target }) => {
  if (target.id === "question_select") fillQuestion(target);
  if (target.id === "top_k" && byId("resultsView")) chooseNumber();
  if (target.id === "keys") try { localStorage.keys = target.checked; } catch {}
});
on("submit", (event) => {
  if (event.target.id === "ask") asked(event);
  if (event.target.matches(".feedback")) judged(event);
});
on("click", (event) => {
  followed(event);
  const button = event.target.closest("button");
  if (button?.matches(".copy")) copied(button);
  if (button?.matches(".print")) print();
});
on("keydown", pressed);
for (const kind of ["pointerover", "focusin"]) {
  on(kind, (event) => {
    if (event.target.closest?.(".mark")) document.documentElement.classList.remove("no-tips");
  });
}
function cameBack() {
  restore();
  start();
}

followHistory({ left: endWork, ready: cameBack });
start();
window.addEventListener("pageshow", ({ persisted }) => {
  endWork(); // also after "back", which restores the page as it was left
  if (persisted) restore();
  start();
  slide(byId("weight").value);
  if (document.querySelector(".problem[data-again]")) go(location.href); // it was busy
});
document.documentElement.classList.add("scripted");
