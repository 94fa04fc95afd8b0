// What the pages do beyond plain HTML. Every task also works without this file.
(() => {
  "use strict";
  const doc = document;
  const body = () => doc.body;
  const all = (selector, root = doc) => [...root.querySelectorAll(selector)];
  const text = (name) => body().dataset[name] || "";

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !doc.cookie.includes(`tz=${zone}`)) {
    doc.cookie = `tz=${zone}; path=/; max-age=31536000; samesite=lax`;
  }

  // Morphing must not lose what a person typed or opened.
  if (window.Idiomorph) {
    Idiomorph.defaults.ignoreActiveValue = true;
    // "open" is the reader's, and what is pending stays so until its answer comes.
    Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
      !(name === "open" && (node.tagName === "DETAILS" || node.tagName === "DIALOG")) &&
      !(name.startsWith("aria-") && pending.has(node));
    Idiomorph.defaults.callbacks.beforeNodeMorphed = (node) => !(node.name === "once");
  }

  // Dialogs: a fragment that brings one is opened; closing gives the focus back.
  let opener = null;
  let isDirty = false;
  let address = ""; // of the open dialog, where it has one: the page is one step back.
  let isReturning = false;
  const openDialog = (dialog) => {
    if (dialog.open) { dialog.removeAttribute("open"); }
    dialog.showModal();
    isDirty = dialog.querySelector(".summary-errors") !== null || dialog.hasAttribute("data-once");
    address = dialog.hasAttribute("data-pushed") ? location.href : "";
    const first = dialog.querySelector(".summary-errors a") || dialog.querySelector("h2");
    if (first) { first.focus(); }
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); leave(dialog); });
    dialog.addEventListener("input", () => { isDirty = true; });
  };
  const isUnsaved = (dialog) => isDirty && dialog.hasAttribute("data-dirty-check");
  // A dialog may bring its own question: not every one has something to save.
  const mayLeave = (dialog) => !isUnsaved(dialog) || confirm(dialog.dataset.leaveQuestion || text("unsaved"));
  const shut = (dialog) => {
    isDirty = false;
    address = "";
    dialog.close();
    doc.getElementById("dialog-root").replaceChildren();
    if (dialog.dataset.after) { location.assign(dialog.dataset.after); return; }
    if (opener && doc.contains(opener)) { opener.focus(); }
  };
  const leave = (dialog) => {
    if (!mayLeave(dialog)) { return; }
    if (address) { isReturning = true; history.back(); }
    shut(dialog);
  };
  // Back closes a dialog that has an address; htmx would fetch the page again.
  addEventListener("popstate", (event) => {
    const dialog = doc.querySelector("#dialog-root dialog");
    if (isReturning || (dialog && address)) { event.stopImmediatePropagation(); }
    if (isReturning) { isReturning = false; return; }
    if (!dialog || !address) { return; }
    if (mayLeave(dialog)) { shut(dialog); } else { history.pushState({ htmx: true }, "", address); }
  });

  const steppers = (button) => {
    const input = button.parentElement.querySelector("input");
    const before = input.value;
    if (button.dataset.step === "1") { input.stepUp(); } else { input.stepDown(); }
    if (input.value !== before) {
      input.dispatchEvent(new Event("input", { bubbles: true }));
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
  };

  const copyText = async (button) => {
    try { await navigator.clipboard.writeText(button.dataset.copy); } catch { return; }
    button.classList.add("is-done");
    announce(button.dataset.done);
    setTimeout(() => button.classList.remove("is-done"), 1500);
  };

  const announce = (message) => { doc.getElementById("announcer").textContent = message; };

  doc.addEventListener("click", (event) => {
    const target = event.target.closest("[data-step], [data-copy], [data-kept], [data-close], [data-set], [data-format], [data-drawer], [data-toast-close], [data-password]");
    if (target) {
      if (target.dataset.step) { steppers(target); }
      if (target.dataset.copy !== undefined) { copyText(target); }
      // What is shown once has been kept: its dialog closes without asking.
      if (target.matches("[data-copy], [data-kept]") && target.closest("[data-once]")) { isDirty = false; }
      if (target.hasAttribute("data-close")) {
        const dialog = target.closest("dialog");
        if (dialog && dialog.matches(":modal")) { event.preventDefault(); leave(dialog); }
      }
      if (target.dataset.set) {
        const input = doc.getElementById(target.dataset.set);
        input.value = target.dataset.value;
        input.dispatchEvent(new Event("input", { bubbles: true }));
        input.dispatchEvent(new Event("change", { bubbles: true }));
      }
      if (target.dataset.format) { formatJson(doc.getElementById(target.dataset.format)); }
      if (target.hasAttribute("data-drawer")) {
        event.preventDefault();
        doc.getElementById("sidebar").classList.toggle("is-open");
      }
      if (target.hasAttribute("data-toast-close")) { target.closest(".toast").remove(); }
      if (target.hasAttribute("data-password")) {
        const field = doc.getElementById(target.dataset.password);
        field.type = field.type === "password" ? "text" : "password";
        target.setAttribute("aria-pressed", String(field.type === "text"));
      }
      return;
    }
    const link = event.target.closest("[hx-target='#dialog-root']");
    if (link) { opener = link; }
    const row = event.target.closest("tr[data-href]");
    if (row && !event.target.closest("a, button, input, select, summary") && !String(getSelection())) {
      location.href = row.dataset.href;
    }
    all("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) { menu.open = false; } });
  });

  const formatJson = (area) => {
    try {
      area.value = JSON.stringify(JSON.parse(area.value), null, 4);
      area.dispatchEvent(new Event("input", { bubbles: true }));
    } catch { area.reportValidity(); }
  };

  doc.addEventListener("keydown", (event) => {
    if (event.isComposing) { return; }
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const form = event.target.closest("form[data-shortcut]");
      if (form) { event.preventDefault(); form.requestSubmit(); }
    } else if (event.key === "/" && !typing) {
      const filter = doc.querySelector("[data-filter]");
      if (filter) { event.preventDefault(); filter.focus(); }
    } else if (typing && typing.matches("textarea.editor")) {
      editorKeys(event, typing);
    }
  });

  // Tab indents; Esc and then Tab leaves the editor.
  let leaving = false;
  const editorKeys = (event, area) => {
    if (event.key === "Escape") { leaving = true; return; }
    if (event.key === "Tab" && !leaving && !event.shiftKey && !area.readOnly) {
      event.preventDefault();
      area.setRangeText("    ", area.selectionStart, area.selectionEnd, "end");
      area.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (event.key !== "Tab") { leaving = false; }
  };
  doc.addEventListener("focusin", () => { leaving = false; });

  // A page whose form was changed asks before it is left.
  doc.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-leave-check]");
    if (form) { form.dataset.changed = "yes"; }
    // What came of a test holds for the values it was sent with.
    const side = event.target.closest("fieldset.side");
    if (side) { all(".probed", side).forEach((e) => e.replaceChildren()); }
    const meter = event.target.dataset && event.target.dataset.meter;
    if (meter) { doc.getElementById(meter).textContent = sizeOf(new Blob([event.target.value]).size); }
  });
  const sizeOf = (n) => (n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(1)} KB` : `${(n / 1048576).toFixed(1)} MB`);
  doc.addEventListener("submit", (event) => {
    const form = event.target;
    delete form.dataset.changed;
    isDirty = false;
    if (!event.defaultPrevented && form.method === "post") { hold(form); }
  });

  // What was sent is pending until it is answered: its buttons stay where they are and
  // keep the focus, but a second click, or Ctrl+Enter, does nothing.
  const pending = new Set();
  const buttonsOf = (sender) => (sender.tagName === "FORM" ? all("button:not([type=button])", sender) : [sender]);
  const hold = (sender) => [sender, ...buttonsOf(sender)].forEach((e) => {
    pending.add(e);
    if (e.tagName === "BUTTON") { e.setAttribute("aria-disabled", "true"); e.setAttribute("aria-busy", "true"); }
  });
  const release = (sender) => [sender, ...buttonsOf(sender)].forEach((e) => {
    pending.delete(e);
    e.removeAttribute("aria-disabled");
    e.removeAttribute("aria-busy");
  });
  const swallow = (event) => {
    const sender = event.type === "submit" ? event.target : event.target.closest("button");
    if (pending.has(sender)) { event.preventDefault(); event.stopImmediatePropagation(); }
  };
  addEventListener("click", swallow, true);
  addEventListener("submit", swallow, true);
  addEventListener("pageshow", () => [...pending].forEach(release));
  const isSender = (e) => e.matches("form[hx-post], button[hx-post]");
  doc.addEventListener("htmx:beforeRequest", (event) => { if (isSender(event.target)) { hold(event.target); } });
  doc.addEventListener("htmx:afterRequest", (event) => {
    const sender = event.detail.elt;
    if (!isSender(sender)) { return; }
    release(sender);
    // A form that starts something has a key: a new one once it was answered.
    const key = sender.closest("form")?.elements.once;
    const status = event.detail.xhr ? event.detail.xhr.status : 0;
    if (key && status && status < 500) { key.value = newKey(); }
  });
  const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");

  // A choice that another page depends on leads there; what was chosen stays true here.
  doc.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-go]");
    if (form && event.target.tagName === "SELECT") { form.requestSubmit(); form.reset(); }
  });
  addEventListener("beforeunload", (event) => {
    const dialog = doc.querySelector("#dialog-root dialog");
    if (doc.querySelector("form[data-changed]") || (dialog && isUnsaved(dialog))) {
      event.preventDefault();
      // It runs once the question is answered: whoever stays may try again.
      setTimeout(() => [...pending].forEach(release), 0);
    }
  });

  // Polls rest while nobody looks, or while text of theirs is selected.
  const resting = (element) => {
    const selection = getSelection();
    return doc.hidden || element.hasAttribute("data-paused") ||
      (selection && String(selection) && element.contains(selection.anchorNode));
  };
  let failures = 0;
  doc.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.target.closest("[data-poll]");
    if (element && event.target === element) {
      const live = doc.getElementById("live");
      const isCatchingUp = event.detail.requestConfig.triggeringEvent?.type === "catchup";
      if (hasEnded && !isCatchingUp) { event.preventDefault(); return; }
      if (resting(element) || (live && !live.checked && element.contains(live))) { event.preventDefault(); return; }
      if (failures > 2 && Math.random() > 2 / failures) { event.preventDefault(); }
    }
  });
  const catchUp = () => all("[data-poll][hx-trigger]").forEach((e) => htmx.trigger(e, "catchup"));
  doc.addEventListener("visibilitychange", () => { if (!doc.hidden) { catchUp(); } });
  const strip = (shown) => { doc.getElementById("lost").hidden = !shown; };
  doc.addEventListener("htmx:sendError", () => {
    isDirty = true;
    failures += 1;
    if (failures >= 3) { strip(true); }
  });
  doc.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr && event.detail.xhr.status) { failures = 0; strip(false); }
  });
  doc.addEventListener("htmx:responseError", () => toast(text("failed"), "error"));

  // A page, or a session, that has ended says so beside what was typed, which stays.
  let hasEnded = false;
  doc.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, requestConfig } = event.detail;
    if (!xhr.getResponseHeader("X-Notice")) {
      if (hasEnded && xhr.status === 200) { hasEnded = false; all("[data-notice]").forEach((e) => e.remove()); }
      return;
    }
    event.preventDefault();
    const notice = new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector("[data-notice]");
    hasEnded = notice.dataset.notice === "session-ended";
    const dialog = doc.querySelector("#dialog-root dialog");
    const sent = requestConfig.elt.closest("form");
    const isIdle = requestConfig.verb === "get" && !requestConfig.elt.matches("[data-poll]") && !dialog && !doc.querySelector("form[data-changed]");
    if (hasEnded && isIdle) { location.assign(notice.dataset.login); return; }
    if (sent && sent.hasAttribute("data-leave-check")) { sent.dataset.changed = "yes"; }
    if (dialog) { isDirty = true; }
    if (!hasEnded) { renew(notice.dataset.token); }
    all("[data-notice]").forEach((e) => e.remove());
    const place = (dialog && dialog.querySelector(".dialog-body")) || doc.getElementById("main");
    place.prepend(notice);
    notice.scrollIntoView({ block: "nearest" });
  });
  const renew = (token) => {
    all("input[name=csrfmiddlewaretoken]").forEach((e) => { e.value = token; });
    body().setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": token }));
  };
  // Whoever signed in again, in another tab, has another token since.
  const renewFromCookie = () => {
    const cookie = doc.cookie.split("; ").find((one) => one.startsWith("csrftoken="));
    if (cookie) { renew(cookie.slice(10)); }
  };
  addEventListener("focus", () => { if (hasEnded) { renewFromCookie(); catchUp(); } });
  doc.addEventListener("submit", (event) => { if (event.target.hasAttribute("data-again")) { renewFromCookie(); } }, true);
  doc.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "dialog-root") {
      const dialog = event.detail.target.querySelector("dialog");
      if (dialog) { openDialog(dialog); }
    }
  });

  const toast = (message, kind) => {
    const template = doc.getElementById("toast-template").content.cloneNode(true);
    template.querySelector(".toast").classList.add(kind);
    template.querySelector("[data-text]").textContent = message;
    if (kind === "error") { template.querySelector(".toast").setAttribute("role", "alert"); }
    doc.querySelector(".toasts").replaceChildren(template);
    expire();
  };
  const expire = () => all(".toast:not(.error)").forEach((one) => {
    let timer = setTimeout(() => one.remove(), 5000);
    one.addEventListener("pointerenter", () => clearTimeout(timer));
    one.addEventListener("pointerleave", () => { timer = setTimeout(() => one.remove(), 2000); });
  });

  // Times age and countdowns count; the server stays the source of truth.
  const words = (n, name) => text(name).replace("%(n)d", String(n));
  setInterval(() => {
    const now = Date.now();
    all("[data-until]").forEach((e) => {
      const left = Math.round((Number(e.dataset.until) - now) / 1000);
      e.textContent = left > 0 ? (left < 60 ? words(left, "seconds") : words(Math.ceil(left / 60), "minutes")) : text("now");
    });
    all("time[data-ago]").forEach((e) => {
      if (!e.dataset.ago) { return; }
      const age = Math.max(Math.floor(now / 1000 - Number(e.dataset.ago)), 0);
      e.textContent = age < 60 ? words(age, "agoSeconds") : age < 3600 ? words(Math.floor(age / 60), "agoMinutes") : words(Math.floor(age / 3600), "agoHours");
    });
  }, 1000);

  doc.addEventListener("DOMContentLoaded", () => {
    expire();
    const dialog = doc.querySelector("#dialog-root dialog");
    if (dialog) { openDialog(dialog); }
  });
})();
