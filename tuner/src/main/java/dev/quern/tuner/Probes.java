package dev.quern.tuner;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.Kernels;
import dev.quern.runtime.Control;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.ArrayList;
import java.util.List;

/** The small modules that a device is measured with. */
final class Probes {
  /** Independent chains of multiply-adds: enough to hide their latency, few enough not to spill. */
  private static final int CHAINS = 12;

  private static final int CHAIN_UNROLL = 2;

  /** Floating-point operations of one iteration of {@code fma} and {@code mul_add}. */
  static final int CHAIN_FLOPS = CHAINS * CHAIN_UNROLL * 4 * 2;

  /** Steps of k of one iteration of a tile; its operands stay in L1. */
  static final int TILE_STEPS = 128;

  /** Bytes that a tile's operands take. */
  static final int TILE_BYTES = 8192;

  private static final int TILE_B = 4096;

  /** Bytes from one element of a chase to the next: a line of most caches. */
  static final int LINE = 64;

  private static final int CHASE_UNROLL = 8;

  private Probes() {}

  /** Whether an engine has relaxed SIMD: it accepts this module or not. */
  static byte[] relaxedSimd() {
    return WasmModule.build(module ->
            module.function(
                "probe",
                FunctionType.of("vvv:v"),
                code ->
                    code.get(code.parameter(0))
                        .get(code.parameter(1))
                        .get(code.parameter(2))
                        .op(F32X4_RELAXED_MADD)))
        .encode();
  }

  /** {@code fma(iterations)} or {@code mul_add(iterations)}: nothing but registers. */
  static byte[] arithmetic(boolean fma) {
    return WasmModule.build(module ->
            module.export(
                module.function(
                    fma ? "fma" : "mul_add",
                    FunctionType.of("i:f"),
                    List.of("iterations"),
                    code -> chains(code, code.parameter(0), fma))))
        .encode();
  }

  private static void chains(Code code, Local iterations, boolean fma) {
    List<Local> sums = new ArrayList<>();
    for (int i = 0; i < CHAINS; i++) {
      Local sum = code.local(ValueType.V128, "sum" + i);
      code.f32x4(0.01f * i).set(sum);
      sums.add(sum);
    }
    Local factor = code.local(ValueType.V128, "factor");
    Local addend = code.local(ValueType.V128, "addend");
    // Converges to 1: neither overflow nor denormal numbers.
    code.f32x4(0.5f).set(factor).f32x4(0.5f).set(addend);
    code.loop(again -> {
      for (int u = 0; u < CHAIN_UNROLL; u++) {
        for (Local sum : sums) {
          code.get(sum).get(factor);
          if (fma) {
            code.get(addend).op(F32X4_RELAXED_MADD);
          } else {
            code.op(F32X4_MUL).get(addend).op(F32X4_ADD);
          }
          code.set(sum);
        }
      }
      code.get(iterations).i32(1).op(I32_SUB).tee(iterations).brIf(again);
    });
    total(code, sums);
  }

  /** Leaves a number that depends on all of them, so that no work can be left out. */
  private static void total(Code code, List<Local> sums) {
    code.get(sums.get(0));
    for (int i = 1; i < sums.size(); i++) {
      code.get(sums.get(i)).op(F32X4_ADD);
    }
    code.lane(F32X4_EXTRACT_LANE, 0);
  }

  /** Rows of the tile of eight columns that needs so many registers, an odd number. */
  static int rows(int registers) {
    return (registers - 3) / 2;
  }

  /**
   * {@code tile(address, iterations)}: the heart of a matmul of {@link #rows} rows and two vectors
   * of columns, each iteration {@link #TILE_STEPS} steps of k over the same operands.
   */
  static byte[] tile(boolean shared, int registers, boolean fma) {
    return WasmModule.build(
            module -> {
              module.importMemory(shared);
              module.export(
                  module.function(
                      "tile",
                      FunctionType.of("ii:f"),
                      List.of("address", "iterations"),
                      code -> tile(code, rows(registers), fma)));
            })
        .encode();
  }

