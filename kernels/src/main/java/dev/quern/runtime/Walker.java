package dev.quern.runtime;

import static dev.quern.wasm.Opcode.*;

import dev.quern.kernel.Kernels;
import dev.quern.kernel.StepRecord;
import dev.quern.wasm.Code;
import dev.quern.wasm.Function;
import dev.quern.wasm.FunctionType;
import dev.quern.wasm.Local;
import dev.quern.wasm.ValueType;
import dev.quern.wasm.WasmModule;
import java.util.List;

/**
 * The module that walks a program: it reads the step records one after the other, calls each step's
 * kernel through the table, and meets the other threads at a barrier after each. JavaScript is
 * called once an inference. The same module serves every model.
 *
 * <p>Exports, all on {@link Control}'s words:
 *
 * <ul>
 *   <li>{@code run(program, first, last) -> status}: thread 0 runs these steps with the others
 *   <li>{@code here(program, first, last) -> status}: the same for a thread that may not sleep, the
 *       page's own: it polls until the others are there
 *   <li>{@code work(thread)}: another thread takes part in all runs; returns when told to leave
 *   <li>{@code leave()}: tells the workers to return from {@code work}
 *   <li>{@code acknowledged(count, milliseconds) -> 1 or 0}: waits until that many have installed
 * </ul>
 *
 * <p>Without threads only {@code run} exists, and no atomic instruction is used.
 */
public final class Walker {
  /**
   * Polls before a thread that waits at the barrier sleeps: some 300 µs. Waking it takes 60 µs, and
   * the system may wake it on the core of the other (MobileNetV2's 57 steps, Linux in a virtual
   * machine, 2026-11-25).
   */
  private static final int BARRIER_SPINS = 250_000;

  /**
   * Polls before an idle worker sleeps, after a run and when it is woken: about a millisecond, in
   * which a caller has looked at one run's outputs and begins the next one.
   */
  private static final int IDLE_SPINS = 800_000;

  /** One sleep at the barrier, and how many of them make an error: 20 s. */
  private static final long SLEEP_NANOSECONDS = 100_000_000L;

  private static final int MOST_SLEEPS = 200;

  /** As often does a thread that may not sleep poll instead, {@link #BARRIER_SPINS} times: 5 s. */
  private static final int MOST_POLLS = 16_000;

  private Walker() {}

  /** The module, for a shared memory with threads or for a plain one. */
  public static WasmModule module(boolean threads) {
    return WasmModule.build(module -> {
      module.importMemory(threads);
      module.importTable(Control.TABLE_SIZE);
      Function now = module.importFunction("now", FunctionType.of(":d"));
      if (threads) {
        threaded(module, now);
      } else {
        plain(module, now);
      }
    });
  }

  private static void plain(WasmModule.Builder module, Function now) {
    module.export(
        module.function(
            "run",
            FunctionType.of("iii:i"),
            List.of("program", "first", "last"),
            code -> {
              Local scratch = code.local(ValueType.I32, "scratch");
              load(code, Control.SCRATCH).set(scratch);
              store(code, Control.ERROR, () -> code.i32(0));
              steps(
                  code,
                  code.parameter(0),
                  code.parameter(1),
                  code.parameter(2),
                  step -> {
                    timed(code, step, now, StepRecord.START);
                    alone(code, step, scratch);
                    timed(code, step, now, StepRecord.END);
                    verdict(code);
                  });
              code.i32(Control.OK);
            }));
  }

  /** Calls a step's kernel; the record and which items are on the stack. */
  private static Code kernel(Code code, Local step, Local scratch) {
    return code.get(scratch).get(step).mem(I32_LOAD, StepRecord.SLOT).callIndirect(Kernels.TYPE);
  }

  /** Which of so many belong to a thread: those from one local on, before the other. */
  private static void share(Code code, Local count, Local thread, Local from, Local to) {
    code.get(count).get(thread).op(I32_MUL);
    load(code, Control.THREADS).op(I32_DIV_U).set(from);
    code.get(count).get(thread).i32(1).op(I32_ADD, I32_MUL);
    load(code, Control.THREADS).op(I32_DIV_U).set(to);
  }

