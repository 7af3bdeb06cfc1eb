// Sends a thumb without leaving the answers. Without it the form leads to a page of thanks.

async function send(event) {
  const form = event.target;
  if (!form.matches("form.feedback") || !event.submitter) return;
  event.preventDefault();
  const said = form.querySelector(".said");
  const body = new URLSearchParams(new FormData(form, event.submitter));
  const weight = document.getElementById("weight");
  if (weight) body.set("weight", weight.value); // what the answers are ranked by now
  said.textContent = "Sending …";
  said.className = "said";
  try {
    const response = await fetch(form.action, {
      method: "POST",
      body,
      headers: { Accept: "application/json" },
    });
    if (response.ok) {
      form.querySelector("fieldset").disabled = true;
      said.textContent = "Thank you. Nothing about you was stored.";
      return;
    }
    const { detail, errors } = await response.json();
    said.textContent = errors?.map((error) => error.detail).join(" ") ?? detail;
  } catch {
    said.textContent = "This could not be sent. Try again.";
  }
  said.className = "said field-problem";
}

document.addEventListener("submit", send);
