// Small helps for the pages. Every page can be read, and every form sent, without this script.
"use strict";

(() => {
  // A change that cannot be undone asks first.
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  // A form that costs money is sent once, also after two clicks.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]") || event.defaultPrevented) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
  });

  // Pages over plain http have no clipboard API: a selected field and the old command work everywhere.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const field = document.createElement("textarea");
    field.value = button.dataset.copy;
    field.setAttribute("readonly", "");
    field.className = "offscreen";
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    button.focus();
    if (copied) button.textContent = button.dataset.copied;
  });

  // Parts of a page that ask again and again: a hidden page asks for nothing, and an answer that is not new changes nothing.
  const asksAgain = (element) => (element.getAttribute("hx-trigger") || "").startsWith("every ");
  const answers = new Map();
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && asksAgain(event.detail.elt)) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { elt, xhr, requestConfig } = event.detail;
    if (!asksAgain(elt) || xhr.status !== 200) return;
    if (answers.get(requestConfig.path) === xhr.responseText) event.detail.shouldSwap = false;
    answers.set(requestConfig.path, xhr.responseText);
  });

  // A browser may keep a page as it was, and show it after the log-out.
  window.addEventListener("pageshow", (event) => { if (event.persisted) window.location.reload(); });
  // A page that is made for paper has a button to print it.
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }

  // The menu is open on a wide screen, and closed on a small one.
  const menu = document.querySelector("[data-menu]");
  if (menu) {
    const wide = window.matchMedia("(min-width: 60rem)");
    const follow = () => { menu.open = wide.matches; };
    wide.addEventListener("change", follow);
    follow();
  }
})();
