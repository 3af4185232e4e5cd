// SPDX-License-Identifier: Apache-2.0
// Parts that are shown for what is selected: a layer's figures, a function's instructions.
"use strict";

mcusim.onSelect((kind, key) => {
  const box = document.querySelector(`[data-part="${kind}"]`);
  if (!box || !key) return;
  const part = mcusim.data.parts[key];
  if (part === undefined) {
    const line = document.createElement("p");
    line.textContent = `${mcusim.data.labels[key] || key}: its part is left out of this page.`;
    box.replaceChildren(line);
    return;
  }
  box.innerHTML = part; // made by Python, where all text was escaped
  box.querySelectorAll(".table").forEach(mcusim.tables.setUp);
});

// Until something is selected, each part shows its first subject, without marking it as selected.
document.querySelectorAll("[data-part][data-first]").forEach((box) => {
  const part = mcusim.data.parts[box.dataset.first];
  if (!part) return;
  box.innerHTML = part;
  const why = document.createElement("p");
  why.className = "remark";
  why.textContent = "Nothing is selected yet; this is the costliest.";
  box.querySelector("h3").after(why);
  box.querySelectorAll(".table").forEach(mcusim.tables.setUp);
});
