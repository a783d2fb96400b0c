"""The decoder contract, and what implements it on ONNX Runtime."""

import os

# ONNX Runtime's official builds write a device id, record each session in a database and send
# both to their vendor, unless this is set before the library loads. Whoever self-hosts for
# privacy has not agreed to that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
