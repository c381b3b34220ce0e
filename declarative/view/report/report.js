// Filters the changes. Without this script, the page shows all of them.
"use strict";
const search = document.getElementById("search");
const button = document.getElementById("unfold");
const boxes = [...document.querySelectorAll(".filter input[type=checkbox]")];
const changes = [...document.querySelectorAll("details.one")];
const count = document.getElementById("shown");
let texts = null; // read when the first word is typed: long plans open sooner

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const sorts = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  if (words.length) texts ??= changes.map((change) => change.textContent.toLowerCase());
  let shown = 0;
  changes.forEach((change, index) => {
    const fits = sorts.has(change.dataset.sort) && words.every((word) => texts[index].includes(word));
    change.hidden = !fits;
    shown += fits;
  });
  count.textContent = `${shown} of ${changes.length}`;
  label();
}

const visible = () => changes.filter((change) => !change.hidden);
const unfolds = () => visible().some((change) => !change.open);

function label() {
  button.textContent = unfolds() ? "Unfold all" : "Fold all";
}

function unfold() {
  const open = unfolds();
  for (const change of visible()) change.open = open;
  label();
}

if (search) {
  document.body.classList.add("script");
  search.addEventListener("input", filter);
  for (const box of boxes) box.addEventListener("change", filter);
  for (const change of changes) change.addEventListener("toggle", label);
  button.addEventListener("click", unfold);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && document.activeElement === search) {
      search.value = "";
      filter();
    }
  });
  filter();
}
