"""Train a Transformer with Hugging Face Transformers on the lines of one of our own runs.

    python -m model_export prepare RECIPE --run RUN                       # the project's Python
    .venv-peers/bin/python -m benchmarks.peers.train_transformer RUN PEER
    .venv-peers/bin/python -m benchmarks.peers.convert_transformer PEER

The peer of `benchmarks.quality_speed`: the same lines, the same SentencePiece model, and as
many seconds of one core as are asked for. It is a Transformer with a deep encoder and a shallow
decoder (Kasai et al. 2021) in the sizes of published small translation models
(Bogoychev et al. 2020, "tiny"): what somebody trains who has processors to serve on.

What is spent is processor time, so a machine that has other things to do costs the model
nothing. A run that was stopped goes on from its last look; `--seconds` may then be another, as
long as the learning rate has not begun to fall.
"""

import argparse
import shutil
import time
from pathlib import Path
from typing import Any

import sacrebleu
import sentencepiece
import torch
from torch import Tensor, nn
from transformers import AutoModelForSeq2SeqLM, M2M100Config

from benchmarks.peers.pairs import (
    IGNORED,
    START,
    Batch,
    batch_plan,
    collate,
    padded,
    read_lines,
    read_pairs,
    training_batches,
)
from benchmarks.peers.schedule import next_look, rate
from benchmarks.peers.shapes import END, PAD, TransformerShape
from benchmarks.peers.text_job import VOCABULARY

SHAPE = TransformerShape("tiny", 6, 2, 256, 1024, 8)

# In the peer's directory.
MODEL = "model"

_LOOKS = 40  # at the dev set; every look is a checkpoint
_AVERAGED = 4  # last checkpoints whose mean is the model
_DEV_TRANSLATED = 500  # dev sentences
_TRANSLATED_TOGETHER = 125
_LABEL_SMOOTHING = 0.1


def main() -> None:
    """Train or resume; see the module."""
    parser = argparse.ArgumentParser(description="Train the Transformer peer on a prepared run.")
    parser.add_argument("run", type=Path, help="run directory of ours, after `prepare`")
    parser.add_argument("peer", type=Path, help="directory to train in; resumed if it has last.pt")
    parser.add_argument("--seconds", type=float, default=5000.0, help="processor time to spend")
    parser.add_argument("--batch-tokens", type=int, default=2048, help="padded tokens of a batch")
    arguments = parser.parse_args()
    # One core, as our own model had: the budget is then the same on any machine.
    torch.set_num_threads(1)
    arguments.peer.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(arguments.run / VOCABULARY, arguments.peer / VOCABULARY)
    training = Training(arguments.run, arguments.peer, arguments.seconds, arguments.batch_tokens)
    training.run()


def new_model(vocabulary: int) -> Any:
    """An untrained Transformer: pre-norm, one embedding for both sides and the output.

    Of the library's encoder-decoders, M2M100 has layer normalisation before each sublayer and
    sinusoidal positions. With it the learning rate may be twice that of post-norm (Marian), which
    took 1255 steps to a dev cost of 3.80; this took 489 to 3.67.
    """
    config = M2M100Config(
        vocab_size=vocabulary,
        d_model=SHAPE.size,
        encoder_layers=SHAPE.encoder_layers,
        decoder_layers=SHAPE.decoder_layers,
        encoder_attention_heads=SHAPE.heads,
        decoder_attention_heads=SHAPE.heads,
        encoder_ffn_dim=SHAPE.feed_forward,
        decoder_ffn_dim=SHAPE.feed_forward,
        dropout=0.1,
        attention_dropout=0.0,
        encoder_layerdrop=0.0,
        decoder_layerdrop=0.0,
        # Embeddings of unit size once they are scaled, as in Vaswani et al. 2017.
        init_std=SHAPE.size**-0.5,
        scale_embedding=True,
        max_position_embeddings=512,
        pad_token_id=PAD,
        bos_token_id=START,
        eos_token_id=END,
        decoder_start_token_id=START,
    )
    # The fused attention's backward pass takes 40 % of a step on a CPU; plain products take 10.
    return AutoModelForSeq2SeqLM.from_config(config, attn_implementation="eager")


