// See browser.py.

const STORE = "inkling-drawing", UNSAVED = "inkling-strokes";
const LONGEST = 3000;  // timeout for an answer, in ms
const MOST_CLICKS = 30;  // maximum number of queued tool clicks
const PAUSE = 130;  // ms: minimum between pictures of a stroke
const BUSY = 600;  // ms: slower answers mean a busy server
const STAYS_STILL = 400;  // ms without pen movement before a busy server gets a picture
const RESTS = 1200;  // ms after the pen is lifted before a busy server updates more than the answer
const GIVES_UP = 5000;  // timeout for a live answer, in ms
const RETRIES = 60_000;  // ms until live answers are tried again after they failed
const SETTLES = 300;  // ms until the canvas has surely drawn its content
const MOST_LOOKS = 3;  // some browsers add noise to what scripts read of a canvas: it never stays the same
const watched = new WeakMap();
let waiting = null;
const pen = { down: false, id: null, moved: false, lifted: false, owes: false, stroke: null, strokes: [],  // in canvas pixels
  number: 0, sent: 0, took: 0, answered: 0, isCalm: true, timer: null, asked: "",  // for all pictures
  whole: 0, wholeSent: 0, wholeAnswered: 0,  // for pictures that update the whole tab
  rests: null, again: null, looks: 0, sendWhole: () => {} };

let mostPoints = 0;  // maximum per stroke
let penWidth = 0;  // in canvas pixels

function picture() {
  const [first, ...others] = layers();
  if (!first?.clientWidth) return null;
  const sheet = document.createElement("canvas");
  sheet.width = first.clientWidth;
  sheet.height = first.clientHeight;
  const brush = sheet.getContext("2d");
  brush.fillStyle = "#ffffff";
  brush.fillRect(0, 0, sheet.width, sheet.height);
  for (const layer of [first, ...others]) {
    if (layer.width && layer.height) brush.drawImage(layer, 0, 0, sheet.width, sheet.height);
  }
  return sheet.toDataURL("image/png");
}

// ---- answers while the pen moves, shown in place of the last run's. If the route fails, a proxy may block it, and each
// stroke is answered by its run.

const visitor = `${Date.now()}-${Math.random()}`;
const live = { root: null, address: null, resumes: 0, isSlow: false,
  shown: 0 };  // number of the picture whose answer is shown

function showAnswersIn(root, { answers, model }) {
  live.root = root.querySelector(".ink-live");
  const script = document.querySelector("script[src*='/static/js/']")?.src;  // below the server's base path
  live.address = new URL(`../..${answers}?model=${encodeURIComponent(model)}`, script ?? location.href);
}

function isLive() {
  return live.address && performance.now() >= live.resumes;
}

async function ask(data, number) {
  const options = { method: "POST", body: data, headers: { "X-Visitor": visitor }, redirect: "error" };
  let status = 0, html = null, isBusy = false;
  try {
    const response = await fetch(live.address, { ...options, signal: AbortSignal.timeout(GIVES_UP) });
    ({ status } = response);
    isBusy = status === 503 || response.headers.has("X-Busy");
    if (response.headers.has("X-Answer")) html = await response.text();
    live.isSlow = false;
  } catch (error) {  // no connection, or no answer: a server that is slow once is busy
    isBusy = error.name === "TimeoutError" && !live.isSlow;
    live.isSlow = isBusy;
  }
  if (status === 204) return;  // a newer picture has replaced this one
  if (html !== null) showLive(html, number);
  else if (!isBusy) live.resumes = performance.now() + RETRIES;
  heard(number);
  if (number !== pen.number && isLive()) return;
  pen.isCalm = !isBusy && (pen.took < BUSY || !isLive());
  if (pen.isCalm) tellWhole();
}

function showLive(html, number) {
  if (number <= live.shown || !live.root?.isConnected) return;
  live.shown = number;
  live.root.innerHTML = html;
  live.root.closest(".st-key-reading")?.setAttribute("data-live", "");
  freeze(true);
}

function hideLive(number) {  // the last run shows the answer to this picture
  if (number < live.shown) return freeze(Boolean(live.root?.innerHTML));  // an older run
  live.shown = number;
  if (!live.root) return;
  live.root.closest(".st-key-reading")?.removeAttribute("data-live");
  live.root.innerHTML = "";
  freeze(false);
}

