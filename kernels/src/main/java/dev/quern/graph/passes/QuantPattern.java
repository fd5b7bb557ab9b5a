package dev.quern.graph.passes;

import static dev.quern.graph.ElementwiseOp.CAST;
import static dev.quern.graph.ElementwiseOp.MUL;
import static dev.quern.graph.ElementwiseOp.SUB;

import dev.quern.graph.Attribute;
import dev.quern.graph.Constant;
import dev.quern.graph.ElementwiseProgram;
import dev.quern.graph.Graph;
import dev.quern.graph.Node;
import dev.quern.graph.ProgramBuilder;
import dev.quern.graph.QuantRules;
import dev.quern.graph.Shape;
import dev.quern.graph.passes.Programs.Operand;
import dev.quern.graph.passes.Programs.Simple;
import dev.quern.onnx.Bytes;
import dev.quern.onnx.DataType;
import dev.quern.reference.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Products with narrow weights, as quantising tools write them:
 *
 * <pre>
 * f32(MatMulInteger(q, W, zero of q, Z)) · (scale of q · S)     q, scale, zero = DynamicQuantizeLinear(x)
 * x · DequantizeLinear(W, S, Z)
 * x · f32(W)                                                    W of f16
 * </pre>
 *
 * become one product that keeps W as it is. Other dequantisation becomes element-wise programs, so
 * that these fuse, but for that of constants, which are folded. Rows of a table are looked up
 * before they are dequantised.
 */
final class QuantPattern {
  private final Editor editor;

  private QuantPattern(Editor editor) {
    this.editor = editor;
  }

  static Graph run(Graph graph) {
    Editor editor = new Editor(graph);
    QuantPattern pattern = new QuantPattern(editor);
    for (Node node : editor.source()) {
      Node match = pattern.match(node);
      editor.emit(match == null ? node : match);
    }
    return editor.finish();
  }

  private Node match(Node node) {
    if (node.isQuern("Dequantize")) {
      if (Dequantised.of(editor, node) != null && !editor.isOutput(node.output())) {
        return null;
      }
      DataType type = editor.type(node.inputs().getFirst());
      Attribute program = new Attribute.Program(QuantRules.dequantize(type, node.has(2)));
      return replaced(node, "Elementwise", node.inputs(), Map.of("program", program));
    }
    if (node.isQuern("MatMul") && node.inputs().size() == 2) {
      return weightOnly(node);
    }
    if (node.isOnnx("Gather")) {
      return lookedUp(node);
    }
    if (node.isQuern("MatMulInteger") && part(node.inputs().getFirst(), 0) == null) {
      return sums(node);
    }
    Node unrounded = node.isQuern("Elementwise") ? unrounded(node) : null;
    if (unrounded != null) {
      return unrounded;
    }
    Simple product = Programs.simple(node, MUL);
    if (product == null || product.left().isNumber() || product.right().isNumber()) {
      return null;
    }
    Node found = dynamic(node, product.left(), product.right());
    return found == null ? dynamic(node, product.right(), product.left()) : found;
  }

  private static Node replaced(
      Node node, String op, List<String> inputs, Map<String, Attribute> attributes) {
    return new Node(node.name(), Node.QUERN, op, inputs, node.outputs(), attributes);
  }

  /** A product with a dequantised constant; the node that dequantises may serve others, too. */
  private Node weightOnly(Node node) {
    Node weights = source(node.inputs().get(1));
    if (weights != null && weights.isQuern("Widen")) {
      String halves = weights.inputs().getFirst();
      return editor.shape(halves).rank() == 2
          ? node.withInputs(List.of(node.inputs().get(0), halves))
          : null;
    }
    if (weights == null || !weights.isQuern("Dequantize")) {
      return null;
    }
    boolean transposed = node.integer("transB", 0) != 0;
    String scale = weights.inputs().get(1);
    String zero = weights.has(2) ? weights.inputs().get(2) : "";
    if (!fits(weights.inputs().get(0), scale, zero, transposed)) {
      return null;
    }
    Map<String, Attribute> attributes = new LinkedHashMap<>(node.attributes());
    attributes.put("scaled", new Attribute.Int(1));
    return replaced(
        node,
        "MatMul",
        List.of(node.inputs().get(0), weights.inputs().get(0), scale, zero),
        attributes);
  }

