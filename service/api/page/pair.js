// The two texts side by side: words light up together, by pointer, caret and arrow keys.
//
// The source is a textarea, which cannot mark words. Behind it lies a mirror: the same text in
// the same place, invisible but for its backgrounds.

import { element } from "./panels.js";
import { doubt } from "./reading.js";

/**
 * @typedef {{side: "source" | "target", sentence: number, word: number}} Point
 */

export class Pair {
  #textarea;
  #mirror;
  #result;
  #onPoint;
  /** @type {import("./reading.js").Sentence[]} */
  #sentences = [];
  #elements = { source: [], target: [] };
  /** @type {Point | null} */
  #point = null;

  /**
   * @param {HTMLTextAreaElement} textarea
   * @param {HTMLElement} mirror
   * @param {HTMLElement} result
   * @param {(point: Point | null) => void} onPoint Called when another word is pointed at.
   */
  constructor(textarea, mirror, result, onPoint) {
    this.#textarea = textarea;
    this.#mirror = mirror;
    this.#result = result;
    this.#onPoint = onPoint;
    result.addEventListener("pointerover", (event) => this.#pointAt("target", event.target));
    result.addEventListener("click", (event) => this.#pointAt("target", event.target));
    result.addEventListener("pointerleave", (event) => this.#leave(event));
    result.addEventListener("keydown", (event) => this.#walk(event));
    result.addEventListener("blur", () => this.point(null));
    textarea.addEventListener("pointermove", (event) => {
      const below = document.elementsFromPoint(event.clientX, event.clientY);
      this.#pointAt("source", below.find((each) => each.dataset.word !== undefined));
    });
    textarea.addEventListener("pointerleave", (event) => this.#leave(event));
    textarea.addEventListener("keyup", () => this.#pointAtCaret());
    textarea.addEventListener("click", () => this.#pointAtCaret());
    textarea.addEventListener("blur", () => this.point(null));
  }

  /**
   * Show a new answer.
   *
   * @param {string} target
   * @param {import("./reading.js").Sentence[]} sentences
   * @param {import("./reading.js").Span[]} used What of the source was read; empty for all.
   */
  show(target, sentences, used = []) {
    this.point(null);
    this.#sentences = sentences;
    this.#elements = {
      source: this.#paint(this.#mirror, this.#textarea.value, "source", used),
      target: this.#paint(this.#result, target, "target", []),
    };
    this.#mirror.append("\n"); // a last empty line has its height, as in the textarea
  }

  /** The text was changed: the answer stays to be read, but no longer belongs to it. */
  loosen() {
    this.point(null);
    this.#sentences = [];
    this.#mirror.replaceChildren(this.#textarea.value, "\n");
  }

  /** @param {Point | null} point Light up this word and what belongs to it. */
  point(point) {
    if (same(point, this.#point)) return;
    this.#point = point;
    for (const lit of [this.#mirror, this.#result].flatMap((box) => [...box.querySelectorAll("[data-lit]")])) {
      delete lit.dataset.lit;
      lit.style.removeProperty("--weight");
    }
    if (point !== null) {
      this.#light(point.side, point.sentence, point.word, "this", 1);
      for (const [side, word, weight] of this.partners(point)) {
        this.#light(side, point.sentence, word, "partner", weight);
      }
    }
    this.#onPoint(point);
  }

  /**
   * @param {Point} point
   * @returns {["source" | "target", number, number][]} Side, word and weight, strongest first.
   */
  partners({ side, sentence, word }) {
    const other = side === "source" ? "target" : "source";
    return this.#sentences[sentence].links
      .filter((link) => link[side] === word)
      .sort((a, b) => b.weight - a.weight)
      .map((link) => [other, link[other], link.weight]);
  }

  #light(side, sentence, word, how, weight) {
    const lit = this.#elements[side][sentence]?.[word];
    if (!lit) return;
    lit.dataset.lit = how;
    lit.style.setProperty("--weight", String(Math.max(0.25, weight)));
  }

  // A finger that is lifted leaves; what it has touched stays lit until it touches elsewhere.
  #leave(event) {
    if (event.pointerType !== "touch") this.point(null);
  }

  #pointAt(side, over) {
    const at = over?.dataset?.word?.split(" ").map(Number);
    if (!this.#sentences.length) return;
    this.point(at ? { side, sentence: at[0], word: at[1] } : null);
  }

  #pointAtCaret() {
    const caret = this.#textarea.selectionStart;
    if (caret !== this.#textarea.selectionEnd) return;
    for (const [sentence, { sourceWords }] of this.#sentences.entries()) {
      const word = sourceWords.findIndex(({ start, end }) => start <= caret && caret <= end);
      if (word >= 0) {
        this.point({ side: "source", sentence, word });
        return;
      }
    }
  }

  #walk(event) {
    const all = this.#sentences.flatMap(({ targetWords }, sentence) => (
      targetWords.map((_, word) => ({ side: "target", sentence, word }))
    ));
    const at = all.findIndex((point) => same(point, this.#point));
    const to = {
      ArrowRight: at + 1,
      ArrowLeft: at < 0 ? all.length - 1 : at - 1,
      Home: 0,
      End: all.length - 1,
    }[event.key];
    if (event.key === "Escape") this.point(null);
    if (to === undefined || !all.length || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const point = all[Math.max(0, Math.min(to, all.length - 1))];
    this.point(point);
    this.#elements.target[point.sentence][point.word].scrollIntoView({ block: "nearest" });
  }

  #paint(box, text, side, used) {
    const pieces = document.createDocumentFragment();
    const painted = [];
    let from = 0;
    for (const [position, sentence] of this.#sentences.entries()) {
      painted.push(sentence[`${side}Words`].map((word, index) => {
        pieces.append(text.slice(from, word.start));
        const piece = element(
          "span", { "data-word": `${position} ${index}` }, text.slice(word.start, word.end),
        );
        const doubts = doubt(word.probability ?? null);
        if (doubts) piece.dataset.doubt = String(doubts);
        if (used.length && !used.some(({ start, end }) => start <= word.start && word.end <= end)) {
          piece.dataset.unused = "";
        }
        pieces.append(piece);
        from = word.end;
        return piece;
      }));
    }
    pieces.append(text.slice(from));
    box.replaceChildren(pieces);
    return painted;
  }
}

function same(a, b) {
  return a === b || (
    a !== null && b !== null && a.side === b.side && a.sentence === b.sentence && a.word === b.word
  );
}
