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
  private final Map<String, Integer> slots = new LinkedHashMap<>();
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
    Integer slot = slots.get(key(signature, schedule));
    if (slot == null) {
      throw new IllegalStateException("not installed: " + key(signature, schedule));
    }
    return slot;
  }

  /** A kernel to install; building its signature takes long enough to be done once. */
  record Wanted(KernelSpec spec, String signature, Schedule schedule) {}

  /** Installs those that are not there, all in one module. */
  void install(List<Wanted> wanted) {
    List<Placed> placed = new ArrayList<>();
    Map<String, Integer> added = new LinkedHashMap<>();
    for (Wanted kernel : wanted) {
      String key = key(kernel.signature(), kernel.schedule());
      if (!slots.containsKey(key) && !added.containsKey(key)) {
        int slot = free.isEmpty() ? next++ : free.removeLast();
        if (slot >= Control.TABLE_SIZE) {
          throw new MachineException("the model needs more than " + (slot - 1) + " kernels");
        }
        added.put(key, slot);
        placed.add(new Placed(kernel.spec(), kernel.schedule(), slot));
      }
    }
    if (placed.isEmpty()) {
      return;
    }
    try {
      double start = machine.now();
      byte[] module = Kernels.module(placed, machine.features(), Control.TABLE_SIZE).encode();
      double emitted = machine.now();
      machine.install(module);
      emitMilliseconds += emitted - start;
      compileMilliseconds += machine.now() - emitted;
      slots.putAll(added);
    } catch (RuntimeException e) {
      free.addAll(added.values());
      throw e;
    }
  }

  /** Gives an entry free for the next kernel. */
  void discard(String signature, Schedule schedule) {
    Integer slot = slots.remove(key(signature, schedule));
    if (slot != null) {
      free.add(slot);
    }
  }
}