  private static void tile(Code code, int rows, boolean fma) {
    List<Local> sums = new ArrayList<>();
    for (int i = 0; i < 2 * rows; i++) {
      sums.add(code.local(ValueType.V128, "c" + i));
    }
    Local a = code.local(ValueType.I32, "a");
    Local b = code.local(ValueType.I32, "b");
    Local left = code.local(ValueType.I32, "left");
    Local panel0 = code.local(ValueType.V128, "b_0");
    Local panel1 = code.local(ValueType.V128, "b_1");
    Local splat = code.local(ValueType.V128, "a_s");
    Local iterations = code.parameter(1);
    code.loop(outer -> {
      code.get(code.parameter(0)).tee(a).i32(TILE_B).op(I32_ADD).set(b);
      code.i32(TILE_STEPS / 2).set(left);
      code.loop(again -> {
        for (int u = 0; u < 2; u++) {
          code.get(b).mem(V128_LOAD, 16L * u).set(panel0);
          code.get(b).mem(V128_LOAD, 16L * (u + TILE_STEPS)).set(panel1);
          for (int r = 0; r < rows; r++) {
            code.get(a).mem(V128_LOAD32_SPLAT, 4L * u + 16L * r).set(splat);
            multiply(code, sums.get(2 * r), splat, panel0, fma);
            multiply(code, sums.get(2 * r + 1), splat, panel1, fma);
          }
        }
        code.increase(a, 8).increase(b, 32);
        code.get(left).i32(1).op(I32_SUB).tee(left).brIf(again);
      });
      code.get(iterations).i32(1).op(I32_SUB).tee(iterations).brIf(outer);
    });
    total(code, sums);
  }

  private static void multiply(Code code, Local sum, Local splat, Local panel, boolean fma) {
    if (fma) {
      code.get(splat).get(panel).get(sum).op(F32X4_RELAXED_MADD);
    } else {
      code.get(sum).get(splat).get(panel).op(F32X4_MUL, F32X4_ADD);
    }
    code.set(sum);
  }

  /**
   * {@code build(address, lines, seed)} links lines of memory into one random cycle (Sattolo's
   * shuffle), and {@code chase(address, steps) -> address} follows it.
   */
  static byte[] chase(boolean shared) {
    return WasmModule.build(
            module -> {
              module.importMemory(shared);
              module.export(
                  module.function(
                      "build",
                      FunctionType.of("iii:"),
                      List.of("address", "lines", "seed"),
                      Probes::build));
              module.export(
                  module.function(
                      "chase",
                      FunctionType.of("ii:i"),
                      List.of("address", "steps"),
                      code -> {
                        Local at = code.parameter(0);
                        Local left = code.parameter(1);
                        code.loop(again -> {
                          for (int u = 0; u < CHASE_UNROLL; u++) {
                            code.get(at).mem(I32_LOAD, 0).set(at);
                          }
                          code.get(left).i32(CHASE_UNROLL).op(I32_SUB).tee(left);
                          code.i32(0).op(I32_GT_S).brIf(again);
                        });
                        code.get(at);
                      }));
            })
        .encode();
  }

  private static void build(Code code) {
    Local address = code.parameter(0);
    Local lines = code.parameter(1);
    Local seed = code.parameter(2);
    Local i = code.local(ValueType.I32, "i");
    Local at = code.local(ValueType.I32, "at");
    Local other = code.local(ValueType.I32, "other");
    Local held = code.local(ValueType.I32, "held");
    code.i32(0).set(i);
    code.whileLess(
        i,
        lines,
        1,
        () -> {
          code.get(address).get(i).i32(LINE).op(I32_MUL, I32_ADD).tee(at);
          code.get(at).mem(I32_STORE, 0);
        });
    code.get(lines).i32(1).op(I32_SUB).set(i);
    code.get(i).i32(0).op(I32_GT_S);
    code.if_(() ->
        code.loop(again -> {
          // The constants of Numerical Recipes; the high bits are the random ones.
          code.get(seed).i32(1664525).op(I32_MUL).i32(1013904223).op(I32_ADD).set(seed);
          code.get(address).get(i).i32(LINE).op(I32_MUL, I32_ADD).set(at);
          code.get(address).get(seed).i32(8).op(I32_SHR_U).get(i).op(I32_REM_U);
          code.i32(LINE).op(I32_MUL, I32_ADD).set(other);
          code.get(at).mem(I32_LOAD, 0).set(held);
          code.get(at).get(other).mem(I32_LOAD, 0).mem(I32_STORE, 0);
          code.get(other).get(held).mem(I32_STORE, 0);
          code.get(i).i32(1).op(I32_SUB).tee(i).i32(0).op(I32_GT_S).brIf(again);
        }));
  }

  /** A kernel for the table: each work item does the given iterations of arithmetic. */
  static byte[] burn(boolean shared, int slot, int iterations, boolean fma) {
    return WasmModule.build(
            module -> {
              module.importMemory(shared);
              module.importTable(Control.TABLE_SIZE);
              Function chains =
                  module.function(
                      "chains",
                      FunctionType.of("i:f"),
                      code -> chains(code, code.parameter(0), fma));
              Function burn =
                  module.function(
                      "burn",
                      Kernels.TYPE,
                      List.of("step", "begin", "end", "scratch"),
                      code -> {
                        Local item = code.parameter(1);
                        code.whileLess(
                            item,
                            code.parameter(2),
                            1,
                            () -> code.i32(iterations).call(chains).op(DROP));
                      });
              module.element(slot, burn);
            })
        .encode();
  }
}
