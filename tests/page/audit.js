// What a checker of accessibility would look for. Each function lists what it found wrong.

// Text against what lies behind it, as WCAG 2 defines contrast.
function faintText() {
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  // Colours are read back from a canvas, because styles may name them in any colour space.
  const rgba = (colour) => {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
    return [...pixel.getImageData(0, 0, 1, 1).data].map((part) => part / 255);
  };
  const over = ([r, g, b, a], below) => (
    [r, g, b].map((part, channel) => part * a + below[channel] * (1 - a))
  );
  const light = (colour) => {
    const [r, g, b] = colour
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const own = rgba(getComputedStyle(element).backgroundColor);
    if (own[3] === 1 || !element.parentElement) return own.slice(0, 3);
    return over(own, behind(element.parentElement));
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("#mirror, .unseen, noscript") || element.matches(":disabled")) continue;
    const back = behind(element);
    const front = over(rgba(getComputedStyle(element).color), back);
    const [low, high] = [light(front), light(back)].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) faint.push(`${texts.currentNode.data.trim()}: ${contrast.toFixed(2)}`);
  }
  return faint;
}

// What can be used, and cannot be called.
function nameless() {
  const usable = "button, select, input, textarea, a, [tabindex]";
  return [...document.querySelectorAll(usable)].filter((each) => {
    const labels = (each.getAttribute("aria-labelledby") ?? "").split(" ")
      .map((id) => document.getElementById(id)).concat(...(each.labels ?? []));
    const own = each.matches("button, a") ? each.textContent : "";
    const names = [each.getAttribute("aria-label"), own]
      .concat(labels.map((label) => label?.textContent));
    return !names.some((name) => name?.trim());
  }).map((each) => each.outerHTML);
}

// Ids that stand twice, and references to none.
function brokenReferences() {
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  const named = ["for", "aria-labelledby", "aria-describedby"].flatMap((name) => (
    [...document.querySelectorAll(`[${name}]`)].map((each) => each.getAttribute(name))
  ));
  const twice = ids.filter((id, place) => ids.indexOf(id) < place);
  return [...twice, ...named.filter((id) => !ids.includes(id))];
}

// Headings that are more than one level below the one before.
function skippedLevels() {
  const headings = [...document.querySelectorAll("h1, h2, h3, h4")]
    .filter((each) => each.checkVisibility());
  const level = (heading) => Number(heading?.tagName[1] ?? 0);
  return headings.filter((each, place) => level(each) > level(headings[place - 1]) + 1)
    .map((each) => each.textContent);
}

// Elements that move when something changes.
function moving() {
  return [...document.querySelectorAll("*")]
    .filter((each) => getComputedStyle(each).transitionDuration !== "0s")
    .map((each) => each.outerHTML);
}
