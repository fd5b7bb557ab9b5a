package dev.quern.kernel;

import static dev.quern.wasm.Opcode.*;

import dev.quern.wasm.Code;
import dev.quern.wasm.Local;

/** Where a kernel says that its input made no sense; the run ends after the step. */
public final class Faults {
  /** 0, or the code of what went wrong. */
  public static final int ERROR = 260;

  /** The address of the step record that failed. */
  public static final int ERROR_STEP = 264;

  /** The value that made no sense. */
  public static final int ERROR_VALUE = 268;

  /** A Gather's index lies outside the axis. */
  public static final int INDEX_OUT_OF_RANGE = 2;

  private Faults() {}

  /** Reports a fault; the kernel goes on with a harmless value. */
  static void report(Code code, Local step, int fault, Local value) {
    code.i32(0).get(step).mem(I32_STORE, ERROR_STEP);
    code.i32(0).get(value).mem(I32_STORE, ERROR_VALUE);
    code.i32(0).i32(fault).mem(I32_STORE, ERROR);
  }
}
