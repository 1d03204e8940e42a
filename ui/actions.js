// See actions.py. Events are delegated to the window, because Streamlit may replace elements at any time.

const SHOWN = 1600;  // ms that a button shows its confirmation

// ---- a click on a mark, in the answer or in the picture, chooses it under the answer

function look(event) {
  const mark = event.target.closest?.("[data-place]");
  if (!mark) return;
  document.querySelectorAll(`[class*="st-key-${mark.dataset.group}_digit_"] button`)[mark.dataset.place]?.click();
}

// ---- copy, share, save

function say(button, text) {
  const before = button.dataset.label ??= button.textContent;
  button.textContent = text;
  setTimeout(() => { button.textContent = before; }, SHOWN);
}

async function copy(text) {
  try { return await navigator.clipboard.writeText(text); } catch (error) { /* no rights, or no https */ }
  const field = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
  field.style.cssText = "position: fixed; opacity: 0";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  if (!copied) throw new Error("not copied");
}

async function act(event) {
  const button = event.target.closest?.("[data-act]");
  if (!button) return;
  const { act: name, text, drawing } = button.dataset;
  try {
    if (name === "save") return await save(text, button.dataset.sentence);
    const link = new URL(location.href);
    link.searchParams.set("drawing", drawing);
    await copy(name === "copy" ? text : link.href);
    say(button, "Copied");
  } catch (error) { say(button, name === "save" ? "Can't save here" : "Can't copy: the browser refuses"); }
}

async function save(text, sentence) {  // a 1200 x 630 card, the size of link previews
  const card = Object.assign(document.createElement("canvas"), { width: 1200, height: 630 });
  const pen = card.getContext("2d");
  pen.fillStyle = "#f3f5fa";
  pen.fillRect(0, 0, 1200, 630);
  pen.fillStyle = "#ffffff";
  pen.fillRect(40, 40, 680, 550);
  const drawn = inked(layers()), scale = Math.min(600 / drawn.width, 470 / drawn.height, 3);
  const wide = scale * drawn.width, high = scale * drawn.height;
  pen.drawImage(drawn, 40 + (680 - wide) / 2, 40 + (550 - high) / 2, wide, high);
  const font = "system-ui, sans-serif", lines = text.split("/");
  const longest = Math.max(...lines.map((line) => line.length));
  const size = Math.min(200, 640 / longest, 330 / lines.length);
  pen.fillStyle = "#1c2333";
  pen.font = `700 ${size}px ${font}`;
  lines.forEach((line, number) => pen.fillText(line, 760, 40 + size * (number + 0.95), 400));
  pen.font = `400 30px ${font}`;
  const below = 40 + size * (lines.length + 0.3) + 30;
  wrapped(pen, sentence, 400).slice(0, 4).forEach((line, number) => pen.fillText(line, 760, below + 40 * number));
  pen.font = `700 34px ${font}`;
  pen.fillText("Inkling", 760, 580);
  const file = await new Promise((done) => card.toBlob(done, "image/png"));
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: "inkling.png" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function inked(layers) {  // the part of the canvas that was drawn on
  const all = Object.assign(document.createElement("canvas"), { width: layers[0].width, height: layers[0].height });
  const pen = all.getContext("2d");
  for (const layer of layers) if (layer.width) pen.drawImage(layer, 0, 0, all.width, all.height);
  const { data } = pen.getImageData(0, 0, all.width, all.height);
  let [left, top, right, bottom] = [all.width, all.height, 0, 0];
  for (let place = 0; place < all.width * all.height; place++) {
    if (data[4 * place + 3] < 128 || data[4 * place] > 200) continue;
    const x = place % all.width, y = Math.floor(place / all.width);
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x + 1), Math.max(bottom, y + 1)];
  }
  if (right <= left) return all;
  const part = Object.assign(document.createElement("canvas"), { width: right - left, height: bottom - top });
  part.getContext("2d").drawImage(all, -left, -top);
  return part;
}

function wrapped(pen, text, width) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (pen.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

// ---- pass a pasted picture to the file uploader

async function paste(event) {
  const carried = new DataTransfer();
  for (const file of event.clipboardData?.files ?? []) if (file.type.startsWith("image/")) carried.items.add(file);
  const tab = [...document.querySelectorAll("[role=tab]")].find((own) => own.textContent.includes("Upload"));
  if (!carried.files.length || !tab) return;
  event.preventDefault();
  await pageRests();
  if (tab.getAttribute("aria-selected") !== "true") tab.click();
  const find = () => document.querySelector(".st-key-upload input[type=file]");
  for (let tries = 100; tries && !find(); tries--) await pause();  // a slow server opens the tab late
  await pageRests();
  const input = find();
  if (!input) return;
  input.files = carried.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

function pause() {
  return new Promise((done) => setTimeout(done, 100));
}

async function pageRests(tries = 100) {  // a file that arrives during a script run is lost
  do await pause();
  while (tries-- && document.querySelector("[data-test-script-state=running]"));
}

addEventListener("click", look);
addEventListener("click", act);
addEventListener("paste", paste);

export default function () {}