class Training:
    """One training; owns the model, the optimiser and how far they are."""

    def __init__(self, run: Path, peer: Path, seconds: float, batch_tokens: int) -> None:
        torch.manual_seed(1)
        self.peer = peer
        self.seconds = seconds
        self.batch_tokens = batch_tokens
        self.processor: Any = sentencepiece.SentencePieceProcessor(
            model_file=str(peer / VOCABULARY)
        )
        self.pairs = read_pairs(run, "train", self.processor)
        self.dev = read_pairs(run, "dev", self.processor)
        sources = read_lines(run / "data" / "dev.source")[:_DEV_TRANSLATED]
        self.dev_sources: list[list[int]] = self.processor.encode(sources)
        self.dev_references = read_lines(run / "data" / "dev.target")[:_DEV_TRANSLATED]
        self.model = new_model(self.processor.get_piece_size())
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.0, betas=(0.9, 0.98))
        self.step = 0
        self.spent_s = 0.0
        self._resume()

    @property
    def spent(self) -> float:
        """Share of the budget."""
        return self.spent_s / self.seconds

    def run(self) -> None:
        """Update until the budget is spent, then write the mean of the last checkpoints."""
        batches = training_batches(self.pairs, self.batch_tokens, self.step)
        began_s = time.process_time() - self.spent_s
        while self.spent < 1.0:
            due = next_look(self.spent, _LOOKS)
            cost, tokens = 0.0, 0
            while self.spent < due:
                batch = next(batches)
                cost += self._update(batch) * batch.target_tokens
                tokens += batch.target_tokens
                self.spent_s = time.process_time() - began_s
            self._look(cost / tokens)
        self._write_mean()

    def _update(self, batch: Batch) -> float:
        """One update; the cost per target token."""
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.step, self.spent)
        cost = self._cost(batch, _LABEL_SMOOTHING)
        if not torch.isfinite(cost):
            raise ArithmeticError(f"the training cost is {cost.item()} at step {self.step}")
        self.optimizer.zero_grad()
        cost.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        return cost.item()

    def _cost(self, batch: Batch, smoothing: float) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits: Tensor = self.model(
                input_ids=batch.source,
                attention_mask=(batch.source != PAD).long(),
                decoder_input_ids=batch.inputs,
                use_cache=False,
            ).logits
        return nn.functional.cross_entropy(
            logits.flatten(0, 1).float(),
            batch.targets.flatten(),
            ignore_index=IGNORED,
            label_smoothing=smoothing,
        )

    @torch.inference_mode()
    def _look(self, train_cost: float) -> None:
        """Say how it goes, and save."""
        self.model.eval()
        cost, tokens = 0.0, 0
        for positions in batch_plan(self.dev, self.batch_tokens, 0):
            batch = collate([self.dev[position] for position in positions])
            cost += self._cost(batch, 0.0).item() * batch.target_tokens
            tokens += batch.target_tokens
        bleu = sacrebleu.corpus_bleu(self._translated(), [self.dev_references]).score
        print(
            f"step {self.step}, {self.spent_s:.0f} s: cost {train_cost:.3f}, dev cost "
            f"{cost / tokens:.3f}, dev BLEU of {_DEV_TRANSLATED} greedily {bleu:.2f}",
            flush=True,
        )
        self._save()

    def _translated(self) -> list[str]:
        """Greedy translations of the first dev sentences."""
        order = sorted(range(len(self.dev_sources)), key=lambda at: len(self.dev_sources[at]))
        texts = [""] * len(order)
        for first in range(0, len(order), _TRANSLATED_TOGETHER):
            places = order[first : first + _TRANSLATED_TOGETHER]
            source = padded([[*self.dev_sources[place], END] for place in places], PAD)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                answers = self.model.generate(
                    input_ids=source,
                    attention_mask=(source != PAD).long(),
                    num_beams=1,
                    do_sample=False,
                    max_new_tokens=source.shape[1] * 2 + 10,
                )
            for place, ids in zip(places, answers.tolist(), strict=True):
                texts[place] = self.processor.decode([id_ for id_ in ids if id_ > END])
        return texts

    def _save(self) -> None:
        torch.save(self.model.state_dict(), self.peer / f"step-{self.step}.pt")
        content = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "step": self.step,
            "spent_s": self.spent_s,
        }
        # A kill leaves the earlier file or the new one.
        torch.save(content, self.peer / "last.part")
        (self.peer / "last.part").replace(self.peer / "last.pt")
        for path in self._kept()[:-_AVERAGED]:
            path.unlink()

    def _kept(self) -> list[Path]:
        """Checkpoints, the latest last."""
        return sorted(self.peer.glob("step-*.pt"), key=lambda path: int(path.stem[5:]))

    def _resume(self) -> None:
        path = self.peer / "last.pt"
        if not path.exists():
            return
        content = torch.load(path, weights_only=True)
        self.model.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        torch.set_rng_state(content["random"])
        self.step, self.spent_s = content["step"], content["spent_s"]

    def _write_mean(self) -> None:
        states = [torch.load(path, weights_only=True) for path in self._kept()]
        mean = {name: sum(state[name] for state in states) / len(states) for name in states[0]}
        self.model.load_state_dict(mean)
        self.model.save_pretrained(self.peer / MODEL)


if __name__ == "__main__":
    main()
