// The page: what is typed becomes a request, the answer becomes words, panels and numbers.

import { heatmap } from "./heatmap.js";
import { AUTO, Languages } from "./languages.js";
import { codePoints, unitOffsets } from "./offsets.js";
import { notes } from "./notes.js";
import { Pair } from "./pair.js";
import { drawAlternatives, drawCard, drawQuality, drawServed, drawTimes, duration, element } from "./panels.js";
import { readSentences } from "./reading.js";
import { get, post } from "./server.js";
import { Switches } from "./switches.js";

// After the last key, this long is waited for the next one.
const PAUSE_MS = 250;
// Read out once typing has rested; longer answers are only announced.
const ANNOUNCE_MS = 1000;
const ANNOUNCED_CHARACTERS = 200;
const ALTERNATIVES = 3;
// A text longer than this is shown while it is written.
const STREAMED_CHARACTERS = 400;
const DETAILS = ["scores", "tokens", "alignment", "confidence"];
const PAIR_ONLY = [
  "source-label", "source-language", "target-label", "target-language", "swap", "detected",
];
const EXAMPLES = {
  en: "I have lost my keys. Can you help me look for them? The library closes at nine o'clock.",
  de: "Ich habe meine Schlüssel verloren. Kannst du mir suchen helfen? Die Bibliothek schließt um neun Uhr.",
  fr: "J'ai perdu mes clés. Peux-tu m'aider à les chercher ? La bibliothèque ferme à neuf heures.",
  news: "Oil prices rose on Monday after Saudi Arabia said it would cut its output by a million "
    + "barrels a day from July. The move came after a meeting of the group in Vienna.",
};

const on = (id) => document.getElementById(id);
const source = on("source");
const pair = new Pair(source, on("mirror"), on("result"), drawPoint);
const [languageList, modelList, settings] = await Promise.all(
  ["languages", "models", "frontend/settings"].map(get),
);
const models = modelList?.models ?? [];
const languages = new Languages(
  languageList ?? [], on("source-language"), on("target-language"),
);
const limit = settings?.charLimit > 0 ? settings.charLimit : null;

let timer = 0;
let announcing = 0;
let asking = null;
/** The answer on show: text, texts, detail, detected, rank, sentences, seconds. */
let answer = null;

function task() {
  return on("to-summarize").hasAttribute("aria-current") ? "summarize" : "translate";
}

function request() {
  const common = { alternatives: ALTERNATIVES, return: DETAILS };
  if (source.value.length > STREAMED_CHARACTERS) common.stream = true;
  if (task() === "summarize") return { text: source.value, ...common };
  return {
    q: source.value,
    source: on("source-language").value,
    target: on("target-language").value,
    ...common,
  };
}

/** The text or what is wanted of it has changed: ask, once nothing more comes. */
function changed(pause = PAUSE_MS) {
  clearTimeout(timer);
  clearTimeout(announcing);
  asking?.abort();
  asking = null;
  pair.loosen();
  drawCount();
  say("");
  on("clear").hidden = !source.value;
  on("example").hidden = !on("clear").hidden;
  if (!source.value.trim()) {
    drawNothing();
    return;
  }
  on("result").classList.add("stale");
  const count = codePoints(source.value);
  if (limit !== null && count > limit) {
    say(`The text has ${count.toLocaleString("en")} characters; the limit is ${limit.toLocaleString("en")}.`);
    drawNothing();
    return;
  }
  if (settings?.keyRequired && !on("key").value) {
    say("This server answers those who have an API key; put yours in below.");
    return;
  }
  timer = setTimeout(ask, pause);
}

async function ask() {
  const mine = new AbortController();
  asking = mine;
  on("result").setAttribute("aria-busy", "true");
  const text = source.value;
  try {
    let written = "";
    const got = await post(task(), request(), on("key").value, mine.signal, (delta) => {
      written += delta;
      on("result").textContent = written;
      on("result").classList.remove("stale");
    });
    draw(text, got.answer, got.seconds);
    say("");
    announce();
  } catch (failure) {
    if (mine.signal.aborted) return;
    say(failure.message);
    if (!failure.retryAfter) drawNothing();
    if (failure.wantsKey) on("key-field").hidden = false;
    if (failure.retryAfter) timer = setTimeout(ask, failure.retryAfter * 1000);
  } finally {
    if (asking === mine) {
      asking = null;
      on("result").removeAttribute("aria-busy");
    }
  }
}