function freeze(isFrozen) {  // nobody saves or copies an answer other than the one shown
  for (const part of document.querySelectorAll(".ink-acts, .st-key-feedback")) part.inert = isFrozen;
}

function tell(isWhole = false) {  // otherwise only the answer is updated, and the rest follows
  clearTimeout(pen.timer);
  clearTimeout(pen.rests);
  if (isWhole) pen.owes = true;
  const data = isLeaving ? null : picture();
  if (!data) return;
  if (isActing()) {  // the canvas is about to change
    if (!pen.down) pen.rests = setTimeout(tellWhole, RESTS);
    return;
  }
  if (!pen.down && !isLive()) isWhole = true;
  const isNew = isLive() && data !== pen.asked;
  pen.moved = pen.lifted = false;
  if (!pen.down) lookAgain(data, sheet);
  if (isNew || isWhole) {
    pen.number = Math.max(Date.now(), pen.number + 1);  // increases, even across reloads
    pen.sent = performance.now();
  }
  pen.asked = data;
  if (isNew) ask(data, pen.number);
  if (isWhole) {
    pen.owes = false;
    pen.whole = pen.number;
    pen.wholeSent = pen.sent;
    pen.sendWhole({ number: pen.number, data, at: pen.stroke?.points.at(-1), strokes: pen.strokes });
  } else if (!pen.down) {
    pen.rests = setTimeout(tellWhole, RESTS);
    if (pen.isCalm && pen.answered >= pen.number) tellWhole();
  }
}

function lookAgain(data, onSheet) {  // on a slow machine the canvas draws the end of a stroke late
  clearTimeout(pen.again);
  pen.again = setTimeout(() => {
    if (pen.down || sheet !== onSheet || picture() === data || ++pen.looks > MOST_LOOKS) return;
    pen.owes = true;
    tell();
  }, SETTLES);
}

function tellWhole() {  // send what the server does not have yet
  if (!pen.down && pen.owes) tell(true);
}

let isPending = false;  // strokes are about to be sent

function sendAgain(tries = 200) {  // strokes that did not reach the server because the page or tab was left
  isPending = pen.strokes.length > 0 && !pen.down && tries > 0 && !picture();  // the canvas is not mounted yet
  if (isPending) setTimeout(() => sendAgain(tries - 1), 50);
  else if (pen.strokes.length && !pen.down) tell(true);
}

function heard(number) {
  if (number <= pen.answered) return;
  pen.answered = number;
  if (number === pen.number) pen.took = performance.now() - pen.sent;
  tellSoon();
}

function draw(event) {
  const box = layers()[0]?.getBoundingClientRect();
  if (box && pen.stroke?.points.length < mostPoints) pen.stroke.points.push(
    [Math.round(10 * (event.clientX - box.x)) / 10, Math.round(10 * (event.clientY - box.y)) / 10]);
}

// ---- palm rejection: while a stylus is in use, touches do not draw

const PALM = 1500;  // ms after the last stylus event during which touches are ignored
let stylus = -Infinity, refused = false;

function seeStylus(event) {
  if (event.pointerType === "pen") stylus = performance.now();
}

function guard(event) {
  if (!event.target.closest?.(".st-key-canvas")) return;
  seeStylus(event);
  if (event.type === "pointerdown") refused = event.pointerType === "touch" && performance.now() - stylus < PALM;
  if (!refused) return;
  event.stopImmediatePropagation();
  if (event.cancelable) event.preventDefault();
}

addEventListener("pointermove", seeStylus, { capture: true, passive: true });  // a stylus hovers before it touches
for (const type of ["pointerdown", "touchstart", "mousedown"]) {
  addEventListener(type, guard, { capture: true, passive: false });
}

function move(event) {  // also outside the canvas, which goes on drawing there
  if (!pen.down || event.pointerId !== pen.id) return;
  pen.moved = true;
  draw(event);
  tellSoon();
}

function tellSoon() {  // at most one picture is in flight while the pen is down
  clearTimeout(pen.timer);
  if (!pen.down || !pen.moved || !isLive()) return;
  const since = performance.now() - pen.sent, waits = pen.answered < pen.number && since < LONGEST;
  if (waits) return;
  const due = pen.isCalm ? PAUSE - since : STAYS_STILL;  // debounce while the server is busy
  pen.timer = setTimeout(() => requestAnimationFrame(tellMoved), Math.max(due, 0));
}