  /**
   * Rows of a table of bytes with one scale, dequantised behind the look-up; null if it is none.
   */
  private Node lookedUp(Node node) {
    Node table = source(node.inputs().get(0));
    boolean fits =
        table != null
            && table.isQuern("Dequantize")
            && editor.constant(table.inputs().get(0)) != null
            && editor.shape(table.inputs().get(1)).size().is(1)
            && (!table.has(2) || editor.shape(table.inputs().get(2)).size().is(1));
    if (!fits) {
      return null;
    }
    DataType type = editor.type(table.inputs().get(0));
    String rows = editor.fresh(node.output());
    List<String> operands = new ArrayList<>(table.inputs());
    operands.set(0, rows);
    Node bytes =
        node.withInputs(List.of(table.inputs().get(0), node.inputs().get(1))).withOutput(rows);
    editor.emit(bytes, type, editor.shape(node.output()));
    Attribute program = new Attribute.Program(QuantRules.dequantize(type, table.has(2)));
    return replaced(node, "Elementwise", operands, Map.of("program", program));
  }

  /**
   * A product of bytes with constant weights as one of f32, whose sums are whole numbers; those of
   * more than 258 products may lose what f32 does not hold, half a unit in 2²⁴. Null for others.
   */
  private Node sums(Node node) {
    String zero = node.has(3) ? node.inputs().get(3) : "";
    if (!fits(node.inputs().get(1), "", zero, false)) {
      return null;
    }
    String left = node.inputs().get(0);
    DataType type = editor.type(left);
    boolean shifted = node.has(2);
    ProgramBuilder p = new ProgramBuilder(shifted ? List.of(type, type) : List.of(type));
    int number = p.typed(CAST, DataType.FLOAT, 0);
    if (shifted) {
      p.op(SUB, number, p.typed(CAST, DataType.FLOAT, 1));
    }
    String numbers = editor.fresh(left);
    List<String> operands = shifted ? List.of(left, node.inputs().get(2)) : List.of(left);
    editor.emit(
        new Node(
            node.name(),
            Node.QUERN,
            "Elementwise",
            operands,
            List.of(numbers),
            Map.of("program", new Attribute.Program(p.build()))),
        DataType.FLOAT,
        editor.shape(left));
    byte[] one = Tensor.of(new float[] {1}).toBytes();
    Constant scale = new Constant(editor.fresh("one"), DataType.FLOAT, Shape.SCALAR, Bytes.of(one));
    String bytes = node.inputs().get(1);
    String weights = editor.fresh(bytes);
    List<String> parts = new ArrayList<>(List.of(bytes, editor.constant(scale)));
    if (!zero.isEmpty()) {
      parts.add(zero);
    }
    editor.emit(
        new Node(weights, Node.QUERN, "Dequantize", parts, List.of(weights), Map.of()),
        DataType.FLOAT,
        editor.shape(bytes));
    String product = editor.fresh(node.output());
    editor.emit(
        new Node(
            node.name(),
            Node.QUERN,
            "MatMul",
            List.of(numbers, weights),
            List.of(product),
            Map.of()),
        DataType.FLOAT,
        editor.shape(node.output()));
    return replaced(node, "Elementwise", List.of(product), QuantRules.toWhole());
  }