  /** All rounds of all items by one thread. */
  private static void alone(Code code, Local step, Local scratch) {
    Local round = code.local(ValueType.I32, "round");
    Local rounds = code.local(ValueType.I32, "rounds");
    code.i32(0).set(round);
    code.get(step).mem(I32_LOAD, StepRecord.REPEATS).i32(1).op(I32_ADD).set(rounds);
    code.whileLess(
        round,
        rounds,
        1,
        () -> {
          code.get(step).get(round).mem(I32_STORE, StepRecord.ROUND);
          code.get(step).i32(0).get(step).mem(I32_LOAD, StepRecord.ITEMS);
          kernel(code, step, scratch);
        });
  }

  private static void threaded(WasmModule.Builder module, Function now) {
    Function barrier =
        module.function(
            "barrier",
            FunctionType.of("ii:i"),
            List.of("step", "sleeps"),
            code -> new Barrier(code, now).emit());
    Function execute =
        module.function(
            "execute",
            FunctionType.of("iiiii:i"),
            List.of("thread", "program", "first", "last", "sleeps"),
            code -> execute(code, barrier));
    leader(module, "run", 1, execute, now);
    leader(module, "here", 0, execute, now);
    module.export(
        module.function(
            "work", FunctionType.of("i:"), List.of("thread"), code -> work(code, execute)));
    module.export(
        module.function(
            "leave",
            FunctionType.of(":"),
            code -> {
              store(code, Control.COMMAND, () -> code.i32(Control.LEAVE));
              nextEpoch(code);
            }));
    module.export(
        module.function(
            "acknowledged",
            FunctionType.of("id:i"),
            List.of("count", "milliseconds"),
            Walker::acknowledged));
  }

  /** Exports the function by which thread 0 runs steps with the others. */
  private static void leader(
      WasmModule.Builder module, String name, int sleeps, Function execute, Function now) {
    module.export(
        module.function(
            name,
            FunctionType.of("iii:i"),
            List.of("program", "first", "last"),
            code -> {
              store(code, Control.ERROR, () -> code.i32(0));
              store(code, Control.PROGRAM, () -> code.get(code.parameter(0)));
              store(code, Control.FIRST, () -> code.get(code.parameter(1)));
              store(code, Control.LAST, () -> code.get(code.parameter(2)));
              store(code, Control.COMMAND, () -> code.i32(Control.RUN));
              steps(
                  code,
                  code.parameter(0),
                  code.parameter(1),
                  code.parameter(2),
                  step -> {
                    code.get(step).i32(StepRecord.CLAIMED).op(I32_ADD).i32(0);
                    load(code, Control.THREADS).i32(2).op(I32_SHL, MEMORY_FILL);
                    code.get(step).i32(0).mem(I32_STORE, StepRecord.ROUND);
                  });
              Local began = code.local(ValueType.I32, "began");
              record(code, code.parameter(0), code.parameter(1), began);
              timed(code, began, now, StepRecord.START);
              load(code, Control.THREADS).i32(1).op(I32_GT_S).if_(() -> nextEpoch(code));
              code.i32(0).get(code.parameter(0)).get(code.parameter(1)).get(code.parameter(2));
              code.i32(sleeps).call(execute);
            }));
  }

  private static void nextEpoch(Code code) {
    code.i32(0).i32(1).mem(I32_ATOMIC_RMW_ADD, Control.EPOCH).op(DROP);
    code.i32(0).i32(-1).mem(MEMORY_ATOMIC_NOTIFY, Control.EPOCH).op(DROP);
  }

  private static void execute(Code code, Function barrier) {
    Local thread = code.parameter(0);
    Local scratch = code.local(ValueType.I32, "scratch");
    Local items = code.local(ValueType.I32, "items");
    Local grain = code.local(ValueType.I32, "grain");
    Local stop = code.local(ValueType.I32, "stop");
    load(code, Control.SCRATCH).get(thread);
    load(code, Control.SCRATCH_STRIDE).op(I32_MUL, I32_ADD).set(scratch);
    steps(
        code,
        code.parameter(1),
        code.parameter(2),
        code.parameter(3),
        step -> {
          code.get(step).mem(I32_LOAD, StepRecord.ITEMS).set(items);
          code.get(step).mem(I32_LOAD, StepRecord.GRAIN).set(grain);
          code.get(step).mem(I32_LOAD, StepRecord.REPEATS);
          code.ifElse(
              () -> {
                code.get(items).get(grain).op(I32_LE_S);
                code.ifElse(
                    () -> code.get(thread).op(I32_EQZ).if_(() -> alone(code, step, scratch)),
                    () -> rounds(code, barrier, step, items, scratch));
              },
              () -> claimed(code, step, items, grain, scratch));
          code.get(step).get(code.parameter(4)).call(barrier).set(stop);
          code.get(stop).if_(() -> code.get(stop).op(RETURN));
        });
    code.i32(Control.OK);
  }

