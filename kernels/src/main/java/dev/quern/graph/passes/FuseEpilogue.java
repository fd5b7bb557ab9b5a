package dev.quern.graph.passes;

import dev.quern.graph.Attribute;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Products;
import dev.quern.graph.Shape;
import dev.quern.graph.passes.Programs.Bound;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Makes an element-wise node the epilogue of the product or convolution whose only consumer it is:
 * bias, activation and residual are then computed while the tile is in registers. A reshape that
 * stands between the two comes behind both, if it leaves the columns as they are.
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
      boolean alone =
          editor.uses(input) == Collections.frequency(node.inputs(), input)
              && editor.shape(input).equals(editor.shape(node.output()));
      Node before = alone ? editor.definition(input) : null;
      Node fused = null;
      if (isProduct(before)) {
        fused = fused(node, epilogue, before, input);
      } else if (before != null && before.isOnnx("Reshape")) {
        fused = beforeReshape(editor, node, before);
      }
      if (fused != null) {
        return fused;
      }
    }
    return null;
  }

  private static boolean isProduct(Node node) {
    return node != null && (node.isQuern("MatMul") || node.isQuern("Conv"));
  }

  /** The reshape of what is computed on the shape before it; null if that cannot be. */
  private static Node beforeReshape(Editor editor, Node node, Node reshape) {
    String inner = reshape.inputs().getFirst();
    Shape shape = editor.shape(inner);
    Shape full = editor.shape(reshape.output());
    Node product = editor.definition(inner);
    boolean fits =
        isProduct(product)
            && editor.uses(inner) == 1
            && shape.rank() > 0
            && full.rank() > 0
            && shape.dim(-1).equals(full.dim(-1));
    if (!fits) {
      return null;
    }
    Map<String, String> reshaped = new LinkedHashMap<>();
    List<String> operands = new ArrayList<>();
    for (String input : node.inputs()) {
      boolean whole = editor.shape(input).equals(full);
      // Vectors of columns mean the same in both shapes.
      if (!whole && editor.shape(input).rank() > 1) {
        return null;
      }
      boolean other = whole && !input.equals(reshape.output());
      operands.add(other ? reshaped.computeIfAbsent(input, editor::fresh) : input);
    }
    Bound epilogue = new Bound(operands, node.program("program"));
    Node fused = fused(node, epilogue, product, reshape.output());
    if (fused == null) {
      return null;
    }
    reshaped.forEach((from, to) ->
        editor.emit(
            new Node("", "", "Reshape", List.of(from), List.of(to), Map.of()),
            editor.type(from),
            shape));
    String name = editor.fresh(node.output());
    editor.emit(fused.withOutput(name), DataType.FLOAT, shape);
    return reshape.withInputs(List.of(name)).withOutput(node.output());
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
