package dev.quern.wgsl;

/** Something that can be assigned to: a variable, or an element of an array. */
public final class Variable extends Expr {
  Variable(Type type, String text) {
    super(type, text);
  }
}
