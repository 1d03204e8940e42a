// Touch support for the confusion matrix: a tap selects a cell and scrolls its digits into view; a swipe scrolls the
// page. Plotly would capture every touch, so `frame.py` disables pointer events on its drag layer.

const matrices = new WeakMap();

export default function ({ parentElement, setTriggerValue }) {
  const container = parentElement.getRootNode().host?.closest(".st-key-confusion")
    ?? parentElement.closest(".st-key-confusion");
  if (!container) return;
  const known = matrices.get(container);
  if (known) return void (known.choose = setTriggerValue);
  const matrix = { choose: setTriggerValue };
  matrices.set(container, matrix);
  container.addEventListener("click", (event) => {
    const cell = cellAt(container, event);
    if (!cell) return;
    matrix.choose("cell", cell);
    showBelow(cell);
  });
}

function cellAt(container, event) {
  const plot = container.querySelector(".js-plotly-plot");
  const handles = plot?.querySelector(".draglayer");
  if (!handles || getComputedStyle(handles).pointerEvents !== "none") return null; // mouse: Plotly handles it
  const { xaxis, yaxis } = plot._fullLayout;
  const box = plot.getBoundingClientRect();
  const column = Math.round(xaxis.p2c(event.clientX - box.left - xaxis._offset));
  const row = Math.round(yaxis.p2c(event.clientY - box.top - yaxis._offset));
  return row >= 0 && row <= 9 && column >= 0 && column <= 9 ? [row, column] : null;
}

function showBelow([row, column], tries = 40) {
  const gallery = document.querySelector(".st-key-gallery");
  if (gallery?.textContent.startsWith(`${row} read as ${column}:`)) {
    if (gallery.getBoundingClientRect().top > innerHeight / 2) gallery.scrollIntoView({ behavior: "smooth" });
  } else if (tries) setTimeout(() => showBelow([row, column], tries - 1), 100);
}
