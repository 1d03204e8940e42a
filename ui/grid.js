// A picture divided into cells. A click or Enter selects a cell; in paint mode the pointer erases cells.
// The arrow keys move the selection frame. A scroll gesture selects nothing.

const grids = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let grid = grids.get(parentElement);
  if (!grid) grids.set(parentElement, (grid = make(parentElement.querySelector(".grid"))));
  Object.assign(grid, { data, choose: (cells) => setTriggerValue("cells", cells) });
  show(grid);
}

function make(box) {
  const grid = { box, picture: box.querySelector("img"), frame: box.querySelector("i"), said: box.querySelector("span"), at: null, rubbed: null, pointer: null, last: null };
  box.addEventListener("pointerdown", (event) => begin(grid, event));
  box.addEventListener("pointermove", (event) => move(grid, event));
  for (const name of ["pointerup", "pointercancel"]) box.addEventListener(name, (event) => event.pointerId === grid.pointer && end(grid));
  box.addEventListener("click", (event) => click(grid, event));
  box.addEventListener("keydown", (event) => press(grid, event));
  return grid;
}

function show(grid) {
  const { picture, box, data } = grid;
  if (picture.getAttribute("src") !== data.src) picture.src = data.src;
  picture.alt = data.label;
  box.setAttribute("aria-label", `${data.label}. ${data.paint ? "Erase" : "Choose"} with the arrow keys and Enter.`);
  box.style.maxWidth = data.width ? `${data.width}px` : "";
  box.style.minWidth = data.least ? `${data.least}px` : "";
  box.style.touchAction = data.paint ? "none" : "pan-x pan-y";
  box.style.cursor = data.paint ? "crosshair" : "pointer";
  if (!grid.rubbed) for (const mark of box.querySelectorAll("b")) mark.remove();
  grid.at = data.chosen ?? grid.at;
  frame(grid, data.chosen ?? (box.matches(":focus-visible") ? grid.at : null));
}

function frame(grid, cell) {
  const { rows, columns } = grid.data;
  grid.frame.hidden = !cell;
  if (cell) place(grid.frame, cell, rows, columns);
}

function place(element, [row, column], rows, columns) {
  Object.assign(element.style, {
    left: `${(100 * column) / columns}%`, top: `${(100 * row) / rows}%`,
    width: `${100 / columns}%`, height: `${100 / rows}%`,
  });
}

function cellAt(grid, event) {
  const { left, top, width, height } = grid.picture.getBoundingClientRect();
  const row = Math.floor(((event.clientY - top) / height) * grid.data.rows);
  const column = Math.floor(((event.clientX - left) / width) * grid.data.columns);
  return row >= 0 && column >= 0 && row < grid.data.rows && column < grid.data.columns ? [row, column] : null;
}

function click(grid, event) {
  const cell = cellAt(grid, event);
  if (!cell || grid.data.paint) return;
  grid.at = cell;
  frame(grid, cell);
  grid.choose([cell]);
}

function begin(grid, event) {
  const cell = cellAt(grid, event);
  if (!cell || event.button || !grid.data.paint || grid.rubbed) return;
  event.preventDefault();
  grid.box.setPointerCapture(event.pointerId);
  Object.assign(grid, { rubbed: new Map(), pointer: event.pointerId, last: cell });
  rub(grid, cell);
}

function move(grid, event) {
  if (!grid.rubbed || event.pointerId !== grid.pointer) return;
  const cell = cellAt(grid, event);
  if (cell) for (const between of line(grid.last ?? cell, cell)) rub(grid, between);
  grid.last = cell;
}

function line([y, x], [toY, toX]) {  // the cells from one to the other: a fast pointer skips many
  const steps = Math.max(Math.abs(toY - y), Math.abs(toX - x), 1);
  return Array.from({ length: steps }, (_, n) =>
    [Math.round(y + ((toY - y) * (n + 1)) / steps), Math.round(x + ((toX - x) * (n + 1)) / steps)]);
}

function rub(grid, [row, column]) {
  for (const [y, x] of [[row, column], [row + 1, column], [row, column + 1], [row + 1, column + 1]]) {
    const name = `${y},${x}`;
    if (y >= grid.data.rows || x >= grid.data.columns || grid.rubbed.has(name)) continue;
    grid.rubbed.set(name, [y, x]);
    const mark = document.createElement("b");
    place(mark, [y, x], grid.data.rows, grid.data.columns);
    grid.box.append(mark);
  }
}

function end(grid) {
  if (grid.rubbed) grid.choose([...grid.rubbed.values()]);
  grid.rubbed = null;
}

function press(grid, event) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const { rows, columns } = grid.data;
  if (event.key in steps) {
    event.preventDefault();
    const [down, right] = steps[event.key];
    const [row, column] = grid.at ?? [Math.floor(rows / 2), Math.floor(columns / 2)];
    grid.at = [Math.min(Math.max(row + down, 0), rows - 1), Math.min(Math.max(column + right, 0), columns - 1)];
    frame(grid, grid.at);
    const [y, x] = grid.at;
    grid.said.textContent = rows > 1 ? `Row ${y}, column ${x}` : `${x + 1} of ${columns}`;
  } else if (event.key === "Enter" && grid.at) {
    event.preventDefault();
    if (!grid.data.paint) return grid.choose([grid.at]);
    grid.rubbed = new Map();
    rub(grid, grid.at);
    end(grid);
  }
}
