// Comforts: every page works without this file.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const find = (selector, start = document) => start.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];

  // Light and dark, without a reload. The server keeps the choice in a cookie.
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-theme-form]");
    if (!form) return;
    event.preventDefault();
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
    root.dataset.theme = theme;
    fetch(form.action, { method: "POST", body: new URLSearchParams({ theme }), redirect: "manual" }).catch(() => {});
  });

  // Times in the zone of the reader; the server writes UTC.
  const localTimes = () => all("time[datetime]").forEach((element) => {
    const time = new Date(element.dateTime);
    if (Number.isNaN(time.getTime())) return;
    element.title = time.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  });

  // Explanations of marks, by pointer and by keyboard.
  const tip = find(".tip");
  const hide = () => { tip.hidden = true; };
  const explain = (event) => {
    const mark = event.target.closest && event.target.closest("[data-tip]");
    if (!mark) return;
    tip.textContent = mark.dataset.tip || mark.getAttribute("aria-label");
    tip.hidden = false;
    const box = mark.getBoundingClientRect();
    const left = box.left + box.width / 2 - tip.offsetWidth / 2;
    const above = box.top - tip.offsetHeight - 8;
    tip.style.left = `${Math.max(8, Math.min(innerWidth - tip.offsetWidth - 8, left))}px`;
    tip.style.top = `${above > 8 ? above : box.bottom + 8}px`;
  };
  document.addEventListener("mouseover", explain);
  document.addEventListener("focusin", explain);
  document.addEventListener("mouseout", hide);
  document.addEventListener("focusout", hide);

  // Copying: the text of an attribute, or of the element with an id.
  const copy = async (button) => {
    const source = button.dataset.copyFrom && document.getElementById(button.dataset.copyFrom);
    const text = source ? source.textContent : button.dataset.copy;
    const label = find("span", button) || button;
    try {
      await navigator.clipboard.writeText(text);
      const before = label.textContent;
      label.textContent = "Copied";
      setTimeout(() => { label.textContent = before; }, 2000);
    } catch {
      prompt("Copy this text:", text);
    }
  };

  // Dialogs: a button names one; closing returns the focus to the button.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from], [data-dialog], [data-close]");
    if (!button) return;
    if (button.dataset.copy !== undefined || button.dataset.copyFrom) copy(button);
    else if (button.dataset.dialog) {
      const dialog = document.getElementById(button.dataset.dialog);
      if (dialog) { event.preventDefault(); dialog.showModal(); }
    } else {
      const dialog = button.closest("dialog");
      if (dialog) { event.preventDefault(); dialog.close(); }
    }
  });

  // Menus close when the focus or the pointer goes elsewhere.
  const closeMenus = (event) => all(".menu[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("click", closeMenus);
  document.addEventListener("focusin", closeMenus);

  // The dialog of another page, shown on this one. Its form leads back here.
  const borrow = async (link) => {
    const id = link.hash.slice(1);
    try {
      const response = await fetch(link.href);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const dialog = page.getElementById(id);
      if (!response.ok || response.redirected || !dialog) throw response;
      const old = document.getElementById(id);
      if (old) old.remove();
      dialog.removeAttribute("open");
      document.body.append(dialog);
      dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
      dialog.showModal();
    } catch { location.assign(link.href); }
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-borrow]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    borrow(link);
  });

  // Keys. Whatever they do, something visible does too.
  const failures = () => all("[data-failure]");
  const current = () => document.activeElement && document.activeElement.closest("[data-failure]");
  const move = (step) => {
    const list = failures();
    if (!list.length) return;
    const at = list.indexOf(current());
    const next = at < 0 ? (step > 0 ? 0 : list.length - 1) : Math.max(0, Math.min(list.length - 1, at + step));
    const target = find("summary, a, button", list[next]);
    if (target) target.focus();
    list[next].scrollIntoView({ block: "nearest" });
  };
  let goes = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      hide();
      const menu = find(".menu[open]");
      if (menu) { menu.open = false; find("summary", menu).focus(); }
    }
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) || find("dialog[open]")) return;
    if (goes && event.timeStamp - goes < 1500) {
      goes = 0;
      const tab = all("[data-key]").find((link) => link.dataset.key === event.key);
      if (tab) { event.preventDefault(); tab.click(); }
      return;
    }
    const failure = current();
    const press = (selector) => {
      const element = failure ? find(selector, failure) : find(selector);
      if (element) { event.preventDefault(); element.click(); }
    };
    switch (event.key) {
      case "/": {
        const box = find("[type=search]");
        if (box) { event.preventDefault(); box.focus(); }
        break;
      }
      case "g": goes = event.timeStamp; break;
      case "j": move(1); break;
      case "k": move(-1); break;
      case "o": if (failure) press("summary, a"); break;
      case "c": press("[data-command]"); break;
      case "m": if (failure || failures().length < 2) press("[data-mute]"); break;
      case "?": {
        const help = document.getElementById("keys");
        if (help && help.showModal) help.showModal();
        break;
      }
      default:
    }
  });

  // A page that still changes is fetched again, and its content replaced where it differs. What is
  // open stays open, and the focus stays where it is. Nothing changes while somebody types.
  const isBusy = (main) => document.hidden || find("dialog[open]") ||
    main.contains(document.activeElement) && /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  const refresh = async () => {
    const main = find("main[data-live]");
    if (!main) return;
    if (!isBusy(main)) {
      try {
        const response = await fetch(location.href, { cache: "no-cache" });
        if (response.ok && !response.redirected) {
          const page = new DOMParser().parseFromString(await response.text(), "text/html");
          const fresh = find("main", page);
          if (fresh && fresh.innerHTML !== main.dataset.last) {
            const last = fresh.innerHTML;
            const open = all("main details[id][open]").map((element) => element.id);
            const focused = main.contains(document.activeElement) && document.activeElement;
            const place = focused && focused.closest("[id]");
            main.replaceWith(fresh);
            open.forEach((id) => { const element = document.getElementById(id); if (element) element.open = true; });
            const same = place && document.getElementById(place.id);
            const target = same && (place === focused ? same : find(focused.localName, same));
            if (target) target.focus({ preventScroll: true });
            fresh.dataset.last = last;
            localTimes();
          }
        }
      } catch { /* The server is away; the next round tries again. */ }
    }
    setTimeout(refresh, 5000);
  };
  setTimeout(refresh, 5000);
  localTimes();
})();
