package dev.quern.graph;

import dev.quern.onnx.DataType;

/**
 * One row of the table {@link Operators}: an ONNX operator that can be imported.
 *
 * @param name ONNX's name
 * @param types what elements its first input may have
 * @param least the fewest inputs
 * @param most the most inputs
 * @param rule infers the shapes of the outputs and writes the canonical nodes
 */
record Operator(String name, Types types, int least, int most, Rule rule) {
  /** Infers the shapes of a node's outputs and writes the canonical nodes. */
  @FunctionalInterface
  interface Rule {
    void apply(Site site);
  }

  /** A set of element types. */
  enum Types {
    ANY,
    /** f32, f64, f16 and bf16. */
    REAL,
    /** Reals and integers. */
    NUMBER,
    /** Integers of 8 to 64 bits, with and without sign. */
    INTEGER,
    BOOL,
    /** u8 and i8. */
    BYTE,
    /** i32 and i64. */
    INDEX;

    boolean holds(DataType type) {
      return switch (this) {
        case ANY -> true;
        case REAL -> type.isFloating();
        case NUMBER -> type.isFloating() || type.isInteger();
        case INTEGER -> type.isInteger();
        case BOOL -> type == DataType.BOOL;
        case BYTE -> QuantRules.isByte(type);
        case INDEX -> type == DataType.INT32 || type == DataType.INT64;
      };
    }
  }

  /** Checks what the row says and applies the rule. */
  void apply(Site site) {
    if (site.opset() < Operators.since(name)) {
      throw new GraphImporter.Unsupported(
          "its version " + site.opset() + " is not supported",
          "export the model with an opset_version of 7 to " + GraphImporter.NEWEST,
          true);
    }
    int count = site.inputs();
    if (count < least || count > most) {
      throw new GraphImporter.Unsupported(
          "it has " + count + " inputs, not " + least + (most == least ? "" : " to " + most), "");
    }
    for (int i = 0; i < least; i++) {
      if (!site.has(i)) {
        throw new GraphImporter.Unsupported("its input " + i + " is missing", "");
      }
    }
    if (count > 0 && !types.holds(site.type(0))) {
      throw new GraphImporter.Unsupported(
          "elements of " + site.type(0).label() + " are not supported", "cast to f32");
    }
    rule.apply(site);
  }
}
