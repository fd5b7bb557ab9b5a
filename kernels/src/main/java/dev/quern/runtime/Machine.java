package dev.quern.runtime;

import dev.quern.schedule.Features;

/**
 * Where generated modules run: one linear memory, and on each thread an instance of every module
 * and a function table of its own. A browser's engine worker is one; V8 inside the JVM is another,
 * for tests. Everything here is synchronous and called by one thread.
 *
 * <p>A host gives each module these imports, all in the module {@code env}: {@code memory} (the
 * machine's memory), {@code table} (the thread's own function table of {@link Control#TABLE_SIZE}
 * {@code funcref}s), and {@code now} (a function to {@code f64}: milliseconds of a monotonic
 * clock). A kernel's module puts its functions into the table itself, by an active element segment.
 * The walker module (see {@link Walker}), installed first, exports {@code run} and {@code work}.
 */
public interface Machine {
  /** What the engine offers; {@code threads} says whether the memory is shared. */
  Features features();

  /** Threads that compute, the caller among them; 1 where memory is not shared. */
  int threads();

  LinearMemory memory();

  /**
   * Compiles a module and instantiates it on every thread; when this returns, all tables hold its
   * functions. With several threads: sends the parked workers out of Wasm, hands them the module,
   * waits for each to acknowledge, with a time-out.
   *
   * @throws MachineException if the module does not validate or a thread does not answer
   */
  void install(byte[] module);

  /**
   * Runs the steps {@code first} to {@code last} (exclusive) of the program at an address on all
   * threads: one call of the walker's {@code run(program, first, last)}.
   *
   * @return 0, or a {@link Control} status: cancelled, or which step failed
   * @throws MachineException if Wasm trapped or a thread stopped answering
   */
  int run(int program, int first, int last);

  /**
   * Calls an export of a module that was installed under a name, on the calling thread only: for
   * packing weights and for probes.
   *
   * @param handle what {@link #load} returned
   */
  double call(int handle, String export, double... arguments);

  /**
   * Compiles and instantiates a module on the calling thread only and keeps its instance.
   *
   * @return a handle for {@link #call}
   */
  int load(byte[] module);

  /** Whether the engine accepts the module, without compiling it. */
  boolean validate(byte[] module);

  /** Milliseconds of a monotonic clock, as fine as the host gives. */
  double now();
}
