"use strict";
// Draws the charts of the group of entries that is chosen, each with its table. Texts from users are data: they
// reach the page by textContent, and Plotly, which knows some markup, with its characters escaped.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const MOST_ROWS = 500;
const OUTCOMES = [["done", "ended well"], ["failed", "failed"], ["interrupted", "interrupted"], ["running", "end not known"]];
const ENDS = [["well", "done", "ended well"], ["badly", "failed", "failed or interrupted"]];
const SECONDS = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000, 86400, 864000];
const BYTES = [2 ** 10, 10 * 2 ** 10, 100 * 2 ** 10, 2 ** 20, 10 * 2 ** 20, 100 * 2 ** 20, 2 ** 30, 10 * 2 ** 30, 100 * 2 ** 30, 2 ** 40];
const COLOURS = ["state, the worst of a cell", "share that is done", "time, the mean", "memory, the largest"];

let group = data.groups[0];

// --- words ---

const number = (value) => value.toLocaleString("en-US");
const few = (value) => Number(value.toPrecision(value >= 100 ? 3 : 2)).toString();
const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const jobs = (count) => `${number(count)} job${count === 1 ? "" : "s"}`;

function unit(value, units) {
  const [size, name] = units.find(([size]) => value >= size) || units[units.length - 1];
  return `${few(value / size)} ${name}`;
}

const told = {
  seconds: (value) => unit(value, [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [0.001, "ms"]]),
  memory: (value) => unit(value, [[2 ** 40, "TB"], [2 ** 30, "GB"], [2 ** 20, "MB"], [2 ** 10, "KB"]]),
};

function moment(seconds) {
  return new Date((seconds + data.offset) * 1000).toISOString().slice(0, 19).replace("T", " ");
}

const zone = `UTC${data.offset < 0 ? "−" : "+"}${new Date(Math.abs(data.offset) * 1000).toISOString().slice(11, 16)}`;

// --- the page ---

function element(name, text, children = []) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  made.append(...children);
  return made;
}

function table(caption, header, rows) {
  const cell = (text, place) => {
    const made = element(place ? "td" : "th", text);
    if (!place) made.scope = "row";
    return made;
  };
  const head = header.map((text) => Object.assign(element("th", text), { scope: "col" }));
  const shown = rows.slice(0, MOST_ROWS).map((row) => element("tr", null, row.map(cell)));
  const rest = rows.length > MOST_ROWS ? `; the first ${number(MOST_ROWS)} of ${number(rows.length)}` : "";
  return element("table", null, [
    element("caption", caption + rest),
    element("thead", null, [element("tr", null, head)]),
    element("tbody", null, shown),
  ]);
}

