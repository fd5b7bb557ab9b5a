package dev.quern.runtime;

import dev.quern.kernel.Faults;
import dev.quern.kernel.StepRecord;

/**
 * The words at the bottom of linear memory by which the engine, the walker and the compute workers
 * talk. Offsets are bytes; every word is an {@code i32} unless said otherwise. The JavaScript of
 * the engine and of the page uses some of them.
 *
 * <pre>
 *   EPOCH        grows by one with each command; workers wait on it
 *   COMMAND      RUN or LEAVE
 *   PROGRAM      address of the step records;  FIRST, LAST: which of them
 *   THREADS      threads that take part in a run
 *   ARRIVED      threads that have reached the barrier;  GENERATION: barriers passed
 *   STOP         set by the last to arrive: leave the run after this barrier
 *   WAITERS      threads that gave up spinning and wait to be notified
 *   CANCEL       set by anybody at any time: stop at the next step
 *   ERROR        0, or what went wrong: a kernel's code, or TRAPPED by a worker's JavaScript
 *   ERROR_STEP   the address of the step record that failed; ERROR_VALUE: the value it saw
 *   ACKNOWLEDGED workers that have left Wasm and installed the newest module
 *   SCRATCH      address of thread 0's scratch;  SCRATCH_STRIDE: bytes to the next thread's
 *   VERSION      grows when the addresses of programs are no longer right
 *   INSTALLED    modules that were installed so far
 *   HELD         who uses the arena: 0 nobody, 1 the page for a run, 2 the engine by itself
 *   SEEN + 4·t   the last epoch that thread t has seen
 * </pre>
 */
public final class Control {
  public static final int EPOCH = 64;
  public static final int COMMAND = 68;
  public static final int PROGRAM = 72;
  public static final int FIRST = 76;
  public static final int LAST = 80;
  public static final int THREADS = 84;
  public static final int SCRATCH = 88;
  public static final int SCRATCH_STRIDE = 92;
  public static final int VERSION = 96;
  public static final int HELD = 100;
  public static final int INSTALLED = 104;

  // On cache lines of their own: all threads hammer them.
  public static final int ARRIVED = 128;
  public static final int GENERATION = 192;
  public static final int STOP = 196;
  public static final int WAITERS = 200;
  public static final int CANCEL = 256;
  public static final int ERROR = Faults.ERROR;
  public static final int ERROR_STEP = Faults.ERROR_STEP;
  public static final int ERROR_VALUE = Faults.ERROR_VALUE;
  public static final int ACKNOWLEDGED = 272;
  public static final int SEEN = 320;

  /** The most threads a machine may have. */
  public static final int MAX_THREADS = StepRecord.MOST_THREADS;

  /** The first address that is free for weights, programs and the arena. */
  public static final int FREE = 1024;

  /** Values of {@link #COMMAND}. */
  public static final int RUN = 1;

  public static final int LEAVE = 2;

  /** Values of {@link #ERROR} and of what a run returns. */
  public static final int OK = 0;

  public static final int CANCELLED = 1;
  public static final int INDEX_OUT_OF_RANGE = Faults.INDEX_OUT_OF_RANGE;
  public static final int BARRIER_TIMED_OUT = 3;
  public static final int TRAPPED = 4;

  /** Entries of each thread's function table. */
  public static final int TABLE_SIZE = 1024;

  private Control() {}
}
