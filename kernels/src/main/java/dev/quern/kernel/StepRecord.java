package dev.quern.kernel;

/**
 * The layout of one step in linear memory: which kernel, how much work, its arguments. Offsets are
 * bytes from the record's start; every word is an {@code i32} unless said otherwise.
 *
 * <pre>
 *   SLOT     the kernel's entry of the function table
 *   ITEMS    work items of this run;  GRAIN: items that a thread claims at once
 *   FLAGS    TIMED: START and END are written
 *   REPEATS  how often the step's work is done again, the threads meeting each time;  ROUND:
 *            which time it is, from 0
 *   START    f64, milliseconds;  END: f64, taken by the last thread to reach the barrier that
 *            ends the step; the same time is the START of the record behind
 *   ARGS     the kernel's arguments: addresses, sizes of this run, strides
 *   CLAIMED  for each thread, how many pieces of its share are claimed, an atomic
 * </pre>
 */
public final class StepRecord {
  public static final int SLOT = 0;
  public static final int ITEMS = 4;
  public static final int GRAIN = 8;
  public static final int FLAGS = 16;
  public static final int REPEATS = 20;
  public static final int START = 24;
  public static final int END = 32;
  public static final int ROUND = 40;
  public static final int ARGS = 48;

  public static final int CLAIMED = 256;

  /** Bytes of a record. */
  public static final int SIZE = 384;

  /** Words of arguments that a record holds. */
  public static final int MOST_ARGS = (CLAIMED - ARGS) / 4;

  /** The most threads that can have shares. */
  public static final int MOST_THREADS = (SIZE - CLAIMED) / 4;

  /** A bit of {@link #FLAGS}. */
  public static final int TIMED = 1;

  private StepRecord() {}

  /** The offset of an argument. */
  public static int arg(int index) {
    return ARGS + 4 * index;
  }
}
