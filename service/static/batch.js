// Fills the table of /batch as answers come. Without it the form is sent as any other.

const form = document.getElementById("batch");
const answers = document.getElementById("answers");
const rows = document.getElementById("rows");
const notice = document.getElementById("notice");
const problem = document.getElementById("problem");
const progress = document.getElementById("progress");
const said = document.getElementById("progress-said");
const stop = document.getElementById("stop");
const download = document.getElementById("download");
let unsaved = false; // whether there are answers that no file has
const ask = form.querySelector("button[type=submit]:not([name])");

function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

function addRow(html) {
  rows.insertAdjacentHTML("beforeend", html);
  // a link leads to a tab of its own, since the answers are only here
  for (const link of rows.lastElementChild.querySelectorAll("a")) link.target = "_blank";
  unsaved = true;
}

function clearProblems() {
  problem.hidden = true;
  for (const old of form.querySelectorAll(".field-problem")) old.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
}

// Says what is wrong above the form and at each field; what was typed stays.
function showProblem(details) {
  const items = details.map(({ name, detail }) => {
    const field = name ? form.elements[name] : null;
    const item = element("li", field ? "" : detail);
    if (field) {
      const link = element("a", detail);
      link.href = `#${name}`;
      item.append(link);
      const message = element("p", detail, "field-problem");
      message.id = `${name}-problem`;
      field.after(message);
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", message.id);
      const folded = field.closest("details");
      if (folded) folded.open = true;
    }
    return item;
  });
  problem.querySelector("ul").replaceChildren(...items);
  problem.hidden = false;
  problem.scrollIntoView({ block: "nearest" });
}

async function problemsOf(response) {
  if (response.headers.get("Content-Type") !== "application/problem+json") {
    return [{ detail: `The service answered with ${response.status}. Try again.` }];
  }
  const { detail, errors } = await response.json();
  return (errors ?? [{ pointer: "#", detail }]).map((error) => ({
    name: decodeURIComponent(error.pointer.split("/").pop()).replace("#", ""),
    detail: error.detail,
  }));
}

async function* linesOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
    if (done) return;
  }
}

function offerDownload(parts) {
  URL.revokeObjectURL(download.href);
  download.href = URL.createObjectURL(new Blob(parts, { type: "text/csv;charset=utf-8" }));
  download.hidden = false;
}

function showProgress(done, of, end = "") {
  progress.max = of;
  progress.value = done;
  said.textContent = `${done} of ${of} questions done.${end}`;
}

function begin() {
  clearProblems();
  answers.hidden = progress.hidden = stop.hidden = false;
  said.textContent = "Asking …";
  progress.removeAttribute("value");
  ask.setAttribute("aria-disabled", "true"); // disabled it would lose the focus
  answers.scrollIntoView();
}

// The last answers stay until the server takes the new questions.
function clearAnswers() {
  document.getElementById("done")?.remove();
  rows.replaceChildren();
  unsaved = false;
  notice.hidden = download.hidden = true;
}

// Return what is wrong with the questions where the server does not take them.
async function run(signal) {
  const response = await fetch(form.action, {
    method: "POST",
    body: new FormData(form),
    headers: { Accept: "application/x-ndjson" },
    signal,
  });
  if (!response.ok) return problemsOf(response);
  clearAnswers();
  const parts = [];
  let done = 0;
  let of = 0;
  let end = "";
  try {
    for await (const line of linesOf(response.body)) {
      parts.push(line.csv);
      of = line.of;
      if ("number" in line) {
        addRow(line.html);
        done = line.number;
      } else if (line.notice) {
        notice.textContent = line.notice;
        notice.hidden = false;
      }
      showProgress(done, of);
    }
  } catch {
    end = signal.aborted ? " Stopped." : " The connection broke: ask again for the rest.";
  }
  showProgress(done, of, end);
  offerDownload(parts);
  return null;
}

async function submit(event) {
  if (event.submitter?.name === "as") {
    unsaved = false; // the browser downloads the file
    return;
  }
  event.preventDefault();
  if (ask.hasAttribute("aria-disabled")) return;
  const file = document.getElementById("file").files[0];
  const most = Number(form.dataset.mostBytes);
  if (file && file.size > most) {
    clearProblems();
    const size = (file.size / 2 ** 20).toFixed(1);
    const detail = `The file has ${size} MB; at most ${most / 2 ** 20} MB are possible. Keep only the column of questions.`;
    showProblem([{ name: "file", detail }]);
    return;
  }
  const before = said.textContent;
  begin();
  const stopping = new AbortController();
  stop.onclick = () => stopping.abort();
  let details;
  try {
    details = await run(stopping.signal);
  } catch {
    const gone = { detail: "The service could not be reached. Try again." };
    details = stopping.signal.aborted ? [] : [gone];
  }
  if (details) {
    said.textContent = before;
    answers.hidden = !rows.childElementCount;
  }
  if (details?.length) showProblem(details);
  ask.removeAttribute("aria-disabled");
  const stopped = document.activeElement === stop;
  progress.hidden = stop.hidden = true;
  if (stopped) (answers.hidden ? ask : answers).focus({ preventScroll: true });
}

form.addEventListener("submit", submit);
download.addEventListener("click", () => (unsaved = false));
window.addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});
