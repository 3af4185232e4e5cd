// SPDX-License-Identifier: Apache-2.0
// What all scripts of the page share: its data, what is selected, and the theme.
"use strict";

const mcusim = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const listeners = [];
  const themed = [];
  const chosen = {}; // kind, such as "layer" -> key, such as "layer:3"

  // Select a thing by its key, or with "" nothing of that kind, and tell everybody.
  function select(key, kind = key.split(":")[0]) {
    chosen[kind] = key;
    listeners.forEach((listen) => listen(kind, key));
    showSelected();
  }

  function onSelect(listen) {
    listeners.push(listen);
  }

  function onTheme(listen) {
    themed.push(listen);
  }

  // Say at the lower edge what is selected, with a way to where it is told, and one to let go.
  function showSelected() {
    const box = document.getElementById("selected");
    box.replaceChildren();
    for (const [kind, key] of Object.entries(chosen)) {
      if (!key) continue;
      const item = document.createElement("span");
      const link = document.createElement("a");
      link.href = `#part-${kind}`;
      link.textContent = data.labels[key] || key;
      const clear = document.createElement("button");
      clear.type = "button";
      clear.textContent = "×";
      clear.setAttribute("aria-label", `clear ${link.textContent}`);
      clear.addEventListener("click", () => select("", kind));
      item.append(link, clear);
      box.append(item);
    }
    box.hidden = !box.childElementCount;
  }

  function isDark() {
    const asked = root.dataset.theme;
    return asked ? asked === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function remembered(theme) {
    try {
      if (theme === undefined) return localStorage.getItem("mcusim-theme");
      localStorage.setItem("mcusim-theme", theme);
    } catch {
      // Files opened from a disk may have no storage: then the theme is not remembered.
    }
    return null;
  }

  function showTheme() {
    document.getElementById("theme").textContent = isDark() ? "light" : "dark";
    themed.forEach((listen) => listen());
  }

  function setUpTheme() {
    const before = remembered();
    if (before === "light" || before === "dark") root.dataset.theme = before;
    document.getElementById("theme").addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      remembered(root.dataset.theme);
      showTheme();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);
    showTheme();
  }

  addEventListener("keydown", (event) => {
    if (event.key === "Escape") Object.keys(chosen).forEach((kind) => select("", kind));
  });
  // On paper there is nothing to open, and it is light.
  let onScreen = "";
  addEventListener("beforeprint", () => {
    onScreen = root.dataset.theme || "";
    document.querySelectorAll("details").forEach((each) => each.setAttribute("open", ""));
    root.dataset.theme = "light";
    showTheme();
  });
  addEventListener("afterprint", () => {
    if (onScreen) root.dataset.theme = onScreen;
    else delete root.dataset.theme;
    showTheme();
  });
  setUpTheme();
  return { data, select, onSelect, onTheme, isDark };
})();