function draw(text, got, seconds) {
  const texts = [got.translatedText ?? got.summary, ...(got.alternatives ?? [])];
  const [detail] = got.details;
  const offset = unitOffsets(text);
  const used = (got.used?.sentences < got.used?.total ? got.used.places : [])
    .map(({ start, end }) => ({ start: offset(start), end: offset(end) }));
  answer = { text, texts, detail, detected: got.detectedLanguage ?? null, used, seconds };
  on("speed").textContent = speed(got);
  drawDetected();
  drawTimes(on("timing-bar"), on("timing-table"), detail.seconds, seconds);
  const model = models.find(({ name }) => name === detail.model);
  drawLanguages(model);
  if (model) drawCard(on("model-card"), model);
  on("served").hidden = true;
  on("model").hidden = !model;
  on("timing").hidden = !model;
  on("copy").hidden = false;
  drawRank(0);
}

function speed(got) {
  if (answer.detail.model === null) return "The text is in this language already.";
  const time = duration(answer.seconds);
  const { sentences, total } = got.used ?? {};
  return sentences < total ? `${time}, from the first ${sentences} of ${total} sentences` : time;
}

/** Show one of the hypotheses in full. */
function drawRank(rank) {
  const { text, texts, detail, used } = answer;
  answer.rank = rank;
  answer.sentences = readSentences(text, texts[rank], detail, rank);
  on("result").classList.remove("stale");
  pair.show(texts[rank], answer.sentences, used);
  on("reading").hidden = !answer.sentences.length;
  const said = notes(answer.sentences);
  on("notes").replaceChildren(...said.map((note) => element("li", {}, note)));
  on("notes").hidden = !said.length;
  drawConfidence();
  on("alternatives").hidden = texts.length < 2;
  drawAlternatives(on("alternatives-list"), texts, rank, (chosen) => {
    drawRank(chosen);
    on("alternatives-list").children[chosen].firstChild.focus();
  });
  const aligned = answer.sentences.some(({ links }) => links.length);
  on("alignment").hidden = !aligned;
  if (aligned) drawSentences();
}

function drawConfidence() {
  const known = answer.sentences.filter(({ confidence }) => confidence !== null);
  on("quality").hidden = known.length < answer.sentences.length || !known.length;
  if (on("quality").hidden) return;
  on("quality-about").textContent = task() === "summarize"
    ? "Agreement with a headline that a person would write (ROUGE-L), as sentences like it had."
    : "Agreement with a translation that a person would write (chrF), as sentences like it had.";
  const text = answer.texts[answer.rank];
  drawQuality(
    on("quality-list"),
    known.map(({ target, confidence }) => (
      { text: text.slice(target.start, target.end), confidence })),
    (position) => {
      on("sentence").value = String(position);
      drawHeatmap();
      pair.point({ side: "target", sentence: position, word: 0 });
    },
  );
}

function drawSentences() {
  const kept = Number(on("sentence").value) || 0;
  const count = answer.sentences.length;
  on("sentence").replaceChildren(...answer.sentences.map((_, position) => (
    element("option", { value: position }, `Sentence ${position + 1} of ${count}`)
  )));
  on("sentence").value = String(Math.min(kept, count - 1));
  on("sentence-choice").hidden = count < 2;
  drawHeatmap();
}

function drawHeatmap() {
  const sentence = answer.sentences[Number(on("sentence").value)];
  const { table, leftOut } = heatmap(sentence, answer.text, answer.texts[answer.rank]);
  on("heat").replaceChildren(table);
  on("alignment-about").textContent = "Attention in per cent, of each word in a row on the words "
    + "of the source. A hint, not a proof."
    + (leftOut ? ` ${leftOut} source words that got none are left out.` : "");
}

/** Say in words what is lit up, and light up its row or column of the heat map. */
function drawPoint(point) {
  for (const lit of document.querySelectorAll(".heatmap [data-lit]")) delete lit.dataset.lit;
  const about = on("about-word");
  if (point === null || !answer?.sentences) {
    about.textContent = "Point at a word, or walk with the arrow keys, to see where it comes from.";
    return;
  }
  const sentence = answer.sentences[point.sentence];
  const texts = { source: answer.text, target: answer.texts[answer.rank] };
  const word = (side, index) => {
    const { start, end } = sentence[`${side}Words`][index];
    return texts[side].slice(start, end);
  };
  const partners = pair.partners(point)
    .map(([side, index, weight]) => `${word(side, index)} (${percent(weight)})`);
  const { probability } = sentence[`${point.side}Words`][point.word];
  about.replaceChildren(
    element("strong", {}, word(point.side, point.word)),
    point.side === "target" ? " looked at " : " was looked at by ",
    partners.join(", ") || "no word in particular",
    probability ? `; the model was ${percent(probability)} sure` : "",
  );
  if (on("sentence").value !== String(point.sentence)) {
    on("sentence").value = String(point.sentence);
    drawHeatmap();
  }
  const [row, column] = point.side === "target" ? [point.word, null] : [null, point.word];
  for (const cell of document.querySelectorAll(".heatmap [data-cell]")) {
    const [ofTarget, ofSource] = cell.dataset.cell.split(" ").map(Number);
    if (ofTarget === row || ofSource === column) cell.dataset.lit = "";
  }
}

