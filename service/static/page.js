// What the page does beyond its HTML. Everything here is a convenience: the page works without it.

const weight = document.getElementById("weight");
const shown = document.getElementById("weight-shown");
const question = document.getElementById("question");
const select = document.getElementById("question_select");

function showWeight() {
  shown.value = Number(weight.value).toFixed(1);
}

// A chosen suggestion fills the question, where it can be seen and edited.
function fillQuestion() {
  if (select.value) {
    question.value = select.selectedOptions[0].textContent;
    select.value = "";
    question.focus();
  }
}

weight.addEventListener("input", showWeight);
select.addEventListener("change", fillQuestion);
window.addEventListener("pageshow", showWeight); // also after "back", which restores the slider
document.documentElement.classList.add("scripted");
