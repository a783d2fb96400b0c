// What is remembered: the theme and the shading for good, the key until the tab is closed.

const DARK = matchMedia("(prefers-color-scheme: dark)");

export class Switches {
  /**
   * @param {HTMLButtonElement} theme
   * @param {HTMLInputElement} shade
   * @param {HTMLInputElement} key
   */
  constructor(theme, shade, key) {
    const root = document.documentElement;
    const isDark = () => (root.dataset.theme ?? (DARK.matches ? "dark" : "light")) === "dark";
    const drawTheme = () => theme.setAttribute("aria-pressed", String(isDark()));
    theme.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      remember(() => localStorage, "theme", root.dataset.theme);
      drawTheme();
    });
    DARK.addEventListener("change", drawTheme);
    drawTheme();

    const drawShade = () => root.classList.toggle("plain", !shade.checked);
    shade.checked = recall(() => localStorage, "shade") !== "off";
    shade.addEventListener("change", () => {
      remember(() => localStorage, "shade", shade.checked ? "on" : "off");
      drawShade();
    });
    drawShade();

    key.value = recall(() => sessionStorage, "key") ?? "";
    key.addEventListener("change", () => remember(() => sessionStorage, "key", key.value));
  }
}

// Where storage is switched off, even naming it throws; then nothing is remembered.
function remember(storage, name, value) {
  try {
    storage().setItem(`seq2serve.${name}`, value);
  } catch { /* as said */ }
}

function recall(storage, name) {
  try {
    return storage().getItem(`seq2serve.${name}`);
  } catch {
    return null;
  }
}
