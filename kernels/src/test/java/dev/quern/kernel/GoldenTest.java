package dev.quern.kernel;

import static dev.quern.kernel.KernelSpec.Operand.CHANNELS;
import static org.assertj.core.api.Assertions.assertThat;

import dev.quern.graph.ElementwiseOp;
import dev.quern.kernel.KernelSpec.Attention;
import dev.quern.kernel.KernelSpec.Conv;
import dev.quern.kernel.KernelSpec.Copy;
import dev.quern.kernel.KernelSpec.Depthwise;
import dev.quern.kernel.KernelSpec.Elementwise;
import dev.quern.kernel.KernelSpec.Extra;
import dev.quern.kernel.KernelSpec.Gather;
import dev.quern.kernel.KernelSpec.LayerNorm;
import dev.quern.kernel.KernelSpec.Layout;
import dev.quern.kernel.KernelSpec.Matmul;
import dev.quern.kernel.KernelSpec.Pad;
import dev.quern.kernel.KernelSpec.Pool;
import dev.quern.kernel.KernelSpec.Quantised;
import dev.quern.kernel.KernelSpec.Reduce;
import dev.quern.kernel.KernelSpec.Reduction;
import dev.quern.kernel.KernelSpec.Softmax;
import dev.quern.onnx.DataType;
import dev.quern.schedule.ByteDot;
import dev.quern.schedule.Features;
import dev.quern.schedule.Schedule;
import dev.quern.wasm.Wabt;
import dev.quern.wasm.WasmModule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What the emitter writes for a few kernels, as text that is read in review. Rewritten by {@code
 * -Dgolden.update=true}.
 */
class GoldenTest {
  private static final Features FMA = new Features(true, false);

