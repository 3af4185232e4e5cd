// SPDX-License-Identifier: Apache-2.0
// Names in charts: in what can be seen of a bar and no later bar covers, cut or left out where there is no room.
"use strict";

mcusim.labels = (() => {
  const PIXELS = 11;
  const FLAME_PIXELS = 12;
  const LINE = 13; // pixels
  const PADDING = 6; // pixels, both sides together
  const FLAME_PADDING = 10;
  const pencil = document.createElement("canvas").getContext("2d");

  function widthOf(text, pixels) {
    pencil.font = `${pixels}px ${getComputedStyle(document.body).fontFamily}`;
    return pencil.measureText(text).width;
  }

  // Python escaped the names for HTML, which plotly reads; they are measured as they are seen.
  const reader = document.createElement("textarea");
  function plainOf(text) {
    if (!text.includes("&")) return text;
    reader.innerHTML = text;
    return reader.value;
  }

  // Return the largest rectangle [left, top, right, bottom] of one that the other does not cover (plots/visible.py).
  function without(one, other) {
    const [left, top, right, bottom] = one;
    if (!(left < other[2] && other[0] < right && top < other[3] && other[1] < bottom)) return one;
    const rests = [
      [left, top, Math.max(left, other[0]), bottom], [Math.min(right, other[2]), top, right, bottom],
      [left, top, right, Math.max(top, other[1])], [left, Math.min(bottom, other[3]), right, bottom],
    ];
    const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
    return rests.reduce((best, rest) => (area(rest) > area(best) ? rest : best));
  }

  // Return bars as rectangles in pixels of their panel, cut to what can be seen of it; null where nothing can.
  function boxesOf(trace, { xRange, yRange, width, height }) {
    const xOf = (value) => ((value - xRange[0]) / (xRange[1] - xRange[0])) * width;
    const yOf = (value) => ((yRange[1] - value) / (yRange[1] - yRange[0])) * height;
    return trace.y.map((middle, at) => {
      const thick = Array.isArray(trace.width) ? trace.width[at] : trace.width;
      const [one, other] = [yOf(middle - thick / 2), yOf(middle + thick / 2)];
      const left = Math.max(0, xOf(trace.base[at]));
      const right = Math.min(width, xOf(trace.base[at] + trace.x[at]));
      const top = Math.max(0, Math.min(one, other));
      const bottom = Math.min(height, Math.max(one, other));
      return right > left && bottom > top ? [left, top, right, bottom] : null;
    });
  }

  // Return a trace of the names of a trace's horizontal bars. `frame` is the panel's ranges and size in pixels, `inkOf`
  // gives the colour of the name on a bar.
  function traceOf(trace, frame, inkOf) {
    const made = { type: "scatter", mode: "text", yaxis: trace.yaxis, hoverinfo: "skip", x: [], y: [], text: [],
                   textfont: { size: PIXELS, color: [] } };
    const { xRange, yRange, width, height } = frame;
    const boxes = boxesOf(trace, frame);
    boxes.forEach((box, at) => {
      if (!box || !trace.text[at]) return;
      let rest = box;
      for (let later = at + 1; later < boxes.length; later += 1) {
        if (rest[3] - rest[1] < LINE || rest[2] - rest[0] < PADDING) return;
        if (boxes[later]) rest = without(rest, boxes[later]);
      }
      if (rest[3] - rest[1] < LINE) return;
      const name = trace.text[at];
      const room = rest[2] - rest[0] - PADDING;
      const text = [name, name.split(" ")[0]].find((each) => widthOf(plainOf(each), PIXELS) <= room);
      if (!text) return;
      made.x.push(xRange[0] + ((rest[0] + rest[2]) / 2 / width) * (xRange[1] - xRange[0]));
      made.y.push(yRange[1] - ((rest[1] + rest[3]) / 2 / height) * (yRange[1] - yRange[0]));
      made.text.push(text);
      made.textfont.color.push(inkOf(at));
    });
    return made;
  }

  // Return the names of a flame graph's nodes, each cut to the width that its node has when `level` is zoomed to.
  function flameTexts(trace, level, width) {
    const whole = trace.values[Math.max(0, trace.ids.indexOf(level))];
    return trace.labels.map((label, at) => {
      const room = Math.min(1, trace.values[at] / whole) * width - FLAME_PADDING;
      const name = plainOf(label);
      const full = widthOf(name, FLAME_PIXELS);
      if (full <= room) return label;
      let kept = Math.floor((name.length * room) / full);
      while (kept > 1 && widthOf(`${name.slice(0, kept)}…`, FLAME_PIXELS) > room) kept -= 1;
      return kept > 1 ? `${name.slice(0, kept)}…`.replaceAll("&", "&amp;").replaceAll("<", "&lt;") : "";
    });
  }

  // Return round milliseconds within a range of cycles, and the cycle of each, from what the clock did.
  function milliseconds({ start, end, hz, before }, range, most) {
    const first = Math.max(start, Math.min(...range));
    const last = Math.min(end, Math.max(...range));
    const msOf = (cycle) => before + (1e3 * (cycle - start)) / hz;
    const rough = (msOf(last) - msOf(first)) / most;
    if (!(rough > 0)) return { tickvals: [], ticktext: [] };
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((each) => each * power >= rough);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const ticks = [];
    for (let at = Math.ceil(msOf(first) / step); at * step <= msOf(last); at += 1) ticks.push(at * step);
    return { tickvals: ticks.map((ms) => start + ((ms - before) * hz) / 1e3),
             ticktext: ticks.map((ms) => `${ms.toFixed(digits)} ms`) };
  }

  return { traceOf, flameTexts, milliseconds };
})();
