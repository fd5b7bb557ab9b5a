package dev.quern.runtime;

import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.Kernels;
import dev.quern.kernel.Kernels.Placed;
import dev.quern.kernel.MatmulKernel;
import dev.quern.schedule.Schedule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Which kernel stands in which entry of the function tables. */
final class KernelTable {
  private final Machine machine;
  private final Map<String, Placed> slots = new LinkedHashMap<>();
  private final List<Integer> free = new ArrayList<>();
  private int next = 1;
  private double emitMilliseconds;
  private double compileMilliseconds;

  KernelTable(Machine machine) {
    this.machine = machine;
  }

  /** Time spent on emitting, and on compiling and instantiating. */
  double emitMilliseconds() {
    return emitMilliseconds;
  }

  double compileMilliseconds() {
    return compileMilliseconds;
  }

  private static String key(String signature, Schedule schedule) {
    return schedule == null ? signature : signature + " | " + MatmulKernel.compiled(schedule);
  }

  /** The entry of a kernel that is installed. */
  int slot(String signature, Schedule schedule) {
    Placed placed = slots.get(key(signature, schedule));
    if (placed == null) {
      throw new IllegalStateException("not installed: " + key(signature, schedule));
    }
    return placed.slot();
  }

  /** A kernel to install; building its signature takes long enough to be done once. */
  record Wanted(KernelSpec spec, String signature, Schedule schedule) {}

  /** Installs those that are not there, all in one module. */
  void install(List<Wanted> wanted) {
    Map<String, Placed> added = new LinkedHashMap<>();
    for (Wanted kernel : wanted) {
      String key = key(kernel.signature(), kernel.schedule());
      if (!slots.containsKey(key) && !added.containsKey(key)) {
        int slot = free.isEmpty() ? next++ : free.removeLast();
        if (slot >= Control.TABLE_SIZE) {
          throw new MachineException("the model needs more than " + (slot - 1) + " kernels");
        }
        added.put(key, new Placed(kernel.spec(), kernel.schedule(), slot));
      }
    }
    if (added.isEmpty()) {
      return;
    }
    try {
      double start = machine.now();
      byte[] module = module(added);
      double emitted = machine.now();
      machine.install(module);
      emitMilliseconds += emitted - start;
      compileMilliseconds += machine.now() - emitted;
      slots.putAll(added);
    } catch (RuntimeException e) {
      added.values().forEach(placed -> free.add(placed.slot()));
      throw e;
    }
  }

  private byte[] module(Map<String, Placed> kernels) {
    List<Placed> placed = new ArrayList<>(kernels.values());
    return Kernels.module(placed, machine.features(), Control.TABLE_SIZE).encode();
  }

  /** All kernels that are installed, each at its entry, in one module. */
  byte[] module() {
    return module(slots);
  }

  /** Gives an entry free for the next kernel. */
  void discard(String signature, Schedule schedule) {
    Placed placed = slots.remove(key(signature, schedule));
    if (placed != null) {
      free.add(placed.slot());
    }
  }
}
