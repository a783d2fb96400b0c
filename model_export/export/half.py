"""A float graph with its network in half precision, for GPUs; the search stays in float32.

Halved is what leads to the features that the output layer scores: embeddings, cells, attention.
Weights are the same integers of the same file, turned into float32 and then rounded, which the
runtime does once. The scores themselves, all that is made of them, position angles and what
goes in and out stay in float32: a half has 11 significant bits, and log-probabilities of
neighbouring candidates differ in the twelfth.
"""

import onnx
from onnx import TensorProto, helper

_FLOAT, _HALF = TensorProto.FLOAT, TensorProto.FLOAT16

_TRUTHS = ("And", "Equal", "GreaterOrEqual", "Less", "Not", "Or")
# Angles of far positions have no fraction left in a half.
_FLOAT_ALWAYS = ("Sin", "Cos")


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `encode` or an unrolled `advance`, both in float, with a halved network."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    network = _Network(result.graph)
    nodes = network.rewritten()
    del result.graph.node[:]
    result.graph.node.extend(nodes)
    return result


class _Network:
    """Which nodes of a graph compute the network, and the graph with these in half precision."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.nodes = list(graph.node)
        self.outputs = [value.name for value in graph.output]
        self.types = element_types(graph)
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.constants = {each.name for each in graph.initializer}
        for node in self.nodes:
            if node.input and all(name in self.constants for name in node.input if name):
                self.constants |= set(node.output)
        self.halves = self._upstream(self._features())

    def _features(self) -> list[str]:
        """What the network is there to compute: features, or `encode`'s outputs."""
        scored = [node for node in self.nodes if node.op_type == "LogSoftmax"]
        if not scored:
            return [self.makers[name].input[0] for name in self.outputs]
        return [self._left_side(node) for node in scored]

    def _left_side(self, node: onnx.NodeProto) -> str:
        """The features, going up from a LogSoftmax to the first product."""
        while node.op_type != "MatMul":
            variable = [name for name in node.input if self._is_variable(name)]
            node = self.makers[variable[0]]
        name: str = node.input[0]
        return name

    def _is_variable(self, name: str) -> bool:
        return self.types.get(name) == _FLOAT and name not in self.constants

    def _upstream(self, values: list[str]) -> set[str]:
        """Floats that nodes make and that lead to `values`; these will be halves."""
        found: set[str] = set()
        while values:
            name = values.pop()
            node = self.makers.get(name)
            if name in found or node is None or not self._is_variable(name):
                continue
            if node.op_type in (*_FLOAT_ALWAYS, "Cast"):
                continue
            floats = [each for each in node.output if self.types.get(each) == _FLOAT]
            found |= set(floats)
            values += node.input
        return found

    def rewritten(self) -> list[onnx.NodeProto]:
        """The nodes in order, with casts where the network begins and ends."""
        nodes: list[onnx.NodeProto] = []
        casts: dict[str, str] = {}

        def converted(name: str, to: int) -> str:
            if name not in casts:
                casts[name] = f"{name}.half" if to == _HALF else f"{name}.float"
                nodes.append(helper.make_node("Cast", [name], [casts[name]], to=to))
            return casts[name]

        for node in self.nodes:
            is_half = any(name in self.halves for name in node.output)
            for place, name in enumerate(node.input):
                if self.types.get(name) != _FLOAT or node.op_type == "Shape":
                    continue
                if is_half and name not in self.halves:
                    node.input[place] = converted(name, _HALF)
                elif not is_half and name in self.halves:
                    node.input[place] = converted(name, _FLOAT)
            nodes.append(node)
        return nodes


def element_types(graph: onnx.GraphProto) -> dict[str, int]:
    """Types of all values, by what the operators say of their outputs."""
    types = {value.name: value.type.tensor_type.elem_type for value in graph.input}
    types |= {each.name: each.data_type for each in graph.initializer}
    for node in graph.node:
        # `Where` chooses among its second and third inputs.
        kind = types[node.input[1 if node.op_type == "Where" else 0]]
        if node.op_type == "Cast":
            kind = next(each.i for each in node.attribute if each.name == "to")
        elif node.op_type == "Shape":
            kind = TensorProto.INT64
        elif node.op_type in _TRUTHS:
            kind = TensorProto.BOOL
        types |= dict.fromkeys(node.output, kind)
        if node.op_type == "TopK":
            types[node.output[1]] = TensorProto.INT64
    return types
