// Filters the changes. Without this script, the page shows all of them.
"use strict";
const search = document.getElementById("search");
const boxes = [...document.querySelectorAll(".filter input[type=checkbox]")];
const changes = [...document.querySelectorAll("details.one")];
const count = document.getElementById("shown");

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const sorts = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  let shown = 0;
  for (const change of changes) {
    const text = change.dataset.text ??= change.textContent.toLowerCase();
    const fits = sorts.has(change.dataset.sort) && words.every((word) => text.includes(word));
    change.hidden = !fits;
    shown += fits;
  }
  count.textContent = `${shown} of ${changes.length}`;
}

function unfold() {
  const shown = changes.filter((change) => !change.hidden);
  const open = shown.some((change) => !change.open);
  for (const change of shown) change.open = open;
}

if (search) {
  document.body.classList.add("script");
  search.addEventListener("input", filter);
  for (const box of boxes) box.addEventListener("change", filter);
  document.getElementById("unfold").addEventListener("click", unfold);
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