function options(select, texts, chosen) {
  select.replaceChildren(...texts.map((text, value) => Object.assign(element("option", text), { value })));
  select.value = chosen;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function caption(id, text) {
  $(id).closest("figure").querySelector("figcaption").textContent = text;
}

function legend(id, parts) {
  $(id).replaceChildren(...parts.map(([name, words]) => {
    const swatch = Object.assign(element("span", ""), { className: `swatch ${name}` });
    return element("span", null, [swatch, words]);
  }));
}

function draw(id, traces, layout, height) {
  if (!$(id).classList.contains("js-plotly-plot")) $(id).replaceChildren(); // it says why there was nothing
  $(id).setAttribute("role", "img");
  $(id).setAttribute("aria-label", $(id).closest("figure").querySelector("figcaption").textContent);
  const ink = colour("ink"), line = colour("line");
  const axis = { gridcolor: line, linecolor: line, zeroline: false, fixedrange: false, automargin: true };
  const whole = {
    height,
    margin: { l: 50, r: 10, t: 26, b: 44 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, size: 12, family: getComputedStyle(document.body).fontFamily },
    hoverlabel: { bgcolor: colour("panel"), bordercolor: line, font: { color: ink }, align: "left" },
    showlegend: false,
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", // a finger is to scroll the page
    ...layout,
    xaxis: { ...axis, ...layout.xaxis },
    yaxis: { ...axis, ...layout.yaxis },
  };
  return Plotly.react(id, traces, whole, { displayModeBar: false, responsive: true });
}

function nothing(id, why) {
  Plotly.purge(id);
  $(id).removeAttribute("role");
  $(id).removeAttribute("aria-label");
  $(id).replaceChildren(Object.assign(element("p", why), { className: "quiet" }));
}

// --- memory and time ---

const PER_DECADE = 20;

function histogram(name, amounts, ticks) {
  const found = group[name], tell = told[name];
  if (!found.bins.length) return nothing(name, "No job has ended yet.");
  const texts = found.bins.map((bin) => `${tell(10 ** (bin / PER_DECADE))} to ${tell(10 ** ((bin + 1) / PER_DECADE))}`);
  const traces = ENDS.filter(([key]) => found[key].some(Boolean)).map(([key, name, words]) => ({
      type: "bar",
      x: found.bins.map((bin) => bin + 0.5),
      y: found[key],
      width: 1,
      marker: { color: colour(name), line: { width: 0 } },
      text: found[key].map((count, place) => `${texts[place]}: ${jobs(count)} ${words}`),
      textposition: "none",
      hovertemplate: "%{text}<extra></extra>",
    }));
  const at = (amount) => Math.log10(Math.max(amount, 1e-4)) * PER_DECADE;
  const asked = found.asked.length > 3 ? [found.asked[0], found.asked[found.asked.length - 1]] : found.asked;
  const marks = asked.map((amount) => [at(amount), `asked ${tell(amount)}`, "ink", "dash", 0]);
  if (found.enough) marks.push([at(found.enough), `enough ${tell(found.enough)}`, "accent", "dot", 1]);
  const places = [...found.bins, ...found.bins.map((bin) => bin + 1), ...marks.map((mark) => mark[0])];
  const first = Math.min(...places) - 4, last = Math.max(...places) + 6;
  const shown = ticks.filter((tick) => at(tick) >= first && at(tick) <= last);
  const layout = {
    barmode: "stack",
    bargap: 0,
    margin: { l: 50, r: 14, t: 40, b: 36 },
    xaxis: { range: [first, last], tickvals: shown.map(at), ticktext: shown.map(tell), showgrid: false },
    yaxis: { title: { text: "jobs" }, rangemode: "tozero", tickformat: ",~r" },
    shapes: marks.map(([x, , name, dash, level]) => ({
      type: "line", x0: x, x1: x, y0: 0, y1: 1 + 0.03 * level, yref: "paper",
      line: { color: colour(name), width: 1.5, dash },
    })),
    annotations: marks.map(([x, text, name, , level]) => ({
      x, y: 1, yref: "paper", yanchor: "bottom", yshift: 16 * level, text, showarrow: false, font: { color: colour(name) },
      xanchor: x > (first + last) / 2 ? "right" : "left",
    })),
  };
  draw(name, traces, layout, 260);
  amounts.push(...found.bins.map((bin, place) => [
    `${name === "memory" ? "memory" : "time"} ${texts[place]}`, number(found.well[place]), number(found.badly[place]),
  ]));
}

function drawUsed() {
  const rows = [];
  histogram("memory", rows, BYTES);
  histogram("seconds", rows, SECONDS);
  legend("used-legend", ENDS.filter(([key]) => group.seconds[key].some(Boolean)).map(([, name, words]) => [name, words]));
  $("used-table").replaceChildren(table("Jobs by what they used", ["used", "ended well", "failed or interrupted"], rows));
}

// --- hosts ---

function drawTimeline() {
  const found = group.timeline;
  $("hosts-table").replaceChildren(
    table("Executions of jobs by host", ["host", "jobs", "failed or interrupted", "time of all jobs"],
      found.hosts.map(([name, count, badly, busy]) => [name || "?", number(count), number(badly), told.seconds(busy)])),
  );
  legend("timeline-legend", []);
  caption("timeline", "");
  if (!found.hosts.length) return nothing("timeline", "No job has begun yet.");
  const spans = [[found.first, found.last], ...found.submissions];
  const [first, last] = spans[$("span").value] || spans[0];
  const spare = (last - first || 1) / 50;
  const layout = {
    margin: { l: 50, r: 10, t: 10, b: 60 },
    xaxis: { type: "date", range: [moment(first - spare), moment(last + spare)], title: { text: zone } },
  };
  if (found.unit) bars(found, layout);
  else density(found, layout);
}

function bars(found, layout) {
  const heights = found.hosts.map((_, host) => 1 + Math.max(-1, ...found.bars.filter((bar) => bar[0] === host).map((bar) => bar[1])));
  const begins = heights.map((_, host) => heights.slice(0, host).reduce((sum, height) => sum + height, 0));
  const rows = begins[begins.length - 1] + heights[heights.length - 1];
  const traces = OUTCOMES.map(([name, words], outcome) => {
    const mine = found.bars.filter((bar) => bar[4] === outcome);
    return {
      type: "bar",
      orientation: "h",
      base: mine.map((bar) => moment(found.first + bar[2])),
      x: mine.map((bar) => bar[3] * 1000),
      y: mine.map((bar) => begins[bar[0]] + bar[1]),
      width: 0.85,
      marker: { color: colour(name), line: { color: colour("paper"), width: mine.length < 300 ? 0.5 : 0 } },
      text: mine.map(([host, , begin, seconds, , label, which, count]) => plain([
        found.labels[label], `${found.unit} ${which}${found.unit === "task" ? `, ${jobs(count)}` : ""}: ${words}`,
        `${found.hosts[host][0]}, ${moment(found.first + begin)}, ${told.seconds(seconds)}`,
      ].join("\n")).replace(/\n/g, "<br>")),
      textposition: "none",
      hovertemplate: "%{text}<extra></extra>",
    };
  }).filter((trace) => trace.y.length);
  const what = found.unit === "job" ? "Each bar is a job" : "Each bar is a worker or array task, in the colour of its worst job";
  caption("timeline", what);
  legend("timeline-legend", OUTCOMES.filter((_, outcome) => found.bars.some((bar) => bar[4] === outcome)));
  layout.barmode = "overlay";
  layout.yaxis = {
    tickvals: begins.map((begin, host) => begin + (heights[host] - 1) / 2),
    ticktext: found.hosts.map((host) => plain(host[0])),
    range: [rows - 0.5, -0.5],
    showgrid: false,
  };
  layout.shapes = begins.slice(1).map((begin) => ({
    type: "line", xref: "paper", x0: 0, x1: 1, y0: begin - 0.5, y1: begin - 0.5, line: { color: colour("line"), width: 1 },
  }));
  draw("timeline", traces, layout, Math.min(900, 110 + rows * Math.max(5, Math.min(22, 600 / rows))));
}

function density(found, layout) {
  const width = (found.last - found.first || 1) / found.running[0].length;
  caption("timeline", "How many jobs ran at once on a host");
  const trace = {
    type: "heatmap",
    x: found.running[0].map((_, place) => moment(found.first + (place + 0.5) * width)),
    y: found.hosts.map((_, host) => host),
    z: found.running.map((row) => row.map((count) => count || null)),
    text: found.running.map((row, host) => row.map((count) => `${plain(found.hosts[host][0])}: ${few(count)} at once`)),
    hovertemplate: "%{text}<br>%{x}<extra></extra>",
    hoverongaps: false,
    colorscale: scale(),
    zmin: 0,
    colorbar: bar("jobs"),
  };
  layout.yaxis = { ...ticks(found.hosts.map((host) => host[0]), 32), autorange: "reversed", showgrid: false };
  draw("timeline", [trace], layout, 110 + found.hosts.length * Math.max(9, Math.min(22, 600 / found.hosts.length)));
}

function scale() {
  return [[0, colour("panel")], [0.08, colour("queued")], [1, colour("accent")]];
}

function bar(title) {
  return { title: { text: title }, thickness: 12, outlinewidth: 0, len: 1, tickformat: ",~r" };
}

// --- parameters ---

// The cells of two axes, each a list over the values of `down` of lists over those of `across`; a down of -1 is one row.
function grid(across, down) {
  const { axes, pairs } = group.map;
  const pair = down < 0
    ? pairs.find((one) => one.x === across || one.y === across)
    : pairs.find((one) => (one.x === across && one.y === down) || (one.x === down && one.y === across));
  const height = pair.y === null ? 1 : axes[pair.y].values.length;
  const rows = down < 0 ? 1 : axes[down].values.length;
  const made = Array.from({ length: rows }, () =>
    axes[across].values.map(() => ({ states: {}, total: 0, ended: 0, seconds: 0, memory: 0 })));
  pair.ended.forEach((ended, place) => {
    const x = Math.floor(place / height), y = place % height;
    const cell = made[down < 0 ? 0 : pair.x === across ? y : x][pair.x === across ? x : y];
    for (const [state, counts] of Object.entries(pair.states)) {
      if (!counts[place]) continue;
      cell.states[state] = (cell.states[state] || 0) + counts[place];
      cell.total += counts[place];
    }
    cell.ended += ended;
    cell.seconds += pair.seconds[place];
    cell.memory = Math.max(cell.memory, pair.memory[place]);
  });
  return made;
}

const worst = (cell) => data.worst.find((state) => cell.states[state]);
const mean = (cell) => (cell.ended ? cell.seconds / cell.ended : null);

function drawMap() {
  const { axes } = group.map;
  legend("map-legend", []);
  caption("map", "");
  $("map-table").replaceChildren();
  if (!axes.length) return nothing("map", "No parameter differs between the jobs.");
  const across = Number($("across").value), down = Number($("down").value) - 1, kind = Number($("colour").value);
  const cells = grid(across, down);
  const xs = axes[across].values, ys = down < 0 ? [""] : axes[down].values;
  const name = (x, y) => `${axes[across].name} = ${xs[x]}${down < 0 ? "" : `, ${axes[down].name} = ${ys[y]}`}`;
  const states = (cell) => data.worst.filter((state) => cell.states[state])
    .map((state) => `${number(cell.states[state])} ${data.states[state]}`).join(", ");
  const measures = [
    (cell) => (cell.total ? worst(cell) : null),
    (cell) => (cell.total ? (100 * (cell.states[data.states.indexOf("done")] || 0)) / cell.total : null),
    mean,
    (cell) => (cell.memory ? cell.memory * 2 ** 20 : null),
  ];
  const tell = (cell) => [
    cell.total ? states(cell) : "no job",
    ...(cell.ended ? [`${told.seconds(mean(cell))} in the mean, at most ${told.memory(cell.memory * 2 ** 20)}`] : []),
  ];
  const trace = {
    type: "heatmap",
    z: cells.map((row) => row.map(measures[kind])),
    text: cells.map((row, y) => row.map((cell, x) => [plain(name(x, y)), ...tell(cell)].join("<br>"))),
    hovertemplate: "%{text}<extra></extra>",
    hoverongaps: true,
    xgap: xs.length > 60 ? 0 : 1,
    ygap: ys.length > 60 ? 0 : 1,
    ...(kind === 0 ? byState() : byAmount(kind, cells.flat().map(measures[kind]))),
  };
  if (kind === 0) {
    const present = new Set(cells.flat().map(worst));
    legend("map-legend", data.states.filter((_, state) => present.has(state)).map((state) => [state, state]));
  }
  caption("map", `${COLOURS[kind]}, by ${axes[across].name}${down < 0 ? "" : ` and ${axes[down].name}`}`);
  const layout = {
    margin: { l: 60, r: 10, t: 10, b: 60 },
    xaxis: { ...ticks(xs, $("map").clientWidth < 600 ? 8 : 24), title: { text: plain(axes[across].name) }, showgrid: false },
    yaxis: { ...ticks(ys, 24), title: { text: down < 0 ? "" : plain(axes[down].name) }, showgrid: false, autorange: "reversed" },
  };
  draw("map", [trace], layout, down < 0 ? 160 : Math.max(220, Math.min(640, 110 + ys.length * 26)));
  const flat = cells.flatMap((row, y) => row.map((cell, x) => [cell, name(x, y)])).filter(([cell]) => cell.total);
  flat.sort(([one], [other]) => data.worst.indexOf(worst(one)) - data.worst.indexOf(worst(other)));
  $("map-table").replaceChildren(table("The worst first", ["parameters", "jobs", "states", "time, mean", "memory, largest"],
    flat.map(([cell, words]) => [words, number(cell.total), states(cell),
      cell.ended ? told.seconds(mean(cell)) : "", cell.memory ? told.memory(cell.memory * 2 ** 20) : ""])));
}

function ticks(values, most) {
  const step = Math.ceil(values.length / most);
  const shown = values.map((_, place) => place).filter((place) => place % step === 0);
  return { tickvals: shown, ticktext: shown.map((place) => plain(values[place])) };
}

function byState() {
  const count = data.states.length;
  const steps = data.states.flatMap((state, place) => [[place / count, colour(state)], [(place + 1) / count, colour(state)]]);
  return { colorscale: steps, zmin: -0.5, zmax: count - 0.5, showscale: false };
}

function byAmount(kind, amounts) {
  const known = amounts.filter((amount) => amount !== null);
  const top = kind === 1 ? 100 : Math.max(1e-9, ...known);
  const tell = kind === 1 ? (value) => `${Math.round(value)} %` : told[kind === 2 ? "seconds" : "memory"];
  const tickvals = [0, 0.25, 0.5, 0.75, 1].map((part) => part * top);
  return {
    colorscale: scale(), zmin: 0, zmax: top, colorbar: { ...bar(""), tickvals, ticktext: tickvals.map((value) => (value ? tell(value) : "0")) },
  };
}

// --- choices ---

function choose() {
  group = data.groups[Number($("group").value)];
  const names = group.map.axes.map((axis) => axis.name);
  options($("across"), names, names.length > 1 ? 1 : 0);
  options($("down"), ["nothing", ...names], names.length > 1 ? 1 : 0);
  options($("colour"), COLOURS, 0);
  $("axes").hidden = !names.length;
  options($("span"), ["all", ...group.timeline.submissions.map(([first]) => `what was begun at ${moment(first)}`)], 0);
  $("spans").hidden = group.timeline.submissions.length < 2;
  drawAll();
}

function drawAll() {
  drawUsed();
  drawTimeline();
  drawMap();
}

function start() {
  if (!data.groups.length) return;
  $("charts").hidden = false;
  $("groups").hidden = data.groups.length === 1;
  options($("group"), data.groups.map((one) => one.label), 0);
  $("group").addEventListener("change", choose);
  $("span").addEventListener("change", drawTimeline);
  $("colour").addEventListener("change", drawMap);
  for (const [mine, other] of [["across", "down"], ["down", "across"]]) {
    $(mine).addEventListener("change", () => {
      // The two axes differ: what is chosen for one gives way on the other.
      if (Number($("across").value) === Number($("down").value) - 1) $("down").value = 0;
      drawMap();
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  choose();
}

start();