  /**
   * A program on sums that became i32, and makes f32 of them again: those of a convolution or
   * product of bytes are whole numbers in f32 all the time. Null for other programs.
   */
  private Node unrounded(Node node) {
    ElementwiseProgram program = node.program("program");
    int count = node.inputs().size();
    List<String> inputs = new ArrayList<>(node.inputs());
    List<DataType> types = new ArrayList<>(program.inputs());
    for (int i = 0; i < count; i++) {
      Node sums = editor.definition(inputs.get(i));
      if (sums != null && sums.integer("whole", 0) != 0) {
        inputs.set(i, sums.inputs().getFirst());
        types.set(i, DataType.FLOAT);
      }
    }
    if (inputs.equals(node.inputs())) {
      return null;
    }
    ProgramBuilder p = new ProgramBuilder(types);
    int[] registers = new int[program.registers()];
    for (int i = 0; i < count; i++) {
      registers[i] = i;
    }
    int next = count;
    for (ElementwiseProgram.Instruction step : program.instructions()) {
      List<Integer> operands = new ArrayList<>();
      boolean whole = false;
      for (int operand : step.operands()) {
        operands.add(registers[operand]);
        whole |= operand < count && types.get(operand) != program.type(operand);
      }
      if (whole && (step.op() != CAST || step.type() != DataType.FLOAT)) {
        return null;
      }
      registers[next++] =
          whole ? operands.getFirst() : p.append(step.op(), step.type(), operands, step.number());
    }
    int result = registers[next - 1];
    if (result < count) {
      return new Node(
          node.name(), "", "Reshape", List.of(inputs.get(result)), node.outputs(), Map.of());
    }
    Attribute attribute = new Attribute.Program(p.build(result));
    return replaced(node, "Elementwise", inputs, Map.of("program", attribute));
  }

  /** The node of the graph before this pass: those that were emitted may have been rewritten. */
  private Node source(String value) {
    for (Node node : editor.source()) {
      if (node.output().equals(value)) {
        return node;
      }
    }
    return null;
  }

  /** Whether weights are a constant matrix, and what scales them goes by columns. */
  private boolean fits(String weights, String scale, String zero, boolean transposed) {
    Constant matrix = editor.constant(weights);
    if (matrix == null || matrix.shape().rank() != 2 || !QuantRules.isByte(matrix.type())) {
      return false;
    }
    for (String side : List.of(scale, zero)) {
      Constant constant = editor.constant(side);
      if (side.isEmpty()) {
        continue;
      }
      // What goes with columns is a vector for [k, n], and [n, 1] for [n, k].
      if (constant == null || constant.shape().rank() > 0 && !byColumns(constant, transposed)) {
        return false;
      }
    }
    return true;
  }

  private static boolean byColumns(Constant side, boolean transposed) {
    int rank = side.shape().rank();
    return transposed ? rank == 2 && side.shape().dim(1).is(1) : rank == 1;
  }

  private Node dynamic(Node node, Operand left, Operand right) {
    Simple cast = Programs.simple(editor.definition(left.value()), CAST);
    Node sums = cast == null ? null : editor.definition(cast.left().value());
    Simple scales = Programs.simple(editor.definition(right.value()), MUL);
    if (sums == null
        || !sums.isQuern("MatMulInteger")
        || scales == null
        || scales.left().isNumber()
        || scales.right().isNumber()) {
      return null;
    }
    Node numbers = part(sums.inputs().get(0), 0);
    Node zero = sums.has(2) ? part(sums.inputs().get(2), 2) : null;
    Node scale = part(scales.left().value(), 1);
    String columns = (scale == null ? scales.left() : scales.right()).value();
    scale = scale == null ? part(scales.right().value(), 1) : scale;
    if (numbers == null
        || zero == null
        || scale == null
        || !numbers.inputs().equals(zero.inputs())
        || !numbers.inputs().equals(scale.inputs())
        || !fits(sums.inputs().get(1), columns, sums.has(3) ? sums.inputs().get(3) : "", false)
        || !editor.shape(node.output()).equals(editor.shape(sums.output()))) {
      return null;
    }
    return replaced(
        node,
        "MatMul",
        List.of(
            numbers.inputs().getFirst(),
            sums.inputs().get(1),
            columns,
            sums.has(3) ? sums.inputs().get(3) : ""),
        Map.of("scaled", new Attribute.Int(1), "dynamic", new Attribute.Int(1)));
  }

  private Node part(String value, int part) {
    Node node = editor.definition(value);
    return node != null && node.isQuern("DynamicQuantize") && node.integer("part", 0) == part
        ? node
        : null;
  }
}
