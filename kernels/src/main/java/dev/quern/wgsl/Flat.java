package dev.quern.wgsl;

import java.util.function.BiConsumer;

/** Shaders whose invocations are numbered through. */
final class Flat {
  private static final int INVOCATIONS = 64;

  private Flat() {}

  /**
   * The entry point.
   *
   * @param total how many, for the grid
   * @param count the same in the shader
   * @param body what invocation of that number does
   */
  static void main(
      Shader.Builder shader, Shader.Source total, Expr count, BiConsumer<Code, Expr> body) {
    shader.main(
        INVOCATIONS,
        sizes -> Shader.rows((total.value(sizes) + INVOCATIONS - 1) / INVOCATIONS),
        (code, self) -> {
          Expr index = code.let("index", self.group().times(INVOCATIONS).plus(self.local()));
          code.returnIf(index.ge(count));
          body.accept(code, index);
        });
  }
}
