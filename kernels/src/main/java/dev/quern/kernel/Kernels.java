package dev.quern.kernel;

import dev.quern.schedule.Features;
import dev.quern.schedule.Schedule;
import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.WasmModule;
import java.util.List;

/** The kernel table: from what to compute, and how, to a function in a module. */
public final class Kernels {
  /** Every kernel is {@code (step, begin, end, scratch)}: a range of the step's work items. */
  public static final FunctionType TYPE = FunctionType.of("iiii:");

  static final List<String> PARAMETERS = List.of("step", "begin", "end", "scratch");

  private Kernels() {}

  /**
   * Adds a kernel to a module.
   *
   * @param name the function's name, unique in the module
   * @param schedule how a matmul is to be done; ignored by the other families
   */
  public static Function emit(
      WasmModule.Builder module,
      String name,
      KernelSpec spec,
      Schedule schedule,
      Features features) {
    boolean fma = features.relaxedSimd();
    return switch (spec) {
      case KernelSpec.Matmul matmul -> {
        List<String> problems = schedule.problems(features);
        if (!problems.isEmpty()) {
          throw new KernelException(spec.signature() + ": " + problems.get(0));
        }
        yield MatmulKernel.emit(module, name, matmul, schedule, features);
      }
      case KernelSpec.Attention attention -> AttentionKernel.emit(module, name, attention, fma);
      case KernelSpec.Elementwise elementwise ->
          ElementwiseKernel.emit(module, name, elementwise, fma);
      case KernelSpec.Softmax softmax -> SoftmaxKernel.emit(module, name, softmax, fma);
      case KernelSpec.LayerNorm layerNorm -> LayerNormKernel.emit(module, name, layerNorm, fma);
      case KernelSpec.Range range -> QuantizeKernel.emitRange(module, name);
      case KernelSpec.Quantize quantize ->
          QuantizeKernel.emit(module, name, quantize.to(), features.bytes());
      case KernelSpec.QuantizeBlocks quantize ->
          BlockQuantizeKernel.emit(module, name, quantize, fma);
      case KernelSpec.Recurrent recurrent -> RecurrentKernel.emit(module, name, recurrent, fma);
      case KernelSpec.IntegerMatmul product -> IntegerMatmulKernel.emit(module, name);
      case KernelSpec.Reduce reduce -> ReduceKernel.emit(module, name, reduce);
      case KernelSpec.Gather gather -> GatherKernel.emit(module, name, gather);
      case KernelSpec.Copy copy -> CopyKernel.emit(module, name, copy);
      case KernelSpec.Conv conv -> ConvKernel.emit(module, name, conv, fma);
      case KernelSpec.Depthwise depthwise -> DepthwiseKernel.emit(module, name, depthwise, fma);
      case KernelSpec.Pool pool -> PoolKernel.emit(module, name, pool);
      case KernelSpec.Pad pad -> PadKernel.emit(module, name, pad);
      case KernelSpec.CumSum sum -> CumSumKernel.emit(module, name, sum);
      case KernelSpec.Iota iota -> IotaKernel.emit(module, name, iota);
    };
  }

  /** A kernel and the table entry that it takes. */
  public record Placed(KernelSpec spec, Schedule schedule, int slot) {}

  /** A module that puts its kernels into the table when it is instantiated. */
  public static WasmModule module(List<Placed> kernels, Features features, int tableSize) {
    return WasmModule.build(module -> {
      module.importMemory(features.threads());
      module.importTable(tableSize);
      for (Placed placed : kernels) {
        Function function =
            emit(module, "k" + placed.slot(), placed.spec(), placed.schedule(), features);
        module.element(placed.slot(), function);
      }
    });
  }
}
