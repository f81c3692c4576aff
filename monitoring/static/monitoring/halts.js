// Each answer's button opens the dialog that says what it does; only the dialog's own button sends it.
"use strict";

for (const button of document.querySelectorAll("[data-opens]")) {
  button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
}
