package dev.quern.wgsl;

import dev.quern.kernel.AttentionKernel;
import dev.quern.kernel.ConvKernel;
import dev.quern.kernel.DepthwiseKernel;
import dev.quern.kernel.GatherKernel;
import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.KernelSpec.Extra;
import dev.quern.kernel.KernelSpec.Operand;
import dev.quern.kernel.MatmulKernel;
import java.util.List;

/** Whether what a step addresses can be read and written in whole units in this run. */
final class Alignment {
  private static final int VECTOR = 16;
  private static final int WORD = 4;

  private Alignment() {}

  /** By vectors of 16 bytes; by words where only words are moved. */
  static boolean of(KernelSpec spec, Shader.Sizes sizes) {
    return switch (spec) {
      case KernelSpec.Matmul matmul -> matmul(matmul, sizes);
      case KernelSpec.Attention attention ->
          all(sizes, VECTOR, AttentionKernel.Q, 4)
              && all(sizes, VECTOR, AttentionKernel.Q_BATCH, 4)
              && all(sizes, VECTOR, AttentionKernel.Q_HEAD, 3);
      case KernelSpec.Conv conv ->
          all(sizes, VECTOR, ConvKernel.X, 3)
              && all(sizes, VECTOR, ConvKernel.X_IMAGE, 2)
              && operands(conv.extras(), sizes, ConvKernel.EXTRAS);
      case KernelSpec.Depthwise depthwise ->
          all(sizes, VECTOR, DepthwiseKernel.X, 3)
              && operands(depthwise.extras(), sizes, DepthwiseKernel.EXTRAS);
      case KernelSpec.Gather gather -> all(sizes, WORD, GatherKernel.INNER_BYTES, 1);
      case KernelSpec.Copy copy -> copy.bytes() >= WORD || CopyShader.isDense(copy, sizes);
      default -> true;
    };
  }

  private static boolean matmul(KernelSpec.Matmul matmul, Shader.Sizes sizes) {
    if (!all(sizes, VECTOR, MatmulKernel.A, 3) || !all(sizes, VECTOR, MatmulKernel.A_BATCH, 3)) {
      return false;
    }
    for (int e = 0; e < matmul.extras().size(); e++) {
      if (matmul.extras().get(e) == Extra.VECTOR
          && !all(sizes, VECTOR, MatmulKernel.EXTRAS + 3 * e, 3)) {
        return false;
      }
    }
    return true;
  }

  private static boolean operands(List<Operand> operands, Shader.Sizes sizes, int first) {
    for (int e = 0; e < operands.size(); e++) {
      if (operands.get(e) != Operand.PIXELS && !all(sizes, VECTOR, first + 4 * e, 4)) {
        return false;
      }
    }
    return true;
  }

  private static boolean all(Shader.Sizes sizes, int unit, int first, int count) {
    for (int i = first; i < first + count; i++) {
      if (sizes.arg(i) % unit != 0) {
        return false;
      }
    }
    return true;
  }
}
