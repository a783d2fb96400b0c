// The two language choosers, filled from /languages.

import { element } from "./panels.js";

export const AUTO = "auto";

export class Languages {
  #list;
  #source;
  #target;
  #names;

  /**
   * @param {{code: string, name: string, targets: string[]}[]} list The answer of /languages.
   * @param {HTMLSelectElement} source
   * @param {HTMLSelectElement} target
   */
  constructor(list, source, target) {
    this.#list = list;
    this.#source = source;
    this.#target = target;
    this.#names = new Map(list.map(({ code, name }) => [code, name]));
    const sources = list.filter(({ code }) => this.targets(code).length);
    source.replaceChildren(
      element("option", { value: AUTO }, "Detect language"),
      ...sources.map(({ code, name }) => element("option", { value: code }, name)),
    );
    this.fitTargets();
  }

  /** @returns {string} */
  name(code) {
    return this.#names.get(code) ?? code;
  }

  /** @returns {string[]} What `source` can be translated to; itself is no translation. */
  targets(source = this.#source.value) {
    const from = this.#list.filter(({ code }) => source === AUTO || code === source);
    return [...new Set(from.flatMap(({ code, targets }) => targets.filter((to) => to !== code)))];
  }

  /** Offer the targets of the chosen source, keeping the chosen one where it can be. */
  fitTargets() {
    const kept = this.#target.value;
    const codes = this.targets();
    this.#target.replaceChildren(
      ...codes.map((code) => element("option", { value: code }, this.name(code))),
    );
    if (codes.includes(kept)) this.#target.value = kept;
  }

  /**
   * @param {string | null} detected Language of the text when the source is to be detected.
   * @returns {[string, string] | null} Source and target the other way round, if served.
   */
  swapped(detected) {
    const from = this.#source.value === AUTO ? detected : this.#source.value;
    const to = this.#target.value;
    return from !== null && this.targets(to).includes(from) ? [to, from] : null;
  }

  /** Choose a pair that is served. */
  choose(source, target) {
    this.#source.value = source;
    this.fitTargets();
    this.#target.value = target;
  }
}
