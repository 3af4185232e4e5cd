// SPDX-License-Identifier: Apache-2.0
// Tables: sorting by a click on a heading, filtering, folding of trees, and rows that select what they stand for.
"use strict";

mcusim.tables = (() => {
  // The value a cell is sorted by: its exact number, a number as it is written, or its text.
  function valueOf(cell) {
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    const text = cell.textContent.trim();
    const plain = text.replaceAll(",", "");
    return /^-?\d+(\.\d+)?$/.test(plain) ? Number(plain) : text;
  }

  function compare(one, other) {
    const numbers = typeof one === "number" && typeof other === "number";
    if (numbers) return one - other;
    if (typeof one !== typeof other) return typeof one === "number" ? 1 : -1;
    return one.localeCompare(other, "en", { numeric: true });
  }

  // Sort by a column: the first click gives the most useful order, the second the other one, the third the first again.
  function sort(table, column, heading) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    rows.forEach((row, at) => (row.dataset.at ??= at));
    const first = heading.classList.contains("number") ? "descending" : "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    const now = heading.getAttribute("aria-sort");
    const next = now === null ? first : now === first ? second : null;
    table.querySelectorAll("th[aria-sort]").forEach((each) => each.removeAttribute("aria-sort"));
    if (next !== null) heading.setAttribute("aria-sort", next);
    const sign = next === "descending" ? -1 : 1;
    rows.sort((a, b) => {
      const order = next === null ? 0 : sign * compare(valueOf(a.cells[column]), valueOf(b.cells[column]));
      return order || a.dataset.at - b.dataset.at;
    });
    body.append(...rows);
  }

  function makeSortable(table) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sort(table, column, heading));
    });
  }

  function depthOf(row) {
    return Number(row.dataset.depth || 0);
  }

  // Show the rows that match and are not in a folded branch; of a tree also what is above a match.
  function refresh(box) {
    const words = (box.querySelector(".filter")?.value || "").toLowerCase();
    const rows = [...box.querySelector("tbody").rows];
    const hit = rows.map((row) => !words || row.textContent.toLowerCase().includes(words));
    if (words && box.classList.contains("folds")) {
      const above = [];
      rows.forEach((row, at) => {
        above.length = depthOf(row);
        above.push(at);
        if (hit[at]) above.forEach((each) => (hit[each] = true));
      });
    }
    let foldedAt = Infinity;
    rows.forEach((row, at) => {
      if (depthOf(row) <= foldedAt) foldedAt = Infinity;
      row.hidden = !hit[at] || (foldedAt < Infinity && !words);
      if (foldedAt === Infinity && row.dataset.folded) foldedAt = depthOf(row);
    });
  }

  function makeFoldable(box) {
    const rows = [...box.querySelector("tbody").rows];
    rows.forEach((row, at) => {
      const cell = row.querySelector("td.name");
      const inner = at + 1 < rows.length && depthOf(rows[at + 1]) > depthOf(row);
      const toggle = document.createElement(inner ? "button" : "span");
      toggle.className = inner ? "toggle" : "leaf";
      if (inner) {
        toggle.type = "button";
        toggle.textContent = "▾";
        toggle.setAttribute("aria-expanded", "true");
        toggle.setAttribute("aria-label", `fold ${cell.textContent}`);
        toggle.addEventListener("click", (event) => {
          event.stopPropagation();
          const folded = !row.dataset.folded;
          if (folded) row.dataset.folded = "1";
          else delete row.dataset.folded;
          toggle.textContent = folded ? "▸" : "▾";
          toggle.setAttribute("aria-expanded", String(!folded));
          refresh(box);
        });
      }
      cell.prepend(toggle);
    });
  }

  function makeSelectable(box) {
    box.querySelectorAll("tr[data-key]").forEach((row) => {
      row.tabIndex = 0;
      row.addEventListener("click", () => {
        if (!String(getSelection())) mcusim.select(row.dataset.key); // who marks text wants to copy it
      });
      row.addEventListener("keydown", (event) => {
        if (event.target !== row || (event.key !== "Enter" && event.key !== " ")) return;
        event.preventDefault();
        mcusim.select(row.dataset.key);
      });
    });
  }

  function setUp(box) {
    const table = box.querySelector("table");
    if (box.classList.contains("sortable")) makeSortable(table);
    if (box.classList.contains("folds")) makeFoldable(box);
    box.querySelector(".filter")?.addEventListener("input", () => refresh(box));
    makeSelectable(box);
  }

  // Mark the rows of what was selected, and bring the first of each table into its own window, not the page's.
  mcusim.onSelect((kind, key) => {
    document.querySelectorAll("tr.chosen").forEach((row) => {
      if (row.dataset.key.split(":")[0] === kind) row.classList.remove("chosen");
    });
    if (!key) return;
    const seen = new Set();
    document.querySelectorAll(`tr[data-key="${CSS.escape(key)}"]`).forEach((row) => {
      row.classList.add("chosen");
      const scroll = row.closest(".scroll");
      if (seen.has(scroll)) return;
      seen.add(scroll);
      const inside = row.offsetTop - scroll.scrollTop;
      if (inside < 30 || inside > scroll.clientHeight - 40) scroll.scrollTop = row.offsetTop - scroll.clientHeight / 2;
    });
  });

  document.querySelectorAll(".table").forEach(setUp);
  return { setUp };
})();
