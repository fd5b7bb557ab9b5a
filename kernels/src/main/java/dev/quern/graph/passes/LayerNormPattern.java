package dev.quern.graph.passes;

import static dev.quern.graph.ElementwiseOp.ADD;
import static dev.quern.graph.ElementwiseOp.DIV;
import static dev.quern.graph.ElementwiseOp.MUL;
import static dev.quern.graph.ElementwiseOp.POW;
import static dev.quern.graph.ElementwiseOp.RECIPROCAL;
import static dev.quern.graph.ElementwiseOp.SQRT;
import static dev.quern.graph.ElementwiseOp.SUB;

import dev.quern.graph.Attribute;
import dev.quern.graph.Constant;
import dev.quern.graph.ElementwiseOp;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.Shape;
import dev.quern.graph.passes.Programs.Operand;
import dev.quern.graph.passes.Programs.Simple;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Layer normalisation as exporters write it out:
 *
 * <pre>
 * d = x - mean(x)
 * y = d / √(mean(d²) + ε) · scale + bias
 * </pre>
 *
 * with {@code d²} as a power or a product, the root as {@code Sqrt} or a power, and the quotient as
 * a division or a product with the reciprocal. The bias may be absent.
 */
final class LayerNormPattern {
  private final Editor editor;

  private LayerNormPattern(Editor editor) {
    this.editor = editor;
  }

  static Graph run(Graph graph) {
    // With a bias first: without it, the product with the scale would match in its place.
    return sweep(sweep(graph, true), false);
  }

  private static Graph sweep(Graph graph, boolean withBias) {
    Editor editor = new Editor(graph);
    LayerNormPattern pattern = new LayerNormPattern(editor);
    for (Node node : editor.source()) {
      Node match = withBias ? pattern.withBias(node) : pattern.withoutBias(node);
      editor.emit(match == null ? node : match);
    }
    return editor.finish();
  }

  private Node withBias(Node node) {
    Simple add = Programs.simple(node, ADD);
    if (add == null) {
      return null;
    }
    for (int i = 0; i < 2; i++) {
      Simple scaled = Programs.simple(definition(add.operands().get(i)), MUL);
      Node match = scaled == null ? null : match(node, scaled, add.operands().get(1 - i));
      if (match != null) {
        return match;
      }
    }
    return null;
  }

  private Node withoutBias(Node node) {
    Simple scaled = Programs.simple(node, MUL);
    return scaled == null ? null : match(node, scaled, new Operand("", 0));
  }

  private Node match(Node root, Simple scaled, Operand bias) {
    for (int i = 0; i < 2; i++) {
      Operand scale = scaled.operands().get(1 - i);
      Normalised normalised = normalised(definition(scaled.operands().get(i)));
      if (normalised == null || scale.isNumber()) {
        continue;
      }
      Shape shape = editor.shape(normalised.x);
      String scaleVector = vector(scale.value(), shape);
      String biasVector = bias.isNumber() ? "" : vector(bias.value(), shape);
      if (scaleVector == null
          || biasVector == null
          || (bias.isNumber() && bias.number() != 0)
          || !editor.shape(root.output()).equals(shape)) {
        continue;
      }
      List<String> inputs = new ArrayList<>(List.of(normalised.x, scaleVector));
      if (!biasVector.isEmpty()) {
        inputs.add(biasVector);
      }
      Map<String, Attribute> attributes = new LinkedHashMap<>();
      attributes.put("axis", new Attribute.Int(-1));
      attributes.put("epsilon", new Attribute.Real(normalised.epsilon));
      return new Node(root.name(), "", "LayerNormalization", inputs, root.outputs(), attributes);
    }
    return null;
  }

  /** {@code (x - mean(x)) / √(variance(x) + ε)} over the last axis. */
  private record Normalised(String x, double epsilon) {}

  private Normalised normalised(Node node) {
    Simple quotient = Programs.simple(node);
    if (quotient == null || quotient.operands().size() != 2) {
      return null;
    }
    if (quotient.op() == DIV) {
      return normalised(quotient.left(), root(definition(quotient.right()), SQRT, 0.5));
    }
    if (quotient.op() == MUL) {
      for (int i = 0; i < 2; i++) {
        Operand factor = quotient.operands().get(1 - i);
        Normalised match = normalised(quotient.operands().get(i), inverseRoot(factor));
        if (match != null) {
          return match;
        }
      }
    }
    return null;
  }

  /** The radicand of {@code 1/√v}; null if the operand is none. */
  private Operand inverseRoot(Operand factor) {
    Node node = definition(factor);
    Simple simple = Programs.simple(node);
    if (simple == null) {
      return null;
    }
    if (simple.op() == RECIPROCAL) {
      return root(definition(simple.left()), SQRT, 0.5);
    }
    if (simple.op() == DIV && simple.left().is(1)) {
      return root(definition(simple.right()), SQRT, 0.5);
    }
    return simple.op() == POW && simple.right().is(-0.5) ? simple.left() : null;
  }

  private static Operand root(Node node, ElementwiseOp op, double exponent) {
    Simple simple = Programs.simple(node);
    if (simple == null) {
      return null;
    }
    boolean isRoot = simple.op() == op || (simple.op() == POW && simple.right().is(exponent));
    return isRoot ? simple.left() : null;
  }

  private Normalised normalised(Operand difference, Operand radicand) {
    if (radicand == null || difference.isNumber()) {
      return null;
    }
    Simple sum = Programs.simple(definition(radicand), ADD);
    if (sum == null || sum.left().isNumber() == sum.right().isNumber()) {
      return null;
    }
    double epsilon = (sum.left().isNumber() ? sum.left() : sum.right()).number();
    String variance = (sum.left().isNumber() ? sum.right() : sum.left()).value();
    String square = meanOf(editor.definition(variance));
    Simple squared = square == null ? null : Programs.simple(editor.definition(square));
    boolean isSquare =
        squared != null
            && squared.left().value().equals(difference.value())
            && (squared.op() == POW && squared.right().is(2)
                || squared.op() == MUL && squared.right().equals(squared.left()));
    Simple centred = Programs.simple(definition(difference), SUB);
    if (!isSquare || centred == null || centred.left().isNumber() || centred.right().isNumber()) {
      return null;
    }
    String x = centred.left().value();
    return x.equals(meanOf(definition(centred.right()))) ? new Normalised(x, epsilon) : null;
  }

  /** What a node is the mean of over the last axis, which it keeps; null if it is none. */
  private String meanOf(Node node) {
    if (node == null || !node.isOnnx("ReduceMean") || node.integer("keepdims", 1) != 1) {
      return null;
    }
    String x = node.inputs().getFirst();
    long last = editor.shape(x).rank() - 1L;
    return node.ints("axes").equals(List.of(last)) ? x : null;
  }

  /** A constant that has one number for each place of the last axis, as a vector; null if none. */
  private String vector(String value, Shape shape) {
    Constant constant = editor.constant(value);
    if (constant == null
        || shape.rank() == 0
        || constant.shape().rank() == 0
        || !constant.shape().size().equals(shape.dim(-1))
        || !constant.shape().dim(-1).equals(shape.dim(-1))) {
      return null;
    }
    if (constant.shape().rank() == 1) {
      return value;
    }
    return editor.constant(
        new Constant(
            editor.fresh(value),
            constant.type(),
            new Shape(List.of(shape.dim(-1))),
            constant.data()));
  }

  private Node definition(Operand operand) {
    return operand.isNumber() ? null : editor.definition(operand.value());
  }
}