  /**
   * Pieces of a thread's own share, then of the others': what lies at the same place of two steps
   * is computed by the same thread, whose core's caches hold it, and both end together.
   */
  private static void claimed(Code code, Local step, Local items, Local grain, Local scratch) {
    Local pieces = code.local(ValueType.I32, "pieces");
    Local owner = code.local(ValueType.I32, "owner");
    Local left = code.local(ValueType.I32, "left");
    Local share = code.local(ValueType.I32, "share");
    Local limit = code.local(ValueType.I32, "limit");
    Local begin = code.local(ValueType.I32, "begin");
    Local end = code.local(ValueType.I32, "piece_end");
    load(code, Control.THREADS).set(left);
    code.get(items).get(grain).op(I32_ADD).i32(1).op(I32_SUB).get(grain).op(I32_DIV_U).set(pieces);
    code.get(code.parameter(0)).set(owner);
    code.loop(next -> {
      share(code, pieces, owner, share, limit);
      code.block(done ->
          code.loop(again -> {
            code.get(step).get(owner).i32(2).op(I32_SHL, I32_ADD);
            code.i32(1).mem(I32_ATOMIC_RMW_ADD, StepRecord.CLAIMED).get(share).op(I32_ADD);
            code.tee(begin).get(limit).op(I32_GE_S).brIf(done);
            code.get(begin).get(grain).op(I32_MUL).tee(begin);
            code.get(grain).op(I32_ADD).tee(end).get(items);
            code.get(end).get(items).op(I32_LT_S, SELECT).set(end);
            code.get(step).get(begin).get(end);
            kernel(code, step, scratch).br(again);
          }));
      code.get(owner).i32(1).op(I32_ADD).tee(owner);
      load(code, Control.THREADS).op(I32_EQ);
      code.if_(() -> code.i32(0).set(owner));
      code.get(left).i32(1).op(I32_SUB).tee(left).brIf(next);
    });
  }

  /**
   * A thread's share of every round: the same items each time, so that what belongs to them stays
   * in the caches of its core. The barrier behind the last round is that of the step.
   */
  private static void rounds(Code code, Function barrier, Local step, Local items, Local scratch) {
    Local round = code.local(ValueType.I32, "round");
    Local rounds = code.local(ValueType.I32, "rounds");
    Local from = code.local(ValueType.I32, "from");
    Local to = code.local(ValueType.I32, "to");
    Local stop = code.local(ValueType.I32, "stop");
    share(code, items, code.parameter(0), from, to);
    code.i32(0).set(round);
    code.get(step).mem(I32_LOAD, StepRecord.REPEATS).i32(1).op(I32_ADD).set(rounds);
    code.loop(again -> {
      // All threads write the same number, and none can be in another round.
      code.get(step).get(round).mem(I32_STORE, StepRecord.ROUND);
      code.get(step).get(from).get(to);
      kernel(code, step, scratch);
      code.increase(round, 1);
      code.get(round).get(rounds).op(I32_LT_S);
      code.if_(() -> {
        code.get(step).get(code.parameter(4)).call(barrier).set(stop);
        code.get(stop).if_(() -> code.get(stop).op(RETURN));
        code.br(again);
      });
    });
  }

  /** Waits for all threads of the run; leaves 0, or the status with which the run ends. */
  private static final class Barrier {
    private final Code code;
    private final Function now;
    private final Local generation;
    private final Local tries;
    private final Local polls;
    private final Local time;

