// What htmx drops in silence: a refusal, an error, no answer, a login page instead of a part of the page. It is said on the
// page, where nothing that was typed is lost, until the same button or part of the page is answered.
"use strict";

(() => {
  const LOGIN = "/admin/login/";
  const refused = new WeakSet(); // requests
  let asked = null; // whose refusal is shown
  let leaving = false;

  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  function say(by, ...said) {
    const shown = document.getElementById("isthmus-refused");
    const line = el("p", {}, ...said);
    if (asked === by && shown?.querySelector("p").textContent === line.textContent) return; // a poll: not read out again
    silence();
    const close = el("button", { type: "button", "aria-label": "Close" }, "×");
    close.addEventListener("click", silence);
    const top = document.querySelector("dialog[open]") || document.body; // nothing is seen above an open dialog
    top.append(el("div", { id: "isthmus-refused", role: "alert" }, line, close));
    asked = by;
  }

  window.IsthmusRefused = (text) => say(null, text);

  function silence() {
    document.getElementById("isthmus-refused")?.remove();
    asked = null;
  }

  // A page of ours for an error says in its first paragraph what is wrong
  function textOf(xhr) {
    const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
    return page.querySelector("section p")?.textContent || `The server answered ${xhr.status}: see its log.`;
  }

  function isLogin(xhr) {
    return xhr.responseURL && new URL(xhr.responseURL).pathname === LOGIN;
  }

  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { xhr, elt } = event.detail;
    if (isLogin(xhr)) {
      const link = el("a", { href: `${LOGIN}?next=/admin/`, target: "_blank" }, "Log in in another tab");
      say(elt, "You are no longer logged in; nothing was done. ", link, ", then do it again.");
    } else if (xhr.status >= 400) {
      say(elt, textOf(xhr));
    } else {
      if (elt === asked) silence();
      return;
    }
    refused.add(xhr);
    event.preventDefault();
  });
  // A dialog opens when its contents have come
  document.addEventListener("htmx:after-on-load", (event) => {
    if (refused.has(event.detail.xhr)) event.stopPropagation();
  }, true);
  // A login in another tab makes this page's token invalid
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
    if (token && "csrfmiddlewaretoken" in detail.parameters) detail.parameters.csrfmiddlewaretoken = token;
  });
  addEventListener("pagehide", () => { leaving = true; });
  addEventListener("pageshow", () => { leaving = false; });
  document.addEventListener("htmx:sendError", ({ detail }) => {
    const sent = detail.requestConfig.verb === "get" ? "" : " It is not certain whether it was done: reload the page to see.";
    if (!leaving) say(detail.elt, `The server does not answer.${sent}`);
  });
})();
