package dev.quern.graph;

import static dev.quern.graph.Operator.Types.ANY;
import static dev.quern.graph.Operator.Types.BOOL;
import static dev.quern.graph.Operator.Types.BYTE;
import static dev.quern.graph.Operator.Types.INDEX;
import static dev.quern.graph.Operator.Types.NUMBER;
import static dev.quern.graph.Operator.Types.REAL;

import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The table of ONNX operators that can be imported: one row an operator, with the types and numbers
 * of inputs that it accepts and its rule. What is not here is not supported. The operators of
 * another domain than ONNX's own stand under its name, such as {@code com.microsoft.MatMulNBits}.
 *
 * <p>Versions 7 to 21 of ONNX's operator set are understood; where they differ, the rule asks
 * {@link Site#opset}.
 */
public final class Operators {
  private static final int MANY = 1 << 20;
  private static final Map<String, Operator> TABLE = new LinkedHashMap<>();

  static {
    row("Add", NUMBER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.ADD));
    row("Sub", NUMBER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.SUB));
    row("Mul", NUMBER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.MUL));
    row("Div", NUMBER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.DIV));
    row("Pow", NUMBER, 2, 2, ElementwiseRules::pow);
    row("Min", NUMBER, 1, MANY, s -> ElementwiseRules.chain(s, ElementwiseOp.MIN));
    row("Max", NUMBER, 1, MANY, s -> ElementwiseRules.chain(s, ElementwiseOp.MAX));
    row("Mod", NUMBER, 2, 2, ElementwiseRules::mod);
    row("Neg", NUMBER, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.NEG));
    row("Abs", NUMBER, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.ABS));
    row("Sign", NUMBER, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.SIGN));
    row("Sqrt", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.SQRT));
    row("Reciprocal", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.RECIPROCAL));
    row("Exp", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.EXP));
    row("Log", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.LOG));
    row("Erf", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.ERF));
    row("Tanh", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.TANH));
    row("Sigmoid", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.SIGMOID));
    row("Relu", NUMBER, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.RELU));
    row("Floor", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.FLOOR));
    row("Ceil", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.CEIL));
    row("Round", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.ROUND));
    row("LeakyRelu", REAL, 1, 1, ElementwiseRules::leakyRelu);
    row("Clip", NUMBER, 1, 3, ElementwiseRules::clip);
    row("Gelu", REAL, 1, 1, ElementwiseRules::gelu);
    row("HardSigmoid", REAL, 1, 1, ElementwiseRules::hardSigmoid);
    row("HardSwish", REAL, 1, 1, ElementwiseRules::hardSwish);
    row("Softplus", REAL, 1, 1, ElementwiseRules::softplus);
    row("Equal", ANY, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.EQUAL));
    row("Less", NUMBER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.LESS));
    row("LessOrEqual", NUMBER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.LESS_EQUAL));
    row("Greater", NUMBER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.GREATER));
    row(
        "GreaterOrEqual",
        NUMBER,
        2,
        2,
        s -> ElementwiseRules.plain(s, ElementwiseOp.GREATER_EQUAL));
    row("And", BOOL, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.AND));
    row("Or", BOOL, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.OR));
    row("Xor", BOOL, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.XOR));
    row("Not", BOOL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.NOT));
    row("Where", BOOL, 3, 3, s -> ElementwiseRules.plain(s, ElementwiseOp.WHERE));
    row("Cast", ANY, 1, 1, ElementwiseRules::cast);

    row("MatMul", REAL, 2, 2, MathRules::matMul);
    row("Gemm", REAL, 2, 3, MathRules::gemm);
    row("Softmax", REAL, 1, 1, s -> MathRules.softmax(s, "Softmax"));
    row("LogSoftmax", REAL, 1, 1, s -> MathRules.softmax(s, "LogSoftmax"));
    row("LayerNormalization", REAL, 2, 3, MathRules::layerNormalization);
    row("ReduceMean", REAL, 1, 2, s -> MathRules.reduce(s, "ReduceMean", 18));
    row("ReduceSum", NUMBER, 1, 2, s -> MathRules.reduce(s, "ReduceSum", 13));
    row("ReduceMax", NUMBER, 1, 2, s -> MathRules.reduce(s, "ReduceMax", 18));
    row("ReduceMin", NUMBER, 1, 2, s -> MathRules.reduce(s, "ReduceMin", 18));
    row("ReduceProd", NUMBER, 1, 2, s -> MathRules.reduce(s, "ReduceProd", 18));

    row("DynamicQuantizeLinear", REAL, 1, 1, QuantRules::dynamicQuantizeLinear);
    row("QuantizeLinear", REAL, 2, 3, QuantRules::quantizeLinear);
    row("DequantizeLinear", BYTE, 2, 3, QuantRules::dequantizeLinear);
    row("MatMulInteger", BYTE, 2, 4, QuantRules::matMulInteger);
    row("QLinearMatMul", BYTE, 8, 8, QuantRules::qLinearMatMul);

    row("Conv", REAL, 2, 3, ImageRules::conv);
    row("MaxPool", REAL, 1, 1, ImageRules::maxPool);
    row("AveragePool", REAL, 1, 1, ImageRules::averagePool);
    row("GlobalMaxPool", REAL, 1, 1, s -> ImageRules.globalPool(s, "ReduceMax"));
    row("GlobalAveragePool", REAL, 1, 1, s -> ImageRules.globalPool(s, "ReduceMean"));
    row("BatchNormalization", REAL, 5, 5, ImageRules::batchNormalization);

    row("Pad", ANY, 1, 4, ImageRules::pad);
    row("Gather", ANY, 2, 2, MovementRules::gather);
    row("Transpose", ANY, 1, 1, MovementRules::transpose);
    row("Slice", ANY, 1, 5, MovementRules::slice);
    row("Concat", ANY, 1, MANY, MovementRules::concat);
    row("Split", ANY, 1, 2, MovementRules::split);
    row("Expand", ANY, 2, 2, MovementRules::expand);

    row("Reshape", ANY, 2, 2, ShapeRules::reshape);
    row("Flatten", ANY, 1, 1, ShapeRules::flatten);
    row("Squeeze", ANY, 1, 2, ShapeRules::squeeze);
    row("Unsqueeze", ANY, 1, 2, ShapeRules::unsqueeze);
    row("Identity", ANY, 1, 1, s -> s.alias(0, 0));
    row("Dropout", ANY, 1, 3, ShapeRules::dropout);
    row("Constant", ANY, 0, 0, ShapeRules::constant);
    row("ConstantOfShape", INDEX, 1, 1, ShapeRules::constantOfShape);
    row("Shape", ANY, 1, 1, ShapeRules::shape);
    row("Size", ANY, 1, 1, ShapeRules::size);
    row("Range", NUMBER, 3, 3, ShapeRules::range);
  }

  private Operators() {}

  private static void row(
      String name, Operator.Types types, int least, int most, Operator.Rule rule) {
    TABLE.put(name, new Operator(name, types, least, most, rule));
  }

  /** The row of an operator, if it is supported. */
  static Optional<Operator> find(String domain, String op) {
    return Optional.ofNullable(TABLE.get(domain.isEmpty() ? op : domain + "." + op));
  }

  /** The names of all operators that can be imported. */
  public static Collection<String> names() {
    return Collections.unmodifiableSet(TABLE.keySet());
  }
}
