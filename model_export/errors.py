"""What can go wrong between a corpus and a bundle.

    ExportError
    |- RecipeError          a recipe is missing something or says something impossible
    |- CorpusError          a corpus file is broken; the message names file and line
    |- CheckpointError      a checkpoint is missing, damaged, or of another network
    |- TrainingError        training cannot go on
    |- VerificationError    ONNX Runtime does not reproduce PyTorch
    `- EvaluationError      scores are missing, or cannot be compared

Messages are for the person at the terminal: the file, the limit, the value.
"""


class ExportError(Exception):
    """Root of the tree; never raised itself."""


class RecipeError(ExportError):
    pass


class CorpusError(ExportError):
    pass


class CheckpointError(ExportError):
    pass


class TrainingError(ExportError):
    pass


class VerificationError(ExportError):
    pass


class EvaluationError(ExportError):
    pass
