package dev.quern.graph.passes;

import static dev.quern.graph.ElementwiseOp.ADD;
import static dev.quern.graph.ElementwiseOp.MUL;

import dev.quern.graph.Attribute;
import dev.quern.graph.Constant;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.ElementwiseProgram.Instruction;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import dev.quern.graph.passes.Programs.Simple;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import java.util.ArrayList;
import java.util.List;

/**
 * Multiplies the weights of a convolution, or of a product with weights {@code [n, k]}, by the
 * factors of the batch normalisation behind it: what is left of that is a bias.
 *
 * <pre>
 * (x ∗ w + b) · a + c  =  x ∗ (w · a) + (b · a + c)
 * </pre>
 */
final class FoldScales {
  private final Editor editor;

  private FoldScales(Editor editor) {
    this.editor = editor;
  }

  static Graph run(Graph graph) {
    Editor editor = new Editor(graph);
    FoldScales pass = new FoldScales(editor);
    for (Node node : editor.source()) {
      if (!node.isQuern("Elementwise") || !pass.fold(node)) {
        editor.emit(node);
      }
    }
    return editor.finish();
  }

  /** {@code value · factor + shift}; the shift is null if there is none. */
  private record Scale(String value, Constant factor, Constant shift) {}

  private Scale scale(Node node) {
    Simple product = Programs.simple(node, MUL);
    if (product != null && !product.left().isNumber() && !product.right().isNumber()) {
      boolean left = vector(product.left().value()) != null;
      String value = (left ? product.right() : product.left()).value();
      Constant factor = vector((left ? product.left() : product.right()).value());
      return factor == null ? null : new Scale(value, factor, null);
    }
    List<Instruction> steps = node.program("program").instructions();
    boolean line =
        node.inputs().size() == 3
            && steps.size() == 2
            && steps.get(0).op() == MUL
            && steps.get(0).operands().equals(List.of(0, 1))
            && steps.get(1).op() == ADD
            && steps.get(1).operands().equals(List.of(3, 2));
    if (!line) {
      return null;
    }
    Constant factor = vector(node.inputs().get(1));
    Constant shift = vector(node.inputs().get(2));
    return factor == null || shift == null
        ? null
        : new Scale(node.inputs().getFirst(), factor, shift);
  }

  /** A constant with one f32 a channel. */
  private Constant vector(String name) {
    Constant constant = editor.constant(name);
    boolean fits =
        constant != null && constant.shape().rank() == 1 && constant.type() == DataType.FLOAT;
    return fits ? constant : null;
  }

  private boolean fold(Node node) {
    Scale scale = scale(node);
    if (scale == null || editor.uses(scale.value) != 1) {
      return false;
    }
    Node product = editor.definition(scale.value);
    Constant bias = null;
    Simple sum = Programs.simple(product, ADD);
    if (sum != null && !sum.left().isNumber() && !sum.right().isNumber()) {
      boolean left = vector(sum.left().value()) != null;
      bias = vector((left ? sum.left() : sum.right()).value());
      String value = (left ? sum.right() : sum.left()).value();
      product = bias == null || editor.uses(value) != 1 ? null : editor.definition(value);
    }
    boolean fits =
        product != null
            && (product.isQuern("Conv")
                || (product.isQuern("MatMul")
                    && product.integer("transB", 0) != 0
                    && product.integer("parts", 1) == 1))
            && !product.hasProgram()
            && editor.shape(product.output()).equals(editor.shape(node.output()));
    Constant weights = fits ? editor.constant(product.inputs().get(1)) : null;
    if (weights == null
        || weights.type() != DataType.FLOAT
        || weights.shape().rank() < 2
        || !weights.shape().dim(0).equals(scale.factor.shape().dim(0))
        || (bias != null && !bias.shape().equals(scale.factor.shape()))
        || (scale.shift != null && !scale.shift.shape().equals(scale.factor.shape()))) {
      return false;
    }
    write(node, scale, bias, product, weights);
    return true;
  }

  private void write(Node node, Scale scale, Constant bias, Node product, Constant weights) {
    int outputs = (int) scale.factor.size();
    int each = (int) (weights.size() / outputs);
    byte[] scaled = new byte[4 * outputs * each];
    byte[] shifts = new byte[4 * outputs];
    for (int o = 0; o < outputs; o++) {
      double factor = scale.factor.number(o);
      for (int i = o * each; i < (o + 1) * each; i++) {
        put(scaled, i, (float) (weights.data().getFloat(4L * i) * factor));
      }
      double before = bias == null ? 0 : bias.number(o) * factor;
      put(shifts, o, (float) (before + (scale.shift == null ? 0 : scale.shift.number(o))));
    }
    List<String> inputs = new ArrayList<>(product.inputs());
    inputs.set(1, constant(weights.name(), weights.shape(), scaled));
    boolean biased = bias != null || scale.shift != null;
    String inner = biased ? editor.fresh(node.output()) : node.output();
    editor.emit(
        new Node(
            product.name(),
            product.domain(),
            product.op(),
            inputs,
            List.of(inner),
            product.attributes()),
        DataType.FLOAT,
        editor.shape(node.output()));
    if (biased) {
      ElementwiseProgram add =
          ElementwiseProgram.single(ADD, DataType.FLOAT, List.of(DataType.FLOAT, DataType.FLOAT));
      String shift = constant(node.output(), Shape.of(outputs), shifts);
      editor.emit(
          node.withInputs(List.of(inner, shift)).with("program", new Attribute.Program(add)));
    }
  }

  private static void put(byte[] target, int index, float value) {
    int bits = Float.floatToRawIntBits(value);
    for (int b = 0; b < 4; b++) {
      target[4 * index + b] = (byte) (bits >> 8 * b);
    }
  }

  private String constant(String like, Shape shape, byte[] data) {
    return editor.constant(new Constant(editor.fresh(like), DataType.FLOAT, shape, Bytes.of(data)));
  }
}
