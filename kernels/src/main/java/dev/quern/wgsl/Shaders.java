package dev.quern.wgsl;

import dev.quern.kernel.ConvKernel;
import dev.quern.kernel.GatherKernel;
import dev.quern.kernel.KernelException;
import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.MatmulKernel;
import dev.quern.schedule.GpuSchedules;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;

/**
 * The kernel table's WGSL side. What a shader is made for is its spec, a choice of tiles, and
 * whether all that it addresses lies at multiples of 16 bytes in this run.
 */
public final class Shaders {
  /** Rows of a product up to which weights are read along their columns. */
  private static final int THIN = 4;

  private Shaders() {}

  /**
   * The shader of a step.
   *
   * @param sizes the step's arguments in this run; items of a matmul are matrices of its batch
   * @throws KernelException if no shader is made for it: the CPU's kernel serves
   */
  public static Shader of(KernelSpec spec, Shader.Sizes sizes) {
    return of(spec, choice(spec, sizes, GpuSchedules.Chosen.NONE));
  }

  /**
   * What the emitter is told besides the spec.
   *
   * @param schedule null where there are no tiles
   * @param rows of a thin product; 0 for a tiled one
   * @param shared whether it sees a share of its weights
   */
  public record Choice(Schedule schedule, int rows, boolean aligned, boolean shared) {
    /** A key that with the spec's signature names the shader. */
    public String key() {
      return (schedule == null ? "" : schedule.text())
          + (rows == 0 ? "" : " rows=" + rows)
          + (aligned ? " aligned" : "")
          + (shared ? " share" : "");
    }

    /** The same with another schedule. */
    public Choice with(Schedule other) {
      return new Choice(other, rows, aligned, shared);
    }
  }

  /** Whether a product of so many rows goes by tiles, so that a schedule counts. */
  public static boolean isTiled(KernelSpec.Matmul spec, long m) {
    return m > THIN || spec.layout() != KernelSpec.Layout.PANELS;
  }

  /** How a step's weights can be shared out to buffers; null if they cannot. */
  public static Shader.Splitting splitting(KernelSpec spec, Shader.Sizes sizes) {
    return switch (spec) {
      case KernelSpec.Matmul matmul when matmul.layout() == KernelSpec.Layout.PANELS ->
          sizes.arg(MatmulKernel.B) != 0 || sizes.arg(MatmulKernel.B_BATCH) != 0
              ? null
              : new Shader.Splitting(
                  MatmulKernel.B, matmul.format().panelBytes(matmul.k()), (matmul.n() + 3) / 4);
      case KernelSpec.Gather gather ->
          sizes.arg(GatherKernel.DATA) != 0 || sizes.items() > sizes.arg(GatherKernel.COUNT)
              ? null
              : new Shader.Splitting(
                  GatherKernel.DATA,
                  sizes.arg(GatherKernel.INNER_BYTES),
                  sizes.arg(GatherKernel.AXIS));
      default -> null;
    };
  }

  /** What to emit for a run's sizes: as it was chosen by measurement, or else by rule. */
  public static Choice choice(KernelSpec spec, Shader.Sizes sizes, GpuSchedules.Chosen chosen) {
    boolean aligned = Alignment.of(spec, sizes);
    boolean shared = sizes.share() != null;
    return switch (spec) {
      case KernelSpec.Matmul matmul -> {
        long m = sizes.arg(MatmulKernel.M);
        long n = sizes.arg(MatmulKernel.N);
        boolean packed = matmul.layout() == KernelSpec.Layout.PANELS;
        if (!isTiled(matmul, m)) {
          yield new Choice(null, (int) Math.max(1, m), aligned, shared);
        }
        Schedule schedule =
            packed ? chosen.schedule(spec.signature(), RowBucket.of(Math.max(1, m))) : null;
        yield new Choice(
            schedule != null ? schedule : GpuSchedules.choose(m, n), 0, aligned, shared);
      }
      case KernelSpec.Conv conv -> {
        long pixels = sizes.items() * sizes.arg(ConvKernel.OUT_W);
        yield new Choice(GpuSchedules.choose(pixels, conv.width()), 0, aligned, shared);
      }
      default -> new Choice(null, 0, aligned, shared);
    };
  }

  /**
   * The shader of a spec and a choice.
   *
   * @throws KernelException if no shader is made for it
   */
  public static Shader of(KernelSpec spec, Choice choice) {
    if (choice.schedule() != null) {
      var problems = GpuSchedules.problems(choice.schedule());
      if (!problems.isEmpty()) {
        throw new KernelException(spec.signature() + ": " + problems.getFirst());
      }
    }
    return switch (spec) {
      case KernelSpec.Matmul matmul -> {
        yield choice.rows() > 0
            ? MatmulShader.thin(matmul, choice.rows(), choice.aligned(), choice.shared())
            : MatmulShader.tiled(matmul, choice.schedule(), choice.aligned(), choice.shared());
      }
      case KernelSpec.Attention attention -> {
        if (!choice.aligned()) {
          throw new KernelException("Q, K or V does not lie at a multiple of 16 bytes");
        }
        yield AttentionShader.of(attention);
      }
      case KernelSpec.Elementwise elementwise -> ElementwiseShader.of(elementwise);
      case KernelSpec.Softmax softmax -> RowShaders.softmax(softmax);
      case KernelSpec.LayerNorm layerNorm -> RowShaders.layerNorm(layerNorm);
      case KernelSpec.Reduce reduce -> RowShaders.reduce(reduce);
      case KernelSpec.Gather gather -> {
        if (!choice.aligned()) {
          throw new KernelException("no shader gathers rows that are no whole words");
        }
        yield MoveShaders.gather(gather, choice.shared());
      }
      case KernelSpec.Copy copy -> {
        if (!choice.aligned()) {
          throw new KernelException(
              "no shader puts elements of " + copy.bytes() + " bytes between others");
        }
        yield CopyShader.of(copy);
      }
      case KernelSpec.Pad pad -> MoveShaders.pad(pad);
      case KernelSpec.Conv conv -> ConvShader.of(conv, choice.schedule(), choice.aligned());
      case KernelSpec.Depthwise depthwise -> WindowShaders.depthwise(depthwise, choice.aligned());
      case KernelSpec.Pool pool -> WindowShaders.pool(pool);
      case KernelSpec.CumSum sum -> ScanShader.of(sum);
      case KernelSpec.Iota iota -> MoveShaders.iota(iota);
      case KernelSpec.Range range -> QuantizeShaders.range(range);
      case KernelSpec.Quantize quantize -> QuantizeShaders.quantize(quantize);
      case KernelSpec.QuantizeBlocks quantize -> throw none(spec);
      case KernelSpec.IntegerMatmul product -> throw none(spec);
      case KernelSpec.Recurrent recurrent -> throw none(spec);
    };
  }

  private static KernelException none(KernelSpec spec) {
    return new KernelException("no shader is made for " + spec.signature());
  }
}
