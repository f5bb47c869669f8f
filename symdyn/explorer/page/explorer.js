// The explorer in one module, for pages and notebooks: mount() builds it, `ask` sends a request and promises its frame.

// Of Okabe and Ito; lines differ in their dashes as well, so that no colour has to be told from another.
const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
const DASHES = [[], [9, 3], [3, 3], [9, 3, 3, 3], [14, 4], [5, 2], [2, 4]];
const POSITIONS = 400; // of a slider
const PATIENCE = 700; // milliseconds, after which a frame is given up where newer values are wanted

function text(value) {
  if (value === null || value === undefined) return "none";
  const rounded = Number(value.toPrecision(5)), size = Math.abs(rounded);
  return size >= 1e5 || (size > 0 && size < 1e-3) ? rounded.toExponential().replace("e+", "e") : String(rounded);
}

function make(tag, properties = {}, ...children) {
  const found = Object.assign(document.createElement(tag), properties);
  found.append(...children);
  return found;
}

// ---- values of sliders -------------------------------------------------------------------------------------------------

function valueAt(c, position) {
  const share = position / POSITIONS;
  if (c.whole) return position;
  const value = c.logarithmic ? c.low * (c.high / c.low) ** share : c.low + (c.high - c.low) * share;
  return Number(value.toPrecision(4));
}

function positionOf(c, value) {
  if (c.whole) return value;
  if (c.logarithmic) return value > 0 ? POSITIONS * Math.log(value / c.low) / Math.log(c.high / c.low) : 0;
  return POSITIONS * (value - c.low) / (c.high - c.low);
}

// ---- figures -----------------------------------------------------------------------------------------------------------

function ticks(low, high, count = 5) {
  const raw = (high - low) / count, size = 10 ** Math.floor(Math.log10(raw));
  const step = size * ([1, 2, 5, 10].find((m) => m * size >= raw) ?? 10);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) found.push(k * step);
  return { found, step };
}

