// Draws the charts of the page in its colours, and sorts a leaderboard by the heading that is clicked.
const specs = JSON.parse(document.getElementById("charts").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let drawn = [];

function colours() {
  const style = getComputedStyle(document.documentElement);
  const [ink, faint, line] = ["--ink", "--faint", "--line"].map((name) => style.getPropertyValue(name).trim());
  const text = { labelColor: ink, titleColor: faint, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
  return {
    background: "transparent",
    font: "system-ui, sans-serif",
    view: { stroke: line },
    axis: { ...text, gridColor: line, domainColor: line, tickColor: line, labelLimit: 170 },
    legend: { ...text, labelLimit: 150 },
    title: { color: ink, fontSize: 14, anchor: "start" },
    rule: { color: faint },
  };
}

async function draw() {
  drawn.forEach((result) => result.finalize());
  const options = {
    mode: "vega-lite",
    actions: false,
    ast: true, // expressions are interpreted: the page forbids to make code of text
    renderer: "svg",
    config: colours(),
    tooltip: { theme: dark.matches ? "dark" : "light" },
  };
  const charts = Object.entries(specs).map(([id, spec]) => vegaEmbed(`#${id}`, structuredClone(spec), options));
  drawn = await Promise.all(charts);
  document.documentElement.dataset.drawn = String(drawn.length);
}

function sort(table, column, heading) {
  const ascending = heading.getAttribute("aria-sort") === "descending";
  table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const compare = (a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === "" || y === "") return (x === "") - (y === ""); // what is missing stays at the end
    const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
    return ascending ? order : -order;
  };
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort(compare));
}

document.querySelectorAll("table.sortable").forEach((table) => {
  table.querySelectorAll("th").forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => sort(table, column, heading));
  });
});
dark.addEventListener("change", draw);
draw();
