// SPDX-License-Identifier: Apache-2.0
// Tables: sorting by a click on a heading, filtering, folding of trees, and rows that select what they stand for.
"use strict";

mcusim.tables = (() => {
  // The value a cell is sorted by: its exact number, a number as it is written, its text, or null where there is none.
  function valueOf(cell) {
    if (!cell) return null;
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    const text = cell.textContent.trim();
    if (text === "" || text === "-") return null;
    const plain = text.replaceAll(",", "");
    return /^-?\d+(\.\d+)?$/.test(plain) ? Number(plain) : text;
  }

  // Order two values; what is missing comes last whichever way the column is sorted.
  function compare(one, other, sign) {
    if (one === null || other === null) return (one === null) - (other === null);
    if (typeof one === "number" && typeof other === "number") return sign * (one - other);
    if (typeof one !== typeof other) return sign * (typeof one === "number" ? 1 : -1);
    return sign * one.localeCompare(other, "en", { numeric: true });
  }

  function depthOf(row) {
    return Number(row.dataset.depth || 0);
  }

  // Return the rows as branches: each row with those below it. Of a table that is no tree, each is alone.
  function branchesOf(rows) {
    const root = { below: [] };
    const above = [root];
    for (const row of rows) {
      const branch = { row, below: [] };
      above.length = Math.min(depthOf(row), above.length - 1) + 1;
      above.at(-1).below.push(branch);
      above.push(branch);
    }
    return root.below;
  }

  function flatten(branches, order) {
    return [...branches].sort(order).flatMap((branch) => [branch.row, ...flatten(branch.below, order)]);
  }

  // Sort by a column: the first click gives the most useful order, the second the other one, the third the first again.
  // Of a tree the rows below the same one change places; lines of source stand nowhere in a sorted table.
  function sort(box, column, heading) {
    const table = box.querySelector("table");
    const rows = [...table.tBodies[0].rows];
    rows.forEach((row, at) => (row.dataset.at ??= at));
    rows.sort((a, b) => a.dataset.at - b.dataset.at);
    const first = heading.classList.contains("number") ? "descending" : "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    const now = heading.getAttribute("aria-sort");
    const next = now === null ? first : now === first ? second : null;
    table.querySelectorAll("th[aria-sort]").forEach((each) => each.removeAttribute("aria-sort"));
    if (next !== null) heading.setAttribute("aria-sort", next);
    const sign = next === "descending" ? -1 : 1;
    const values = new Map(rows.map((row) => {
      return [row, row.matches(".aside, .source") ? null : valueOf(row.cells[column])];
    }));
    const order = (a, b) => {
      const sorted = next === null ? 0 : compare(values.get(a.row), values.get(b.row), sign);
      return sorted || a.row.dataset.at - b.row.dataset.at;
    };
    table.tBodies[0].append(...flatten(branchesOf(rows), order));
    table.classList.toggle("sorted", next !== null);
  }

  function makeSortable(box) {
    [...box.querySelector("thead").rows[0].cells].forEach((heading, column) => {
      if (heading.classList.contains("picture")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      heading.classList.add("sorts");
      heading.addEventListener("click", () => sort(box, column, heading)); // of the whole cell, and of its button
    });
  }

  // Show the rows that match and are not in a folded branch; of a tree also what is above a match.
  function refresh(box) {
    const words = (box.querySelector(".filter")?.value || "").toLowerCase();
    const rows = [...box.querySelector("tbody").rows];
    const hit = rows.map((row) => !words || row.textContent.toLowerCase().includes(words));
    const none = box.querySelector(".none");
    if (none) none.hidden = hit.includes(true);
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

  // Bring a row into the window of its table, not of the page.
  function bring(row) {
    const scroll = row.closest(".scroll");
    const inside = row.offsetTop - scroll.scrollTop;
    if (inside < 30 || inside > scroll.clientHeight - 40) scroll.scrollTop = row.offsetTop - scroll.clientHeight / 2;
  }

  // Tell on which sides there is more than can be seen: the style shows a shadow there.
  function watch(scroll, frame) {
    const look = () => {
      const { scrollLeft, clientWidth, scrollWidth, scrollTop, clientHeight, scrollHeight } = scroll;
      frame.classList.toggle("more-left", scrollLeft > 1);
      frame.classList.toggle("more-right", scrollLeft + clientWidth < scrollWidth - 1);
      frame.classList.toggle("more-below", scrollTop + clientHeight < scrollHeight - 1);
    };
    scroll.addEventListener("scroll", look, { passive: true });
    const observer = new ResizeObserver(look);
    observer.observe(scroll);
    if (scroll.firstElementChild) observer.observe(scroll.firstElementChild);
    look();
  }

  function setUp(box) {
    if (box.classList.contains("sortable")) makeSortable(box);
    if (box.classList.contains("folds")) makeFoldable(box);
    box.querySelector(".filter")?.addEventListener("input", () => refresh(box));
    box.querySelector(".jump")?.addEventListener("click", () => {
      const row = box.querySelector("tr.hottest");
      const filter = box.querySelector(".filter");
      if (filter) filter.value = "";
      refresh(box);
      bring(row);
      row.classList.add("chosen");
    });
    makeSelectable(box);
    watch(box.querySelector(".scroll"), box.querySelector(".frame"));
  }

  // Mark the rows of what was selected, and bring the first of each table into its own window, not the page's.
  mcusim.onSelect((kind, key) => {
    document.querySelectorAll("tr.chosen[data-key]").forEach((row) => {
      if (row.dataset.key.split(":")[0] === kind) row.classList.remove("chosen");
    });
    if (!key) return;
    const seen = new Set();
    document.querySelectorAll(`tr[data-key="${CSS.escape(key)}"]`).forEach((row) => {
      row.classList.add("chosen");
      const scroll = row.closest(".scroll");
      if (seen.has(scroll)) return;
      seen.add(scroll);
      bring(row);
    });
  });

  document.querySelectorAll(".table").forEach(setUp);
  watch(document.querySelector("nav ul"), document.querySelector("nav"));
  return { setUp };
})();
