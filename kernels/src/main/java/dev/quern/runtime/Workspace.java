package dev.quern.runtime;

import dev.quern.kernel.BlockPacking;
import dev.quern.kernel.NarrowPacking;
import dev.quern.kernel.PackKernel;
import dev.quern.kernel.PackTapsKernel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What the plans on one machine share: the function table, packed weights, and linear memory. What
 * stays (weights, records of programs) grows from the bottom; the threads' scratch and one arena
 * lie behind it, and move up when it grows, which makes all programs void.
 */
public final class Workspace {
  /** Left free below the scratch of a workspace of many plans, so that it seldom moves. */
  private static final long SLACK = 1 << 20;

  /** Scratch up to which there is more than is needed, in bytes a thread. */
  private static final long MOST_SPARE = 256 << 10;

  private record Span(long from, long bytes) {}

  private final Machine machine;
  private final KernelTable table;
  private final boolean shared;
  private final long bottom;
  private final Map<String, Packed> packed = new HashMap<>();
  private final List<Span> free = new ArrayList<>();
  private int packer = -1;
  private int narrowPacker = -1;
  private int tapsPacker = -1;
  private int blockPacker = -1;
  private long top;
  private long scratchAt;
  private long scratchStride;
  private long arenaAt;
  private long arenaEnd;
  private int generation;

  private Workspace(Machine machine, long top, boolean shared) {
    this.machine = machine;
    this.table = new KernelTable(machine);
    this.shared = shared;
    this.bottom = Arena.align(Math.max(top, Control.FREE));
    this.top = bottom;
    machine.install(Walker.module(machine.features().threads()).encode());
    machine.memory().putInt(Control.THREADS, machine.threads());
  }

  /** For one plan, whose weights may be packed over their own bytes in the model's file. */
  static Workspace ofOne(Machine machine, long top) {
    return new Workspace(machine, top, false);
  }

  /**
   * For any number of plans, whose weights may be the same.
   *
   * @param top the first address that is free
   */
  public static Workspace ofMany(Machine machine, long top) {
    return new Workspace(machine, top, true);
  }

  Machine machine() {
    return machine;
  }

  KernelTable table() {
    return table;
  }

  /** Whether several plans are here: weights stay as they are in the model's file. */
  boolean isShared() {
    return shared;
  }

  /** The first address that was free at the start: the end of the model's file. */
  long bottom() {
    return bottom;
  }

  /** The first address behind what stays. */
  long top() {
    return top;
  }

  /**
   * A weight that is packed.
   *
   * @param fact what {@code Base.OfFact} says of it
   */
  record Packed(long address, int fact) {}

  /** Weights that were packed before, by what they are made of. */
  Map<String, Packed> packed() {
    return packed;
  }

  /** The module that packs matrices; made when the first weight needs it. */
  int packer() {
    if (packer < 0) {
      packer = machine.load(PackKernel.module(machine.features().threads()).encode());
    }
    return packer;
  }

  /** The module that packs weights of 8 and 16 bits: most models have none. */
  int narrowPacker() {
    if (narrowPacker < 0) {
      narrowPacker = machine.load(NarrowPacking.module(machine.features().threads()).encode());
    }
    return narrowPacker;
  }

  /** The module that packs windows: most models have none. */
  int tapsPacker() {
    if (tapsPacker < 0) {
      tapsPacker = machine.load(PackTapsKernel.module(machine.features().threads()).encode());
    }
    return tapsPacker;
  }

  /** The module that packs blocks: most models have none. */
  int blockPacker() {
    if (blockPacker < 0) {
      blockPacker = machine.load(BlockPacking.module(machine.features().threads()).encode());
    }
    return blockPacker;
  }

  /** Room for something that stays until it is {@link #release released}. */
  long allocate(long bytes) {
    // Vectors may be read a little past the end of a weight.
    long room = Arena.align(bytes + 16);
    for (int i = 0; i < free.size(); i++) {
      Span span = free.get(i);
      if (span.bytes >= room) {
        free.remove(i);
        if (span.bytes > room) {
          free.add(new Span(span.from + room, span.bytes - room));
        }
        return span.from;
      }
    }
    long at = top;
    top += room;
    machine.memory().ensure(top);
    return at;
  }

  /** Gives room back. */
  void release(long at, long bytes) {
    free.add(new Span(at, Arena.align(bytes + 16)));
  }

  /** Puts scratch and arena behind what stays, if that has grown into them. */
  void settle() {
    if (top > scratchAt) {
      scratchAt = shared ? Arena.align(top + SLACK) : top;
      layOut(0);
    }
  }

  /** Makes sure that each thread has so many bytes of scratch; more of it moves the arena. */
  void needScratch(long bytes) {
    if (bytes > scratchStride) {
      layOut(bytes);
    }
  }

  private void layOut(long scratch) {
    // Twice as much each time: lengths that grow little by little do not move the arena each time.
    long spare = Math.min(2 * scratchStride, MOST_SPARE);
    scratchStride = Arena.align(Math.max(Math.max(scratch, scratchStride), spare));
    arenaAt = scratchAt + scratchStride * machine.threads();
    arenaEnd = arenaAt;
    generation++;
    machine.memory().ensure(arenaAt);
    machine.memory().putInt(Control.SCRATCH, (int) scratchAt);
    machine.memory().putInt(Control.SCRATCH_STRIDE, (int) scratchStride);
  }

  /** Grows when the arena moves: programs of an older generation hold wrong addresses. */
  int generation() {
    return generation;
  }

  /**
   * The arena's first address, behind which there is room for so many bytes, and for a vector that
   * is read beyond the end of a row.
   */
  long arena(long bytes) {
    machine.memory().ensure(arenaAt + bytes + 16);
    arenaEnd = Math.max(arenaEnd, arenaAt + bytes);
    return arenaAt;
  }

  /** The arena's first address. */
  long arenaAt() {
    return arenaAt;
  }

  /** The first address behind everything. */
  long end() {
    return Arena.align(Math.max(arenaEnd, arenaAt));
  }
}
