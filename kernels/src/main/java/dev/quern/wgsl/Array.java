package dev.quern.wgsl;

/**
 * An array in a buffer or in workgroup memory.
 *
 * @param writable whether elements may be assigned
 */
public record Array(String name, Type element, boolean writable) {
  /** An element; the index is u32. */
  public Variable at(Expr index) {
    if (index.type() != Type.U32) {
      throw new ShaderException(name + "[…] needs u32, found " + index.type().text());
    }
    return new Variable(element, name + "[" + index.text() + "]");
  }

  public Variable at(long index) {
    return at(Expr.u32(index));
  }
}
