// The canvas's layers, background first: they lie in its shadow root. Stands before browser.js and actions.js.

function layers() {
  for (const host of document.querySelectorAll(".st-key-canvas *")) {
    const found = host.shadowRoot?.querySelectorAll("canvas");
    if (found?.length) return [...found];
  }
  return [];
}
