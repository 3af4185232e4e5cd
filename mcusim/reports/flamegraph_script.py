# SPDX-License-Identifier: Apache-2.0
"""The script and the style inside of an SVG flame graph: hover, click to zoom, search, two ways to colour.

Without a script (a page that strips it) the picture is the same, and names show as tooltips.
"""

from __future__ import annotations

STYLE = """
text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #111 }
.f { cursor: pointer }
.f rect { stroke: #fff; stroke-width: .5 }
.f:hover rect { stroke: #000; stroke-width: 1 }
.f text { pointer-events: none }
.dim { opacity: .35 }
.hit rect { fill: #e31be3 !important }
.title { font-weight: bold; font-size: 14px }
.button { cursor: pointer; text-decoration: underline; fill: #0645ad }
"""

# `X` is the left edge, `W` the width in pixels; data-x and data-w of a frame are its place in the whole, from 0 to 1.
SCRIPT = """
(function () {
  var X = %(left)d, W = %(width)d, CHARACTER = %(character)s, svg = document.documentElement;
  if (svg.nodeName !== 'svg') svg = document.currentScript.ownerSVGElement;
  var frames = Array.prototype.slice.call(svg.querySelectorAll('.f'));
  var info = svg.querySelector('#info'), reset = svg.querySelector('#reset'), found = svg.querySelector('#found');
  var plain = info.textContent;
  function number(frame, name) { return +frame.getAttribute('data-' + name); }
  function place(frame, from, share) {
    var x = (number(frame, 'x') - from) / share, end = x + number(frame, 'w') / share;
    var rect = frame.querySelector('rect'), text = frame.querySelector('text');
    var around = x < 1e-9 && end > 1 - 1e-9 && share < 1;
    x = Math.max(0, x); end = Math.min(1, end);
    var width = (end - x) * W;
    frame.style.display = width <= 0.05 ? 'none' : '';
    rect.setAttribute('x', X + x * W); rect.setAttribute('width', Math.max(0, width));
    text.setAttribute('x', X + x * W + 3);
    var name = frame.getAttribute('data-n'), room = Math.floor((width - 6) / CHARACTER);
    text.textContent = room < 3 ? '' : name.length <= room ? name : name.slice(0, room - 1) + '\\u2026';
    return around;
  }
  function zoom(target) {
    var from = target ? number(target, 'x') : 0, share = target ? number(target, 'w') : 1;
    var row = target ? number(target, 'r') : 0;
    frames.forEach(function (frame) {
      var around = place(frame, from, share);
      frame.classList.toggle('dim', around && number(frame, 'r') < row);
    });
    reset.style.display = share < 1 ? '' : 'none';
  }
  function colour(way) {
    frames.forEach(function (frame) {
      frame.querySelector('rect').setAttribute('fill', frame.getAttribute('data-' + way));
    });
    svg.querySelectorAll('.legend').forEach(function (each) {
      each.style.display = each.id === 'legend-' + way ? '' : 'none';
    });
  }
  function search(words) {
    var pattern, ends = [], weight = 0;
    try { pattern = words ? new RegExp(words) : null; } catch (error) { found.textContent = String(error); return; }
    frames.forEach(function (frame) {
      var hit = pattern && pattern.test(frame.getAttribute('data-n'));
      frame.classList.toggle('hit', !!hit);
      if (!hit) return;
      var x = number(frame, 'x'), w = number(frame, 'w');
      if (!ends.some(function (end) { return x >= end[0] - 1e-9 && x + w <= end[1] + 1e-9; })) {
        ends.push([x, x + w]); weight += w;
      }
    });
    found.textContent = pattern ? (100 * weight).toFixed(1) + '%% match ' + words : '';
  }
  frames.forEach(function (frame) {
    frame.addEventListener('click', function () { zoom(frame); });
    frame.addEventListener('mouseover', function () { info.textContent = frame.querySelector('title').textContent; });
    frame.addEventListener('mouseout', function () { info.textContent = plain; });
  });
  reset.addEventListener('click', function () { zoom(null); });
  svg.querySelector('#search').addEventListener('click', function () {
    search(window.prompt('names that match (a regular expression; empty: none)', ''));
  });
  svg.querySelectorAll('[data-way]').forEach(function (each) {
    each.style.display = '';
    each.addEventListener('click', function () { colour(each.getAttribute('data-way')); });
  });
  svg.querySelector('#search').style.display = '';
}());
"""
