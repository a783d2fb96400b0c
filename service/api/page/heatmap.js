// One sentence's alignment as a table: a row per word of the answer, a column per source word.

import { element } from "./panels.js";

// With more columns than this, those that no word looked at are left out.
const MOST_COLUMNS = 30;

/**
 * @param {import("./reading.js").Sentence} sentence
 * @param {string} source
 * @param {string} target
 * @returns {{table: HTMLElement, leftOut: number}} `leftOut` columns are not in the table.
 */
export function heatmap(sentence, source, target) {
  const { sourceWords, targetWords, links } = sentence;
  const text = (whole, { start, end }) => whole.slice(start, end);
  const seen = new Set(links.map((link) => link.source));
  const columns = sourceWords.map((_, word) => word)
    .filter((word) => sourceWords.length <= MOST_COLUMNS || seen.has(word));
  const weights = new Map(links.map((link) => [`${link.target} ${link.source}`, link.weight]));

  const head = element("tr", {}, element("td", {}));
  for (const word of columns) {
    head.append(element(
      "th", { scope: "col" }, element("span", {}, text(source, sourceWords[word])),
    ));
  }
  const rows = targetWords.map((word, row) => {
    const line = element("tr", {}, element("th", { scope: "row" }, text(target, word)));
    for (const column of columns) line.append(cell(row, column, weights.get(`${row} ${column}`)));
    return line;
  });
  const caption = element(
    "caption", { class: "unseen" },
    "Rows: words of the answer. Columns: words of the source. Cells: attention in per cent; "
    + "empty below 10.",
  );
  const table = element("table", { class: "heatmap" }, caption,
    element("thead", {}, head), element("tbody", {}, ...rows));
  return { table, leftOut: sourceWords.length - columns.length };
}

function cell(row, column, weight) {
  const made = element("td", { "data-cell": `${row} ${column}` });
  if (weight !== undefined) {
    made.append(String(Math.round(weight * 100)));
    made.style.setProperty("--weight", weight.toFixed(3));
  }
  return made;
}
