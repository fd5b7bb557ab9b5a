package dev.quern.runtime;

import dev.quern.graph.Constant;
import dev.quern.kernel.BlockPacking;
import dev.quern.kernel.MatmulKernel;
import dev.quern.kernel.NarrowPacking;
import dev.quern.kernel.PackKernel;
import dev.quern.kernel.PackTapsKernel;
import dev.quern.kernel.WeightFormat;
import dev.quern.plan.Weight;
import java.util.ArrayList;
import java.util.List;

/**
 * Gives every weight its address. The model's file lies in linear memory; weights that are used as
 * they are stay where they are in it, packed ones are written over their own bytes where they fit,
 * so that loading needs the file and one weight's scratch, not two copies.
 */
final class WeightLoader {
  private static final int LINE = 64;

  private record Span(long from, long to) {}

  private final Machine machine;
  private final List<Weight> weights;
  private final long[] addresses;
  private final int[] facts;
  private final List<Span> used = new ArrayList<>();
  private final int packer;

  /** Made when the first weight needs it: most models have no windows. */
  private int tapsPacker = -1;

  private int blockPacker = -1;

  private final long fileEnd;
  private long top;

  /**
   * Gives all weights their addresses; none of the file's bytes need to be there yet.
   *
   * @param top the first address behind the model's file
   */
  WeightLoader(Machine machine, List<Weight> weights, long top) {
    this.machine = machine;
    this.weights = weights;
    this.addresses = new long[weights.size()];
    this.facts = new int[weights.size()];
    this.fileEnd = Arena.align(top);
    this.top = fileEnd;
    this.packer = machine.load(PackKernel.module(machine.features().threads()).encode());
    place();
  }

  /** The address of each weight. */
  long[] addresses() {
    return addresses;
  }

  /** What {@code Base.OfFact} says of each weight, once it is packed. */
  int[] facts() {
    return facts;
  }

  /** The first free address behind the file and all weights. */
  long top() {
    return top;
  }

  private void place() {
    for (Weight weight : weights) {
      for (Constant part : weight.parts()) {
        if (part.data() instanceof Addressed file) {
          used.add(new Span(file.address(), file.address() + file.size()));
        }
      }
    }
    used.sort((a, b) -> Long.compare(a.from, b.from));
    for (Weight weight : weights) {
      addresses[weight.id()] = weight.packed() ? place(weight) : raw(weight.parts().get(0));
    }
  }

  /**
   * Packs the weights that are packed, now that the file's bytes are there.
   *
   * @param scratch the first address from which on memory is free to be overwritten
   */
  void pack(long scratch) {
    for (Weight weight : weights) {
      if (weight.packed()) {
        pack(weight, scratch);
      }
    }
  }

  private long raw(Constant constant) {
    if (constant.data() instanceof Addressed file) {
      return file.address();
    }
    byte[] bytes = constant.data().toArray();
    long at = allocate(bytes.length);
    machine.memory().write(at, bytes, 0, bytes.length);
    return at;
  }

  private long allocate(long bytes) {
    long at = top;
    // Vectors may be read a little past the end of a weight.
    top = Arena.align(top + bytes + 16);
    machine.memory().ensure(top);
    return at;
  }

  /** Bytes of a packed weight. */
  static long bytes(Weight weight) {
    if (weight.format().kind() == WeightFormat.Kind.BLOCKS) {
      return weight.format().bytes(weight.k(), weight.parts().getFirst().shape().dim(0).constant());
    }
    long bytes = 0;
    for (Constant part : weight.parts()) {
      long n = part.shape().dim(weight.transposed() ? 0 : 1).constant();
      bytes += weight.format().bytes(weight.k(), n);
    }
    return bytes;
  }

