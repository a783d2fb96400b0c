// What the page asks the server, and failures in words.

/** A request that failed; `message` is for people. */
export class Failure extends Error {
  /**
   * @param {string} message
   * @param {number | null} retryAfter Seconds after which another attempt makes sense.
   * @param {boolean} wantsKey The server asks for another API key.
   */
  constructor(message, retryAfter = null, wantsKey = false) {
    super(message);
    this.retryAfter = retryAfter;
    this.wantsKey = wantsKey;
  }
}

/**
 * @param {string} path Relative, so that the page works below any prefix.
 * @returns {Promise<any>} The answer, or null when there is none.
 */
export async function get(path) {
  try {
    const response = await fetch(path);
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} path
 * @param {object} fields With `stream`, the answer comes in parts.
 * @param {string} key The API key; empty for none.
 * @param {AbortSignal} signal
 * @param {(delta: string) => void} onDelta Called with what follows, when it comes in parts.
 * @returns {Promise<{answer: any, seconds: number}>} With what it took, there and back.
 * @throws {Failure}
 */
export async function post(path, fields, key, signal, onDelta) {
  const started = performance.now();
  let response;
  let answer;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: {
        "Content-Type": "application/json", ...(key && { Authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify(fields),
      signal,
    });
    const isStream = response.headers.get("Content-Type").startsWith("text/event-stream");
    answer = isStream ? await whole(response.body, onDelta) : await response.json();
  } catch (error) {
    if (error.name === "AbortError" || error instanceof Failure) throw error;
    throw new Failure(
      response ? `The server answered with status ${response.status}, and not in JSON.`
        : "The server does not answer. Trying again in 5 seconds.",
      response ? null : 5,
    );
  }
  if (!response.ok) throw failure(response, answer);
  return { answer, seconds: (performance.now() - started) / 1000 };
}

/** Read Server-Sent Events to their end, which is the whole answer. */
async function whole(body, onDelta) {
  let rest = "";
  for await (const part of parts(body.pipeThrough(new TextDecoderStream()))) {
    const blocks = (rest + part).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
      if (event === "sentence") onDelta(JSON.parse(data).delta);
      if (event === "done") return JSON.parse(data);
      if (event === "error") throw new Failure(sentence(JSON.parse(data).error));
    }
  }
  throw new Error("the stream has no end");
}

// Not every browser can iterate over a stream by itself.
async function* parts(stream) {
  const reader = stream.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
}

function failure(response, answer) {
  const said = sentence(String(answer.error ?? `status ${response.status}`));
  const wait = Number(response.headers.get("Retry-After")) || null;
  if (wait === null || ![429, 503].includes(response.status)) {
    return new Failure(said, null, [401, 403].includes(response.status));
  }
  const unit = wait === 1 ? "second" : "seconds";
  return new Failure(`${said} Trying again in ${wait} ${unit}.`, wait);
}

function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
