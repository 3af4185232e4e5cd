// SPDX-License-Identifier: Apache-2.0
// Charts: unpack the library, draw each chart in the theme's colours, select what is clicked, mark what is selected.
"use strict";

mcusim.charts = (() => {
  const names = Object.keys(mcusim.data.charts);
  const begun = {}; // chart -> the promise that it is drawn
  const drawn = new Set();
  const DOUBLE_CLICK_MS = 320; // plotly takes two clicks within 300 ms as one double click
  const CONFIG = {
    displaylogo: false,
    responsive: true,
    doubleClick: "reset",
    plotlyServerURL: "", // nothing is ever sent
  };
  // The buttons of a chart, each named: versions of the library add others, such as one that uploads the chart.
  const ZOOM_BUTTONS = [["toImage"], ["zoom2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]];

  function configOf(name) {
    const flat = mcusim.data.charts[name].traces.every((trace) => trace.type !== "icicle");
    return { ...CONFIG, modeBarButtons: flat ? ZOOM_BUTTONS : [["toImage"]] };
  }

  // The library is compressed with zlib and written as base64, so that the page stays small.
  async function unpack() {
    const text = atob(document.getElementById("library").textContent);
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  }

  function colors() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(`--${name}`).trim();
    return { paper: of("paper"), card: of("card"), ink: of("ink"), muted: of("muted"), line: of("line"),
             accent: of("accent") };
  }

  // Return the chart's layout with the theme's colours, and marks where what is selected ran. `range` is the one of time
  // that is zoomed to, if any.
  function layoutOf(name, key, range) {
    const { layout, spans } = mcusim.data.charts[name];
    const { paper, card, ink, line, accent } = colors();
    const coarse = matchMedia("(pointer: coarse)").matches;
    const made = {
      ...layout,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, size: 12, family: getComputedStyle(document.body).fontFamily },
      hoverlabel: { bgcolor: card, bordercolor: line, font: { color: ink }, align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: accent },
      dragmode: coarse ? false : "zoom", // a finger scrolls the page
    };
    for (const axis of Object.keys(layout).filter((each) => /^[xy]axis/.test(each))) {
      made[axis] = { gridcolor: line, linecolor: line, zerolinecolor: line, ...layout[axis] };
    }
    const { clock } = mcusim.data.charts[name];
    if (clock) Object.assign(made.xaxis2, mcusim.labels.milliseconds(clock, range || made.xaxis.range, 8));
    made.annotations = (layout.annotations || []).map((each) => {
      return { ...each, bgcolor: paper, font: { size: 11, color: ink }, arrowcolor: ink };
    });
    const marks = (spans[key] || []).map(([start, end]) => {
      return { type: "rect", xref: "x", yref: "paper", x0: start, x1: end, y0: 0, y1: 1, layer: "above",
               fillcolor: accent, opacity: 0.13, line: { width: 0 } };
    });
    made.shapes = [...(layout.shapes || []).map((each) => {
      return { ...each, line: { color: ink, ...each.line } };
    }), ...marks];
    return made;
  }

  // Return the ranges of a trace's axes, and the size of its panel in pixels.
  function frameOf(trace, layout, width) {
    const { l, r, t, b } = layout.margin;
    const axis = layout[(trace.yaxis || "y").replace("y", "yaxis")];
    const height = (axis.domain[1] - axis.domain[0]) * (layout.height - t - b);
    return { xRange: layout.xaxis.range, yRange: axis.range, width: width - l - r, height };
  }

  // Return the traces, and those of names in bars; points that are not what is selected fade. `level` is what a flame
  // graph is zoomed to, `layout` that of the chart, `width` is in pixels.
  function tracesOf(name, key, layout, width, level) {
    const { paper, muted, ink } = colors();
    const line = mcusim.isDark() ? muted : paper; // dark bars on dark paper need an edge
    const names = [];
    const traces = mcusim.data.charts[name].traces.map((trace) => {
      if (trace.type === "icicle") {
        return { ...trace, level, text: mcusim.labels.flameTexts(trace, level, width),
                 marker: { ...trace.marker, line: { ...trace.marker.line, color: paper } } };
      }
      if (!trace.customdata || trace.meta === "quiet") return trace;
      const points = trace.customdata.flatMap((each, at) => (each === key ? [at] : []));
      const selected = key && isShown(name, key) ? points : null;
      const marker = { ...trace.marker };
      if (trace.orientation === "h") marker.line = { ...trace.marker.line, color: line };
      const made = { ...trace, marker, selectedpoints: selected, unselected: { marker: { opacity: 0.3 } } };
      if (trace.orientation === "h" && trace.text) {
        const { color } = trace.insidetextfont;
        const own = (at) => (Array.isArray(color) ? color[at] : color);
        // What fades is pale: its name is written in the page's ink.
        const inkOf = (at) => (selected && trace.customdata[at] !== key ? ink : own(at));
        names.push(mcusim.labels.traceOf(trace, frameOf(trace, layout, width), inkOf));
      }
      return made;
    });
    return [...traces, ...names];
  }

  // Return whether a chart shows what is selected at all: if not, nothing fades.
  function isShown(name, key) {
    return mcusim.data.charts[name].traces.some((trace) => trace.customdata?.includes(key));
  }

  const shownKey = {}; // chart -> the key that it marks

  async function draw(name) {
    const place = document.getElementById(name);
    place.replaceChildren();
    const key = shownKey[name] || "";
    const layout = layoutOf(name, key);
    await Plotly.newPlot(place, tracesOf(name, key, layout, place.clientWidth), layout, configOf(name));
    drawn.add(name);
    if ((shownKey[name] || "") !== key) redraw(name); // selected while it was drawn
    const flame = place.data[0].type === "icicle";
    let waiting = 0;
    place.on("plotly_click", (event) => {
      const key = event.points[0]?.customdata;
      if (!key) return;
      clearTimeout(waiting);
      // A double click shows all of the time again: it is no choice of what lies below it.
      waiting = setTimeout(() => mcusim.select(key), flame ? 0 : DOUBLE_CLICK_MS);
    });
    place.on("plotly_doubleclick", () => setTimeout(() => clearTimeout(waiting)));
    // Names stand in what can be seen, so another part of the chart, or another size of it, has them elsewhere.
    place.on("plotly_relayout", (event) => {
      if (Object.keys(event).some((each) => /range|autosize|width/.test(each))) redraw(name);
    });
    if (flame) place.on("plotly_animated", () => redraw(name));
  }

  // Draw again with what is selected and the theme as it is, and keep the zoom.
  function redraw(name) {
    const place = document.getElementById(name);
    const key = shownKey[name] || "";
    const layout = layoutOf(name, key, place.layout.xaxis?.range);
    for (const axis of Object.keys(layout).filter((each) => /^[xy]axis/.test(each))) {
      const range = place.layout[axis]?.range;
      if (range && place.layout[axis].autorange !== true) layout[axis] = { ...layout[axis], range: [...range] };
    }
    if (place.layout.width) layout.width = place.layout.width; // as wide as paper
    const width = place.layout.width || place.clientWidth;
    Plotly.react(place, tracesOf(name, key, layout, width, place.data[0].level), layout, configOf(name));
  }

  mcusim.onSelect((kind, key) => {
    for (const name of names) {
      const has = mcusim.data.charts[name].traces.some((trace) => {
        return trace.type !== "icicle" && trace.customdata?.some((each) => each.startsWith(`${kind}:`));
      });
      if (!has) continue;
      shownKey[name] = key;
      if (drawn.has(name)) redraw(name);
    }
  });
  mcusim.onTheme(() => drawn.forEach(redraw));

  // Draw what is not drawn yet, one chart after the other, and let the page answer between two.
  async function drawThese(wanted) {
    for (const name of wanted) {
      begun[name] ??= draw(name);
      await begun[name];
      await new Promise((done) => setTimeout(done));
    }
  }

  // Draw each chart when it comes near the window: a page is ready when what can be seen is drawn. The others follow
  // when nothing else is to be done, so that they are there when the page is scrolled or printed.
  async function start() {
    if (!names.length) return false;
    if (typeof DecompressionStream === "undefined") {
      document.querySelectorAll(".chart .waiting").forEach((each) => {
        each.textContent = "This browser is too old to unpack the charts; the tables have the same numbers.";
      });
      return false;
    }
    await unpack();
    await new Promise((done) => {
      const observer = new IntersectionObserver(async (entries) => {
        await drawThese(entries.filter((each) => each.isIntersecting).map((each) => each.target.id));
        done();
      }, { rootMargin: "400px 0px" });
      names.forEach((name) => observer.observe(document.getElementById(name)));
    });
    return true;
  }

  // On paper each chart is as wide as the page, whatever the window was: the style scales this width to it.
  const PAPER_PIXELS = 1000;
  addEventListener("beforeprint", () => drawn.forEach((name) => {
    const place = document.getElementById(name);
    place.layout.width = PAPER_PIXELS;
    redraw(name);
  }));
  addEventListener("afterprint", () => drawn.forEach((name) => {
    delete document.getElementById(name).layout.width;
    redraw(name);
  }));

  const ready = start().then((charts) => {
    document.documentElement.dataset.ready = String(Math.round(performance.now())); // milliseconds since the page began
    return charts;
  });
  // Draw all charts, wherever they are.
  const drawAll = () => ready.then((charts) => (charts ? drawThese(names) : undefined));
  ready.then(() => (window.requestIdleCallback || setTimeout)(drawAll));
  return { drawAll };
})();