  /** Over the weight's own bytes if they are together, nobody else's, and suffice. */
  private long place(Weight weight) {
    long from = Long.MAX_VALUE;
    long to = 0;
    for (Constant part : weight.parts()) {
      if (!(part.data() instanceof Addressed file)) {
        return allocate(bytes(weight));
      }
      from = Math.min(from, file.address());
      to = Math.max(to, file.address() + file.size());
    }
    long before = Control.FREE;
    long after = machine.memory().size();
    int inside = 0;
    for (Span span : used) {
      if (span.to <= from) {
        before = Math.max(before, span.to);
      } else if (span.from >= to) {
        after = Math.min(after, span.from);
      } else {
        inside++;
      }
    }
    long packed = bytes(weight);
    long at = Arena.align(from);
    if (at + packed > Math.min(after, fileEnd)) {
      at = Math.max(from - from % LINE, before);
    }
    boolean alone = inside == weight.parts().size();
    if (!alone || at + packed > Math.min(after, fileEnd)) {
      return allocate(packed);
    }
    // From now on these bytes, and not the old ones, are what others must keep off.
    used.add(new Span(at, at + packed));
    return at;
  }

  private void pack(Weight weight, long scratch) {
    long total = 0;
    for (Constant part : weight.parts()) {
      total += part.data().size();
    }
    machine.memory().ensure(scratch + total + 16);
    // All parts leave their place before the first byte is written over it.
    long at = scratch;
    for (Constant part : weight.parts()) {
      if (part.data() instanceof Addressed file) {
        machine.memory().move(file.address(), at, file.size());
      } else {
        byte[] bytes = part.data().toArray();
        machine.memory().write(at, bytes, 0, bytes.length);
      }
      at += part.data().size();
    }
    long source = scratch;
    long target = addresses[weight.id()];
    if (weight.format().kind() == WeightFormat.Kind.BLOCKS) {
      packBlocks(weight, source, target);
      return;
    }
    int index = 0;
    for (Constant part : weight.parts()) {
      long n = part.shape().dim(weight.transposed() ? 0 : 1).constant();
      if (weight.taps() > 1) {
        packTaps(weight, source, target, n);
      } else if (weight.format() != WeightFormat.F32) {
        boolean whole = weight.format().isWhole();
        byte[] zeros = whole ? weight.zeros().get(index++) : new byte[0];
        machine.memory().ensure(at + zeros.length + 16);
        machine.memory().write(at, zeros, 0, zeros.length);
        String name = NarrowPacking.name(weight.format(), part.type(), weight.transposed());
        facts[weight.id()] |=
            (int)
                machine.call(
                    packer, name, (int) source, (int) target, weight.k(), (int) n, (int) at);
      } else {
        machine.call(
            packer,
            weight.transposed() ? "pack_transposed" : "pack",
            (int) source,
            (int) target,
            weight.k(),
            (int) n);
      }
      source += part.data().size();
      target += weight.format().bytes(weight.k(), n);
    }
  }

  /** Numbers, scales and zero points lie behind each other. */
  private void packBlocks(Weight weight, long source, long target) {
    if (blockPacker < 0) {
      blockPacker = machine.load(BlockPacking.module(machine.features().threads()).encode());
    }
    long scales = source + weight.parts().get(0).data().size();
    int words = weight.format().block() * weight.format().bits() / 32;
    machine.call(
        blockPacker,
        BlockPacking.name(weight.format()),
        (int) source,
        (int) scales,
        (int) (scales + weight.parts().get(1).data().size()),
        (int) target,
        MatmulKernel.blocks(weight.k(), weight.format().block()),
        (int) weight.parts().getFirst().shape().dim(0).constant(),
        words);
  }

  private void packTaps(Weight weight, long source, long target, long n) {
    if (tapsPacker < 0) {
      tapsPacker = machine.load(PackTapsKernel.module(machine.features().threads()).encode());
    }
    int taps = weight.taps();
    int channels = weight.k() / taps;
    machine.call(tapsPacker, "pack_taps", (int) source, (int) target, channels, taps, (int) n);
  }
}