    Barrier(Code code, Function now) {
      this.code = code;
      this.now = now;
      time = code.local(ValueType.F64, "time");
      generation = code.local(ValueType.I32, "generation");
      tries = code.local(ValueType.I32, "tries");
      polls = code.local(ValueType.I32, "polls");
    }

    void emit() {
      code.i32(0).mem(I32_ATOMIC_LOAD, Control.GENERATION).set(generation);
      code.i32(0).i32(1).mem(I32_ATOMIC_RMW_ADD, Control.ARRIVED).i32(1).op(I32_ADD);
      load(code, Control.THREADS).op(I32_EQ);
      code.ifElse(this::release, this::await);
      code.i32(0).mem(I32_ATOMIC_LOAD, Control.STOP);
    }

    /**
     * The last to arrive takes the time at which the step ends and the next one begins: nobody else
     * knows it, because a thread that slept wakes when the others are far into the next step.
     */
    private void clock() {
      Local step = code.parameter(0);
      code.get(step).mem(I32_LOAD, StepRecord.FLAGS).i32(StepRecord.TIMED).op(I32_AND);
      code.if_(() -> {
        code.call(now).set(time);
        code.get(step).get(time).mem(F64_STORE, StepRecord.END);
        code.get(step).get(time).mem(F64_STORE, StepRecord.SIZE + StepRecord.START);
      });
    }

    private void release() {
      clock();
      code.i32(0).i32(0).mem(I32_ATOMIC_STORE, Control.ARRIVED);
      // What ends the run is decided once, so that all threads leave at the same step.
      code.i32(0);
      code.i32(0).mem(I32_ATOMIC_LOAD, Control.ERROR);
      code.i32(Control.CANCELLED).i32(Control.OK);
      code.i32(0).mem(I32_ATOMIC_LOAD, Control.CANCEL).op(SELECT);
      code.i32(0).mem(I32_ATOMIC_LOAD, Control.ERROR).op(SELECT);
      code.mem(I32_ATOMIC_STORE, Control.STOP);
      code.i32(0).i32(1).mem(I32_ATOMIC_RMW_ADD, Control.GENERATION).op(DROP);
      code.i32(0).mem(I32_ATOMIC_LOAD, Control.WAITERS);
      code.if_(() -> code.i32(0).i32(-1).mem(MEMORY_ATOMIC_NOTIFY, Control.GENERATION).op(DROP));
    }

    private void await() {
      code.block(passed -> {
        poll(passed);
        code.i32(MOST_SLEEPS).i32(MOST_POLLS).get(code.parameter(1)).op(SELECT).set(tries);
        code.loop(again -> {
          code.get(code.parameter(1)).ifElse(this::sleep, () -> poll(passed));
          passed().brIf(passed);
          // A thread that trapped never arrives: its JavaScript has set the error.
          code.i32(0).mem(I32_ATOMIC_LOAD, Control.ERROR).i32(Control.TRAPPED);
          code.op(I32_EQ).if_(() -> code.i32(Control.TRAPPED).op(RETURN));
          code.get(tries).i32(1).op(I32_SUB).tee(tries).brIf(again);
        });
        code.i32(0).i32(Control.BARRIER_TIMED_OUT).mem(I32_ATOMIC_STORE, Control.ERROR);
        code.i32(Control.BARRIER_TIMED_OUT).op(RETURN);
      });
    }

    private void poll(Code.Label passed) {
      code.i32(BARRIER_SPINS).set(polls);
      code.loop(again -> {
        passed().brIf(passed);
        code.get(polls).i32(1).op(I32_SUB).tee(polls).brIf(again);
      });
    }

    private void sleep() {
      code.i32(0).i32(1).mem(I32_ATOMIC_RMW_ADD, Control.WAITERS).op(DROP);
      code.i32(0).get(generation).i64(SLEEP_NANOSECONDS);
      code.mem(MEMORY_ATOMIC_WAIT32, Control.GENERATION).op(DROP);
      code.i32(0).i32(1).mem(I32_ATOMIC_RMW_SUB, Control.WAITERS).op(DROP);
    }

    private Code passed() {
      code.i32(0).mem(I32_ATOMIC_LOAD, Control.GENERATION);
      return code.get(generation).op(I32_NE);
    }
  }

