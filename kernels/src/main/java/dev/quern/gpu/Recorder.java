package dev.quern.gpu;

import dev.quern.gpu.Recording.Binding;
import dev.quern.gpu.Recording.Buffer;
import dev.quern.gpu.Recording.Dispatch;
import dev.quern.gpu.Recording.Part;
import dev.quern.kernel.BlockQuantizeKernel;
import dev.quern.kernel.KernelException;
import dev.quern.kernel.KernelSpec;
import dev.quern.kernel.MatmulKernel;
import dev.quern.plan.Activation;
import dev.quern.plan.Arg;
import dev.quern.plan.Base;
import dev.quern.plan.Plan;
import dev.quern.plan.Step;
import dev.quern.plan.Work;
import dev.quern.schedule.Schedule;
import dev.quern.wgsl.Shader;
import dev.quern.wgsl.Shader.Share;
import dev.quern.wgsl.Shader.Splitting;
import dev.quern.wgsl.Shaders;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntToLongFunction;

/** Makes the recording of a run. */
public final class Recorder {
  /** Workgroups along a dimension that every device dispatches. */
  private static final long MOST_GROUPS = 65535;

  /** Bytes that buffers are rounded up to. */
  private static final long VECTOR = 16;

  private final Plan plan;
  private final long[] weightBytes;
  private final Map<String, Long> symbols;
  private final GpuLimits limits;
  private final ShaderCache cache;
  private final List<Long> sizes = new ArrayList<>();
  private final Slots slots;
  private final List<Buffer> buffers = new ArrayList<>();
  private final Map<String, Integer> weights = new LinkedHashMap<>();
  private final Map<String, Integer> shaders = new LinkedHashMap<>();
  private final List<Part> parts = new ArrayList<>();
  private List<Dispatch> pending = new ArrayList<>();

  private Recorder(
      Plan plan,
      long[] weightBytes,
      Map<String, Long> symbols,
      GpuLimits limits,
      ShaderCache cache) {
    this.plan = plan;
    this.weightBytes = weightBytes;
    this.symbols = symbols;
    this.limits = limits;
    this.cache = cache;
    for (Activation activation : plan.activations()) {
      sizes.add(activation.bytes().evaluate(symbols));
    }
    slots = Slots.of(plan.activations(), sizes);
    for (long bytes : slots.bytes()) {
      buffers.add(new Buffer(-1, 0, bytes));
    }
  }

  /**
   * The recording of a run.
   *
   * @param weightBytes the size of each weight as it lies packed
   * @param symbols the run's sizes
   * @param cache of shaders, for recordings on one device
   */
  public static Recording record(
      Plan plan,
      long[] weightBytes,
      Map<String, Long> symbols,
      GpuLimits limits,
      ShaderCache cache) {
    return new Recorder(plan, weightBytes, symbols, limits, cache).record();
  }

  /**
   * What a step dispatches with another schedule than the chosen one: its bindings and its words
   * stay the same.
   *
   * @param shader WGSL
   * @param groups workgroups along x, y and z
   */
  public record Tiles(String shader, List<Long> groups) {
    public Tiles {
      groups = List.copyOf(groups);
    }
  }

  /**
   * A product in tiles of a schedule.
   *
   * @throws KernelException if the device cannot dispatch it
   */
  public static Tiles tiles(
      Step step, Map<String, Long> symbols, ShaderCache cache, Schedule schedule) {
    return dispatching(step.kernel(), new Arguments(step, symbols), cache, schedule).tiles();
  }

  /**
   * A dispatch of a kernel whose operands lie elsewhere than in a model's buffers.
   *
   * @param args the arguments whose buffers it binds
   * @param words contents of its uniform struct, u32
   */
  public record Dispatching(Tiles tiles, List<Integer> args, List<Long> words) {
    public Dispatching {
      args = List.copyOf(args);
      words = List.copyOf(words);
    }
  }

  /**
   * One product in tiles of a schedule.
   *
   * @param args the step's arguments
   * @throws KernelException if the device cannot dispatch it
   */
  public static Dispatching dispatching(
      KernelSpec spec, IntToLongFunction args, ShaderCache cache, Schedule schedule) {
    Shader.Sizes sizes =
        new Shader.Sizes() {
          @Override
          public long arg(int index) {
            return args.applyAsLong(index);
          }

          @Override
          public long items() {
            return 1;
          }
        };
    return dispatching(spec, sizes, cache, schedule);
  }

  private static Dispatching dispatching(
      KernelSpec spec, Shader.Sizes sizes, ShaderCache cache, Schedule schedule) {
    Shader shader = cache.of(spec, sizes, schedule);
    List<Long> groups = groups(shader, sizes);
    String problem = problem(groups);
    if (problem != null) {
      throw new KernelException(problem);
    }
    List<Integer> args = new ArrayList<>();
    for (Shader.Binding binding : shader.bindings()) {
      args.add(binding.arg());
    }
    return new Dispatching(new Tiles(shader.text(), groups), args, words(shader, sizes));
  }

