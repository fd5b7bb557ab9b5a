package dev.quern.server.intake;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import dev.quern.onnx.DataType;
import dev.quern.onnx.OnnxAttribute;
import dev.quern.onnx.OnnxGraph;
import dev.quern.onnx.OnnxNode;
import dev.quern.onnx.OnnxTensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The constant matrices of a graph that are multiplied with, and what else is done with them. */
final class Weights {
  /** Elements below which the nodes and scales that come with fewer bits are not worth it. */
  static final long LEAST = 4096;

  /**
   * A matrix that products take as their second operand.
   *
   * @param tensor f32 {@code [k, n]}, or {@code [n, k]} if transposed
   * @param transposed whether all products that use it transpose it
   */
  record Weight(OnnxTensor tensor, boolean transposed) {
    String name() {
      return tensor.name();
    }

    int k() {
      return (int) tensor.dims()[transposed ? 1 : 0];
    }

    int n() {
      return (int) tensor.dims()[transposed ? 0 : 1];
    }
  }

  private final Map<String, Weight> weights = new LinkedHashMap<>();
  private final List<String> kept = new ArrayList<>();

  private Weights() {}

  /** The weights that can be stored in fewer bits, by name. */
  Map<String, Weight> weights() {
    return weights;
  }

  /** Weights of products that stay as they are, each with the reason. */
  List<String> kept() {
    return kept;
  }

  /** Leaves a weight as it is. */
  void keep(String name, String reason) {
    weights.remove(name);
    kept.add(name + ": " + reason);
  }

  /**
   * Finds them.
   *
   * @param graph as read
   * @param proto the same as protobuf
   */
  static Weights of(OnnxGraph graph, GraphProto proto) {
    Map<String, OnnxTensor> constants = new LinkedHashMap<>();
    graph.initializers().forEach(tensor -> constants.put(tensor.name(), tensor));
    for (OnnxNode node : graph.nodes()) {
      if (node.op().equals("Constant")
          && node.domain().isEmpty()
          && node.attributes().get("value") instanceof OnnxAttribute.Tensor(OnnxTensor tensor)) {
        String name = node.outputs().getFirst();
        constants.put(name, new OnnxTensor(name, tensor.type(), tensor.dims(), tensor.data()));
      }
    }
    Map<String, Set<String>> uses = new LinkedHashMap<>();
    proto.getNodeList().forEach(node -> uses(node, true, uses));
    proto.getOutputList().forEach(output -> use(uses, output.getName(), "the model's output"));
    Weights result = new Weights();
    for (OnnxTensor tensor : constants.values()) {
      result.add(tensor, uses.getOrDefault(tensor.name(), Set.of()));
    }
    return result;
  }

  private static final String PLAIN = "product";
  private static final String TRANSPOSED = "transposed product";

  private void add(OnnxTensor tensor, Set<String> uses) {
    if (!uses.contains(PLAIN) && !uses.contains(TRANSPOSED) || tensor.dims().length != 2) {
      return;
    }
    long elements = tensor.dims()[0] * tensor.dims()[1];
    if (elements < LEAST) {
      kept.add(tensor.name() + ": it has " + elements + " numbers only");
    } else if (tensor.type() != DataType.FLOAT) {
      kept.add(tensor.name() + ": it is " + tensor.type().label());
    } else if (elements > Integer.MAX_VALUE / Float.BYTES) {
      kept.add(tensor.name() + ": it is too large for a Java array");
    } else if (uses.size() > 1) {
      List<String> others = new ArrayList<>(uses);
      others.remove(PLAIN);
      kept.add(tensor.name() + ": it also serves " + String.join(", ", others));
    } else {
      weights.put(tensor.name(), new Weight(tensor, uses.contains(TRANSPOSED)));
    }
  }

  /** Whether a node is a product whose second operand may be a weight. */
  static boolean isProduct(NodeProto node) {
    boolean plain = node.getDomain().isEmpty() || node.getDomain().equals("ai.onnx");
    return plain && (node.getOpType().equals("MatMul") || node.getOpType().equals("Gemm"));
  }

  /** What each constant is used for. */
  private static void uses(NodeProto node, boolean main, Map<String, Set<String>> uses) {
    for (int i = 0; i < node.getInputCount(); i++) {
      String use = node.getOpType();
      if (main && i == 1 && isProduct(node)) {
        use = integer(node, "transB", 0) != 0 ? TRANSPOSED : PLAIN;
      }
      use(uses, node.getInput(i), use);
    }
    for (AttributeProto attribute : node.getAttributeList()) {
      attribute.getG().getNodeList().forEach(inner -> uses(inner, false, uses));
      attribute.getG().getOutputList().forEach(out -> use(uses, out.getName(), "a branch"));
    }
  }

  private static void use(Map<String, Set<String>> uses, String name, String use) {
    uses.computeIfAbsent(name, key -> new LinkedHashSet<>()).add(use);
  }

  static AttributeProto attribute(NodeProto node, String name) {
    for (AttributeProto attribute : node.getAttributeList()) {
      if (attribute.getName().equals(name)) {
        return attribute;
      }
    }
    return null;
  }

  static long integer(NodeProto node, String name, long absent) {
    AttributeProto attribute = attribute(node, name);
    return attribute == null ? absent : attribute.getI();
  }

  static float real(NodeProto node, String name, float absent) {
    AttributeProto attribute = attribute(node, name);
    return attribute == null ? absent : attribute.getF();
  }
}
