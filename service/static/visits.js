// Takes the answers into the page that is there: the server's page is fetched, and its main part
// and title become ours. So nothing is loaded or painted twice, and the answers stand sooner.

const PATIENCE = 60_000; // milliseconds for which a busy service is asked again
const KEPT = 20; // pages that "back" and "forward" find as they were left

const key = () => location.pathname + location.search;
const kept = new Map();
let shown = key(); // the address of what is shown, without its fragment
let going;

// Put an address in place of that of what is shown, which has changed by itself.
export function addressed(address) {
  history.replaceState(history.state, "", address);
  shown = key();
}

function keep() {
  kept.delete(shown);
  kept.set(shown, { main: document.querySelector("main"), title: document.title });
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
}

function put({ main, title }) {
  document.querySelector("main").replaceWith(main);
  document.title = title;
  shown = key();
}

// Return the page at an address, and its status. A service that is busy says after how many seconds
// it can be asked again, and so it is, for a while; `waiting` is told why, and for how long.
export async function pageAt(address, signal, waiting) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const response = await fetch(address, { signal, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    // not all at the same moment that were refused at the same
    const wait = 1000 * response.headers.get("Retry-After") * (1 + Math.random());
    if (!wait || Date.now() + wait > end) return { page, status: response.status };
    const why = page.querySelector("[role=alert] p, [role=alert] li")?.textContent ?? "";
    waiting(`${why.replace("Try again soon.", "").trim()} Asking again in ${Math.ceil(wait / 1000)} seconds …`.trim());
    await new Promise((wake) => setTimeout(wake, wait));
    signal.throwIfAborted();
  }
}

// Return the page at an address; `problem` says why there is none.
async function fetched(address, signal, waiting) {
  try {
    const { page, status } = await pageAt(address, signal, waiting);
    if (page.getElementById("ask")) return { page };
    return { problem: `The service answered with ${status}. Try again soon.` };
  } catch {
    return { problem: "The service cannot be reached. Try again soon." };
  }
}

// Give up the visit that has not arrived.
export function giveUp() {
  going?.abort();
  going = undefined;
}

// Show the page at an address. `begun` is called at once; `waiting` with what is waited for, where
// the service is busy; `ended` when there is a page, before it is shown, or with the problem when
// there is none; `ready` when the page is there.
export async function visit(address, { begun, waiting, ended, ready }) {
  giveUp();
  const mine = new AbortController();
  going = mine;
  begun();
  const { page, problem } = await fetched(address, mine.signal, (why) => mine === going && waiting(why));
  if (mine !== going) return;
  going = undefined;
  ended(problem);
  if (problem) return;
  const to = new URL(address);
  if (!page.getElementById(to.hash.slice(1))) to.hash = ""; // where there is only a problem
  const again = to.pathname + to.search === shown;
  if (!again) keep();
  history[again ? "replaceState" : "pushState"](null, "", to);
  put({ main: document.adoptNode(page.querySelector("main")), title: page.title });
  ready();
}

// Follow "back" and "forward"; `left` is called before what was there comes back.
export function followHistory({ left, ready }) {
  window.addEventListener("popstate", () => {
    if (key() === shown) return; // to another place of the same page
    giveUp();
    left();
    const before = kept.get(key());
    if (!before) {
      location.reload();
      return;
    }
    keep();
    put(before);
    ready();
  });
}