  private static void work(Code code, Function execute) {
    Local thread = code.parameter(0);
    Local seen = code.local(ValueType.I32, "seen");
    Local epoch = code.local(ValueType.I32, "epoch");
    Local tries = code.local(ValueType.I32, "tries");
    Local slot = code.local(ValueType.I32, "slot");
    code.get(thread).i32(2).op(I32_SHL).set(slot);
    code.loop(next -> {
      code.get(slot).mem(I32_LOAD, Control.SEEN).set(seen);
      code.i32(IDLE_SPINS).set(tries);
      code.block(woken ->
          code.loop(again -> {
            code.i32(0).mem(I32_ATOMIC_LOAD, Control.EPOCH).tee(epoch);
            code.get(seen).op(I32_NE).brIf(woken);
            code.get(tries).i32(1).op(I32_SUB).tee(tries).brIf(again);
            // Woken without a command: one is about to come.
            code.i32(IDLE_SPINS).set(tries);
            code.i32(0).get(seen).i64(-1).mem(MEMORY_ATOMIC_WAIT32, Control.EPOCH);
            code.op(DROP).br(again);
          }));
      code.get(slot).get(epoch).mem(I32_STORE, Control.SEEN);
      load(code, Control.COMMAND).i32(Control.LEAVE).op(I32_EQ).if_(() -> code.op(RETURN));
      code.get(thread);
      load(code, Control.THREADS).op(I32_LT_S);
      code.if_(() -> {
        code.get(thread);
        load(code, Control.PROGRAM);
        load(code, Control.FIRST);
        load(code, Control.LAST).i32(1).call(execute).op(DROP);
      });
      code.br(next);
    });
  }

  private static void acknowledged(Code code) {
    Local found = code.local(ValueType.I32, "found");
    Local nanoseconds = code.local(ValueType.I64, "nanoseconds");
    code.get(code.parameter(1)).f64(1e6).op(F64_MUL, I64_TRUNC_SAT_F64_S).set(nanoseconds);
    code.loop(again -> {
      code.i32(0).mem(I32_ATOMIC_LOAD, Control.ACKNOWLEDGED).tee(found);
      code.get(code.parameter(0)).op(I32_GE_S).if_(() -> code.i32(1).op(RETURN));
      code.i32(0).get(found).get(nanoseconds);
      code.mem(MEMORY_ATOMIC_WAIT32, Control.ACKNOWLEDGED).i32(2).op(I32_NE).brIf(again);
    });
    code.i32(0);
  }

  private interface StepBody {
    void emit(Local step);
  }

  /** Visits the records of the steps first to last. */
  private static void steps(Code code, Local program, Local first, Local last, StepBody body) {
    Local step = code.local(ValueType.I32, "step");
    Local end = code.local(ValueType.I32, "end");
    record(code, program, first, step);
    record(code, program, last, end);
    code.get(step).get(end).op(I32_LT_U);
    code.if_(() ->
        code.loop(again -> {
          body.emit(step);
          code.increase(step, StepRecord.SIZE);
          code.get(step).get(end).op(I32_LT_U).brIf(again);
        }));
  }

  private static void record(Code code, Local program, Local index, Local target) {
    code.get(program).get(index).i32(StepRecord.SIZE).op(I32_MUL, I32_ADD).set(target);
  }

  /** Writes the clock into a field of the record where the step's flags ask for it. */
  private static void timed(Code code, Local step, Function now, int field) {
    code.get(step).mem(I32_LOAD, StepRecord.FLAGS).i32(StepRecord.TIMED).op(I32_AND);
    code.if_(() -> code.get(step).call(now).mem(F64_STORE, field));
  }

  /** Returns from the function if the step failed or the run was cancelled. */
  private static void verdict(Code code) {
    load(code, Control.ERROR);
    code.if_(() -> load(code, Control.ERROR).op(RETURN));
    load(code, Control.CANCEL);
    code.if_(() -> code.i32(Control.CANCELLED).op(RETURN));
  }

  private static Code load(Code code, int word) {
    return code.i32(0).mem(I32_LOAD, word);
  }

  private static void store(Code code, int word, Runnable value) {
    code.i32(0);
    value.run();
    code.mem(I32_STORE, word);
  }
}
