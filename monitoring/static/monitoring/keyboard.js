// What unfold lets only a mouse click (the menu, the user's menu, what closes) is a button for the keyboard and for readers too.
"use strict";

(() => {
  const NAMES = { dock_to_right: "Menu", close: "Close", more_horiz: "More" }; // of icons, which are words in a font
  const CLICKED = ":is(span, div, li, a:not([href]))[x-on\\:click]:not([tabindex])";

  function reachable(place) {
    for (const node of place.querySelectorAll(CLICKED)) {
      const text = node.textContent.trim();
      if (!text) continue; // the shade behind something that is open
      node.tabIndex = 0;
      node.setAttribute("role", "button");
      const name = NAMES[text];
      if (name) node.setAttribute("aria-label", name);
    }
  }

  document.addEventListener("DOMContentLoaded", () => reachable(document));
  document.addEventListener("htmx:load", (event) => reachable(event.target));
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if ((key !== "Enter" && key !== " ") || !target.matches("[role=button][x-on\\:click]")) return;
    event.preventDefault();
    target.click();
  });
})();
