"""DeepL's official client for Node, where somebody has installed it: npm install deepl-node."""

import json
import shutil
import subprocess

import pytest

from tests.api.serving import PATIENCE_S, ServerInThread
from tests.docs.pages import ROOT

NODE = shutil.which("node")
ASK = """
const deepl = require("deepl-node");
const client = new deepl.DeepLClient("any-key", { serverUrl: process.argv[1] });
async function main() {
  const one = await client.translateText("hello", "en", "de");
  const [first, second] = await client.translateText(["a", "b"], null, "en-GB", {
    splitSentences: "nonewlines",
    preserveFormatting: true,
    formality: "prefer_less",
    context: "letters",
  });
  const languages = await client.getTargetLanguages();
  const usage = await client.getUsage();
  const error = await client.translateText("a", null, "fi").catch((error) => error.message);
  console.log(JSON.stringify([one, first, second, languages, usage.character, error]));
}
main();
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert NODE is not None
    return subprocess.run(
        [NODE, "-e", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_it_works(server: ServerInThread) -> None:
    if NODE is None or run("require.resolve('deepl-node')").returncode:
        pytest.skip("there is no node with deepl-node")
    done = run(ASK, server.url)
    assert done.returncode == 0, done.stderr
    one, first, second, languages, usage, error = json.loads(done.stdout)
    assert one["text"] == "HELLO"
    assert one["detectedSourceLang"] == "en"
    assert one["billedCharacters"] == 5
    assert [first["text"], second["text"]] == ["A", "B"]
    assert {"code": "de", "name": "German", "supportsFormality": False} in languages
    assert usage["count"] >= 7
    assert "target_lang fi is not supported" in error
