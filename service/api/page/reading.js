// An answer of the API, read as words that know each other. Pure: no page in here.

import { unitOffsets } from "./offsets.js";

/**
 * @typedef {{start: number, end: number}} Span In UTF-16 units, `end` exclusive.
 * @typedef {Span & {source: number, target: number, weight: number}} Link
 *
 * @typedef {object} Sentence
 * @property {Span} source
 * @property {Span} target
 * @property {Span[]} sourceWords
 * @property {(Span & {probability: number | null})[]} targetWords
 * @property {{source: number, target: number, weight: number}[]} links By position in the two
 *   lists of words.
 * @property {string[]} problems What the server's guard sees in the answer, by its codes.
 * @property {string[]} avoided What it saw in the likeliest answer, when this is another.
 * @property {number | null} confidence Expected quality of the answer, 0 to 1; null from a model
 *   that was not calibrated, and of alternatives.
 */

// As the server's: letters, digits and accents with inner apostrophes, and runs of anything else.
const WORDS
  = /(?:[\p{L}\p{N}\p{M}_]|(?<=[\p{L}\p{N}])['’](?=[\p{L}\p{N}]))+|[^\s\p{L}\p{N}\p{M}_]+/gu;

/**
 * The sentences of one text's `details`, for one of its hypotheses.
 *
 * @param {string} source The text that was sent.
 * @param {string} target `translatedText`, or the alternative that is `rank`.
 * @param {object} detail One entry of `details`.
 * @param {number} rank 0 is the best hypothesis.
 * @returns {Sentence[]}
 */
export function readSentences(source, target, detail, rank) {
  const ofSource = spans(unitOffsets(source));
  const ofTarget = spans(unitOffsets(target));
  return detail.sentences.map((sentence) => {
    const hypothesis = sentence.hypotheses[Math.min(rank, sentence.hypotheses.length - 1)];
    // With fewer hypotheses than asked for, the last one stands in an alternative at a place
    // that the answer does not say.
    const isHere = rank < sentence.hypotheses.length;
    const place = isHere ? ofTarget(hypothesis.target) : { start: 0, end: 0 };
    const aligned = isHere ? (hypothesis.alignment ?? []) : [];
    const place0 = ofSource(sentence.source);
    const sourceWords = words(
      source, place0, aligned.flatMap((word) => word.source.map(ofSource)),
    );
    const targetWords = words(target, place, aligned.map((word) => ofTarget(word.target)));
    const tokens = (isHere ? (hypothesis.tokens ?? []) : []).map((token) => (
      { ...ofTarget(token.target), logProb: token.log_prob }
    ));
    const sourceAt = positions(sourceWords);
    const targetAt = positions(targetWords);
    return {
      source: place0,
      target: place,
      sourceWords,
      targetWords: targetWords.map((word) => ({ ...word, probability: probability(word, tokens) })),
      links: aligned.flatMap((word) => word.source.map((from) => ({
        source: sourceAt.get(ofSource(from).start),
        target: targetAt.get(ofTarget(word.target).start),
        weight: from.weight,
      }))),
      problems: (rank === 0 && sentence.problems) || [],
      avoided: (rank === 0 && sentence.avoided) || [],
      confidence: (rank === 0 ? sentence.confidence : null) ?? null,
    };
  });
}

/**
 * The words of a stretch: those that are known, and between them what looks like one.
 *
 * @param {string} text
 * @param {Span} stretch
 * @param {Span[]} known In any order, also repeated.
 * @returns {Span[]} In order, without overlap.
 */
export function words(text, stretch, known) {
  const taken = [...new Map(known.map((span) => [span.start, span])).values()];
  taken.sort((a, b) => a.start - b.start);
  const found = [];
  let from = stretch.start;
  for (const span of [...taken, { start: stretch.end, end: stretch.end }]) {
    for (const match of text.slice(from, span.start).matchAll(WORDS)) {
      found.push({ start: from + match.index, end: from + match.index + match[0].length });
    }
    if (span.end > span.start) found.push(span);
    from = Math.max(from, span.end);
  }
  return found;
}

/**
 * How unsure the model was of a word: 0 not at all, 1 a little, 2 more, 3 very.
 *
 * @param {number | null} probability Of the whole word, 0 to 1.
 * @returns {0 | 1 | 2 | 3}
 */
export function doubt(probability) {
  if (probability === null || probability >= 0.7) return 0;
  if (probability >= 0.4) return 1;
  return probability >= 0.15 ? 2 : 3;
}

function spans(offset) {
  return ({ start, end }) => ({ start: offset(start), end: offset(end) });
}

function positions(list) {
  return new Map(list.map((span, position) => [span.start, position]));
}

// The product over the word's tokens. A token without text (a space of its own) stands at the
// start of the word that it opens.
function probability(word, tokens) {
  const own = tokens.filter(({ start }) => start >= word.start && start < word.end);
  if (!own.length) return null;
  return Math.exp(own.reduce((sum, token) => sum + token.logProb, 0));
}
