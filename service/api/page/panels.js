// What stands below the texts: other answers, times, the model's card. Text goes in as text.

const STAGES = [
  ["tokenise", "Sentences and tokens"],
  ["queue", "Waiting for a place"],
  ["encode", "Reading (encoder)"],
  ["decode", "Writing (beam search)"],
  ["detokenise", "Tokens to text"],
];

/**
 * An element with text and children.
 *
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children Strings become text, never markup.
 * @returns {HTMLElement}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/**
 * @param {HTMLElement} list
 * @param {string[]} texts The best first.
 * @param {number} shown Which of them stands above.
 * @param {(rank: number) => void} show
 */
export function drawAlternatives(list, texts, shown, show) {
  list.replaceChildren(...texts.map((text, rank) => {
    const button = element("button", { type: "button", dir: "auto" }, text);
    if (rank === shown) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => show(rank));
    return element("li", {}, button);
  }));
}

/**
 * @param {HTMLElement} list
 * @param {{text: string, confidence: number}[]} sentences
 * @param {(position: number) => void} show
 */
export function drawQuality(list, sentences, show) {
  list.replaceChildren(...sentences.map(({ text, confidence }, position) => {
    const shown = `${Math.round(confidence * 100)} %`;
    const button = element(
      "button", { type: "button" }, element("span", { dir: "auto" }, text),
      element("meter", { min: "0", max: "1", value: String(confidence), "aria-hidden": "true" }),
      element("data", { value: String(confidence) }, shown),
    );
    button.addEventListener("click", () => show(position));
    return element("li", {}, button);
  }));
}

/**
 * @param {HTMLElement} bar
 * @param {HTMLElement} table
 * @param {Record<string, number>} seconds By stage, as the server says.
 * @param {number} whole Seconds from sending to having read the answer.
 */
export function drawTimes(bar, table, seconds, whole) {
  const stages = STAGES.map(([name, label]) => [name, label, seconds[name] ?? 0]);
  const rest = Math.max(0, whole - stages.reduce((sum, [, , part]) => sum + part, 0));
  stages.push(["network", "Network, HTTP and browser", rest]);
  bar.replaceChildren(...stages.map(([name, , part]) => {
    const piece = element("i", { "data-stage": name });
    piece.style.flexGrow = String(part * 1000);
    return piece;
  }));
  table.replaceChildren(
    element("tbody", {}, ...stages.map(([name, label, part]) => row(label, part, name))),
    element("tfoot", {}, row("All of it", whole)),
  );
}

/**
 * @param {HTMLElement} list A description list.
 * @param {object} model An entry of /models.
 */
export function drawCard(list, model) {
  const facts = [
    ["Name", `${model.name}, version ${model.version}`],
    ["Does", model.description],
    ["Runs on", `${model.provider}, ${model.precision}`],
    ["Limits", model.limitations],
    ["Scores", model.scores.filter((score) => score.better !== "neither").slice(0, 3)
      .map((score) => `${score.metric} ${score.value} (${score.corpus})`).join(", ")],
    ["Licence", model.licence],
    ["Thanks to", model.attribution.join("; ")],
  ];
  list.replaceChildren(...facts.filter(([, fact]) => fact).flatMap(([name, fact]) => [
    element("dt", {}, name), element("dd", {}, fact),
  ]));
}

/**
 * @param {HTMLElement} list
 * @param {object[]} models Of /models.
 */
export function drawServed(list, models) {
  list.replaceChildren(...models.map(({ name, description, limitations, licence }) => element(
    "li", {}, element("h3", {}, name), element("p", {}, description),
    element("p", { class: "soft" }, `${limitations} Licence: ${licence}.`),
  )));
}

/**
 * @param {number} seconds
 * @returns {string} To be read at a glance.
 */
export function duration(seconds) {
  if (seconds >= 1) return `${seconds.toFixed(1)} s`;
  const value = seconds * 1000;
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

function row(label, seconds, stage = "") {
  const name = element("th", { scope: "row" }, label);
  if (stage) name.prepend(element("i", { "data-stage": stage, "aria-hidden": "true" }));
  return element("tr", {}, name, element("td", {}, duration(seconds)));
}
