package dev.quern.graph;

import static dev.quern.graph.Operator.Types.ANY;
import static dev.quern.graph.Operator.Types.BOOL;
import static dev.quern.graph.Operator.Types.BYTE;
import static dev.quern.graph.Operator.Types.INDEX;
import static dev.quern.graph.Operator.Types.INTEGER;
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
    table.plain("Add", NUMBER, ElementwiseOp.ADD);
    table.plain("Sub", NUMBER, ElementwiseOp.SUB);
    table.plain("Mul", NUMBER, ElementwiseOp.MUL);
    table.plain("Div", NUMBER, ElementwiseOp.DIV);
    table.row("Pow", NUMBER, 2, 2, ElementwiseRules::pow);
    table.row("Min", NUMBER, 1, Operators.MANY, s -> ElementwiseRules.chain(s, ElementwiseOp.MIN));
    table.row("Max", NUMBER, 1, Operators.MANY, s -> ElementwiseRules.chain(s, ElementwiseOp.MAX));
    table.plain("Neg", NUMBER, ElementwiseOp.NEG);
    table.plain("Abs", NUMBER, ElementwiseOp.ABS);
    table.plain("Sign", NUMBER, ElementwiseOp.SIGN);
    table.plain("Sqrt", REAL, ElementwiseOp.SQRT);
    table.plain("Reciprocal", REAL, ElementwiseOp.RECIPROCAL);
    table.plain("Exp", REAL, ElementwiseOp.EXP);
    table.plain("Log", REAL, ElementwiseOp.LOG);
    table.plain("Erf", REAL, ElementwiseOp.ERF);
    table.plain("Tanh", REAL, ElementwiseOp.TANH);
    table.plain("Sigmoid", REAL, ElementwiseOp.SIGMOID);
    table.plain("Relu", NUMBER, ElementwiseOp.RELU);
    table.plain("Floor", REAL, ElementwiseOp.FLOOR);
    table.plain("Ceil", REAL, ElementwiseOp.CEIL);
    table.plain("Round", REAL, ElementwiseOp.ROUND);
    table.row("LeakyRelu", REAL, 1, 1, ElementwiseRules::leakyRelu);
    table.row("Clip", NUMBER, 1, 3, ElementwiseRules::clip);
    table.row("Gelu", REAL, 1, 1, ElementwiseRules::gelu);
    table.row("HardSigmoid", REAL, 1, 1, ElementwiseRules::hardSigmoid);
    table.row("HardSwish", REAL, 1, 1, ElementwiseRules::hardSwish);
    table.row("Softplus", REAL, 1, 1, ElementwiseRules::softplus);
    table.plain("Equal", ANY, ElementwiseOp.EQUAL);
    table.plain("Less", NUMBER, ElementwiseOp.LESS);
    table.plain("LessOrEqual", NUMBER, ElementwiseOp.LESS_EQUAL);
    table.plain("Greater", NUMBER, ElementwiseOp.GREATER);
    table.plain("GreaterOrEqual", NUMBER, ElementwiseOp.GREATER_EQUAL);
    table.plain("And", BOOL, ElementwiseOp.AND);
    table.plain("Or", BOOL, ElementwiseOp.OR);
    table.plain("Not", BOOL, ElementwiseOp.NOT);
    table.plain("Where", BOOL, ElementwiseOp.WHERE);
    table.row("Cast", ANY, 1, 1, ElementwiseRules::cast);

    table.row("MatMul", REAL, 2, 2, MathRules::matMul);
    table.row("Gemm", REAL, 2, 3, MathRules::gemm);
    table.row("Softmax", REAL, 1, 1, s -> MathRules.softmax(s, "Softmax"));
    table.row("LayerNormalization", REAL, 2, 3, MathRules::layerNormalization);
    table.reduction("ReduceMean", REAL, 18);
    table.reduction("ReduceSum", NUMBER, 13);
    table.reduction("ReduceMax", NUMBER, 18);
    table.reduction("ReduceMin", NUMBER, 18);

    table.row("DynamicQuantizeLinear", REAL, 1, 1, QuantRules::dynamicQuantizeLinear);
    table.row("QuantizeLinear", REAL, 2, 3, QuantRules::quantizeLinear);
    table.row("DequantizeLinear", INTEGER, 2, 3, QuantRules::dequantizeLinear);
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
