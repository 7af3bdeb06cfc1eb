// Ranks the answers again while the weight is moved, as service/fusion.py does.
import { pageAt } from "./visits.js";

const SETTLED = 300; // milliseconds without another move, before the server is asked

// Return the first `most` cards at a weight. Each is { id, reader, retrieval, told }.
function ranked(cards, weight, most) {
  const scored = cards.map((card) => ({
    ...card,
    final: weight * card.reader + (1 - weight) * card.retrieval,
  }));
  scored.sort((one, other) => other.final - one.final || one.id - other.id);
  const seen = new Set();
  const first = [];
  for (const card of scored) {
    if (first.length === most) break;
    if (card.told.some((one) => seen.has(one))) continue;
    card.told.forEach((one) => seen.add(one));
    first.push(card);
  }
  return first;
}

// Return a weight as the page writes it: 0.6, 1.0 or 0.55.
export function written(weight) {
  const [short, exact] = [weight.toFixed(1), Number(weight.toFixed(6))];
  return Number(short) === exact ? short : String(exact);
}

function cardOf(element) {
  const { id, reader, retrieval, told } = element.dataset;
  return {
    element,
    id: Number(id),
    reader: Number(reader),
    retrieval: Number(retrieval),
    told: told ? told.split(" ") : [],
  };
}

// Return the cards of a results section: those shown, and those that other weights bring up.
function cardsOf(section) {
  const more = section.querySelector("#more").content;
  const elements = [...section.querySelectorAll("#cards > .card"), ...more.querySelectorAll(".card")];
  return elements.map(cardOf);
}

function fill(card, rank, weight) {
  const { element, final, reader, retrieval } = card;
  const parts = [100 * weight * reader, 100 * (1 - weight) * retrieval];
  element.querySelector(".number").textContent = rank;
  for (const shown of element.querySelectorAll(".final")) shown.textContent = final.toFixed(2);
  element.querySelector(".reader-part").setAttribute("width", parts[0].toFixed(2));
  element.querySelector(".retrieval-part").setAttribute("x", parts[0].toFixed(2));
  element.querySelector(".retrieval-part").setAttribute("width", parts[1].toFixed(2));
  const shares = element.querySelectorAll(".share");
  shares[0].textContent = written(weight);
  shares[1].textContent = written(1 - weight);
  const given = element.querySelector("input[name=weight]");
  if (given) given.value = String(weight);
}

// Put the elements into the list in this order; what moves is seen to move.
function place(list, elements) {
  const before = new Map([...list.children].map((child) => [child, child.getBoundingClientRect().top]));
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  if (elements.every((element, at) => list.children[at] === element) && before.size === elements.length) return;
  list.replaceChildren(...elements);
  if (focused?.isConnected) focused.focus({ preventScroll: true });
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const element of elements) {
    const moved = before.has(element) ? before.get(element) - element.getBoundingClientRect().top : null;
    const from = moved === null ? { opacity: 0 } : { transform: `translateY(${moved}px)` };
    if (moved !== 0) element.animate([from, {}], { duration: 300, easing: "ease-out" });
  }
}

