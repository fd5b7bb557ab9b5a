package dev.quern.graph;

import static dev.quern.graph.Operator.Types.ANY;
import static dev.quern.graph.Operator.Types.BOOL;
import static dev.quern.graph.Operator.Types.NUMBER;
import static dev.quern.graph.Operator.Types.REAL;

/** The rows of all other operators: only the full engine, which few pages load, holds them. */
final class OtherOperators {
  private OtherOperators() {}

  static void add(Operators.Table table) {
    table.row("Mod", NUMBER, 2, 2, ElementwiseRules::mod);
    table.plain("Xor", BOOL, ElementwiseOp.XOR);
    table.row("LogSoftmax", REAL, 1, 1, s -> MathRules.softmax(s, "LogSoftmax"));
    table.reduction("ReduceProd", NUMBER, 18);
    table.row("GlobalMaxPool", REAL, 1, 1, s -> ImageRules.globalPool(s, "ReduceMax"));
    table.row("com.microsoft.MatMulNBits", REAL, 3, 6, QuantRules::matMulNBits);
    table.row("Size", ANY, 1, 1, ShapeRules::size);
  }
}