function tellMoved() {  // the canvas has drawn the last movement
  if (pen.down && pen.moved) tell();
}

function lift(event) {
  if (!pen.down || event.pointerId !== pen.id) return;
  pen.down = false;
  pen.stroke.number = Math.max(Date.now(), pen.number + 1);
  pen.stroke.pen = penWidth;
  if (pen.stroke.points.length) pen.strokes.push(pen.stroke);
  pen.looks = 0;
  keepUnsaved();
  pen.lifted = pen.owes = true;
  // the canvas draws the stroke in the next frame; hidden tabs get no frames, hence the timeout
  requestAnimationFrame(() => setTimeout(() => { if (pen.lifted) tell(); }, 0));
  setTimeout(() => { if (pen.lifted) tell(); }, 100);
}

const KEYS = { "Ctrl+Z": "undo", "Ctrl+Shift+Z": "redo", Delete: "clear", S: "sample" };

function press(event) {  // keyboard shortcuts for the tools below the canvas
  const typing = event.target.closest?.("input, textarea, select, [contenteditable=true]");
  if (typing || event.altKey || event.defaultPrevented) return;
  const held = (event.ctrlKey || event.metaKey ? "Ctrl+" : "") + (event.shiftKey ? "Shift+" : "");
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const button = document.querySelector(`.st-key-${KEYS[held + key]} button`);
  if (!button?.checkVisibility()) return;
  event.preventDefault();
  tellWhole();
  if (!event.repeat) click(KEYS[held + key]);
}

let sheet = 0;  // number of the drawing that the server last put on the canvas
let acted = null;  // { sheet, time } of the last click on a tool
let letsPass = false;
const queue = [];  // names of the tools whose clicks are waiting
let discarded = 0;  // number of the last stroke that was cleared
let cleared = false;  // until the server has cleared the drawing, or a tool or the pen starts another

function click(name, tries = 60) {  // before the end of a run the buttons may be out of date
  const button = document.querySelector(`.st-key-${name} button`);
  if (button && !button.disabled) return button.click();
  const running = isWaiting() || document.querySelector("[data-test-script-state=running]");
  if (tries && running) setTimeout(() => click(name, tries - 1), 50);
}

function isActing() {  // the server has not answered the last click on a tool
  return acted && acted.sheet === sheet && performance.now() - acted.time < LONGEST;
}

function isWaiting() {  // for the response to the last stroke or click
  return isPending || isActing() || (pen.wholeAnswered < pen.whole && performance.now() - pen.wholeSent < LONGEST);
}

function hold(event) {  // delay a tool click until the server has the last stroke
  const name = Object.values(KEYS).find((own) => event.target.closest?.(`.st-key-${own} button`));
  if (!name) return;
  cleared = name === "clear";
  if (cleared) {  // an immediate reload must not restore it
    discarded = pen.strokes.at(-1)?.number ?? 0;
    storage((s) => { s.removeItem(STORE); s.removeItem(UNSAVED); });
  }
  tellWhole();
  if (letsPass || !(queue.length || isWaiting())) {
    acted = { sheet, time: performance.now() };
    return;
  }
  event.stopImmediatePropagation();
  if (queue.length < MOST_CLICKS) queue.push(name);
  letGoSoon();
}

let released = null;

function letGoSoon() {
  clearTimeout(released);
  released = setTimeout(letGo, 200);
}

function letGo() {
  if (!queue.length) return;
  if (isWaiting()) return letGoSoon();
  if (!document.querySelector(`.st-key-${queue[0]} button`)) return;
  letsPass = true;
  click(queue.shift(), 0);
  letsPass = false;
  letGoSoon();  // in case that click had no effect
}

const SENDS = 50;  // ms to allow for a message to be sent
let isLeaving = false, follows = false;  // a message sent after following a link would empty the new page

function leave(event) {  // this click may change the page
  if (event.target.closest?.(".st-key-canvas")) isLeaving = false;
  else tellWhole();
}

function follow(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  tellWhole();
  isLeaving = true;
  setTimeout(() => { isLeaving = false; tellWhole(); }, LONGEST);  // in case the page did not change
  if (follows || performance.now() - pen.sent > SENDS) return;
  event.stopImmediatePropagation();
  event.preventDefault();
  setTimeout(() => { follows = true; link.click(); follows = false; }, SENDS);
}