// Re-rank the answers of `results` whenever the slider moves, and ask the server for the rest.
// The address that they then have is told to `addressed`. Answers of another version of the index
// take their place as a whole, slider and all, and `replaced` is called.
export function startRanking(results, slider, status, addressed, replaced) {
  const list = results.querySelector("#cards");
  const most = Number(results.dataset.topK);
  let cards = cardsOf(results);
  let current = Number(results.dataset.weight);
  let served = shownAt(current); // what the server has said something about, beyond the cards
  let timer;
  let asking;
  let failure; // the notice that the last weight could not be asked for

  function addressAt(weight) {
    const address = new URL(results.dataset.address, location.href);
    address.searchParams.set("weight", String(weight));
    return address;
  }

  // Return which answers are shown at a weight.
  function shownAt(weight) {
    return ranked(cards, weight, most).map((card) => card.id).sort().join();
  }

  function show(weight) {
    const first = ranked(cards, weight, most);
    first.forEach((card, at) => fill(card, at + 1, weight));
    place(list, first.map((card) => card.element));
    const shown = results.querySelector("#shown");
    if (shown) shown.textContent = String(first.length);
    const unlikely = results.querySelector("#unlikely");
    if (unlikely) unlikely.hidden = !first.length || first.some((card) => card.reader >= unlikely.dataset.below);
    results.dataset.weight = String(weight);
    for (const link of results.querySelectorAll("a[href*='weight=']")) {
      if (link.origin !== location.origin) continue; // a paper's
      const address = new URL(link.href);
      address.searchParams.set("weight", String(weight));
      link.href = address;
    }
    for (const used of results.querySelectorAll(".weight-used")) used.textContent = String(weight);
    // what the server says late about answers that were left must not rename those that are here
    if (results.isConnected) addressed(addressAt(weight).href + location.hash);
  }

  function tell(weight, shown = list) {
    const answer = shown.querySelector("mark")?.textContent ?? "none";
    status.textContent = `Ranked with weight ${written(weight)}. First answer: ${answer}`;
  }

  // The passages of another version of the index may have the same numbers: nothing is kept.
  function giveWay(section, weight) {
    const sliding = document.activeElement === slider;
    addressed(addressAt(weight).href + location.hash);
    results.replaceWith(document.adoptNode(section));
    replaced();
    if (sliding) section.querySelector("#weight").focus({ preventScroll: true });
    tell(weight, section);
  }

  // Take over what the server answered, keeping the cards that are here as they were left.
  function take(section, weight) {
    const here = new Map(cards.map((card) => [card.id, card.element]));
    cards = cardsOf(section).map((card) => {
      const kept = here.get(card.id);
      if (!kept) return card;
      Object.assign(kept.dataset, card.element.dataset);
      kept.querySelector(".steady").hidden = card.element.querySelector(".steady").hidden;
      return { ...card, element: kept };
    });
    Object.assign(results.dataset, section.dataset);
    for (const id of ["aside", "notice", "take", "provenance"]) {
      const [old, fresh] = [results, section].map((one) => one.querySelector(`#${id}`));
      if (old && fresh) old.replaceWith(document.adoptNode(fresh));
    }
    served = shownAt(weight);
    show(weight);
  }

  async function ask(weight) {
    asking = new AbortController();
    try {
      const waiting = (why) => weight === current && (status.textContent = why);
      const { page } = await pageAt(addressAt(weight), asking.signal, waiting);
      const section = page.getElementById("resultsView");
      if (!section) throw new Error(page.querySelector("[role=alert] p, [role=alert] li")?.textContent);
      if (weight !== current) return;
      if (section.dataset.index !== results.dataset.index) {
        if (results.isConnected) giveWay(section, weight);
        return;
      }
      take(section, weight);
      results.removeAttribute("aria-busy");
      tell(weight);
    } catch (error) {
      if (error.name === "AbortError") return;
      results.removeAttribute("aria-busy");
      failure = document.createElement("p");
      failure.className = "notice";
      failure.textContent = "The answers could not be looked up again at this weight: these are ranked "
        + `among what was read before. Move the slider again soon. (${error.message})`;
      results.querySelector("#notice").append(failure);
    }
  }

  function moved() {
    const weight = Number(slider.value);
    slider.setAttribute("aria-valuetext", `${written(weight)}, the reader’s share`);
    if (weight === current) return;
    current = weight;
    clearTimeout(timer);
    asking?.abort();
    failure?.remove();
    show(weight);
    const complete = results.dataset.complete.split(" ").includes(String(weight));
    if (complete && shownAt(weight) === served) {
      results.removeAttribute("aria-busy");
      timer = setTimeout(tell, SETTLED, weight);
    } else {
      results.setAttribute("aria-busy", "true");
      timer = setTimeout(ask, SETTLED, weight);
    }
  }

  slider.addEventListener("input", moved);
}
