package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.wasm.Code;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.List;

/**
 * Packs the weights {@code [n, channels, taps]} of a convolution into panels of four outputs,
 * {@code [n/4][taps][channels][4]}, the last one padded with zeros: the order in which a window
 * lies in an image with its channels last. Exports {@code pack_taps} (source, target, channels,
 * taps, n).
 */
public final class PackTapsKernel {
  private PackTapsKernel() {}

  /** The module that packs. */
  public static WasmModule module(boolean shared) {
    return WasmModule.build(module -> {
      module.importMemory(shared);
      module.export(
          module.function(
              "pack_taps",
              FunctionType.of("iiiii:"),
              List.of("src", "dst", "channels", "taps", "n"),
              PackTapsKernel::body));
    });
  }

  private static void body(Code code) {
    Local src = code.parameter(0);
    Local dst = code.parameter(1);
    Local channels = code.parameter(2);
    Local taps = code.parameter(3);
    Local n = code.parameter(4);
    Local column = code.local(ValueType.I32, "column");
    Local tap = code.local(ValueType.I32, "tap");
    Local channel = code.local(ValueType.I32, "channel");
    Local row = code.local(ValueType.I32, "row");
    Local step = code.local(ValueType.I32, "step");
    Local from = code.local(ValueType.I32, "from");
    code.get(taps).i32(2).op(I32_SHL).tee(step).get(channels).op(I32_MUL).set(row);
    code.whileLess(
        column,
        n,
        4,
        () -> {
          code.i32(0).set(tap);
          code.whileLess(
              tap,
              taps,
              1,
              () -> {
                code.get(src).get(column).get(row).op(I32_MUL, I32_ADD);
                code.get(tap).i32(2).op(I32_SHL, I32_ADD).set(from);
                code.i32(0).set(channel);
                code.whileLess(
                    channel,
                    channels,
                    1,
                    () -> {
                      lanes(code, dst, from, row, column, n);
                      code.increase(dst, 16).increase(from, step);
                    });
              });
        });
  }

  private static void lanes(Code code, Local dst, Local from, Local row, Local column, Local n) {
    for (int lane = 0; lane < 4; lane++) {
      int l = lane;
      code.get(dst).get(column).i32(lane).op(I32_ADD).get(n).op(I32_LT_S);
      code.ifElse(
          ValueType.I32,
          () -> code.get(from).get(row).i32(l).op(I32_MUL, I32_ADD).mem(I32_LOAD, 0),
          () -> code.i32(0));
      code.mem(I32_STORE, 4L * lane);
    }
  }
}