addEventListener("pointerdown", leave, true);
addEventListener("click", follow, true);
for (const type of ["resize", "pagehide", "visibilitychange"]) addEventListener(type, tellWhole, true);
addEventListener("click", hold, true);
addEventListener("keydown", press);
addEventListener("pointermove", move, true);
addEventListener("pointerup", lift, true);
addEventListener("pointercancel", lift, true);

function storage(action) {
  try { return action(window.sessionStorage); } catch (error) { return null; }  // unavailable in some private modes
}

function keepUnsaved() {  // the strokes that the server has not confirmed, for an immediate reload
  const strokes = pen.strokes.filter((stroke) => stroke.number > discarded);
  const unsaved = { width: layers()[0]?.clientWidth ?? 0, strokes };
  if (!cleared) storage((s) => s.setItem(UNSAVED, JSON.stringify(unsaved)));
}

function unsaved() {
  try { return JSON.parse(storage((s) => s.getItem(UNSAVED))); } catch (error) { return null; }
}

function dressCanvas({ label, blank }, tries = 200) {
  const canvas = document.querySelector(".st-key-canvas");
  let dressed = false;
  if (canvas) {
    const isBlank = blank && !pen.down && !pen.owes && !pen.strokes.length;
    canvas.toggleAttribute("data-blank", isBlank);  // shows the prompt
    canvas.onpointerdown = (event) => {
      if (event.button > 0 || (pen.down && event.pointerId !== pen.id)) return;
      pen.id = event.pointerId;
      canvas.removeAttribute("data-blank");
      cleared = false;
      pen.down = true;
      clearTimeout(pen.rests);
      pen.stroke = { points: [] };
      draw(event);
      pen.isCalm = true;  // try once per stroke, in case the server has recovered
    };
  }
  for (const host of document.querySelectorAll(".st-key-canvas *")) {
    const drawing = host.shadowRoot?.querySelector(".dc-root");
    dressed ||= Boolean(drawing);
    if (!drawing || drawing.getAttribute("aria-label") === label) continue;
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", label);
    const style = document.createElement("style");
    style.textContent = ".dc-toolbar { display: none !important; }";
    host.shadowRoot.append(style);
  }
  for (const [keys, name] of Object.entries(KEYS)) {
    const button = document.querySelector(`.st-key-${name} button`);
    button?.setAttribute("aria-keyshortcuts", keys.replace("Ctrl", "Control"));
    button?.setAttribute("title", keys);
  }
  clearTimeout(waiting);  // the canvas may not be mounted yet
  if (!dressed && tries) waiting = setTimeout(() => dressCanvas({ label, blank }, tries - 1), 50);
}

// ---- Idle animation: after a period without input, a number is written once as a demo. It is drawn on an overlay
// above the canvas, which is removed on any input.

const IDLE = 9000;  // ms without input
const STAYS = 5000;  // ms that the finished number is shown
const still = matchMedia("(prefers-reduced-motion: reduce)");
const hand = { strokes: [], across: 1, width: 0, ink: "", wrote: false, sheet: null, timer: null };

function startHand(data) {
  Object.assign(hand, data);
  handWaits();
}

function handWaits() {
  clearTimeout(hand.timer);
  if (!hand.wrote) hand.timer = setTimeout(() => (mayWrite() ? write() : handWaits()), IDLE);
}

function mayWrite() {
  const canvas = document.querySelector(".st-key-canvas[data-blank]"), box = layers()[0]?.getBoundingClientRect();
  return canvas?.checkVisibility() && document.visibilityState === "visible" && !still.matches
    && box?.width && box.top >= 0 && box.bottom <= innerHeight;
}

function handStops() {
  if (!hand.sheet) return handWaits();
  hand.sheet.remove();
  hand.sheet = null;
  hideLive(pen.number);
  document.querySelector(".st-key-canvas")?.setAttribute("data-blank", "");
}

function tellHand(data) {
  if (!isLive()) return;
  pen.number = Math.max(Date.now(), pen.number + 1);
  pen.sent = performance.now();
  ask(data, pen.number);
}

