"""Nobody is told about the texts that pass through: the runtime's telemetry stays off."""

import os
import subprocess
import sys
from pathlib import Path

from onnx import TensorProto, helper

# A fresh interpreter, because telemetry is switched once, when the library loads.
_SERVE_ONCE = """
import sys
from service.decoding.runtime import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
session.run(None, {"given": [1.0]})
"""


def test_onnx_runtime_keeps_no_record_of_its_use(tmp_path: Path) -> None:
    given, result = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("given", "result")
    )
    node = helper.make_node("Identity", ["given"], ["result"])
    graph = helper.make_graph([node], "identity", [given], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = tmp_path / "identity.onnx"
    path.write_bytes(model.SerializeToString())
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))
    }

    subprocess.run(
        [sys.executable, "-c", _SERVE_ONCE, str(path)],
        env=environment | {"HOME": str(home)},
        check=True,
    )

    assert [*home.rglob("*")] == []
