package dev.quern.graph.passes;

import dev.quern.graph.Attribute;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Products;
import dev.quern.graph.passes.Programs.Bound;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Makes an element-wise node the epilogue of the product or convolution whose only consumer it is:
 * bias, activation and residual are then computed while the tile is in registers.
 */
final class FuseEpilogue {
  private FuseEpilogue() {}

  static Graph run(Graph graph) {
    Editor editor = new Editor(graph);
    for (Node node : editor.source()) {
      Node fused = node.isQuern("Elementwise") ? fused(editor, node) : null;
      editor.emit(fused == null ? node : fused);
    }
    return editor.finish();
  }

  private static Node fused(Editor editor, Node node) {
    Bound epilogue = new Bound(node.inputs(), node.program("program"));
    if (!FuseElementwise.isReal(epilogue.program())
        || editor.type(node.output()) != DataType.FLOAT) {
      return null;
    }
    for (String input : node.inputs()) {
      Node product = editor.definition(input);
      if (product != null
          && (product.isQuern("MatMul") || product.isQuern("Conv"))
          && editor.uses(input) == Collections.frequency(node.inputs(), input)
          && editor.shape(input).equals(editor.shape(node.output()))) {
        Node fused = fused(node, epilogue, product, input);
        if (fused != null) {
          return fused;
        }
      }
    }
    return null;
  }

  private static Node fused(Node node, Bound epilogue, Node product, String accumulator) {
    int operands = Products.extras(product);
    List<String> extras = new ArrayList<>(List.of(accumulator));
    extras.addAll(product.inputs().subList(operands, product.inputs().size()));
    Bound joined =
        product.hasProgram()
            ? Programs.inline(
                epilogue, accumulator, new Bound(extras, product.program("program")), accumulator)
            : Programs.withFirst(epilogue, accumulator);
    if (joined.operands().size() > FuseElementwise.MOST_OPERANDS
        || joined.program().instructions().size() > FuseElementwise.MOST_INSTRUCTIONS) {
      return null;
    }
    List<String> inputs = new ArrayList<>(product.inputs().subList(0, operands));
    inputs.addAll(joined.operands().subList(1, joined.operands().size()));
    return new Node(
            product.name(),
            product.domain(),
            product.op(),
            inputs,
            node.outputs(),
            product.attributes())
        .with("program", new Attribute.Program(joined.program()));
  }
}
