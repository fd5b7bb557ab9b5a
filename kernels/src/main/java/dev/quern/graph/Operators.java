package dev.quern.graph;

import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A table of ONNX operators that can be imported: one row an operator, with the types and numbers
 * of inputs that it accepts and its rule. What is not in it is not supported. The operators of
 * another domain than ONNX's own stand under its name, such as {@code com.microsoft.MatMulNBits}.
 *
 * <p>Versions 7 to 24 of ONNX's operator set are understood; where they differ, the rule asks
 * {@link Site#opset}.
 *
 * <p>There are two tables, and each is a value that the importer is given: an engine that only ever
 * makes the {@linkplain #core() smaller} one is compiled without the rules of the other.
 */
public final class Operators {
  /** The most inputs of an operator that takes any number. */
  static final int MANY = 1 << 20;

  /** Takes the rows while a table is made. */
  static final class Table {
    private final Map<String, Operator> rows = new LinkedHashMap<>();

    void row(String name, Operator.Types types, int least, int most, Operator.Rule rule) {
      rows.put(name, new Operator(name, types, least, most, rule));
    }

    /** An operator that is one element-wise instruction. */
    void plain(String name, Operator.Types types, ElementwiseOp op) {
      row(name, types, op.arity(), op.arity(), s -> ElementwiseRules.plain(s, op));
    }

    /** A reduction whose axes are an input since that version of ONNX's operators. */
    void reduction(String name, Operator.Types types, int since) {
      row(name, types, 1, 2, s -> MathRules.reduce(s, name, since));
    }
  }

  /** Operators that already were what they are now before version 7. */
  private static final List<String> OLD =
      List.of(
          "Elu",
          "GlobalAveragePool",
          "GlobalMaxPool",
          "HardSigmoid",
          "InstanceNormalization",
          "Not",
          "ReduceL1",
          "ReduceL2",
          "ReduceLogSum",
          "ReduceLogSumExp",
          "ReduceMax",
          "ReduceMean",
          "ReduceMin",
          "ReduceProd",
          "ReduceSum",
          "ReduceSumSquare",
          "Relu",
          "Sigmoid",
          "Softplus",
          "Softsign",
          "Tanh",
          "Transpose");

  /** The first version of ONNX's operators in which an operator was what its rule makes of it. */
  static int since(String op) {
    return OLD.contains(op) ? 1 : op.equals("Selu") ? 6 : 7;
  }

  private final Map<String, Operator> rows;

  private Operators(Table table) {
    rows = Collections.unmodifiableMap(table.rows);
  }

  /** What transformers and the usual convolutional networks are made of. */
  public static Operators core() {
    Table table = new Table();
    CoreOperators.add(table);
    return new Operators(table);
  }

  /** All operators that can be imported. */
  public static Operators all() {
    Table table = new Table();
    CoreOperators.add(table);
    OtherOperators.add(table);
    ExtendedOperators.add(table);
    return new Operators(table);
  }

  /** The row of an operator, if it is supported. */
  Optional<Operator> find(String domain, String op) {
    return Optional.ofNullable(rows.get(domain.isEmpty() ? op : domain + "." + op));
  }

  /** The names of the operators. */
  public Collection<String> names() {
    return rows.keySet();
  }

  /** What a row says, for the documentation: {@code 1 to 3 | real}. */
  public String describe(String name) {
    Operator row = rows.get(name);
    String most = row.most() == MANY ? " or more" : " to " + row.most();
    return row.least()
        + (row.most() == row.least() ? "" : most)
        + " | "
        + row.types().name().toLowerCase(java.util.Locale.ROOT);
  }
}