  /** A kernel and whether its text is kept: all are assembled, some are read. */
  enum Golden {
    MATMUL(
        new Matmul(8, 12, Layout.PANELS, WeightFormat.F32, Programs.bias(), List.of(Extra.VECTOR)),
        Schedule.parse("mr=2 nr=8 mc=4 nc=16 kc=8 unroll=2 fma=1 order=n"),
        FMA,
        true),
    MATMUL_BLOCKED_GELU(
        new Matmul(
            384, 1534, Layout.PANELS, WeightFormat.F32, Programs.biasGelu(), List.of(Extra.VECTOR)),
        Schedule.parse("mr=6 nr=8 mc=48 nc=128 kc=128 unroll=4 fma=1 order=m"),
        FMA,
        false),
    MATMUL_ROWS(
        new Matmul(
            0,
            0,
            Layout.ROWS,
            WeightFormat.F32,
            Programs.biasResidual(),
            List.of(Extra.SPLAT, Extra.VECTOR)),
        Schedule.parse("mr=3 nr=12 mc=48 nc=120 kc=128 unroll=4 fma=0 order=m"),
        Features.BASELINE,
        false),
    MATMUL_BLOCKS(
        new Matmul(64, 8, Layout.PANELS, WeightFormat.blocks(4, 32, false, true), null, List.of()),
        Schedule.parse("mr=1 nr=8 mc=1 nc=8 kc=64 unroll=4 fma=1 order=n"),
        FMA,
        true),
    MATMUL_BYTES(
        new Matmul(
            10,
            8,
            Layout.PANELS,
            WeightFormat.BYTES,
            Programs.scaledBias(),
            List.of(Extra.SPLAT, Extra.VECTOR)),
        Schedule.parse("mr=2 nr=8 mc=4 nc=8 kc=4 unroll=2 fma=1 order=n"),
        FMA.with(ByteDot.UNSIGNED),
        true),
    MATMUL_DIGITS(
        new Matmul(34, 12, Layout.PANELS, WeightFormat.DIGITS, null, List.of()),
        Schedule.parse("mr=1 nr=8 mc=1 nc=8 kc=12 unroll=4 fma=1 order=n"),
        FMA.with(ByteDot.SIGNED),
        false),
    MATMUL_BLOCKS_FOURS(
        new Matmul(64, 8, Layout.PANELS, WeightFormat.blocks(4, 32, false, true), null, List.of()),
        Schedule.parse("mr=1 nr=8 mc=1 nc=8 kc=64 unroll=4 fma=1 order=n"),
        FMA.with(ByteDot.UNSIGNED),
        false),
    MATMUL_BLOCKS_WIDENED(
        new Matmul(
            600, 21, Layout.PANELS, WeightFormat.blocks(8, 64, true, false), null, List.of()),
        Schedule.parse("mr=6 nr=8 mc=48 nc=16 kc=600 unroll=4 fma=0 order=m"),
        Features.BASELINE,
        false),
    MATMUL_HALVES(
        new Matmul(33, 8, Layout.PANELS, WeightFormat.F16, Programs.bias(), List.of(Extra.VECTOR)),
        Schedule.parse("mr=1 nr=8 mc=1 nc=8 kc=33 unroll=1 fma=1 order=n"),
        FMA,
        false),
    RECURRENT(
        new KernelSpec.Recurrent(
            4,
            10,
            2,
            false,
            false,
            true,
            List.of(ElementwiseOp.SIGMOID, ElementwiseOp.TANH, ElementwiseOp.TANH)),
        null,
        FMA,
        false),
    QUANTIZE_DIGITS(
        new KernelSpec.Quantize(Quantised.DIGITS), null, FMA.with(ByteDot.SIGNED), false),
    QUANTIZE_BLOCKS(new KernelSpec.QuantizeBlocks(40, 16), null, FMA, false),
    ATTENTION(new Attention(32, 32, 1152, 1152, 1152, 384, 1, 0.25f, true), null, FMA, false),
    ELEMENTWISE(
        new Elementwise(Programs.binary(ElementwiseOp.MUL), 2, List.of(true, false)),
        null,
        FMA,
        true),
    SOFTMAX(new Softmax(false), null, Features.BASELINE, false),
    LOG_SOFTMAX(new Softmax(true), null, FMA, false),
    LAYER_NORM(new LayerNorm(1e-12f, true), null, FMA, true),
    REDUCE_ROWS(new Reduce(Reduction.MEAN, false), null, FMA, false),
    REDUCE_COLUMNS(new Reduce(Reduction.MAX, true), null, FMA, false),
    GATHER(new Gather(DataType.INT64), null, FMA, true),
    COPY(new Copy(4, 4, false), null, FMA, false),
    CONV(
        new Conv(8, 21, 2, 3, 3, 2, 1, 1, 2, false, 5, 8, Programs.bias(), List.of(CHANNELS)),
        null,
        FMA,
        false),
    CONV_PLANES(
        new Conv(3, 24, 1, 3, 3, 2, 2, 1, 1, true, 4, 8, Programs.bias(), List.of(CHANNELS)),
        null,
        FMA,
        false),
    DEPTHWISE(new Depthwise(6, 19, 19, 1, 3, 3, 1, 1, 1, 1, null, List.of()), null, FMA, false),
    DEPTHWISE_GELU(
        new Depthwise(23, 0, 0, 0, 5, 3, 2, 2, 1, 2, Programs.biasGelu(), List.of(CHANNELS)),
        null,
        Features.BASELINE,
        false),
    MAX_POOL(new Pool(true, false, 3, 3, 2, 2, 1, 1), null, FMA, false),
    PAD(new Pad(4, 0x3f800000), null, FMA, false);

    private final KernelSpec spec;
    private final Schedule schedule;
    private final Features features;
    private final boolean kept;

    Golden(KernelSpec spec, Schedule schedule, Features features, boolean kept) {
      this.spec = spec;
      this.schedule = schedule;
      this.features = features;
      this.kept = kept;
    }
  }

  @ParameterizedTest
  @EnumSource
  void writesTheKernelAsBefore(Golden golden) throws IOException {
    WasmModule module =
        Kernels.module(
            List.of(new Kernels.Placed(golden.spec, golden.schedule, 3)), golden.features, 1024);
    Wabt.assertSameBinary(module);
    if (!golden.kept) {
      return;
    }
    String text = ";; " + golden.spec.signature() + "\n";
    if (golden.schedule != null) {
      text += ";; " + golden.schedule.text() + "\n";
    }
    text += module.text();
    String name = golden.name().toLowerCase(java.util.Locale.ROOT) + ".wat";
    Path file = Path.of("src/test/resources/golden", name);
    if (Boolean.getBoolean("golden.update")) {
      Files.createDirectories(file.getParent());
      Files.writeString(file, text);
    }
    assertThat(text)
        .as("%s; if the change is meant, run with -Dgolden.update=true and read it", file)
        .isEqualTo(Files.readString(file));
  }
}
