"""Convert a trained Transformer to int8 for CTranslate2, with CTranslate2's own loader.

.venv-peers/bin/python -m benchmarks.peers.convert_transformer PEER
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import sentencepiece
from ctranslate2.converters.transformers import M2M100Loader
from transformers import AutoModelForSeq2SeqLM

from benchmarks.peers.pairs import START
from benchmarks.peers.shapes import END, PAD, UNKNOWN
from benchmarks.peers.text_job import CONVERTED, VOCABULARY
from benchmarks.peers.train_transformer import MODEL


class _Loader(M2M100Loader):  # type: ignore[misc]
    """CTranslate2's loader, for a padding id that is not fairseq's."""

    def set_position_encodings(self, spec: Any, module: Any) -> None:
        """Positions count from after the padding id, which CTranslate2 takes to be 1."""
        spec.encodings = module.weights[PAD + 1 :]


def main() -> None:
    """Convert PEER/model into PEER/ctranslate2."""
    parser = argparse.ArgumentParser(description="Convert the Transformer peer for CTranslate2.")
    parser.add_argument("peer", type=Path, help="directory that train_transformer has filled")
    peer = parser.parse_args().peer
    model = AutoModelForSeq2SeqLM.from_pretrained(peer / MODEL)
    convert(model, peer / VOCABULARY, peer / CONVERTED)


def convert(model: Any, vocabulary: Path, directory: Path, quantization: str = "int8") -> None:
    """Write a model of `train_transformer` as CTranslate2 reads it, with its vocabulary."""
    spec = _Loader().get_model_spec(model)
    processor: Any = sentencepiece.SentencePieceProcessor(model_file=str(vocabulary))
    pieces = [processor.id_to_piece(number) for number in range(processor.get_piece_size())]
    spec.register_source_vocabulary(pieces)
    spec.register_target_vocabulary(pieces)
    spec.config.bos_token = spec.config.decoder_start_token = pieces[START]
    spec.config.eos_token = pieces[END]
    spec.config.unk_token = pieces[UNKNOWN]
    spec.config.add_source_eos = True
    spec.validate()
    spec.optimize(quantization=quantization)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    spec.save(str(directory))
    shutil.copyfile(vocabulary, directory / VOCABULARY)


if __name__ == "__main__":
    main()