async function write() {
  const [paper] = layers(), box = paper.getBoundingClientRect(), sheet = document.createElement("canvas");
  hand.wrote = true;
  hand.sheet = sheet;
  sheet.width = box.width;
  sheet.height = box.height;
  const brush = sheet.getContext("2d"), filter = getComputedStyle(document.querySelector(".st-key-canvas")).filter;
  sheet.style.cssText = `position: fixed; left: ${box.x}px; top: ${box.y}px; z-index: 16; pointer-events: none;`
    + ` border-radius: 0.5rem; filter: ${filter}`;
  Object.assign(brush, { fillStyle: "#ffffff", strokeStyle: hand.ink, lineWidth: hand.width, lineCap: "round" });
  brush.fillRect(0, 0, box.width, box.height);
  document.body.append(sheet);
  document.querySelector(".st-key-canvas")?.removeAttribute("data-blank");
  const size = Math.min(0.6 * box.height, (0.8 * box.width) / hand.across);
  const left = (box.width - hand.across * size) / 2, top = (box.height - size) / 2;
  const rests = (ms) => new Promise((done) => setTimeout(done, ms));
  for (const stroke of hand.strokes) {
    for (let place = 1; place < stroke.length; place++) {
      const [from, to] = [stroke[place - 1], stroke[place]].map(([x, y]) => [left + x * size, top + y * size]);
      for (let step = 1; step <= 5; step++) {
        const [before, after] = [(step - 1) / 5, step / 5];
        brush.beginPath();
        brush.moveTo(from[0] + (to[0] - from[0]) * before, from[1] + (to[1] - from[1]) * before);
        brush.lineTo(from[0] + (to[0] - from[0]) * after, from[1] + (to[1] - from[1]) * after);
        brush.stroke();
        await rests(22);
        if (hand.sheet !== sheet) return;
      }
      if (pen.answered >= pen.number && performance.now() - pen.sent > PAUSE) tellHand(sheet.toDataURL("image/png"));
    }
    await rests(200);
    if (hand.sheet !== sheet) return;
  }
  tellHand(sheet.toDataURL("image/png"));
  await rests(STAYS);
  if (hand.sheet === sheet) handStops();
}

for (const type of ["pointerdown", "pointermove", "keydown", "wheel", "resize", "scroll"]) {
  addEventListener(type, handStops, { capture: true, passive: true });
}

let settled = 0;  // number up to which the server has taken strokes

export default function ({ data, parentElement, setStateValue }) {
  if (data.answers) return showAnswersIn(parentElement, data);
  let observer = watched.get(parentElement);
  if (!observer) {
    setStateValue("unsaved", unsaved());
    setStateValue("kept", storage((s) => s.getItem(STORE)) ?? "");
  }
  mostPoints = data.most_points;
  penWidth = data.pen;
  startHand(data.hand);
  pen.sendWhole = (message) => setStateValue("live", message);
  const hasSettled = data.settled > settled;
  settled = data.settled;
  pen.strokes = pen.strokes.filter((stroke) => stroke.number > Math.max(data.settled, discarded));
  dressCanvas(data);
  if (observer && data.keep !== null) keepUnsaved();
  pen.wholeAnswered = data.answered;
  heard(data.answered);
  hideLive(data.answered);
  if (data.sheet !== sheet) {  // what was asked about the sheet before is out of date
    hideLive(pen.number);
    pen.asked = "";
    sheet = data.sheet;
    clearTimeout(pen.rests);
    if (pen.owes) pen.rests = setTimeout(tellWhole, SETTLES);
  }
  if (hasSettled && pen.strokes.length && !pen.owes && pen.wholeAnswered >= pen.whole) {
    pen.owes = true;  // the server takes some strokes at a time
    tellWhole();
  }
  if (!observer) {
    isLeaving = false;
    if (data.keep !== null) sendAgain();  // else the session is new, and takes them from UNSAVED
  }
  letGo();
  if (!observer) {
    const probe = parentElement.querySelector(".ink-probe");
    let last = 0;
    observer = new ResizeObserver(() => {
      const width = Math.floor(probe.getBoundingClientRect().width);
      if (width > 0 && width !== last) setStateValue("width", (last = width));
    });
    observer.observe(probe);
    watched.set(parentElement, observer);
  } else if (data.keep === "") {
    cleared = false;
    storage((s) => s.removeItem(STORE));
  } else if (data.keep !== null && !cleared) {
    storage((s) => s.setItem(STORE, data.keep));
  }
  return () => { observer.disconnect(); watched.delete(parentElement); };
}