  /** Rows of a product in tiles in a run; 0 for one that has no tiles, and for other steps. */
  public static long tiledRows(Step step, Map<String, Long> symbols) {
    if (!(step.kernel() instanceof KernelSpec.Matmul matmul)) {
      return 0;
    }
    long rows = new Arguments(step, symbols).arg(MatmulKernel.M);
    return Shaders.isTiled(matmul, rows) ? rows : 0;
  }

  private static List<Long> words(Shader shader, Shader.Sizes sizes) {
    List<Long> words = new ArrayList<>();
    for (Shader.Word word : shader.words()) {
      words.add(word.source().value(sizes) & 0xffffffffL);
    }
    return words;
  }

  private Recording record() {
    double flops = 0;
    int first = -1;
    int count = plan.steps().size();
    List<Outcome> outcomes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      flops += plan.steps().get(i).flops().evaluate(symbols);
      outcomes.add(dispatch(i, plan.steps().get(i)));
    }
    for (int i = 0; i < count; i++) {
      Outcome outcome = outcomes.get(i);
      if (outcome.refused() != null && !isNeedless(i, outcomes)) {
        flush();
        first = first < 0 ? i : first;
        continue;
      }
      if (first >= 0) {
        parts.add(onCpu(first, i, outcomes.get(first).refused()));
        first = -1;
      }
      pending.addAll(outcome.dispatches());
    }
    flush();
    if (first >= 0) {
      parts.add(onCpu(first, count, outcomes.get(first).refused()));
    }
    List<Integer> activations = new ArrayList<>();
    for (int i = 0; i < plan.activations().size(); i++) {
      activations.add(slots.place(i));
    }
    return new Recording(
        buffers, new ArrayList<>(shaders.keySet()), parts, activations, sizes, flops);
  }

  /**
   * Whether a step only rounds to few bits what the GPU's products read as it is: nobody else reads
   * what it makes.
   */
  private boolean isNeedless(int index, List<Outcome> outcomes) {
    Step step = plan.steps().get(index);
    if (!(step.kernel() instanceof KernelSpec.QuantizeBlocks)) {
      return false;
    }
    Base made = step.args().get(BlockQuantizeKernel.Y).base();
    for (int i = index + 1; i < plan.steps().size(); i++) {
      for (Arg arg : plan.steps().get(i).args()) {
        if (made.equals(arg.base()) && outcomes.get(i).refused() != null) {
          return false;
        }
      }
    }
    return true;
  }

  private void flush() {
    if (!pending.isEmpty()) {
      parts.add(new Recording.Dispatches(pending));
      pending = new ArrayList<>();
    }
  }

  private Part onCpu(int first, int last, String why) {
    Set<Integer> needs = new LinkedHashSet<>();
    Set<Integer> gives = new LinkedHashSet<>();
    for (int i = first; i < last; i++) {
      for (Arg arg : plan.steps().get(i).args()) {
        if (arg.base() instanceof Base.OfActivation(int id)) {
          Activation activation = plan.activations().get(id);
          // What is written in part keeps the rest, so that it goes both ways.
          if (activation.first() < first) {
            needs.add(id);
          }
          if (activation.last() >= last) {
            gives.add(id);
          }
        }
      }
    }
    return new Recording.OnCpu(first, last, new ArrayList<>(needs), new ArrayList<>(gives), why);
  }

  /**
   * A step on the GPU.
   *
   * @param dispatches several where its weights do not fit one buffer; none if the GPU does not run
   *     it
   * @param refused why; null if it does
   */
  private record Outcome(List<Dispatch> dispatches, String refused) {}

  private static Outcome refused(Step step, String why) {
    return new Outcome(List.of(), "node '" + step.name() + "': " + why);
  }

  /** A step's dispatches, or why the GPU does not run it. */
  private Outcome dispatch(int index, Step step) {
    Arguments whole = new Arguments(step, symbols);
    try {
      Splitting splitting = splitting(step, whole);
      List<Dispatch> dispatches = new ArrayList<>();
      for (Share share : shares(splitting)) {
        Arguments arguments = share == null ? whole : new Arguments(step, symbols, share);
        Shader shader = cache.of(step.kernel(), arguments);
        List<Long> groups = groups(shader, arguments);
        String problem = problem(shader, step, groups, share == null ? null : splitting);
        if (problem != null) {
          return refused(step, problem);
        }
        List<Binding> bindings = new ArrayList<>();
        for (Shader.Binding binding : shader.bindings()) {
          Base base = step.args().get(binding.arg()).base();
          bindings.add(
              share != null && binding.arg() == splitting.arg()
                  ? share(base, splitting.unitBytes(), share)
                  : new Binding(buffer(base), bytes(base)));
        }
        int number = shaders.computeIfAbsent(shader.text(), text -> shaders.size());
        dispatches.add(
            new Dispatch(
                index, number, bindings, words(shader, arguments), shader.faults(), groups));
      }
      return new Outcome(dispatches, null);
    } catch (KernelException e) {
      return refused(step, e.getMessage());
    }
  }

  /** How the weights of a step are shared out; null where they fit one buffer, or cannot be. */
  private Splitting splitting(Step step, Arguments arguments) {
    Splitting splitting = Shaders.splitting(step.kernel(), arguments);
    if (splitting == null
        || !(step.args().get(splitting.arg()).base() instanceof Base.OfWeight(int id))) {
      return null;
    }
    boolean fits = padded(weightBytes[id]) <= limits.bindingBytes();
    boolean possible = splitting.unitBytes() + VECTOR <= limits.bindingBytes();
    return fits || !possible ? null : splitting;
  }

  /** As few shares as there can be, about as large as each other. */
  private List<Share> shares(Splitting splitting) {
    List<Share> shares = new ArrayList<>();
    if (splitting == null) {
      shares.add(null);
      return shares;
    }
    long most = (limits.bindingBytes() - VECTOR) / splitting.unitBytes();
    long count = (splitting.units() + most - 1) / most;
    long each = (splitting.units() + count - 1) / count;
    for (long first = 0; first < splitting.units(); first += each) {
      shares.add(new Share(first, Math.min(each, splitting.units() - first)));
    }
    return shares;
  }

  private Binding share(Base base, long unitBytes, Share share) {
    int id = ((Base.OfWeight) base).id();
    long from = share.first() * unitBytes;
    long bytes = padded(share.count() * unitBytes);
    int buffer =
        weights.computeIfAbsent(
            id + " from " + from,
            key -> {
              buffers.add(new Buffer(id, from, bytes));
              return buffers.size() - 1;
            });
    return new Binding(buffer, bytes);
  }

  private static List<Long> groups(Shader shader, Shader.Sizes sizes) {
    List<Long> groups = new ArrayList<>();
    for (long size : shader.grid().groups(sizes)) {
      groups.add(size);
    }
    return groups;
  }

  private static String problem(List<Long> groups) {
    for (long size : groups) {
      if (size > MOST_GROUPS) {
        return "it takes " + size + " workgroups along one dimension";
      }
    }
    return null;
  }

  /**
   * Why a step cannot be dispatched; null if it can.
   *
   * @param splitting null where all weights are bound
   */
  private String problem(Shader shader, Step step, List<Long> groups, Splitting splitting) {
    String tooMany = problem(groups);
    if (tooMany != null) {
      return tooMany;
    }
    int bound = shader.bindings().size() + (shader.faults() ? 1 : 0);
    if (bound > limits.storageBuffers()) {
      return "it binds " + bound + " buffers, the device " + limits.storageBuffers();
    }
    List<Base> bases = new ArrayList<>();
    for (Shader.Binding binding : shader.bindings()) {
      bases.add(step.args().get(binding.arg()).base());
    }
    for (int i = 0; i < bases.size(); i++) {
      long bytes = bytes(bases.get(i));
      boolean split = splitting != null && shader.bindings().get(i).arg() == splitting.arg();
      if (!split && bytes > limits.bindingBytes()) {
        return "it binds " + bytes + " bytes, the device " + limits.bindingBytes();
      }
      for (int other = 0; other < bases.size(); other++) {
        if (other != i
            && shader.bindings().get(i).writable()
            && bases.get(i).equals(bases.get(other))) {
          return "it reads and writes one buffer";
        }
      }
    }
    return null;
  }

  private long bytes(Base base) {
    return switch (base) {
      case Base.OfActivation(int id) -> padded(sizes.get(id));
      case Base.OfWeight(int id) -> padded(weightBytes[id]);
      case Base.OfFact fact -> throw new KernelException("a fact about a weight has no buffer");
    };
  }

  private int buffer(Base base) {
    if (base instanceof Base.OfWeight(int id)) {
      return weights.computeIfAbsent(
          String.valueOf(id),
          key -> {
            buffers.add(new Buffer(id, 0, padded(weightBytes[id])));
            return buffers.size() - 1;
          });
    }
    return slots.place(((Base.OfActivation) base).id());
  }

  /** Arrays of vectors have no half element at their end. */
  private static long padded(long bytes) {
    return Math.max(VECTOR, (bytes + VECTOR - 1) / VECTOR * VECTOR);
  }

  /** A step's arguments in this run. */
  private record Arguments(Step step, Map<String, Long> symbols, Share share)
      implements Shader.Sizes {
    Arguments(Step step, Map<String, Long> symbols) {
      this(step, symbols, null);
    }

    @Override
    public long arg(int index) {
      return step.args().get(index).value().evaluate(symbols);
    }

    @Override
    public long items() {
      return switch (step.work()) {
        case Work.Items work -> work.count().evaluate(symbols);
        case Work.Blocks work -> work.batch().evaluate(symbols);
      };
    }
  }
}
