// Returns the canvas's layers, background first, from its shadow root. Prepended to browser.js and actions.js.

function layers() {
  for (const host of document.querySelectorAll(".st-key-canvas *")) {
    const found = host.shadowRoot?.querySelectorAll("canvas");
    if (found?.length) return [...found];
  }
  return [];
}
