package dev.quern.runtime;

import dev.quern.kernel.WeightFormat;
import dev.quern.schedule.RowBucket;
import dev.quern.schedule.Schedule;
import java.util.List;

/**
 * A loaded model whose matmul kernels can be exchanged while it serves: what the tuner sees of it.
 * All calls come from the engine's thread, between inferences, never during one.
 *
 * <p>A kernel is named by its signature (k, n, epilogue: everything that is constant in it but the
 * schedule). Each step of a program that runs it has a schedule of its own, which normally is the
 * one {@linkplain #adopt adopted} for the kernel and the bucket of its rows; {@link #setSchedule}
 * overrides a single step until the next {@code setSchedule}, {@code adopt} or change of shapes.
 */
public interface TunableModel {
  /**
   * A matmul kernel with constant weights that occurs in the model, {@code C[m, n] = epilogue(A[m,
   * k] · B[k, n], extras)}.
   *
   * @param signature its name in records: stable over runs, models and releases
   * @param extras further operands of the epilogue, in order
   * @param epilogue what is done to each element; never null
   * @param layers how many nodes of the model use it
   * @param format of B; where it is whole, problems hold whole numbers, B of 8 bits
   */
  record Kernel(
      String signature,
      int k,
      int n,
      List<Extra> extras,
      Epilogue epilogue,
      int layers,
      WeightFormat format) {
    /** What a schedule calls k. */
    public int steps() {
      return format.steps(k);
    }

    /** Whether it multiplies whole numbers. */
    public boolean whole() {
      return format.isWhole();
    }

    /** A kernel of f32. */
    public Kernel(
        String signature, int k, int n, List<Extra> extras, Epilogue epilogue, int layers) {
      this(signature, k, n, extras, epilogue, layers, WeightFormat.F32);
    }
  }

  /**
   * How an operand of the epilogue broadcasts to {@code [m, n]}: bias is (false, true), a residual
   * is (true, true), a number is (false, false).
   *
   * @param rows it has a value for each of the m rows
   * @param columns it has a value for each of the n columns
   */
  record Extra(boolean rows, boolean columns) {
    /** The number of floats it has for a product of {@code m} rows and {@code n} columns. */
    public int size(int m, int n) {
      return (rows ? m : 1) * (columns ? n : 1);
    }

    /** The index of the float that belongs to an element of C. */
    public int index(int row, int column, int n) {
      return (rows ? row * (columns ? n : 1) : 0) + (columns ? column : 0);
    }
  }

  /** The scalar reference of a kernel's epilogue. */
  interface Epilogue {
    /** The element of C for an accumulator and the extras' values at that element. */
    float apply(float accumulator, float[] extras);
  }

  /**
   * The steps of the present program that run one kernel in one bucket, in program order.
   *
   * @param rows m of these steps (of the first where they differ inside the bucket)
   * @param steps indices for {@link #setSchedule}, {@link #stepSeconds} and {@link #runStep}
   */
  record Site(Kernel kernel, RowBucket bucket, int rows, List<Integer> steps) {}

  /**
   * A synthetic problem for {@link #evaluate}.
   *
   * @param rows m, any number from 1
   * @param a {@code [rows, k]}; may be longer
   * @param b {@code [k, n]}; the same array (by identity) comes again and again, so that its packed
   *     form should be kept until another one comes
   * @param extras one array for each extra, of the size {@link Extra#size} says; may be longer
   */
  record Problem(int rows, float[] a, float[] b, List<float[]> extras) {}

  /** Pattern that {@link #evaluate} fills the output and one row after it with before the run. */
  float GUARD = -1.2345679e33f;

  /** The kernels of the model that can be tuned, known as soon as it is loaded. */
  List<Kernel> kernels();

  /** The sites of the program of the last run; empty before the first. */
  List<Site> sites();

  /** The schedule that a kernel's steps use in a bucket: the adopted one, else the heuristic's. */
  Schedule schedule(Kernel kernel, RowBucket bucket);

  /**
   * Emits, compiles and installs a kernel with a schedule on every thread; does nothing if it is
   * there.
   *
   * @throws MachineException or {@code IllegalArgumentException} if it cannot be, saying why
   */
  void install(Kernel kernel, Schedule schedule);

  /** Gives the table entry of an installed kernel free, unless a step or an adoption uses it. */
  void discard(Kernel kernel, Schedule schedule);

  /**
   * Makes a schedule the one of a kernel and bucket, for the present program's steps and for all
   * later programs. Installs it if need be. May be called before the first run.
   */
  void adopt(Kernel kernel, RowBucket bucket, Schedule schedule);

  /** Lets one step of the present program use another installed schedule of its kernel. */
  void setSchedule(int step, Schedule schedule);

  /** Whether the following inferences measure each step of a site; it costs a little. */
  void timeSteps(boolean on);

  /**
   * Wall seconds that a step took in the last inference; NaN if that was not timed or did not reach
   * it.
   */
  double stepSeconds(int step);

  /**
   * Runs one step of the present program {@code times} times on all threads, on whatever its
   * buffers hold, as a measurement. The outputs of the last inference may be overwritten: they must
   * have been read before.
   *
   * @return wall seconds of all the runs together
   * @throws MachineException if the step fails
   */
  double runStep(int step, int times);

  /**
   * Runs an installed kernel once on scratch memory, on a synthetic problem, by the same code that
   * serves the model's steps. Output and the row after it are filled with {@link #GUARD} before.
   *
   * @return {@code [rows + 1, n]}: C and the row after it
   * @throws MachineException if the kernel traps
   */
  float[] evaluate(Kernel kernel, Schedule schedule, Problem problem);

  /**
   * Runs an installed kernel on scratch memory, on whatever it holds, as a measurement that needs
   * few rows: fresh code is slow until the engine has optimised it.
   *
   * @return wall seconds of all {@code times} runs together
   * @throws MachineException if the kernel traps
   */
  double probe(Kernel kernel, Schedule schedule, int rows, int times);

  /** Installs several schedules of a kernel at once, which costs little more than one. */
  default void install(Kernel kernel, List<Schedule> schedules) {
    for (Schedule schedule : schedules) {
      install(kernel, schedule);
    }
  }

  /** Milliseconds of the machine's clock. */
  double now();
}