/** Tell browsers and screen readers which languages stand on the two sides. */
function drawLanguages(model) {
  const ofSummaries = model?.directions[0].source ?? "";
  const chosen = answer.detected?.language ?? on("source-language").value;
  source.lang = task() === "summarize" ? ofSummaries : chosen;
  on("result").lang = task() === "summarize" ? ofSummaries : on("target-language").value;
}

function drawDetected() {
  const detected = answer?.detected;
  on("detected").textContent = detected
    ? `${languages.name(detected.language)}, ${howSure(detected.confidence / 100)}` : "";
  on("swap").disabled = languages.swapped(detected?.language ?? null) === null;
}

/** A few words are likely in many of 140 languages: "3 % sure" of the likeliest says nothing. */
function howSure(probability) {
  return probability < 0.5 ? "at a guess" : `${percent(probability)} sure`;
}

function drawNothing() {
  answer = null;
  on("served").hidden = false;
  on("result").classList.remove("stale");
  on("result").replaceChildren();
  on("speed").textContent = "";
  on("copy").hidden = true;
  for (const id of ["reading", "notes", "alternatives", "alignment", "timing", "quality", "model"]) on(id).hidden = true;
  drawDetected();
}

function drawCount() {
  const count = codePoints(source.value);
  const of = limit === null ? "" : ` of ${limit.toLocaleString("en")}`;
  on("count").textContent = `${count.toLocaleString("en")}${of} ${count === 1 && !of ? "character" : "characters"}`;
  on("count").classList.toggle("over", limit !== null && count > limit);
  source.setAttribute("aria-invalid", String(limit !== null && count > limit));
}

/** Take the task from the address; an address that names none leaves it as it is. */
function drawTask() {
  const named = location.hash.slice(1);
  if (named === "translate" || named === "summarize") {
    for (const link of [on("to-translate"), on("to-summarize")]) {
      if (link.id === `to-${named}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  } else if (named && document.documentElement.dataset.ready !== undefined) {
    return;
  }
  const summarizes = task() === "summarize";
  for (const id of PAIR_ONLY) on(id).hidden = summarizes;
  for (const id of ["source-title", "answer-title"]) on(id).hidden = !summarizes;
  on("work").setAttribute("aria-label", summarizes ? "Summarize" : "Translate");
  on("result").setAttribute("aria-label", summarizes ? "Summary" : "Translation");
  drawNothing();
  changed(0);
}

function say(words) {
  on("message").textContent = words;
  on("message").hidden = !words;
}

function announce() {
  announcing = setTimeout(() => {
    const [text] = answer.texts;
    on("announce").textContent = text.length <= ANNOUNCED_CHARACTERS ? text : "The answer is there.";
  }, ANNOUNCE_MS);
}

function percent(share) {
  return share > 0.995 && share < 1 ? "over 99 %" : `${Math.round(share * 100)} %`;
}

async function copy() {
  const text = on("result").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without HTTPS there is no clipboard to write to, but a selection can be copied.
    getSelection().selectAllChildren(on("result"));
    document.execCommand("copy");
  }
  on("copy").textContent = "Copied";
  setTimeout(() => { on("copy").textContent = "Copy"; }, 1500);
}

source.addEventListener("input", () => changed());
on("source-language").addEventListener("change", () => {
  languages.fitTargets();
  changed(0);
});
on("target-language").addEventListener("change", () => changed(0));
on("key").addEventListener("change", () => changed(0));
on("sentence").addEventListener("change", drawHeatmap);
on("copy").addEventListener("click", copy);
on("work").addEventListener("submit", (event) => event.preventDefault());
on("swap").addEventListener("click", () => {
  languages.choose(...languages.swapped(answer?.detected?.language ?? null));
  if (answer) source.value = answer.texts[answer.rank];
  changed(0);
});
on("clear").addEventListener("click", () => {
  source.value = "";
  changed();
  source.focus();
});
on("example").addEventListener("click", () => {
  const chosen = on("source-language").value;
  const language = chosen === AUTO || !(chosen in EXAMPLES) ? "en" : chosen;
  source.value = EXAMPLES[task() === "summarize" ? "news" : language];
  changed(0);
  source.focus();
});
addEventListener("hashchange", drawTask);

new Switches(on("theme"), on("shade"), on("key"));
on("key-field").hidden = !settings?.keyRequired;
const does = new Set(models.map((model) => model.task));
on("to-summarize").hidden = !does.has("summarization");
if (!does.has("translation") && does.has("summarization")) location.hash = "#summarize";
drawServed(on("served-list"), models);
drawPoint(null);
drawTask();
document.documentElement.dataset.ready = "";
