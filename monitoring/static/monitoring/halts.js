// Each answer's button opens a dialog with its effect; only the dialog's button submits it.
"use strict";

for (const button of document.querySelectorAll("[data-opens]")) {
  button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
}
