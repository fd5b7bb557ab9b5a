package dev.quern.graph;

import static dev.quern.graph.Operator.Types.ANY;
import static dev.quern.graph.Operator.Types.BOOL;
import static dev.quern.graph.Operator.Types.BYTE;
import static dev.quern.graph.Operator.Types.INDEX;
import static dev.quern.graph.Operator.Types.NUMBER;
import static dev.quern.graph.Operator.Types.REAL;

/**
 * The rows of the operators that transformers and the usual convolutional networks are made of.
 * What is here is in every page's download: a rule that they do without belongs to {@link
 * OtherOperators}.
 */
final class CoreOperators {
  private CoreOperators() {}

  static void add(Operators.Table table) {
    table.row("Add", NUMBER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.ADD));
    table.row("Sub", NUMBER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.SUB));
    table.row("Mul", NUMBER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.MUL));
    table.row("Div", NUMBER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.DIV));
    table.row("Pow", NUMBER, 2, 2, ElementwiseRules::pow);
    table.row("Min", NUMBER, 1, Operators.MANY, s -> ElementwiseRules.chain(s, ElementwiseOp.MIN));
    table.row("Max", NUMBER, 1, Operators.MANY, s -> ElementwiseRules.chain(s, ElementwiseOp.MAX));
    table.row("Neg", NUMBER, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.NEG));
    table.row("Abs", NUMBER, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.ABS));
    table.row("Sign", NUMBER, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.SIGN));
    table.row("Sqrt", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.SQRT));
    table.row("Reciprocal", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.RECIPROCAL));
    table.row("Exp", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.EXP));
    table.row("Log", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.LOG));
    table.row("Erf", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.ERF));
    table.row("Tanh", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.TANH));
    table.row("Sigmoid", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.SIGMOID));
    table.row("Relu", NUMBER, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.RELU));
    table.row("Floor", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.FLOOR));
    table.row("Ceil", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.CEIL));
    table.row("Round", REAL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.ROUND));
    table.row("LeakyRelu", REAL, 1, 1, ElementwiseRules::leakyRelu);
    table.row("Clip", NUMBER, 1, 3, ElementwiseRules::clip);
    table.row("Gelu", REAL, 1, 1, ElementwiseRules::gelu);
    table.row("HardSigmoid", REAL, 1, 1, ElementwiseRules::hardSigmoid);
    table.row("HardSwish", REAL, 1, 1, ElementwiseRules::hardSwish);
    table.row("Softplus", REAL, 1, 1, ElementwiseRules::softplus);
    table.row("Equal", ANY, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.EQUAL));
    table.row("Less", NUMBER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.LESS));
    table.row(
        "LessOrEqual", NUMBER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.LESS_EQUAL));
    table.row("Greater", NUMBER, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.GREATER));
    table.row(
        "GreaterOrEqual",
        NUMBER,
        2,
        2,
        s -> ElementwiseRules.plain(s, ElementwiseOp.GREATER_EQUAL));
    table.row("And", BOOL, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.AND));
    table.row("Or", BOOL, 2, 2, s -> ElementwiseRules.plain(s, ElementwiseOp.OR));
    table.row("Not", BOOL, 1, 1, s -> ElementwiseRules.plain(s, ElementwiseOp.NOT));
    table.row("Where", BOOL, 3, 3, s -> ElementwiseRules.plain(s, ElementwiseOp.WHERE));
    table.row("Cast", ANY, 1, 1, ElementwiseRules::cast);

    table.row("MatMul", REAL, 2, 2, MathRules::matMul);
    table.row("Gemm", REAL, 2, 3, MathRules::gemm);
    table.row("Softmax", REAL, 1, 1, s -> MathRules.softmax(s, "Softmax"));
    table.row("LayerNormalization", REAL, 2, 3, MathRules::layerNormalization);
    table.row("ReduceMean", REAL, 1, 2, s -> MathRules.reduce(s, "ReduceMean", 18));
    table.row("ReduceSum", NUMBER, 1, 2, s -> MathRules.reduce(s, "ReduceSum", 13));
    table.row("ReduceMax", NUMBER, 1, 2, s -> MathRules.reduce(s, "ReduceMax", 18));
    table.row("ReduceMin", NUMBER, 1, 2, s -> MathRules.reduce(s, "ReduceMin", 18));

    table.row("DynamicQuantizeLinear", REAL, 1, 1, QuantRules::dynamicQuantizeLinear);
    table.row("QuantizeLinear", REAL, 2, 3, QuantRules::quantizeLinear);
    table.row("DequantizeLinear", BYTE, 2, 3, QuantRules::dequantizeLinear);
    table.row("MatMulInteger", BYTE, 2, 4, QuantRules::matMulInteger);
    table.row("QLinearMatMul", BYTE, 8, 8, QuantRules::qLinearMatMul);

    table.row("Conv", REAL, 2, 3, ImageRules::conv);
    table.row("MaxPool", REAL, 1, 1, ImageRules::maxPool);
    table.row("AveragePool", REAL, 1, 1, ImageRules::averagePool);
    table.row("GlobalAveragePool", REAL, 1, 1, s -> ImageRules.globalPool(s, "ReduceMean"));
    table.row("BatchNormalization", REAL, 5, 5, ImageRules::batchNormalization);

    table.row("Pad", ANY, 1, 4, ImageRules::pad);
    table.row("Gather", ANY, 2, 2, MovementRules::gather);
    table.row("Transpose", ANY, 1, 1, MovementRules::transpose);
    table.row("Slice", ANY, 1, 5, MovementRules::slice);
    table.row("Concat", ANY, 1, Operators.MANY, MovementRules::concat);
    table.row("Split", ANY, 1, 2, MovementRules::split);
    table.row("Expand", ANY, 2, 2, MovementRules::expand);

    table.row("Reshape", ANY, 2, 2, ShapeRules::reshape);
    table.row("Flatten", ANY, 1, 1, ShapeRules::flatten);
    table.row("Squeeze", ANY, 1, 2, ShapeRules::squeeze);
    table.row("Unsqueeze", ANY, 1, 2, ShapeRules::unsqueeze);
    table.row("Identity", ANY, 1, 1, s -> s.alias(0, 0));
    table.row("Dropout", ANY, 1, 3, ShapeRules::dropout);
    table.row("Constant", ANY, 0, 0, ShapeRules::constant);
    table.row("ConstantOfShape", INDEX, 1, 1, ShapeRules::constantOfShape);
    table.row("Shape", ANY, 1, 1, ShapeRules::shape);
    table.row("Range", NUMBER, 3, 3, ShapeRules::range);
  }
}
