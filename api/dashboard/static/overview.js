// Draws the figures of the overview. Without this script the page shows them as tables.
"use strict";

(() => {
  const section = document.querySelector("[data-figures]");
  if (!section || !window.uPlot) return;

  const REFRESH_MS = 60000;
  const OUTCOMES = { sent: "work", delivered: "good", failed: "bad", cancelled: "off" };
  const SERIES = ["--plot-1", "--plot-2", "--plot-3", "--plot-4", "--plot-5", "--plot-6", "--plot-7", "--plot-8"];
  const plots = new Map();
  let figures = null;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const chosen = () => section.querySelector("[name=by]:checked")?.value || "outcome";
  const number = (value) => (value === null ? "–" : value.toLocaleString(document.documentElement.lang));

  const draw = (holder) => {
    const { labels, ...kinds } = figures[holder.dataset.plot];
    const series = kinds[chosen()] || kinds.outcome;
    plots.get(holder)?.destroy();
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const lines = series.map((each, place) => {
      const stroke = colour(each.key ? `--${OUTCOMES[each.key]}` : SERIES[place % SERIES.length]);
      return { label: each.name, stroke, width: 2, points: { show: false }, value: (_, value) => number(value), dash: each.key === "delivered" ? [6, 3] : undefined };
    });
    plots.set(holder, new window.uPlot({
      width: holder.clientWidth,
      height: 220,
      scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(4, high * 1.05)] } },
      axes: [
        { ...axis, size: 28, values: (_, places) => places.map((place) => labels[place] ?? ""), incrs: [1, 2, 3, 4, 6, 12] },
        { ...axis, size: 56, values: (_, values) => values.map(number), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000] },
      ],
      cursor: { drag: { x: false, y: false } },
      series: [{ label: holder.dataset.label, value: (_, place) => (place === null ? "–" : labels[place]) }, ...lines],
    }, [labels.map((_, place) => place), ...series.map((each) => each.values)], holder));
  };

  const drawAll = () => { if (figures) section.querySelectorAll("[data-plot]").forEach(draw); };

  const load = async () => {
    if (document.hidden) return;
    const answer = await fetch(section.dataset.figures, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const found = await answer.text();
    if (figures && found === figures.text) return;
    figures = { ...JSON.parse(found), text: found };
    section.querySelectorAll(".needs-script").forEach((part) => { part.hidden = false; });
    drawAll();
  };
  const refresh = () => load().catch(() => {}); // the box does not answer: the next time it may

  section.addEventListener("change", drawAll);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  let width = window.innerWidth;
  window.addEventListener("resize", () => { if (window.innerWidth !== width) { width = window.innerWidth; drawAll(); } });
  window.setInterval(refresh, REFRESH_MS);
  refresh();
})();
