// Before anything is drawn, so that a dark page does not flash white: a classic script, not a
// module. main.js wires the switch.
(() => {
  let kept = null;
  try {
    kept = localStorage.getItem("seq2serve.theme");
  } catch {
    // Storage is switched off; the system's choice it is.
  }
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
})();
