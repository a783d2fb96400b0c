// The API counts Unicode code points, JavaScript counts UTF-16 units. They differ from the first
// emoji on. Everything past this border counts UTF-16 units.

/**
 * Turns code point offsets of a text into UTF-16 offsets.
 *
 * Worked case: in "a🎉b", offsets 0 1 2 3 are 0 1 3 4.
 *
 * @param {string} text
 * @returns {(offset: number) => number}
 */
export function unitOffsets(text) {
  if (!/[\ud800-\udfff]/.test(text)) return (offset) => offset;
  const units = [0];
  for (const character of text) units.push(units.at(-1) + character.length);
  return (offset) => units[offset];
}

/**
 * Length as the server counts it.
 *
 * @param {string} text
 * @returns {number}
 */
export function codePoints(text) {
  let count = text.length;
  for (let place = 0; place < text.length - 1; place++) {
    if (text.codePointAt(place) > 0xffff) {
      count--;
      place++;
    }
  }
  return count;
}
