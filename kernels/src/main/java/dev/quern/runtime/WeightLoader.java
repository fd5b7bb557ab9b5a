package dev.quern.runtime;

import dev.quern.graph.Constant;
import dev.quern.kernel.BlockPacking;
import dev.quern.kernel.MatmulKernel;
import dev.quern.kernel.NarrowPacking;
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

  private final Workspace space;
  private final Machine machine;
  private final List<Weight> weights;
  private final long[] addresses;
  private final int[] facts;
  private final List<Span> used = new ArrayList<>();
  private final List<Weight> owned = new ArrayList<>();
  private final List<Weight> toPack = new ArrayList<>();

  /** Gives all weights their addresses; none of the file's bytes need to be there yet. */
  WeightLoader(Workspace space, List<Weight> weights) {
    this.space = space;
    this.machine = space.machine();
    this.weights = weights;
    this.addresses = new long[weights.size()];
    this.facts = new int[weights.size()];
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

  /** The weights that lie in room that was allocated for them alone. */
  List<Weight> owned() {
    return owned;
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
      addresses[weight.id()] = weight.packed() ? packedPlace(weight) : raw(weight);
    }
    for (Weight weight : toPack) {
      // Compiled now, while the file may still be on its way.
      packer(weight);
    }
  }

  /** The module that packs a weight. */
  private int packer(Weight weight) {
    if (weight.format().kind() == WeightFormat.Kind.BLOCKS) {
      return space.blockPacker();
    }
    if (weight.taps() > 1) {
      return space.tapsPacker();
    }
    return weight.format() == WeightFormat.F32 ? space.packer() : space.narrowPacker();
  }

  /**
   * Packs the weights that are packed, now that the file's bytes are there.
   *
   * @param scratch the first address from which on memory is free to be overwritten
   */
  void pack(long scratch) {
    for (Weight weight : toPack) {
      pack(weight, scratch);
      String key = space.isShared() ? key(weight) : "";
      if (!key.isEmpty()) {
        space.packed().put(key, new Workspace.Packed(addresses[weight.id()], facts[weight.id()]));
      }
    }
  }

  private long raw(Weight weight) {
    Constant constant = weight.parts().get(0);
    if (constant.data() instanceof Addressed file) {
      return file.address();
    }
    byte[] bytes = constant.data().toArray();
    long at = space.allocate(bytes.length);
    owned.add(weight);
    machine.memory().write(at, bytes, 0, bytes.length);
    return at;
  }

  /** Where a packed weight goes; one that another plan has packed is there already. */
  private long packedPlace(Weight weight) {
    long sums = sumBytes(weight);
    if (!space.isShared()) {
      toPack.add(weight);
      facts[weight.id()] = sums > 0 ? (int) space.allocate(sums) : 0;
      return place(weight);
    }
    String key = key(weight);
    Workspace.Packed known = space.packed().get(key);
    if (known != null) {
      facts[weight.id()] = known.fact();
      return known.address();
    }
    toPack.add(weight);
    if (key.isEmpty()) {
      owned.add(weight);
    }
    long at = space.allocate(room(weight));
    facts[weight.id()] = sums > 0 ? (int) (at + bytes(weight)) : 0;
    return at;
  }

  /** What a weight is made of; empty if it is not of the model's file alone. */
  private static String key(Weight weight) {
    StringBuilder key = new StringBuilder();
    key.append(weight.format().label()).append(weight.k()).append(weight.transposed() ? 't' : 'p');
    key.append(weight.taps());
    for (Constant part : weight.parts()) {
      if (!(part.data() instanceof Addressed file)) {
        return "";
      }
      key.append(' ').append(part.type().label()).append(file.address()).append(part.shape());
    }
    for (byte[] zeros : weight.zeros()) {
      key.append(' ');
      for (byte zero : zeros) {
        key.append((char) (zero & 255));
      }
    }
    return key.toString();
  }

  /** Bytes of the sums of a weight's columns. */
  private static long sumBytes(Weight weight) {
    long bytes = 0;
    for (Constant part : weight.parts()) {
      if (weight.format() != null && weight.format().isBytes()) {
        bytes += weight.format().sumBytes(part.shape().dim(weight.transposed() ? 0 : 1).constant());
      }
    }
    return bytes;
  }

  /** Bytes that were allocated for a weight that lies in room of its own. */
  static long room(Weight weight) {
    return bytes(weight) + sumBytes(weight);
  }

  /** Bytes of a weight, without what belongs to it elsewhere. */
  static long bytes(Weight weight) {
    if (!weight.packed()) {
      return weight.parts().get(0).data().size();
    }
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
        return space.allocate(bytes(weight));
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
    if (at + packed > Math.min(after, space.bottom())) {
      at = Math.max(from - from % LINE, before);
    }
    boolean alone = inside == weight.parts().size();
    if (!alone || at + packed > Math.min(after, space.bottom())) {
      return space.allocate(packed);
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
    long sums = facts[weight.id()];
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
        // The address of sums, or whether a number is infinite or NaN.
        facts[weight.id()] |=
            (int)
                machine.call(
                    packer(weight),
                    name,
                    (int) source,
                    (int) target,
                    weight.k(),
                    (int) n,
                    (int) at,
                    (int) sums);
        sums += weight.format().sumBytes(n);
      } else {
        machine.call(
            packer(weight),
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
    long scales = source + weight.parts().get(0).data().size();
    int words = weight.format().block() * weight.format().bits() / 32;
    machine.call(
        packer(weight),
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
    int taps = weight.taps();
    int channels = weight.k() / taps;
    machine.call(packer(weight), "pack_taps", (int) source, (int) target, channels, taps, (int) n);
  }
}
