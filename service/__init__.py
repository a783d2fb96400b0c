"""The serving half: FastAPI on ONNX Runtime. Imports neither PyTorch nor `model_export`."""

__version__ = "0.1.0"