function span(arrays) {
  let low = Infinity, high = -Infinity;
  for (const array of arrays) for (const v of array) if (v !== null) { if (v < low) low = v; if (v > high) high = v; }
  if (!(low <= high)) return [0, 1];
  if (low === high) return [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  // to the next tick, so that axes move seldom while a slider is moved
  const { step } = ticks(low, high);
  return [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
}

class Figure {
  constructor(canvas, xs, ys, xlabel, ylabel) {
    const ratio = window.devicePixelRatio || 1, { clientWidth: width, clientHeight: height } = canvas;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    this.pen = canvas.getContext("2d");
    this.pen.scale(ratio, ratio);
    Object.assign(this, { xs, ys, left: 62, right: width - 12, top: 10, bottom: height - 40 });
    this.axes(xlabel, ylabel, width, height);
  }

  x(v) { return this.left + (this.right - this.left) * (v - this.xs[0]) / (this.xs[1] - this.xs[0]); }
  y(v) { return this.bottom - (this.bottom - this.top) * (v - this.ys[0]) / (this.ys[1] - this.ys[0]); }

  axes(xlabel, ylabel, width, height) {
    const { pen } = this;
    Object.assign(pen, { font: "13px system-ui, sans-serif", fillStyle: "#111", strokeStyle: "#666", lineWidth: 1 });
    pen.strokeRect(this.left, this.top, this.right - this.left, this.bottom - this.top);
    Object.assign(pen, { textAlign: "center", textBaseline: "top" });
    for (const v of ticks(...this.xs, width < 400 ? 3 : 5).found) {
      pen.fillText(text(v), this.x(v), this.bottom + 5);
      pen.fillRect(this.x(v) - 0.5, this.bottom, 1, 4);
    }
    pen.fillText(xlabel, (this.left + this.right) / 2, height - 17);
    Object.assign(pen, { textAlign: "right", textBaseline: "middle" });
    for (const v of ticks(...this.ys).found) {
      pen.fillText(text(v), this.left - 7, this.y(v));
      pen.fillRect(this.left - 4, this.y(v) - 0.5, 4, 1);
    }
    if (ylabel) {
      pen.save();
      pen.translate(9, (this.top + this.bottom) / 2);
      pen.rotate(-Math.PI / 2);
      pen.textAlign = "center";
      pen.fillText(ylabel, 0, 0);
      pen.restore();
    }
    pen.beginPath();
    pen.rect(this.left, this.top, this.right - this.left, this.bottom - this.top);
    pen.clip();
  }

  line(xs, ys, style = {}) {
    const { pen } = this;
    Object.assign(pen, { strokeStyle: style.colour ?? "#000", lineWidth: style.width ?? 2, globalAlpha: style.alpha ?? 1 });
    pen.setLineDash(style.dash ?? []);
    pen.beginPath();
    let down = false;
    for (let i = 0; i < ys.length; i += 1) {
      if (xs[i] === null || ys[i] === null) { down = false; continue; }
      if (down && style.stairs) pen.lineTo(this.x(xs[i]), this.y(ys[i - 1]));
      pen[down ? "lineTo" : "moveTo"](this.x(xs[i]), this.y(ys[i]));
      down = true;
    }
    pen.stroke();
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }

  band(xs, low, high, colour, alpha) {
    const { pen } = this;
    Object.assign(pen, { fillStyle: colour, globalAlpha: alpha });
    pen.beginPath();
    for (let i = 0; i < xs.length; i += 1) pen.lineTo(this.x(xs[i]), this.y(low[i]));
    for (let i = xs.length - 1; i >= 0; i -= 1) pen.lineTo(this.x(xs[i]), this.y(high[i]));
    pen.fill();
    pen.globalAlpha = 1;
  }

  dots(xs, ys, colour, radius = 2, alpha = 1) {
    const { pen } = this;
    Object.assign(pen, { fillStyle: colour, globalAlpha: alpha });
    for (let i = 0; i < xs.length; i += 1) {
      if (xs[i] === null || ys[i] === null) continue;
      pen.beginPath();
      pen.arc(this.x(xs[i]), this.y(ys[i]), radius, 0, 2 * Math.PI);
      pen.fill();
    }
    pen.globalAlpha = 1;
  }

  rest(point, stable) { // full if stable, a ring if not
    const { pen } = this;
    pen.beginPath();
    pen.arc(this.x(point[0]), this.y(point[1]), 6, 0, 2 * Math.PI);
    Object.assign(pen, { fillStyle: stable ? "#000" : "#fff", strokeStyle: "#000", lineWidth: 2 });
    pen.fill();
    pen.stroke();
  }
}

function drawTime(canvas, spec, frame, shown, style) {
  const t = frame.times, sets = spec.stochastic
    ? shown.flatMap((n) => [...(frame.bands[n] ?? []), ...frame.paths[n]]) : shown.map((n) => frame.curves[n]);
  const figure = new Figure(canvas, [t[0], t[t.length - 1]], span(sets), spec.named(spec.time), shown.length === 1 ? spec.named(shown[0]) : "");
  for (const n of shown) {
    const { colour, dash } = style[n];
    if (!spec.stochastic) {
      figure.line(t, frame.curves[n], { colour, dash, width: spec.steps ? 0.7 : 2 });
      if (spec.steps) figure.dots(t, frame.curves[n], colour, 2.5);
      continue;
    }
    for (const path of frame.paths[n]) figure.line(t, path, { colour, width: 0.8, alpha: 0.6, stairs: spec.stairs });
    if (!frame.bands[n]) continue;
    const [a, b, median, c, d] = frame.bands[n];
    figure.band(t, a, d, colour, 0.15);
    figure.band(t, b, c, colour, 0.2);
    figure.line(t, median, { colour, dash, width: 2.5 });
  }
}

function drawPlane(canvas, spec, frame, [a, b], style) {
  const paths = spec.stochastic ? frame.paths : { [a]: [frame.curves[a]], [b]: [frame.curves[b]] };
  const rests = frame.plane?.rests ?? [], ends = spec.stochastic && frame.ends[a];
  const swap = spec.states[0] !== a, at = (p) => (swap ? [p[1], p[0]] : p);
  const [xs, ys] = frame.plane ? at(frame.plane.region)
    : [a, b].map((n) => span([...paths[n], ...(ends ? [frame.ends[n]] : [])]));
  const figure = new Figure(canvas, xs, ys, spec.named(a), spec.named(b));
  if (ends) figure.dots(frame.ends[a], frame.ends[b], "#000", 2.5, 0.35);
  for (const [name, lines] of Object.entries(frame.plane?.nullclines ?? {}))
    for (const line of lines) figure.line(...at(line), { colour: style[name].colour, dash: [5, 4], width: 1.5 });
  paths[a].forEach((path, k) => {
    if (spec.steps) figure.dots(path, paths[b][k], "#000", 2.5);
    else figure.line(path, paths[b][k], { width: spec.stochastic ? 0.7 : 2, alpha: spec.stochastic ? 0.6 : 1 });
    figure.dots(path.slice(0, 1), paths[b][k].slice(0, 1), "#009E73", 5);
  });
  for (const r of rests) figure.rest(at(r.point), r.stable);
}

function drawHistograms(canvas, spec, frame, shown, style) {
  const found = shown.filter((n) => frame.histograms[n]);
  if (!found.length) return;
  const heights = Object.fromEntries(found.map((n) => {
    const { edges, counts } = frame.histograms[n], total = counts.reduce((s, v) => s + v, 0);
    return [n, counts.map((v, i) => v / total / (edges[i + 1] - edges[i]))];
  }));
  const xs = span(found.map((n) => frame.histograms[n].edges)), ys = span([[0], ...Object.values(heights)]);
  const figure = new Figure(canvas, xs, ys, found.length === 1 ? spec.named(found[0]) : "value", "density");
  for (const n of found) {
    const { edges } = frame.histograms[n], x = edges.flatMap((v) => [v, v]), y = [0, ...heights[n].flatMap((v) => [v, v]), 0];
    figure.band(x, x.map(() => 0), y, style[n].colour, 0.2);
    figure.line(x, y, { colour: style[n].colour, dash: style[n].dash, width: 1.5 });
  }
}

// ---- the page ----------------------------------------------------------------------------------------------------------

let pages = 0; // names of elements are unique where several explorers are in one notebook

export function mount(el, spec, ask, keep = () => {}) {
  const id = `symdyn${(pages += 1)}`;
  const style = Object.fromEntries(spec.variables.map((n, i) =>
    [n, { colour: COLOURS[i % COLOURS.length], dash: DASHES[Math.floor(i / COLOURS.length + i) % DASHES.length] }]));
  let shown = [...spec.shown], plane = spec.states.length > 1 ? spec.states.slice(0, 2) : null, last = null;
  const bookmarks = [], values = {}, units = spec.units ?? {};
  spec = { ...spec, named: (n) => (units[n] ? `${n} [${units[n]}]` : n) }; // as axes and tables say it
  const root = make("div", { className: "symdyn-explorer" });

  const request = (more = {}) => {
    const of = (kind) => Object.fromEntries(spec.controls.filter((c) => c.kind === kind).map((c) => [c.name, values[c.kind + c.name]]));
    const time = spec.controls.find((c) => c.kind === "time");
    return { parameters: of("parameter"), initial: of("initial"), stop: values[time.kind + time.name], shown, plane, ...more };
  };

  // The next request goes out when the last frame has come, with the latest values; what lies between is never computed.
  // A frame that takes long is given up for newer values.
  let busy = false, wanted = null, asked = 0, impatient = null;
  async function update(more) {
    wanted = request(more);
    if (busy) {
      impatient ??= setTimeout(() => { if (busy && wanted) ask.supersede?.(); }, Math.max(0, asked + PATIENCE - performance.now()));
      return;
    }
    busy = true;
    root.dataset.busy = "yes";
    while (wanted) {
      const now = wanted, begin = performance.now();
      wanted = null;
      asked = begin;
      const slow = setTimeout(() => say("computing", false), 400);
      try {
        const frame = await ask(now);
        if (frame.superseded) { wanted ??= now; continue; } // perhaps by another page
        await new Promise((done) => { requestAnimationFrame(done); }); // at most one frame a refresh
        show(frame, now, performance.now() - begin);
      } catch (error) {
        say(`The explorer does not answer: ${error.message}`, true);
      } finally {
        clearTimeout(slow);
        clearTimeout(impatient);
        impatient = null;
      }
    }
    busy = false;
    delete root.dataset.busy;
  }

  // -- controls
  const setters = {};
  function control(c) {
    const key = c.kind + c.name, name = `${id}-${key}`;
    const what = { parameter: `parameter ${c.name}`, initial: `initial value of ${c.name}`, time: `last time ${c.name}` }[c.kind] + (units[c.name] ? ` in ${units[c.name]}` : "");
    const label = make("label", { htmlFor: name, title: what });
    label.append(c.kind === "initial" ? `${c.name}(0)` : c.name);
    if (units[c.name]) label.append(make("small", { textContent: ` ${units[c.name]}` }));
    const range = make("input", { type: "range", id: name, min: c.whole ? c.low : 0, max: c.whole ? c.high : POSITIONS, step: 1 });
    const number = make("input", { type: "number", step: "any", id: `${name}-number`, required: true });
    range.setAttribute("aria-label", what);
    number.setAttribute("aria-label", `${what}, number`);
    const set = (value, typed = false) => {
      values[key] = value;
      range.value = positionOf(c, value);
      range.setAttribute("aria-valuetext", text(value));
      if (!typed) number.value = String(value);
    };
    range.addEventListener("input", () => { set(valueAt(c, Number(range.value))); update(); });
    number.addEventListener("input", () => {
      if (number.value === "" || !Number.isFinite(number.valueAsNumber)) return;
      set(number.valueAsNumber, true);
      update();
    });
    setters[key] = set;
    set(c.value);
    return make("div", { className: "control" }, label, range, number);
  }
  const group = (title, kind) => {
    const rows = spec.controls.filter((c) => c.kind === kind).map(control);
    return rows.length ? make("fieldset", {}, make("legend", { textContent: title }), ...rows) : "";
  };
  const setAll = (r) => {
    for (const c of spec.controls)
      setters[c.kind + c.name](c.kind === "time" ? r.stop : (c.kind === "parameter" ? r.parameters : r.initial)[c.name]);
    update();
  };
  const first = () => setAll({
    parameters: Object.fromEntries(spec.controls.filter((c) => c.kind === "parameter").map((c) => [c.name, c.value])),
    initial: Object.fromEntries(spec.controls.filter((c) => c.kind === "initial").map((c) => [c.name, c.value])),
    stop: spec.controls.find((c) => c.kind === "time").value,
  });

  // -- which variables, which plane
  const legend = make("fieldset", { className: "shown" }, make("legend", { textContent: "Shown" }));
  const swatches = [];
  for (const n of spec.variables) {
    const box = make("input", { type: "checkbox", checked: shown.includes(n) });
    const swatch = make("canvas");
    Object.assign(swatch.style, { width: "34px", height: "12px" });
    swatches.push(() => {
      const ratio = window.devicePixelRatio || 1, pen = swatch.getContext("2d");
      Object.assign(swatch, { width: 34 * ratio, height: 12 * ratio });
      pen.scale(ratio, ratio);
      Object.assign(pen, { strokeStyle: style[n].colour, lineWidth: 3 });
      pen.setLineDash(style[n].dash);
      pen.beginPath(); pen.moveTo(0, 6); pen.lineTo(34, 6); pen.stroke();
    });
    box.addEventListener("change", () => {
      const chosen = spec.variables.filter((v) => (v === n ? box.checked : shown.includes(v)));
      if (chosen.length) { shown = chosen; update(); } else box.checked = true;
    });
    legend.append(make("label", {}, box, swatch, n));
  }
  const choose = (i) => {
    const menu = make("select", {}, ...spec.states.map((n) => make("option", { value: n, textContent: n, selected: n === plane[i] })));
    menu.setAttribute("aria-label", i ? "vertical axis of the phase plane" : "horizontal axis of the phase plane");
    menu.addEventListener("change", () => { plane = plane.map((n, k) => (k === i ? menu.value : n)); update(); });
    return menu;
  };

  // -- figures, tables, bookmarks
  const canvas = (label) => {
    const found = make("canvas");
    found.setAttribute("role", "img");
    found.setAttribute("aria-label", label);
    return found;
  };
  const timeCanvas = canvas("trajectories over time");
  const planeCanvas = plane && canvas("phase plane"), histogramCanvas = spec.stochastic && canvas("distributions at the last time");
  const caption = spec.stochastic
    ? `Median, 50 % and 90 % of ${spec.trajectories} trajectories; thin lines are three of them` : "Trajectories";
  const both = [planeCanvas, histogramCanvas].filter(Boolean).length === 2;
  const figures = make("div", { className: "figures" },
    make("figure", { className: "wide" }, make("figcaption", { textContent: caption }), timeCanvas));
  if (planeCanvas) {
    const head = make("figcaption", {}, "Phase plane ");
    if (spec.states.length > 2) head.append(choose(0), choose(1));
    if (spec.rests === "always") head.append("with nullclines (dashed), steady states (full: stable), start (green)");
    figures.append(make("figure", { className: both ? "" : "wide" }, head, planeCanvas));
  }
  if (histogramCanvas)
    figures.append(make("figure", { className: both ? "" : "wide" },
      make("figcaption", { textContent: "Distributions at the last time" }), histogramCanvas));
  const message = make("p", { className: "message" }), tables = make("div");
  message.setAttribute("role", "status");
  const say = (words, failed) => {
    message.className = failed ? "message failed" : "message";
    if (message.textContent !== words) message.textContent = words;
  };
  const list = make("ol", { className: "bookmarks" });
  const button = (words, act) => {
    const found = make("button", { type: "button", textContent: words });
    found.addEventListener("click", act);
    return found;
  };
  function bookmark() {
    if (!last?.frame.code) return;
    const { frame, now } = last, item = make("li"), code = make("pre", { textContent: frame.code, tabIndex: 0 });
    bookmarks.push({ request: now, code: frame.code });
    const restore = button("Restore", () => setAll(now));
    restore.setAttribute("aria-label", `restore bookmark ${bookmarks.length}`);
    const copy = button("Copy code", () => navigator.clipboard?.writeText(frame.code));
    item.append(restore, copy, code);
    list.append(item);
    keep([...bookmarks]);
  }

  function table(title, heads, rows) {
    const row = (cells, tag) => make("tr", {}, ...cells.map((c) => make(tag, { textContent: c })));
    return make("table", {}, make("caption", { textContent: title }), make("thead", {}, row(heads, "th")),
      make("tbody", {}, ...rows.map((r) => row(r, "td"))));
  }

  function show(frame, now, milliseconds) {
    if (!frame.times) { say(frame.message, true); count(); return; }
    last = { frame, now, milliseconds };
    say(frame.message, Boolean(frame.message));
    draw();
    const end = text(frame.times[frame.times.length - 1]);
    const found = [spec.stochastic
      ? table(`At ${spec.named(spec.time)} = ${end}`, ["", "5 %", "median", "95 %"], now.shown.map((n) =>
        [spec.named(n), ...[0, 2, 4].map((k) => text(frame.bands[n]?.[k].at(-1)))]))
      : table(`At ${spec.named(spec.time)} = ${end}`, ["", "value"], now.shown.map((n) => [spec.named(n), text(frame.curves[n].at(-1))]))];
    const rests = frame.rests ?? (frame.plane && { rests: frame.plane.rests, note: frame.plane.note, near: true });
    if (rests) {
      const title = rests.near ? "Steady states in the region of the phase plane"
        : `Steady states (${rests.complete ? "these are all" : "there may be others"})`;
      found.push(table(title, [...spec.states.map(spec.named), "kind"], rests.rests.map((r) => [...r.point.map(text), r.kind])));
      if (rests.note) found.push(make("p", { textContent: rests.note }));
    }
    tables.replaceChildren(...found);
    count();
  }
  const count = () => { root.dataset.frames = Number(root.dataset.frames ?? 0) + 1; };
  function draw() {
    if (!last || !root.clientWidth) return;
    const { frame, now } = last;
    drawTime(timeCanvas, spec, frame, now.shown, style);
    if (planeCanvas) drawPlane(planeCanvas, spec, frame, now.plane, style);
    if (histogramCanvas) drawHistograms(histogramCanvas, spec, frame, now.shown, style);
    swatches.forEach((paint) => paint());
  }

  const buttons = make("div", {}, button("Bookmark", bookmark), button("First values", first));
  if (spec.rests) buttons.append(button("All steady states", () => update({ rest: true })));
  root.append(
    make("h1", { textContent: `${spec.kind}: explorer` }),
    make("details", { open: spec.equations.split("\n").length <= 8 }, make("summary", { textContent: "Equations" }), make("pre", { textContent: spec.equations })),
    make("div", { className: "columns" },
      make("form", {}, group("Parameters", "parameter"), group("Initial values", "initial"), group("Last time", "time"), legend, buttons),
      make("div", {}, message, figures, tables)),
    make("section", {}, list));
  root.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  list.setAttribute("aria-label", "bookmarks");
  el.append(root);
  const watch = new ResizeObserver(draw);
  watch.observe(root);
  update();
  return () => watch.disconnect();
}

// What anywidget calls in a notebook: requests and frames are messages of the widget.
export default {
  render({ model, el }) {
    const waiting = new Map();
    let number = 0;
    const hear = (content) => {
      waiting.get(content.number)?.(content.frame);
      waiting.delete(content.number);
    };
    model.on("msg:custom", hear);
    const ask = (request) => new Promise((done) => {
      waiting.set((number += 1), done);
      model.send({ number, request });
    });
    ask.supersede = () => { model.send({ superseded: number }); };
    const keep = (bookmarks) => { model.set("bookmarks", bookmarks); model.save_changes(); };
    const stop = mount(el, model.get("description"), ask, keep);
    return () => { stop(); model.off("msg:custom", hear); };
  },
};
