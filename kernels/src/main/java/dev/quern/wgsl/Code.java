package dev.quern.wgsl;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;

/** Builds the body of a shader, statement by statement. */
public final class Code {
  private final StringBuilder out = new StringBuilder();
  private final Map<String, Integer> names = new LinkedHashMap<>();
  private int depth = 1;

  Code() {}

  String text() {
    return out.toString();
  }

  private void line(String text) {
    for (int i = 0; i < depth; i++) {
      out.append("  ");
    }
    out.append(text).append('\n');
  }

  /** Names are unique in the whole shader; a number is added where one is taken. */
  private String unique(String label) {
    Integer before = names.get(label);
    names.put(label, before == null ? 1 : before + 1);
    return before == null ? label : unique(label + "_" + (before + 1));
  }

  /** Computes a value once. */
  public Expr let(String label, Expr value) {
    String name = unique(label);
    line("let " + name + " = " + value.text() + ";");
    return new Expr(value.type(), name);
  }

  /** A variable with its first value. */
  public Variable var(String label, Expr value) {
    String name = unique(label);
    line("var " + name + " = " + value.text() + ";");
    return new Variable(value.type(), name);
  }

  /**
   * A variable that starts as zero, said outright: without a first value, Dawn on SwiftShader kept
   * the one of the loop's last round.
   */
  public Variable var(String label, Type type) {
    String name = unique(label);
    line("var " + name + " = " + type.text() + "();");
    return new Variable(type, name);
  }

  public Code set(Variable to, Expr value) {
    value.require(to.type(), to.text() + " =");
    line(to.text() + " = " + value.text() + ";");
    return this;
  }

  public Code add(Variable to, Expr value) {
    value.require(to.type(), to.text() + " +=");
    line(to.text() + " += " + value.text() + ";");
    return this;
  }

  /** Stores into an array that may be written. */
  public Code store(Array array, Expr index, Expr value) {
    if (!array.writable()) {
      throw new ShaderException(array.name() + " is only read");
    }
    return set(array.at(index), value);
  }

  public Code ifThen(Expr condition, Runnable body) {
    condition.require(Type.BOOL, "if");
    line("if (" + condition.text() + ") {");
    nested(body);
    line("}");
    return this;
  }

  public Code ifElse(Expr condition, Runnable body, Runnable otherwise) {
    condition.require(Type.BOOL, "if");
    line("if (" + condition.text() + ") {");
    nested(body);
    line("} else {");
    nested(otherwise);
    line("}");
    return this;
  }

  /** Ends this invocation if the condition holds. */
  public Code returnIf(Expr condition) {
    return ifThen(condition, () -> line("return;"));
  }

  /** Counts a u32 from one number up to another, exclusive. */
  public Code loop(String label, Expr from, Expr to, Expr step, Consumer<Expr> body) {
    from.require(Type.U32, "for");
    to.require(Type.U32, "for");
    step.require(Type.U32, "for");
    String name = unique(label);
    String by = name + " += " + step.text();
    line(
        "for (var "
            + name
            + " = "
            + from.text()
            + "; "
            + name
            + " < "
            + to.text()
            + "; "
            + by
            + ") {");
    nested(() -> body.accept(new Expr(Type.U32, name)));
    line("}");
    return this;
  }

  /** Waits for the workgroup; what was written to its memory before can be read behind it. */
  public Code barrier() {
    line("workgroupBarrier();");
    return this;
  }

  private void nested(Runnable body) {
    depth++;
    body.run();
    depth--;
  }

  /** Reports a fault: the run's result is not valid. The first one's value is kept. */
  Code fault(Expr value) {
    line("if (atomicAdd(&" + Shader.STATUS + "[0], 1u) == 0u) {");
    nested(() -> line("atomicStore(&" + Shader.STATUS + "[1], " + value.text() + ");"));
    line("}");
    return this;
  }
}
