// What a reader should look at twice, in words.

const PROBLEMS = {
  empty: "has no words",
  loop: "says the same again and again",
  repetition: "repeats itself",
  source_copy: "is the source once more",
  lost_number: "has lost a number",
  unsupported_number: "has a number that the source does not have",
  unsupported_name: "has a name that the source does not have",
  length_ratio: "is much shorter or longer than its source",
};

/**
 * @param {import("./reading.js").Sentence[]} sentences
 * @returns {string[]} Empty when there is nothing to say.
 */
export function notes(sentences) {
  return sentences.flatMap(({ problems, avoided }, position) => {
    const name = sentences.length > 1 ? `Sentence ${position + 1}` : "This";
    const said = inWords(problems);
    if (avoided.length) {
      said.push(`is not the likeliest answer, which ${inWords(avoided).join(" and ")}`);
    }
    return said.length ? [`${name} ${said.join(", and ")}.`] : [];
  });
}

function inWords(problems) {
  return problems.map((problem) => PROBLEMS[problem] ?? problem.replaceAll("_", " "));
}
