// Small helps for the pages. Every page can be read, and every form sent, without this script.
"use strict";

(() => {
  // A change that cannot be undone asks first.
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
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

  // A part that refreshes itself asks nothing while its tab is hidden.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.detail.elt.matches("[hx-trigger^='every']")) event.preventDefault();
  });

  // The menu is open on a wide screen, and closed on a small one.
  const menu = document.querySelector("[data-menu]");
  if (menu) {
    const wide = window.matchMedia("(min-width: 60rem)");
    const follow = () => { menu.open = wide.matches; };
    wide.addEventListener("change", follow);
    follow();
  }
})();
