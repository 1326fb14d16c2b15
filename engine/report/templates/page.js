"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
// What the figures were drawn with by light, by dark.
const BY_DARK = {
  "#1b2733": "#e6edf3", "#12395b": "#8cc0ec", "#7fa6c9": "#5585ad", "#c0572b": "#ec8b5e", "#3f8f6b": "#62c296",
  "#8a5a9e": "#c195d6", "#c99a2e": "#e2bb5c", "#5b8db8": "#86b6de", "#9b3d4f": "#e07f92", "#6b7885": "#a3b0bc",
  "#f6f4ef": "#25313c", "#8fb5d9": "#2d5f8a", "#e0a184": "#8a4a2b", "#e6eaee": "#2c3742", "#b8c1c9": "#4a5763", "rgba(18,57,91,0.15)": "rgba(140,192,236,0.2)",
};
const phone = () => innerWidth < 600;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function unpacked(value, columns, recolour) {
  if (typeof value === "string") return (recolour && BY_DARK[value.toLowerCase()]) || value;
  if (Array.isArray(value)) return value.map(part => unpacked(part, columns, recolour));
  if (value === null || typeof value !== "object") return value;
  if (typeof value.column === "number") return columns[value.column];
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, unpacked(part, columns, recolour)]));
}

function template(recolour) {
  const series = ["#12395b", "#c0572b", "#3f8f6b", "#8a5a9e", "#c99a2e", "#5b8db8", "#9b3d4f", "#6b7885"];
  const axis = { automargin: true, linecolor: colour("axis"), tickcolor: colour("axis") };
  return { layout: {
    font: { family: "Inter, 'Helvetica Neue', Arial, sans-serif", size: phone() ? 11 : 12, color: colour("ink") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: "x unified",
    hoverlabel: { bgcolor: colour("card"), font: { color: colour("ink") }, bordercolor: colour("axis") },
    margin: { l: 8, r: 10, t: 8, b: 8 }, colorway: recolour ? series.map(name => BY_DARK[name]) : series,
    xaxis: { ...axis, showgrid: false, ticks: "outside", zeroline: false, nticks: phone() ? 5 : 0 },
    yaxis: { ...axis, gridcolor: colour("line"), zerolinecolor: colour("axis"), zerolinewidth: 1 },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" },
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
  } };
}

function draw(held, recolour) {
  const look = template(recolour);
  for (const place of document.querySelectorAll(".plot")) {
    const { data, layout } = unpacked(held.figures[place.dataset.figure], held.columns, recolour);
    const config = { displayModeBar: false, responsive: true };
    Plotly.react(place, data, { ...layout, template: look, height: place.clientHeight }, config);
  }
}

function numbers(kind, value) {
  if (value === null) return "";
  if (kind === "money") return Math.round(value).toLocaleString("en-US");
  return kind === "number" ? Number(value).toLocaleString("en-US", { maximumSignificantDigits: 5 }) : String(value);
}

// A table that sorts by a click on a heading, and shows the rows that hold what is typed.
function ledger(place, columns) {
  const SHOWN = 25, rows = columns[0].values.length, box = place.querySelector("table");
  const value = (c, row) => columns[c].words ? columns[c].words[columns[c].values[row]] : columns[c].values[row];
  const search = place.querySelector("input"), choice = place.querySelector("select"), said = place.querySelector("output");
  const [back, on] = place.querySelectorAll("button");
  const byClass = columns.findIndex(column => column.name === "leg_class");
  let found = [...Array(rows).keys()], sorted = null, first = 0;
  const text = row => columns.map((_, c) => value(c, row)).join(" ").toLowerCase();
  const numeric = column => column.kind === "number" || column.kind === "money";

  function head() {
    const line = box.tHead.rows[0];
    columns.forEach((column, c) => {
      const cell = line.appendChild(document.createElement("th")), button = cell.appendChild(document.createElement("button"));
      button.textContent = column.label;
      if (column.said) button.title = column.said;
      if (numeric(column)) cell.className = "n";
      button.onclick = () => {
        sorted = sorted && sorted.c === c ? { c, down: !sorted.down } : { c, down: numeric(column) };
        [...line.cells].forEach((other, n) => other.setAttribute("aria-sort",
          n === c ? (sorted.down ? "descending" : "ascending") : "none"));
        order(); show();
      };
    });
  }
  function order() {
    if (!sorted) return;
    const sign = sorted.down ? -1 : 1, missing = v => v === null || v === "";
    found.sort((a, b) => {
      const x = value(sorted.c, a), y = value(sorted.c, b);
      if (missing(x) || missing(y)) return missing(x) - missing(y);
      return sign * (x < y ? -1 : x > y ? 1 : 0);
    });
  }
  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean), wanted = choice && choice.value;
    found = [...Array(rows).keys()].filter(row => {
      if (wanted && value(byClass, row) !== wanted) return false;
      if (!words.length) return true;
      const all = text(row);
      return words.every(word => all.includes(word));
    });
    first = 0; order(); show();
  }
  function line(cells, into) {
    const row = into.insertRow();
    columns.forEach((column, c) => {
      const cell = row.insertCell();
      cell.textContent = cells(column, c);
      if (numeric(column)) cell.className = "n";
    });
    return row;
  }
  function show() {
    const body = box.tBodies[0], foot = box.tFoot;
    body.replaceChildren(); foot.replaceChildren();
    for (const row of found.slice(first, first + SHOWN)) line((column, c) => numbers(column.kind, value(c, row)), body);
    const sum = column => found.reduce((total, row) => total + (column.values[row] || 0), 0);
    if (columns.some(column => column.sums)) line((column, c) => c === 0 ? "sum" : column.sums ? sum(column).toLocaleString("en-US", { notation: "compact", maximumSignificantDigits: 4 }) : "", foot).className = "sum";
    said.textContent = found.length ? `${first + 1}-${Math.min(first + SHOWN, found.length)} of ${found.length} rows` : "no row";
    back.disabled = first === 0; on.disabled = first + SHOWN >= found.length;
  }
  head();
  search.oninput = filter;
  if (choice) choice.onchange = filter;
  back.onclick = () => { first = Math.max(0, first - SHOWN); show(); };
  on.onclick = () => { first += SHOWN; show(); };
  show();
}

function tips() {
  const tip = document.getElementById("tip");
  document.addEventListener("click", event => {
    const word = event.target.closest("abbr[title]");
    tip.hidden = !word;
    if (word) tip.textContent = `${word.textContent}: ${word.title}`;
  });
}

addEventListener("load", async () => {
  tips();
  const bytes = Uint8Array.from(atob(document.getElementById("packed").textContent), c => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const held = await new Response(stream).json();
  for (const place of document.querySelectorAll("[data-rows]")) {
    ledger(place, unpacked(held.rows[place.dataset.rows], held.columns, false));
  }
  if (typeof Plotly === "undefined") {
    document.getElementById("alone").hidden = false;
    return;
  }
  draw(held, dark.matches);
  dark.addEventListener("change", () => draw(held, dark.matches));
  addEventListener("beforeprint", () => draw(held, false));
  addEventListener("afterprint", () => draw(held, dark.matches));
});
